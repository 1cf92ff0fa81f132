"""Messages to records and back: the only file that knows both."""

from __future__ import annotations

from bconnect_msgs import msg as messages
from bconnect_msgs.srv import ReviewCitation
from builtin_interfaces.msg import Time

from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.records import (
    Announcement,
    Citation,
    EvidenceFile,
    Measure,
    Offence,
    Violation,
)
from bconnect_site.kinds import (
    CitationStatus,
    EvidenceKind,
    Mode,
    PlateState,
    ReviewDecision,
    RoadUserKind,
    Step,
    ViolationType,
)

_SECOND = 1_000_000_000
_STATUS = {
    ReviewDecision.CONFIRM: CitationStatus.CONFIRMED,
    ReviewDecision.REJECT: CitationStatus.REJECTED,
    ReviewDecision.WITHDRAW: CitationStatus.WITHDRAWN,
}


def ns(stamp: Time) -> int:
    return int(stamp.sec) * _SECOND + int(stamp.nanosec)


def time(stamp: int) -> Time:
    return Time(sec=stamp // _SECOND, nanosec=stamp % _SECOND)


def offence_from(m: messages.Finding) -> Offence:
    """A finding as the ladder sees it. Raises ValueError for a kind this software lacks."""
    return Offence(
        id=m.id,
        type=ViolationType(m.type),
        site=m.site,
        camera=m.camera,
        zone=m.zone,
        stamp=ns(m.header.stamp),
        track_id=m.road_user.track_id,
        road_user=RoadUserKind(m.road_user.kind),
        article=m.article,
        same_as=m.same_as,
    )


def violation_from(m: messages.Violation) -> Violation:
    """Raises ValueError for a kind this software lacks."""
    finding = m.finding
    return Violation(
        offence=offence_from(finding),
        started=ns(finding.started),
        basis=finding.basis,
        catalogue_version=finding.catalogue_version,
        confidence=finding.confidence,
        explanation=finding.explanation,
        latitude=finding.latitude,
        longitude=finding.longitude,
        measured=finding.measured,
        limit=finding.limit,
        plate_state=PlateState(m.plate.state),
        plate=m.plate.text,
        evidence=tuple(
            EvidenceFile(EvidenceKind(e.kind), e.path, e.sha256, ns(e.stamp)) for e in m.evidence
        ),
        witnesses=tuple(m.witnesses),
        missing=tuple(m.missing),
        manifest=m.manifest,
        manifest_sha256=m.manifest_sha256,
    )


def measure_to(measure: Measure) -> messages.Measure:
    m = messages.Measure(
        id=measure.id,
        violation_id=measure.violation_id,
        site=measure.site,
        camera=measure.camera,
        violation_type=int(measure.type),
        step=int(measure.step),
        mode=int(measure.mode),
        reason=measure.reason,
        policy=measure.policy,
        history=measure.history,
        due=time(measure.due),
    )
    m.header.stamp = time(measure.stamp)
    return m


def measure_from(m: messages.Measure) -> Measure:
    """Raises ValueError for a kind this software lacks."""
    return Measure(
        id=m.id,
        violation_id=m.violation_id,
        site=m.site,
        camera=m.camera,
        type=ViolationType(m.violation_type),
        step=Step(m.step),
        mode=Mode(m.mode),
        stamp=ns(m.header.stamp),
        reason=m.reason,
        policy=m.policy,
        history=m.history,
        due=ns(m.due),
    )


def announcement_to(order: Announcement) -> messages.Announcement:
    """The header's stamp is the finding's, so that finding to sound can be measured."""
    m = messages.Announcement(
        id=order.id,
        speaker=order.speaker,
        phrase=order.phrase,
        finding_id=order.finding_id,
        priority=order.priority,
        expires=time(order.expires),
    )
    m.header.stamp = time(order.stamp)
    return m


def announcement_from(m: messages.Announcement) -> Announcement:
    return Announcement(
        id=m.id,
        speaker=m.speaker,
        phrase=m.phrase,
        finding_id=m.finding_id,
        priority=m.priority,
        stamp=ns(m.header.stamp),
        expires=ns(m.expires),
    )


def citation_to(line: Citation) -> messages.Citation:
    m = messages.Citation(
        number=line.number,
        violation_id=line.violation_id,
        site=line.site,
        camera=line.camera,
        violation_type=int(line.type),
        status=int(line.status),
        reviewer=line.reviewer,
        reason=line.reason,
        violation_stamp=time(line.violation_stamp),
        previous_hash=line.previous_hash,
        hash=line.hash,
    )
    m.header.stamp = time(line.stamp)
    return m


def decision_from(request: ReviewCitation.Request) -> Decision:
    """A decision this software lacks becomes UNKNOWN, which is refused with a sentence."""
    known = {int(decision): status for decision, status in _STATUS.items()}
    return Decision(
        number=request.number,
        status=known.get(request.decision, CitationStatus.UNKNOWN),
        reviewer=request.reviewer,
        reason=request.reason,
    )
