"""What maps and lists need of a site, and where its things stand."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bconnect_site.hours import Quiet
from bconnect_site.model import Site

SKETCHED = 80.0  # m between cameras whose place nobody surveyed
ASIDE = 70.0  # m a speaker stands beside its cameras on the map
METRES = 111_320.0  # m per degree of latitude


def told_of(site: Site) -> dict[str, Any]:
    """A site for the table of states: no sources, no addresses."""
    return {
        "title": site.title,
        "kind": site.kind,
        "timezone": site.timezone,
        "latitude": site.location.latitude if site.location else None,
        "longitude": site.location.longitude if site.location else None,
        "cameras": {
            name: [c.location.latitude, c.location.longitude] if c.location else None
            for name, c in site.cameras.items()
        },
        "speakers": {
            name: {
                "hears": list(s.hears),
                "quiet": [f"{s.quiet.start:%H:%M}", f"{s.quiet.end:%H:%M}"] if s.quiet else None,
            }
            for name, s in site.speakers.items()
        },
    }


def places(told: Mapping[str, Any]) -> dict[str, tuple[float, float, bool]]:
    """Cameras: latitude, longitude, whether it is surveyed.

    One without a place of its own stands sketched on a line through the site's, in the file's
    order; where the site has none either it is left out.
    """
    found: dict[str, tuple[float, float, bool]] = {}
    cameras: Mapping[str, Any] = told.get("cameras") or {}
    lost = [name for name, place in cameras.items() if not place]
    base = (told.get("latitude"), told.get("longitude"))
    for name, place in cameras.items():
        if place:
            found[name] = (float(place[0]), float(place[1]), True)
        elif base[0] is not None and base[1] is not None:
            if len(lost) == 1:
                found[name] = (float(base[0]), float(base[1]), False)
                continue
            step = (lost.index(name) - (len(lost) - 1) / 2) * SKETCHED
            width = METRES * max(0.01, math.cos(math.radians(float(base[0]))))
            lean = 18.0 * (-1) ** lost.index(name)  # so that names beside them do not overlap
            found[name] = (float(base[0]) + lean / METRES, float(base[1]) + step / width, False)
    return found


def speaker_place(
    hears: Iterable[str], at: Mapping[str, tuple[float, float, bool]]
) -> tuple[float, float] | None:
    """A speaker stands, for the map, in the midst of the cameras that hear it, a little aside."""
    heard = [at[name] for name in hears if name in at]
    if not heard:
        return None
    latitude = sum(p[0] for p in heard) / len(heard)
    longitude = sum(p[1] for p in heard) / len(heard)
    return latitude - ASIDE / METRES, longitude


def quiet_of(told: Mapping[str, Any], speaker: str) -> Quiet | None:
    """The hours in which that speaker keeps silent."""
    entry = (told.get("speakers") or {}).get(speaker) or {}
    hours = entry.get("quiet")
    return Quiet.model_validate({"from": hours[0], "to": hours[1]}) if hours else None
