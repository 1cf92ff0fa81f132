"""One outside library each: PyAV for streams, OpenCV for JPEG and V4L2, PyYAML for calibration."""
