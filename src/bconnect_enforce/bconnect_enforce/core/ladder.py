"""The ladder: which step answers an offence.

A policy is a list of steps for one kind of offence, softest first; each listed step acts:

    reprimand     a line in the register, at once, on the finding. Alone it is silent. Where
                  the policy has one, the first word spoken to a road user is the friendly
                  phrase (level "reprimand") instead of the stern one (level "warning").
    announcement  a spoken phrase from every speaker that hears the camera, at once, on the
                  finding; withheld during a cool-down, so that no pole shouts at one vehicle
                  again and again. In socialisation mode always the friendly phrase: the stern
                  ones speak of consequences that there are not yet.
    citation      a referral for police validation, on the sealed violation, only in
                  enforcement mode and only with a sealed picture of the deciding moment.
    sticker, tow  known to the messages, not carried out yet: noted as withheld.

Socialisation mode does nothing beyond a warning until its last day has passed, by the
offence's own stamp in the site's timezone: an offence of the socialisation period is not
cited afterwards. Every decision is remembered by the offence's id, so the same finding or
violation delivered ten times, in any order, gives each measure once; ids are UUIDv5, so even
after a restart a repeated decision is recognised downstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

from bconnect_enforce.core.memory import Memory
from bconnect_enforce.core.reasons import local_time, reason
from bconnect_enforce.core.records import Announcement, Measure, Offence, Violation, identity
from bconnect_site.kinds import Mode, Step, ViolationType

Level = Literal["reprimand", "warning"]

SECOND = 1_000_000_000
WARNINGS = frozenset({Step.REPRIMAND, Step.ANNOUNCEMENT})
CARRIED_OUT = WARNINGS | {Step.CITATION}
DEFAULT_POLICY = (Step.REPRIMAND, Step.ANNOUNCEMENT, Step.CITATION)


@dataclass(frozen=True, slots=True)
class Phrase:
    """What to say about one kind of offence; a higher priority speaks first."""

    name: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy of one site, as data. Durations in ns.

    `policies` by the offence's word ("wrong_way") or "default"; `hears` names the cameras of
    each speaker; `phrases` says what is spoken for each kind of offence and level. `cooldown`
    is between two warnings to one road user, `speaker_pause` between two of one speaker.
    """

    timezone: ZoneInfo
    mode: Mode
    until: date | None = None
    policies: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    hears: Mapping[str, frozenset[str]] = field(default_factory=dict)
    phrases: Mapping[tuple[ViolationType, Level], Phrase] = field(default_factory=dict)
    cooldown: int = 60 * SECOND
    speaker_pause: int = 5 * SECOND
    speak_within: int = 8 * SECOND
    history: int = 3600 * SECOND
    remember: int = 24 * 3600 * SECOND

    def mode_at(self, stamp: int) -> Mode:
        """The mode on the stamp's local day; `until` is the last day of socialisation."""
        if self.mode is Mode.SOCIALISATION and self.until is not None:
            over = local_time(stamp, self.timezone).date() > self.until
            return Mode.ENFORCEMENT if over else Mode.SOCIALISATION
        return self.mode

    def policy(self, kind: ViolationType) -> tuple[str, tuple[Step, ...]]:
        """The name of the policy line for this kind, and its steps."""
        word = kind.name.lower()
        if word in self.policies:
            return word, self.policies[word]
        return "default", self.policies.get("default", DEFAULT_POLICY)

    def level(self, kind: ViolationType, stamp: int, history: int) -> Level:
        """How to speak: friendly in socialisation and on the first offence, stern after it."""
        friendly = Step.REPRIMAND in self.policy(kind)[1] and history == 0
        return "reprimand" if friendly or self.mode_at(stamp) is not Mode.ENFORCEMENT else "warning"

    def not_carried_out(self) -> tuple[str, ...]:
        """One sentence for each step that a policy names and this version cannot take."""
        return tuple(
            f'ladder.policies.{name}: step "{step.name.lower()}" is not carried out yet; '
            "allowed: reprimand, announcement, citation"
            for name, steps in self.policies.items()
            for step in steps
            if step not in CARRIED_OUT
        )


