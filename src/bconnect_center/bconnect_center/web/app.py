"""The command centre as one ASGI application. Stateless: every server may answer every request."""

import logging
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from bconnect_center.house import House
from bconnect_center.web import guard, render
from bconnect_center.web.pages import ROOMS
from bconnect_enforce.adapters.ledger import LedgerBusy, LedgerError

log = logging.getLogger("bconnect.center")


class Static(StaticFiles):
    """Files that may be kept: their address names their content."""

    def file_response(self, *args: object, **kw: object) -> Response:
        response = super().file_response(*args, **kw)  # type: ignore[arg-type]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def create_app(house: House) -> FastAPI:
    """The application over one house; whoever opened the house closes it."""
    app = FastAPI(
        title="B-Connect command centre",
        version="0.1.0",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.house = house
    tiles = urlsplit(house.file.tiles or "")
    origin = f"{tiles.scheme}://{tiles.netloc}" if tiles.netloc else ""
    app.add_middleware(guard.SecureHeaders, tiles=origin, secure=house.file.listen.secure)
    app.mount(f"/static/{render.edition()}", Static(directory=render.STATIC), "static")
    if (leaflet := render.leaflet()) is not None:
        app.mount("/leaflet", Static(directory=Path(leaflet)), "leaflet")
    for room in ROOMS:
        app.include_router(room)
    app.add_exception_handler(guard.Refusal, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(LedgerError, _database)
    return app


def answer(request: Request, status: int, sentence: str) -> Response:
    """A page for people, JSON for programs."""
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": sentence}, status)
    return render.page(request, "refusal.html", status, number=status, sentence=sentence)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, guard.Refusal)
    return guard.turned_away(request, error) or answer(request, error.status, error.sentence)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = answer(request, error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [f"{'.'.join(str(p) for p in e['loc'][1:])}: {e['msg']}" for e in error.errors()]
    return answer(request, 422, "; ".join(found)[:1000])


async def _database(request: Request, error: Exception) -> Response:
    log.error("%s %s: %s", request.method, request.url.path, error)
    busy = isinstance(error, LedgerBusy)
    response = answer(request, 503 if busy else 500, "the database does not answer; try again")
    if busy:
        response.headers["retry-after"] = "2"
    return response
