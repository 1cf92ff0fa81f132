"""One incident, many sights: what was found before, by another camera or by the same one.

        camera A   finding ------.
                                  >-- one incident: the first finding stands for it, one by
        camera B   finding ------'    another camera comes out as its witness (``same_as``),
                                      one more by the same camera does not come out at all

Another camera saw the same when kind and time agree, the places on the ground do, and the ways
they move if both move; where a camera is not calibrated, when the zones bear one name. Each
camera witnesses an incident once, so two side by side stay two. The same camera saw the same
when it is the same track, a track that goes on where the other was lost, or, after the camera was
blind, a vehicle that stands where one stood.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.footprint import GroundView, Vector, lengths
from bconnect_detect.core.types import SECOND, Finding, RoadUser, Tracks
from bconnect_site.calibration import Calibration
from bconnect_site.kinds import ViolationType

STANDING = frozenset(
    {ViolationType.ILLEGAL_PARKING, ViolationType.ILLEGAL_STOPPING, ViolationType.STOP_LINE}
)

MOVING = 1.0  # m/s from which its velocity says where it is heading


@dataclass(frozen=True, slots=True)
class IncidentSettings:
    """When two findings are one."""

    near: float = 6.0  # m between two cameras' places, beside their doubt
    slack: float = 3.0  # s between what two cameras saw
    slack_image: float = 2.0  # s likewise, known by the zone's name alone
    turned: float = 0.5  # cosine of the angle between their ways, both moving
    drift: float = 0.3  # of the way between the two moments by which places may be off
    track: float = 60.0  # s in which one track offends once
    lost: float = 3.0  # s after which a lost track is not taken up again,
    wait: float = 60.0  # s likewise, of one that was waiting
    reach: float = 3.0  # m from where it should be by then,
    reach_speed: float = 3.0  # m/s that this grows by,
    unknown_speed: float = 10.0  # m/s likewise, where its speed is not known
    again: float = 600.0  # s in which one who stands where one stood is the same
    same_place: float = 0.5  # IoU of the two boxes
    gap: float = 5.0  # s without an image: the camera was blind
    capacity: int = 512


@dataclass(slots=True)
class _Sight:
    """One camera's last look at an incident."""

    track_id: int
    stamp: int  # ns, last seen
    user: RoadUser
    found: int  # ns
    blind: bool = False  # the camera was, since


@dataclass(slots=True)
class _Incident:
    first: Finding
    started: int
    ended: int
    place: Vector  # m at the first finding's stamp, NaN: not known
    velocity: Vector  # m/s, NaN: not known
    sights: dict[str, _Sight] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.first.id

    @property
    def type(self) -> ViolationType:
        return self.first.type


