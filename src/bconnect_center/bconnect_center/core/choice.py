"""Which numbers are asked for: whole weeks, and what they are limited to."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta

from bconnect_site.kinds import RoadUserKind, ViolationType, from_word, word

EPOCH = date(1970, 1, 1)
USUAL, LONGEST = 12, 53  # weeks
FIRST_YEAR, LAST_YEAR = 2000, 2999
_NAME = re.compile(r"[a-z0-9_]{1,64}")


class Unclear(ValueError):
    """A filter that means nothing; str() is the sentence."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`first`, `last`: Mondays, days from 1970, both counted. Empty and 0: no limit.

    `sites`: those the person is limited to; None: none.
    """

    first: int
    last: int
    site: str = ""
    camera: str = ""
    type: int = 0
    road_user: int = 0
    sites: frozenset[str] | None = None

    @property
    def weeks(self) -> range:
        return range(self.first, self.last + 1, 7)

    @property
    def within(self) -> frozenset[str] | None:
        """The sites to look at; None: all."""
        if not self.site:
            return self.sites
        return frozenset({self.site}) & (self.sites if self.sites is not None else {self.site})

    def between(self, first: int, last: int) -> "Choice":
        return replace(self, first=first, last=last)

    @property
    def query(self) -> dict[str, str]:
        """What stands in the address."""
        found = {"from": iso(self.first), "to": iso(self.last + 6), "site": self.site,
                 "camera": self.camera}  # fmt: skip
        found["rule"] = word(ViolationType(self.type)) if self.type else ""
        found["kind"] = word(RoadUserKind(self.road_user)) if self.road_user else ""
        return {key: value for key, value in found.items() if value}


def days(day: date) -> int:
    return (day - EPOCH).days


def iso(day: int) -> str:
    return (EPOCH + timedelta(day)).isoformat()


def monday(day: int) -> int:
    return day - (EPOCH + timedelta(day)).weekday()


def day_of(text: str, key: str) -> int | None:
    """A date of the address; None: none was given. Raises Unclear."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise Unclear(f'{key}: found "{text[:20]}", needs a date like 2026-11-24') from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Unclear(f'{key}: found "{text[:20]}", allowed: {FIRST_YEAR} to {LAST_YEAR}')
    return days(found)


def choose(
    today: int,
    sites: frozenset[str],
    begin: str = "",
    end: str = "",
    site: str = "",
    camera: str = "",
    rule: str = "",
    kind: str = "",
) -> Choice:
    """The choice an address stands for. `sites`: what the person is limited to; empty: nothing.

    Raises Unclear.
    """
    to, since = day_of(end, "to"), day_of(begin, "from")
    if to is None:
        to = today if since is None else max(today, since)
    last = monday(to)
    first = last - 7 * (USUAL - 1) if since is None else monday(since)
    if first > last:
        raise Unclear(f"from: {iso(first)} is later than to: {iso(last)}")
    if (last - first) // 7 >= LONGEST:
        if begin and end:
            raise Unclear(f"from, to: {(last - first) // 7 + 1} weeks, allowed: at most {LONGEST}")
        last = first + 7 * (LONGEST - 1)
    for key, text in (("site", site), ("camera", camera)):
        if text and not _NAME.fullmatch(text):
            raise Unclear(f'{key}: found "{text[:20]}", allowed: a-z, 0-9 and _')
    if camera and not site:
        raise Unclear("camera: needs its site too")
    return Choice(
        first,
        last,
        site,
        camera,
        _kind(ViolationType, rule, "rule"),
        _kind(RoadUserKind, kind, "kind"),
        sites or None,
    )


def _kind(kinds: type[ViolationType] | type[RoadUserKind], text: str, key: str) -> int:
    try:
        return int(from_word(kinds, text[:40], key)) if text else 0
    except ValueError as error:
        raise Unclear(str(error)) from error
