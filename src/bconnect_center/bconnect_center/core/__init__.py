"""What the command centre decides, without files, clocks or a network."""
