"""What happens on the road, as it happens."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from bconnect_center.adapters.live_store import Line, LiveStore
from bconnect_center.core.roles import Person, Right
from bconnect_center.web import telling
from bconnect_center.web.guard import Refusal, at_site, house_of, needs
from bconnect_center.web.live import known_sites, live_of, still_in
from bconnect_center.web.render import kind_word, language_of, page
from bconnect_enforce.adapters.ledger.tables import citations
from bconnect_site.kinds import ViolationType
from bconnect_site.names import is_name

router = APIRouter()
Watcher = Annotated[Person, Depends(needs(Right.WATCH))]
KINDS = ("finding", "violation", "measure", "announcement", "spoken", "compliance", "citation",
         "tow", "sticker", "camera")  # fmt: skip
SHOWN = 100
AT_ONCE = 500  # lines a browser that was away gets at most
PATIENCE = 20.0  # s without news until the session is looked at, and a sign of life given
Number = Annotated[int, Query(ge=1, le=2**53)]


class Item(BaseModel):
    """A line of the feed."""

    line: int
    kind: str
    site: str
    place: str
    camera: str
    type: int
    at: str
    heard: str
    word: str
    text: str
    clock: str
    case: str


@router.get("/feed", include_in_schema=False)
def feed(request: Request, person: Watcher) -> Response:
    """The newest lines; the rest comes by stream."""
    house, language = house_of(request), language_of(request)
    sites = known_sites(house, person)
    lines = LiveStore(house.database).newest(SHOWN, sites=_own(person))
    return page(
        request,
        "feed.html",
        items=[_item(request, person, line) for line in lines],
        last=lines[0].line if lines else 0,
        sites=[(site.name, site.title) for site in sites],
        kinds=[(kind, f"live.kind_{kind}") for kind in KINDS],
        types=[(int(t), kind_word(language, int(t))) for t in ViolationType if t],
    )


@router.get("/feed/case/{violation}", include_in_schema=False)
def case(
    request: Request,
    person: Annotated[Person, Depends(needs(Right.CASES))],
    violation: Annotated[str, Path(max_length=64, pattern=r"^[\w.:-]+$")],
) -> Response:
    """On to the review desk's case of a violation."""
    with house_of(request).ledger.reading() as c:
        row = c.execute(
            select(citations.c.number, citations.c.site)
            .where(citations.c.violation_id == violation)
            .limit(1)
        ).first()
    if row is None:
        raise Refusal(404, "no case was opened for this violation")
    at_site(person, row.site)
    return RedirectResponse(f"/review/{row.number}", 303)


@router.get("/api/feed", tags=["feed"], responses={401: {}, 403: {}})
def lines(
    request: Request,
    person: Watcher,
    before: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    site: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006
    kind: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006
    type: Annotated[list[int], Query(max_length=20)] = [],  # noqa: B006
) -> list[Item]:
    """Lines, the newest first as heard; `before`: older than that line."""
    own, asked = _own(person), {s for s in site if is_name(s)}
    if site:
        own = (own & asked if own else asked) or {""}
    found = LiveStore(house_of(request).database).newest(
        limit,
        before=before,
        sites=own,
        kinds={k for k in kind if k in KINDS} or ({""} if kind else ()),
        types={t for t in type if 0 <= t < 1000} or ({-1} if type else ()),
    )
    return [Item(**_item(request, person, line)) for line in found]


@router.get(
    "/api/feed/stream", tags=["feed"], response_class=EventSourceResponse,
    responses={401: {}, 403: {}},
)  # fmt: skip
async def stream(
    request: Request,
    person: Watcher,
    after: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Lines as they come; goes on after Last-Event-ID, or after line `after`."""
    live = live_of(request)
    async with live.listening() as ear:
        given = last_event_id or ""
        last = int(given) if given.isdecimal() else after
        if last is not None:
            missed = await asyncio.to_thread(live.store.after, min(last, 2**53), AT_ONCE)
            for line in missed:
                last = line.line
                if person.sees(line.site):
                    yield _event(request, person, line)
        while not ear.lost:
            try:
                item = await asyncio.wait_for(ear.queue.get(), PATIENCE)
            except TimeoutError:
                if not await asyncio.to_thread(still_in, request):
                    return
                yield ServerSentEvent(comment="still here")
                continue
            if isinstance(item, Line) and item.line > (last or 0) and person.sees(item.site):
                yield _event(request, person, item)


def _own(person: Person) -> set[str]:
    """The sites a person is limited to; empty: none."""
    return set(person.sites)


def _item(request: Request, person: Person, line: Line) -> dict[str, Any]:
    return telling.happening(language_of(request), house_of(request), line, person.may(Right.CASES))


def _event(request: Request, person: Person, line: Line) -> ServerSentEvent:
    return ServerSentEvent(data=_item(request, person, line), id=str(line.line))
