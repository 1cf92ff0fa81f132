"""A street's weeks for tests of numbers: violations, road users, warnings, decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_center.adapters.tables import decisions
from bconnect_center.adapters.traffic_weeks import add
from bconnect_center.house import House
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.records import Compliance, Event, Measure, Offence, Violation, identity
from bconnect_site.kinds import CitationStatus, Mode, Outcome, RoadUserKind, Step, ViolationType

SECOND = 1_000_000_000
WITA = ZoneInfo("Asia/Makassar")


def at(text: str) -> int:
    """ISO local time as ns."""
    return int(datetime.fromisoformat(text).replace(tzinfo=WITA).timestamp()) * SECOND


@dataclass
class Street:
    """Writes through the ledger as everybody does."""

    house: House
    site: str = "beruang_madu"
    camera: str = "timur"
    count: int = 0
    numbers: list[str] = field(default_factory=list)

    def violate(
        self,
        when: str,
        kind: ViolationType = ViolationType.ILLEGAL_PARKING,
        user: RoadUserKind = RoadUserKind.CAR,
        camera: str = "",
        site: str = "",
        cite: bool = False,
    ) -> str:
        """The citation's number, where one is made."""
        self.count += 1
        offence = Offence(
            id=identity("street", str(self.count)), type=kind, site=site or self.site,
            camera=camera or self.camera, zone="z", stamp=at(when), track_id=self.count,
            road_user=user,
        )  # fmt: skip
        violation = Violation(
            offence, offence.stamp, "marking", "1", 0.9, "", math.nan, math.nan, math.nan, math.nan,
            manifest=f"{self.count}/m.json", manifest_sha256=f"{self.count:064x}",
        )  # fmt: skip
        if cite:
            self.house.ledger.store_measure(
                Measure(identity(offence.id, "m"), offence.id, offence.site, offence.camera, kind,
                        Step.CITATION, Mode.ENFORCEMENT, offence.stamp, "", "p"),
                offence.stamp,
            )  # fmt: skip
        lines = self.house.ledger.store_violation(violation, offence.stamp)
        return lines[0].number if lines else ""

    def decide(self, number: str, status: CitationStatus, seconds: float = 90.0) -> None:
        now = self.house.now()
        self.house.ledger.review(Decision(number, status, "Sari", "sebab"), now)
        row: dict[str, Any] = {
            "id": number, "number": number, "account": "validator", "decision": "confirm",
            "reason": "", "stamp": now, "due": now, "state": "written", "seconds": seconds,
            "told": {},
        }  # fmt: skip
        with self.house.database.writing() as c:
            c.execute(decisions.insert(), row)

    def warn(self, when: str, outcome: Outcome, site: str = "") -> None:
        self.count += 1
        self.house.ledger.store_compliance(
            Compliance(f"c-{self.count}", "a", "f", site or self.site, self.camera, "t", "p",
                       ViolationType.ILLEGAL_PARKING, outcome, at(when), at(when))
        )  # fmt: skip

    def observe_only(self, camera: str, rule: str) -> None:
        self.house.ledger.note(
            Event("back_off", self.site, f"{camera}/{rule}", "ledger", "2 of 12", self.house.now())
        )

    def passed(
        self,
        when: str,
        many: int,
        user: RoadUserKind = RoadUserKind.CAR,
        camera: str = "",
        site: str = "",
        more: Mapping[RoadUserKind, int] | None = None,
    ) -> None:
        keys = {
            (site or self.site, camera or self.camera, at(when), int(kind)): count
            for kind, count in ({user: many} | dict(more or {})).items()
        }
        with self.house.database.writing() as c:
            add(c, self.house.zone, keys)
