"""What enforcement speaks about: offences, measures, announcements, lines of the ledger.

All stamps are int nanoseconds since 1970 UTC.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from bconnect_site.kinds import (
    CitationStatus,
    EvidenceKind,
    Mode,
    PlateState,
    RoadUserKind,
    Step,
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


@dataclass(frozen=True, slots=True)
class Citation:
    """One line of the ledger: a referral for police validation in one state.

    A citation's history is the lines with its `number`; its present state is the last one.
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
