"""The tow board: what is proposed, an officer's yes, and how it goes on."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from bconnect_center.adapters.roadwork import NotTaken, Roadwork
from bconnect_center.core.roadwork import TOW_COLUMNS, Card, column_of
from bconnect_center.core.roles import Person, Right
from bconnect_center.web.desk import name_of
from bconnect_center.web.guard import Refusal, at_site, house_of, needs, note
from bconnect_center.web.render import page
from bconnect_enforce.core import tow
from bconnect_enforce.core.records import TowJob
from bconnect_site.kinds import TowStatus, word

router = APIRouter()
Officer = Annotated[Person, Depends(needs(Right.FIELD))]
Id = Annotated[str, InPath(pattern="^[A-Za-z0-9-]{1,64}$")]
REFUSALS: dict[int | str, dict[str, object]] = {n: {} for n in (401, 403, 404, 409, 422, 503)}


class Job(BaseModel):
    """A tow job as it stands. Stamps in ns; `until`: when it ends by itself."""

    id: str
    revision: int
    site: str
    place: str
    status: str
    type: str
    stamp: int
    until: int | None
    ordered_by: str
    truck: str
    yard: str
    detail: str
    number: str
    geo: str


class TowWord(BaseModel):
    """What an officer says of a job they saw at `revision`."""

    model_config = ConfigDict(extra="forbid")

    site: str = Field(max_length=64)
    revision: int = Field(ge=1, le=1_000_000)
    status: Literal["requested", "acknowledged", "en_route", "done", "cancelled"]
    truck: str = Field(default="", max_length=200)
    yard: str = Field(default="", max_length=200)
    detail: str = Field(default="", max_length=200)


@router.get("/tow", include_in_schema=False)
def board(request: Request, person: Officer) -> Response:
    """The board, a column for each state."""
    cards = _cards(request, person)
    columns = [
        (status, [c for c in cards if column_of(TowStatus(c.job.status)) is status])
        for status in TOW_COLUMNS
    ]
    work = Roadwork(house_of(request))
    return page(
        request, "tow.html", columns=columns, now=house_of(request).now(),
        terms={c.job.site: work.terms(c.job.site) for c in cards},
    )  # fmt: skip


@router.get("/api/tow", tags=["tow"], responses=REFUSALS)
def all_jobs(request: Request, person: Officer) -> list[Job]:
    """The jobs of the last day, as they stand."""
    return [_job(card) for card in _cards(request, person)]


@router.post("/api/tow/{id_}", tags=["tow"], responses=REFUSALS)
def say(request: Request, person: Officer, id_: Id, said: TowWord) -> Job:
    """An officer's yes or no, or how it goes on."""
    at_site(person, said.site)
    status = TowStatus[said.status.upper()]
    note(request, person, f"tow {said.status}", id_, said.site, said.detail)
    change = tow.Change(id_, status, name_of(person), said.truck, said.yard, said.detail)
    try:
        Roadwork(house_of(request)).tow(said.site, change, said.revision)
    except NotTaken as error:
        raise Refusal(409, str(error)) from None
    for card in _cards(request, person):
        if card.job.id == id_:
            return _job(card)
    raise Refusal(404, f'id: no job is called "{id_}"')


def _cards(request: Request, person: Person) -> list[Card]:
    house = house_of(request)
    cards = Roadwork(house).board(TowJob, person, house.now())
    plates = [card.job.id for card in cards if card.sight.plate]
    if plates and request.method == "GET" and request.url.path == "/tow":
        note(request, person, "plates seen", "tow board", detail=f"{len(plates)} jobs")
    return cards


def _job(card: Card) -> Job:
    job = card.job
    assert isinstance(job, TowJob)
    return Job(
        id=job.id, revision=job.revision, site=job.site, place=card.place,
        status=word(job.status), type=word(job.type), stamp=job.stamp, until=card.until,
        ordered_by=job.ordered_by, truck=job.truck, yard=job.yard, detail=job.detail,
        number=card.number, geo=card.sight.where.geo,
    )  # fmt: skip
