"""The wall: live pictures, only while somebody looks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from bconnect_center.adapters.listener import Listener
from bconnect_center.web import telling
from bconnect_center.web.guard import Refusal, house_of
from bconnect_center.web.live import known_sites, still_in
from bconnect_center.web.pages.feed import Watcher
from bconnect_center.web.pages.map import _states, seen_once
from bconnect_center.web.relay import Relay
from bconnect_center.web.render import page

router = APIRouter()
MOST = 64  # cameras of one stream
LOOK = 30.0  # s between two looks whether the session still holds
One = Annotated[str, Query(max_length=100)]


@router.get("/wall", include_in_schema=False)
def wall(
    request: Request,
    person: Watcher,
    camera: Annotated[list[One], Query(max_length=MOST)] = [],  # noqa: B006
) -> Response:
    """Every camera's tile; pictures come when tiles are seen."""
    sites = known_sites(house_of(request), person)
    states = {f"{s['site']}/{s['name']}": s for s in _states(request, person)
              if s["kind"] == "camera"}  # fmt: skip
    tiles = [
        {
            "id": f"{site.name}/{name}",
            "title": telling.shown(name),
            "site": site.title,
            "state": states.get(f"{site.name}/{name}"),
        }
        for site in sites
        for name in (site.told.get("cameras") or {})
    ]
    return page(request, "wall.html", tiles=tiles, chosen=[c for c in camera if c])


@router.get(
    "/api/wall/stream",
    tags=["live"],
    response_class=StreamingResponse,
    responses={200: {"content": {"application/octet-stream": {}}}, 401: {}, 403: {}, 404: {}},
)
async def stream(
    request: Request,
    person: Watcher,
    camera: Annotated[list[One], Query(min_length=1, max_length=MOST)],
) -> Response:
    """JPEG pictures of these cameras ("site/camera") as they come, in one stream.

    Before each picture 14 bytes, big-endian: the camera's number in the request (2), the stamp in
    ns (8), the bytes that follow (4). Number 65535 is a sign of life; a picture of no bytes says
    that the camera is away.
    """
    wanted = await asyncio.to_thread(_allowed, request, person, camera)
    relay = Relay(Listener(house_of(request)), wanted)

    async def pictures() -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        looked = loop.time()
        async for piece in relay.stream():
            yield piece
            if loop.time() - looked > LOOK:
                looked = loop.time()
                if not await asyncio.to_thread(still_in, request):
                    return

    return StreamingResponse(pictures(), media_type="application/octet-stream")


def _allowed(request: Request, person: Watcher, cameras: list[str]) -> list[tuple[str, str]]:
    """Site and camera of each, noted in the audit log. Raises Refusal."""
    known = {s.name: s.told.get("cameras") or {} for s in known_sites(house_of(request), person)}
    wanted = []
    for text in cameras:
        site, _, name = text.partition("/")
        if name not in known.get(site, {}):
            raise Refusal(404, "there is no such camera")
        wanted.append((site, name))
    for site, name in wanted:
        seen_once(request, person, site, name)
    return wanted
