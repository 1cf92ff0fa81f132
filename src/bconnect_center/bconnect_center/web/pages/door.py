"""Signing in and out, setting a password, the start page, language and theme."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from bconnect_center.adapters.people import Denied
from bconnect_center.core.audit import Act
from bconnect_center.core.roles import Person
from bconnect_center.web import guard
from bconnect_center.web.guard import SignedIn, address_of, cookie_name, house_of
from bconnect_center.web.render import LANGUAGE_COOKIE, MENU, THEME_COOKIE, page

router = APIRouter()
YEAR = 365 * 86400


def inside(path: str) -> str:
    """A path of ours to go on to; never another site."""
    parts = urlsplit(path)
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if safe and "\\" not in path and path.isprintable() else "/"


@router.get("/", include_in_schema=False)
def start(request: Request, session: SignedIn) -> Response:
    first = next((path for path, _, right in MENU if session.person.may(right)), "/login")
    return RedirectResponse(first, 303)


def _oidc(request: Request) -> bool:
    return house_of(request).file.oidc is not None


@router.get("/login", include_in_schema=False)
def login_page(request: Request, next: str = "/") -> Response:
    return page(request, "login.html", next=inside(next), sentence="", name="", oidc=_oidc(request))


@router.post("/login", include_in_schema=False)
def login(
    request: Request,
    name: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    next: Annotated[str, Form(max_length=1000)] = "/",
) -> Response:
    guard.check_same_site(request)
    house = house_of(request)
    now = house.now()
    try:
        person = house.people.check(name, password, address_of(request), now)
    except Denied as error:
        house.audit.note(Act(now, name, "sign-in refused", address=address_of(request)))
        wait = "too many" in str(error)
        key = "door.too_many" if wait else "door.wrong"
        return page(
            request, "login.html", 429 if wait else 401, next=inside(next), sentence=key, name=name,
            oidc=_oidc(request),
        )  # fmt: skip
    return let_in(request, person, inside(next))


def let_in(request: Request, person: Person, to: str) -> Response:
    """A new session for the browser, and on to the page."""
    response = RedirectResponse(to, 303)
    give_session(request, response, person)
    return response


def give_session(request: Request, response: Response, person: Person) -> None:
    """Opens a session and gives its cookie."""
    house = house_of(request)
    secret, _ = house.people.open_session(person, address_of(request), house.now())
    guard.note(request, person, "signed in")
    response.set_cookie(
        cookie_name(house),
        secret,
        httponly=True,
        secure=house.file.listen.secure,
        samesite="strict",
        path="/",
    )


@router.post("/logout", include_in_schema=False)
def logout(request: Request, session: SignedIn) -> Response:
    house = house_of(request)
    house.people.close_session(session.key)
    guard.note(request, session.person, "signed out")
    response = RedirectResponse("/login", 303)
    response.delete_cookie(cookie_name(house), path="/", secure=house.file.listen.secure)
    return response


@router.get("/signed-in", include_in_schema=False)
def signed_in(request: Request, session: SignedIn) -> Response:
    """Where a tab ends that was opened to sign in again."""
    return page(request, "signed_in.html")


@router.get("/invitation/{secret}", include_in_schema=False)
def invitation_page(request: Request, secret: str) -> Response:
    house = house_of(request)
    person = house.people.invited(secret, house.now())
    if person is None:
        raise guard.Refusal(404, "link: it was used before, or is too old; ask for another")
    return page(request, "invitation.html", guest=person, secret=secret, sentence="")


@router.post("/invitation/{secret}", include_in_schema=False)
def invitation(
    request: Request,
    secret: str,
    password: Annotated[str, Form(max_length=256)] = "",
    again: Annotated[str, Form(max_length=256)] = "",
) -> Response:
    guard.check_same_site(request)
    house = house_of(request)
    person = house.people.invited(secret, house.now())
    if person is None:
        raise guard.Refusal(404, "link: it was used before, or is too old; ask for another")
    try:
        if password != again:
            raise Denied("password: the two are not the same")
        person = house.people.set_password(secret, password, house.now())
    except Denied as error:
        return page(
            request, "invitation.html", 422, guest=person, secret=secret, sentence=str(error)
        )
    guard.note(request, person, "password set")
    return let_in(request, person, "/")


@router.post("/taste", include_in_schema=False)
def taste(
    request: Request,
    language: Annotated[str, Form(max_length=8)] = "",
    theme: Annotated[str, Form(max_length=8)] = "",
    back: Annotated[str, Form(max_length=1000)] = "/",
) -> Response:
    """Language and theme, kept in the browser only."""
    guard.check_same_site(request)
    response = RedirectResponse(inside(back), 303)
    for cookie, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, theme)):
        if value in ("id", "en", "light", "dark", "auto"):
            response.set_cookie(cookie, value, max_age=YEAR, samesite="lax", path="/")
    return response
