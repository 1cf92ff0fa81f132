"""Captures and violations as messages, through serialisation, and back; and the backlog."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bconnect_msgs.msg import Capture as CaptureMsg
from bconnect_msgs.msg import Evidence as EvidenceMsg
from bconnect_msgs.msg import Violation as ViolationMsg
from rclpy.serialization import deserialize_message, serialize_message

from bconnect_detect import convert
from bconnect_detect.core.backlog import Backlog, Waiting
from bconnect_detect.core.evidence import Case, CaseSettings, new_case
from bconnect_detect.core.types import SECOND, Finding, Look
from bconnect_detect.core.violation import EvidenceFile, PlateReading, Violation
from bconnect_site.kinds import EvidenceKind, PlateColour, PlateState

MakeFinding = Callable[..., Finding]


def test_a_violation_survives_the_wire(make_finding: MakeFinding) -> None:
    violation = Violation(
        finding=make_finding(
            measured_low=0.25,
            looks=(Look(7 * SECOND + 5, 0.0, 0.25, 0.5), Look(8 * SECOND, 1.5, -0.125, 0.5)),
        ),
        files=(EvidenceFile(EvidenceKind.SCENE, 5 * SECOND + 7, "a/b/scene.jpg", "ab" * 32),),
        manifest="a/b/manifest.json",
        manifest_sha256="cd" * 32,
        missing=("clip: none",),
        plate=PlateReading(
            PlateState.READ, "KT 1234 AB", 0.5, (1.0, 2.0, 3.0, 4.0), 16.0, 3, 5, PlateColour.WHITE
        ),
        witnesses=("pasar",),
        key_id="00ff" * 4,
    )
    wire = serialize_message(convert.violation_to_msg(violation, "x/y_optical_frame"))
    message = deserialize_message(wire, ViolationMsg)
    assert repr(convert.violation_from_msg(message)) == repr(violation)
    assert message.header.stamp == message.finding.header.stamp
    assert message.header.frame_id == "x/y_optical_frame"


def test_an_unread_plate_is_unknown_not_invisible(make_finding: MakeFinding) -> None:
    message = convert.violation_to_msg(Violation(make_finding(), (), "m", ""))
    assert message.plate.state == message.plate.STATE_UNKNOWN and message.plate.text == ""


def test_a_request_says_what_and_where(make_finding: MakeFinding) -> None:
    case = new_case(make_finding(), "a/b.partial", 20 * SECOND, 0, CaseSettings())
    message = convert.capture_request_to_msg(case.request)
    assert [convert.time_from_msg(t) for t in message.stills] == list(case.request.stills)
    assert convert.time_from_msg(message.clip_end) == case.request.clip_end
    assert (message.id, message.directory) == (case.finding.id, "a/b.partial")


def test_a_kind_of_another_version_is_refused() -> None:
    message = CaptureMsg(id="a", evidence=[EvidenceMsg(kind=99)])
    with pytest.raises(ValueError, match="99 is not a valid EvidenceKind"):
        convert.capture_from_msg(message)


def test_the_backlog_waits_longer_each_time_and_forgets_the_oldest(
    make_finding: MakeFinding,
) -> None:
    def case(number: int) -> Case:
        return new_case(make_finding(id=f"c{number}"), "d", 0, 0, CaseSettings())

    backlog = Backlog(limit=3)
    pauses, pause, now = [], 0, 0
    for _ in range(9):
        assert backlog.add(case(0), now, pause) is None
        assert backlog.take(now) == []
        waiting: list[Waiting] = []
        while not waiting:  # asked every second, as the node asks: more at once is a clock set
            now += SECOND
            waiting = backlog.take(now)
        (due,) = waiting
        pause = due.pause
        pauses.append(pause // SECOND)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert [backlog.add(case(n), now) is None for n in range(3)] == [True] * 3
    lost = backlog.add(case(9), now)
    assert lost is not None and lost.finding.id == "c0" and len(backlog) == 3
