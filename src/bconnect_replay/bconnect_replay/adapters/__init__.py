"""Each file wraps one outside library: rosbags."""
