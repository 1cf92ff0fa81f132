"""The site file of a simulated corridor and its cameras' calibration files.

Zones are the corridor's places as each camera's picture shows them; calibrations are read off
the simulated lens and are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import cos, degrees, hypot, radians
from pathlib import Path
from typing import Any

import numpy as np

from bconnect_sim.core import framing
from bconnect_sim.core.heads import HEAD_HEIGHT, HEAD_WIDTH
from bconnect_sim.core.optics import Optics
from bconnect_sim.core.world import CameraView, Corridor, Picture, Place, SignalHead
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.kinds import ViolationType, ZoneKind, words
from bconnect_site.yamlwrite import to_yaml

TIMEZONE = "Asia/Makassar"
WIDTH = 640  # px of detection images
STDDEV = 0.05  # m, said of a place the calibration gives
AUTHOR = "bconnect sim"
LINES = ("stop_line", "lane_marking", "gate")

# Halves of a signal head's housing, across and up [m].
HEAD = (HEAD_WIDTH / 2, HEAD_HEIGHT / 2)
READABLE = 14.0  # px of height in the full picture
FACING = 55.0  # degrees off its axis from which its lamps are seen


@dataclass(frozen=True, slots=True)
class Setting:
    """What a site file is made of. day: of the scenario; video: pictures exist."""

    scenario: str
    title: str
    corridor: Corridor
    views: tuple[CameraView, ...]
    picture: Picture
    day: date
    seed: int = 0
    video: bool = False

    @property
    def site(self) -> str:
        """The site's name."""
        return f"sim_{self.scenario}"

    @property
    def size(self) -> tuple[int, int]:
        """Pixels of detection images; the shape of the picture is kept."""
        return WIDTH, round(WIDTH * self.picture.height / self.picture.width)

    def optics(self, view: CameraView) -> Optics:
        """A camera as it was set up."""
        return Optics.of(view, self.picture.width / self.picture.height)


def chosen(corridor: Corridor, names: Sequence[str], where: str) -> tuple[CameraView, ...]:
    """The cameras of these names, in the corridor's order; none named: all. Raises ConfigError."""
    known = {view.name: view for view in corridor.cameras}
    for name in names:
        if name not in known:
            raise ConfigError(f'{where}: no camera is called "{name}"{suggest(name, known)}')
    return tuple(v for v in corridor.cameras if not names or v.name in names)


def write_site(folder: Path, setting: Setting) -> Path:
    """Writes site.yaml and calibration/<camera>.yaml. Returns the site file.

    Raises ConfigError when a camera does not see what it shall judge.
    """
    (folder / "calibration").mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    for view in setting.views:
        try:
            text = to_yaml(calibration_of(setting, view))
            (folder / "calibration" / f"{view.name}.yaml").write_text(text)
        except ConfigError as error:
            wrong += error.sentences
    try:
        plain = site_of(setting)
    except ConfigError as error:
        wrong += error.sentences
    if wrong:
        raise ConfigError(*wrong)
    file = folder / "site.yaml"
    file.write_text(to_yaml(plain))
    return file


def site_of(setting: Setting) -> dict[str, Any]:
    """The site file as plain values. Raises ConfigError with every mistake."""
    wrong: list[str] = []
    cameras = {view.name: _camera(setting, view, wrong) for view in setting.views}
    if wrong:
        raise ConfigError(*wrong)
    corridor = setting.corridor
    site: dict[str, Any] = {
        "site": setting.site,
        "kind": "corridor",
        "title": setting.title,
        "timezone": TIMEZONE,
        "location": {"latitude": corridor.latitude, "longitude": corridor.longitude},
        "cameras": cameras,
        "signals": {head.name: _signal(setting, head) for head in corridor.signals},
        "speakers": {"tiang_sim": {"adapter": "auto", "hears": list(cameras)}},
        "sections": _sections(corridor, cameras),
        "ladder": {"mode": "enforcement"},
    }
    return {key: value for key, value in site.items() if value != {}}


def calibration_of(setting: Setting, view: CameraView) -> dict[str, Any]:
    """A camera's calibration file as plain values. Raises ConfigError."""
    optics, picture = setting.optics(view), setting.picture
    region = framing.calibrated(optics, setting.size[1])
    if not region:
        raise ConfigError(f"{_key(setting, view)}.look_at: it sees no ground it could measure on")
    focal = optics.focal * picture.width
    return {
        "calibration": view.name,
        "date": setting.day,
        "author": AUTHOR,
        "image": {"width": picture.width, "height": picture.height},
        "ground": {
            "homography": optics.to_ground().tolist(),
            "region": [list(point) for point in region],
            "stddev": STDDEV,
            "points": _points(optics, region),
            "method": "simulation",
        },
        "intrinsics": {
            "width": float(picture.width),
            "height": float(picture.height),
            "fx": focal,
            "fy": focal,
            "cx": picture.width / 2,
            "cy": picture.height / 2,
        },
    }


def _points(optics: Optics, region: Sequence[framing.Point]) -> list[dict[str, Any]]:
    """Nine places spread over the region, with the ground they show."""
    top = max(y for _, y in region[1:-1])
    spread = [(x, round(y, 4)) for y in np.linspace(top + 0.01, 0.98, 3) for x in (0.1, 0.5, 0.9)]
    ground, _ = framing.on_ground(optics, np.array(spread))
    return [
        {"image": [float(x), float(y)], "ground": [round(float(v), 4) for v in at], "residual": 0.0}
        for (x, y), at in zip(spread, ground, strict=True)
    ]


