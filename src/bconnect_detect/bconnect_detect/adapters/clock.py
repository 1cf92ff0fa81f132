"""This machine's clock: is it synchronised, and what time is it for people's own acts."""

import ctypes
import time

from bconnect_detect.core.manifest import Clock

_UNSYNCHRONISED = 0x0040  # STA_UNSYNC
_ERROR = 5  # TIME_ERROR
_MOST = 16.0  # s; the kernel's word for "no idea"


class _Timex(ctypes.Structure):
    """struct timex of Linux, where longs are as long as pointers."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # us
        ("esterror", ctypes.c_long),  # us
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def state() -> Clock:
    """Whether the kernel holds the clock for synchronised, and its bound of the error.

    Asks ``adjtimex``, which NTP, chrony, timesyncd and PTP daemons all tell. Unknown is said.
    """
    try:
        ask = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return Clock(source="unknown: this system has no adjtimex")
    found = _Timex()
    result = ask(ctypes.byref(found))
    if result < 0:
        return Clock(source="unknown: adjtimex was not answered")
    held = result != _ERROR and not found.status & _UNSYNCHRONISED
    error = found.maxerror / 1e6
    return Clock(held, "adjtimex", error if error < _MOST else None)


def now() -> int:
    """ns since 1970: only for what people do at the command line, outside of any graph."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME)
