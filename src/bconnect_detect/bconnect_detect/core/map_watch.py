"""The rules of a vehicle on the zones of its map, for all its cameras.

images of a camera --> wait until GNSS has told of their moment --> pose --> chart --> rules

An image waits for the fix after it, about a second. Where the pose is not known well enough
(``silence`` says why) nothing is judged, and what was watched is forgotten after 5 s.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import hypot
from zoneinfo import ZoneInfo

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.chart import (
    REACH,
    Laid,
    Vector,
    chart_calibration,
    lay,
    spread_of,
    surely_inside,
    zone_of,
)
from bconnect_detect.core.emergency import Emergencies
from bconnect_detect.core.map_rules import MapRule, map_rule
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.pose import Pose, Poses
from bconnect_detect.core.rule import Context, Law, Place, RuleOff
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, Finding, Pair, Tracks
from bconnect_site.calibration import Calibration
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState, ViolationType, word
from bconnect_site.mapzones import ON_MAP, MapZone
from bconnect_site.model import Site
from bconnect_site.wgs84 import Degrees, moved, offset

_MOST_WAITING = 128  # images of one camera
_LONGEST = 5 * SECOND  # ns an image waits for GNSS; a gap after which all is forgotten
_MOVED = 60.0  # m from the anchor at which a new chart begins
_AGAIN, _SAME = 600 * SECOND, 5.0  # ns and m in which one who stands is the same for any camera


@dataclass(slots=True)
class _Trail:
    feet: deque[Pair] = field(default_factory=lambda: deque(maxlen=64))  # fractions


@dataclass(slots=True)
class _Watch:
    """One camera's rules on the zones around the anchor."""

    kinds: tuple[ViolationType, ...]
    calibration: Calibration
    state: CameraState = CameraState.UNKNOWN
    waiting: deque[Tracks] = field(default_factory=lambda: deque(maxlen=_MOST_WAITING))
    last: int | None = None
    rules: list[tuple[MapRule, Vector]] = field(default_factory=list)  # with corners in m
    trails: Memory[_Trail] = field(default_factory=lambda: Memory(_Trail, 2 * _LONGEST))