def _key(setting: Setting, view: CameraView) -> str:
    return f"{setting.corridor.name}: cameras.{view.name}"


def _camera(setting: Setting, view: CameraView, wrong: list[str]) -> dict[str, Any]:
    width, height = setting.size
    source = f"sim://{setting.scenario}/{view.name}?seed={setting.seed}"
    known = words(ViolationType)
    wrong += [
        f'{_key(setting, view)}.rules: no rule is called "{rule}"{suggest(rule, known)}'
        for rule in view.rules
        if rule not in known
    ]
    return {
        "source": f"file://{view.name}.mp4" if setting.video else source,
        "detect": {"width": width, "height": height, "rate": float(setting.picture.rate)},
        "calibration": f"calibration/{view.name}.yaml",
        "zones": _zones(setting, view, wrong),
        "rules": [rule for rule in view.rules if rule != "section_speed"],
    }


def _zones(setting: Setting, view: CameraView, wrong: list[str]) -> dict[str, Any]:
    places = {place.name: place for place in setting.corridor.places}
    zones: dict[str, Any] = {}
    for name in view.places:
        key = f"{_key(setting, view)}.places"
        if name not in places:
            wrong.append(f'{key}: no place is called "{name}"{suggest(name, places)}')
            continue
        try:
            zones[name] = _zone(setting.optics(view), places[name])
        except ValueError as error:
            wrong.append(f"{key}: {name}: {error}")
    return zones


def _zone(optics: Optics, place: Place) -> dict[str, Any]:
    """A place as a zone. Raises ValueError when the camera does not see it."""
    if place.kind not in words(ZoneKind):
        raise ValueError(f'no kind of place is called "{place.kind}"')
    is_line = place.kind in LINES
    points = place.line if is_line else place.region
    if len(points) < (2 if is_line else 3):
        raise ValueError(f"a {place.kind} has a {'line' if is_line else 'region'}, found none")
    seen = framing.line(optics, points) if is_line else framing.region(optics, points)
    if not seen:
        raise ValueError("does not lie in the camera's picture")
    zone: dict[str, Any] = {"kind": place.kind, "line" if is_line else "region": _listed(seen)}
    if place.direction:
        arrow = framing.arrow(optics, place.direction, seen)
        if not arrow:
            raise ValueError("its direction does not lie in the camera's picture")
        zone["direction"] = _listed(arrow)
    said: Mapping[str, Any] = {
        "signal": place.signal or None,
        "basis": place.basis or None,
        "dwell": place.dwell if place.kind in ("no_stopping", "no_parking") else None,
        "grace": place.grace if place.kind in ("stop_line", "direction") else None,
        "limit": place.limit,
        "tolerance": place.tolerance,
        "active": [{"days": w.days, "from": w.start, "to": w.end} for w in place.active] or None,
        "applies_to": list(place.applies_to) or None,
    }
    return zone | {key: value for key, value in said.items() if value is not None}


def _listed(points: Sequence[framing.Point]) -> list[list[float]]:
    return [list(point) for point in points]


def _sections(corridor: Corridor, cameras: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of which both gates have a camera here."""
    found: dict[str, Any] = {}
    for section in corridor.sections:
        gates = [
            next((f"{c}/{end}" for c, camera in cameras.items() if end in camera["zones"]), None)
            for end in (section.entry, section.exit)
        ]
        if None in gates:
            continue
        found[section.name] = {
            "entry": gates[0],
            "exit": gates[1],
            "length": section.length,
            "limit": section.limit,
            **({} if section.tolerance is None else {"tolerance": section.tolerance}),
            "basis": section.basis,
        }
    return found


def _signal(setting: Setting, head: SignalHead) -> dict[str, Any]:
    views = {view.name: head_in(setting, view, head) for view in setting.views}
    best = max((n for n, box in views.items() if box), key=lambda n: _tall(views[n]), default=None)
    # By its stamps, never from its start: a few seconds of skew would make green look red.
    if not setting.video or best is None:
        return {"adapter": "recorded", "address": "file://signals.jsonl"}
    x0, y0, x1, y1 = views[best]
    return {
        "adapter": "lamp_vision",
        "camera": best,
        "region": [[x0, y0], [x1, y0], [x1, y1], [x0, y1]],
        "orientation": "vertical",
    }


def _tall(box: tuple[float, ...]) -> float:
    return box[3] - box[1] if box else 0.0


def head_in(setting: Setting, view: CameraView, head: SignalHead) -> tuple[float, ...]:
    """A signal head's box in a camera's picture, fractions; empty: its lamps cannot be read."""
    x, y, z = head.position
    dx, dy = view.position[0] - x, view.position[1] - y
    turn = radians(head.heading)
    facing = (dx * cos(turn) + dy * np.sin(turn)) / max(hypot(dx, dy), 1e-9)
    if degrees(np.arccos(np.clip(facing, -1.0, 1.0))) > FACING:
        return ()
    aside, up = HEAD
    points = [
        (x - s * aside * np.sin(turn), y + s * aside * np.cos(turn), z + h * up)
        for s in (-1, 1)
        for h in (-1, 1)
    ]
    seen = setting.optics(view).project(np.array(points))
    if not np.isfinite(seen).all():
        return ()
    low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
    small = (high[1] - low[1]) * setting.picture.height < READABLE
    if small or low.min() < 0.0 or high.max() > 1.0:
        return ()
    return tuple(round(float(v), framing.DIGITS) for v in (*low, *high))
