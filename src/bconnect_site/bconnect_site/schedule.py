"""Hours of the day and days of the week, as written in site files. No clock is read."""

import re
from datetime import datetime, time, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse_clock(text: object) -> time:
    """``"16:00"`` as a time of day. Raises ValueError."""
    if isinstance(text, time):
        return text
    if isinstance(text, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        return time.fromisoformat(text)
    raise ValueError(f'found {text!r}; needs a time of day such as "16:00", between quotes')


def format_clock(value: time) -> str:
    """A time of day as ``HH:MM``."""
    return value.strftime("%H:%M")


def parse_days(text: str) -> frozenset[int]:
    """``"mon-sat"``, ``"sat,sun"``, ``"daily"`` as weekdays, Monday is 0. Raises ValueError."""
    if text == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for part in (p.strip() for p in text.split(",")):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if first not in DAYS or last not in DAYS:
            raise ValueError(
                f'found "{part}"; needs days such as "mon-sat", "sat,sun" or "daily"'
                f" (days: {', '.join(DAYS)})"
            )
        start, stop = DAYS.index(first), DAYS.index(last)
        found.update((start + i) % 7 for i in range((stop - start) % 7 + 1))
    return frozenset(found)


def covers(days: frozenset[int], start: time, end: time, local: datetime) -> bool:
    """Whether a local time falls in [start, end) on one of the days.

    An end before the start lies on the next day; the day then is the start's.
    """
    clock = local.time().replace(tzinfo=None)
    if start < end:
        return local.weekday() in days and start <= clock < end
    if clock >= start:
        return local.weekday() in days
    return clock < end and (local - timedelta(days=1)).weekday() in days
