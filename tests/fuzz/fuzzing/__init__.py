"""Bytes at everything that takes bytes from outside: targets, a mutator, and what runs them."""
