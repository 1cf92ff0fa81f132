"""Cases: what is asked for, merged, awaited, remembered and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bconnect_detect.core.evidence import (
    Case,
    CaseBook,
    CaseSettings,
    doubts,
    merge,
    new_case,
    plan_request,
)
from bconnect_detect.core.types import SECOND, Finding
from bconnect_detect.core.violation import Capture, EvidenceFile, file_fault, path_fault
from bconnect_site.kinds import EvidenceKind

MakeFinding = Callable[..., Finding]
RING = 20 * SECOND
DIRECTORY = "beruang_madu/2026-11-24/x.partial"


def file(kind: EvidenceKind, name: str, stamp: int = 0, directory: str = DIRECTORY) -> EvidenceFile:
    return EvidenceFile(kind, stamp, f"{directory}/{name}", "ab" * 32)


def whole(finding: Finding) -> tuple[EvidenceFile, ...]:
    return (
        file(EvidenceKind.CONTEXT_BEFORE, "context_before.jpg"),
        file(EvidenceKind.SCENE, "scene.jpg", finding.stamp),
        file(EvidenceKind.CONTEXT_AFTER, "context_after.jpg"),
        file(EvidenceKind.CLIP, "clip.mp4"),
    )


def test_a_short_offence_is_asked_for_from_before_it_began(make_finding: MakeFinding) -> None:
    finding = make_finding()
    settings = CaseSettings(before=4 * SECOND, after=6 * SECOND)
    request = plan_request(finding, DIRECTORY, RING, settings)
    assert request.stills == (
        finding.started - 2 * SECOND,
        finding.stamp,
        *(finding.stamp + tenths * SECOND // 10 for tenths in (-4, -2, 2, 4)),
        finding.stamp + 3 * SECOND,
    )
    assert request.clip_start == finding.started - 4 * SECOND
    assert request.clip_end == finding.stamp + 6 * SECOND
    assert (request.id, request.camera) == (finding.id, finding.camera)


def test_a_long_offence_is_asked_for_as_far_as_the_ring_reaches(make_finding: MakeFinding) -> None:
    finding = make_finding()
    finding = replace(finding, started=finding.stamp - 600 * SECOND)
    request = plan_request(finding, DIRECTORY, RING, CaseSettings(after=5 * SECOND))
    assert request.clip_start == finding.stamp - 13 * SECOND  # 20 - 5 - margin 2
    assert request.stills[0] == request.clip_start
    asked_for = request.clip_end - request.clip_start
    assert asked_for < RING


@pytest.mark.parametrize("started", [0, 10**19])
def test_an_unknown_or_late_start_counts_as_the_deciding_image(
    make_finding: MakeFinding, started: int
) -> None:
    finding = make_finding(started=started)
    request = plan_request(finding, DIRECTORY, RING, CaseSettings(before=4 * SECOND))
    assert request.clip_start == finding.stamp - 4 * SECOND


def test_a_full_answer_closes_the_case(book: CaseBook, make_finding: MakeFinding) -> None:
    finding = make_finding()
    opened = book.open(finding, DIRECTORY, RING, now=1000)
    assert opened.waiting and [r.id for r in book.to_ask()] == [finding.id]
    book.asked(finding.id)
    assert book.to_ask() == []
    case = book.answer("simpang_utara", Capture(finding.id, whole(finding), 1920, 1080))
    assert case is not None and case.missing == () and len(case.files) == 4
    assert (case.width, case.height) == (1920, 1080)
    assert len(book) == 0


def test_an_answer_that_names_what_is_missing_closes_too(
    book: CaseBook, make_finding: MakeFinding
) -> None:
    finding = make_finding()
    book.open(finding, DIRECTORY, RING, now=0)
    case = book.answer("simpang_utara", Capture(finding.id, (), missing=("clip: no ring",)))
    assert case is not None and case.missing == ("clip: no ring",)


def test_two_partial_answers_are_merged(book: CaseBook, make_finding: MakeFinding) -> None:
    finding = make_finding()
    book.open(finding, DIRECTORY, RING, now=0)
    files = whole(finding)
    assert book.answer("simpang_utara", Capture(finding.id, files[:2])) is None
    case = book.answer("simpang_utara", Capture(finding.id, files[1:]))
    assert case is not None and {f.name for f in case.files} == {f.name for f in files}


def test_another_camera_cannot_answer(book: CaseBook, make_finding: MakeFinding) -> None:
    finding = make_finding()
    book.open(finding, DIRECTORY, RING, now=0)
    assert book.answer("pasar", Capture(finding.id, whole(finding))) is None
    assert book.answer("simpang_utara", Capture("another", whole(finding))) is None
    assert len(book) == 1


@pytest.mark.parametrize(
    ("asked", "answer", "expected"),
    [
        (False, None, "context_before, scene, context_after, clip: no camera simpang_utara"),
        (True, None, "context_before, scene, context_after, clip: camera simpang_utara did not"),
        (True, 2, "context_after, clip: camera simpang_utara answered only in part"),
    ],
)
def test_the_deadline_closes_with_a_reason(
    book: CaseBook, make_finding: MakeFinding, asked: bool, answer: int | None, expected: str
) -> None:
    finding = make_finding()
    case = book.open(finding, DIRECTORY, RING, now=1000).case
    assert case is not None
    if asked:
        book.asked(finding.id)
    if answer:
        book.answer("simpang_utara", Capture(finding.id, whole(finding)[:answer]))
    assert book.due(case.deadline - 1) == []
    (late,) = book.due(case.deadline)
    assert late.missing[0].startswith(expected)
    assert book.due(case.deadline + SECOND) == []


def test_the_deadline_runs_on_the_callers_clock(make_finding: MakeFinding) -> None:
    """A recording plays stamps of last year: its cases must not be late at birth."""
    case = new_case(make_finding(stamp=5, started=5), DIRECTORY, RING, 10**18, CaseSettings())
    assert case.deadline == 10**18 + 30 * SECOND


def test_a_finding_is_opened_once(book: CaseBook, make_finding: MakeFinding) -> None:
    finding = make_finding()
    assert book.open(finding, DIRECTORY, RING, 0).case
    again = book.open(finding, DIRECTORY, RING, 0)
    assert again.case is None and not again.waiting
    book.answer("simpang_utara", Capture(finding.id, whole(finding)))
    assert book.open(finding, DIRECTORY, RING, 0).case is None


def test_a_full_book_seals_the_finding_without_pictures(
    book: CaseBook, make_finding: MakeFinding
) -> None:
    for number in range(4):
        assert book.open(make_finding(id=f"a{number}"), DIRECTORY, RING, 0).waiting
    opened = book.open(make_finding(id="b"), DIRECTORY, RING, 0)
    assert opened.case is not None and not opened.waiting
    assert opened.case.missing == ("no pictures: 4 cases were open already, none was asked for",)
    assert book.open(make_finding(id="b"), DIRECTORY, RING, 0).case is None
    assert len(book) == 4


def test_a_hundred_thousand_findings_leave_nothing_behind(make_finding: MakeFinding) -> None:
    book = CaseBook(CaseSettings(max_open=8, remember=100))
    finding = make_finding()
    for number in range(100_000):
        book.open(replace(finding, id=f"f{number}"), DIRECTORY, RING, number * SECOND)
        if number % 3:
            book.answer("simpang_utara", Capture(f"f{number}", whole(finding)))
        book.due(number * SECOND)
    assert len(book) <= 8 and book.remembered == 100


@pytest.mark.parametrize("bad", ["", "../x", "a/b", ".hidden", "a" * 65, "a\0b", "a b", "a\n"])
def test_an_id_that_is_no_file_name_is_refused(make_finding: MakeFinding, bad: str) -> None:
    assert path_fault(make_finding()) is None
    fault = path_fault(make_finding(id=bad))
    assert fault is not None and fault.startswith("id: found")


@pytest.mark.parametrize("key", ["site", "camera"])
def test_a_site_or_camera_that_climbs_is_refused(make_finding: MakeFinding, key: str) -> None:
    fault = path_fault(make_finding(**{key: "../etc"}))
    assert fault is not None and fault.startswith(f"{key}: found '../etc'")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../scene.jpg",
        f"{DIRECTORY}/../scene.jpg",
        f"{DIRECTORY}/a/b.jpg",
        f"{DIRECTORY}/.case",
        f"{DIRECTORY}/",
        "elsewhere/scene.jpg",
        "case.json\0.jpg",
        f"{DIRECTORY}/manifest.json",
        "case.json",
    ],
)
def test_a_file_outside_the_folder_is_not_taken(make_finding: MakeFinding, path: str) -> None:
    case = new_case(make_finding(), DIRECTORY, RING, 0, CaseSettings())
    merged = merge(case, Capture("x", (EvidenceFile(EvidenceKind.SCENE, 0, path, "ab"),)))
    assert merged.files == () and "was refused" in merged.missing[0]
    assert file_fault(f"{DIRECTORY}/scene.jpg", DIRECTORY) is None
    assert file_fault("scene.jpg", DIRECTORY) is None


def test_a_scene_of_another_moment_is_doubted(make_finding: MakeFinding) -> None:
    finding = make_finding()
    case = new_case(finding, DIRECTORY, RING, 0, CaseSettings())

    def with_scene(stamp: int) -> Case:
        return replace(case, files=(file(EvidenceKind.SCENE, "scene.jpg", stamp),))

    assert doubts(case) == () and doubts(with_scene(finding.stamp + SECOND // 10)) == ()
    (sentence,) = doubts(with_scene(finding.stamp - SECOND // 2))
    assert sentence.startswith("scene.jpg: taken 0.5 s before the image that decided")
