"""What everybody may see: aggregate numbers, and the notice of UU PDP Art. 17."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from bconnect_center import counting
from bconnect_center.adapters.kept import Kept
from bconnect_center.core.choice import iso
from bconnect_center.core.moments import MINUTE
from bconnect_center.core.publishing import LEAST, PublicCell
from bconnect_center.core.rates import Share
from bconnect_center.house import House
from bconnect_center.web.figures import Figures
from bconnect_center.web.guard import house_of
from bconnect_center.web.pages.numbers_api import RateOut, ShareOut, rate_out, share_out
from bconnect_center.web.render import page

router = APIRouter()
KEEP = {"cache-control": "public, max-age=60"}
Language = Annotated[Literal["id", "en", ""], Query(description="id or en; empty: the centre's")]


class PublicWeek(BaseModel):
    """`violations` null: fewer than five, or hidden."""

    week: str
    site: str
    violations: int | None
    rate: RateOut | None


class PublicNumbers(BaseModel):
    """Weeks that are over. Cells of fewer than five are not told."""

    least: int
    cells: list[PublicWeek]
    complied_after_warning: ShareOut | None
    upheld_by_officers: ShareOut | None


def board_of(request: Request) -> counting.Published:
    """The numbers as they were computed within the last minute: strangers cost one look a minute.

    Raises LedgerError.
    """
    state, house = request.app.state, house_of(request)
    if not hasattr(state, "board"):
        state.board = Kept(MINUTE)
    kept: Kept = state.board
    return kept.of("board", house.now(), lambda: counting.published(house))


@router.get("/public", include_in_schema=False)
def public_page(request: Request, language: Language = "") -> Response:
    house = house_of(request)
    # The same for everybody, whoever is signed in and whatever they like: it may be kept.
    request.state.session = None
    request.state.language = language or house.file.language
    found = board_of(request)
    figures = Figures(request.state.language)
    response = page(
        request,
        "public.html",
        found=found,
        f=figures,
        least=LEAST,
        days=retention(house),
        notice=house.file.notice or "",
        site_title=lambda site: house.sites[site].site.title if site in house.sites else site,
    )
    response.headers.update(KEEP)
    return response


@router.get("/api/public", tags=["public"])
def public_numbers(request: Request, response: Response) -> PublicNumbers:
    """The same numbers for programs; no sign-in."""
    found = board_of(request)
    response.headers.update(KEEP)
    table = found.table
    return PublicNumbers(
        least=LEAST,
        cells=[
            PublicWeek(
                week=iso(week),
                site=site,
                violations=table.cells[week, site].count,
                rate=_rate(table.cells[week, site]),
            )
            for week in table.weeks
            for site in table.sites
        ],
        complied_after_warning=_share(found.heeding),
        upheld_by_officers=_share(found.precision),
    )


def _rate(cell: PublicCell) -> RateOut | None:
    return rate_out(cell.rate) if cell.rate.users else None


def _share(found: Share | None) -> ShareOut | None:
    return share_out(found) if found else None


def retention(house: House) -> list[int]:
    """For how many days evidence without a case is kept: the shortest and longest of the sites."""
    found: set[Any] = {site.site.evidence.retention_days for site in house.sites.values()}
    return sorted(found)