class MapWatch:
    """One per vehicle that has a map.

    Raises ConfigError: the law has no article for a zone ``today``.
    """

    def __init__(
        self,
        site: Site,
        zones: Sequence[MapZone],
        poses: Poses,
        law: Law | None,
        today: date | None,
        calibrations: Mapping[str, Calibration],
    ) -> None:
        assert site.map_zones is not None
        self._site, self._zones, self._poses, self._law = site, tuple(zones), poses, law
        self._sigmas, self._zone = site.map_zones.sigmas, ZoneInfo(site.timezone)
        self._chart = chart_calibration()
        self._anchor: Degrees | None = None
        self._stood: Pose | None = None
        self._context = Context(SignalBook({}), Emergencies())
        self._reported: deque[tuple[Finding, Degrees]] = deque(maxlen=256)
        self.why = "GNSS has told nothing yet"
        self.off: list[str] = []
        self._watches: dict[str, _Watch] = {}
        for camera, wanted in site.cameras.items():
            kinds = tuple(k for k in wanted.rule_types if self._zones_of(k))
            calibration = calibrations.get(camera)
            if kinds and calibration is not None and calibration.has_ground:
                self._watches[camera] = _Watch(kinds, calibration)
            elif kinds:
                self.off += [
                    f"rule {word(k)} of camera {camera} by the map is off: the camera has no "
                    "calibration to the vehicle (base_link)"
                    for k in kinds
                ]
        if law is not None and today is not None:
            self._check_law(law, today)

    def on_tracks(self, tracks: Tracks) -> list[Finding]:
        """Findings that became certain with what GNSS has told by now."""
        watch = self._watches.get(tracks.camera)
        if watch is None:
            return []
        if watch.waiting and tracks.stamp <= watch.waiting[-1].stamp:
            if tracks.stamp == watch.waiting[-1].stamp:
                return []
            watch.waiting.clear()
        watch.waiting.append(tracks)
        found: list[Finding] = []
        while watch.waiting:
            first = watch.waiting[0]
            old = tracks.stamp - first.stamp > _LONGEST
            if not old and not self._poses.settled(first.stamp):
                break
            found += self._judge(watch, watch.waiting.popleft())
        return found

    def on_camera_status(self, camera: str, state: CameraState) -> None:
        """How far a camera may be believed; whatever is wrong, its places are."""
        watch = self._watches.get(camera)
        if watch is not None:
            if state != watch.state and state != CameraState.OK:
                self._forget(watch, places=state == CameraState.MOVED)
                watch.waiting.clear()
            watch.state = state

    @property
    def silence(self) -> list[str]:
        """A sentence for each rule that cannot judge now."""
        if not self.why:
            return self.off
        return self.off + [
            f"rule {word(kind)} of camera {camera} by the map is off: {self.why}"
            for camera, watch in self._watches.items()
            for kind in watch.kinds
        ]

    @property
    def rules(self) -> int:
        """How many rules and cameras may judge by zones of the map."""
        return sum(len(watch.kinds) for watch in self._watches.values())

    def __len__(self) -> int:
        """Road users, images and findings remembered."""
        kept = sum(
            len(w.waiting) + len(w.trails) + sum(len(r) for r, _ in w.rules)  # type: ignore[misc,arg-type]
            for w in self._watches.values()
        )
        return kept + len(self._reported) + len(self._context.emergencies)

    def _judge(self, watch: _Watch, tracks: Tracks) -> list[Finding]:
        if watch.state != CameraState.OK:
            return []
        pose = self._poses.at(tracks.stamp)
        self.why = pose.why
        if pose.why or not watch.calibration.fits(tracks.width, tracks.height):
            return []
        self._follow(pose)
        assert self._anchor is not None
        last, watch.last = watch.last, tracks.stamp
        if last is not None and not 0 < tracks.stamp - last <= _LONGEST:
            self._forget(watch, places=tracks.stamp <= last)
            watch.last = tracks.stamp
        if not watch.rules:
            self._lay_out(tracks.camera, watch)
        laid = lay(tracks, watch.calibration, pose, self._anchor)
        self._note(watch, tracks)
        self._context.emergencies.look(laid.tracks, self._chart)
        found = [
            (finding, laid)
            for rule, corners in watch.rules
            for finding in rule.judge(
                laid, surely_inside(laid, corners, self._sigmas), self._context
            )
        ]
        told = (self._told(finding, laid, watch, tracks) for finding, laid in found)
        return [finding for finding in told if finding is not None]

    def _follow(self, pose: Pose) -> None:
        """A chart holds while the vehicle stands at one place, or for some way."""
        there = self._anchor
        jumped = pose.parked and self._stood is not None and pose != self._stood
        if there is None or jumped or hypot(*offset(there, pose.place)) > _MOVED:
            self._anchor = pose.place
            self._context = Context(self._context.signals, Emergencies())
            for watch in self._watches.values():
                self._forget(watch)
                watch.rules.clear()
        self._stood = pose if pose.parked else None

    def _forget(self, watch: _Watch, places: bool = True) -> None:
        for rule, _ in watch.rules:
            rule.reset(places)  # type: ignore[attr-defined]
        watch.trails.clear()
        watch.last = None

    def _lay_out(self, camera: str, watch: _Watch) -> None:
        assert self._anchor is not None
        for kind in watch.kinds:
            for zone in self._zones_of(kind):
                if not zone.near(self._anchor, REACH):
                    continue
                for made, corners in zone_of(zone, self._anchor):
                    try:
                        rule = map_rule(kind, self._place(camera, zone.name, made))
                    except RuleOff:
                        continue
                    if rule is not None:
                        watch.rules.append((rule, corners))

    def _place(self, camera: str, name: str, zone: object) -> Place:
        return Place(
            site=self._site.site,
            camera=camera,
            name=name,
            zone=zone,  # type: ignore[arg-type]
            timezone=self._zone,
            law=self._law,
            calibration=self._chart,
        )

    def _zones_of(self, kind: ViolationType) -> list[MapZone]:
        return [zone for zone in self._zones if zone.kind == ON_MAP.get(kind)]

    def _note(self, watch: _Watch, tracks: Tracks) -> None:
        watch.trails.expire(tracks.stamp)
        feet = geometry.feet(tracks.boxes) / (tracks.width, tracks.height)
        for id_, foot in zip(tracks.track_id.tolist(), feet.tolist(), strict=True):
            if id_ > 0:
                watch.trails.touch(id_, tracks.stamp).feet.append((foot[0], foot[1]))

    def _told(self, found: Finding, laid: Laid, watch: _Watch, tracks: Tracks) -> Finding | None:
        """A finding in terms of the camera's image, with the road user's place on the map."""
        index = int(np.flatnonzero(laid.tracks.track_id == found.road_user.track_id)[0])
        assert self._anchor is not None
        place = moved(self._anchor, *laid.at[index].tolist())
        stddev = spread_of(laid, index)
        same = self._same(found, place, stddev)
        if same is not None and same.camera == found.camera:
            return None
        trail = watch.trails.touch(found.road_user.track_id, tracks.stamp).feet
        made = replace(
            found,
            road_user=tracks[int(laid.rows[index])],
            width=tracks.width,
            height=tracks.height,
            trail=tuple(trail),
            latitude=place[0],
            longitude=place[1],
            position_stddev=stddev,
            same_as=same.id if same is not None else "",
            explanation=f"{found.explanation} {self._how(laid, index, stddev)}",
        )
        if same is None:
            self._reported.append((made, place))
        return made

    def _how(self, laid: Laid, index: int, stddev: float) -> str:
        pose = laid.pose
        degrees = np.degrees(pose.heading_stddev)
        return (
            f"By the map: seen {laid.reach[index]:.0f} m from a vehicle "
            f"{'parked' if pose.parked else f'driving {pose.speed:.1f} m/s'} at "
            f"{pose.place[0]:.6f}, {pose.place[1]:.6f} (known to {pose.stddev:.1f} m, its heading "
            f"to {degrees:.1f} degrees); the place is known to {stddev:.1f} m, and "
            f"{self._sigmas:g} standard deviations lie in the zone."
        )

    def _same(self, found: Finding, place: Degrees, stddev: float) -> Finding | None:
        """One found before, by any camera, at the same place."""
        while self._reported and found.stamp - self._reported[0][0].stamp > _AGAIN:
            self._reported.popleft()
        for before, there in reversed(self._reported):
            stands = found.type != ViolationType.WRONG_WAY
            near = stands or abs(found.stamp - before.stamp) <= _LONGEST
            alike = before.type == found.type and before.zone == found.zone
            own = before.camera == found.camera
            if own and before.road_user.track_id == found.road_user.track_id and alike:
                return before
            if alike and near and not own:
                reach = _SAME + 2.0 * hypot(stddev, before.position_stddev)
                if hypot(*offset(there, place)) <= reach:
                    return before
        return None

    def _check_law(self, law: Law, today: date) -> None:
        wrong: list[str] = []
        for kind in sorted({k for watch in self._watches.values() for k in watch.kinds}):
            for zone in self._zones_of(kind):
                try:
                    law.article(kind, zone.basis.split()[0], today)
                except ConfigError as error:
                    wrong.append(f"map_zones: zone {zone.name}: basis: {error}")
        if wrong:
            raise ConfigError(*dict.fromkeys(wrong))
