"""A command centre with a year behind it: a million violations, 500 cameras, findings at 50/s.

    ./bconnect python benchmarks/center.py --violations 1000000 --write
    ./bconnect python benchmarks/center.py --violations 20000 --seconds 20 --only sqlite

Makes a ledger (chains true, checked), the centre's own tables beside it, starts real servers (one
on SQLite, two on one PostgreSQL), lets findings arrive and signed-in people open every page at
once, and says how long pages take and how late findings come. Readers run on the same machine.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "enforce"))  # cluster
sys.path.insert(0, str(ROOT / "benchmarks"))  # center_year

import center_year as year  # noqa: E402
import cluster  # noqa: E402

PASSWORD = "kata-sandi-ukur-yang-panjang"
READERS = 12  # people with a page open
PAUSE = (1.0, 3.0)  # s between two pages of one person
RATE = 50  # findings a second
WARM = 20.0  # s of reading that do not count: caches fill, sessions open


@dataclass
class Figures:
    """Seconds by page, and how late findings came."""

    pages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    delays: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    since: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


def main() -> int:
    options = _options()
    rows = year.make(options.violations, options.cases, random.Random(7))
    print(f"made {len(rows.violations)} violations, {len(rows.citations)} lines", flush=True)
    told = {}
    if options.only in ("", "sqlite"):
        with tempfile.TemporaryDirectory(prefix="bconnect-center-", dir=options.under) as folder:
            told["SQLite"] = measure(options, Path(folder), rows, None)
    if options.only in ("", "postgresql"):
        with ExitStack() as stack:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="bconnect-center-", dir=options.under)
            )
            server = stack.enter_context(cluster.cluster(fsync=True))
            told["PostgreSQL"] = measure(options, Path(folder), rows, server)
    text = table(told)
    print(text)
    if options.write:
        path = ROOT / "docs" / "benchmarks.md"
        path.write_text(path.read_text(encoding="utf-8").rstrip() + "\n\n" + text, "utf-8")
    return 1 if any(figures.faults for figures, _ in told.values()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--violations", type=int, default=1_000_000)
    parser.add_argument("--cases", type=int, default=300_000)
    parser.add_argument("--seconds", type=float, default=90.0, help="of reading")
    parser.add_argument("--only", default="", choices=["", "sqlite", "postgresql"])
    parser.add_argument("--under", default=None, help="folder for the databases")
    parser.add_argument("--write", action="store_true", help="append to docs/benchmarks.md")
    return parser.parse_args()


def measure(
    options: argparse.Namespace, folder: Path, rows: year.Rows, server: Any
) -> tuple[Figures, dict[str, Any]]:
    """One kind of database: fill it, serve it, read it."""
    url = None
    if server is not None:
        settle(server)
        url = server.database()
    files = [year.centre_file(folder, url, port) for port in ((0,) if server is None else (0, 0))]
    facts = year.fill(files[0], rows, PASSWORD)
    print({k: round(v, 1) if isinstance(v, float) else v for k, v in facts.items()}, flush=True)
    figures = Figures()
    with ExitStack() as stack:
        urls = [stack.enter_context(served(file)) for file in files]
        facts["servers"] = len(urls)
        writer = multiprocessing.get_context("spawn").Process(
            target=year.arrive, args=(str(files[0]), options.seconds + 4, RATE), daemon=True
        )
        writer.start()
        heard = read(urls, figures, options.seconds, rows)
        writer.join(60)
    figures.delays = year.delays(files[0], heard)
    return figures, facts


def settle(server: Any) -> None:
    """What anybody gives a server for a database of a gigabyte."""
    import psycopg

    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET shared_buffers = '512MB'")
    server.stop()
    options = server.start
    options()


@contextmanager
def served(file: Path) -> Iterator[str]:
    """A real server of that centre."""
    code = "import sys; from bconnect_center.serve import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    url = ""
    for line in process.stdout:
        print("  server:", line.rstrip(), flush=True)
        if ": http" in line:
            url = line.rpartition(": ")[2].strip()
            break
    threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
    try:
        _until(lambda: httpx.get(f"{url}/healthz").status_code == 200)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _drain(stream: Any) -> None:
    for line in stream:
        print("  server:", line.rstrip(), flush=True)


def _until(there: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.perf_counter() + seconds
    while True:
        try:
            if there():
                return
        except httpx.HTTPError:
            pass
        if time.perf_counter() > end:
            raise TimeoutError
        time.sleep(0.1)


def signed_in(url: str, name: str) -> httpx.Client:
    client = httpx.Client(base_url=url, timeout=30.0)
    answer = client.post("/login", data={"name": name, "password": PASSWORD})
    for _ in range(5):
        if answer.status_code != 503:
            break
        time.sleep(1.0)  # the page says: try again
        answer = client.post("/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303, (answer.status_code, answer.text[:200])
    return client


def read(urls: list[str], figures: Figures, seconds: float, rows: year.Rows) -> list[Any]:
    """People at every page, one ear at each server's feed; (line, when) of what was heard."""
    heard: list[Any] = []
    # one after another: five at once on one account look like somebody who guesses
    ears_of = [signed_in(url, "supervisor") for url in urls]
    people = [signed_in(urls[n % len(urls)], _name(n)) for n in range(READERS)]
    end = time.perf_counter() + seconds
    figures.since = time.perf_counter() + min(WARM, seconds / 4)
    threads = [
        threading.Thread(target=_reader, args=(people[n], n, end, figures, rows))
        for n in range(READERS)
    ]
    ears = [threading.Thread(target=_ear, args=(c, end, heard, figures)) for c in ears_of]
    for thread in threads + ears:
        thread.start()
    for thread in threads + ears:
        thread.join()
    return heard


