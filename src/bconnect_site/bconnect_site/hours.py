"""Hours in which something holds or keeps silent, as written in site files."""

from datetime import datetime

from pydantic import Field

from bconnect_site import schedule
from bconnect_site.fields import Clock, Days, Strict


class Window(Strict):
    """Hours of some days, local time; an end before the start lies on the next day."""

    days: Days = "daily"
    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")

    def covers(self, local: datetime) -> bool:
        """Whether a local time lies inside."""
        return schedule.covers(schedule.parse_days(self.days), self.start, self.end, local)


class Quiet(Strict):
    """Hours in which a speaker keeps silent, local time, every day."""

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")

    def covers(self, local: datetime) -> bool:
        """Whether a local time lies inside."""
        return schedule.covers(frozenset(range(7)), self.start, self.end, local)
