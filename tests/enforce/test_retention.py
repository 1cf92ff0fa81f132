"""What is erased on schedule, and what stays."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from bconnect_enforce.adapters.evidence_eraser import eraser
from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.bookkeeping import retain
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.records import StickerTask, TowJob, identity
from bconnect_enforce.core.retention import DAY, Held, due
from bconnect_site.kinds import (
    CitationStatus,
    PlateState,
    Step,
    StickerStatus,
    TowStatus,
    ViolationType,
)

ZONE = ZoneInfo("Asia/Makassar")
S = 1_000_000_000
SEEN = 1_790_000_000 * S
CONFIRMED, REJECTED, WITHDRAWN = (
    CitationStatus.CONFIRMED,
    CitationStatus.REJECTED,
    CitationStatus.WITHDRAWN,
)


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (Held("v", "m", 0), "never became a case"),
        (Held("v", "m", 0, REJECTED, 0), "rejected by an officer"),
        (Held("v", "m", 0, WITHDRAWN, 0), "withdrawn by an officer"),
        (Held("v", "m", 0, CONFIRMED, 0), None),
        (Held("v", "m", 0, CitationStatus.PENDING_REVIEW, 0), None),
        (Held("v", "m", 0, tows=frozenset({TowStatus.DONE})), None),
        (Held("v", "m", 0, tows=frozenset({TowStatus.EN_ROUTE})), None),
        (Held("v", "m", 0, tows=frozenset({TowStatus.CANCELLED})), "never became a case"),
        (Held("v", "m", 0, tows=frozenset({TowStatus.PROPOSED})), "never became a case"),
        (Held("v", "m", 0, stickers=frozenset({StickerStatus.DONE})), None),
        (Held("v", "m", 0, stickers=frozenset({StickerStatus.CANCELLED})), "never became a case"),
        (Held("v", "m", 0, REJECTED, 0, tows=frozenset({TowStatus.DONE})), None),
    ],
)
def test_cases_stay(held, why):
    assert [e.why for e in due([held], 90 * DAY, 90)] == ([why] if why else [])


@pytest.mark.parametrize(
    ("seen", "decided", "gone"),
    [(0, 0, True), (1, 0, False), (0, 1, False), (0, -5, True)],
)
def test_days_count_from_the_last_thing_that_happened(seen, decided, gone):
    held = Held("v", "m", seen, REJECTED, decided)
    assert bool(due([held], 90 * DAY, 90)) is gone


# --- in the ledger --------------------------------------------------------------------------


@pytest.fixture
def ledger(database):
    ledger = Ledger(database, ZONE, "demo")
    yield ledger
    ledger.close()


@pytest.fixture
def cases(ledger, violation, measure):
    """1 confirmed, 2 rejected, 3 withdrawn, 4 pending, 5 no case, 6 only a reprimand unsealed."""
    for n in range(1, 6):
        seen = violation(n, stamp=SEEN, colour=1)
        seen = replace(seen, plate_state=PlateState.READ, plate=f"KT {n} AB")
        ledger.store_violation(seen, SEEN)
        if n < 5:
            ledger.store_measure(
                replace(measure(n), stamp=SEEN, reason=f"Usulan tilang, KT {n} AB."), SEEN
            )
    ledger.store_measure(
        replace(measure(6, Step.REPRIMAND), stamp=SEEN, reason="Teguran, KT 6 AB."), SEEN
    )
    for n, status in ((1, CONFIRMED), (2, REJECTED), (3, WITHDRAWN)):
        number = f"BC-demo-2026-{n:06d}"
        ledger.review(Decision(number, status, "Sari", f"KT {n} AB salah baca"), SEEN + DAY)
    return ledger


class Evidence:
    """Stands for the evidence store."""

    def __init__(self, broken: set[str] = frozenset()) -> None:
        self.gone: list[str] = []
        self.broken = set(broken)

    def __call__(self, manifest: str, why: str, rule: str, stamp: int) -> None:
        if manifest in self.broken:
            raise ValueError("the disk refuses")
        self.gone.append(manifest)


def everything(ledger) -> str:
    """All the texts the database holds."""
    with ledger.engine.begin() as connection:
        return "\n".join(
            str(row)
            for table in ("violations", "measures", "citations", "erasures", "events")
            for row in connection.execute(text(f"SELECT * FROM {table}"))
        )


def test_rejected_withdrawn_and_never_a_case_go_and_the_chain_holds(cases):
    chain = [line.hash for line in cases.current()]
    evidence = Evidence()
    assert retain(cases, evidence, 90, SEEN + 89 * DAY, "test").erased == []
    done = retain(cases, evidence, 90, SEEN + 91 * DAY, "test")
    assert done.failed == []
    assert sorted(e.why for e in done.erased) == [
        "never became a case",
        "never became a case",
        "rejected by an officer",
        "withdrawn by an officer",
    ]
    assert sorted(evidence.gone) == ["2/manifest.json", "3/manifest.json", "5/manifest.json"]
    texts = everything(cases)
    for n, gone in ((1, False), (2, True), (3, True), (4, False), (5, True), (6, True)):
        assert (f"KT {n} AB" not in texts) is gone, n
    assert cases.broken_line() is None
    assert cases.broken_event() is None
    assert [line.hash for line in cases.current()] == chain
    kept = cases.case("BC-demo-2026-000002")
    assert (kept.violation.plate, kept.violation.explanation) == ("", "")
    assert kept.violation.latitude != kept.violation.latitude
    assert (kept.last.status, kept.last.reviewer, kept.last.reason) == (REJECTED, "Sari", "")
    assert kept.erased == SEEN + 91 * DAY
    assert retain(cases, evidence, 90, SEEN + 400 * DAY, "test").erased == []


def test_much_is_erased_in_several_runs(cases):
    runs = [retain(cases, Evidence(), 90, SEEN + 91 * DAY, "test", most=3) for _ in range(3)]
    assert [(len(run.erased), run.more) for run in runs] == [(3, True), (1, False), (0, False)]


def test_what_was_erased_does_not_come_back(cases, violation, measure):
    retain(cases, Evidence(), 90, SEEN + 91 * DAY, "test")
    again = replace(violation(5, stamp=SEEN), plate="KT 5 AB", plate_state=PlateState.READ)
    assert cases.store_violation(again, SEEN) == []
    assert cases.store_measure(replace(measure(5), reason="Usulan tilang, KT 5 AB."), SEEN) == []
    assert "KT 5 AB" not in everything(cases)
    assert cases.case("BC-demo-2026-000005") is None


def test_evidence_that_cannot_be_erased_is_tried_again(cases):
    evidence = Evidence({"3/manifest.json"})
    done = retain(cases, evidence, 90, SEEN + 91 * DAY, "test")
    assert len(done.erased) == 3
    assert done.failed == ["3/manifest.json: its evidence is still there: the disk refuses"]
    evidence.broken.clear()
    done = retain(cases, evidence, 90, SEEN + 92 * DAY, "test")
    assert [e.manifest for e in done.erased] == ["3/manifest.json"]
    assert len(cases.events("erasure")) == 4


def test_killed_between_the_texts_and_the_evidence(cases):
    (first, *_) = cases.erasable(SEEN + 91 * DAY, 90)
    assert cases.erase(first, SEEN + 91 * DAY, 90)
    assert not cases.erase(first, SEEN + 91 * DAY, 90)
    assert [e.violation_id for e in cases.unfinished_erasures()] == [first.violation_id]
    done = retain(cases, Evidence(), 90, SEEN + 91 * DAY, "test")
    assert first.violation_id in {e.violation_id for e in done.erased}
    assert cases.unfinished_erasures() == []


def test_a_case_made_meanwhile_stays(cases, measure):
    due_ = {e.violation_id: e for e in cases.erasable(SEEN + 91 * DAY, 90)}
    five = due_[identity("test", "5")]
    cases.store_measure(replace(measure(5), stamp=SEEN), SEEN + 91 * DAY)
    assert not cases.erase(five, SEEN + 91 * DAY, 90)


def test_a_tow_or_a_sticker_keeps_the_evidence(cases):
    id_ = identity("test", "5")
    common = {"violation_id": id_, "site": "demo", "camera": "simpang_utara", "stamp": SEEN,
              "type": ViolationType.ILLEGAL_PARKING}  # fmt: skip
    cases.put_tow_job(TowJob(id="t", status=TowStatus.PROPOSED, **common))
    cases.put_tow_job(TowJob(id="t", status=TowStatus.REQUESTED, revision=2, **common))
    cases.put_sticker(StickerTask(id="s", status=StickerStatus.REQUESTED, due=SEEN, **common))
    assert id_ not in {e.violation_id for e in cases.erasable(SEEN + 91 * DAY, 90)}
    cases.put_tow_job(
        TowJob(id="t", status=TowStatus.CANCELLED, revision=3, detail="KT 5 AB pergi", **common)
    )
    assert id_ not in {e.violation_id for e in cases.erasable(SEEN + 91 * DAY, 90)}
    cases.put_sticker(
        StickerTask(id="s", status=StickerStatus.CANCELLED, revision=2, due=SEEN, **common)
    )
    assert id_ in {e.violation_id for e in cases.erasable(SEEN + 91 * DAY, 90)}
    retain(cases, Evidence(), 90, SEEN + 91 * DAY, "test")
    assert cases.tow_jobs()[0].detail == ""


def test_nothing_is_left_in_the_file(tmp_path, violation):
    """Not in spare pages and not in the write-ahead log."""
    path = tmp_path / "ledger.sqlite3"
    ledger = Ledger(f"sqlite:///{path}", ZONE, "demo")
    for n in range(40):
        seen = replace(violation(n, stamp=SEEN), plate=f"ZZ {n} RAHASIA", plate_state=PlateState(3))
        ledger.store_violation(seen, SEEN)
    retain(ledger, Evidence(), 90, SEEN + 91 * DAY, "test")
    files = [p for p in tmp_path.iterdir() if p.name.startswith("ledger.sqlite3")]
    assert all(b"RAHASIA" not in p.read_bytes() for p in files), [p.name for p in files]
    ledger.close()


def test_the_eraser_needs_keys_and_says_so(tmp_path):
    (tmp_path / "evidence" / "2").mkdir(parents=True)
    with pytest.raises(ValueError, match="keys_dir: empty"):
        eraser(tmp_path / "evidence", "")("2/manifest.json", "why", "rule", SEEN)
    # where the folder is gone altogether there is nothing to sign
    eraser(tmp_path / "evidence", "")("9/manifest.json", "why", "rule", SEEN)


def test_the_eraser_takes_a_sealed_folder_away(tmp_path):
    folder = tmp_path / "evidence" / "demo" / "day" / "v"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"format": "bconnect-evidence/2", "sequence": 1}')
    (folder / "manifest.sig").write_text("sig")
    (folder / "scene.jpg").write_bytes(b"face")
    erase = eraser(tmp_path / "evidence", str(tmp_path / "keys"))
    for _ in range(2):
        erase("demo/day/v/manifest.json", "rejected by an officer", "rule", SEEN)
    left = {p.name for p in folder.iterdir()}
    assert left == {"manifest.json", "manifest.sig", "erased.json"}
