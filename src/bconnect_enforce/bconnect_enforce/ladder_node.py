"""The ladder: findings and violations in, measures and announcements out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bconnect_msgs import msg as messages
from rclpy.clock import Clock, ClockType

from bconnect_enforce import convert
from bconnect_enforce.convert_ladder import seen_from, sight_from
from bconnect_enforce.convert_orders import fields_of, put
from bconnect_enforce.core import ladder
from bconnect_enforce.core.history import digest
from bconnect_enforce.core.policy import rules_of
from bconnect_enforce.core.records import Measure
from bconnect_enforce.doorway import SealDoor
from bconnect_enforce.missed import Missed
from bconnect_enforce.remembering import Remembering
from bconnect_node.base import BconnectNode
from bconnect_node.parameters import field
from bconnect_node.qos import EVENT, RECORD, SENSOR
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.frozen import load_frozen
from bconnect_site.kinds import CitationStatus, SpeakerStateKind
from bconnect_site.orders import ANNOUNCE, MEASURE, SECOND
from bconnect_site.phrases import load_phrases
from bconnect_site.signer import Signer
from bconnect_site.trusted import LADDER

TICK = 0.25  # s
AT_ONCE = 40  # measures in a tick: readers keep a hundred, and a restart repeats hundreds
MISSED_AT_ONCE = 10  # violations in a tick, each of which may call for four measures
LINGER = 30  # s without a watch until a camera's tracks are let go
LOOK_EVERY = 150_000_000  # ns between two looks at one camera
MEASURE_LIFE = 24 * 3600 * SECOND  # ns a ledger that was away may still write one


@dataclass(frozen=True)
class LadderParams:
    """Everything else is in the site file."""

    site_file: str = field(description="the frozen site")
    orders_dir: str = field(description="the site's orders: the key that signs ours is there")
    keys_dir: str = field("", "the evidence's public keys; empty: it runs elsewhere")
    history_file: str = field("", "memory of all sites; empty: none beyond this run")
    evidence_dir: str = field("", "the evidence store; empty: what was missed stays so")


class Ladder(BconnectNode):
    """Answers each finding within its callback: a decision takes microseconds."""

    params: LadderParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("ladder", LadderParams, **kw)
        loaded = load_frozen(self.params.site_file)
        self._site = loaded.site.site
        orders, keys = self.params.orders_dir, self.params.keys_dir
        self._signer = Signer(Path(orders) / LADDER)
        self._seals = SealDoor(orders, keys, self.health, self.now)
        phrases = loaded.config_dir / "phrases.yaml" if loaded.config_dir else None
        rules = rules_of(loaded.site, load_phrases(phrases))
        path = Path(self.params.history_file) if self.params.history_file else None
        self._memory = Remembering(
            path, loaded.site.site, rules.history, rules.history_limit, self.now, self.health.error
        )
        self._ladder = ladder.Ladder(rules, digest=partial(digest, self._memory.secret))
        self._ladder.load(self._memory.take())
        self._tracks: dict[str, Any] = {}  # subscriptions by camera
        self._unsaid: deque[Measure] = deque()
        self._room = AT_ONCE
        self._found = 0
        self._looked: dict[str, int] = {}  # stamp of the last look
        self._wanted: dict[str, int] = {}  # when a camera's tracks were last wanted
        self._measures = self.create_publisher(messages.Measure, names.MEASURES, RECORD)
        self._announcements = self.create_publisher(
            messages.Announcement, names.ANNOUNCEMENTS, EVENT
        )
        self._compliance = self.create_publisher(messages.Compliance, names.COMPLIANCE, RECORD)
        self._listen(messages.RuleTrust, names.RULE_TRUST, self.on_trust, RECORD)
        self._listen(messages.SpeakerState, names.SPEAKER_STATE, self.on_speaker, RECORD)
        self._listen(messages.Citation, names.CITATIONS, self.on_citation, RECORD)
        self._listen(messages.Finding, names.FINDINGS, self.on_finding, EVENT)
        self._listen(messages.Violation, names.VIOLATIONS, self.on_violation, RECORD)
        self.create_timer(TICK, self.on_time, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._say_mode(rules)
        self._carry_out(self._ladder.resume(self._memory.undecided, self.now()))
        self._again = set(self._memory.latest)
        self._missed = self._looking()
        self._memory.caught_up = self._missed is None
        self.worker("history", self._memory.run)

    def _listen(self, kind: Any, topic: str, callback: Callable[[Any], None], qos: Any) -> None:
        """Subscribes; a message of another version is counted and dropped."""

        def heard(m: Any) -> None:
            self.health.tick(topic)
            try:
                callback(m)
            except ValueError as error:
                self.health.error(f"{topic}: {error}; was it sent by another version?")

        self.create_subscription(kind, topic, heard, qos)

    def _looking(self) -> Missed | None:
        """Looks for what was missed, where evidence and its keys are."""
        store, keys = self.params.evidence_dir, self.params.keys_dir
        if not store or not keys:
            return None
        missed = Missed(
            Path(store),
            self._site,
            Path(keys),
            self._memory.before,
            lambda id_: id_ in self._again or self._ladder.missed(id_),
            self.now,
            self.health.error,
        )
        self.worker("missed", missed.run)
        return missed

    def on_finding(self, m: messages.Finding) -> None:
        offence = convert.offence_from(m)
        self._carry_out(self._ladder.on_finding(offence, sight_from(m), self.now()))

    def on_violation(self, m: messages.Violation) -> None:
        if self._seals.believes(m):
            self._carry_out(self._ladder.on_violation(convert.violation_from(m), self.now()))

    def on_trust(self, m: messages.RuleTrust) -> None:
        self._ladder.on_trust(convert.trust_from(m))

    def on_speaker(self, m: messages.SpeakerState) -> None:
        stamp = convert.ns(m.header.stamp)
        self._ladder.on_speaker(m.speaker, SpeakerStateKind(m.state), m.announcement_id, stamp)

    def on_citation(self, m: messages.Citation) -> None:
        if m.status in (CitationStatus.REJECTED, CitationStatus.WITHDRAWN):
            self._ladder.on_rejected(m.violation_id)

    def on_tracks(self, camera: str, m: messages.RoadUserArray) -> None:
        stamp = convert.ns(m.header.stamp)
        if camera not in self._ladder.watched or stamp - self._looked.get(camera, 0) < LOOK_EVERY:
            return
        self._looked[camera] = stamp
        try:
            seen = seen_from(m, camera)
        except ValueError as error:
            self.health.error(f"{camera}: {error}; was it sent by another version?")
            return
        self._carry_out(self._ladder.on_tracks(seen, self.now()))

    def on_time(self) -> None:
        self._room = AT_ONCE
        self._say()
        if others := self._memory.take():
            self._ladder.load(others)
        self._carry_out(self._ladder.on_time(self.now(), forget=self._memory.caught_up))
        self._take_in()
        self._let_go()
        self.health.set("remembered", self._ladder.remembered)
        self.health.set("waiting", self._ladder.waiting)
        self.health.set("watched", ", ".join(sorted(self._ladder.watched)) or None)
        self.health.set("memory", "on disk" if self._memory.kept else "in this run only")

    def _take_in(self) -> None:
        """What no message brought, and what the ledger may not have heard when a run ended."""
        if self._missed is None or self._unsaid:
            return
        for violation in self._missed.take(MISSED_AT_ONCE):
            self._again.discard(violation.id)
            if self._ladder.missed(violation.id):
                self._found += 1
            self._carry_out(self._ladder.on_violation(violation, self.now()))
        self._memory.caught_up |= self._missed.caught_up
        self.health.set("found_in_evidence", self._found)
        self.health.set("bad_manifests", self._missed.bad)

    def _carry_out(self, answer: ladder.Answer) -> None:
        # The voice first: it is the only one in a hurry.
        for order in answer.announcements:
            said = convert.announcement_to(order)
            self.send(self._announcements, self._signed(ANNOUNCE, said, order.expires))
            self.health.tick(names.ANNOUNCEMENTS)
        self._unsaid.extend(answer.measures)
        self._say()
        for record in answer.compliance:
            self.send(self._compliance, convert.compliance_to(record))
            self.health.tick(names.COMPLIANCE)
        for withheld in answer.withheld:
            self.get_logger().info(
                f"{withheld.step.name.lower()} withheld for {withheld.violation_id}: {withheld.why}"
            )
        self._watch()
        self._memory.put(self._ladder.history.drain())
        self._memory.wait(self._ladder.undecided)

    def _say(self) -> None:
        """What was decided, no faster than readers take it in; a kill meanwhile loses nothing,
        since what was decided is said again at the next start."""
        while self._unsaid and self._room:
            self._room -= 1
            measure = self._unsaid.popleft()
            asked = convert.measure_to(measure)
            self.send(self._measures, self._signed(MEASURE, asked, self.now() + MEASURE_LIFE))
            self.health.tick(names.MEASURES)
            self.get_logger().info(f"{measure.step.name.lower()}: {measure.reason}")

    def _signed(self, kind: str, m: Any, expires: int) -> Any:
        put(m, self._signer.sign(kind, fields_of(kind, m, self._site), self.now(), expires))
        if self._signer.fault:
            self.health.error(self._signer.fault)
        return m

    def _watch(self) -> None:
        """Listens to the tracks of the cameras that are watched, and of no other."""
        now = self.now()
        for camera in self._ladder.watched:
            self._wanted[camera] = now
            if camera not in self._tracks:
                topic = names.camera_topic(camera, names.TRACKS)
                self._tracks[camera] = self.create_subscription(
                    messages.RoadUserArray, topic, partial(self.on_tracks, camera), SENSOR
                )

    def _let_go(self) -> None:
        now = self.now()
        for camera in [c for c, at in self._wanted.items() if now - at > LINGER * 1_000_000_000]:
            self.destroy_subscription(self._tracks.pop(camera))
            del self._wanted[camera]
            self._looked.pop(camera, None)

    def _say_mode(self, rules: ladder.Rules) -> None:
        mode = rules.mode.name.lower()
        until = f" until {rules.until}" if rules.until else ""
        self.health.set("mode", mode + until)
        self.get_logger().info(f"mode: {mode}{until}")


def main() -> int:
    return run(Ladder)
