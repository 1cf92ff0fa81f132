"""Whether something may be said now, and what a recording must be."""

from collections.abc import Mapping
from datetime import datetime, timezone
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from bconnect_center.core.moments import SECOND
from bconnect_center.core.sites import quiet_of
from bconnect_site.kinds import SpeakerStateKind

SHORTEST, LONGEST = 0.5, 20.0  # s of a recording
SOFTEST = 0.01  # of full scale, root mean square
RATE = 16_000  # Hz


class Objection(Enum):
    """Why an order to a speaker is not given; the value is the key of its sentence."""

    SPEAKER = "no_speaker"
    QUIET = "quiet_now"
    MUTED = "muted_now"


def objection(
    told: Mapping[str, Any], speaker: str, state: Mapping[str, Any] | None, now: int
) -> Objection | None:
    """Against speaking by that speaker of the site at `now` (ns); None: nothing."""
    if speaker not in (told.get("speakers") or {}):
        return Objection.SPEAKER
    quiet = quiet_of(told, speaker)
    if quiet is not None and quiet.covers(site_time(told, now)):
        return Objection.QUIET
    if state is not None and state.get("state") == SpeakerStateKind.MUTED:
        return Objection.MUTED
    return None


def site_time(told: Mapping[str, Any], now: int) -> datetime:
    """The site's local time."""
    try:
        zone = ZoneInfo(str(told.get("timezone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return datetime.fromtimestamp(now // SECOND, timezone.utc).astimezone(zone)


def fault_of(samples: NDArray[np.int16], rate: int) -> str | None:
    """The key of what is wrong with a recording; None: it can be played."""
    seconds = len(samples) / rate
    if seconds < SHORTEST:
        return "too_short"
    if seconds > LONGEST:
        return "too_long"
    loudness = float(np.sqrt(np.mean(np.square(samples.astype(np.float64))))) / 32768.0
    return "too_soft" if loudness < SOFTEST else None
