"""The review desk: the queue, one case, what was decided. Deciding is in review_api."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi import Path as InPath
from starlette.responses import RedirectResponse, Response

from bconnect_center.adapters.cases import Dossier, decided
from bconnect_center.adapters.queue import Filter
from bconnect_center.core import review
from bconnect_center.core.moments import SECOND
from bconnect_center.core.roles import Person, Right
from bconnect_center.web.desk import Desk, case_of, desk_of, note_once
from bconnect_center.web.guard import house_of, needs
from bconnect_center.web.render import page
from bconnect_enforce.core.indonesian import basis
from bconnect_site.kinds import CitationStatus, EvidenceKind, ViolationType

SHOWN = 50


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The worker lives as long as the server."""
    app.state.desk = Desk(app.state.house)
    with app.state.desk.working():
        yield


router = APIRouter(lifespan=_lifespan)
Viewer = Annotated[Person, Depends(needs(Right.CASES))]
Number = Annotated[str, InPath(max_length=128, pattern=r"^BC-[a-z0-9_]{1,64}-\d{4}-\d{6,9}$")]
NUMBER = r"^(BC-[a-z0-9_]{1,64}-\d{4}-\d{6,9})?$"
Sites = Annotated[list[Annotated[str, Query(max_length=64)]], Query(max_length=50)]
Kinds = Annotated[list[Annotated[int, Query(ge=0, le=99)]], Query(max_length=50)]
After = Annotated[str, Query(max_length=128, pattern=NUMBER)]


def wanted(site: Sites = [], kind: Kinds = []) -> Filter:  # noqa: B006
    """Which cases the address asks for."""
    return Filter(frozenset(one for one in site if one), frozenset(kind))


Wanted = Annotated[Filter, Depends(wanted)]


def query_of(filter_: Filter, **more: str) -> str:
    """The filter as the end of an address."""
    pairs = [("site", s) for s in sorted(filter_.sites)]
    pairs += [("kind", str(k)) for k in sorted(filter_.kinds)]
    pairs += [(k, v) for k, v in more.items() if v]
    return f"?{urlencode(pairs)}" if pairs else ""


@dataclass(frozen=True, slots=True)
class Today:
    """What an officer did since midnight."""

    day: review.Day
    last: review.Given | None
    left: float  # s in which that decision may be taken back; the browser's clock may be off
    refused: list[review.Given]


