"""The ladder: findings and violations in, measures and announcements out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bconnect_msgs.msg import Announcement, Finding, Measure, Violation

from bconnect_enforce import convert
from bconnect_enforce.core import ladder
from bconnect_enforce.core.policy import rules_of
from bconnect_node.base import BconnectNode
from bconnect_node.parameters import field
from bconnect_node.qos import EVENT, RECORD
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.frozen import load_frozen
from bconnect_site.phrases import load_phrases


@dataclass(frozen=True)
class LadderParams:
    """Everything else is in the site file."""

    site_file: str = field(description="the frozen site")


class Ladder(BconnectNode):
    """Answers each finding within its callback: a decision takes microseconds."""

    params: LadderParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("ladder", LadderParams, **kw)
        loaded = load_frozen(self.params.site_file)
        phrases = loaded.config_dir / "phrases.yaml" if loaded.config_dir else None
        rules = rules_of(loaded.site, load_phrases(phrases))
        self._ladder = ladder.Ladder(rules)
        self._measures = self.create_publisher(Measure, names.MEASURES, RECORD)
        self._announcements = self.create_publisher(Announcement, names.ANNOUNCEMENTS, EVENT)
        self.create_subscription(Finding, names.FINDINGS, self.on_finding, EVENT)
        self.create_subscription(Violation, names.VIOLATIONS, self.on_violation, RECORD)
        self._say_policy(rules, Path(self.params.site_file))

    def on_finding(self, m: Finding) -> None:
        self.health.tick(names.FINDINGS)
        try:
            offence = convert.offence_from(m)
        except ValueError as error:
            self.health.error(f"finding {m.id}: {error}; was it sent by another version?")
            return
        self._carry_out(self._ladder.on_finding(offence))

    def on_violation(self, m: Violation) -> None:
        self.health.tick(names.VIOLATIONS)
        try:
            violation = convert.violation_from(m)
        except ValueError as error:
            self.health.error(f"violation {m.finding.id}: {error}; was it sent by another version?")
            return
        self._carry_out(self._ladder.on_violation(violation))

    def _carry_out(self, outcome: ladder.Outcome) -> None:
        # The voice first: it is the only one in a hurry.
        for order in outcome.announcements:
            self.send(self._announcements, convert.announcement_to(order))
            self.health.tick(names.ANNOUNCEMENTS)
        for measure in outcome.measures:
            self.send(self._measures, convert.measure_to(measure))
            self.health.tick(names.MEASURES)
            self.get_logger().info(f"{measure.step.name.lower()}: {measure.reason}")
        for withheld in outcome.withheld:
            self.get_logger().info(
                f"{withheld.step.name.lower()} withheld for {withheld.violation_id}: {withheld.why}"
            )
        self.health.set("remembered", self._ladder.remembered)

    def _say_policy(self, rules: ladder.Rules, site_file: Path) -> None:
        mode = rules.mode.name.lower()
        until = f" until {rules.until}" if rules.until else ""
        self.health.set("mode", mode + until)
        self.get_logger().info(f"mode: {mode}{until}")
        for sentence in rules.not_carried_out():
            self.get_logger().warning(f"{site_file.name}: {sentence}")
            self.health.set("not_carried_out", sentence)


def main() -> int:
    return run(Ladder)
