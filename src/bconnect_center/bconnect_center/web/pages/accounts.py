"""Accounts: who may come in, as what, to which sites."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from bconnect_center.adapters.people import Denied
from bconnect_center.core.roles import Person, Right, Role
from bconnect_center.web.guard import Refusal, house_of, needs, note
from bconnect_center.web.render import page
from bconnect_site import names

router = APIRouter()
Keeper = Annotated[Person, Depends(needs(Right.ACCOUNTS))]


@router.get("/accounts", include_in_schema=False)
def accounts(request: Request, person: Keeper) -> Response:
    return _shown(request)


@router.post("/accounts", include_in_schema=False)
def invite(
    request: Request,
    person: Keeper,
    name: Annotated[str, Form(max_length=64)] = "",
    shown: Annotated[str, Form(max_length=128)] = "",
    role: Annotated[str, Form(max_length=16)] = "",
    sites: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Makes an account, or a new link for one; the link is shown once."""
    house = house_of(request)
    try:
        made = _made(name, shown, role, sites)
    except Denied as error:
        return _shown(request, 422, sentence=str(error))
    note(request, person, "account invited", made.name, detail=_words(made))
    secret = house.people.invite(made, house.now())
    link = f"{request.url.scheme}://{request.headers.get('host', '')}/invitation/{secret}"
    return _shown(request, link=link, of=made.name)


@router.post("/accounts/{name}", include_in_schema=False)
def change(
    request: Request,
    person: Keeper,
    name: str,
    shown: Annotated[str, Form(max_length=128)] = "",
    role: Annotated[str, Form(max_length=16)] = "",
    sites: Annotated[str, Form(max_length=2000)] = "",
    close: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Another role or other sites, or the end of it. Nobody locks themselves out."""
    house = house_of(request)
    known = {held.name for held in house.people.all()}
    if name not in known:
        raise Refusal(404, f'no account is called "{name}"')
    if name == person.name:
        return _shown(request, 422, sentence="your own account: ask another administrator")
    if close:
        note(request, person, "account closed", name)
        house.people.remove(name)
        return RedirectResponse("/accounts", 303)
    try:
        made = _made(name, shown, role, sites)
    except Denied as error:
        return _shown(request, 422, sentence=str(error))
    note(request, person, "account changed", name, detail=_words(made))
    house.people.change(made)
    return RedirectResponse("/accounts", 303)


def _shown(request: Request, status: int = 200, **told: str) -> Response:
    house = house_of(request)
    told = {"sentence": "", "link": "", "of": ""} | told
    return page(
        request,
        "accounts.html",
        status,
        people=house.people.all(),
        roles=list(Role),
        sites=sorted(house.sites),
        **told,
    )


def _made(name: str, shown: str, role: str, sites: str) -> Person:
    """Raises Denied."""
    if not names.is_name(name):
        raise Denied(f'name: found "{name}"; allowed: a-z, 0-9 and _, at most 48')
    if role not in {known.value for known in Role}:
        raise Denied(f'role: found "{role}"; allowed: {", ".join(r.value for r in Role)}')
    wanted = sites.replace(",", " ").split()
    if bad := [site for site in wanted if not names.is_name(site)]:
        raise Denied(f'sites: found "{bad[0]}"; allowed: names of sites')
    return Person(name, Role(role), shown.strip() or name, frozenset(wanted))


def _words(person: Person) -> str:
    return f"{person.role.value}; {' '.join(sorted(person.sites)) or 'all sites'}"
