"""What the command centre stands on outside: database, passwords, pictures."""
