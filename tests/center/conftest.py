"""A whole centre for tests: its house, a real server on an ephemeral port, a real browser."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from bconnect_center.adapters.people import People
from bconnect_center.core.roles import Person, Role
from bconnect_center.house import House, open_house
from bconnect_center.settings import load
from bconnect_center.web.app import create_app

ROOT = Path(__file__).parents[2]
PLAIN = "title: Pusat Kendali\nroot: state\nsites: [beruang_madu]\nlanguage: en\n"
SECOND = 1_000_000_000
NOON = 1_790_000_000 * SECOND  # 2026-09-21T14:13:20Z
PASSWORD = "kata-sandi-yang-panjang"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    stamp: int = NOON

    def __call__(self) -> int:
        return self.stamp

    def pass_(self, seconds: float) -> None:
        self.stamp += int(seconds * SECOND)


@dataclass
class Centre:
    """A running centre. `url` is where browsers find it."""

    house: House
    clock: Clock
    url: str
    passwords: dict[str, str] = field(default_factory=dict)

    def account(self, name: str, role: Role, sites: frozenset[str] = frozenset()) -> Person:
        person = Person(name, role, name.title(), sites)
        secret = self.house.people.invite(person, self.clock())
        return self.house.people.set_password(secret, PASSWORD, self.clock())

    def client(self, name: str | None = None) -> httpx.Client:
        """A browser without a screen, signed in as `name`."""
        client = httpx.Client(base_url=self.url, timeout=20.0)
        if name is not None:
            answer = client.post("/login", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            page = client.get("/signed-in")
            token = page.text.partition('data-csrf="')[2].partition('"')[0]
            client.headers["x-csrf-token"] = token
        return client


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    """A centre's file; tests may write another before they ask for `centre`."""
    path = tmp_path / "center.yaml"
    path.write_text(PLAIN, encoding="utf-8")
    return path


@contextmanager
def opened(centre_file: Path, clock: Clock) -> Iterator[House]:
    """The house of a centre's file."""
    made = open_house(load(centre_file), clock)
    # Real Argon2id at its cheapest: tests sign in hundreds of times.
    made.people = People(made.database, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield made
    made.close()


@contextmanager
def running(house: House, clock: Clock, wait_for: Callable[..., Any]) -> Iterator[Centre]:
    """Its real server, with one account of each role, named like the role."""
    with serving(house, wait_for) as url:
        made = Centre(house, clock, url)
        for role in Role:
            made.account(role.value, role)
        yield made


@pytest.fixture
def house(centre_file: Path, clock: Clock) -> Iterator[House]:
    with opened(centre_file, clock) as made:
        yield made


@pytest.fixture
def centre(house: House, clock: Clock, wait_for: Callable[..., Any]) -> Iterator[Centre]:
    with running(house, clock, wait_for) as made:
        yield made


@pytest.fixture(scope="module")
def standing(
    tmp_path_factory: pytest.TempPathFactory, wait_for: Callable[..., Any]
) -> Iterator[Centre]:
    """An empty centre for a module that only looks at pages: made once."""
    path, clock = tmp_path_factory.mktemp("centre") / "center.yaml", Clock()
    path.write_text(PLAIN, encoding="utf-8")
    with opened(path, clock) as house, running(house, clock, wait_for) as made:
        yield made


class serving:
    """A server in a thread, on a port the system chooses."""

    def __init__(self, house: House, wait_for: Callable[..., Any]) -> None:
        import uvicorn

        config = uvicorn.Config(
            create_app(house), port=0, log_level="warning", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._until = wait_for

    def __enter__(self) -> str:
        self._thread.start()
        self._until(lambda: self._server.started or not self._thread.is_alive())
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: Any) -> None:
        self._server.should_exit = True
        self._thread.join(10.0)


@pytest.fixture
def serve(wait_for: Callable[..., Any]) -> Callable[[House], serving]:
    """``with serve(house) as url``: one more server."""
    return lambda house: serving(house, wait_for)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's browser by Playwright, whose loop runs in this thread until its module is done."""
    if CHROMIUM is None:
        pytest.skip("no chromium here; as root: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page of the browser; `said` collects its console's errors."""

    page: Any
    url: str
    said: list[str] = field(default_factory=list)

    def enter(self, name: str, to: str = "/") -> None:
        """Signed in already, by the same door without its page."""
        with httpx.Client(base_url=self.url, timeout=20.0) as client:
            answer = client.post("/login", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
            held = [
                {"name": one.name, "value": one.value or "", "url": self.url, "httpOnly": True,
                 "sameSite": "Strict"}
                for one in client.cookies.jar
            ]  # fmt: skip
        self.page.context.add_cookies(held)
        self.go(to)

    def sign_in(self, name: str, to: str = "/") -> None:
        self.page.goto(f"{self.url}/login?next={to}")
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("form[action='/login'] button")
        self.page.wait_for_url(lambda url: "/login" not in url)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")


@pytest.fixture
def tab(chromium: Any, centre: Centre, request: pytest.FixtureRequest) -> Iterator[Tab]:
    """A fresh browser window; the test fails on any console error or failed script.

    Mark with `@pytest.mark.phone` for a phone's size. Screenshots: `shot(tab, "name")`.
    """
    phone = request.node.get_closest_marker("phone") is not None
    context = chromium.new_context(
        viewport={"width": 390, "height": 844} if phone else {"width": 1440, "height": 900},
        locale="id-ID",
        timezone_id="Asia/Makassar",
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    made = Tab(page, centre.url)
    allowed = [m.args[0] for m in request.node.iter_markers("console")]

    def hear(text: str) -> None:
        if not any(part in text for part in allowed):
            made.said.append(text)

    page.on("console", lambda m: hear(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: made.said.append(str(error)))
    yield made
    context.close()
    assert made.said == []


@pytest.fixture
def shot(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Tab, str], Path]:
    """Takes a picture of the whole page; BCONNECT_SHOTS names the folder to look at them."""
    import os

    folder = Path(os.environ.get("BCONNECT_SHOTS") or tmp_path_factory.mktemp("shots"))

    def take(tab: Tab, name: str, whole: bool = True) -> Path:
        path = folder / f"{name}.png"
        tab.page.screenshot(path=str(path), full_page=whole)
        return path

    return take
