"""``bconnect diff A B``: what two versions say of one bag, and why they differ."""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bconnect_replay.core.differing import Change, Verdicts, differences, grounds_differ
from bconnect_replay.core.line import Found, found_of
from bconnect_replay.rerun import FINDINGS, SUMMARY
from bconnect_site.errors import ConfigError

SAME, DIFFERENT = 0, 1
_MARKS = {"lost": "-", "new": "+", "changed": "~"}


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the changes from A to B. Returns 0 when there is none, 1 else. Raises ConfigError."""
    parser = argparse.ArgumentParser(
        prog="bconnect diff",
        description="What changed between two reruns of a bag, and why: rule, threshold, track.",
    )
    parser.add_argument("a", type=Path, help="folder of a rerun")
    parser.add_argument("b", type=Path, help="folder of another")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(argv)
    a, b = read(options.a), read(options.b)
    same, changes = differences(a, b)
    stands = grounds_differ(a, b)
    if options.json:
        print(json.dumps(_plain(same, changes, stands), indent=2, ensure_ascii=False))
    else:
        print(table(same, changes, stands))
    return DIFFERENT if changes else SAME


def read(folder: Path) -> Verdicts:
    """A rerun's folder. Raises ConfigError."""
    lines, summary = folder / FINDINGS, folder / SUMMARY
    try:
        told = json.loads(summary.read_text(encoding="utf-8"))
        texts = lines.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "is not JSON"
        raise ConfigError(
            f"{folder}: is no rerun's folder ({FINDINGS}, {SUMMARY}): {why}"
        ) from None
    if not isinstance(told, dict):
        raise ConfigError(f"{summary}: found {type(told).__name__}, needs an object")
    return Verdicts([_line(lines, n, text) for n, text in enumerate(texts, 1) if text], told)


def _line(file: Path, n: int, text: str) -> Found:
    try:
        return found_of(json.loads(text))
    except ConfigError as error:
        raise ConfigError(f"{file}:{n}: {error}") from None
    except ValueError:
        raise ConfigError(f"{file}:{n}: is not JSON") from None


def table(same: int, changes: Sequence[Change], stands: Sequence[str]) -> str:
    """The changes for people."""
    counts = Counter(change.what for change in changes)
    told = ", ".join(f"{counts[what]} {what}" for what in _MARKS if counts[what]) or "no change"
    rows = [f"{same} the same, {told}"]
    rows += [f"  stands on  {sentence}" for sentence in stands]
    for change in changes:
        found = change.finding
        rows.append(
            f"{_MARKS[change.what]} {_clock(found.started)}  {found.kind}  {found.camera}/"
            f"{found.zone}  track {found.track}  {found.id}"
        )
        rows += [f"      {sentence}" for sentence in change.why]
    return "\n".join(rows)


def _clock(stamp: int) -> str:
    moment = datetime.fromtimestamp(stamp / 1e9, timezone.utc)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 100_000}Z"


def _plain(same: int, changes: Sequence[Change], stands: Sequence[str]) -> dict[str, Any]:
    return {
        "same": same,
        "stands_on": list(stands),
        "changes": [
            {
                "what": change.what,
                "id": change.finding.id,
                "other_id": change.other.id if change.other else None,
                "kind": change.finding.kind,
                "camera": change.finding.camera,
                "zone": change.finding.zone,
                "started": change.finding.started,
                "why": list(change.why),
            }
            for change in changes
        ],
    }
