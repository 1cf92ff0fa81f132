"""Tow jobs and stickers: what may follow what, and that no sequence moves a truck by itself."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bconnect_enforce.core import sticker, tow
from bconnect_enforce.core.citation import Refused
from bconnect_enforce.core.outbox import (
    LONGEST_PAUSE,
    Pauses,
    Place,
    letter,
    next_of_each,
    signature,
)
from bconnect_enforce.core.records import Measure, StickerTask, TowJob
from bconnect_site.kinds import Mode, Step, StickerStatus, TowStatus, ViolationType

S = 1_000_000_000
NOW = 1_764_000_000 * S
TERMS = tow.Terms(yard="Dishub", trucks=("derek_1", "derek_2"), propose_for=900 * S)
WAY = [
    *(TowStatus.PROPOSED, TowStatus.REQUESTED, TowStatus.ACKNOWLEDGED),
    *(TowStatus.EN_ROUTE, TowStatus.DONE, TowStatus.CANCELLED),
]
ORDERED = {TowStatus.REQUESTED, TowStatus.ACKNOWLEDGED, TowStatus.EN_ROUTE, TowStatus.DONE}


def measure_of(n: int = 1, step: Step = Step.TOW, mode: Mode = Mode.ENFORCEMENT) -> Measure:
    return Measure(
        id=f"m{n}",
        violation_id=f"v{n}",
        site="demo",
        camera="utara",
        type=ViolationType.ILLEGAL_PARKING,
        step=step,
        mode=mode,
        stamp=NOW,
        reason="Penderekan diminta.",
        policy="default.tow",
    )


def change(status: TowStatus, officer: str = "Sari", **more: str) -> tow.Change:
    return tow.Change("j", status, officer, **more)


def walked(*changes: tow.Change) -> TowJob:
    job = tow.proposed(measure_of(), NOW)
    for step in changes:
        job = tow.changed(job, step, NOW + S, TERMS)
    return job


YES = change(TowStatus.REQUESTED)
ACK = change(TowStatus.ACKNOWLEDGED, "Budi")
GO = change(TowStatus.EN_ROUTE, "Budi", truck="derek_1")
DONE = change(TowStatus.DONE, "Budi")
NO = change(TowStatus.CANCELLED, detail="salah kendaraan")


def test_the_whole_way() -> None:
    job = walked(YES, ACK, GO, DONE)
    assert (job.status, job.ordered_by, job.truck, job.yard, job.revision) == (
        TowStatus.DONE,
        "Sari",
        "derek_1",
        "Dishub",
        5,
    )
    assert job.detail == "done by Budi"
    assert not tow.is_open(job)


@pytest.mark.parametrize("before", [(), (YES,), (YES, ACK), (YES, ACK, GO)])
def test_cancelled_at_any_time_before_done(before: tuple[tow.Change, ...]) -> None:
    job = walked(*before, NO)
    assert (job.status, job.detail) == (
        TowStatus.CANCELLED,
        "cancelled by Sari: salah kendaraan",
    )
    with pytest.raises(Refused, match="detail: empty; say why it is cancelled"):
        walked(*before, replace(NO, detail="  "))


@pytest.mark.parametrize(
    ("before", "refused", "sentence"),
    [
        ((), ACK, "is proposed, cannot become acknowledged; allowed: requested, cancelled"),
        ((), DONE, "is proposed, cannot become done"),
        ((YES,), YES, "is requested, cannot become requested; allowed: acknowledged, cancelled"),
        ((YES,), GO, "is requested, cannot become en route"),
        ((YES, ACK), ACK, "is acknowledged, cannot become acknowledged"),
        ((YES, ACK, GO, DONE), NO, "is done, cannot become cancelled; allowed: nothing more"),
        ((NO,), YES, "is cancelled, cannot become requested"),
        ((), change(TowStatus.UNKNOWN), "cannot become unknown"),
        ((), change(TowStatus.PROPOSED), "cannot become proposed"),
        ((YES, ACK), change(TowStatus.EN_ROUTE), "truck: empty; say which one goes"),
        ((), replace(YES, truck="x"), 'truck: found "x", allowed: derek_1, derek_2'),
        ((), replace(YES, detail="x" * 201), "detail: 201 characters, allowed: at most 200"),
        ((), replace(YES, detail="a\x1b[2Jb"), "detail: holds a character that cannot be shown"),
    ],
)
def test_what_is_refused(
    before: tuple[tow.Change, ...], refused: tow.Change, sentence: str
) -> None:
    with pytest.raises(Refused) as refusal:
        walked(*before, refused)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("officer", ["", " ", "\t\n", "-", "\u200b", "\u00a0", "...", "\u2800"])
def test_a_yes_without_a_name_is_none(officer: str) -> None:
    with pytest.raises(Refused, match="officer: "):
        walked(replace(YES, officer=officer))


def test_done_needs_a_yard_so_that_the_owner_finds_it() -> None:
    terms = tow.Terms()
    job = tow.proposed(measure_of(), NOW)
    for step in (YES, ACK, replace(GO, truck="any")):
        job = tow.changed(job, step, NOW, terms)
    with pytest.raises(Refused, match="yard: empty; say where the vehicle is"):
        tow.changed(job, DONE, NOW, terms)
    assert tow.changed(job, replace(DONE, yard="Kota"), NOW, terms).yard == "Kota"


def test_another_truck_takes_over() -> None:
    job = walked(YES, ACK, GO, replace(GO, truck="derek_2"))
    assert (job.status, job.truck, job.revision) == (TowStatus.EN_ROUTE, "derek_2", 5)


def test_a_yes_comes_too_late() -> None:
    job = tow.proposed(measure_of(), NOW)
    last = NOW + TERMS.propose_for
    assert tow.expired(job, last, TERMS) is None
    assert tow.changed(job, YES, last, TERMS).ordered_by == "Sari"
    with pytest.raises(Refused, match="the proposal is too old"):
        tow.changed(job, YES, last + 1, TERMS)
    gone = tow.expired(job, last + 1, TERMS)
    assert gone is not None
    assert gone.detail == "cancelled by itself: nobody said yes within 900 s"
    assert tow.expired(tow.changed(job, YES, NOW, TERMS), last + S, TERMS) is None


def test_what_was_seen_drops_a_proposal_and_notes_itself_once_on_an_order() -> None:
    job = tow.proposed(measure_of(), NOW)
    dropped = tow.over([job], "it left", NOW)
    assert dropped is not None
    assert (dropped.status, dropped.ordered_by) == (TowStatus.CANCELLED, "")
    assert tow.over([job, dropped], "it left", NOW) is None
    ordered = tow.changed(job, YES, NOW, TERMS)
    noted = tow.over([job, ordered], "it left", NOW)
    assert noted is not None
    assert (noted.status, noted.ordered_by) == (TowStatus.REQUESTED, "Sari")
    assert noted.detail == "an officer must decide: it left"
    later = tow.changed(noted, ACK, NOW, TERMS)
    assert tow.over([job, ordered, noted, later], "it left", NOW) is None
    assert tow.over([job, ordered, noted, later], "rejected", NOW) is not None


@pytest.mark.parametrize(
    ("measure", "sentence"),
    [
        (measure_of(step=Step.CITATION), "step citation is no tow"),
        (measure_of(mode=Mode.SOCIALISATION), "outside of enforcement mode"),
        (measure_of(mode=Mode.UNKNOWN), "outside of enforcement mode"),
        (replace(measure_of(), violation_id=""), "names no violation"),
    ],
)
def test_what_proposes_nothing(measure: Measure, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        tow.proposed(measure, NOW)


# --- stickers


def task_of(due: int = 0) -> StickerTask:
    return sticker.requested(replace(measure_of(step=Step.STICKER), due=due), NOW, 1800 * S)


def test_a_sticker_is_taken_and_done() -> None:
    task = task_of()
    assert (task.due, task_of(due=7).due) == (NOW + 1800 * S, 7)
    taken = sticker.changed(task, sticker.Change("t", StickerStatus.ACKNOWLEDGED, "Rudi"), NOW)
    done = sticker.changed(taken, sticker.Change("t", StickerStatus.DONE, "Rudi"), NOW)
    at_once = sticker.changed(task, sticker.Change("t", StickerStatus.DONE, "Rudi"), NOW)
    assert (done.status, done.officer, done.revision) == (StickerStatus.DONE, "Rudi", 3)
    assert at_once.revision == 2
    assert sticker.over(done, "x", NOW) is None
    with pytest.raises(Refused, match="is done by Rudi, cannot become cancelled; allowed: nothing"):
        sticker.changed(done, sticker.Change("t", StickerStatus.CANCELLED, "Adi", "x"), NOW)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (sticker.Change("t", StickerStatus.DONE, " "), "officer: "),
        (sticker.Change("t", StickerStatus.CANCELLED, "Rudi"), "detail: empty"),
        (sticker.Change("t", StickerStatus.REQUESTED, "Rudi"), "cannot become requested"),
        (sticker.Change("t", StickerStatus.UNKNOWN, "Rudi"), "cannot become unknown"),
    ],
)
def test_what_an_officer_cannot_say_of_a_sticker(change: sticker.Change, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        sticker.changed(task_of(), change, NOW)


def test_a_sticker_too_late_is_none() -> None:
    task = task_of()
    assert sticker.expired(task, task.due) is None
    gone = sticker.expired(task, task.due + 1)
    assert gone is not None
    assert (gone.status, gone.officer) == (StickerStatus.CANCELLED, "")
    with pytest.raises(Refused, match="its due time has passed"):
        sticker.changed(task, sticker.Change("t", StickerStatus.DONE, "Rudi"), task.due + 1)
    no = sticker.Change("t", StickerStatus.CANCELLED, "Rudi", "tidak ketemu")
    assert sticker.changed(task, no, task.due + 1).detail == "tidak ketemu"


@pytest.mark.parametrize("step", [Step.TOW, Step.REPRIMAND, Step.UNKNOWN])
def test_only_a_sticker_measure_asks_for_one(step: Step) -> None:
    with pytest.raises(Refused):
        sticker.requested(measure_of(step=step), NOW, S)
    with pytest.raises(Refused):
        sticker.requested(measure_of(step=Step.STICKER, mode=Mode.SOCIALISATION), NOW, S)


# --- what goes out


def test_a_letter_is_the_same_however_often_it_is_sent() -> None:
    job = walked(YES)
    first, second = (letter(job, Place("Demo", -1.25, 116.86), b"sesame") for _ in range(2))
    assert first == second
    said = json.loads(first.body)
    assert said["at"] == "2025-11-24T16:00:01+00:00"
    assert said["violation_type"] == "illegal_parking"
    assert first.headers["Idempotency-Key"] == f"{job.id}-2"
    mac = first.headers["X-Bconnect-Signature"]
    assert hmac.compare_digest(mac, signature(first.body, b"sesame"))
    assert mac != signature(first.body, b"other")
    assert mac != signature(first.body + b" ", b"sesame")


@pytest.mark.parametrize("job", [walked(), walked(NO)])
def test_no_letter_without_a_yes(job: TowJob) -> None:
    with pytest.raises(ValueError, match="no officer said yes"):
        letter(job, Place(), b"sesame")


def test_a_jobs_letters_wait_for_each_other() -> None:
    a1 = replace(walked(YES), id="a")
    a2 = replace(a1, revision=3, stamp=a1.stamp - S)  # a clock that was set back
    b1 = replace(a1, id="b", revision=4, stamp=a1.stamp + S)
    assert next_of_each([b1, a2, a1]) == [a1, b1]
    assert next_of_each([]) == []


def test_pauses_grow_to_a_limit_and_are_forgotten() -> None:
    pauses = Pauses()
    assert pauses.is_due("a", 0)
    lengths = [pauses.failed("a", 0) for _ in range(40)]
    assert 0.8 * S <= lengths[0] <= 1.2 * S
    assert all(length <= 1.2 * LONGEST_PAUSE for length in lengths)
    assert lengths[12] >= 0.8 * LONGEST_PAUSE
    assert not pauses.is_due("a", lengths[-1] - 1)
    assert pauses.is_due("a", lengths[-1])
    assert pauses.wait(0) == lengths[-1]
    for n in range(1000):
        pauses.failed(str(n), 0)
    pauses.keep(["a"])
    assert len(pauses) == 1
    pauses.forget("a")
    assert (len(pauses), pauses.wait(0)) == (0, LONGEST_PAUSE)


# --- no sequence whatsoever

NAMED = ("Sari", "Adi")
OFFICERS = st.sampled_from([*NAMED, *NAMED, "", " ", "\u200b", "--"])
TEXTS = st.sampled_from(["", "salah", "derek_1", "derek_2", "gerobak", "x" * 300])


class Towing(RuleBasedStateMachine):
    """The tow node without its ropes: every message, every service call, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.jobs: dict[str, list[TowJob]] = {}
        self.said_yes: dict[str, str] = {}  # job: officer of an accepted REQUESTED
        self.by_hand: set[tuple[str, int]] = set()  # states that a service call made
        self.sent: list[TowJob] = []

    def put(self, job: TowJob | None) -> None:
        if job is not None:
            history = self.jobs.setdefault(job.id, [])
            assert job.revision == len(history) + 1
            history.append(job)

    @rule(n=st.integers(0, 1))
    def proposal(self, n: int) -> None:
        self.measure(n, Step.TOW, Mode.ENFORCEMENT)

    @rule(n=st.integers(0, 1), step=st.sampled_from(Step), mode=st.sampled_from(Mode))
    def any_measure(self, n: int, step: Step, mode: Mode) -> None:
        self.measure(n, step, mode)

    def measure(self, n: int, step: Step, mode: Mode) -> None:
        try:
            job = tow.proposed(measure_of(n, step, mode), self.now)
        except Refused:
            return
        assert (step, mode) == (Step.TOW, Mode.ENFORCEMENT)
        if job.id not in self.jobs:
            self.put(job)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), status=st.sampled_from(TowStatus), officer=OFFICERS)
    def service(self, data: st.DataObject, status: TowStatus, officer: str) -> None:
        """Well filled in, but for the name perhaps."""
        id_ = data.draw(st.sampled_from(sorted(self.jobs)))
        self.ask(tow.Change(id_, status, officer, "derek_1", "Kota", "x"))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), officer=OFFICERS)
    def next_step(self, data: st.DataObject, officer: str) -> None:
        """The step that would be lawful now."""
        id_ = data.draw(st.sampled_from(sorted(self.jobs)))
        at = WAY.index(self.jobs[id_][-1].status)
        self.ask(tow.Change(id_, WAY[min(at + 1, 4)], officer, "derek_2", "", ""))

    @precondition(lambda self: self.jobs)
    @rule(
        data=st.data(),
        status=st.sampled_from(TowStatus),
        officer=OFFICERS,
        truck=TEXTS,
        yard=TEXTS,
        detail=TEXTS,
    )
    def any_service(
        self, data: st.DataObject, status: TowStatus, officer: str, **texts: str
    ) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.jobs)))
        self.ask(tow.Change(id_, status, officer, **texts))

    def ask(self, wanted: tow.Change) -> None:
        before = self.jobs[wanted.id][-1]
        try:
            job = tow.changed(before, wanted, self.now, TERMS)
        except Refused:
            return
        assert wanted.officer in NAMED
        if wanted.status is TowStatus.REQUESTED:
            assert before.status is TowStatus.PROPOSED
            assert self.now <= before.stamp + TERMS.propose_for
            self.said_yes[wanted.id] = wanted.officer
        self.by_hand.add((job.id, job.revision))
        self.put(job)

    @rule(why=st.sampled_from(["it left", "rejected"]))
    def seen(self, why: str) -> None:
        for history in self.jobs.values():
            self.put(tow.over(history, why, self.now))

    @rule(seconds=st.sampled_from([600, 1000]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * S

    @rule()
    def look(self) -> None:
        for history in self.jobs.values():
            self.put(tow.expired(history[-1], self.now, TERMS))

    @rule()
    def outbox(self) -> None:
        for history in self.jobs.values():
            for job in history:
                try:
                    letter(job, Place(), b"x")
                except ValueError:
                    continue
                self.sent.append(job)

    @invariant()
    def nothing_moves_without_an_officer(self) -> None:
        for id_, history in self.jobs.items():
            for job in history:
                if job.status in ORDERED or job.ordered_by:
                    assert job.ordered_by == self.said_yes[id_]
        assert all(job.ordered_by for job in self.sent)
        assert all(self.said_yes.get(job.id) for job in self.sent)

    @invariant()
    def by_itself_it_only_drops_what_nobody_ordered(self) -> None:
        for history in self.jobs.values():
            for before, job in pairwise(history):
                if (job.id, job.revision) not in self.by_hand and before.ordered_by:
                    assert job.status is before.status

    @invariant()
    def states_follow_one_another(self) -> None:
        for history in self.jobs.values():
            assert history[0].status is TowStatus.PROPOSED
            ended = [job for job in history if not tow.is_open(job)]
            assert ended in ([], history[-1:])
            if history[-1].status is TowStatus.DONE:
                assert history[-1].truck in TERMS.trucks
                assert history[-1].yard
            assert self.order_of(history) == sorted(self.order_of(history))

    @staticmethod
    def order_of(history: Sequence[TowJob]) -> list[int]:
        return [WAY.index(job.status) for job in history]


Towing.TestCase.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
TestTowing = Towing.TestCase
