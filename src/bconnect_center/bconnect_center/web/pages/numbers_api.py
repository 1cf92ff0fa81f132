"""Whether behaviour changes: for programs, and as files."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from bconnect_center import counting
from bconnect_center.adapters.counts import Line
from bconnect_center.core.change import LONGEST
from bconnect_center.core.choice import Choice, iso
from bconnect_center.core.numbers import Group, Heed
from bconnect_center.core.rates import Rate, Share
from bconnect_center.web.guard import house_of
from bconnect_center.web.pages.numbers import (
    Chosen,
    cameras_of,
    change_of,
    sheet_of,
    split_day,
)
from bconnect_center.web.spreadsheet import csv_of
from bconnect_site.kinds import RoadUserKind, ViolationType, word

PORTION = 500  # rows sent at a time
ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"description": "not signed in"},
    403: {"description": "the role may not"},
    404: {"description": "no such site"},
    422: {"description": "a filter that means nothing"},
}
router = APIRouter(prefix="/api/numbers", tags=["numbers"], responses=ERRORS)
COLUMNS = ("week", "site", "camera", "violation", "road_user", "violations")


class RateOut(BaseModel):
    """Per 1,000 road users with its 95 % interval; null where they were not counted."""

    violations: int
    users: int
    value: float | None
    low: float | None
    high: float | None


class ShareOut(BaseModel):
    """How many of how many, with Wilson's 95 % interval; null of none."""

    part: int
    of: int
    value: float | None
    low: float | None
    high: float | None


class GroupOut(BaseModel):
    """`key`: a date, a number or a name."""

    key: str
    violations: int
    rate: RateOut


class HeedOut(BaseModel):
    key: str
    complied: int
    ignored: int
    unclear: int
    share: ShareOut


class SheetOut(BaseModel):
    """The numbers of whole weeks, `first` and `last` being days (ISO 8601)."""

    first: str
    last: str
    total: GroupOut
    weeks: list[GroupOut]
    weekdays: list[GroupOut]
    hours: list[GroupOut]
    rules: list[GroupOut]
    kinds: list[GroupOut]
    sites: list[GroupOut]
    uncounted: int
    heeding: HeedOut
    heeding_weeks: list[HeedOut]
    precision: ShareOut
    seconds_per_case: float | None
    cases: int


class SideOut(BaseModel):
    first: str
    days: int
    violations: int
    users: int


class CautionOut(BaseModel):
    key: str
    values: dict[str, float]


class ChangeOut(BaseModel):
    """`ratio` after over before, per road user or per day; null: nothing to compare yet."""

    by: Literal["users", "days"]
    before: SideOut
    after: SideOut
    ratio: float | None
    low: float | None
    high: float | None
    spread: float
    clear: bool
    cautions: list[CautionOut]


class CameraOut(BaseModel):
    site: str
    camera: str
    violations: int
    rate: RateOut


class PrecisionOut(BaseModel):
    site: str
    camera: str
    violation: str
    upheld: ShareOut
    observe_only: bool


@router.get("")
def sheet(request: Request, choice: Chosen) -> SheetOut:
    """All of the overview."""
    found = sheet_of(request, choice)
    o = found.overview
    return SheetOut(
        first=iso(choice.first),
        last=iso(choice.last + 6),
        total=group_out(o.total),
        weeks=[group_out(g, iso) for g in o.weeks],
        weekdays=[group_out(g) for g in o.weekdays],
        hours=[group_out(g) for g in o.hours],
        rules=[group_out(g, lambda n: name_of(ViolationType, n)) for g in o.rules],
        kinds=[group_out(g, lambda n: name_of(RoadUserKind, n)) for g in o.kinds],
        sites=[group_out(g) for g in o.sites],
        uncounted=o.uncounted,
        heeding=heed_out(found.heeding),
        heeding_weeks=[heed_out(h, iso) for h in found.heeding_weeks],
        precision=share_out(found.precision),
        seconds_per_case=finite(found.seconds),
        cases=found.cases,
    )


