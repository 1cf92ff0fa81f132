"""The ladder's policy of one site, as plain data, and what of it answers one offence.

Durations and dwells in ns. Nothing here remembers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

from bconnect_enforce.core.reasons import local_time
from bconnect_enforce.core.records import Offence
from bconnect_site.hours import Window
from bconnect_site.kinds import Mode, Step, ViolationType

Level = Literal["reprimand", "warning"]
Obeyed = Literal["counts", "holds", "lowers"]
Point = tuple[float, float]

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
WARNINGS = frozenset({Step.REPRIMAND, Step.ANNOUNCEMENT})
LEGAL = frozenset({Step.STICKER, Step.CITATION, Step.TOW})
STANDING = frozenset({ViolationType.ILLEGAL_STOPPING, ViolationType.ILLEGAL_PARKING})

# How long obeying may take, for the kinds where a camera can see it at all.
WATCH: Mapping[ViolationType, int] = {
    ViolationType.ILLEGAL_PARKING: 60 * SECOND,
    ViolationType.ILLEGAL_STOPPING: 30 * SECOND,
    ViolationType.WRONG_WAY: 20 * SECOND,
    ViolationType.STOP_LINE: 20 * SECOND,
    ViolationType.SPEEDING: 12 * SECOND,
}


@dataclass(frozen=True, slots=True)
class Phrase:
    """What to say about one kind of offence; a higher priority speaks first."""

    name: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Rung:
    """Steps for who did it `after` times before; with `dwell` [ns] only who stood longer."""

    steps: tuple[Step, ...]
    after: int = 0
    dwell: int | None = None
    name: str = ""

    def title(self, policy: str, step: Step) -> str:
        """Name of the policy line that decided."""
        return ".".join(part for part in (policy, self.name, step.name.lower()) if part)


DEFAULT_RUNGS = (Rung((Step.REPRIMAND, Step.ANNOUNCEMENT, Step.CITATION)),)


@dataclass(frozen=True, slots=True)
class Policy:
    """What answers one kind of offence. `watch` None: as long as usual for the kind."""

    rungs: tuple[Rung, ...] = DEFAULT_RUNGS
    cooldown: int = 60 * SECOND
    grace: int = 30 * SECOND
    watch: int | None = None
    spare: bool = True
    name: str = "default"

    def rung(self, history: int) -> Rung:
        """The highest rung reached; one without steps where none is."""
        reached = [r for r in self.rungs if r.dwell is None and r.after <= history]
        return max(reached, key=lambda r: r.after, default=Rung(()))

    def dwells(self, history: int) -> tuple[Rung, ...]:
        """The rungs that wait for a dwell, shortest first."""
        reached = [r for r in self.rungs if r.dwell is not None and r.after <= history]
        return tuple(sorted(reached, key=lambda r: r.dwell or 0))

    def watch_of(self, kind: ViolationType) -> int:
        """How long a warned road user of this kind is watched; 0: not at all."""
        usual = WATCH.get(kind, 0)
        return usual if self.watch is None or not usual else self.watch


@dataclass(frozen=True, slots=True)
class PlacePolicy:
    """A policy of some places and hours. `at` holds (camera, zone); zone "": the whole camera."""

    policy: Policy
    at: frozenset[tuple[str, str]]
    kinds: frozenset[ViolationType] | None = None
    active: tuple[Window, ...] = ()

    def holds(self, offence: Offence, zone: ZoneInfo) -> bool:
        here = (offence.camera, offence.zone) in self.at or (offence.camera, "") in self.at
        if not here or (self.kinds is not None and offence.type not in self.kinds):
            return False
        local = local_time(offence.stamp, zone)
        return not self.active or any(window.covers(local) for window in self.active)


@dataclass(frozen=True, slots=True)
class Pole:
    """A loudspeaker; poles of one `junction` speak one at a time."""

    hears: frozenset[str]
    junction: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A zone as drawn, in fractions of the image."""

    region: tuple[Point, ...] = ()
    line: tuple[Point, ...] = ()
    arrow: tuple[Point, ...] = ()  # of lawful travel
    place: str = ""  # what it is called aloud


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything the ladder of one site goes by.

    `policies` by the offence's word or "default"; `phrases` by kind and level; `shapes` by
    (camera, zone). `history` is how long an offence counts against a plate, `track_history`
    against a track without one.
    """

    timezone: ZoneInfo
    mode: Mode
    until: date | None = None
    policies: Mapping[str, Policy] = field(default_factory=dict)
    places: tuple[PlacePolicy, ...] = ()
    poles: Mapping[str, Pole] = field(default_factory=dict)
    phrases: Mapping[tuple[ViolationType, Level], Phrase] = field(default_factory=dict)
    shapes: Mapping[tuple[str, str], Shape] = field(default_factory=dict)
    speaker_pause: int = 5 * SECOND
    speak_within: int = 8 * SECOND
    history: int = 30 * DAY
    track_history: int = 3600 * SECOND
    history_limit: int = 50_000
    same_kind: bool = False  # only offences of the same kind climb
    when_obeyed: Obeyed = "holds"

    def mode_at(self, stamp: int) -> Mode:
        """The mode on the stamp's local day; `until` is the last day of socialisation."""
        if self.mode is Mode.SOCIALISATION and self.until is not None:
            over = local_time(stamp, self.timezone).date() > self.until
            return Mode.ENFORCEMENT if over else Mode.SOCIALISATION
        return self.mode

    def policy(self, offence: Offence) -> Policy:
        """The first place's policy that holds, else the kind's, else the default."""
        for place in self.places:
            if place.holds(offence, self.timezone):
                return place.policy
        word = offence.type.name.lower()
        return self.policies.get(word) or self.policies.get("default") or Policy()

    def level(self, rung: Rung, stamp: int, history: int) -> Level:
        """How to speak: friendly in socialisation and on the first offence, stern after it."""
        friendly = Step.REPRIMAND in rung.steps and history == 0
        return "reprimand" if friendly or self.mode_at(stamp) is not Mode.ENFORCEMENT else "warning"

    def shape(self, offence: Offence) -> Shape:
        return self.shapes.get((offence.camera, offence.zone), Shape())
