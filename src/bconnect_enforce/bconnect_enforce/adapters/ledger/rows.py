"""Records as rows and back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Column, Connection, func, select
from sqlalchemy.engine import Row

from bconnect_enforce.adapters.ledger.tables import citations, erasures, measures, violations
from bconnect_enforce.core.case import Case
from bconnect_enforce.core.records import Citation, EvidenceFile, Measure, Offence, Violation
from bconnect_enforce.core.summary import Summary
from bconnect_site.kinds import (
    CitationStatus,
    Colour,
    EvidenceKind,
    Mode,
    PlateColour,
    PlateState,
    RoadUserKind,
    SignalAspect,
    Step,
    ViolationType,
)

_TYPES = frozenset(ViolationType)
_STATES = frozenset(CitationStatus)


@dataclass(frozen=True, slots=True)
class Line:
    """A citation with the parts of its number."""

    citation: Citation
    year: int
    serial: int


def violation_row(violation: Violation, now: int) -> dict[str, Any]:
    row = asdict(violation)
    offence = row.pop("offence")
    row = {name: value for name, value in offence.items() if name in violations.c} | row
    row |= {name: [*row[name]] for name in ("evidence", "witnesses", "missing")}
    row = {name: number(value) for name, value in row.items()}
    return row | {"stored": now}


def violation(row: Row[Any]) -> Violation:
    return Violation(
        offence=Offence(
            id=row.id,
            type=ViolationType(row.type),
            site=row.site,
            camera=row.camera,
            zone=row.zone,
            stamp=row.stamp,
            track_id=row.track_id,
            road_user=RoadUserKind(row.road_user),
            article=row.article,
            colour=Colour(row.colour),
            place=row.place,
            plate=row.plate if row.plate_state == PlateState.READ else "",
        ),
        started=row.started,
        basis=row.basis,
        catalogue_version=row.catalogue_version,
        confidence=_or_nan(row.confidence),
        explanation=row.explanation,
        latitude=_or_nan(row.latitude),
        longitude=_or_nan(row.longitude),
        measured=_or_nan(row.measured),
        limit=_or_nan(row.limit),
        plate_state=PlateState(row.plate_state),
        plate=row.plate,
        evidence=tuple(
            EvidenceFile(EvidenceKind(f["kind"]), f["path"], f["sha256"], f["stamp"])
            for f in row.evidence
        ),
        witnesses=tuple(row.witnesses),
        missing=tuple(row.missing),
        manifest=row.manifest,
        manifest_sha256=row.manifest_sha256,
        key_id=row.key_id,
        measured_low=_or_nan(row.measured_low),
        measured_high=_or_nan(row.measured_high),
        signal=SignalAspect(row.signal),
        time_into_red=_or_nan(row.time_into_red),
        plate_colour=PlateColour(row.plate_colour),
    )


def measure_row(measure_: Measure, now: int) -> dict[str, Any]:
    return asdict(measure_) | {"stored": now}


def measure(row: Row[Any]) -> Measure:
    values = dict(row._mapping)
    del values["stored"]
    return Measure(
        **values
        | {
            "type": ViolationType(row.type),
            "step": Step(row.step),
            "mode": Mode(row.mode),
        }
    )


def citation_row(line: Citation) -> dict[str, Any]:
    return asdict(line)


def citation(row: Row[Any]) -> Citation:
    values = {name: row._mapping[name] for name in Citation.__dataclass_fields__}
    # A touched line must still be readable, or the chain could not be checked.
    kinds = {
        "type": ViolationType(row.type) if row.type in _TYPES else ViolationType.UNKNOWN,
        "status": CitationStatus(row.status) if row.status in _STATES else CitationStatus.UNKNOWN,
    }
    return Citation(**values | kinds)


def summary(connection: Connection, current: Sequence[Citation], site: str = "") -> Summary:
    decided = select(measures.c.violation_id)
    undecided = select(func.count()).where(violations.c.id.not_in(decided))
    if site:
        undecided = undecided.where(violations.c.site == site)
    return Summary(
        violations=_counts(connection, violations.c.type, ViolationType, site),
        measures=_counts(connection, measures.c.step, Step, site),
        citations=Counter(line.status.name.lower() for line in current),
        pending=tuple(c for c in current if c.status is CitationStatus.PENDING_REVIEW),
        undecided=connection.scalar(undecided) or 0,
    )


def _counts(connection: Connection, column: Column[int], kind: Any, site: str) -> dict[str, int]:
    query = select(column, func.count()).group_by(column)
    if site:
        query = query.where(column.table.c.site == site)
    found = connection.execute(query)
    return {kind(value).name.lower(): count for value, count in found}


def number(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def case(connection: Connection, number_: str, site: str) -> Case | None:
    """Everything about one citation; `site` empty: of any."""
    query = select(citations).where(citations.c.number == number_).order_by(citations.c.line)
    if site:
        query = query.where(citations.c.site == site)
    lines = [citation(row) for row in connection.execute(query)]
    if not lines:
        return None
    id_ = lines[0].violation_id
    found = connection.execute(select(violations).where(violations.c.id == id_)).one()
    steps = connection.execute(
        select(measures).where(measures.c.violation_id == id_).order_by(measures.c.step)
    )
    gone = select(erasures.c.stamp).where(erasures.c.violation_id == id_)
    return Case(
        lines=tuple(lines),
        violation=violation(found),
        measures=tuple(measure(row) for row in steps),
        erased=connection.scalar(gone),
    )