@router.get("/change")
def change(
    request: Request,
    choice: Chosen,
    date: Annotated[str, Query(min_length=10, max_length=10, description="the day, ISO 8601")],
    around: Annotated[int, Query(ge=1, le=LONGEST, description="weeks on each side")] = 4,
) -> ChangeOut | None:
    """Before and after a day; null: not one whole week has passed since."""
    day = split_day(date)
    assert day is not None
    found = change_of(request, choice, day, around)
    if found is None:
        return None
    sides = [
        SideOut(first=iso(s.begin), days=s.days, violations=s.violations, users=s.users)
        for s in (found.before, found.after)
    ]
    return ChangeOut(
        by="users" if found.by == "users" else "days",
        before=sides[0],
        after=sides[1],
        ratio=finite(found.ratio),
        low=finite(found.low),
        high=finite(found.high),
        spread=found.spread,
        clear=found.clear,
        cautions=[CautionOut(key=c.key, values=dict(c.values)) for c in found.cautions],
    )


@router.get("/cameras")
def cameras(
    request: Request,
    choice: Chosen,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> list[CameraOut]:
    """By camera, most violations first."""
    found = cameras_of(request, choice).groups
    return [
        CameraOut(site=g.key[0], camera=g.key[1], violations=g.violations, rate=rate_out(g.rate))
        for g in found[:limit]
    ]


@router.get("/precision")
def precision(
    request: Request,
    choice: Chosen,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> list[PrecisionOut]:
    """By camera and rule, where officers upheld least first."""
    found = cameras_of(request, choice).pairs
    return [
        PrecisionOut(
            site=p.site,
            camera=p.camera,
            violation=name_of(ViolationType, p.type),
            upheld=share_out(p.share),
            observe_only=p.observe_only,
        )
        for p in found[:limit]
    ]


@router.get(
    "/rows.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}, "description": "a row per camera and week"}},
)
def rows_csv(request: Request, choice: Chosen) -> StreamingResponse:
    """Every camera, week, violation and kind of road user, as a table."""
    return _file(csv_of(COLUMNS, _lines(request, choice)), "text/csv; charset=utf-8", choice, "csv")


@router.get(
    "/rows.json",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"application/json": {}},
            "description": "a list, a row per camera and week",
        }
    },
)
def rows_json(request: Request, choice: Chosen) -> StreamingResponse:
    """The same as JSON."""
    return _file(_json(_lines(request, choice)), "application/json", choice, "json")


def _lines(request: Request, choice: Choice) -> Iterator[tuple[Any, ...]]:
    """Rows as they are exported. The first is read here, where a failure still has an answer."""
    lines = counting.counts_of(house_of(request)).lines(choice)
    first = list(islice(lines, 1))
    return map(_row, chain(first, lines))


def _row(line: Line) -> tuple[Any, ...]:
    return (
        iso(line.week),
        line.site,
        line.camera,
        name_of(ViolationType, line.type),
        name_of(RoadUserKind, line.road_user),
        line.violations,
    )


def _file(parts: Iterator[str], kind: str, choice: Choice, ending: str) -> StreamingResponse:
    name = f"bconnect-{iso(choice.first)}-{iso(choice.last + 6)}.{ending}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type=kind, headers=headers)


def _json(rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    rows, before = iter(rows), "["
    while portion := list(islice(rows, PORTION)):
        yield before + ",\n".join(json.dumps(dict(zip(COLUMNS, r, strict=True))) for r in portion)
        before = ",\n"
    yield "]" if before != "[" else "[]"


def name_of(kinds: type[ViolationType] | type[RoadUserKind], number: int) -> str:
    known = number in kinds._value2member_map_
    return word(kinds(number)) if known else "unknown"


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def rate_out(rate: Rate) -> RateOut:
    return RateOut(
        violations=rate.violations,
        users=rate.users,
        value=finite(rate.value),
        low=finite(rate.low),
        high=finite(rate.high),
    )


def share_out(share: Share) -> ShareOut:
    return ShareOut(
        part=share.part,
        of=share.of,
        value=finite(share.value),
        low=finite(share.low),
        high=finite(share.high),
    )


def group_out(group: Group[Any], key: Callable[[Any], str] = str) -> GroupOut:
    return GroupOut(key=key(group.key), violations=group.violations, rate=rate_out(group.rate))


def heed_out(heed: Heed, key: Callable[[Any], str] = str) -> HeedOut:
    return HeedOut(
        key=key(heed.key),
        complied=heed.complied,
        ignored=heed.ignored,
        unclear=heed.unclear,
        share=share_out(heed.share),
    )
