"""Deciding: claims, decisions, taking one back. Every decision is noted before it stands."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from bconnect_center.adapters.queue import Filter
from bconnect_center.core import review
from bconnect_center.core.review import Declined, Verdict
from bconnect_center.core.roles import Person, Right
from bconnect_center.web.desk import case_of, desk_of, name_of, note_once
from bconnect_center.web.guard import Refusal, house_of, needs, note
from bconnect_center.web.pages.review import After, Number, Viewer, Wanted, where_next
from bconnect_enforce.core.case import Case
from bconnect_site.kinds import CitationStatus, EvidenceKind, word

router = APIRouter(
    prefix="/api/review",
    tags=["review"],
    responses={401: {}, 403: {}, 404: {}, 409: {}, 422: {}, 503: {}},
)
Officer = Annotated[Person, Depends(needs(Right.DECIDE))]
Id = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]


class Waiting(BaseModel):
    """A case that waits. Stamps in ns."""

    number: str
    site: str
    camera: str
    type: str
    stamp: int
    deadline: int | None
    overdue: bool
    claimed_by: str
    confirmed_by: str = Field(description="with four eyes: one officer has, another must")


class Taken(BaseModel):
    """Who has the case now."""

    number: str
    mine: bool
    by: str
    until: int


class Decided(BaseModel):
    """What became of a decision. `due` ns: until then it may be undone."""

    id: str
    number: str
    state: str
    due: int
    sentence: str
    next: str = Field(description="the page to go on to")


class Deciding(BaseModel):
    """What an officer says. `sure`: the warnings were seen."""

    model_config = ConfigDict(extra="forbid")

    verdict: Verdict
    reason: str = Field(default="", max_length=1, description="key of the reason to reject")
    note: str = Field(default="", max_length=600)
    sure: bool = False


class Ahead(BaseModel):
    """The next case, to be fetched before it is needed; `files`: digests of its pictures."""

    number: str | None
    files: list[str]


@router.get("/queue")
def queue(
    request: Request,
    person: Viewer,
    filter_: Wanted,
    after: After = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Waiting]:
    """What waits, the most urgent first."""
    desk, now = desk_of(request), house_of(request).now()
    desk.queue.freshen()
    return [
        Waiting(
            number=one.number,
            site=one.site,
            camera=one.camera,
            type=word(one.type),
            stamp=one.stamp,
            deadline=one.deadline,
            overdue=one.overdue(now),
            claimed_by=one.by,
            confirmed_by=one.first,
        )
        for one in desk.queue.page(person, filter_, now, after, limit)
    ]


@router.post("/{number}/claim")
def claim(request: Request, person: Officer, number: Number) -> Taken:
    """Keeps a case for a while longer, or tells who has it."""
    case_of(request, person, number)
    held = desk_of(request).decisions.claim(number, person.name, house_of(request).now())
    return Taken(number=number, mine=held.account == person.name, by=held.account, until=held.until)


@router.post("/{number}/release")
def release(request: Request, person: Officer, number: Number) -> Taken:
    """Gives a case back to the queue."""
    desk_of(request).decisions.release(number, person.name)
    return Taken(number=number, mine=False, by="", until=0)


@router.post("/{number}/ahead")
def ahead(request: Request, person: Officer, number: Number, filter_: Wanted) -> Ahead:
    """Keeps the next case for a minute, so that its pictures can come before it is opened."""
    desk, now = desk_of(request), house_of(request).now()
    found = desk.queue.page(person, filter_, now, number, 1, free=True)
    if not found or found[0].number == number:
        return Ahead(number=None, files=[])
    desk.decisions.claim(found[0].number, person.name, now, ahead=True)
    case = case_of(request, person, found[0].number)
    kinds = (EvidenceKind.ANNOTATED, EvidenceKind.SCENE, EvidenceKind.PLATE, EvidenceKind.VEHICLE)
    files = [f.sha256 for kind in kinds for f in case.violation.evidence if f.kind is kind]
    return Ahead(number=case.number, files=files[:6])


@router.post("/{number}/decision")
def decide(
    request: Request, person: Officer, number: Number, said: Deciding, filter_: Wanted
) -> Decided:
    """Confirms, rejects or (a supervisor) withdraws; it is written when the undo window is over."""
    desk, house = desk_of(request), house_of(request)
    case = case_of(request, person, number)
    try:
        reason = review.reason_text(said.verdict, said.reason, said.note)
    except Declined as error:
        raise Refusal(422, str(error)) from None
    _allowed(request, person, case, said)
    by, now = name_of(person), house.now()
    site = case.violation.offence.site
    note(request, person, f"decided {said.verdict.value}", number, site, reason)
    try:
        given = desk.decisions.decide(number, person.name, by, said.verdict, reason, now)
    except Declined as error:
        note(request, person, "decision declined", number, site, str(error))
        raise Refusal(409, str(error)) from None
    return _decided(request, person, given, filter_)


@router.post("/decisions/{id_}/undo")
def undo(request: Request, person: Officer, id_: Id) -> Decided:
    """Takes a decision back while its window is open."""
    desk, house = desk_of(request), house_of(request)
    note(request, person, "decision undone", id_)
    try:
        given = desk.decisions.undo(id_, person.name, house.now())
    except Declined as error:
        raise Refusal(409, str(error)) from None
    return Decided(
        id=id_, number=given.number, state=review.UNDONE, due=given.due, sentence="",
        next=f"/review/{given.number}",
    )  # fmt: skip


def _decided(request: Request, person: Person, given: review.Given, filter_: Filter) -> Decided:
    onwards = where_next(request, person, filter_, given.number)
    return Decided(
        id=given.id, number=given.number, state=given.state, due=given.due, sentence="",
        next=onwards,
    )  # fmt: skip


def _allowed(request: Request, person: Person, case: Case, said: Deciding) -> None:
    """Raises Refusal: decided meanwhile, not theirs to withdraw, a broken seal, unseen doubts."""
    desk, line = desk_of(request), case.last
    if said.verdict is Verdict.WITHDRAW:
        if not person.may(Right.TRUST):
            raise Refusal(403, "only a supervisor withdraws")
        if line.status is not CitationStatus.CONFIRMED:
            raise Refusal(409, f"{case.number}: is {_word(line.status)}, cannot be withdrawn")
        return
    if line.status is not CitationStatus.PENDING_REVIEW:
        by = f" by {line.reviewer}" if line.reviewer else ""
        raise Refusal(409, f"{case.number}: is already {_word(line.status)}{by}")
    if said.verdict is not Verdict.CONFIRM:
        return
    if sentence := desk.cases.stops(case):
        note_once(request, person, "confirm refused", case, sentence)
        raise Refusal(409, sentence)
    dossier = desk.cases.dossier(case, person, desk.queue.open_of)
    if dossier.warnings and not said.sure:
        raise Refusal(409, f"{case.number}: has warnings; look at them, then confirm again")


def _word(status: CitationStatus) -> str:
    return status.name.lower().replace("_", " ")
