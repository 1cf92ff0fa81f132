"""Recorded traffic judged again: bags in, findings out, and how good they were."""

__version__ = "0.1.0"
