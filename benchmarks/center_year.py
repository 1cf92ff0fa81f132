"""A year of a city for benchmarks/center.py: rows made at once, chains as true as the ledger's."""

from __future__ import annotations

import bisect
import hashlib
import io
import json
import math
import random
import time
from dataclasses import asdict, dataclass, fields
from itertools import accumulate
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher
from sqlalchemy import Table

from bconnect_center.adapters import tables as centre_tables
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.core.audit import GENESIS as AUDIT_GENESIS
from bconnect_center.core.audit import Act, follow
from bconnect_center.core.choice import days as day_number
from bconnect_center.core.choice import iso, monday
from bconnect_center.core.live import Happening
from bconnect_center.core.roles import Person, Role
from bconnect_center.house import House, open_house
from bconnect_center.settings import load
from bconnect_enforce.adapters.ledger import tables
from bconnect_enforce.core import citation as core
from bconnect_enforce.core.records import Citation, Measure, Offence, Violation
from bconnect_site.kinds import (
    CitationStatus,
    Mode,
    Outcome,
    RoadUserKind,
    Step,
    ViolationType,
)

ZONE = ZoneInfo("Asia/Makassar")
S = 1_000_000_000
DAY = 86_400 * S
SITES, CAMERAS = 20, 25
PENDING = 3000  # cases that wait
AUDIT = 100_000
FEED = 200_000
RULES = (
    ViolationType.RED_LIGHT,
    ViolationType.STOP_LINE,
    ViolationType.WRONG_WAY,
    ViolationType.ILLEGAL_PARKING,
    ViolationType.SPEEDING,
    ViolationType.NO_HELMET,
)
USERS = (RoadUserKind.MOTORCYCLE, RoadUserKind.CAR, RoadUserKind.TRUCK)
SHARES = (6, 3, 1)
BUSY = [1, 1, 1, 1, 1, 2, 5, 9, 8, 6, 6, 7, 8, 7, 6, 7, 9, 10, 8, 6, 4, 3, 2, 1]  # of the hours


@dataclass
class Rows:
    """What is written, in the order it came."""

    violations: list[tuple[Any, ...]]
    measures: list[tuple[Any, ...]]
    citations: list[tuple[Any, ...]]
    compliance: list[tuple[Any, ...]]
    stickers: list[tuple[Any, ...]]
    tows: list[tuple[Any, ...]]
    decided: list[tuple[str, int, int]]  # number, stamp, status
    waiting: list[str]
    today: int


def clock() -> int:
    return time.time_ns()


def columns(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.name != "line"]