def _name(n: int) -> str:
    return "admin" if n % 4 == 3 else "supervisor"


def _reader(client: httpx.Client, n: int, end: float, figures: Figures, rows: year.Rows) -> None:
    chance = random.Random(n)
    try:
        with closing(client):
            while time.perf_counter() < end:
                pages = year.pages(_name(n), rows, chance)
                chance.shuffle(pages)
                for label, path in pages:
                    if time.perf_counter() > end:
                        break
                    _look(client, label, path, figures)
                    time.sleep(chance.uniform(*PAUSE))
    except Exception as error:
        figures.faults.append(f"reader {n}: {error!r}")


def _look(client: httpx.Client, label: str, path: str, figures: Figures) -> None:
    began = time.perf_counter()
    answer = client.get(path, headers={"accept": "text/html,*/*"}, follow_redirects=True)
    took = time.perf_counter() - began
    with figures.lock:
        if answer.status_code != 200:
            figures.faults.append(f"{path}: {answer.status_code} {answer.text[:120]}")
        elif began >= figures.since:
            figures.pages[label].append(took)


def _ear(client: httpx.Client, end: float, heard: list[Any], figures: Figures) -> None:
    try:
        with (
            closing(client),
            client.stream("GET", "/api/feed/stream", timeout=30.0) as stream,
        ):
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    heard.append((json.loads(line[5:])["line"], time.perf_counter_ns()))
                if time.perf_counter() > end:
                    return
    except Exception as error:
        figures.faults.append(f"ear: {error!r}")


def _p(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(told: dict[str, tuple[Figures, dict[str, Any]]]) -> str:
    """What docs/benchmarks.md says."""
    kinds = list(told)
    facts = next(iter(told.values()))[1]
    day = date(1970, 1, 1) + timedelta(facts["today"])
    load = os.getloadavg()[0]
    lines = [
        "## Command centre",
        "",
        f"{day}, {os.cpu_count()} cores, Debian 12 (load average {load:.0f}), Python "
        f"{sys.version.split()[0]}; {facts['violations']:,} violations of a year, "
        f"{facts['lines']:,} lines of {facts['cases']:,} citations, {facts['answers']:,} answers "
        f"to loudspeakers, {facts['audit']:,} lines of audit log, 20 corridors with 500 cameras. "
        f"{READERS} people signed in, each opening another page every 1 to 3 s; findings "
        f"arrive at {RATE}/s; readers, writer and servers share the machine. PostgreSQL: two "
        "servers on one database. `python benchmarks/center.py --write`.",
        "",
        "| page | " + " | ".join(f"{k}, p50 / p95 ms" for k in kinds) + " | looks |",
        "|---|" + "---|" * (len(kinds) + 1),
    ]
    labels = sorted({label for figures, _ in told.values() for label in figures.pages})
    for label in labels:
        found = [figures.pages.get(label, []) for figures, _ in told.values()]
        cells = [_both(v) for v in found]
        lines.append(f"| {label} | {' | '.join(cells)} | {sum(map(len, found))} |")
    delays = [figures.delays for figures, _ in told.values()]
    cells = [f"{1000 * _p(v, 0.5):.0f} / {1000 * _p(v, 0.95):.0f}" if v else "-" for v in delays]
    lines.append(
        f"| feed, finding written to browser | {' | '.join(cells)} | {sum(map(len, delays))} |"
    )
    lines += [
        "",
        *(
            f"- {kind}: filled in {f['filled']:.0f} s, counted by week in {f['counted']:.0f} s, "
            f"both chains whole: {f['whole']}; all looks p50 / p95 {_both(_all(figures))} ms; "
            f"failed: {len(figures.faults)}."
            for kind, (figures, f) in told.items()
        ),
    ]
    for figures, _ in told.values():
        for fault in figures.faults[:10]:
            print("fault:", fault, file=sys.stderr)
    return "\n".join(lines) + "\n"


def _both(values: list[float]) -> str:
    return f"{1000 * _p(values, 0.5):.0f} / {1000 * _p(values, 0.95):.0f}" if values else "-"


def _all(figures: Figures) -> list[float]:
    return [took for many in figures.pages.values() for took in many]


if __name__ == "__main__":
    sys.exit(main())
