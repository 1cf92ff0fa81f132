"""What a server tells its browsers as it happens: one reader of the database for all of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from bconnect_center.adapters.live_store import Cell, Line, LiveStore
from bconnect_center.core.live import is_silent
from bconnect_center.core.roles import Person
from bconnect_center.core.sites import places, speaker_place, told_of
from bconnect_center.house import House
from bconnect_center.web.guard import house_of, session_of
from bconnect_enforce.adapters.ledger import LedgerError

PERIOD = 0.2  # s between two looks for lines
STATES = 0.6  # s between two looks for states
AFRESH = 60.0  # s after which states are read anew, so that what was forgotten goes
MOST = 2000  # things that wait for one browser; a slower one begins again
SHOWN = frozenset({"site", "camera", "speaker", "node", "vehicle", "signal", "clock", "process"})


def shown(name: str) -> str:
    """A name of a site file as people read it."""
    return name.replace("_", " ").title()


@dataclass(eq=False, slots=True)
class Ear:
    """One browser. `lost`: it was too slow."""

    queue: asyncio.Queue[Line | Cell]
    lost: bool = False

    def put(self, item: Line | Cell) -> None:
        try:
            self.queue.put_nowait(item)
        except asyncio.QueueFull:
            self.lost = True


@dataclass(slots=True)
class Live:
    """Reads while somebody listens. Lives in the event loop."""

    store: LiveStore
    now: Callable[[], int]
    cells: dict[tuple[str, str, str], Cell] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    _ears: set[Ear] = field(default_factory=set)
    _task: asyncio.Task[None] | None = None
    _last: int = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Ear]:
        """Everything new from now on, until left."""
        ear = Ear(asyncio.Queue(MOST))
        if self._task is None or self._task.done():
            self._last = await asyncio.to_thread(self.store.last_line)
            await self._all_states()
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._read())
        self._ears.add(ear)
        try:
            yield ear
        finally:
            self._ears.discard(ear)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        states = afresh = loop.time()
        while self._ears:
            try:
                for line in await asyncio.to_thread(self.store.after, self._last):
                    self._last = line.line
                    self._tell(line)
                if loop.time() - states >= STATES:
                    states = loop.time()
                    await self._new_states()
                if loop.time() - afresh >= AFRESH:
                    afresh = loop.time()
                    await self._all_states()
            except LedgerError:
                await asyncio.sleep(1.0)
            await asyncio.sleep(PERIOD)

    async def _new_states(self) -> None:
        since = max((c.heard for c in self.cells.values()), default=0) - 1
        for cell in await asyncio.to_thread(self.store.cells, since, SHOWN):
            if self.cells.get(cell.key) != cell:
                self.cells[cell.key] = cell
                self._tell(cell)
        now = self.now()
        silent = {c.site for c in self.cells.values() if c.kind == "site"
                  and is_silent(c.heard, now)}  # fmt: skip
        changed, self.silent = silent ^ self.silent, silent
        for cell in list(self.cells.values()):
            if cell.site in changed:
                self._tell(cell)

    async def _all_states(self) -> None:
        cells = await asyncio.to_thread(self.store.cells, -1, SHOWN)
        self.cells = {cell.key: cell for cell in cells}
        now = self.now()
        self.silent = {c.site for c in cells if c.kind == "site" and is_silent(c.heard, now)}

    def _tell(self, item: Line | Cell) -> None:
        for ear in self._ears:
            ear.put(item)


def live_of(request: Request) -> Live:
    """The server's one reader."""
    state = request.app.state
    if not hasattr(state, "live"):
        house = house_of(request)
        state.live = Live(LiveStore(house.database), house.now)
    live: Live = state.live
    return live


def still_in(request: Request) -> bool:
    """Whether the session of an open stream still holds. A page that is watched is in use."""
    if hasattr(request.state, "session"):
        del request.state.session
    return session_of(request) is not None


@dataclass(frozen=True, slots=True)
class Known:
    """A site as the pages list it. `heard`: ns, 0: never; `live`: it is listened to from here."""

    name: str
    told: dict[str, Any]
    heard: int
    silent: bool
    live: bool

    @property
    def title(self) -> str:
        return str(self.told.get("title") or self.name)


def known_sites(house: House, person: Person) -> list[Known]:
    """Every site the person sees: heard live, or known by its file only."""
    store, now = LiveStore(house.database), house.now()
    heard = {c.site: c for c in store.cells(kinds=["site"])}
    names = sorted({*heard, *house.sites, *house.file.live})
    found = []
    for name in names:
        if not person.sees(name):
            continue
        cell, loaded = heard.get(name), house.sites.get(name)
        told = dict(told_of(loaded.site)) if loaded else {"title": name, "kind": "corridor"}
        told |= dict(cell.told) if cell else {}
        at = cell.heard if cell else 0
        found.append(Known(name, told, at, is_silent(at, now), name in house.file.live))
    return found


def laid_out(sites: Iterable[Known]) -> list[dict[str, Any]]:
    """Sites with the places of their cameras and speakers, for maps."""
    found = []
    for site in sites:
        at = places(site.told)
        speakers = []
        for name, entry in (site.told.get("speakers") or {}).items():
            place = speaker_place(entry.get("hears") or (), at)
            if place is not None:
                speakers.append({"name": name, "shown": shown(name), "latitude": place[0],
                                 "longitude": place[1]})  # fmt: skip
        found.append({
            "site": site.name,
            "title": site.title,
            "kind": site.told.get("kind"),
            "cameras": [
                {"name": name, "shown": shown(name), "latitude": p[0], "longitude": p[1],
                 "exact": p[2]}
                for name, p in at.items()
            ],
            "speakers": speakers,
        })  # fmt: skip
    return found
