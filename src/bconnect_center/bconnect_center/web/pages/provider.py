"""Signing in by an OpenID Connect provider, where the centre's file names one."""

import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from bconnect_center.adapters.oidc import Begun, Provider, ProviderError
from bconnect_center.core.audit import Act
from bconnect_center.core.roles import Person
from bconnect_center.house import House
from bconnect_center.web.guard import Refusal, address_of, house_of
from bconnect_center.web.pages.door import give_session
from bconnect_center.web.render import page
from bconnect_site import names

router = APIRouter(include_in_schema=False)
COOKIE, MINUTES = "bconnect_oidc", 10


@router.get("/oidc/start")
def begin(request: Request) -> Response:
    provider = _provider(request)
    try:
        begun = provider.begin()
    except ProviderError as error:
        raise Refusal(502, str(error)) from None
    response = RedirectResponse(begun.url, 303)
    response.set_cookie(
        COOKIE,
        f"{begun.state}.{begun.nonce}.{begun.verifier}",
        max_age=60 * MINUTES,
        httponly=True,
        secure=house_of(request).file.listen.secure,
        samesite="lax",  # the provider sends the browser back
        path="/oidc",
    )
    return response


@router.get("/oidc/back")
def back(
    request: Request,
    code: Annotated[str, Query(max_length=2000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Who comes back with the state that was given to this browser, and a code that is good."""
    house = house_of(request)
    parts = request.cookies.get(COOKIE, "").split(".")
    if len(parts) != 3 or not code or not hmac.compare_digest(parts[0].encode(), state.encode()):
        raise Refusal(400, "sign-in: it was not begun in this browser; begin again")
    begun = Begun("", *parts)
    try:
        claims = _provider(request).finish(code, begun, house.now())
        person = person_of(house, claims)
    except ProviderError as error:
        house.audit.note(
            Act(house.now(), "provider", "sign-in refused", detail=str(error),
                address=address_of(request))
        )  # fmt: skip
        raise Refusal(403, str(error)) from None
    # A redirect would still count as the provider's, and the strict cookie would stay behind.
    response = page(request, "welcome_back.html", guest=person)
    give_session(request, response, person)
    response.delete_cookie(COOKIE, path="/oidc")
    return response


def person_of(house: House, claims: dict[str, object]) -> Person:
    """The account of that name, with the role the provider gives. Raises ProviderError.

    Who has no account here does not come in: sites are ours to limit, not the provider's.
    """
    settings = house.file.oidc
    assert settings is not None
    name = str(claims.get("preferred_username") or "")
    if not names.is_name(name):
        raise ProviderError(f'sign-in: preferred_username: found "{name[:60]}"; allowed: a-z0-9_')
    held = {person.name: person for person in house.people.all()}.get(name)
    if held is None:
        raise ProviderError(f'sign-in: no account is called "{name}"; an administrator makes one')
    given = claims.get(settings.claim)
    roles = [str(g) for g in given] if isinstance(given, list) else [str(given or "")]
    if held.role.value not in roles:
        raise ProviderError(
            f"sign-in: {settings.claim}: found {', '.join(roles)[:60] or 'nothing'}, "
            f"the account is {held.role.value}"
        )
    return held


def _provider(request: Request) -> Provider:
    house = house_of(request)
    if house.file.oidc is None:
        raise Refusal(404, "no provider is set up here")
    scheme = "https" if house.file.listen.secure else urlsplit(str(request.url)).scheme
    redirect = f"{scheme}://{request.headers.get('host', '')}/oidc/back"
    try:
        return Provider(house.file.oidc, redirect)
    except ProviderError as error:
        raise Refusal(500, str(error)) from None
