"""The fixed-time programs of the lights: what each phase sees at a time."""

from __future__ import annotations

from dataclasses import dataclass

from bconnect_sim.core.script import Program

MAIN_PHASES = (2, 6)  # the main road's, as NTCIP 1202 numbers them; all others cross it


@dataclass(frozen=True, slots=True)
class Aspect:
    """red, amber or green, from ``since`` until ``until`` [s]."""

    word: str
    since: float
    until: float


def aspect(program: Program, phase: int, time: float) -> Aspect:
    """What a phase of a light shows at ``time`` [s]."""
    green = program.green if phase in MAIN_PHASES else program.cross
    begin = 0.0 if phase in MAIN_PHASES else program.green + program.amber + program.clear
    at = round((time + program.offset - begin) % program.cycle, 6)
    zero = time - at
    if at < green:
        return Aspect("green", zero, zero + green)
    if at < green + program.amber:
        return Aspect("amber", zero + green, zero + green + program.amber)
    return Aspect("red", zero + green + program.amber, zero + program.cycle)
