"""The fixed-time program of the crossing: what each approach sees at a time."""

from __future__ import annotations

from bconnect_sim.core.scenario import SignalProgram

ALL_RED = 2.0  # s at either end of the judged approach's red
CROSS_AMBER = 3.0  # s


def main_aspect(program: SignalProgram, time: float) -> str:
    """red, amber or green of the judged approach."""
    at = (time + program.offset) % program.cycle
    if at < program.green:
        return "green"
    return "amber" if at < program.green + program.amber else "red"


def cross_aspect(program: SignalProgram, time: float) -> str:
    """The crossing street: green inside the judged approach's red, with clearance times."""
    at = (time + program.offset) % program.cycle - program.green - program.amber
    if at < ALL_RED or at >= program.red - ALL_RED:
        return "red"
    return "amber" if at >= program.red - ALL_RED - CROSS_AMBER else "green"
