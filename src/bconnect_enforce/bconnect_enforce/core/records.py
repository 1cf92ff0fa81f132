"""What enforcement speaks about: offences, measures, announcements, lines of the ledger.

All stamps are int nanoseconds since 1970 UTC.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass

from bconnect_site.kinds import (
    CitationStatus,
    Colour,
    EvidenceKind,
    Mode,
    Outcome,
    PlateColour,
    PlateState,
    RoadUserKind,
    SignalAspect,
    Step,
    StickerStatus,
    TowStatus,
    ViolationType,
)


def identity(*parts: str) -> str:
    """A UUIDv5 of the parts: the same parts give the same id, on any machine."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "bconnect:" + "/".join(parts)))


@dataclass(frozen=True, slots=True)
class Offence:
    """A finding as the ladder sees it: a rule broken, before any evidence.

    `track_id` 0 means that the road user was not tracked: it then has no history.
    """

    id: str
    type: ViolationType
    site: str
    camera: str
    zone: str
    stamp: int
    track_id: int
    road_user: RoadUserKind = RoadUserKind.UNKNOWN
    article: str = ""
    same_as: str = ""  # id of the offence this is one more sight of
    colour: Colour = Colour.UNKNOWN  # of the body
    place: str = ""  # a place of config/phrases.yaml
    plate: str = ""  # where one was read, inside a violation only


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One sealed file; `path` is relative to the evidence store, `sha256` is hex."""

    kind: EvidenceKind
    path: str
    sha256: str
    stamp: int


@dataclass(frozen=True, slots=True)
class Violation:
    """An offence with its sealed evidence, as the ledger keeps it."""

    offence: Offence
    started: int
    basis: str
    catalogue_version: str
    confidence: float
    explanation: str
    latitude: float
    longitude: float
    measured: float
    limit: float
    plate_state: PlateState = PlateState.UNKNOWN
    plate: str = ""
    evidence: tuple[EvidenceFile, ...] = ()
    witnesses: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    manifest: str = ""
    manifest_sha256: str = ""
    key_id: str = ""
    measured_low: float = math.nan  # interval at 95 %
    measured_high: float = math.nan
    signal: SignalAspect = SignalAspect.UNKNOWN
    time_into_red: float = math.nan  # s
    plate_colour: PlateColour = PlateColour.UNKNOWN

    @property
    def id(self) -> str:
        return self.offence.id

    @property
    def has_scene(self) -> bool:
        """Whether a sealed picture shows the deciding moment."""
        return any(file.kind is EvidenceKind.SCENE and file.sha256 for file in self.evidence)


@dataclass(frozen=True, slots=True)
class Measure:
    """The step that was chosen, and why (`reason` is Indonesian, for the citizen)."""

    id: str
    violation_id: str
    site: str
    camera: str
    type: ViolationType
    step: Step
    mode: Mode
    stamp: int
    reason: str
    policy: str
    history: int = 0
    due: int = 0


@dataclass(frozen=True, slots=True)
class Announcement:
    """An order to one speaker; `phrase` is a name, `expires` the last moment to begin."""

    id: str
    speaker: str
    phrase: str
    finding_id: str
    priority: int
    stamp: int
    expires: int
    road_user: RoadUserKind = RoadUserKind.UNKNOWN
    colour: Colour = Colour.UNKNOWN
    place: str = ""
    plate: str = ""


@dataclass(frozen=True, slots=True)
class Compliance:
    """Whether a road user did what a loudspeaker asked; `delay` in s, NaN: it did not."""

    id: str
    announcement_id: str
    finding_id: str
    site: str
    camera: str
    speaker: str
    phrase: str
    type: ViolationType
    outcome: Outcome
    spoken: int
    stamp: int
    delay: float = math.nan
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StickerTask:
    """One state of a sticker to be put on a vehicle; `revision` counts the states from 1."""

    id: str
    violation_id: str
    site: str
    camera: str
    type: ViolationType
    status: StickerStatus
    stamp: int
    due: int
    officer: str = ""
    detail: str = ""
    revision: int = 1


@dataclass(frozen=True, slots=True)
class TowJob:
    """One state of a tow; `revision` counts the states from 1. PROPOSED moves nobody."""

    id: str
    violation_id: str
    site: str
    camera: str
    type: ViolationType
    status: TowStatus
    stamp: int
    ordered_by: str = ""
    truck: str = ""
    yard: str = ""
    detail: str = ""
    revision: int = 1


@dataclass(frozen=True, slots=True)
class RuleTrust:
    """How often officers upheld one rule at one camera; `low` and `high` at 95 % (Wilson)."""

    site: str
    camera: str
    type: ViolationType
    decided: int
    upheld: int
    precision: float
    low: float
    high: float
    mark: float
    observe_only: bool
    stamp: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """An act the ledger remembers besides decisions: a referral, a rule disarmed or rearmed.

    `subject` is a citation's number, a violation's id or "camera/rule"; it and the texts name
    no road user, for events are never erased.
    """

    kind: str
    site: str
    subject: str
    who: str
    why: str
    stamp: int
    detail: str = ""
    previous_hash: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """One line of the ledger: a referral for police validation in one state.

    A citation's history is the lines with its `number`; its present state is the last one.
    Lines of format 2 hash a salted commitment to the reason instead of the reason itself, so
    that the text can be erased and the chain still verifies.
    """

    number: str
    violation_id: str
    site: str
    camera: str
    type: ViolationType
    status: CitationStatus
    reviewer: str
    reason: str
    violation_stamp: int
    stamp: int
    previous_hash: str
    hash: str
    format: int = 1
    commitment: str = ""
    salt: str = ""
    manifest_sha256: str = ""
