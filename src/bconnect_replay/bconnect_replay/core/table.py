"""Scores as text for people."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from bconnect_replay.core.figures import Note, Score, figures, speed_figures
from bconnect_replay.core.matching import SECOND

_HEAD = (
    "kind",
    "true",
    "right",
    "missed",
    "false",
    "doubled",
    "hidden",
    "precision",
    "recall",
    "F1",
    "delay s",
    "place m",
)


def table_text(groups: Mapping[str, Score]) -> str:
    """Per kind and condition, then speeds, then false findings."""
    whole = groups["all"]
    rows = [_row(kind, figures(whole.kinds[kind])) for kind in sorted(whole.kinds)]
    rows.append(_row("all", figures(whole.all)))
    rows += [_row(f"all, {name}", figures(s.all)) for name, s in groups.items() if name != "all"]
    parts = [columns([_HEAD, *rows]), _speeds(whole), _false(whole)]
    return "\n".join(part for part in parts if part)


def _row(name: str, told: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        *(str(told[key]) for key in ("true", "right", "missed", "false", "doubled", "hidden")),
        _share(told["precision"], told["precision_interval"]),
        _share(told["recall"], told["recall_interval"]),
        _number(told["f1"], 3),
        f"{_number(told['delay_s']['p50'], 1)} / {_number(told['delay_s']['p95'], 1)}",
        f"{_number(told['position_error_m']['p50'], 1)} / "
        f"{_number(told['position_error_m']['p95'], 1)}",
    )


def _share(value: float | None, interval: Sequence[float]) -> str:
    if value is None:
        return "-"
    return f"{value:.3f} ({interval[0]:.3f}-{interval[1]:.3f})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _speeds(made: Score) -> str:
    lines = []
    for kind in sorted(made.kinds):
        if not made.kinds[kind].speeds:
            continue
        told = speed_figures(made.kinds[kind].speeds)
        errors = " / ".join(f"{3.6 * v:.2f}" for v in told["error_mps"].values() if v is not None)
        covers = told["interval_covers"]
        lines.append(
            f"{kind}: {told['count']} speeds; error p50 / p95 / p99 / max {errors} km/h; "
            f"within 3 km/h or 3 %: {100 * told['within_3kmh_3pct']:.1f} %; "
            f"the stated 95 % interval holds "
            + (f"{100 * covers:.1f} %" if covers is not None else "-")
        )
    return "\n".join(lines)


def _false(made: Score) -> str:
    false = made.all.false
    known = isfinite(made.hours) and made.hours > 0
    rate = f" in {made.hours:.2f} camera-hours: {false / made.hours:.3f} an hour" if known else ""
    lines = [f"false findings: {false}{rate}; {made.lawful} near misses were there"]
    lines += [f"  {n} x {why}" for why, n in sorted(made.near_misses.items())]
    whole = made.all
    left_out = (
        (made.unseen, "events in no picture of a camera that was to judge them"),
        (whole.hidden, "hidden events, too little of them in any picture (by kind above)"),
        (whole.plate, "with their plate missed or misread at a gate"),
    )
    told = [f"{n} {what}" for n, what in left_out if n]
    if told:
        beyond = f"; {whole.beyond} of these were found all the same" if whole.beyond else ""
        lines.append(f"not counted: {', '.join(told)}{beyond}")
    return "\n".join(lines)


def notes_text(notes: Sequence[Note]) -> str:
    """A line for each miss, false finding and repetition."""
    lines = []
    for note in notes:
        parts = [f"{note.what:7s} {note.kind}"]
        if note.found is not None:
            f = note.found
            parts.append(
                f"[{f.camera}/{f.zone} track {f.track} {f.road_user} "
                f"{_when(f.started)}-{_when(f.stamp)} at {_place(f.x, f.y)}] {f.explanation}"
            )
        if note.event is not None:
            e = note.event
            beside = f"{note.beside}: " if note.beside else ""
            parts.append(
                f"({beside}{e.kind} {e.vehicle} {e.road_user} {e.place} "
                f"{_when(e.start)}-{_when(e.end)} at {_place(e.x, e.y)} "
                f"cameras {','.join(e.cameras) or '-'}{' ' + e.why if e.why else ''})"
            )
        lines.append(" ".join(parts))
    return "\n".join(lines)


def _when(stamp: int) -> str:
    """Seconds of the hour: enough to find it in a bag."""
    return f"{stamp / SECOND % 100000:.1f}"


def _place(x: float, y: float) -> str:
    return f"({x:.1f}, {y:.1f})" if isfinite(x + y) else "?"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
