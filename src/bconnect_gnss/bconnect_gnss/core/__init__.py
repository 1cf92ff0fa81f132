"""Pure decisions: no ROS, no files, no clock."""
