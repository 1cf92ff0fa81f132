"""What became of everything that went into a street: what was lost, what was doubled."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from street import NEVER, PARKING, SITE, Street
from traffic import Traffic

from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.bookkeeping import zone_of
from bconnect_site.kinds import CitationStatus, EvidenceKind, Step, TowStatus
from bconnect_site.plan import Plan
from bconnect_site.sealed import MANIFEST, PARTIAL, SET_ASIDE

LEGAL = {PARKING: (Step.STICKER, Step.CITATION, Step.TOW)}
USUAL = (Step.CITATION,)


class Books:
    """The ledger, read as it lies there."""

    def __init__(self, street: Street) -> None:
        plan = Plan.from_json(street.layout.plan_file.read_text())
        citation = next(node for node in plan.nodes if node.name == "citation")
        self.url = str(citation.parameters["database"])
        self._engine = create_engine(self.url, pool_pre_ping=True)

    def rows(self, query: str) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(text(query)).all())

    def proposed(self) -> list[str]:
        """Tow jobs that wait for an officer's yes, the oldest first."""
        query = "SELECT id FROM tow_jobs GROUP BY id HAVING max(revision) = 1 ORDER BY min(stamp)"
        return [row[0] for row in self.rows(query)]

    def pending(self) -> list[str]:
        """Numbers of undecided citations, the oldest first."""
        query = (
            "SELECT number FROM citations GROUP BY number HAVING count(*) = 1 ORDER BY min(line)"
        )
        return [row[0] for row in self.rows(query)]

    def close(self) -> None:
        self._engine.dispose()


@dataclass
class Found:
    """The account; sentences in `lost` and `doubled` name what."""

    findings: int = 0
    violations: int = 0
    citations: int = 0
    stickers: int = 0
    tow_jobs: int = 0
    ordered: int = 0
    decided: int = 0
    at_centre: int = 0
    without_picture: int = 0
    sent_again: int = 0  # findings that nobody took the first time
    told_again: int = 0  # the towing service heard the same, under the same key
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not (self.lost or self.doubled or self.broken)

    def once(self, count: int, what: str) -> None:
        if count < 1:
            self.lost.append(what)
        elif count > 1:
            self.doubled.append(f"{what}: {count} times")


def settle(street: Street, traffic: Traffic, patience: float) -> Found:
    """Waits until everything has arrived, at most `patience` s, and tells what did."""
    traffic.cease()
    deadline = time.monotonic() + patience
    books = Books(street)
    try:
        while True:
            street.keep_up()
            try:
                found = take(street, traffic, books)
            except Exception as error:  # a database that is just coming back
                found = Found(broken=[f"{type(error).__name__}: {error}"])
            if found.whole or time.monotonic() > deadline:
                return seals(street, found)
            NEVER.wait(0.5)
    finally:
        books.close()


def take(street: Street, traffic: Traffic, books: Books) -> Found:
    """The account as of now."""
    sent = dict(traffic.sent)
    found = Found(findings=len(sent), sent_again=sum(one.times > 1 for one in sent.values()))
    _evidence(street, sent, found)
    _ledger(sent, books, found)
    _roadside(street, traffic, books, found)
    if street.ways.centre:
        _centre(street, sent, found)
    return found


def _evidence(street: Street, sent: dict[str, Any], found: Found) -> None:
    site = street.layout.evidence_dir / SITE
    sealed = Counter(
        path.parent.name
        for path in site.glob(f"*/*/{MANIFEST}")
        if PARTIAL not in path.parent.name and path.parent.parent.name != SET_ASIDE
    )
    found.violations = len(sealed)
    for id_ in sent:
        found.once(sealed[id_], f"evidence of {id_}")
    found.doubled += [f"evidence of {id_}, which nobody found" for id_ in sealed if id_ not in sent]


def _ledger(sent: dict[str, Any], books: Books, found: Found) -> None:
    rows = books.rows("SELECT id, evidence FROM violations")
    violations = Counter(row[0] for row in rows)
    pictured = {row[0] for row in rows if _has_scene(row[1])}
    found.without_picture = len(violations) - len(pictured)
    measures = Counter((r[0], r[1]) for r in books.rows("SELECT violation_id, step FROM measures"))
    pending = Counter(
        r[0] for r in books.rows("SELECT violation_id FROM citations WHERE status = 1")
    )
    found.citations = len(pending)
    for id_, one in sent.items():
        found.once(violations[id_], f"violation {id_}")
        found.once(measures[id_, int(Step.REPRIMAND)], f"reprimand of {id_}")
        for step in LEGAL.get(one.kind, USUAL):
            if id_ in pictured:
                found.once(measures[id_, int(step)], f"{step.name.lower()} of {id_}")
            elif measures[id_, int(step)]:
                found.doubled.append(f"{step.name.lower()} of {id_} without a picture")
    for id_, step in measures:
        if step == Step.CITATION:
            found.once(pending[id_], f"citation of {id_}")
    serials = sorted(r[0] for r in books.rows("SELECT serial FROM citations WHERE status = 1"))
    if serials != list(range(1, len(serials) + 1)):
        found.broken.append("numbers of citations: one was left out or given twice")


