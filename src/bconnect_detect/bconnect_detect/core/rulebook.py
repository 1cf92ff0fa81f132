"""The rules of one camera, disarmed whenever the camera may not be believed."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np

from bconnect_detect.core.emergency import Emergencies
from bconnect_detect.core.rule import Context, Law, Place, Rule, RuleOff
from bconnect_detect.core.rules import RULES
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, Finding, SignalReading, Tracks
from bconnect_site.calibration import Calibration
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState, ViolationType, ZoneKind, word
from bconnect_site.model import RULE_ZONES, WHOLE_IMAGE, Site, Zone

# Tracks further apart than this do not describe one scene any more.
MAX_GAP = 5 * SECOND
_WILD = 1e5  # pixels


class RuleBook:
    """All rules of one camera over one stream of tracks."""

    def __init__(
        self,
        camera: str,
        rules: Sequence[Rule],
        signals: SignalBook,
        emergencies: Emergencies | None = None,
    ) -> None:
        self.camera = camera
        self.rules = tuple(rules)
        self.state = CameraState.UNKNOWN
        known = Emergencies() if emergencies is None else emergencies
        self._context = Context(signals, known)
        self._last: int | None = None
        self._afoot = ""

    @property
    def armed(self) -> bool:
        """Whether findings can come out: there are rules that may believe the camera."""
        return any(self._believes(rule) for rule in self.rules)

    def _believes(self, rule: Rule) -> bool:
        if rule.fixed_view:
            return self.state == CameraState.OK and not self._afoot
        return self.state in (CameraState.OK, CameraState.MOVED)

    def check(self, tracks: Tracks) -> list[Finding]:
        """Findings that became certain with this image; none while disarmed.

        A stamp that runs backwards forgets everything, a gap of more than 5 s all that
        was being watched, a repeated stamp is ignored.
        """
        if not self.armed:
            return []
        last, self._last = self._last, tracks.stamp
        if last is not None and tracks.stamp == last:
            return []
        if last is not None and tracks.stamp < last:
            self._reset(forget_places=True)
        elif last is not None and tracks.stamp - last > MAX_GAP:
            self._reset(forget_places=False)
        tracks = _sound(tracks)
        return [
            finding
            for rule in self.rules
            if self._believes(rule)
            for finding in rule.check(tracks, self._context)
        ]

    @property
    def silent(self) -> list[str]:
        """A sentence for each rule that waits for something nobody has counted yet."""
        return [
            f"rule {word(rule.type)} of camera {self.camera} is off: {why}"
            for rule in self.rules
            if (why := getattr(rule, "silence", "") or (self._afoot if rule.fixed_view else ""))
        ]

    def on_motion(self, why: str) -> None:
        """Why the camera itself may be moving, which voids rules of a fixed view; "": it stands."""
        if why and not self._afoot:
            for rule in self.rules:
                if rule.fixed_view:
                    rule.reset(forget_places=True)
        self._afoot = why

    def on_signal(self, reading: SignalReading) -> None:
        """What a signal of the site shows."""
        self._context.signals.put(reading)

    def on_camera_status(self, state: CameraState) -> None:
        """How far the camera may be believed.

        A moved view voids even reported places, but not what needs no fixed view.
        """
        if state not in (self.state, CameraState.OK):
            for rule in self.rules:
                if state != CameraState.MOVED:
                    rule.reset(forget_places=False)
                elif rule.fixed_view:
                    rule.reset(forget_places=True)
            self._last = None
        self.state = state

    def __len__(self) -> int:
        """Road users remembered by all rules."""
        return sum(len(rule) for rule in self.rules)

    def _reset(self, forget_places: bool) -> None:
        for rule in self.rules:
            rule.reset(forget_places)


def _sound(tracks: Tracks) -> Tracks:
    """Without boxes that are no boxes: not finite, or far outside of any image."""
    with np.errstate(invalid="ignore"):
        good = np.asarray((np.abs(tracks.boxes) < _WILD).all(axis=1), np.bool_)
    return tracks if good.all() else tracks.select(good)


def build_rules(
    site: Site,
    camera: str,
    law: Law | None,
    today: date | None = None,
    calibration: Calibration | None = None,
) -> tuple[list[Rule], list[str]]:
    """The rules a site file asks for on one camera, and a sentence for each that is off.

    Raises ConfigError when a zone lacks what its rule needs, or when the law has no
    article for it ``today``.
    """
    wanted = site.cameras[camera]
    rules: list[Rule] = []
    off: list[str] = []
    for kind in wanted.rule_types:
        rule = RULES.get(kind)
        if rule is None:
            off.append(
                f"rule {word(kind)} of camera {camera} is off: this version has no such rule"
            )
            continue
        for place in _places(site, camera, kind, law, calibration):
            if law is not None and today is not None:
                _check_article(law, kind, place, today)
            try:
                rules.append(rule(place))
            except RuleOff as why:
                off.append(f"rule {word(kind)} on {place.name} of camera {camera} is off: {why}")
    return rules, off


def _check_article(law: Law, kind: ViolationType, place: Place, today: date) -> None:
    try:
        law.article(kind, place.zone.basis_kind, today)
    except ConfigError as error:
        raise ConfigError(f"{place.key}.basis: {error}") from None


def _places(
    site: Site,
    camera: str,
    kind: ViolationType,
    law: Law | None,
    calibration: Calibration | None,
) -> list[Place]:
    zones = site.cameras[camera].zones
    chosen = {name: zone for name, zone in zones.items() if zone.kind in RULE_ZONES[kind]}
    if not chosen and kind in WHOLE_IMAGE:
        chosen = {"image": _IMAGE}
    junctions = tuple(
        zone.region for zone in zones.values() if zone.kind == ZoneKind.JUNCTION and zone.region
    )
    where, detect = site.location_of(camera), site.cameras[camera].detect
    return [
        Place(
            site=site.site,
            camera=camera,
            name=name,
            zone=zone,
            timezone=ZoneInfo(site.timezone),
            junctions=junctions,
            latitude=where.latitude if where else float("nan"),
            longitude=where.longitude if where else float("nan"),
            law=law,
            calibration=calibration,
            size=(detect.width, detect.height),
        )
        for name, zone in chosen.items()
    ]


_IMAGE = Zone(
    kind=ZoneKind.ROAD,
    region=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
    basis="movement rule",
)


def max_ages(site: Site) -> dict[str, float]:
    """Seconds until a reading of each signal of a site is stale."""
    return {name: signal.max_age for name, signal in site.signals.items()}
