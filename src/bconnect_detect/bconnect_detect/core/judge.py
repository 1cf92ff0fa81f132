"""Everything between tracks and findings for one site: rule books, signals, incidents.

The rule_checker node and the offline rerun both stand on this, so they find the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from bconnect_detect.core.ego import Ego, EgoSettings, Fix, Heading, Motion, Velocity
from bconnect_detect.core.emergency import Emergencies
from bconnect_detect.core.incidents import Incidents
from bconnect_detect.core.map_watch import MapWatch
from bconnect_detect.core.pose import Poses
from bconnect_detect.core.rule import Law
from bconnect_detect.core.rulebook import RuleBook, build_rules, max_ages
from bconnect_detect.core.rules.section_speed import build_sections
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, Finding, PlateSighting, SignalReading, Tracks
from bconnect_site.calibration import Calibration
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState
from bconnect_site.mapzones import MapZone
from bconnect_site.model import Site

_MOST_HELD = 64
_LONGEST = 5 * SECOND  # ns a finding waits for GNSS


class Judge:
    """The rules of every camera of a site.

    Raises ConfigError, with every mistake, when a zone lacks what its rule needs or the law has
    no article for it ``today``.
    """

    def __init__(
        self,
        site: Site,
        law: Law | None,
        today: date | None = None,
        calibrations: Mapping[str, Calibration] | None = None,
        map_zones: Sequence[MapZone] = (),
    ) -> None:
        self._signals = SignalBook(max_ages(site))
        self.books: dict[str, RuleBook] = {}
        self._calibrations = dict(calibrations or {})
        self._incidents = Incidents(self._calibrations)
        self._emergencies = Emergencies()
        self._off: list[str] = []
        wrong: list[str] = []
        for camera in site.cameras:
            calibration = self._calibrations.get(camera)
            try:
                rules, off = build_rules(site, camera, law, today, calibration)
            except ConfigError as error:
                wrong += error.sentences
                continue
            book = RuleBook(camera, rules, self._signals, self._emergencies)
            if site.kind == "vehicle":
                book.on_motion("GNSS does not tell whether the vehicle stands")
            self.books[camera] = book
            self._off += off
        if wrong:
            raise ConfigError(*wrong)
        self._ego = _ego_of(site)
        self._poses: Poses | None = None
        self._map: MapWatch | None = None
        if self._ego and site.map_zones and site.gnss:
            self._poses = Poses(self._ego, site.map_zones, site.gnss.antenna)
            self._map = MapWatch(site, map_zones, self._poses, law, today, self._calibrations)
        self._held: list[Finding] = []
        self._parked = False
        self._sections = build_sections(site, law, today)
        self._exits: dict[str, Tracks | None] = {s.place.camera: None for s in self._sections}

    def on_tracks(self, tracks: Tracks) -> list[Finding]:
        """Findings that became certain with this image of ``tracks.camera``.

        One incident comes out once; what another camera finds of it names it (``same_as``).
        """
        if tracks.camera in self._exits:
            self._exits[tracks.camera] = tracks
        self._emergencies.look(tracks, self._calibrations.get(tracks.camera))
        self._incidents.look(tracks)
        book = self.books[tracks.camera]
        if self._ego is None:
            return self._incidents.sort(book.check(tracks))
        motion, why = self._ego.motion(tracks.stamp)
        if self._parked and motion != Motion.PARKED:
            self._incidents.leave()
        self._parked = motion == Motion.PARKED
        book.on_motion(why)
        found = self._standing(self._ego, book.check(tracks), tracks)
        placed = [self._placed(self._ego, f) for f in self._incidents.sort(found)]
        return placed + ([] if self._map is None else self._map.on_tracks(tracks))

    def on_fix(self, fix: Fix) -> None:
        """Where the vehicle is; corridors stand where they stand."""
        if self._ego is not None:
            self._ego.on_fix(fix)

    def on_velocity(self, velocity: Velocity) -> None:
        """How the vehicle moves."""
        if self._ego is not None:
            self._ego.on_velocity(velocity)
        if self._poses is not None:
            self._poses.on_velocity(velocity)

    def on_heading(self, heading: Heading) -> None:
        """Which way the vehicle's front looks."""
        if self._poses is not None:
            self._poses.on_heading(heading)

    def on_plate(self, sighting: PlateSighting) -> list[Finding]:
        """Findings that became certain with a plate at a gate; none by a camera not believed."""
        book = self.books.get(sighting.camera)
        if book is None or book.state != CameraState.OK:
            return []
        tracks = self._exits.get(sighting.camera)
        found = [f for s in self._sections for f in s.on_sighting(sighting, tracks)]
        return self._incidents.sort(found)

    def on_signal(self, reading: SignalReading) -> None:
        """What a signal of the site shows."""
        self._signals.put(reading)

    def on_camera_status(self, camera: str, state: CameraState) -> None:
        """How far a camera may be believed."""
        self.books[camera].on_camera_status(state)
        if state != CameraState.OK:
            self._incidents.blind(camera)
        if self._map is not None:
            self._map.on_camera_status(camera, state)

    @property
    def off(self) -> list[str]:
        """A sentence for each rule that cannot judge; one that waits for a count may come on."""
        by_map = [] if self._map is None else self._map.silence
        return self._off + [s for book in self.books.values() for s in book.silent] + by_map

    @property
    def rules(self) -> int:
        """How many rules watch."""
        by_map = 0 if self._map is None else self._map.rules
        return sum(len(book.rules) for book in self.books.values()) + by_map

    @property
    def disarmed(self) -> list[str]:
        """Cameras with rules of which none may judge now."""
        return [name for name, book in self.books.items() if book.rules and not book.armed]

    def _standing(self, ego: Ego, found: list[Finding], tracks: Tracks) -> list[Finding]:
        """What may come out now. What stands on a fixed view waits until GNSS has told that the
        vehicle still stood; else it is dropped."""
        views = {r.type: r.fixed_view for r in self.books[tracks.camera].rules}
        out = [f for f in found if not views[f.type]]
        self._held = (self._held + [f for f in found if views[f.type]])[-_MOST_HELD:]
        waiting: list[Finding] = []
        for finding in self._held:
            told = ego.confirmed(finding.stamp)
            if finding.camera != tracks.camera or not (told or _old(finding, tracks.stamp)):
                waiting.append(finding)
            elif told and ego.motion(finding.stamp)[0] == Motion.PARKED:
                out.append(finding)
        self._held = waiting
        return out

    def _placed(self, ego: Ego, finding: Finding) -> Finding:
        place = ego.place(finding.stamp)
        return replace(
            finding,
            latitude=place.latitude,
            longitude=place.longitude,
            position_stddev=place.stddev,
            explanation=f"{finding.explanation} {place.sentence}".strip(),
        )

    def __len__(self) -> int:
        """Road users, plates and incidents remembered."""
        remembered = sum(map(len, self.books.values())) + sum(map(len, self._sections))
        return remembered + len(self._incidents) + (0 if self._map is None else len(self._map))


def _ego_of(site: Site) -> Ego | None:
    """None: a corridor."""
    if site.kind != "vehicle":
        return None
    if site.gnss is None:
        return Ego(heard=False)
    return Ego(EgoSettings(max_age=site.gnss.max_age, max_stddev=site.gnss.max_stddev))


def _old(finding: Finding, stamp: int) -> bool:
    return not 0 <= stamp - finding.stamp <= _LONGEST
