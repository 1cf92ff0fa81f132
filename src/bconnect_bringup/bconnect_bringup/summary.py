"""The demo's last words: what was seen, what came of it, where to look."""

import os
from pathlib import Path

from bconnect_bringup import ledger
from bconnect_bringup.console import table
from bconnect_bringup.tally import Tally
from bconnect_site.errors import ConfigError
from bconnect_site.plan import StateLayout


def summarise(tally: Tally, layout: StateLayout) -> str:
    """The summary as text."""
    return "\n".join(
        [
            "",
            _seen(tally),
            "",
            _findings(tally),
            _spoken(tally),
            "",
            *_citations(layout),
            "",
            _evidence(tally, layout),
        ]
    )


def _seen(tally: Tally) -> str:
    rows = [
        (name, str(seen.frames), str(seen.road_users.total), seen.state)
        for name, seen in tally.cameras.items()
    ]
    return table(("CAMERA", "FRAMES SEEN", "ROAD USERS TRACKED", "STATE"), rows)


def _findings(tally: Tally) -> str:
    kinds = ", ".join(f"{kind.name.lower()} {n}" for kind, n in sorted(tally.by_type.items()))
    return f"Findings: {kinds or 'none'}; sealed with evidence: {tally.violations.total} violations"


def _spoken(tally: Tally) -> str:
    lines = [f"Announcements spoken: {tally.announcements()}"]
    lines += [f"  {said.speaker}: {said.phrase} -> {near(said.output)}" for said in tally.spoken]
    return "\n".join(lines)


def _citations(layout: StateLayout) -> list[str]:
    try:
        found = ledger.summary(layout)
    except ConfigError as error:
        return [f"No ledger was written: {error}"]
    lines = ["In the ledger, " + ledger.to_table(found, ledger.zone_of(layout))]
    if found.pending:
        lines += [
            "Each waits for an officer's decision, for example:",
            f"  ./bconnect review {found.pending[0].number} confirm --reviewer NAME",
        ]
    return lines


def _evidence(tally: Tally, layout: StateLayout) -> str:
    lines = [f"Evidence (stills, clip, manifest of each violation): {near(layout.evidence_dir)}"]
    drawn = [path for sealed in tally.violations for path in sealed.annotated]
    if drawn:
        lines.append("Look at what decided, with zone, track, box and time drawn in:")
        lines += [f"  {near(layout.evidence_dir / path)}" for path in drawn]
    lines += [f"  missing: {text}" for sealed in tally.violations for text in sealed.missing]
    return "\n".join(lines)


def near(path: str | Path) -> str:
    """A path relative to the working directory when it lies below it."""
    text = str(path)
    if not os.path.isabs(text):
        return text
    relative = os.path.relpath(text)
    return text if relative.startswith("..") else relative
