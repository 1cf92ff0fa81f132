"""Numbers as people of each language write them."""

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from bconnect_center.core.choice import EPOCH
from bconnect_center.web.words import catalogue, say
from bconnect_site.kinds import RoadUserKind, ViolationType

NOTHING = DASH = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Figures:
    """For one language; an unknown number is a dash."""

    language: str

    def whole(self, value: float) -> str:
        return self._written(value, 0)

    def few(self, value: float) -> str:
        """Three significant digits, at most three decimals."""
        if not math.isfinite(value):
            return "∞" if value == math.inf else NOTHING
        size = 0 if value == 0 else math.floor(math.log10(abs(value)))
        return self._written(value, min(3, max(0, 2 - size)) if value else 0)

    def percent(self, value: float) -> str:
        return f"{self._written(100 * value, 0)} %" if math.isfinite(value) else NOTHING

    def span(self, low: float, high: float) -> str:
        """An interval; empty where there is none."""
        if math.isnan(low) or math.isnan(high):
            return ""
        return f"{self.few(low)}{DASH}{self.few(high)}"

    def percents(self, low: float, high: float) -> str:
        if math.isnan(low) or math.isnan(high):
            return ""
        return f"{self._written(100 * low, 0)}{DASH}{self.percent(high)}"

    def duration(self, seconds: float) -> str:
        """Minutes and seconds."""
        if not math.isfinite(seconds):
            return NOTHING
        whole = round(seconds)
        return f"{whole // 60}:{whole % 60:02d}"

    def day(self, day: int) -> str:
        return f"{EPOCH + timedelta(day):%d.%m.%Y}"

    def short(self, day: int) -> str:
        return f"{EPOCH + timedelta(day):%d.%m.}"

    def rule(self, kind: int) -> str:
        return self._word(ViolationType, kind, "kinds.")

    def kind(self, kind: int) -> str:
        return self._word(RoadUserKind, kind, "numbers.user_")

    def weekday(self, number: int) -> str:
        return say(self.language, f"numbers.day_{number}")

    def _word(self, kinds: type[IntEnum], number: int, before: str) -> str:
        """A kind that newer software counted is unknown here."""
        name = kinds(number).name.lower() if number in kinds._value2member_map_ else "unknown"
        known = name if before + name in catalogue() else "unknown"
        return say(self.language, before + known)

    def _written(self, value: float, digits: int) -> str:
        if not math.isfinite(value):
            return "∞" if value == math.inf else NOTHING
        text = f"{value:,.{digits}f}"
        return text if self.language == "en" else text.translate(str.maketrans(",.", ".,"))
