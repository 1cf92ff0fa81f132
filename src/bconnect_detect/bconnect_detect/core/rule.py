"""What a rule is, and the zone it watches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from math import nan
from typing import ClassVar, Protocol
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.emergency import Emergencies
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import (
    SECOND,
    VEHICLES,
    Finding,
    Pair,
    RoadUser,
    SignalReading,
    Tracks,
)
from bconnect_site.calibration import Calibration
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, ViolationType, ZoneKind, word
from bconnect_site.model import Zone


class Article(Protocol):
    """An article of the law and the version of the catalogue it stands in."""

    @property
    def text(self) -> str: ...
    @property
    def version(self) -> str: ...


class Law(Protocol):
    """A catalogue of the law (bconnect_site.law)."""

    def article(self, violation: ViolationType, basis_kind: str, when: date, /) -> Article: ...


@dataclass(frozen=True, slots=True)
class Place:
    """The zone a rule watches and where it lies."""

    site: str
    camera: str
    name: str
    zone: Zone
    timezone: ZoneInfo
    junctions: tuple[tuple[Pair, ...], ...] = ()  # regions of the camera, fractions
    latitude: float = nan  # degrees
    longitude: float = nan
    law: Law | None = None
    calibration: Calibration | None = None  # of the camera
    size: tuple[int, int] | None = None  # pixels of the images that are judged

    @property
    def kinds(self) -> frozenset[RoadUserKind]:
        """Kinds of road user the zone applies to."""
        return VEHICLES if (given := self.zone.road_user_kinds) is None else given

    @property
    def followed(self) -> frozenset[RoadUserKind]:
        """Kinds that are looked at: a motorcycle may pass for a bicycle at first. Whom a finding
        is about is of one of ``kinds``."""
        more = {RoadUserKind.BICYCLE} if RoadUserKind.MOTORCYCLE in self.kinds else set()
        return self.kinds | more

    @property
    def key(self) -> str:
        """Where this zone stands in the site file."""
        return f"cameras.{self.camera}.zones.{self.name}"

    def local(self, stamp: int) -> datetime:
        """A stamp (ns) as local time of the site."""
        return datetime.fromtimestamp(stamp // SECOND, self.timezone)

    def find(
        self, kind: ViolationType, user: RoadUser, tracks: Tracks, started: int, **said: object
    ) -> Finding:
        """A finding on this zone: id, article and place filled in; ``said`` is the rest."""
        article = self._article(kind, self.local(tracks.stamp).date())
        return Finding(
            id=finding_id(self.site, self.camera, kind, self.name, user.track_id, started),
            type=kind,
            site=self.site,
            camera=self.camera,
            zone=self.name,
            stamp=tracks.stamp,
            started=started,
            road_user=user,
            width=tracks.width,
            height=tracks.height,
            article=article.text if article else "",
            basis=self.zone.basis or "",
            catalogue_version=article.version if article else "",
            latitude=self.latitude,
            longitude=self.longitude,
            **said,  # type: ignore[arg-type]
        )

    def _article(self, kind: ViolationType, when: date) -> Article | None:
        """None where the catalogue knows none for that day (footage older than the law)."""
        try:
            return self.law.article(kind, self.zone.basis_kind, when) if self.law else None
        except ConfigError:
            return None


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may ask beside the tracks."""

    signals: SignalBook
    emergencies: Emergencies = field(default_factory=Emergencies)

    def signal(self, name: str | None, stamp: int) -> SignalReading | None:
        """What a signal showed at a stamp; None: not known, which never counts as red."""
        return self.signals.at(name, stamp) if name else None


class RuleOff(Exception):
    """A rule that cannot judge here; str() is why. It is off, the graph goes on."""


class Rule(Protocol):
    """One rule on one zone of one camera.

    fixed_view: whether it is void when the camera looks elsewhere than when it was set up.
    """

    type: ClassVar[ViolationType]
    zone_kinds: ClassVar[frozenset[ZoneKind]]
    fixed_view: ClassVar[bool] = True

    def __init__(self, place: Place) -> None:
        """Raises ConfigError when the zone lacks what it needs, RuleOff when the camera does."""

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """Findings that became certain with this image. Stamps only ever rise."""
        ...

    def reset(self, forget_places: bool = True) -> None:
        """Forget all that is being watched; what was reported may be kept."""
        ...

    def __len__(self) -> int:
        """How many road users are remembered."""
        ...


def finding_id(
    site: str, camera: str, kind: ViolationType, zone: str, track_id: int, started: int
) -> str:
    """UUIDv5 of what makes an incident one incident: a replay finds the same id."""
    name = f"bconnect:{site}/{camera}/{word(kind)}/{zone}/{track_id}/{started}"
    return str(uuid5(NAMESPACE_URL, name))


def trail_of(points: Sequence[Pair], tracks: Tracks, most: int = 32) -> tuple[Pair, ...]:
    """Foot points in pixels as at most ``most`` fractions of the image, first and last kept."""
    if len(points) > most:
        step = (len(points) - 1) / (most - 1)
        points = [points[round(i * step)] for i in range(most)]
    return tuple((x / tracks.width, y / tracks.height) for x, y in points)


def feet_inside(
    tracks: Tracks, region: Sequence[Pair], kinds: frozenset[RoadUserKind]
) -> list[int]:
    """Rows of tracked road users of these kinds whose foot point lies in a region."""
    if not len(tracks):
        return []
    mask = of_kinds(tracks, kinds) & (tracks.track_id > 0)
    if not mask.any():
        return []
    return (inside_region(tracks, region) & mask).nonzero()[0].tolist()


def feet_of(tracks: Tracks) -> geometry.Points:
    """Bottom centres (n, 2), pixels."""
    return tracks.once("feet", lambda: geometry.feet(tracks.boxes))


def inside_region(tracks: Tracks, region: Sequence[Pair]) -> NDArray[np.bool_]:
    """Rows whose foot point lies in a region, fractions of the image."""
    size = tracks.width, tracks.height
    return tracks.once(
        ("inside", tuple(region)),
        lambda: geometry.inside(feet_of(tracks), geometry.to_pixels(region, *size)),
    )


def of_kinds(tracks: Tracks, kinds: frozenset[RoadUserKind]) -> NDArray[np.bool_]:
    """Rows of road users of these kinds."""
    return _table(kinds)[tracks.kind]


@lru_cache(maxsize=256)
def _table(kinds: frozenset[RoadUserKind]) -> NDArray[np.bool_]:
    return np.isin(np.arange(256), [int(kind) for kind in kinds])
