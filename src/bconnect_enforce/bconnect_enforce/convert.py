"""Messages to records and back: the only file that knows both."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import TypeVar

from bconnect_msgs import msg as messages
from bconnect_msgs.srv import ReviewCitation, UpdateStickerTask, UpdateTowJob
from builtin_interfaces.msg import Time

from bconnect_enforce.core import sticker, tow
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.records import (
    Announcement,
    Citation,
    Compliance,
    EvidenceFile,
    Measure,
    Offence,
    RuleTrust,
    StickerTask,
    TowJob,
    Violation,
)
from bconnect_site.kinds import (
    CitationStatus,
    Colour,
    EvidenceKind,
    Mode,
    Outcome,
    PlateColour,
    PlateState,
    ReviewDecision,
    RoadUserKind,
    SignalAspect,
    Step,
    StickerStatus,
    TowStatus,
    ViolationType,
)

K = TypeVar("K", bound=IntEnum)

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
        colour=Colour(m.road_user.colour),
    )


def violation_from(m: messages.Violation) -> Violation:
    """Raises ValueError for a kind this software lacks."""
    finding = m.finding
    plate = m.plate.text if m.plate.state == PlateState.READ else ""
    return Violation(
        offence=replace(offence_from(finding), plate=plate),
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
        key_id=m.key_id,
        measured_low=finding.measured_low,
        measured_high=finding.measured_high,
        signal=SignalAspect(finding.signal.aspect),
        time_into_red=finding.time_into_red,
        plate_colour=PlateColour(m.plate.colour),
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
        road_user_kind=int(order.road_user),
        colour=int(order.colour),
        place=order.place,
        plate=order.plate,
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
        road_user=RoadUserKind(m.road_user_kind),
        colour=Colour(m.colour),
        place=m.place,
        plate=m.plate,
    )


def compliance_to(record: Compliance) -> messages.Compliance:
    m = messages.Compliance(
        id=record.id,
        announcement_id=record.announcement_id,
        finding_id=record.finding_id,
        site=record.site,
        camera=record.camera,
        speaker=record.speaker,
        phrase=record.phrase,
        violation_type=int(record.type),
        outcome=int(record.outcome),
        spoken=time(record.spoken),
        delay=record.delay,
        detail=record.detail,
    )
    m.header.stamp = time(record.stamp)
    return m


def compliance_from(m: messages.Compliance) -> Compliance:
    """Raises ValueError for a kind this software lacks."""
    return Compliance(
        id=m.id,
        announcement_id=m.announcement_id,
        finding_id=m.finding_id,
        site=m.site,
        camera=m.camera,
        speaker=m.speaker,
        phrase=m.phrase,
        type=ViolationType(m.violation_type),
        outcome=Outcome(m.outcome),
        spoken=ns(m.spoken),
        stamp=ns(m.header.stamp),
        delay=m.delay,
        detail=m.detail,
    )


def sticker_to(task: StickerTask) -> messages.StickerTask:
    m = messages.StickerTask(
        id=task.id,
        violation_id=task.violation_id,
        site=task.site,
        camera=task.camera,
        violation_type=int(task.type),
        status=int(task.status),
        officer=task.officer,
        detail=task.detail,
        due=time(task.due),
        revision=task.revision,
    )
    m.header.stamp = time(task.stamp)
    return m


def sticker_from(m: messages.StickerTask) -> StickerTask:
    """Raises ValueError for a kind this software lacks."""
    return StickerTask(
        id=m.id,
        violation_id=m.violation_id,
        site=m.site,
        camera=m.camera,
        type=ViolationType(m.violation_type),
        status=StickerStatus(m.status),
        stamp=ns(m.header.stamp),
        due=ns(m.due),
        officer=m.officer,
        detail=m.detail,
        revision=m.revision,
    )


def tow_to(job: TowJob) -> messages.TowJob:
    m = messages.TowJob(
        id=job.id,
        violation_id=job.violation_id,
        site=job.site,
        camera=job.camera,
        violation_type=int(job.type),
        status=int(job.status),
        ordered_by=job.ordered_by,
        truck=job.truck,
        yard=job.yard,
        detail=job.detail,
        revision=job.revision,
    )
    m.header.stamp = time(job.stamp)
    return m


def tow_from(m: messages.TowJob) -> TowJob:
    """Raises ValueError for a kind this software lacks."""
    return TowJob(
        id=m.id,
        violation_id=m.violation_id,
        site=m.site,
        camera=m.camera,
        type=ViolationType(m.violation_type),
        status=TowStatus(m.status),
        stamp=ns(m.header.stamp),
        ordered_by=m.ordered_by,
        truck=m.truck,
        yard=m.yard,
        detail=m.detail,
        revision=m.revision,
    )


def tow_change_from(request: UpdateTowJob.Request) -> tow.Change:
    """A status this software lacks becomes UNKNOWN, which is refused with a sentence."""
    return tow.Change(
        id=request.id,
        status=_known(TowStatus, request.status),
        officer=request.officer,
        truck=request.truck,
        yard=request.yard,
        detail=request.detail,
    )


def sticker_change_from(request: UpdateStickerTask.Request) -> sticker.Change:
    """A status this software lacks becomes UNKNOWN, which is refused with a sentence."""
    return sticker.Change(
        id=request.id,
        status=_known(StickerStatus, request.status),
        officer=request.officer,
        detail=request.detail,
    )


def _known(kinds: type[K], value: int) -> K:
    return kinds(value) if value in kinds._value2member_map_ else kinds(0)


def trust_to(trust: RuleTrust) -> messages.RuleTrust:
    m = messages.RuleTrust(
        site=trust.site,
        camera=trust.camera,
        violation_type=int(trust.type),
        decided=trust.decided,
        upheld=trust.upheld,
        precision=trust.precision,
        low=trust.low,
        high=trust.high,
        mark=trust.mark,
        observe_only=trust.observe_only,
        detail=trust.detail,
    )
    m.header.stamp = time(trust.stamp)
    return m


def trust_from(m: messages.RuleTrust) -> RuleTrust:
    """Raises ValueError for a kind this software lacks."""
    return RuleTrust(
        site=m.site,
        camera=m.camera,
        type=ViolationType(m.violation_type),
        decided=m.decided,
        upheld=m.upheld,
        precision=m.precision,
        low=m.low,
        high=m.high,
        mark=m.mark,
        observe_only=m.observe_only,
        stamp=ns(m.header.stamp),
        detail=m.detail,
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
