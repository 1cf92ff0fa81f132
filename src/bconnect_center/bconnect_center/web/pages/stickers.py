"""Stickers to be put on vehicles, as a list for an officer's phone."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from bconnect_center.adapters.roadwork import NotTaken, Roadwork
from bconnect_center.core.roadwork import Card
from bconnect_center.core.roles import Person, Right
from bconnect_center.web.desk import name_of
from bconnect_center.web.guard import Refusal, at_site, house_of, needs, note
from bconnect_center.web.render import page
from bconnect_enforce.core import sticker
from bconnect_enforce.core.records import StickerTask
from bconnect_site.kinds import StickerStatus, word

router = APIRouter()
Officer = Annotated[Person, Depends(needs(Right.FIELD))]
Id = Annotated[str, InPath(pattern="^[A-Za-z0-9-]{1,64}$")]
REFUSALS: dict[int | str, dict[str, object]] = {n: {} for n in (401, 403, 404, 409, 422, 503)}


class Task(BaseModel):
    """A sticker task as it stands. Stamps in ns; `due`: when it ends by itself."""

    id: str
    revision: int
    site: str
    place: str
    status: str
    type: str
    stamp: int
    due: int
    officer: str
    detail: str
    geo: str


class StickerWord(BaseModel):
    """What an officer says of a task they saw at `revision`."""

    model_config = ConfigDict(extra="forbid")

    site: str = Field(max_length=64)
    revision: int = Field(ge=1, le=1_000_000)
    status: Literal["acknowledged", "done", "cancelled"]
    detail: str = Field(default="", max_length=200)


@router.get("/stickers", include_in_schema=False)
def tasks(request: Request, person: Officer) -> Response:
    """What is to be done, the most urgent first, then what was done."""
    house = house_of(request)
    cards = _cards(request, person)
    open_ = sorted((c for c in cards if c.acts), key=lambda c: c.until or 0)
    return page(
        request, "stickers.html", open=open_, over=[c for c in cards if not c.acts][::-1],
        now=house.now(), me=name_of(person),
    )  # fmt: skip


@router.get("/api/stickers", tags=["stickers"], responses=REFUSALS)
def all_tasks(request: Request, person: Officer) -> list[Task]:
    """The tasks of the last day, as they stand."""
    return [_task(card) for card in _cards(request, person)]


@router.post("/api/stickers/{id_}", tags=["stickers"], responses=REFUSALS)
def say(request: Request, person: Officer, id_: Id, said: StickerWord) -> Task:
    """Taken, done, or not needed."""
    at_site(person, said.site)
    status = StickerStatus[said.status.upper()]
    note(request, person, f"sticker {said.status}", id_, said.site, said.detail)
    change = sticker.Change(id_, status, name_of(person), said.detail)
    try:
        Roadwork(house_of(request)).sticker(said.site, change, said.revision)
    except NotTaken as error:
        raise Refusal(409, str(error)) from None
    for card in _cards(request, person):
        if card.job.id == id_:
            return _task(card)
    raise Refusal(404, f'id: no task is called "{id_}"')


def _cards(request: Request, person: Person) -> list[Card]:
    house = house_of(request)
    cards = Roadwork(house).board(StickerTask, person, house.now())
    plates = [card.job.id for card in cards if card.sight.plate]
    if plates and request.method == "GET" and request.url.path == "/stickers":
        note(request, person, "plates seen", "stickers", detail=f"{len(plates)} tasks")
    return cards


def _task(card: Card) -> Task:
    job = card.job
    assert isinstance(job, StickerTask)
    return Task(
        id=job.id, revision=job.revision, site=job.site, place=card.place,
        status=word(job.status), type=word(job.type), stamp=job.stamp, due=job.due,
        officer=job.officer, detail=job.detail, geo=card.sight.where.geo,
    )  # fmt: skip