def _has_scene(evidence: Any) -> bool:
    files = json.loads(evidence) if isinstance(evidence, str) else evidence
    return any(int(file["kind"]) == EvidenceKind.SCENE for file in files)


def _roadside(street: Street, traffic: Traffic, books: Books, found: Found) -> None:
    for table, step in (("tow_jobs", Step.TOW), ("stickers", Step.STICKER)):
        asked = {
            r[0] for r in books.rows(f"SELECT violation_id FROM measures WHERE step = {int(step)}")
        }
        rows = books.rows(f"SELECT id, violation_id, revision FROM {table}")
        jobs = {(r[0], r[1]) for r in rows}
        by_violation = Counter(violation for _, violation in jobs)
        for id_ in asked:
            found.once(by_violation[id_], f"{table}: job of {id_}")
        found.doubled += [f"{table}: job of {v}, not asked" for v in by_violation if v not in asked]
        revisions: dict[str, list[int]] = {}
        for id_, _, revision in rows:
            revisions.setdefault(id_, []).append(revision)
        for id_, steps in revisions.items():
            if sorted(steps) != list(range(1, len(steps) + 1)):
                found.broken.append(f"{table}: {id_}: revisions {sorted(steps)}")
        setattr(found, table, len(jobs))
    _people(street, traffic, books, found)


def _people(street: Street, traffic: Traffic, books: Books, found: Found) -> None:
    """What the officer was told was done is there once, and the towing service heard it."""
    # an officer's own order; what the node notes on one later has the same status
    requested = Counter(
        r[0]
        for r in books.rows(
            f"SELECT id FROM tow_jobs WHERE status = {int(TowStatus.REQUESTED)} "
            "AND detail LIKE 'requested by %'"
        )
    )
    found.ordered, found.decided = len(requested), len(traffic.acts.decided)
    heard = Counter(said["id"] for said in street.towing.taken)
    found.told_again = len(street.towing.taken) - len({s["key"] for s in street.towing.taken})
    for id_ in traffic.acts.ordered:
        found.once(requested[id_], f"order to tow {id_}")
    for id_ in requested:
        found.once(min(1, heard[id_]), f"what the towing service hears of {id_}")
    found.doubled += [f"a truck for {id_}, not ordered" for id_ in heard if id_ not in requested]
    keys = {said["key"]: json.dumps(said, sort_keys=True) for said in street.towing.taken}
    for said in street.towing.taken:
        if keys[said["key"]] != json.dumps(said, sort_keys=True):
            found.doubled.append(f"towing service: {said['key']}: said two things")
    lines = Counter((r[0], r[1]) for r in books.rows("SELECT number, status FROM citations"))
    for number, status in traffic.acts.decided.items():
        found.once(lines[number, status], f"decision on {number}")
    other = {CitationStatus.CONFIRMED, CitationStatus.REJECTED}
    for number in {n for n, _ in lines}:
        if sum(lines[number, int(status)] for status in other) > 1:
            found.doubled.append(f"decisions on {number}")


def _centre(street: Street, sent: dict[str, Any], found: Found) -> None:
    store = street.folder / "centre"
    there = Counter(path.parent.name for path in store.rglob(MANIFEST) if path.parent.name in sent)
    found.at_centre = len(there)
    for id_ in sent:
        found.once(there[id_], f"{id_} at the centre")


def seals(street: Street, found: Found) -> Found:
    """Checks both chains: seals of the evidence, lines of the ledger."""
    command = [sys.executable, "-m", "bconnect_bringup.cli", "verify"]
    done = subprocess.run(
        [*command, str(street.layout.evidence_dir)], capture_output=True, text=True, check=False
    )
    if done.returncode or "chain whole" not in done.stdout:
        found.broken.append(f"evidence: {(done.stdout + done.stderr)[-400:]}")
    books = Books(street)
    ledger = Ledger(books.url, zone_of("Asia/Makassar"), SITE, sole=False)
    try:
        line = ledger.broken_line()
    finally:
        ledger.close()
        books.close()
    if line is not None:
        found.broken.append(f"ledger: line {line} does not follow from the one before")
    return found


def report(found: Found) -> dict[str, Any]:
    """Numbers for a benchmark's last line."""
    plain = {k: v for k, v in vars(found).items() if not isinstance(v, list)}
    return plain | {
        "lost": len(found.lost), "doubled": len(found.doubled), "broken": len(found.broken)
    }  # fmt: skip


def left_over(folder: Path) -> list[str]:
    """Names of what was set aside, for a look by people."""
    return sorted(path.name for path in folder.glob(f"{SITE}/{SET_ASIDE}/*"))
