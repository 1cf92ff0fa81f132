"""Spoiled inputs at everything that takes bytes: how many were tried, and what none of them did.

    ./bconnect python benchmarks/fuzz.py --inputs 1000000 --jobs 1
    ./bconnect python benchmarks/fuzz.py --inputs 20000 --target "signed orders" --seed 7

The targets are those of tests/fuzz. Each runs in a process of its own, so that a crash, a hang and
memory without end are seen too; what failed is written into --out, shortened, to become a test.
Exit code 1: something failed.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "fuzz"))

from fuzzing import engine  # noqa: E402
from fuzzing.all_targets import corpus, every  # noqa: E402
from fuzzing.engine import Failure  # noqa: E402
from fuzzing.mutate import LONGEST  # noqa: E402

STILL = 180.0  # s without a new input: the process hangs
MEMORY = 4 << 30  # bytes of data a target's process may hold
HEAD = 16  # bytes before the present input: how many were begun, how long it is


@dataclass(slots=True)
class Tried:
    """What a target came to."""

    target: str
    inputs: int = 0
    outcomes: int = 0
    seconds: float = 0.0
    grown: float = 0.0  # MiB of memory, from the first hundred inputs to the last
    failures: list[dict[str, Any]] = field(default_factory=list)


def main() -> int:
    """Runs all targets, or one. Returns an exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000, help="in all")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", help="only this one; may be repeated")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "bconnect-fuzz")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return _child(options.one, options.inputs, options.seed, options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    targets = [t for t in every() if not options.target or t.name in options.target]
    if unknown := set(options.target or ()) - {t.name for t in targets}:
        parser.error(f"--target: there is none called {', '.join(unknown)}")
    shares = sum(t.share for t in targets)
    counts = {t.name: max(200, round(options.inputs * t.share / shares)) for t in targets}
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(_tried, n, c, options.seed, options.out) for n, c in counts.items()]
        results = []
        for job in jobs:
            results.append(job.result())
            print(_line(results[-1]), flush=True)
    _tell(results, options)
    return int(any(result.failures for result in results))


def _line(tried: Tried) -> str:
    return (
        f"| {tried.target} | {tried.inputs:,} | {tried.outcomes} | {len(tried.failures)} | "
        f"{tried.seconds / max(tried.inputs, 1) * 1000:.2f} | {tried.grown:.0f} |"
    )


def _tell(results: list[Tried], options: argparse.Namespace) -> None:
    total = sum(r.inputs for r in results)
    failed = sum(len(r.failures) for r in results)
    took = sum(r.seconds for r in results)
    print(f"seed {options.seed}: {total:,} inputs, {failed} failures, {took:.0f} s")
    for result in results:
        for one in result.failures:
            print(f"  {result.target}: {one['kind']}: {one['what'][:150]}: {one['file']}")
    path = options.out / "fuzz.json"
    path.write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n")


def _tried(name: str, count: int, seed: int, out: Path) -> Tried:
    """A target in a process of its own, begun anew where it dies."""
    tried, begun = Tried(name), time.monotonic()
    while tried.inputs < count:
        part = _part(name, count - tried.inputs, seed + 1000 * len(tried.failures), out, tried)
        if not part:
            break
    tried.seconds = time.monotonic() - begun
    return tried


def _part(name: str, count: int, seed: int, out: Path, tried: Tried) -> bool:
    """Runs until all is tried or the process is gone; whether to go on."""
    place = out / name.replace(" ", "_").replace(",", "")
    place.mkdir(parents=True, exist_ok=True)
    present, told = place / "present", place / "told.json"
    present.write_bytes(bytes(HEAD + LONGEST + 8))
    told.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--one", name, "--inputs", str(count)]
    with (place / "output.txt").open("wb") as log:
        child = subprocess.Popen(
            [*command, "--seed", str(seed), "--out", str(place)], stdout=log, stderr=log
        )
        why = _watched(child, present)
    number, length = struct.unpack_from("<QQ", data := present.read_bytes())
    if told.is_file():
        plain = json.loads(told.read_text())
        tried.inputs += plain["inputs"]
        tried.outcomes = max(tried.outcomes, plain["outcomes"])
        tried.grown = max(tried.grown, plain["grown"])
        tried.failures += plain["failures"]
        return bool(plain["inputs"])
    if not number:
        said = (place / "output.txt").read_text(errors="replace").strip().splitlines()
        raise SystemExit(f"{name}: cannot be set up: {said[-1] if said else child.returncode}")
    kind, what = ("hang", why) if why else ("crash", f"ended by {child.returncode}")
    lost = Failure(name, kind, what, data[HEAD : HEAD + length])
    tried.inputs += number
    tried.failures.append(_kept(lost, place))
    return number > 0 and len(tried.failures) < 20


def _watched(child: subprocess.Popen[bytes], present: Path) -> str:
    """Waits; why the process had to be ended, or nothing."""
    last, since = -1, time.monotonic()
    while True:
        try:
            child.wait(0.5)
            return ""
        except subprocess.TimeoutExpired:
            with present.open("rb") as file:
                (number,) = struct.unpack("<Q", file.read(8))
        if number != last:
            last, since = number, time.monotonic()
        elif time.monotonic() - since > STILL:
            child.kill()
            child.wait()
            return f"no new input for {STILL:g} s"


def _kept(failure: Failure, place: Path) -> dict[str, Any]:
    """Writes an input down; what is told of it."""
    file = place / f"{failure.kind}-{engine.name_of(failure.data)}"
    file.write_bytes(failure.data)
    return {"kind": failure.kind, "what": failure.what, "file": str(file)}


def _child(name: str, count: int, seed: int, place: Path) -> int:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    (target,) = [t for t in every() if t.name == name]
    with (place / "present").open("r+b") as file:
        present = mmap.mmap(file.fileno(), 0)
    at = grown = 0

    def begun(data: bytes) -> None:
        nonlocal at, grown
        at += 1
        if at == 100:
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        present[HEAD : HEAD + len(data)] = data
        struct.pack_into("<QQ", present, 0, at, len(data))

    with tempfile.TemporaryDirectory(prefix="bconnect-fuzz-") as folder:
        result = engine.fuzz(target, Path(folder), corpus(name), seed, count, begun)
        failures = []
        if result.failures:
            Path(folder, "again").mkdir()
            run = target.make(Path(folder, "again"))
            for one in result.failures:
                one.data = engine.minimised(run, name, one)
                failures.append(_kept(one, place))
    rest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown
    told = {"inputs": result.inputs, "outcomes": result.outcomes, "failures": failures,
            "grown": rest / 1024}  # fmt: skip
    (place / "told.json").write_text(json.dumps(told))
    os._exit(0)  # threads of libraries are not waited for


if __name__ == "__main__":
    sys.exit(main())