class Incidents:
    """The open incidents of a site: at most ``capacity``, each for ``again`` s of its camera."""

    def __init__(
        self,
        calibrations: Mapping[str, Calibration] | None = None,
        settings: IncidentSettings | None = None,
    ) -> None:
        self.settings = settings or IncidentSettings()
        self._calibrations = dict(calibrations or {})
        self._views: dict[tuple[str, int, int], GroundView] = {}
        self._open: OrderedDict[str, _Incident] = OrderedDict()
        self._last: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def look(self, tracks: Tracks) -> None:
        """Where the road users of open incidents are now."""
        s, last = self.settings, self._last.get(tracks.camera)
        self._last[tracks.camera] = tracks.stamp
        if last is not None and not 0 <= tracks.stamp - last <= s.gap * SECOND:
            return self.blind(tracks.camera)  # one wrong stamp must not make it forget
        self._expire(tracks.camera, tracks.stamp)
        if not self._open or not len(tracks):
            return None
        rows = {int(t): row for row, t in enumerate(tracks.track_id)}
        for incident in self._open.values():
            sight = incident.sights.get(tracks.camera)
            if sight and not sight.blind and (row := rows.get(sight.track_id)) is not None:
                sight.stamp, sight.user = tracks.stamp, tracks[row]
        return None

    def blind(self, camera: str) -> None:
        """A camera could not be believed for a while: its tracks' ids mean nothing any more."""
        for incident in self._open.values():
            if sight := incident.sights.get(camera):
                sight.blind = True

    def leave(self) -> None:
        """The cameras' vehicle moves: who stood somewhere in their pictures is known no more."""
        for id_ in [i.id for i in self._open.values() if i.type in STANDING]:
            del self._open[id_]

    def sort(self, findings: list[Finding]) -> list[Finding]:
        """What is new, and what is one more sight of something known (``same_as``)."""
        return [kept for finding in findings if (kept := self._sort(finding)) is not None]

    def _sort(self, finding: Finding) -> Finding | None:
        mine = [i for i in self._open.values() if i.type == finding.type]
        for incident in mine:
            if self._again(incident, finding):
                found = incident.sights[finding.camera].found
                incident.sights[finding.camera] = _sight(finding, found)
                return None
        place, velocity = self._place(finding)
        mine = [i for i in mine if self._same_way(i, velocity)]
        others = [(d, i.id, i) for i in mine if (d := self._apart(i, finding, place)) is not None]
        if others:
            incident = min(others)[2]
            incident.started = min(incident.started, finding.started)
            incident.ended = max(incident.ended, finding.stamp)
            incident.sights[finding.camera] = _sight(finding, finding.stamp)
            return replace(finding, same_as=incident.id)
        new = _Incident(finding, finding.started, finding.stamp, place, velocity)
        new.sights[finding.camera] = _sight(finding, finding.stamp)
        self._open[finding.id] = new
        while len(self._open) > self.settings.capacity:
            self._open.popitem(last=False)
        return finding

    def _again(self, incident: _Incident, finding: Finding) -> bool:
        """Whether this camera has found the same before."""
        s, sight = self.settings, incident.sights.get(finding.camera)
        if sight is None or incident.id == finding.id:
            return sight is not None
        user, standing = finding.road_user, incident.type in STANDING
        since = abs(finding.stamp - sight.found) / SECOND
        if sight.blind:
            alike = geometry.iou(sight.user.box, user.box) >= s.same_place
            return standing and since <= s.again and alike
        if user.track_id == sight.track_id:
            return since <= s.track
        seconds = (finding.started - sight.stamp) / SECOND
        waited = np.hypot(*sight.user.velocity) < MOVING  # and may have been hidden in a queue
        if standing or not 0 < seconds <= (s.wait if waited else s.lost):
            return False  # who stands is known by his place; who was seen beside him is another
        return self._goes_on(sight, finding, seconds)

    def _goes_on(self, sight: _Sight, finding: Finding, seconds: float) -> bool:
        """Whether a track begins where the lost one should be by then."""
        if not finding.trail:
            return False
        s, view = self.settings, self._view(finding)
        first = finding.trail[0][0] * finding.width, finding.trail[0][1] * finding.height
        way = np.array(finding.road_user.foot) - first
        off = np.array(first) - sight.user.foot
        size = geometry.size(sight.user.box)
        if float(off @ way) < -0.5 * size * float(np.hypot(*way)):
            return False  # it begins behind where the other was lost
        feet = view.places(np.array((sight.user.foot, first)), anywhere=True)
        if not np.isfinite(feet).all():
            return bool(np.hypot(*off) <= size * (1.0 + seconds))
        velocity = np.array(sight.user.velocity)
        known = bool(np.isfinite(velocity).all())
        expected = feet[0] + (velocity * seconds if known else 0.0)
        speed = s.reach_speed if known else s.unknown_speed
        reach = s.reach + speed * min(seconds, s.lost)
        return bool(np.hypot(*(feet[1] - expected)) <= reach)

    def _same_way(self, incident: _Incident, velocity: Vector) -> bool:
        """Whether it moves the way the other did; who turns back moves every way."""
        here, there = float(np.hypot(*velocity)), float(np.hypot(*incident.velocity))
        if incident.type == ViolationType.ILLEGAL_U_TURN or not (here > MOVING < there):
            return True
        return float(velocity @ incident.velocity) >= self.settings.turned * here * there

    def _apart(self, incident: _Incident, finding: Finding, place: Vector) -> float | None:
        """m between an incident and what another camera found; None: it is another."""
        s, first = self.settings, incident.first
        if finding.camera in incident.sights:
            return None
        ended, standing = incident.ended, first.type in STANDING
        if standing:
            ended = max(ended, *(sight.stamp for sight in incident.sights.values()))
        between = max(finding.started - ended, incident.started - finding.stamp)
        seconds = (finding.stamp - first.stamp) / SECOND
        if between > s.slack * SECOND:
            return None
        if not (np.isfinite(place).all() and np.isfinite(incident.place).all()):
            named = finding.zone == first.zone and abs(seconds) <= s.slack_image
            return s.near if named else None
        expected, off = incident.place, 0.0
        if not standing and np.isfinite(incident.velocity).all():
            expected = expected + incident.velocity * seconds
            off = s.drift * abs(seconds) * float(np.hypot(*incident.velocity))
        elif not standing:
            off = s.unknown_speed * abs(seconds)
        away = float(np.hypot(*(place - expected)))
        doubt = 2 * sum(self._stddev(camera) for camera in (finding.camera, *incident.sights))
        return away if away <= s.near + doubt + off + _overhang(finding, first) else None

    def _place(self, finding: Finding) -> tuple[Vector, Vector]:
        """Where a finding's vehicle has its middle, or its foot, and how it moves."""
        user, view = finding.road_user, self._view(finding)
        velocity = np.array(user.velocity, np.float64)
        speed = float(np.hypot(*velocity))
        if speed > MOVING:
            middles = view.middles(user.kind, user.foot, velocity / speed)
            if np.isfinite(middles).all():
                return middles.mean(axis=0), velocity
        return view.places(np.array((user.foot,)))[0], velocity

    def _view(self, finding: Finding) -> GroundView:
        key = finding.camera, finding.width, finding.height
        if key not in self._views:
            if len(self._views) >= 256:
                self._views.clear()
            calibration = self._calibrations.get(finding.camera)
            self._views[key] = GroundView(calibration, (max(1, key[1]), max(1, key[2])))
        return self._views[key]

    def _stddev(self, camera: str) -> float:
        calibration = self._calibrations.get(camera)
        return calibration.stddev if calibration and calibration.has_ground else 0.0

    def _expire(self, camera: str, stamp: int) -> None:
        """Forgets what a camera has not seen for ``again``, or in a future that never came."""
        most = self.settings.again * SECOND
        for incident in [i for i in self._open.values() if camera in i.sights]:
            if abs(stamp - incident.sights[camera].stamp) > most:
                del incident.sights[camera]
                if not incident.sights:
                    del self._open[incident.id]


def _sight(finding: Finding, found: int) -> _Sight:
    return _Sight(finding.road_user.track_id, finding.stamp, finding.road_user, found)


def _overhang(a: Finding, b: Finding) -> float:
    """m between front and rear, where one of the two was measured and it is not known which."""
    users = a.road_user, b.road_user
    moving = all(np.hypot(*user.velocity) > MOVING for user in users)
    return 0.0 if moving else max(sum(lengths(user.kind)) / 2 for user in users)
