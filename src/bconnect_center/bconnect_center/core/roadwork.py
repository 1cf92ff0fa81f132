"""Tow jobs and sticker tasks as the board shows them: columns, what may be said next, where to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bconnect_center.core.moments import HOUR
from bconnect_enforce.core.records import StickerTask, TowJob
from bconnect_site.kinds import Colour, RoadUserKind, StickerStatus, TowStatus

SHOWN = 24 * HOUR  # what ended longer ago is not on the board

TOW_COLUMNS: Sequence[TowStatus] = (
    TowStatus.PROPOSED,
    TowStatus.REQUESTED,
    TowStatus.ACKNOWLEDGED,
    TowStatus.EN_ROUTE,
    TowStatus.DONE,
)


@dataclass(frozen=True, slots=True)
class Act:
    """Something an officer may say of a job, and what must be said with it: truck, yard, detail."""

    status: TowStatus | StickerStatus
    asks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


TOW_ACTS: Mapping[TowStatus, tuple[Act, ...]] = {
    TowStatus.PROPOSED: (
        Act(TowStatus.REQUESTED, ("truck", "yard", "detail")),
        Act(TowStatus.CANCELLED, ("detail",), ("detail",)),
    ),
    TowStatus.REQUESTED: (
        Act(TowStatus.ACKNOWLEDGED, ("truck", "detail")),
        Act(TowStatus.CANCELLED, ("detail",), ("detail",)),
    ),
    TowStatus.ACKNOWLEDGED: (
        Act(TowStatus.EN_ROUTE, ("truck",), ("truck",)),
        Act(TowStatus.CANCELLED, ("detail",), ("detail",)),
    ),
    TowStatus.EN_ROUTE: (
        Act(TowStatus.DONE, ("truck", "yard", "detail"), ("truck", "yard")),
        Act(TowStatus.CANCELLED, ("detail",), ("detail",)),
    ),
}
STICKER_ACTS: Mapping[StickerStatus, tuple[Act, ...]] = {
    StickerStatus.REQUESTED: (
        Act(StickerStatus.ACKNOWLEDGED),
        Act(StickerStatus.CANCELLED, ("detail",), ("detail",)),
    ),
    StickerStatus.ACKNOWLEDGED: (
        Act(StickerStatus.DONE, ("detail",)),
        Act(StickerStatus.CANCELLED, ("detail",), ("detail",)),
    ),
}


@dataclass(frozen=True, slots=True)
class Where:
    """A place. Degrees; None: not known."""

    latitude: float | None = None
    longitude: float | None = None

    @property
    def geo(self) -> str:
        """An address that phones open in their map (RFC 5870); empty: the place is not known."""
        if self.latitude is None or self.longitude is None:
            return ""
        at = f"{self.latitude:.6f},{self.longitude:.6f}"
        return f"geo:{at}?q={at}"


@dataclass(frozen=True, slots=True)
class Sight:
    """What an officer looks for. `plate` empty: not read, or not theirs to know."""

    road_user: RoadUserKind = RoadUserKind.UNKNOWN
    colour: Colour = Colour.UNKNOWN
    zone: str = ""
    plate: str = ""
    where: Where = field(default_factory=Where)


@dataclass(frozen=True, slots=True)
class Card:
    """A job on the board. `until` ns: when it ends by itself; None: it does not."""

    job: TowJob | StickerTask
    sight: Sight
    place: str
    number: str  # of the citation, where there is one
    until: int | None

    @property
    def acts(self) -> tuple[Act, ...]:
        if isinstance(self.job, TowJob):
            return TOW_ACTS.get(self.job.status, ())
        return STICKER_ACTS.get(self.job.status, ())


def column_of(status: TowStatus) -> TowStatus:
    """Where a job stands; what was cancelled ends in the last one."""
    return TowStatus.DONE if status is TowStatus.CANCELLED else status
