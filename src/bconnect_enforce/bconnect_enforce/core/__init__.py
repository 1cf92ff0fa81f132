"""Decisions without ROS, files, clocks or logs."""
