"""An officer speaks on the road: a phrase of the catalogue, or a recording."""

import asyncio
import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from bconnect_center.adapters.listener import Listener
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.adapters.recordings import MOST_BYTES, BadRecording, Recordings, decode
from bconnect_center.core.roles import Person, Right
from bconnect_center.core.speech import LONGEST, Objection, objection
from bconnect_center.house import House
from bconnect_center.web import telling
from bconnect_center.web.guard import Refusal, at_site, house_of, needs, note
from bconnect_center.web.live import Known, known_sites
from bconnect_center.web.render import language_of, page
from bconnect_center.web.words import say
from bconnect_site.names import NAME_PATTERN
from bconnect_site.orders import ANNOUNCE, SECOND
from bconnect_site.phrases import is_recording

router = APIRouter()
Speaker = Annotated[Person, Depends(needs(Right.SPEAK))]
VALID = 20 * SECOND  # ns: an order not begun by then is not spoken any more
URGENT = 200  # of 255: above everything the ladder says
PHRASE = "^([a-z][a-z0-9_]{0,80})$"
SHOWN = 50


class Order(BaseModel):
    """What is to be said, where, and why."""

    model_config = ConfigDict(extra="forbid")
    site: str = Field(max_length=48, pattern=NAME_PATTERN)
    speaker: str = Field(max_length=48, pattern=NAME_PATTERN)
    phrase: str = Field(pattern=PHRASE, description="a phrase, or the name of a recording")
    why: str = Field(min_length=3, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")


class Ordered(BaseModel):
    """The order that was given."""

    id: str
    sentence: str


class Recorded(BaseModel):
    """A recording that can be ordered by its name."""

    name: str
    seconds: float


class Said(BaseModel):
    """A line of the log. `state`: began, refused, or waiting."""

    id: str
    at: str
    who: str
    site: str
    speaker: str
    phrase: str
    recording: str
    why: str
    state: str
    word: str


@router.get("/speak", include_in_schema=False)
def speak_page(
    request: Request,
    person: Speaker,
    site: Annotated[str, Query(max_length=48)] = "",
    speaker: Annotated[str, Query(max_length=48)] = "",
) -> Response:
    house, language = house_of(request), language_of(request)
    sites = [s for s in known_sites(house, person) if s.told.get("speakers")]
    known = telling.phrases()
    return page(
        request,
        "speak.html",
        sites=sites,
        shown=telling.shown,
        phrases=list(known.by_name.values()) if known else [],
        log=[line.model_dump() for line in _log(house, person, language)],
        site=site,
        speaker=speaker,
        longest=LONGEST,
        most=MOST_BYTES,
    )


@router.post("/api/speak", tags=["speak"], responses={401: {}, 403: {}, 404: {}, 409: {}, 503: {}})
def speak(request: Request, person: Speaker, order: Order) -> Ordered:
    """Has a speaker say something. Answers once the order is on its way to the pole."""
    at_site(person, order.site)
    house, language = house_of(request), language_of(request)
    known = _site(house, person, order.site)
    _check(house, language, known, order)
    sound = Recordings(house.loaded.root).read(order.phrase)
    if sound is None and (is_recording(order.phrase) or not _is_phrase(order.phrase)):
        raise Refusal(404, say(language, "speak.no_phrase"))
    id_, now = str(uuid.uuid4()), house.now()
    detail = f"{order.phrase}: {order.why}"
    note(request, person, "speak", f"{order.site}/{order.speaker}", order.site, detail)
    store = LiveStore(house.database)
    store.say(
        id=id_, stamp=now, account=person.name, site=order.site, speaker=order.speaker,
        phrase=order.phrase, why=order.why,
    )  # fmt: skip
    listener = Listener(house)
    answer = listener.recording(order.site, sound) if sound is not None else None
    if answer is None or answer.done:
        answer = listener.order(order.site, ANNOUNCE, _fields(order, id_, now), VALID)
    if not answer.done:
        store.refused(id_)
        raise Refusal(503, f"{say(language, 'speak.not_given')} {answer.sentence}")
    return Ordered(id=id_, sentence=say(language, "speak.given"))


@router.post(
    "/api/speak/recording", tags=["speak"], responses={401: {}, 403: {}, 413: {}, 422: {}},
    openapi_extra={"requestBody": {"required": True, "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)  # fmt: skip
async def record(request: Request, person: Speaker) -> Recorded:
    """Takes a recording (WAV, Ogg, WebM or MP4; at most 20 s and 3 MB)."""
    language = language_of(request)
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MOST_BYTES:
            raise Refusal(413, say(language, "speak.too_large"))
    try:
        sound = await asyncio.to_thread(decode, bytes(data))
    except BadRecording as error:
        raise Refusal(422, say(language, f"speak.{error}", longest=int(LONGEST))) from None
    house = house_of(request)
    name = await asyncio.to_thread(Recordings(house.loaded.root).keep, sound)
    await asyncio.to_thread(note, request, person, "recorded", name)
    return Recorded(name=name, seconds=round(sound.duration, 1))


@router.get(
    "/api/speak/recording/{name}",
    tags=["speak"],
    response_class=Response,
    responses={200: {"content": {"audio/wav": {}}}, 401: {}, 403: {}, 404: {}},
)
def recording(
    request: Request, person: Speaker, name: Annotated[str, Path(max_length=80)]
) -> Response:
    """A recording, to be heard before it is ordered and afterwards."""
    data = Recordings(house_of(request).loaded.root).read(name)
    if data is None:
        raise Refusal(404, "there is no such recording")
    return Response(data, media_type="audio/wav")


@router.get("/api/speak/log", tags=["speak"], responses={401: {}, 403: {}})
def log(request: Request, person: Speaker) -> list[Said]:
    """What officers had said, the newest first."""
    return _log(house_of(request), person, language_of(request))


def _site(house: House, person: Person, name: str) -> Known:
    found = next((s for s in known_sites(house, person) if s.name == name), None)
    if found is None:
        raise Refusal(404, f'no site is called "{name}"')
    return found


def _check(house: House, language: str, site: Known, order: Order) -> None:
    cell = LiveStore(house.database).cell(order.site, "speaker", order.speaker)
    why = objection(site.told, order.speaker, cell.told if cell else None, house.now())
    if why is Objection.SPEAKER:
        raise Refusal(404, say(language, "speak.no_speaker"))
    if why is not None:
        quiet = site.told["speakers"][order.speaker].get("quiet") or ("", "")
        name = telling.shown(order.speaker)
        raise Refusal(
            409,
            say(language, f"speak.{why.value}", speaker=name, begin=quiet[0], end=quiet[1]),
        )


def _is_phrase(name: str) -> bool:
    known = telling.phrases()
    return known is not None and name in known


def _fields(order: Order, id_: str, now: int) -> dict[str, str | int]:
    return {
        "id": id_, "speaker": order.speaker, "phrase": order.phrase, "finding_id": "",
        "priority": URGENT, "road_user_kind": 0, "colour": 0, "place": "", "plate": "",
        "stamp": now,
    }  # fmt: skip


def _log(house: House, person: Person, language: str) -> list[Said]:
    shown = {account.name: account.shown for account in house.people.all()}
    found = []
    for row in LiveStore(house.database).said(person.sites, SHOWN):
        state = "began" if row.began > 0 else "refused" if row.began < 0 else "waiting"
        if state == "waiting" and house.now() - row.stamp > 2 * VALID:
            state = "unheard"
        found.append(
            Said(
                id=row.id,
                at=telling.local(house, row.stamp),
                who=shown.get(row.account, row.account),
                site=row.site,
                speaker=telling.shown(row.speaker),
                phrase=telling.phrase_text(language, row.phrase),
                recording=row.phrase if is_recording(row.phrase) else "",
                why=row.why,
                state=state,
                word=say(language, f"speak.state_{state}"),
            )
        )
    return found
