"""A site (corridor or vehicle) as plain objects, and the plan of nodes that run it."""

__version__ = "0.1.0"
