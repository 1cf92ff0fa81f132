"""One step after another: is it taken, or withheld and why."""

from __future__ import annotations

from dataclasses import dataclass

from bconnect_enforce.core import answering
from bconnect_enforce.core.answering import Case
from bconnect_enforce.core.history import Decided, Entry, History
from bconnect_enforce.core.memory import Memory
from bconnect_enforce.core.records import (
    Announcement,
    Compliance,
    Measure,
    Offence,
    RuleTrust,
)
from bconnect_enforce.core.rungs import DAY, STANDING, WARNINGS, Policy, Rules, Rung
from bconnect_enforce.core.turns import Turns
from bconnect_site.kinds import Mode, Outcome, Step, ViolationType


@dataclass(frozen=True, slots=True)
class Withheld:
    """A step of the policy that was not taken, and why (English, for the operator)."""

    violation_id: str
    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What happens now."""

    measures: tuple[Measure, ...] = ()
    announcements: tuple[Announcement, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    compliance: tuple[Compliance, ...] = ()

    def __add__(self, other: Answer) -> Answer:
        return Answer(
            self.measures + other.measures,
            self.announcements + other.announcements,
            self.withheld + other.withheld,
            self.compliance + other.compliance,
        )


class Decider:
    """Decides each step of an offence once. Stamps in ns. Not thread-safe."""

    def __init__(self, rules: Rules, history: History) -> None:
        self._rules = rules
        self._history = history
        self.turns = Turns(rules.poles, rules.speaker_pause, rules.speak_within)
        self._told: Memory[tuple[str, int], int] = Memory(DAY)
        self._distrusted: dict[tuple[str, ViolationType], str] = {}

    def __len__(self) -> int:
        return len(self._told) + len(self._distrusted)

    def trust(self, trust: RuleTrust) -> None:
        """Takes in what officers think of a rule at a camera."""
        key = (trust.camera, trust.type)
        if trust.observe_only:
            self._distrusted[key] = trust.detail or "officers did not uphold it often enough"
        else:
            self._distrusted.pop(key, None)

    def observes(self, offence: Offence) -> bool:
        """Whether nothing may be done about it."""
        return (offence.camera, offence.type) in self._distrusted

    def count(self, entry: Entry, policy: Policy) -> int:
        """Earlier offences that count."""
        rules = self._rules
        return self._history.count(entry, policy.grace, rules.same_kind, rules.when_obeyed)

    def decide(
        self, case: Case, steps: frozenset[Step], now: int, rungs: tuple[Rung, ...] = ()
    ) -> Answer:
        """Takes or withholds each of `steps` that the policy has and nobody decided yet.

        `rungs`: these, instead of the one that the history reaches.
        """
        entry, offence = case.entry, case.offence
        history = self.count(entry, case.policy)
        answer = self.repeat(case, steps)
        for rung in rungs or (case.policy.rung(history),):
            for step in rung.steps:
                if step not in steps or step in entry.decided or _no_tow(step, rung):
                    continue
                orders: tuple[Announcement, ...] = ()
                why = self._refusal(case, step)
                if not why and step is Step.ANNOUNCEMENT:
                    orders, why = self._announce(case, rung, history, now)
                decided = Decided(not why, rung.title(case.policy.name, step), history)
                self._note(entry, step, decided)
                if why:
                    answer += Answer(withheld=(Withheld(offence.id, step, why),))
                else:
                    taken = answering.measure(case, step, decided, self._rules)
                    answer += Answer((taken,), orders)
        return answer

    def refuse(self, entry: Entry, rungs: tuple[Rung, ...], why: str) -> Answer:
        """Withholds what is left of some rungs, for good."""
        withheld = []
        for rung in rungs:
            for step in (step for step in rung.steps if step not in entry.decided):
                self._note(entry, step, Decided(False, rung.name, 0))
                withheld.append(Withheld(entry.id, step, why))
        return Answer(withheld=tuple(withheld))

    def _note(self, entry: Entry, step: Step, decided: Decided) -> None:
        entry.decided[step] = decided
        entry.told.add(step)
        self._history.touch(entry)

    def repeat(self, case: Case, steps: frozenset[Step]) -> Answer:
        """Says again, once, what an earlier run decided: nobody may have heard it."""
        entry, measures = case.entry, []
        for step, decided in entry.decided.items():
            if step in entry.told or step not in steps or step is Step.ANNOUNCEMENT:
                continue
            entry.told.add(step)
            if decided.taken:
                measures.append(answering.measure(case, step, decided, self._rules))
        return Answer(tuple(measures))

    def _refusal(self, case: Case, step: Step) -> str:
        """Why a step may not be taken; empty: it may."""
        offence, word = case.offence, step.name.lower()
        distrust = self._distrusted.get((offence.camera, offence.type))
        if distrust is not None:
            return f"observe only: {distrust}"
        if step in WARNINGS:
            return ""
        if self._rules.mode_at(offence.stamp) is not Mode.ENFORCEMENT:
            return "socialisation: nothing beyond a warning"
        if case.violation is None or not case.violation.has_scene:
            return f"no sealed picture of the deciding moment: no {word} without proof"
        obeyed = case.entry.outcome is Outcome.COMPLIED
        if obeyed and case.policy.spare:
            return "spared: the warning was obeyed in time"
        if step is Step.CITATION:
            return ""
        if offence.type not in STANDING:
            return f"a {word} is for who stops or parks"
        return "the vehicle has left" if obeyed else ""

    def _announce(
        self, case: Case, rung: Rung, history: int, now: int
    ) -> tuple[tuple[Announcement, ...], str]:
        """The order for the pole whose turn it is, or why none may speak."""
        offence, rules = case.offence, self._rules
        level = rules.level(rung, offence.stamp, history)
        phrase = rules.phrases.get((offence.type, level))
        if phrase is None:
            return (), f"no phrase of level {level} for {offence.type.name.lower()}"
        if now - offence.stamp > rules.speak_within:
            return (), "too late: it happened a while ago"
        key = (offence.camera, offence.track_id)
        told = self._told.get(key) if offence.track_id else None
        if told is not None and abs(offence.stamp - told) < case.policy.cooldown:
            return (), "cool-down: this road user was told a moment ago"
        speaker, why = self.turns.pick(offence.camera, offence.stamp)
        if why:
            return (), why
        place = rules.shape(offence).place
        order = answering.order(offence, speaker, phrase, rules.speak_within, place)
        self.turns.give(speaker, order.id, offence.stamp)
        if offence.track_id:
            self._told.put(key, offence.stamp, offence.stamp)
        return (order,), ""


def _no_tow(step: Step, rung: Rung) -> bool:
    """A tow is no answer to how often, only to how long; a site file cannot say otherwise."""
    return step is Step.TOW and rung.dwell is None
