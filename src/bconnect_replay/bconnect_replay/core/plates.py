"""Plate sightings of a bag as core values."""

from dataclasses import dataclass
from math import nan
from typing import Any

from bconnect_replay.core.reading import stamp_of


@dataclass(frozen=True, slots=True)
class Sighting:
    """A plate passed a gate; only its digest is known."""

    stamp: int  # ns
    camera: str
    zone: str
    track_id: int
    digest: str
    confidence: float = 0.0
    stamp_stddev: float = nan  # s


def sighting_of(message: Any, camera: str) -> Sighting:
    """A PlateSighting."""
    return Sighting(
        stamp_of(message.header.stamp),
        camera,
        message.zone,
        int(message.track_id),
        message.digest,
        float(message.confidence),
        float(message.stamp_stddev),
    )
