"""The command centre: where people watch, decide and speak."""
