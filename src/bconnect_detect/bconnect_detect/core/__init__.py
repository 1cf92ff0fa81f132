"""What the room thinks: arrays and stamps in, facts out. No ROS, no files, no clock."""
