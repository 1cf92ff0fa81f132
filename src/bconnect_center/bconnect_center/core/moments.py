"""Lengths of time in nanoseconds, as all stamps are."""

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