def make(count: int, cases: int, chance: random.Random) -> Rows:
    """A year until now."""
    now = clock()
    today = day_number(_date(now))
    rows = Rows([], [], [], [], [], [], [], [], today)
    weights = list(accumulate(1 / (1 + n) ** 0.5 for n in range(SITES * CAMERAS)))
    hours = list(accumulate(BUSY))
    stamps = sorted(_stamp(now, hours, chance) for _ in range(count))
    previous, serials, open_ = core.GENESIS, {}, []
    every = max(1, count // max(cases, 1))
    for n, stamp in enumerate(stamps):
        place = bisect.bisect(weights, chance.random() * weights[-1])
        site, camera = f"k{place % SITES:02d}", f"kamera_{place // SITES:02d}"
        rule = RULES[(place + int(chance.random() * 3)) % len(RULES)]
        user = chance.choices(USERS, SHARES)[0]
        id_ = hashlib.md5(f"v{n}".encode()).hexdigest()
        manifest = hashlib.sha256(f"m{n}".encode()).hexdigest()
        rows.violations.append(
            _violation(id_, rule, site, camera, stamp, n, user, manifest, chance)
        )
        cited = n % every == 0
        step = Step.CITATION if cited else (Step.ANNOUNCEMENT, Step.STICKER)[n % 9 == 0]
        rows.measures.append(
            (hashlib.md5(f"s{n}".encode()).hexdigest(), id_, site, camera, int(rule), int(step),
             int(Mode.ENFORCEMENT), stamp, "Usulan.", "default", 0, 0, stamp)
        )  # fmt: skip
        if cited:
            previous = _open(
                rows, open_, serials, id_, site, camera, rule, stamp, manifest, previous
            )
        while len(open_) > PENDING or (open_ and len(open_) > cases // 20 + 10):
            previous = _decide(rows, open_.pop(0), stamp, previous, chance)
        _beside(rows, n, id_, site, camera, rule, stamp, chance)
    rows.waiting = [line.number for line, _, _ in open_]
    return rows


def _date(stamp: int) -> Any:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(stamp / S, timezone.utc).astimezone(ZONE).date()


def _stamp(now: int, hours: list[int], chance: random.Random) -> int:
    day = now // DAY - int(chance.random() * 364) - 1
    hour = bisect.bisect(hours, chance.random() * hours[-1])
    return day * DAY + ((hour - 8) % 24) * 3600 * S + int(chance.random() * 3600 * S)


def _violation(
    id_: str, rule: ViolationType, site: str, camera: str, stamp: int, n: int, user: RoadUserKind,
    manifest: str, chance: random.Random,
) -> tuple[Any, ...]:  # fmt: skip
    read = chance.random() < 0.6
    plate = f"KT {1000 + int(chance.random() * 7999)} A{chr(65 + n % 26)}" if read else ""
    folder = f"{site}/{camera}/{id_}"
    evidence = json.dumps([
        {"kind": kind, "path": f"{folder}/{name}", "sha256": manifest, "stamp": stamp}
        for kind, name in ((1, "scene.jpg"), (3, "plate.jpg"), (4, "clip.mp4"))
    ])  # fmt: skip
    return (
        id_, int(rule), site, camera, "zona", stamp, stamp - 4 * S, n + 1, int(user),
        "UU 22/2009 Art. 287", "marking", "2026.1", 0.87, "crossed 0.8 m beyond the line", -1.24,
        116.85, None, None, 3 if read else 2, plate, evidence, "[]", "[]",
        f"{folder}/manifest.json", manifest, stamp + S, "", "", 1, 1, 0, None, None, None,
    )  # fmt: skip


def _open(
    rows: Rows, open_: list[Any], serials: dict[tuple[str, int], int], id_: str, site: str,
    camera: str, rule: ViolationType, stamp: int, manifest: str, previous: str,
) -> str:  # fmt: skip
    year = core.local_year(stamp, ZONE)
    serial = serials[site, year] = serials.get((site, year), 0) + 1
    offence = Offence(id_, rule, site, camera, "zona", stamp, 1)
    violation = Violation(offence, stamp, "", "", 0.8, "", math.nan, math.nan, math.nan, math.nan,
                          manifest_sha256=manifest)  # fmt: skip
    measure = Measure("", id_, site, camera, rule, Step.CITATION, Mode.ENFORCEMENT, stamp,
                      "Usulan.", "default")  # fmt: skip
    number = core.number(site, year, serial)
    line = core.opened(violation, measure, number, previous, stamp + 2 * S, id_)
    rows.citations.append(_line(line, year, serial))
    open_.append((line, year, serial))
    return line.hash


def _decide(rows: Rows, one: Any, stamp: int, previous: str, chance: random.Random) -> str:
    line, year, serial = one
    status = chance.choices(
        (CitationStatus.CONFIRMED, CitationStatus.REJECTED, CitationStatus.WITHDRAWN), (72, 26, 2)
    )[0]
    decision = core.Decision(line.number, status, "Sari", "Kurang jelas")
    done = core.decided(line, decision, previous, stamp + 3 * S, line.violation_id[::-1])
    rows.citations.append(_line(done, year, serial))
    rows.decided.append((line.number, stamp + 3 * S, int(status)))
    return done.hash


def _line(line: Citation, year: int, serial: int) -> tuple[Any, ...]:
    values = {f.name: getattr(line, f.name) for f in fields(Citation)}
    values |= {"type": int(line.type), "status": int(line.status), "year": year, "serial": serial}
    return tuple(values[name] for name in columns(tables.citations))


def _beside(
    rows: Rows, n: int, id_: str, site: str, camera: str, rule: ViolationType, stamp: int,
    chance: random.Random,
) -> None:  # fmt: skip
    """Every fifth was spoken to, some got a sticker, few were towed."""
    if n % 5 == 0:
        outcome = chance.choices((Outcome.COMPLIED, Outcome.IGNORED, Outcome.UNKNOWN), (6, 3, 1))[0]
        rows.compliance.append(
            (f"c{n}", f"a{n}", id_, site, camera, "tiang_1", "p", int(rule), int(outcome), stamp,
             stamp + 9 * S, 8.0 if outcome is Outcome.COMPLIED else None, "", stamp)
        )  # fmt: skip
    if n % 20 == 1:
        for revision in (1, 2, 3):
            rows.stickers.append(
                (f"s{n}", revision, id_, site, camera, int(rule), revision, stamp + revision * S,
                 stamp + 1800 * S, "Budi" if revision > 1 else "", "", stamp)
            )  # fmt: skip
    if n % 100 == 2:
        for revision, status in enumerate((6, 1, 2, 3, 4), 1):
            rows.tows.append(
                (f"t{n}", revision, id_, site, camera, int(rule), status, stamp + revision * S,
                 "Sari" if revision > 1 else "", "", "", "", stamp)
            )  # fmt: skip


# --- files and databases ----------------------------------------------------------------------


def centre_file(folder: Path, url: str | None, port: int) -> Path:
    """The centre's file, with the files of 20 corridors beside it."""
    for n in range(SITES):
        site = folder / f"k{n:02d}.yaml"
        if not site.exists():
            cameras = "".join(
                f"  kamera_{m:02d}: {{source: 'file://nowhere.mp4'}}\n" for m in range(CAMERAS)
            )
            site.write_text(
                f"site: k{n:02d}\nkind: corridor\ntitle: Koridor {n}\n"
                f"location: {{latitude: {-1.2 - n / 100:.4f}, longitude: {116.8 + n / 100:.4f}}}\n"
                f"cameras:\n{cameras}",
                encoding="utf-8",
            )
    names = ", ".join(f"k{n:02d}.yaml" for n in range(SITES))
    path = folder / f"center_{len(list(folder.glob('center_*.yaml')))}.yaml"
    databases = f"database: {url}\nledger: {url}\n" if url else ""
    path.write_text(
        f"title: Pusat Kendali\nroot: {folder}/state\n{databases}sites: [{names}]\n"
        f"notice: Dinas Perhubungan\nlisten: {{host: 127.0.0.1, port: {port or _free()}}}\n",
        encoding="utf-8",
    )
    return path


def _free() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fill(file: Path, rows: Rows, password: str) -> dict[str, Any]:
    """Everything into the databases of that centre; what it took."""
    house = open_house(load(file), clock)
    began = time.perf_counter()
    with bulk(house.ledger.engine) as put:
        for table, many in (
            (tables.violations, rows.violations), (tables.measures, rows.measures),
            (tables.citations, rows.citations), (tables.compliance, rows.compliance),
            (tables.stickers, rows.stickers), (tables.tow_jobs, rows.tows),
        ):  # fmt: skip
            put(table.name, columns(table), many)
    filled = time.perf_counter() - began
    began = time.perf_counter()
    house.ledger.count_weeks()
    counted = time.perf_counter() - began
    with bulk(house.database.engine) as put:
        for name, names, many in _centre(house, rows):
            put(name, names, many)
    _analyse(house)
    house.people._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    for role in (Role.SUPERVISOR, Role.ADMIN):
        secret = house.people.invite(Person(role.value, role, role.value.title()), clock())
        house.people.set_password(secret, password, clock())
    whole = house.ledger.broken_line() is None and house.audit.broken() is None
    house.close()
    return {
        "violations": len(rows.violations), "lines": len(rows.citations),
        "cases": len(rows.decided) + len(rows.waiting), "answers": len(rows.compliance),
        "audit": AUDIT, "filled": filled, "counted": counted, "whole": whole, "today": rows.today,
    }  # fmt: skip


class bulk:
    """Many rows at once, by the driver itself."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def __enter__(self) -> Any:
        self._raw = self._engine.raw_connection()
        self._postgres = self._engine.dialect.name == "postgresql"
        if not self._postgres:
            self._raw.driver_connection.execute("PRAGMA synchronous = OFF")
            self._raw.driver_connection.execute("BEGIN IMMEDIATE")
        return self._put

    def _put(self, table: str, names: list[str], many: list[Any]) -> None:
        quoted = ", ".join(f'"{name}"' for name in names)
        if not self._postgres:
            marks = ", ".join("?" * len(names))
            query = f'INSERT INTO "{table}" ({quoted}) VALUES ({marks})'
            self._raw.driver_connection.executemany(query, many)
            return
        with (
            self._raw.driver_connection.cursor() as cursor,
            cursor.copy(f'COPY "{table}" ({quoted}) FROM STDIN') as copy,
        ):
            for begin in range(0, len(many), 10_000):
                text = io.StringIO()
                for row in many[begin : begin + 10_000]:
                    text.write("\t".join(_copied(cell) for cell in row) + "\n")
                copy.write(text.getvalue())

    def __exit__(self, kind: Any, *_: Any) -> None:
        self._raw.driver_connection.rollback() if kind else self._raw.driver_connection.commit()
        if not self._postgres:
            self._raw.driver_connection.execute("PRAGMA synchronous = FULL")
        self._raw.close()


def _copied(cell: Any) -> str:
    if cell is None:
        return "\\N"
    return str(cell).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _analyse(house: House) -> None:
    for engine in (house.ledger.engine, house.database.engine):
        raw = engine.raw_connection()
        driver = raw.driver_connection
        if engine.dialect.name == "postgresql":
            driver.commit()
            driver.autocommit = True
            driver.execute("VACUUM ANALYZE")
            driver.autocommit = False
        else:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()


def _centre(house: House, rows: Rows) -> Any:
    """The centre's own tables: audit log, decisions, feed, states, road users."""
    now = clock()
    previous, acts = AUDIT_GENESIS, []
    for n in range(AUDIT):
        number = rows.decided[n % len(rows.decided)][0] if rows.decided else ""
        act = follow(Act(now - (AUDIT - n) * 30 * S, "supervisor", "case seen", number, "k00", "",
                         "10.0.0.1"), previous)  # fmt: skip
        previous = act.hash
        acts.append(tuple(asdict(act).values()))
    yield "center_audit", list(asdict(act)), acts
    names = columns(centre_tables.decisions)
    word = {2: "confirm", 3: "reject", 4: "withdraw"}
    yield "center_decisions", names, [
        (f"d{n}", number, "supervisor", word[status], "", stamp, stamp, "written",
         40.0 + n % 120, "{}")
        for n, (number, stamp, status) in enumerate(rows.decided)
    ]  # fmt: skip
    told = json.dumps({"explanation": "crossed 0.8 m beyond the line"})
    yield "center_feed", columns(centre_tables.feed), [
        (f"finding:old{n}", "finding", f"k{n % SITES:02d}", f"kamera_{n % CAMERAS:02d}", 1,
         now - (FEED - n) * S, now - (FEED - n) * S, told)
        for n in range(FEED)
    ]  # fmt: skip
    yield "center_states", columns(centre_tables.states), [
        (f"k{n % SITES:02d}", "camera", f"kamera_{n // SITES:02d}", now, now,
         json.dumps({"state": 1, "rate": 10.0}))
        for n in range(SITES * CAMERAS)
    ]  # fmt: skip
    weeks, hour = list(_traffic(rows.today)), now // (3600 * S) * 3600 * S
    yield "center_traffic_weeks", columns(centre_tables.traffic_weeks), weeks
    yield "center_traffic", columns(centre_tables.traffic), [
        (f"k{n % SITES:02d}", f"kamera_{n // SITES:02d}", hour - h * 3600 * S, int(user), 40)
        for n in range(SITES * CAMERAS)
        for h in range(72)
        for user in USERS
    ]  # fmt: skip


def _traffic(today: int) -> Any:
    """53 weeks of road users, per camera and per corridor."""
    names = columns(centre_tables.traffic_weeks)
    shares = [busy / sum(BUSY) for busy in BUSY]
    for n in range(SITES * CAMERAS + SITES):
        whole = n >= SITES * CAMERAS
        site = f"k{n % SITES:02d}"
        camera = "" if whole else f"kamera_{n // SITES:02d}"
        many = 7000 * (CAMERAS if whole else 1)
        for week in range(monday(today) - 52 * 7, monday(today) + 1, 7):
            for user, share in zip(USERS, SHARES, strict=True):
                day = many * share // 10
                row = {"camera": camera, "site": site, "week": week, "road_user": int(user),
                       "count": 7 * day} | {f"d{d}": day for d in range(7)} | {
                       f"h{h}": int(7 * day * shares[h]) for h in range(24)}  # fmt: skip
                yield tuple(row[name] for name in names)


# --- what people do and what arrives ----------------------------------------------------------


def pages(name: str, rows: Rows, chance: random.Random) -> list[tuple[str, str]]:
    """(label, path) of every page that person may open."""
    site = f"k{chance.randrange(SITES):02d}"
    camera = f"kamera_{chance.randrange(CAMERAS):02d}"
    long_ago = iso(monday(rows.today) - 52 * 7)
    split = iso(rows.today - 7 * chance.randrange(5, 40))
    found = [
        ("map", "/map"),
        ("wall", "/wall"),
        ("feed", "/feed"),
        ("numbers", "/numbers"),
        ("numbers, a year", f"/numbers?from={long_ago}"),
        ("numbers, a corridor", f"/numbers?site={site}"),
        ("numbers, a camera", f"/numbers?site={site}&camera={camera}"),
        ("numbers, before and after", f"/numbers?date={split}&around=4"),
        ("numbers, cameras and rules", "/numbers/cameras"),
        ("numbers, cameras, a year", f"/numbers/cameras?from={long_ago}"),
        ("numbers, JSON", "/api/numbers"),
        ("public", "/public"),
    ]
    if name == "admin":
        return [*found, ("accounts", "/accounts"), ("audit", "/audit")]
    number = rows.waiting[chance.randrange(len(rows.waiting))]
    return [
        *found,
        ("review", "/review"),
        ("review, a case", f"/review/{number}"),
        ("review, decided", "/review/done"),
        ("speak", "/speak"),
        ("tow", "/tow"),
        ("stickers", "/stickers"),
        ("draw", "/draw"),
        ("audit", "/audit"),
    ]


def arrive(file: str, seconds: float, rate: int) -> None:
    """Findings and counted road users as the listeners of 20 sites write them."""
    from bconnect_center.adapters.database import Database

    loaded = load(Path(file))
    store = LiveStore(Database(loaded.database, ZONE))
    began = time.perf_counter()
    n, step = 0, 0.1
    while (passed := time.perf_counter() - began) < seconds:
        due = int(passed * rate) - n
        now = clock()
        happened = [
            (now, Happening(f"finding:{time.perf_counter_ns()}:{n + i}", "finding",
                            f"k{(n + i) % SITES:02d}", f"kamera_{(n + i) % CAMERAS:02d}",
                            1 + (n + i) % 6, now, {"explanation": "crossed 0.8 m"}))
            for i in range(due)
        ]  # fmt: skip
        hour = now // (3600 * S) * 3600 * S
        counted = {
            (f"k{(n + i) % SITES:02d}", f"kamera_{(n + i) // SITES % CAMERAS:02d}", hour, 4): 3
            for i in range(due)
        }
        if due:
            store.write(now, [], happened, counted)
        n += due
        time.sleep(step)


def delays(file: Path, heard: list[tuple[int, int]]) -> list[float]:
    """Seconds from a finding's writing to a browser's hearing it."""
    from sqlalchemy import select

    house = open_house(load(file), clock)
    feed = centre_tables.feed.c
    with house.database.reading() as c:
        query = select(feed.line, feed.id).where(feed.line > FEED)
        sent = {
            line: int(id_.split(":")[1]) for line, id_ in c.execute(query) if id_.count(":") == 2
        }
    house.close()
    return [(at - sent[line]) / S for line, at in heard if line in sent]