def today(request: Request, person: Person) -> Today:
    desk, now = desk_of(request), house_of(request).now()
    local = datetime.fromtimestamp(now // SECOND, timezone.utc).astimezone(desk.house.zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    since = int(midnight.timestamp()) * SECOND
    last = desk.decisions.last(person.name, now)
    return Today(
        review.day_of(desk.decisions.seconds(person.name, since)),
        last,
        (last.due - now) / SECOND if last else 0.0,
        desk.decisions.refused(person.name, since),
    )


@router.get("/review", include_in_schema=False)
def queue(request: Request, person: Viewer, filter_: Wanted, after: After = "") -> Response:
    """What waits, the most urgent first."""
    desk, house = desk_of(request), house_of(request)
    desk.queue.freshen()
    now = house.now()
    found = desk.queue.page(person, filter_, now, after, SHOWN + 1)
    waiting, overdue = desk.queue.count(person, filter_, now)
    sites = sorted(person.sites or {*house.sites, *filter_.sites})
    more = query_of(filter_, after=found[SHOWN - 1].number) if len(found) > SHOWN else ""
    return page(
        request, "review.html", found=found[:SHOWN], waiting=waiting, overdue=overdue, now=now,
        sites=[(s, desk.cases.title(s)) for s in sites], filter=filter_, more=more,
        kinds=[k for k in ViolationType if k], query=query_of(filter_), after=after,
        today=today(request, person), names=_names(request), title_of=desk.cases.title,
    )  # fmt: skip


@router.get("/review/done", include_in_schema=False)
def done(
    request: Request,
    person: Viewer,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """What officers decided, newest first."""
    desk = desk_of(request)
    found = decided(desk.house.ledger, person, before, SHOWN + 1)
    more = found[SHOWN - 1][0] if len(found) > SHOWN else None
    return page(
        request, "review_done.html", found=[row for _, row in found[:SHOWN]], more=more,
        before=before, Status=CitationStatus, title_of=desk.cases.title,
        today=today(request, person),
    )  # fmt: skip


@router.get("/review/next", include_in_schema=False)
def next_case(request: Request, person: Viewer, filter_: Wanted, after: After = "") -> Response:
    """To the next case nobody else has; from the end on to the beginning."""
    return RedirectResponse(where_next(request, person, filter_, after), 303)


def where_next(request: Request, person: Person, filter_: Filter, after: str) -> str:
    desk, now = desk_of(request), house_of(request).now()
    desk.queue.freshen()
    for start in dict.fromkeys((after, "")):
        found = desk.queue.page(person, filter_, now, start, 2, free=True)
        for one in found:
            if one.number != after:
                return f"/review/{one.number}{query_of(filter_)}"
    return f"/review{query_of(filter_)}"


@router.get("/review/{number}", include_in_schema=False)
def case(request: Request, person: Viewer, number: Number, filter_: Wanted) -> Response:
    """One case; it is this officer's from now on, if nobody else has it."""
    desk, house = desk_of(request), house_of(request)
    desk.queue.freshen()
    held = case_of(request, person, number)
    note_once(request, person, "case seen", held)
    dossier = desk.cases.dossier(held, person, desk.queue.open_of)
    now = house.now()
    claim = None
    if dossier.pending and person.may(Right.DECIDE):
        claim = desk.decisions.claim(number, person.name, now)
    given = desk.decisions.of_case(number)
    waiting = desk.queue.one(number)
    names = _names(request)
    return page(
        request, "review_case.html", d=dossier, seen=dossier.violation, claim=claim,
        other=names.get(claim.account, claim.account)
        if claim and claim.account != person.name else "",
        given=given, standing=next((g for g in given if g.state in review.STANDING), None),
        first=next((g for g in given if g.state == review.FIRST), None),
        waiting=waiting, now=now, query=query_of(filter_), reasons=review.REASONS,
        today=today(request, person), names=names, Kind=EvidenceKind, Status=CitationStatus,
        data=_data(dossier, claim, person, now, filter_), basis=basis,
        undo=house.file.review.undo, four_eyes=house.file.review.four_eyes,
        frames=dossier.files(EvidenceKind.CLIP)[:1], title_of=desk.cases.title,
        pictures=_pictures(dossier), number_of=_number_of,
    )  # fmt: skip


def _pictures(d: Dossier) -> list[tuple[str, Any]]:
    """What the viewer offers, best first: a word of review.yaml and the file."""
    wanted_ = (
        ("annotated", EvidenceKind.ANNOTATED),
        ("scene", EvidenceKind.SCENE),
        ("before", EvidenceKind.CONTEXT_BEFORE),
        ("after", EvidenceKind.CONTEXT_AFTER),
    )
    found = []
    for name, kind in wanted_:
        files = d.files(kind)
        found += [(name, one) for one in (files if name == "scene" else files[:1])]
    return found


def _data(
    d: Dossier, claim: review.Claim | None, person: Person, now: int, filter_: Filter
) -> dict[str, Any]:
    """What the page's script needs."""
    clip = next(iter(d.files(EvidenceKind.CLIP)), None)
    mine = claim is not None and claim.account == person.name
    return {
        "number": d.number,
        "query": query_of(filter_),
        "pending": d.pending,
        "mine": mine,
        "stopped": d.stopped,
        "warnings": len(d.warnings),
        "seconds": review.looked(claim, person.name, now),
        "clip": bool(clip),
        # where the first picture of the clip is, s from the moment: a float holds that exactly
        "clip_start": (clip.stamp - d.violation.offence.stamp) / SECOND if clip else 0.0,
    }


def _names(request: Request) -> dict[str, str]:
    return {one.name: one.shown or one.name for one in house_of(request).people.all()}


def _number_of(value: object, digits: int = 1) -> str:
    """A number for people; a dash where it is not known, or is none."""
    if not isinstance(value, int | float) or value != value or abs(value) > 1e12:
        return "-"
    return f"{value:.{digits}f}"
