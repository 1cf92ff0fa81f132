"""Sealed violations on their way to the command centre: nothing lost, each arrives once."""

__version__ = "0.1.0"
