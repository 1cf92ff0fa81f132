"""The map: sites, cameras, speakers and vehicles, and how they are."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.responses import Response

from bconnect_center.adapters.listener import Listener
from bconnect_center.adapters.live_store import Cell, LiveStore
from bconnect_center.core.roles import Person, Right
from bconnect_center.web import telling
from bconnect_center.web.guard import at_site, house_of, note, session_of
from bconnect_center.web.live import known_sites, laid_out, live_of, still_in
from bconnect_center.web.pages.feed import PATIENCE, Item, Watcher
from bconnect_center.web.render import language_of, leaflet, page
from bconnect_site.names import NAME_PATTERN

router = APIRouter()
Named = Annotated[str, Path(max_length=48, pattern=NAME_PATTERN)]
FINDINGS = 6  # shown of a camera
TROUBLES = ("node", "process")
SEEN = "picture"  # in the audit log


class StateTold(BaseModel):
    """How something is. `tone`: good, warn, bad, busy or gone."""

    site: str
    kind: str
    name: str
    shown: str
    tone: str
    word: str
    detail: str
    since: str
    heard: str


@router.get("/map", include_in_schema=False)
def map_page(request: Request, person: Watcher) -> Response:
    """The map, and the same as a list."""
    house = house_of(request)
    sites = known_sites(house, person)
    states = _states(request, person)
    return page(
        request,
        "map.html",
        sites=sites,
        shown=telling.shown,
        states={f"{s['site']}/{s['kind']}/{s['name']}": s for s in states},
        troubles=[s for s in states if s["kind"] in TROUBLES and s["tone"] in ("warn", "bad")],
        laid=laid_out(sites),
        tiles=house.file.tiles or "",
        leaflet=leaflet() is not None,
        heard={s.name: telling.local(house, s.heard) for s in sites if s.heard},
    )


@router.get("/api/live/states", tags=["live"], responses={401: {}, 403: {}})
def states(
    request: Request, person: Watcher, site: Annotated[str, Query(max_length=48)] = ""
) -> list[StateTold]:
    """How everything is now; of one site where it is named."""
    return [StateTold(**s) for s in _states(request, person) if site in ("", s["site"])]


@router.get(
    "/api/live/stream", tags=["live"], response_class=EventSourceResponse,
    responses={401: {}, 403: {}},
)  # fmt: skip
async def stream(request: Request, person: Watcher) -> AsyncIterator[ServerSentEvent]:
    """Everything's state now, then what changes."""
    house, language, live = house_of(request), language_of(request), live_of(request)
    told: dict[tuple[str, str, str], dict[str, Any]] = {}
    async with live.listening() as ear:
        for cell in list(live.cells.values()):
            ear.put(cell)
        while not ear.lost:
            try:
                item = await asyncio.wait_for(ear.queue.get(), PATIENCE)
            except TimeoutError:
                if not await asyncio.to_thread(still_in, request):
                    return
                yield ServerSentEvent(comment="still here")
                continue
            if not isinstance(item, Cell) or not person.sees(item.site):
                continue
            state = telling.state(language, house, item, item.site in live.silent)
            news = {k: v for k, v in state.items() if k not in ("heard", "since")}
            if told.get(item.key) != news:
                told[item.key] = news
                yield ServerSentEvent(data=state)


@router.get("/api/live/{site}/{camera}/last", tags=["live"], responses={401: {}, 403: {}, 404: {}})
def last(request: Request, person: Watcher, site: Named, camera: Named) -> list[Item]:
    """The last findings and violations of a camera, the newest first."""
    at_site(person, site)
    house, language = house_of(request), language_of(request)
    kinds = ("finding", "violation")
    found = LiveStore(house.database).newest(FINDINGS, sites=[site], kinds=kinds, camera=camera)
    cases = person.may(Right.CASES)
    return [Item(**telling.happening(language, house, line, cases)) for line in found]


@router.get(
    "/api/live/{site}/{camera}/still",
    tags=["live"],
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 204: {}, 401: {}, 403: {}, 404: {}},
)
def still(request: Request, person: Watcher, site: Named, camera: Named) -> Response:
    """The camera's present picture (JPEG); `x-stamp`: ns at exposure. 204: it sent none."""
    at_site(person, site)
    seen_once(request, person, site, camera)
    found = Listener(house_of(request)).still(site, camera)
    if not found.jpeg:
        return Response(status_code=204)
    return Response(found.jpeg, media_type="image/jpeg", headers={"x-stamp": str(found.stamp)})


def seen_once(request: Request, person: Person, site: str, camera: str) -> None:
    """Into the audit log, once per session and camera."""
    session = session_of(request)
    assert session is not None
    subject = f"{site}/{camera}"
    before = house_of(request).audit.newest(20, who=person.name, subject=subject)
    if not any(act.what == SEEN and act.stamp >= session.began for _, act in before):
        note(request, person, SEEN, subject, site)


def _states(request: Request, person: Person) -> list[dict[str, Any]]:
    house, language = house_of(request), language_of(request)
    silent = {s.name for s in known_sites(house, person) if s.silent}
    kinds = ("site", "camera", "speaker", "node", "vehicle", "signal", "clock", "process")
    return [
        telling.state(language, house, cell, cell.site in silent)
        for cell in LiveStore(house.database).cells(kinds=kinds)
        if person.sees(cell.site)
    ]
