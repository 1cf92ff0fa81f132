"""Pages from templates: words, times and links that all of them use."""

import hashlib
from datetime import datetime, timezone
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from bconnect_center.core.moments import SECOND
from bconnect_center.core.roles import Right
from bconnect_center.web.guard import house_of, session_of
from bconnect_center.web.words import LANGUAGES, catalogue, say
from bconnect_site.kinds import ViolationType

HERE = Path(__file__).parent
STATIC = HERE / "static"
LANGUAGE_COOKIE = "bconnect_language"
THEME_COOKIE = "bconnect_theme"

# (path, key of its words, right it needs), in the order of the menu.
MENU: tuple[tuple[str, str, Right], ...] = (
    ("/map", "nav.map", Right.WATCH),
    ("/wall", "nav.wall", Right.WATCH),
    ("/feed", "nav.feed", Right.WATCH),
    ("/review", "nav.review", Right.CASES),
    ("/speak", "nav.speak", Right.SPEAK),
    ("/tow", "nav.tow", Right.FIELD),
    ("/stickers", "nav.stickers", Right.FIELD),
    ("/draw", "nav.draw", Right.DRAW),
    ("/numbers", "nav.numbers", Right.WATCH),
    ("/accounts", "nav.accounts", Right.ACCOUNTS),
    ("/audit", "nav.audit", Right.AUDIT),
)


def leaflet() -> Path | None:
    """The map library's files, where its wheel is installed."""
    spec = find_spec("leaflet")
    folder = Path(spec.origin).parent / "static" / "leaflet" if spec and spec.origin else None
    return folder if folder and folder.is_dir() else None


@cache
def edition() -> str:
    """Names the static files as they are: another name whenever one of them changes."""
    digest = hashlib.sha256()
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a static file; scripts import each other beside it, in the same edition."""
    return f"/static/{edition()}/{name}"


def language_of(request: Request) -> str:
    chosen = getattr(request.state, "language", request.cookies.get(LANGUAGE_COOKIE, ""))
    return chosen if chosen in LANGUAGES else house_of(request).file.language


def kind_word(language: str, kind: int) -> str:
    """What a violation type is called."""
    return say(language, f"kinds.{ViolationType(kind).name.lower()}")


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=asset)
    return environment


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A template as an answer. Templates see: t, language, person, csrf, menu, path, title,
    clock (ns to local text), theme, and what is passed."""
    house, language = house_of(request), language_of(request)
    session = session_of(request)
    person = session.person if session else None

    def clock(stamp: int, form: str = "%d.%m.%Y %H:%M:%S") -> str:
        moment = datetime.fromtimestamp(stamp // SECOND, timezone.utc)
        return moment.astimezone(house.zone).strftime(form)

    theme = request.cookies.get(THEME_COOKIE, "")
    html = (
        _templates()
        .get_template(template)
        .render(
            t=partial(say, language),
            has_words=lambda key: key in catalogue(),
            kind=partial(kind_word, language),
            language=language,
            theme=theme if theme in ("light", "dark") else "",
            person=person,
            csrf=session.csrf if session else "",
            menu=[(p, k) for p, k, right in MENU if person and person.may(right)],
            path=request.url.path,
            title=house.file.title,
            clock=clock,
            Right=Right,
            **context,
        )
    )
    return HTMLResponse(html, status)
