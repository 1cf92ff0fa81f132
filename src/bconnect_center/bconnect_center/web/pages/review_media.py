"""Pictures, clips and papers of a case: only what its seal names, checked, and noted."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from pydantic import BaseModel, Field
from starlette.responses import FileResponse, Response

from bconnect_center.adapters.clips import Undecodable
from bconnect_center.adapters.folders import NotThere, media_type
from bconnect_center.adapters.handout import NothingToHand
from bconnect_center.core.roles import Person, Right
from bconnect_center.web.desk import case_of, desk_of, name_of, note_once
from bconnect_center.web.guard import Refusal, house_of, needs, note
from bconnect_center.web.pages.review import Number, Viewer
from bconnect_enforce.core.case import Case
from bconnect_enforce.core.records import EvidenceFile
from bconnect_site.kinds import EvidenceKind, word

router = APIRouter(
    prefix="/api/review",
    tags=["review"],
    responses={401: {}, 403: {}, 404: {}, 409: {}, 422: {}, 503: {}},
)
Officer = Annotated[Person, Depends(needs(Right.DECIDE))]
Digest = Annotated[str, InPath(pattern="^[0-9a-f]{64}$")]
# For five minutes the browser need not ask again; another session must.
KEPT = {"cache-control": "private, max-age=300", "vary": "cookie"}
KINDS = {"pdf": "application/pdf", "json": "application/json", "zip": "application/zip"}


class ClipIndex(BaseModel):
    """A clip's pictures. `times`: s of each from the moment of the offence."""

    width: int
    height: int
    times: list[float]
    moment: int = Field(description="the picture nearest to the moment")
    groups: list[int] = Field(description="pictures that decoding begins at")


@router.get(
    "/{number}/files/{digest}",
    response_class=FileResponse,
    responses={200: {"content": {"image/jpeg": {}, "video/mp4": {}, "application/json": {}}}},
)
def file(
    request: Request,
    person: Viewer,
    number: Number,
    digest: Digest,
    download: Annotated[bool, Query()] = False,
) -> Response:
    """A file of the sealed folder, by the digest it was sealed with; ranges are served."""
    case = case_of(request, person, number)
    found = _sealed(request, case, digest)
    what = "downloaded" if download else "picture seen"
    note_once(request, person, what, case, f"{word(found.kind)} {digest[:12]}")
    try:
        path = desk_of(request).folders.file(case.violation, digest)
    except NotThere as error:
        raise Refusal(404, str(error)) from None
    return FileResponse(
        path,
        media_type=media_type(path),
        headers=KEPT,
        filename=f"{number}-{path.name}" if download else None,
    )


@router.get("/{number}/clip")
def clip(request: Request, person: Viewer, number: Number) -> ClipIndex:
    """What pictures the clip holds."""
    case = case_of(request, person, number)
    found = _clip(case)
    note_once(request, person, "clip seen", case)
    desk = desk_of(request)
    try:
        index = desk.clips.index(desk.folders.file(case.violation, found.sha256))
    except (NotThere, Undecodable) as error:
        raise Refusal(404, str(error)) from None
    start = found.stamp - case.violation.offence.stamp
    at = [start + one for one in index.times]
    nearest = min(range(len(at)), key=lambda n: abs(at[n]))
    return ClipIndex(
        width=index.width,
        height=index.height,
        times=[round(one / 1e9, 4) for one in at],
        moment=nearest,
        groups=list(index.keys),
    )


@router.get(
    "/{number}/frames/{frame}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
def frame(
    request: Request,
    person: Viewer,
    number: Number,
    frame: Annotated[int, InPath(ge=0, le=100_000)],
) -> Response:
    """One picture of the clip, as it was sealed but for being decoded."""
    case = case_of(request, person, number)
    found = _clip(case)
    note_once(request, person, "clip seen", case)
    desk = desk_of(request)
    try:
        data = desk.clips.frame(desk.folders.file(case.violation, found.sha256), frame)
    except (NotThere, Undecodable) as error:
        raise Refusal(404, str(error)) from None
    return Response(data, media_type="image/jpeg", headers=KEPT)


@router.get(
    "/{number}/referral/{what}",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in KINDS.values()}}},
)
def referral(
    request: Request, person: Officer, number: Number, what: Literal["pdf", "json", "zip"]
) -> Response:
    """The package of a confirmed case for the police; who took it is in ledger and log."""
    case = case_of(request, person, number)
    desk, site = desk_of(request), case.violation.offence.site
    note(request, person, f"referral {what}", number, site)
    try:
        made = desk.handout.package(
            case, desk.cases.title(site), name_of(person), house_of(request).now()
        )
    except NothingToHand as error:
        raise Refusal(409, str(error)) from None
    name = f"{number}.{what}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(made.files[name], media_type=KINDS[what], headers=headers)


def _sealed(request: Request, case: Case, digest: str) -> EvidenceFile:
    for found in case.violation.evidence:
        if found.sha256 == digest:
            return found
    raise Refusal(404, "file: the sealed folder of this case names none of that digest")


def _clip(case: Case) -> EvidenceFile:
    for found in case.violation.evidence:
        if found.kind is EvidenceKind.CLIP:
            return found
    raise Refusal(404, f"{case.number}: has no clip")
