"""Whether behaviour changes: the pages."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from markupsafe import Markup
from starlette.responses import Response

from bconnect_center import counting
from bconnect_center.adapters.kept import Kept
from bconnect_center.core.change import LONGEST, Change
from bconnect_center.core.choice import Choice, Unclear, choose, day_of
from bconnect_center.core.numbers import Group, Heed
from bconnect_center.core.rates import Rate
from bconnect_center.core.roles import Person, Right
from bconnect_center.house import House
from bconnect_center.web import charts
from bconnect_center.web.charts import Bar
from bconnect_center.web.figures import Figures
from bconnect_center.web.guard import Refusal, house_of, needs
from bconnect_center.web.render import language_of, page
from bconnect_center.web.words import say
from bconnect_site.kinds import RoadUserKind, ViolationType, words

router = APIRouter()
ROWS = 50  # of cameras, and of pairs of camera and rule
Watcher = Annotated[Person, Depends(needs(Right.WATCH))]
Text = Annotated[str, Query(max_length=64)]


def chosen(
    request: Request,
    person: Watcher,
    begin: Annotated[str, Query(alias="from", max_length=10, description="a date")] = "",
    end: Annotated[str, Query(alias="to", max_length=10, description="a date")] = "",
    site: Text = "",
    camera: Text = "",
    rule: Annotated[Text, Query(description="a kind of violation, e.g. red_light")] = "",
    kind: Annotated[Text, Query(description="a kind of road user, e.g. car")] = "",
) -> Choice:
    """The choice in the address, limited to what the person may see."""
    if site and not person.sees(site):
        raise Refusal(404, f'no site is called "{site}"')
    try:
        today = counting.today(house_of(request))
        return choose(today, person.sites, begin, end, site, camera, rule, kind)
    except Unclear as error:
        raise Refusal(422, str(error)) from error


Chosen = Annotated[Choice, Depends(chosen)]


def kept_of(request: Request) -> Kept:
    """What this server computed in the last seconds; any other computes the same."""
    state = request.app.state
    if not hasattr(state, "numbers"):
        state.numbers = Kept()
    kept: Kept = state.numbers
    return kept


def sheet_of(request: Request, choice: Choice) -> counting.Sheet:
    """The numbers of a choice, some seconds old at most."""
    house = house_of(request)
    return kept_of(request).of(choice, house.now(), lambda: counting.sheet(house, choice))


def cameras_of(request: Request, choice: Choice) -> counting.Cameras:
    """The same by camera, and by camera and rule."""
    house = house_of(request)
    key = ("cameras", choice)
    return kept_of(request).of(key, house.now(), lambda: counting.by_camera(house, choice))


def change_of(request: Request, choice: Choice, day: int, around: int) -> Change | None:
    """Before and after a day."""
    house = house_of(request)
    key = ("change", choice, day, around)
    return kept_of(request).of(
        key, house.now(), lambda: counting.before_after(house, choice, day, around)
    )


@router.get("/numbers", include_in_schema=False)
def numbers_page(
    request: Request,
    person: Watcher,
    choice: Chosen,
    date: Annotated[str, Query(max_length=10)] = "",
    around: Annotated[int, Query(ge=1, le=LONGEST)] = 4,
) -> Response:
    house = house_of(request)
    day = split_day(date)
    sheet = sheet_of(request, choice)
    change = change_of(request, choice, day, around) if day is not None else None
    drawer = Drawer(language_of(request))
    o = sheet.overview
    return page(
        request,
        "numbers.html",
        sheet=sheet,
        charts={
            "weeks": drawer.groups(o.weeks, "by_week", drawer.f.short),
            "weekdays": drawer.groups(o.weekdays, "by_day", drawer.weekday),
            "hours": drawer.groups(o.hours, "by_hour", str),
            "heeding": drawer.heeds(sheet.heeding_weeks, drawer.f.short),
        },
        tops={"rules": top(o.rules), "kinds": top(o.kinds), "sites": top(o.sites)},
        split=date,
        split_day=day,
        around=around,
        change=change,
        said=drawer.said(change) if change else "",
        cautions=drawer.cautions(change) if change else [],
        open_filters=bool(request.url.query),
        hour=lambda h: f"{h:02d}:00",
        **common(request, house, person, choice, drawer.f),
    )


@router.get("/numbers/cameras", include_in_schema=False)
def cameras_page(request: Request, person: Watcher, choice: Chosen) -> Response:
    house = house_of(request)
    found = cameras_of(request, choice)
    groups, pairs = found.groups, found.pairs
    figures = Figures(language_of(request))
    context = common(request, house, person, choice, figures)
    title: Callable[[str], str] = context["site_title"]
    return page(
        request,
        "numbers_cameras.html",
        groups=groups[:ROWS],
        groups_of=len(groups),
        pairs=pairs[:ROWS],
        pairs_of=len(pairs),
        top=top(groups[:ROWS]),
        now=found.now,
        open_filters=bool(request.url.query),
        camera_title=lambda key: f"{title(key[0])} · {key[1]}",
        **context,
    )


def split_day(text: str) -> int | None:
    """The day of a comparison; None: none is asked for. Raises Refusal."""
    try:
        return day_of(text, "date")
    except Unclear as error:
        raise Refusal(422, str(error)) from error


def common(
    request: Request, house: House, person: Person, choice: Choice, figures: Figures
) -> dict[str, Any]:
    """What the templates of numbers_parts.html need."""
    known = set(house.sites) | set(counting.counts_of(house).sites())
    loaded = house.sites.get(choice.site)
    return {
        "choice": choice,
        "f": figures,
        "sites": sorted(site for site in known if person.sees(site)),
        "cameras": sorted(loaded.site.cameras) if loaded else [],
        "rules": [(word, ViolationType[word.upper()]) for word in words(ViolationType)],
        "kinds": [(word, RoadUserKind[word.upper()]) for word in words(RoadUserKind)],
        "running": choice.last + 6 >= counting.today(house),
        "site_title": lambda site: house.sites[site].site.title if site in house.sites else site,
        "strip": lambda rate, top: charts.strip(bar_of("", rate), top),
    }


def bar_of(label: str, rate: Rate) -> Bar:
    return Bar(label, rate.value, rate.low, rate.high)


def top(groups: list[Any]) -> float:
    """How far the lying bars of a table go; 0: nothing to draw."""
    return charts.reach([bar_of("", group.rate) for group in groups])


class Drawer:
    """The charts of a page, in one language."""

    def __init__(self, language: str) -> None:
        self.f = Figures(language)

    def word(self, key: str, **values: Any) -> str:
        return say(self.f.language, f"numbers.{key}", **values)

    def weekday(self, number: int) -> str:
        return self.f.weekday(number)[:3]

    def groups(self, groups: list[Group[int]], by: str, label: Callable[[int], str]) -> Markup:
        """Rates where any is known, else counts."""
        rated = any(group.rate.users for group in groups)
        bars = [
            bar_of(label(g.key), g.rate) if rated else Bar(label(g.key), g.violations)
            for g in groups
        ]
        name = self.word("chart_rate" if rated else "chart_count", by=self.word(by))
        return charts.columns(bars, name, 12 if len(bars) in (7, 24) else 6)

    def heeds(self, heeds: list[Heed], label: Callable[[Any], str]) -> Markup:
        bars = [
            Bar(label(h.key), *(100 * x for x in (h.share.value, h.share.low, h.share.high)))
            for h in heeds
        ]
        return charts.columns(bars, self.word("chart_share", by=self.word("heeding_week")), 6)

    def said(self, change: Change) -> str:
        """The comparison in one sentence."""
        if math.isnan(change.ratio):
            return self.word("change_none")
        key = "change_unclear"
        if change.clear:
            key = "change_down" if change.ratio < 1 else "change_up"
        span = self.f.span(change.low, change.high)
        return self.word(key, ratio=self.f.few(change.ratio), span=span)

    def cautions(self, change: Change) -> list[str]:
        """Why the comparison may mislead, a sentence each."""
        return [
            self.word(
                f"caution_{one.key}",
                **{
                    key: self.f.few(value) if isinstance(value, float) else self.f.whole(value)
                    for key, value in one.values.items()
                },
            )
            for one in change.cautions
        ]
