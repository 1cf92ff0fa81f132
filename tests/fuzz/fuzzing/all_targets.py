"""All targets, and the inputs that are kept for each."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fuzzing import bags, files, intake, messages, plates, seals, weights, wires
from fuzzing.engine import Target

CORPUS = Path(__file__).parents[1] / "corpus"


@cache
def every() -> tuple[Target, ...]:
    """Every target."""
    rooms = (files, wires, seals, messages, plates, bags, intake, weights)
    return tuple(target for room in rooms for target in room.TARGETS)


def folder_of(target: str) -> Path:
    """Where a target's inputs are kept."""
    return CORPUS / target.replace(" ", "_").replace(",", "")


def corpus(target: str) -> list[bytes]:
    """The inputs kept for a target, by name."""
    folder = folder_of(target)
    return [p.read_bytes() for p in sorted(folder.iterdir())] if folder.is_dir() else []
