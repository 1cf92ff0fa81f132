"""The ladder: which step answers an offence.

    reprimand     a line in the register, at once, on the finding. Where the rung has one, the
                  first word spoken to a road user is the friendly phrase.
    announcement  a spoken phrase, at once, on the finding, from one pole of the junction;
                  withheld during a cool-down. In socialisation always the friendly phrase.
    sticker       a task for an officer, on the sealed violation, for who stopped or parked.
    citation      a referral for police validation, on the sealed violation.
    tow           a proposal, on the sealed violation of a vehicle seen standing beyond the dwell.

`rungs.Policy` says which steps hold, by kind, place, hour and history. Steps of legal weight
need enforcement mode (by the offence's own stamp: what was done in socialisation is not cited
afterwards) and a sealed picture of the deciding moment. Where a warning was spoken and obeying
it can be seen they wait until that is known (`compliance`), and who obeyed is spared them.
Nothing at all is done for a rule that officers do not trust at that camera.

Every decision is remembered by the offence's id (`history`): delivered ten times, in any order,
each measure comes once. What an earlier run decided is said again once, the same by its UUIDv5.
What an earlier run missed (`missed`) is decided as it would have been, except that nobody is
spoken to, and its reason says that it comes late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from bconnect_enforce.core import answering
from bconnect_enforce.core.answering import Case
from bconnect_enforce.core.compliance import Report, Seen, Stood, Watched, Watchman
from bconnect_enforce.core.deciding import Answer, Decider, Withheld
from bconnect_enforce.core.history import Entry, History
from bconnect_enforce.core.memory import Memory
from bconnect_enforce.core.obeying import Sight
from bconnect_enforce.core.records import Offence, RuleTrust, Violation
from bconnect_enforce.core.rungs import LEGAL, SECOND, WARNINGS, Rules
from bconnect_site.kinds import Mode, Outcome, SpeakerStateKind, Step
from bconnect_site.leaps import Leaps

__all__ = ["Answer", "Ladder", "Withheld"]

WAITING = 2000  # violations that may wait at once
LATE = 2 * SECOND  # after the watch: nothing more will come
AWAY = 600 * SECOND  # after the offence: a violation that comes then was missed


class _Said(Enum):
    """How far a phrase came."""

    BEGUN = 1
    ENDED = 2
    BROKEN_OFF = 3  # muted, or the mouth failed


HEARD = (_Said.BEGUN, _Said.ENDED)


@dataclass(slots=True)
class _Waiting:
    """A violation of which not everything is decided; `until` by our clock."""

    violation: Violation
    until: int


class Ladder:
    """One per site. Stamps in ns, `now` by the node's clock (left out: the offence's stamp).

    `digest` turns a plate into what may be remembered of it. Not thread-safe.
    """

    def __init__(
        self, rules: Rules, history: History | None = None, digest: Callable[[str], str] = str
    ) -> None:
        self._rules = rules
        self._digest = digest
        self.history = history or History(rules.history, rules.track_history, rules.history_limit)
        self._decider = Decider(rules, self.history)
        self._watchman = Watchman()
        self._spoken: Memory[str, _Said] = Memory(3600 * SECOND)
        self._waiting: dict[str, _Waiting] = {}
        self._leaps = Leaps()

    @property
    def remembered(self) -> int:
        """Entries held in memory, of all kinds."""
        parts = (self._decider, self._watchman, self._spoken, self._waiting)
        return self.history.remembered + sum(len(part) for part in parts)

    @property
    def watched(self) -> frozenset[str]:
        """Cameras whose tracks are wanted now."""
        return self._watchman.cameras

    @property
    def waiting(self) -> int:
        """Violations of which not everything is decided yet."""
        return len(self._waiting)

    def on_finding(self, offence: Offence, sight: Sight | None = None, now: int = 0) -> Answer:
        """The warnings: they need no evidence and come at once; a witness's sight needs none."""
        if offence.same_as:
            return Answer()
        now = now or offence.stamp
        case = self._case(offence)
        answer = self._decider.decide(case, WARNINGS, now)
        if not case.entry.found:
            case.entry.found, case.entry.watching = True, False
            self._watch(case, sight, answer, now)
        return answer + self._release(offence.id, now)

    def on_violation(self, violation: Violation, now: int = 0) -> Answer:
        """The register, should the finding never have come, and what needs evidence.

        Never a spoken warning: by now the vehicle is somewhere else.
        """
        offence, now = violation.offence, now or violation.offence.stamp
        if offence.same_as:
            return Answer()
        case = self._case(offence, violation)
        if case.entry.closed:
            return self._decider.repeat(case, WARNINGS | LEGAL)
        if not case.entry.decided.keys() & LEGAL:
            case.entry.late |= now - offence.stamp > AWAY
        answer = self._decider.decide(case, frozenset({Step.REPRIMAND}), now)
        until = self._patience(case, now)
        self._waiting[offence.id] = _Waiting(violation, until)
        case.entry.watching |= until > now
        answer += self._release(offence.id, now)
        if len(self._waiting) > WAITING:
            answer += self._release(next(iter(self._waiting)), now, force=True)
        return answer

    def missed(self, violation_id: str) -> bool:
        """Whether a violation that was sealed never came, as far as is remembered."""
        entry = self.history.get(violation_id)
        return violation_id not in self._waiting and not (entry and entry.closed)

    @property
    def undecided(self) -> tuple[Violation, ...]:
        """What waits, so that a restart need not lose it; hand it to `resume`."""
        return tuple(waiting.violation for waiting in self._waiting.values())

    def resume(self, violations: Iterable[Violation], now: int) -> Answer:
        """What waited when an earlier run ended."""
        answer = Answer()
        for violation in violations:
            answer += self.on_violation(violation, now)
        return answer

    def on_tracks(self, seen: Seen, now: int = 0) -> Answer:
        """One image of a camera that is watched."""
        now = now or seen.stamp
        return self._learn(self._watchman.look(seen, now), now)

    def on_time(self, now: int, forget: bool = True) -> Answer:
        """Call twice a second or so: waiting has an end, and so has remembering.

        Not to `forget` yet: what an earlier run missed must be told from what it decided.
        """
        answer = Answer()
        if leap := self._leaps(now):
            for waiting in self._waiting.values():
                waiting.until += leap
            answer += self._learn(self._watchman.lose("the clock was set anew"), now)
        answer += self._learn(self._watchman.tick(now), now)
        for id_ in [i for i, waiting in self._waiting.items() if waiting.until <= now]:
            answer += self._release(id_, now)
        if forget:
            self.history.forget(now)
        return answer

    def on_trust(self, trust: RuleTrust) -> None:
        """A rule that officers do not uphold at a camera is observed only, until they do."""
        self._decider.trust(trust)

    def on_speaker(self, speaker: str, state: SpeakerStateKind, order: str, stamp: int) -> None:
        """What a pole says of itself; `order` is the announcement it speaks or spoke last."""
        self._decider.turns.heard(speaker, state, order)
        known = self._spoken.get(order)
        if state is SpeakerStateKind.SPEAKING and order:
            self._spoken.put(order, _Said.BEGUN, stamp)
        elif known is _Said.BEGUN:
            ended = state is SpeakerStateKind.IDLE
            self._spoken.put(order, _Said.ENDED if ended else _Said.BROKEN_OFF, stamp)

    def on_rejected(self, violation_id: str) -> None:
        """An officer found that it was none: it counts against nobody."""
        entry = self.history.get(violation_id)
        if entry is not None and entry.counts:
            entry.counts = False
            self.history.touch(entry)

    def load(self, entries: Iterable[Entry]) -> None:
        """What is remembered of earlier runs and by other sites."""
        self.history.load(entries)

    def _case(self, offence: Offence, violation: Violation | None = None) -> Case:
        plate = self._digest(violation.plate) if violation and violation.plate else ""
        entry = self.history.note(offence, plate)
        if self._decider.observes(offence) and not entry.decided:
            entry.counts = False
        return Case(entry, offence, self._rules.policy(offence), violation)

    # --- watching ---

    def _watch(self, case: Case, sight: Sight | None, answer: Answer, now: int) -> None:
        """Looks on, after a warning, or because the policy waits for a dwell."""
        offence, policy = case.offence, case.policy
        if sight is None or self._decider.observes(offence):
            return
        dwells: set[int] = set()
        if self._rules.mode_at(offence.stamp) is Mode.ENFORCEMENT:
            dwells = {rung.dwell for rung in policy.rungs if rung.dwell is not None}
        length = policy.watch_of(offence.type)
        orders = answer.announcements if length else ()
        opened = self._watchman.open(
            offence,
            sight,
            self._rules.shape(offence),
            now,
            orders=orders,
            length=length,
            dwells=sorted(dwells),
        )
        if opened:
            case.entry.watching = bool(orders)

    def _learn(self, reports: list[Report], now: int) -> Answer:
        answer = Answer()
        for report in reports:
            if isinstance(report, Stood):
                answer += self._stood(report, now)
            else:
                answer += self._obeyed(report, now)
        return answer

    def _obeyed(self, report: Watched, now: int) -> Answer:
        entry = self.history.get(report.offence.id)
        if entry is not None:
            entry.watching, entry.outcome = False, report.outcome
            self.history.touch(entry)
        said = [
            answering.compliance(report, order, self._spoken.get(order.id) in HEARD)
            for order in report.orders
        ]
        return Answer(compliance=tuple(said)) + self._release(report.offence.id, now)

    def _stood(self, report: Stood, now: int) -> Answer:
        entry = self.history.get(report.offence_id)
        if entry is not None and report.still:
            entry.stood = max(entry.stood, report.dwell)
        return self._release(report.offence_id, now)

    # --- waiting ---

    def _patience(self, case: Case, now: int) -> int:
        """Until when steps of legal weight wait for an answer to the warning; 0: they do not."""
        offence, entry = case.offence, case.entry
        length = case.policy.watch_of(offence.type)
        speaks = any(Step.ANNOUNCEMENT in rung.steps for rung in case.policy.rungs)
        enforced = self._rules.mode_at(offence.stamp) is Mode.ENFORCEMENT
        known = entry.outcome is not Outcome.UNKNOWN or (entry.found and not entry.watching)
        known = known or bool(LEGAL & entry.decided.keys())
        if not length or not enforced or not speaks or known:
            return 0
        return min(offence.stamp, now) + length + LATE

    def _release(self, id_: str, now: int, force: bool = False) -> Answer:
        """Decides what waits, as far as it need not wait any longer."""
        waiting = self._waiting.get(id_)
        if waiting is None:
            return Answer()
        case = self._case(waiting.violation.offence, waiting.violation)
        entry = case.entry
        unseen = not entry.found and now < waiting.until
        if not force and (unseen or self._watchman.watches(id_)):
            return Answer()
        entry.watching = False
        answer = self._decider.decide(case, LEGAL, now)
        rungs = case.policy.dwells(self._decider.count(entry, case.policy))
        due, later = answering.dwells(rungs, waiting.violation, entry.stood)
        if due:
            answer += self._decider.decide(case, LEGAL, now, due)
        follows = any(self._watchman.follows(id_, rung.dwell or 0) for rung in later)
        if follows and not force:
            return answer
        del self._waiting[id_]
        entry.closed = True
        self.history.touch(entry)
        return answer + self._decider.refuse(entry, later, "was not seen standing that long")
