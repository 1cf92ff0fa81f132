"""Pictures from the listeners to one browser: the newest of each camera, never a queue."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx

from bconnect_center.adapters.listener import Listener
from bconnect_center.adapters.pictures import HEAD, NOBODY
from bconnect_site.errors import ConfigError

AGAIN = 2.0  # s before a listener that went away is asked again
ALIVE = 3.0  # s between signs of life


class Relay:
    """`wanted`: (site, camera), numbered in their order in what `stream` gives.

    A slow browser gets fewer pictures. A camera whose site is away gives an empty one.
    """

    def __init__(self, listener: Listener, wanted: Sequence[tuple[str, str]]) -> None:
        self._listener, self._wanted = listener, list(wanted)
        self._newest: dict[int, tuple[int, bytes]] = {}
        self._news = asyncio.Event()

    async def stream(self) -> AsyncIterator[bytes]:
        """HEAD and JPEG, again and again, until whoever reads stops."""
        sites = sorted({site for site, _ in self._wanted})
        limits = httpx.Timeout(10.0, read=15.0)
        async with httpx.AsyncClient(timeout=limits) as client:
            tasks = [asyncio.create_task(self._follow(client, site)) for site in sites]
            try:
                while True:
                    try:
                        await asyncio.wait_for(self._news.wait(), ALIVE)
                    except TimeoutError:
                        yield HEAD.pack(NOBODY, 0, 0)
                    self._news.clear()
                    newest, self._newest = self._newest, {}
                    for number, (stamp, data) in newest.items():
                        yield HEAD.pack(number, stamp, len(data)) + data
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, client: httpx.AsyncClient, site: str) -> None:
        numbers = [i for i, (at, _) in enumerate(self._wanted) if at == site]
        cameras = [self._wanted[i][1] for i in numbers]
        while True:
            try:
                url = await asyncio.to_thread(self._listener.url, site)
                async with client.stream(
                    "GET", f"{url}/pictures", params={"camera": cameras},
                    headers=self._listener.headers(),
                ) as answer:  # fmt: skip
                    if answer.status_code == 200:
                        await self._read(answer, numbers)
            except (httpx.HTTPError, ConfigError, OSError):
                pass
            for number in numbers:
                self._put(number, 0, b"")
            await asyncio.sleep(AGAIN)

    async def _read(self, answer: httpx.Response, numbers: list[int]) -> None:
        data = bytearray()
        async for piece in answer.aiter_bytes():
            data += piece
            while len(data) >= HEAD.size:
                number, stamp, length = HEAD.unpack_from(data)
                if len(data) < HEAD.size + length:
                    break
                if number != NOBODY and number < len(numbers):
                    self._put(numbers[number], stamp, bytes(data[HEAD.size : HEAD.size + length]))
                del data[: HEAD.size + length]

    def _put(self, number: int, stamp: int, data: bytes) -> None:
        self._newest[number] = (stamp, data)
        self._news.set()
