"""The audit log: who saw and did what. It is read here, and never written by hand."""

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from bconnect_center.core.roles import Person, Right
from bconnect_center.web.guard import house_of, needs, note
from bconnect_center.web.render import page
from bconnect_center.web.spreadsheet import csv_of

router = APIRouter()
Reader = Annotated[Person, Depends(needs(Right.AUDIT))]
Line = Annotated[int, Query(ge=1, le=2**53)]
SHOWN = 100
AT_ONCE = 1000
COLUMNS = (
    "line", "utc", "who", "what", "subject", "site", "detail", "address", "previous", "hash",
)  # fmt: skip


class Whole(BaseModel):
    """Whether every line still follows from the one before."""

    whole: bool
    stamp: int | None = None
    sentence: str = ""


@router.get("/audit", include_in_schema=False)
def audit(
    request: Request,
    person: Reader,
    before: Line | None = None,
    who: Annotated[str, Query(max_length=64)] = "",
    subject: Annotated[str, Query(max_length=160)] = "",
) -> Response:
    """The newest lines; `before`: older than that line."""
    found = house_of(request).audit.newest(SHOWN + 1, before, who=who, subject=subject)
    more = found[SHOWN - 1][0] if len(found) > SHOWN else None
    return page(
        request, "audit.html", lines=found[:SHOWN], more=more, before=before, who=who,
        subject=subject,
    )  # fmt: skip


@router.get("/api/audit/whole", tags=["audit"], responses={401: {}, 403: {}})
def whole(request: Request, person: Reader) -> Whole:
    """Walks the whole chain."""
    act = house_of(request).audit.broken()
    if act is None:
        return Whole(whole=True)
    return Whole(whole=False, stamp=act.stamp, sentence=f"{act.who}: {act.what} {act.subject}")


@router.get(
    "/api/audit.csv",
    tags=["audit"],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}, 401: {}, 403: {}},
)
def export(request: Request, person: Reader) -> StreamingResponse:
    """All of it, newest first, with the hashes."""
    note(request, person, "audit log exported")
    house = house_of(request)

    def rows() -> Iterator[tuple[Any, ...]]:
        before: int | None = None
        while found := house.audit.newest(AT_ONCE, before):
            for line, act in found:
                moment = datetime.fromtimestamp(act.stamp / 1e9, timezone.utc)
                yield (line, moment.isoformat(), act.who, act.what, act.subject, act.site,
                       act.detail, act.address, act.previous, act.hash)  # fmt: skip
            before = found[-1][0]

    name = "attachment; filename=audit.csv"
    return StreamingResponse(
        csv_of(COLUMNS, rows()), media_type="text/csv", headers={"content-disposition": name}
    )
