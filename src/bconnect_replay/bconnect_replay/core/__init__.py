"""Pure: what a bag says becomes findings, findings become a score. No files, no rosbags."""
