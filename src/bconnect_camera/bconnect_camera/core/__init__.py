"""Pure part of the camera: no ROS, no files, no clock; time comes in as int nanoseconds."""