@dataclass(frozen=True, slots=True)
class Withheld:
    """A step of the policy that was not taken, and why (English, for the operator)."""

    violation_id: str
    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happens now."""

    measures: tuple[Measure, ...] = ()
    announcements: tuple[Announcement, ...] = ()
    withheld: tuple[Withheld, ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.measures + other.measures,
            self.announcements + other.announcements,
            self.withheld + other.withheld,
        )


class Ladder:
    """Decides; one per site. Not thread-safe: call it from one thread."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._decided: Memory[tuple[str, Step], bool] = Memory(rules.remember)
        self._offences: Memory[tuple[str, int], dict[str, int]] = Memory(rules.history)
        self._told: Memory[tuple[str, int], int] = Memory(2 * rules.cooldown)
        self._spoke: Memory[str, int] = Memory(10 * rules.speaker_pause)

    def on_finding(self, offence: Offence) -> Outcome:
        """The warnings: they need no evidence and come at once; a witness's sight needs none."""
        if offence.same_as:
            return Outcome()
        return self._answer(offence, WARNINGS)

    def on_violation(self, violation: Violation) -> Outcome:
        """The register, should the finding never have come, and what needs evidence.

        Never a spoken warning: by now the vehicle is somewhere else.
        """
        steps = frozenset(Step) - {Step.ANNOUNCEMENT}
        return self._answer(violation.offence, steps, violation)

    @property
    def remembered(self) -> int:
        """Entries held in memory, of all kinds."""
        return len(self._decided) + len(self._offences) + len(self._told) + len(self._spoke)

    def _answer(
        self, offence: Offence, steps: frozenset[Step], violation: Violation | None = None
    ) -> Outcome:
        name, policy = self._rules.policy(offence.type)
        history = self._history(offence)
        outcome = Outcome()
        for step in policy:
            if step not in steps or (offence.id, step) in self._decided:
                continue
            self._decided.put((offence.id, step), True, offence.stamp)
            outcome += self._take(offence, step, f"{name}.{step.name.lower()}", history, violation)
        return outcome

    def _take(
        self, offence: Offence, step: Step, policy: str, history: int, violation: Violation | None
    ) -> Outcome:
        mode = self._rules.mode_at(offence.stamp)
        announcements: tuple[Announcement, ...] = ()
        why = self._refusal(step, mode, violation)
        if not why and step is Step.ANNOUNCEMENT:
            announcements, why = self._announce(offence, history)
        if why:
            return Outcome(withheld=(Withheld(offence.id, step, why),))
        return Outcome((self._measure(offence, step, mode, policy, history),), announcements)

    def _refusal(self, step: Step, mode: Mode, violation: Violation | None) -> str:
        if step not in CARRIED_OUT:
            return f"{step.name.lower()} is not carried out yet"
        if step in WARNINGS:
            return ""
        if mode is not Mode.ENFORCEMENT:
            return "socialisation: nothing beyond a warning"
        if violation is None or not violation.has_scene:
            return "no sealed picture of the deciding moment: no citation without proof"
        return ""

    def _announce(self, offence: Offence, history: int) -> tuple[tuple[Announcement, ...], str]:
        """Orders for the speakers that may speak now, or why none may."""
        speakers = [name for name, cams in self._rules.hears.items() if offence.camera in cams]
        level = self._rules.level(offence.type, offence.stamp, history)
        phrase = self._rules.phrases.get((offence.type, level))
        if not speakers:
            return (), f"no speaker hears {offence.camera}"
        if phrase is None:
            return (), f"no phrase of level {level} for {offence.type.name.lower()}"
        key = (offence.camera, offence.track_id)
        told = self._told.get(key) if offence.track_id else None
        if told is not None and abs(offence.stamp - told) < self._rules.cooldown:
            return (), "cool-down: this road user was told a moment ago"
        free = [name for name in speakers if self._may_speak(name, offence.stamp)]
        if not free:
            return (), "cool-down: the speaker spoke a moment ago"
        if offence.track_id:
            self._told.put(key, offence.stamp, offence.stamp)
        for name in free:
            self._spoke.put(name, offence.stamp, offence.stamp)
        return tuple(self._order(offence, name, phrase) for name in sorted(free)), ""

    def _may_speak(self, speaker: str, stamp: int) -> bool:
        last = self._spoke.get(speaker)
        return last is None or abs(stamp - last) >= self._rules.speaker_pause

    def _order(self, offence: Offence, speaker: str, phrase: Phrase) -> Announcement:
        return Announcement(
            id=identity(offence.id, "announcement", speaker, phrase.name),
            speaker=speaker,
            phrase=phrase.name,
            finding_id=offence.id,
            priority=phrase.priority,
            stamp=offence.stamp,
            expires=offence.stamp + self._rules.speak_within,
        )

    def _measure(
        self, offence: Offence, step: Step, mode: Mode, policy: str, history: int
    ) -> Measure:
        note = "masa sosialisasi, tanpa sanksi" if mode is Mode.SOCIALISATION else ""
        return Measure(
            id=identity(offence.id, step.name.lower()),
            violation_id=offence.id,
            site=offence.site,
            camera=offence.camera,
            type=offence.type,
            step=step,
            mode=mode,
            stamp=offence.stamp,
            reason=reason(offence, step, history, self._rules.timezone, note),
            policy=policy,
            history=history,
        )

    def _history(self, offence: Offence) -> int:
        """Earlier offences of the same tracked road user; a track is short, so is its memory."""
        if not offence.track_id:
            return 0
        key = (offence.camera, offence.track_id)
        known = self._offences.get(key) or {}
        horizon = offence.stamp - self._rules.history
        known = {id_: stamp for id_, stamp in known.items() if stamp >= horizon}
        known[offence.id] = offence.stamp
        self._offences.put(key, known, max(known.values()))
        return sum(1 for stamp in known.values() if stamp < offence.stamp)
