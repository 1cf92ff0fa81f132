"""Stamps: integer nanoseconds inside, builtin_interfaces/Time in messages."""

from builtin_interfaces.msg import Time

SECOND = 1_000_000_000  # ns
_END = (1 << 31) * SECOND  # Time.sec is int32


def to_msg(stamp: int) -> Time:
    """Nanoseconds since the epoch as a message. Raises ValueError where Time cannot hold them."""
    if not 0 <= stamp < _END:
        raise ValueError(f"stamp: found {stamp} ns; a message holds 0 to {_END - 1} ns")
    sec, nanosec = divmod(int(stamp), SECOND)
    return Time(sec=sec, nanosec=nanosec)


def to_ns(msg: Time) -> int:
    """A message's Time as nanoseconds since the epoch."""
    return int(msg.sec) * SECOND + int(msg.nanosec)
