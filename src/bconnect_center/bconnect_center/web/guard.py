"""Who is asking, whether they may, and that it was really they who asked."""

import hmac
from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bconnect_center.adapters.people import Session
from bconnect_center.core.audit import Act
from bconnect_center.core.moments import MINUTE
from bconnect_center.core.roles import Person, Right
from bconnect_center.house import House

COOKIE = "bconnect_session"


class Refusal(Exception):
    """What is answered instead; `sentence` is shown. `status` as in HTTP."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def house_of(request: Request) -> House:
    house: House = request.app.state.house
    return house


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def cookie_name(house: House) -> str:
    """With TLS the browser itself keeps others from setting it (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{COOKIE}" if house.file.listen.secure else COOKIE


def session_of(request: Request) -> Session | None:
    """The session of the browser that asks; looked up once a request."""
    if not hasattr(request.state, "session"):
        house = house_of(request)
        secret = request.cookies.get(cookie_name(house))
        file = house.file
        request.state.session = (
            house.people.session(
                secret,
                house.now(),
                int(file.idle_minutes * MINUTE),
                int(file.session_hours * 60 * MINUTE),
            )
            if secret
            else None
        )
    found: Session | None = request.state.session
    return found


def check_same_site(request: Request) -> None:
    """What changes something must come from our own pages."""
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refusal(403, "the request comes from another site")
    if origin and origin != "null" and origin.split("://")[-1] != request.headers.get("host", ""):
        raise Refusal(403, "the request comes from another site")


def check_token(session: Session, given: str | None) -> None:
    if given is None or not hmac.compare_digest(session.csrf.encode(), given.encode()):
        raise Refusal(403, "the page is too old or not ours: load it again")


async def _signed_in(request: Request) -> Session:
    # In the loop's thread: the look-up is one read by primary key.
    session = session_of(request)
    if session is None:
        raise Refusal(401, "please sign in")
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        check_same_site(request)
        given = request.headers.get("x-csrf-token")
        kind = request.headers.get("content-type", "").partition(";")[0]
        if given is None and kind in (
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        ):
            form = await request.form()
            value = form.get("csrf")
            given = value if isinstance(value, str) else None
        check_token(session, given)
    return session


SignedIn = Annotated[Session, Depends(_signed_in)]


def needs(right: Right) -> Callable[..., Person]:
    """A dependency: the person who asks, if they have the right. Sites are the page's to check."""

    def check(session: SignedIn) -> Person:
        if not session.person.may(right):
            raise Refusal(403, f"your role ({session.person.role.value}) may not do this")
        return session.person

    return check


def at_site(person: Person, site: str) -> None:
    """Raises Refusal (404, as if it were not there) for sites the person is kept from."""
    if not person.sees(site):
        raise Refusal(404, f'no site is called "{site}"')


def note(
    request: Request, person: Person, what: str, subject: str = "", site: str = "", detail: str = ""
) -> None:
    """Into the audit log, before the answer."""
    house = house_of(request)
    act = Act(house.now(), person.name, what, subject, site, detail, address_of(request))
    house.audit.note(act)


def turned_away(request: Request, refusal: Refusal) -> Response | None:
    """Where a person without a session is led; None: the refusal is shown as it is."""
    page = "text/html" in request.headers.get("accept", "")
    if refusal.status == 401 and page and request.method == "GET":
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(path)}", 303)
    return None


class SecureHeaders:
    """Tells browsers what our pages never do. `tiles`: the host of map tiles."""

    def __init__(self, app: ASGIApp, tiles: str = "", secure: bool = False) -> None:
        self._app = app
        policy = (
            f"default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
            f"img-src 'self' data: blob: {tiles}; media-src 'self' blob:; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
        )
        headers = {
            "content-security-policy": policy.replace("  ", " ").replace(" ;", ";"),
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
            "x-frame-options": "DENY",
        }
        if secure:
            headers["strict-transport-security"] = "max-age=31536000"
        self._headers = [(k.encode(), v.encode()) for k, v in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                headers += self._headers
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, dressed)
