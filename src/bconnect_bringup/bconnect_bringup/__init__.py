"""Starts a site's graph: the runner, the launch files' one function, and the command line."""
