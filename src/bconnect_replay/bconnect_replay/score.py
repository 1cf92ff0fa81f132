"""``bconnect score FOUND TRUTH``: how good findings were against the truth."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, TypeVar

from bconnect_replay.core.figures import Note, Score, Watched, score, summary
from bconnect_replay.core.line import event_of, found_of
from bconnect_replay.core.table import notes_text, table_text
from bconnect_site.errors import ConfigError

T = TypeVar("T")
JUDGING = 1000  # seeds from here up judge and are never looked at; 0 to 99 are for tuning


@dataclass(slots=True)
class Run:
    """One run scored."""

    score: Score
    notes: list[Note]
    conditions: str  # "day", "night", "day, rain": what it was filmed in; "" unknown
    seed: int | None = None  # of the simulation that made it


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a score. Raises ConfigError."""
    parser = argparse.ArgumentParser(
        prog="bconnect score",
        description="Compares what a rerun found with what is known to be true.",
    )
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="FOUND TRUTH",
        help="a rerun's folder or findings.jsonl, then a folder with truth.jsonl or that file; "
        "further pairs add up",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--list", action="store_true", help="every miss and false finding too")
    options = parser.parse_args(argv)
    if len(options.paths) % 2:
        raise ConfigError(f"FOUND TRUTH: found {len(options.paths)} paths, needs pairs of them")
    pairs = list(zip(options.paths[::2], options.paths[1::2], strict=True))
    runs = [score_run(found, truth) for found, truth in pairs]
    groups = by_conditions(runs)
    if options.json:
        told: dict[str, Any] = {name: summary(made) for name, made in groups.items()}
        told = {**told.pop("all"), "conditions": told}
        print(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False))
        return 0
    print(table_text(groups))
    if options.list:
        _list(runs)
    return 0


def _list(runs: Sequence[Run]) -> None:
    """Every miss; but never of seeds that judge: nobody shall tune on them."""
    for run in runs:
        if run.seed is not None and run.seed >= JUDGING:
            print(f"seed {run.seed} is for judging (from {JUDGING} up): its events are not listed")
        else:
            print(notes_text(run.notes))


def by_conditions(runs: Sequence[Run]) -> dict[str, Score]:
    """Scores of runs added up: "all", then by what they were filmed in."""
    groups: dict[str, Score] = {"all": Score()}
    for run in runs:
        groups["all"].add(run.score)
    for run in sorted(runs, key=lambda r: r.conditions):
        if run.conditions:
            groups.setdefault(run.conditions, Score()).add(run.score)
    return groups


def score_run(found: Path, truth: Path) -> Run:
    """A rerun's folder (or findings.jsonl) against a folder with truth.jsonl (or that file)."""
    findings = read_lines(_file(found, "findings.jsonl"), found_of)
    file = _file(truth, "truth.jsonl")
    events = read_lines(file, event_of)
    near = file.parent / "lawful.jsonl"
    lawful = read_lines(near, event_of) if near.is_file() else []
    told = _json(_file(found, "findings.jsonl").parent / "rerun.json")
    made, notes = score(findings, events, lawful, _hours(told), _watched(told))
    told = _json(file.parent / "made.json")
    seed = told.get("seed")
    return Run(made, notes, _conditions(told), seed if isinstance(seed, int) else None)


def read_lines(file: Path, read: Callable[[Any], T]) -> list[T]:
    """A JSON lines file. Raises ConfigError: file, line, what is wrong."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise ConfigError(f"{file}: cannot be read: {why}") from None
    made: list[T] = []
    for n, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            made.append(read(json.loads(line)))
        except ConfigError as error:
            raise ConfigError(f"{file}: line {n}: {error}") from None
        except ValueError as error:
            raise ConfigError(f"{file}: line {n}: is not JSON: {error}") from None
    return made


def _file(path: Path, name: str) -> Path:
    file = path / name if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"{path}: there is no {name}")
    return file


def _json(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from None
    if not isinstance(told, dict):
        raise ConfigError(f"{file}: found {type(told).__name__}, needs an object {{...}}")
    return told


def _hours(told: dict[str, Any]) -> float:
    """Camera-hours a rerun watched; NaN: not told."""
    cameras = told.get("cameras")
    if not isinstance(cameras, dict):
        return nan
    return sum(float(c.get("believed_seconds") or 0.0) for c in cameras.values()) / 3600.0


def _watched(told: dict[str, Any]) -> Watched | None:
    """What each camera was asked to judge, and where; None: not told."""
    cameras = told.get("cameras")
    if not isinstance(cameras, dict):
        return None
    return {name: dict(camera.get("asked") or {}) for name, camera in cameras.items()}


def _conditions(made: dict[str, Any]) -> str:
    weather = made.get("weather")
    if not isinstance(weather, dict):
        return ""
    light = str(weather.get("light", "day"))
    return f"{light}, rain" if float(weather.get("rain") or 0.0) > 0.0 else light


if __name__ == "__main__":
    sys.exit(main())
