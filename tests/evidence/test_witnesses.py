"""A second camera's sight of an incident: a witness of the open case, never a case of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bconnect_detect.core.evidence import Case, CaseSettings
from bconnect_detect.core.types import SECOND, Finding
from bconnect_detect.core.violation import Capture
from bconnect_detect.desk import Desk, Outlets
from bconnect_detect.sealing import Sealer

MakeFinding = Callable[..., Finding]
OTHER = "simpang_selatan"


class Out:
    """What the desk let out."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.closed: list[Case] = []
        self.complaints: list[str] = []

    def outlets(self) -> Outlets:
        def ask(request: Any) -> bool:
            self.asked.append(request)
            return True

        return Outlets(ask, print, self.closed.append, self.complaints.append, print)


def desk_of(sealer: Sealer, finding: Finding, out: Out) -> Desk:
    rings = {finding.camera: 20 * SECOND, OTHER: 20 * SECOND}
    return Desk(finding.site, rings, sealer, CaseSettings(), out.outlets())


def sight(finding: Finding, camera: str = OTHER) -> Finding:
    return replace(finding, id="another-" + finding.id[:20], camera=camera, same_as=finding.id)


def test_a_witness_is_named_in_the_sealed_violation(
    sealer: Sealer, make_finding: MakeFinding, answer: Callable[..., Capture]
) -> None:
    finding, out = make_finding(), Out()
    desk = desk_of(sealer, finding, out)
    desk.find(finding, 0)
    for _ in range(3):
        desk.find(sight(finding), 1)
    desk.find(sight(finding, finding.camera), 1)  # a camera is no witness of itself
    desk.look(2)
    assert len(desk) == 1 and [request.camera for request in out.asked] == [finding.camera]
    desk.answer(finding.camera, answer(sealer, finding))
    (case,) = out.closed
    violation = sealer.seal(case)
    assert violation.witnesses == (OTHER,)
    assert sealer.existing(finding) == violation  # and so it stands in the manifest


def test_a_witness_of_no_open_case_opens_none(sealer: Sealer, make_finding: MakeFinding) -> None:
    finding, out = make_finding(), Out()
    desk = desk_of(sealer, finding, out)
    desk.find(sight(finding), 0)
    desk.look(60 * SECOND)
    assert len(desk) == 0 and not out.asked and not out.closed and not out.complaints
    desk.find(sight(finding, "nobody"), 0)
    assert "nobody" in out.complaints[0]
