"""kill -9 in the middle of writing, again and again: nothing lost, nothing doubled, chain whole.

    ./bconnect python benchmarks/ledger_kill.py --kills 1000
    ./bconnect python benchmarks/ledger_kill.py --kills 200 --database postgresql

A child opens the ledger and writes case after case: a measure, a violation, an officer's
decision, an erasure of what was rejected. It says before and after each call which one it is.
After a random moment it gets SIGKILL, and the next one begins with the last calls once more,
as a reconnecting reader does. At the end everything that was acknowledged must be there once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.core.citation import Decision, Refused
from bconnect_enforce.core.records import (
    EvidenceFile,
    Measure,
    Offence,
    Violation,
    identity,
)
from bconnect_enforce.core.retention import Erasure
from bconnect_site.kinds import (
    CitationStatus,
    EvidenceKind,
    Mode,
    PlateState,
    RoadUserKind,
    Step,
    ViolationType,
)

ROOT = Path(__file__).resolve().parents[1]
ZONE = ZoneInfo("Asia/Makassar")
SITE = "kill"
SEEN = 1_795_422_600_000_000_000
DAYS = 30
LATER = SEEN + 40 * 86_400 * 10**9
STEPS = ("measure", "violation", "review", "erase")
STATES = (CitationStatus.CONFIRMED, CitationStatus.REJECTED, CitationStatus.WITHDRAWN)
MOST = 8  # calls a child gets done before the moment of the kill is drawn
LONGEST = 0.02  # s from then to the kill


def verdict(n: int) -> CitationStatus:
    return STATES[n % 3]


def violation(n: int) -> Violation:
    offence = Offence(
        id=identity("kill", str(n)),
        type=ViolationType.ILLEGAL_PARKING,
        site=SITE,
        camera="utara",
        zone="bahu",
        stamp=SEEN,
        track_id=n,
        road_user=RoadUserKind.CAR,
    )
    return Violation(
        offence=offence,
        started=SEEN,
        basis="sign",
        catalogue_version="x/1",
        confidence=0.9,
        explanation=f"stood, case {n}",
        latitude=-1.2,
        longitude=116.8,
        measured=61.0,
        limit=60.0,
        plate_state=PlateState.READ,
        plate=f"KT {n % 9999 + 1} AB",
        evidence=(EvidenceFile(EvidenceKind.SCENE, f"{n}/scene.jpg", "ab" * 32, SEEN),),
        manifest=f"{n}/manifest.json",
        manifest_sha256="cd" * 32,
    )


def measure(n: int) -> Measure:
    id_ = identity("kill", str(n))
    return Measure(
        id=identity(id_, "citation"),
        violation_id=id_,
        site=SITE,
        camera="utara",
        type=ViolationType.ILLEGAL_PARKING,
        step=Step.CITATION,
        mode=Mode.ENFORCEMENT,
        stamp=SEEN,
        reason=f"Usulan tilang diajukan, kasus {n}.",
        policy="default.citation",
    )


def number(n: int) -> str:
    """Cases come in order, so the ledger numbers them so."""
    return f"BC-{SITE}-2026-{n + 1:06d}"


def call(ledger: Ledger, index: int) -> None:
    """One call; done again it changes nothing."""
    n, step = divmod(index, len(STEPS))
    if step == 0:
        ledger.store_measure(measure(n), SEEN + index)
    elif step == 1:
        ledger.store_violation(violation(n), SEEN + index)
    elif step == 2:
        decision = Decision(number(n), verdict(n), "Ipda Sari", f"alasan {n}")
        try:
            ledger.review(decision, SEEN + index)
        except Refused as error:
            case = ledger.case(number(n))
            if case is None or case.erased is None:  # its words are gone, so it is another one
                raise AssertionError(f"the same decision again was refused: {error}") from None
    elif verdict(n) is not CitationStatus.CONFIRMED:
        erasure = Erasure(violation(n).id, f"{n}/manifest.json", "rejected", "test")
        ledger.erase(erasure, LATER, DAYS)


def child(url: str, start: int, out: int) -> None:
    """Writes until it is killed."""
    ledger = Ledger(url, ZONE, SITE)
    os.write(out, b"o\n")
    index = start
    while True:
        os.write(out, b"b%d\n" % index)
        call(ledger, index)
        os.write(out, b"d%d\n" % index)
        index += 1


@dataclass
class Told:
    """What the killed children said."""

    done: int = -1  # the last call acknowledged, counted without a gap
    begun: Counter[str] = field(default_factory=Counter)  # kills inside a call, by kind
    between: int = 0
    opening: int = 0


def kill_once(url: str, chance: random.Random, told: Told) -> None:
    """Starts a child, kills it at a random moment, notes what it had acknowledged."""
    start = max(0, told.done + 1 - chance.randint(0, 7))
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        status = 1
        try:
            child(url, start, writer)
        except BaseException as error:
            os.write(writer, f"x{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(status)
    os.close(writer)
    heard = b""
    # One in twenty dies while it opens the ledger.
    calls = chance.randint(0, MOST) if chance.random() > 0.05 else -1
    while calls >= 0 and heard.count(b"d") < calls and (more := os.read(reader, 4096)):
        heard += more
    until = time.perf_counter() + chance.random() * LONGEST
    while (left := until - time.perf_counter()) > 0:
        if select.select([reader], [], [], left)[0]:
            if not (more := os.read(reader, 65536)):
                break
            heard += more
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while more := os.read(reader, 65536):
        heard += more
    os.close(reader)
    note(heard.decode(), told)


def note(heard: str, told: Told) -> None:
    lines = [line for line in heard.split("\n")[:-1] if line]
    if wrong := [line for line in lines if line.startswith("x")]:
        raise AssertionError(f"a child failed by itself: {wrong[0][1:]}")
    done = [int(line[1:]) for line in lines if line.startswith("d")]
    told.done = max([told.done, *done])
    last = lines[-1] if lines else ""
    if last.startswith("b"):
        told.begun[STEPS[int(last[1:]) % len(STEPS)]] += 1
    elif last.startswith(("o", "d")):
        told.between += 1
    else:
        told.opening += 1


def check(url: str, told: Told) -> dict[str, int]:
    """Compares the ledger with what was acknowledged. Raises AssertionError."""
    ledger = Ledger(url, ZONE, SITE)
    try:
        assert ledger.broken_line() is None, "the chain of citations is broken"
        with ledger.engine.begin() as connection:
            if url.startswith("sqlite"):
                whole = connection.execute(text("PRAGMA integrity_check")).scalar()
                assert whole == "ok", whole
            rows = lambda query: connection.execute(text(query)).all()  # noqa: E731
            return compare(rows, told.done)
    finally:
        ledger.close()


def compare(rows: Any, done: int) -> dict[str, int]:
    measures = Counter(r[0] for r in rows("SELECT violation_id FROM measures"))
    seen = {r[0]: r[1] for r in rows("SELECT id, plate FROM violations")}
    lines = Counter((r[0], r[1]) for r in rows("SELECT violation_id, status FROM citations"))
    erased = {r[0] for r in rows("SELECT violation_id FROM erasures")}
    calls = done + 2  # the one that was interrupted may have been committed or not
    for n in range(calls // len(STEPS) + 1):
        id_, first = identity("kill", str(n)), n * len(STEPS)
        expected = (
            (measures[id_], first, "measure"),
            (int(id_ in seen), first + 1, "violation"),
            (lines[id_, 1], first + 1, "citation"),
            (lines[id_, int(verdict(n))], first + 2, "decision"),
        )
        for found, index, what in expected:
            assert found == 1 or (found == 0 and index > done), f"{what} of case {n}: {found} times"
        gone = verdict(n) is not CitationStatus.CONFIRMED
        if gone and first + 3 <= done:
            assert id_ in erased, f"case {n}: its erasure was lost"
        if id_ in seen:
            assert (seen[id_] == "") == (id_ in erased), f"case {n}: half erased"
    assert set(measures.values()) <= {1}
    assert set(lines.values()) <= {1}
    assert sum(lines.values()) <= 2 * (calls // len(STEPS) + 1)
    serials = [r[0] for r in rows("SELECT serial FROM citations WHERE status = 1 ORDER BY serial")]
    assert serials == list(range(1, len(serials) + 1)), "a number was left out or given twice"
    return {
        "violations": len(seen),
        "citation lines": sum(lines.values()),
        "erased": len(erased),
    }


def run(url: str, kills: int, seed: int, every: int = 100) -> dict[str, Any]:
    """Kills so many times; checks now and then and at the end. Raises AssertionError."""
    chance, told = random.Random(seed), Told()
    Ledger(url, ZONE, SITE).close()
    began = time.perf_counter()
    for count in range(1, kills + 1):
        kill_once(url, chance, told)
        if count % every == 0 or count == kills:
            found = check(url, told)
            print(f"{count} kills, {told.done + 1} calls acknowledged: {found}", file=sys.stderr)
    return {
        "kills": kills,
        "seed": seed,
        "inside a call": sum(told.begun.values()),
        "by call": dict(sorted(told.begun.items())),
        "between calls": told.between,
        "while opening": told.opening,
        "calls acknowledged": told.done + 1,
        **found,
        "lost": 0,
        "doubled": 0,
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql, or a URL")
    options = parser.parse_args()
    if options.database == "postgresql":
        sys.path.insert(0, str(ROOT / "tests" / "enforce"))
        from cluster import cluster  # the tests' private server

        with cluster(fsync=True) as server:
            print(json.dumps(run(server.database(), options.kills, options.seed)))
        return 0
    if "://" in options.database:
        print(json.dumps(run(options.database, options.kills, options.seed)))
        return 0
    with tempfile.TemporaryDirectory(prefix="bconnect-kill-") as folder:
        print(json.dumps(run(f"sqlite:///{folder}/ledger.sqlite3", options.kills, options.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
