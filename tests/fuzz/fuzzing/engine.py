"""Runs a target over inputs and notes whatever no input may do."""

from __future__ import annotations

import hashlib
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from fuzzing.mutate import TEXT, Change, mutated

HANG = 10.0  # s of this process's own time one input may take
MOST_KEPT = 400  # inputs with an outcome of their own, kept as seeds of others


class Wrong(AssertionError):
    """A verdict no such input may get."""


class Hang(BaseException):
    """An input took too long."""


Run = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Target:
    """What takes bytes.

    ``make(folder)`` sets it up and gives a function that returns what came of an input (a word
    or the house's sentence) and raises nothing but Wrong, and that for a wrong verdict only.
    ``share``: of a run's inputs, relative to the other targets; quick ones get more.
    """

    name: str
    make: Callable[[Path], Run]
    seeds: Callable[[Path], Sequence[bytes]]
    share: float = 1.0
    changes: Sequence[Change] = TEXT
    mend: Callable[[bytes, Random], bytes] | None = None  # e.g. makes a checksum right again


@dataclass(slots=True)
class Failure:
    """An input that ended as none may."""

    target: str
    kind: str  # crash, hang, wrong
    what: str
    data: bytes


@dataclass(slots=True)
class Result:
    """What a run of one target came to."""

    inputs: int = 0
    outcomes: int = 0
    failures: list[Failure] = field(default_factory=list)


_DIGITS = re.compile(r"[0-9]+|0x[0-9a-f]+|\"[^\"]*\"|'[^']*'")


def shape(outcome: str) -> str:
    """An outcome without what differs from input to input."""
    return _DIGITS.sub("#", outcome)[:60]


def once(target: str, run: Run, data: bytes) -> tuple[str, Failure | None]:
    """What came of one input, and the failure where it is one."""
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG)
    try:
        outcome = run(data)
    except Hang:
        return "hang", Failure(target, "hang", f"more than {HANG:g} s", data)
    except Wrong as error:
        return "wrong", Failure(target, "wrong", str(error)[:300], data)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"[:300]
        return "crash", Failure(target, "crash", f"{why} at {_place(error)}", data)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return str(outcome), None


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    place = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "bconnect" in file or not place:
            place = f"{Path(file).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def watch() -> None:
    """Lets ``once`` end what takes too long."""

    def late(number: int, frame: FrameType | None) -> Any:
        raise Hang

    signal.signal(signal.SIGVTALRM, late)


def inputs(
    target: Target, seeds: Sequence[bytes], seed: int, count: int, keep: list[bytes]
) -> Iterator[bytes]:
    """``count`` inputs: the seeds as they are, then spoiled ones. ``keep`` may grow meanwhile."""
    rng = Random(f"{seed} {target.name}")
    for number in range(count):
        if number < len(seeds):
            yield seeds[number]
            continue
        pool = keep if keep and rng.random() < 0.4 else seeds
        data = mutated(rng.choice(pool), rng, [*seeds[:8], *keep[-8:]], target.changes)
        if target.mend is not None and rng.random() < 0.7:
            data = target.mend(data, rng)
        yield data


def fuzz(
    target: Target,
    folder: Path,
    corpus: Sequence[bytes],
    seed: int,
    count: int,
    begun: Callable[[bytes], None] = lambda data: None,
) -> Result:
    """Runs a target. ``begun`` hears of every input before it is tried."""
    run = target.make(folder)
    seeds = [*target.seeds(folder), *corpus]
    result, known = Result(), set[str]()
    kept: list[bytes] = []
    places: set[str] = set()
    watch()
    for data in inputs(target, seeds, seed, count, kept):
        begun(data)
        outcome, failure = once(target.name, run, data)
        result.inputs += 1
        if failure is not None and (where := f"{failure.kind} {shape(failure.what)}") not in places:
            places.add(where)
            result.failures.append(failure)
        if (told := shape(outcome)) not in known:
            known.add(told)
            if len(kept) < MOST_KEPT and len(data) < 20_000:
                kept.append(data)
    result.outcomes = len(known)
    return result


def minimised(run: Run, target: str, failure: Failure, tries: int = 400) -> bytes:
    """A shorter input that fails the same way."""
    data, step, used = failure.data, max(1, len(failure.data) // 2), 0
    while step and used < tries:
        at = 0
        while at < len(data) and used < tries:
            shorter = data[:at] + data[at + step :]
            used += 1
            _, other = once(target, run, shorter)
            if other is not None and shape(other.what) == shape(failure.what):
                data = shorter
            else:
                at += step
        step //= 2
    return data


def name_of(data: bytes) -> str:
    """The name of an input's file."""
    return hashlib.sha256(data).hexdigest()[:12]
