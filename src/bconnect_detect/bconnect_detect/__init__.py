"""Images to road users, road users to findings, findings to sealed violations."""

__version__ = "0.1.0"
