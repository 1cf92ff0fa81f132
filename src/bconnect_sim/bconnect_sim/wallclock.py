"""The one clock that processes share which know nothing of each other."""

import time


def wall() -> float:
    """Unix time [s]. It says where a live scenario is (core.rounds); no stamp comes from it."""
    return time.clock_gettime(time.CLOCK_REALTIME)
