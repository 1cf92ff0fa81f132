"""Puts the numbers of a page together from what the databases counted."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone

from bconnect_center.adapters.counts import Counts, Verdicts
from bconnect_center.core import change, numbers, publishing
from bconnect_center.core.choice import EPOCH, Choice, days, monday
from bconnect_center.core.moments import SECOND
from bconnect_center.core.numbers import Group, Heed, Overview, Week
from bconnect_center.core.rates import Share, share
from bconnect_center.house import House
from bconnect_enforce.core.trust import subject
from bconnect_site.kinds import ViolationType

PUBLIC_WEEKS = 12


@dataclass(frozen=True, slots=True)
class Precision:
    """How often officers upheld one rule at one camera."""

    site: str
    camera: str
    type: int
    share: Share
    observe_only: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """The page of numbers."""

    overview: Overview
    heeding: Heed
    heeding_weeks: list[Heed]
    heeding_sites: list[Heed]
    precision: Share
    seconds: float  # median at a case
    cases: int
    now: int


@dataclass(frozen=True, slots=True)
class Cameras:
    """The page of cameras, and of cameras and rules."""

    groups: list[Group[tuple[str, str]]]
    pairs: list[Precision]
    now: int


@dataclass(frozen=True, slots=True)
class Published:
    """What everybody may see. `week`: the newest that is shown."""

    table: publishing.PublicTable
    heeding: Share | None
    precision: Share | None
    made: int


def counts_of(house: House) -> Counts:
    return Counts(house.ledger, house.database)


def today(house: House) -> int:
    """The local day, days from 1970."""
    moment = datetime.fromtimestamp(house.now() // SECOND, timezone.utc)
    return days(moment.astimezone(house.zone).date())


def sheet(house: House, choice: Choice) -> Sheet:
    """All of the overview. Raises LedgerError."""
    counts = counts_of(house)
    found, all_users, users = _both(counts, choice)
    left_out = numbers.uncounted(found, all_users)
    answers = counts.answers(choice)
    upheld, decided = _decided(counts.verdicts(choice))
    begin, end = (_midnight(house, day) for day in (choice.first, choice.last + 7))
    seconds, cases = counts.seconds(choice, begin, end)
    whole = numbers.heeds(("", a.complied, a.ignored, a.unclear) for a in answers)
    return Sheet(
        overview=numbers.overview(
            found,
            counts.parts(choice, apart=bool(left_out)),
            users,
            counts.user_parts(choice),
            left_out,
            choice.weeks,
        ),
        heeding=whole[0] if whole else Heed("", 0, 0, 0, share(0, 0)),
        heeding_weeks=numbers.heeds(
            (a.week, a.complied, a.ignored, a.unclear) for a in sorted(answers, key=_week)
        ),
        heeding_sites=numbers.heeds((a.site, a.complied, a.ignored, a.unclear) for a in answers),
        precision=share(upheld, decided),
        seconds=seconds,
        cases=cases,
        now=house.now(),
    )


def _week(answer: object) -> int:
    return answer.week  # type: ignore[attr-defined, no-any-return]


def _both(counts: Counts, choice: Choice) -> tuple[list[Week], list[Week], list[Week]]:
    """Violations, road users of all kinds, road users of the kind asked for."""
    everybody = counts.users(replace(choice, road_user=0))
    users = counts.users(choice) if choice.road_user else everybody
    return counts.violations(choice), everybody, users


def _decided(verdicts: Iterable[Verdicts]) -> tuple[int, int]:
    upheld = decided = 0
    for verdict in verdicts:
        upheld, decided = upheld + verdict.upheld, decided + verdict.decided
    return upheld, decided


def by_camera(house: House, choice: Choice) -> Cameras:
    """Cameras, and cameras with their rules. Raises LedgerError."""
    return Cameras(cameras(house, choice), precisions(house, choice), house.now())


def cameras(house: House, choice: Choice) -> list[Group[tuple[str, str]]]:
    """By (site, camera), most violations first."""
    counts = counts_of(house)
    return numbers.cameras(counts.camera_violations(choice), counts.camera_users(choice))


def precisions(house: House, choice: Choice) -> list[Precision]:
    """By camera and rule; where officers upheld least first."""
    counts = counts_of(house)
    observed = counts.observed()
    made = [
        Precision(
            v.site,
            v.camera,
            v.type,
            share(v.upheld, v.decided),
            (v.site, subject(v.camera, ViolationType(v.type))) in observed,
        )
        for v in counts.verdicts(choice)
    ]
    return sorted(made, key=lambda p: (p.share.high, -p.share.of, p.site, p.camera, p.type))


def before_after(house: House, choice: Choice, day: int, weeks: int) -> change.Change | None:
    """Around a day; None: not one whole week has passed since. Raises LedgerError."""
    now = today(house)
    whole = min(weeks, max(0, (now - day) // 7))
    if not whole:
        return None
    begin, end = day - 7 * whole, day + 7 * whole
    around = choice.between(monday(begin), monday(end - 1))
    counts = counts_of(house)
    found, everybody, users = _both(counts, around)
    # whole weeks only: a week in which the date falls says nothing about cameras
    cut = monday(day)
    seen = (
        counts.cameras(around.between(around.first, cut - 7)),
        counts.cameras(around.between(cut if cut == day else cut + 7, around.last)),
    )
    return change.compare(
        _days(found), _days(users), _days(everybody), day, weeks, now,
        None if choice.camera or whole == 1 else seen,
    )  # fmt: skip


def _days(weeks: Iterable[Week]) -> dict[tuple[str, int], int]:
    return {(w.site, w.week + n): many for w in weeks for n, many in enumerate(w.days) if many}


def published(house: House) -> Published:
    """The public page: weeks that are over. Raises LedgerError."""
    last = monday(today(house)) - 7
    choice = Choice(last - 7 * (PUBLIC_WEEKS - 1), last)
    counts = counts_of(house)
    found, users = counts.violations(choice), counts.users(choice)
    left_out = numbers.uncounted(found, users)
    answers = counts.answers(choice)
    complied = sum(a.complied for a in answers)
    asked = complied + sum(a.ignored for a in answers)
    return Published(
        publishing.table(
            _begun(choice, found, users),
            sorted({w.site for w in found} | set(house.sites)),
            {(w.site, w.week): w.count for w in found},
            {(w.site, w.week): w.count for w in users if (w.site, w.week) not in left_out},
        ),
        publishing.public_share(complied, asked),
        publishing.public_share(*_decided(counts.verdicts(choice))),
        house.now(),
    )


def _begun(choice: Choice, *counted: list[Week]) -> list[int]:
    """The weeks since anything was counted at all."""
    first = min((w.week for weeks in counted for w in weeks), default=choice.last)
    return [week for week in choice.weeks if week >= first]


def _midnight(house: House, day: int) -> int:
    """ns at which a local day begins."""
    local: date = EPOCH + timedelta(day)
    moment = datetime(local.year, local.month, local.day, tzinfo=house.zone)
    return int(moment.timestamp()) * SECOND
