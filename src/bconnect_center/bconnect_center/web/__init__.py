"""The pages and the interface of the command centre."""
