"""A network horn with a web interface: it is sent the sound, or told which clip to play."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import httpx

from bconnect_enforce.core.mouth import MouthError
from bconnect_enforce.core.sound import Sound
from bconnect_site.horns import HttpAddress

_TIMEOUT = 3.0  # s to connect, and for an answer beside the sound's length
_CHUNK = 0.1  # s of sound sent at once where the horn plays as it comes
_AHEAD = 0.2  # s that the horn may have in hand
_RATE = {"mulaw": 8000, "wav": 16000, "clip": 0}  # Hz
_TYPE = {"mulaw": "audio/basic", "wav": "audio/wav"}


class HttpHorn:
    """`encode` gives the bytes of a sound as `address.send` wants them.

    A WAV or a clip cannot be cut short once the horn has it; mu-law can.
    """

    def __init__(self, address: HttpAddress, encode: Callable[[Sound], bytes]) -> None:
        self._address, self._encode = address, encode
        auth = _Login(address.user, address.password) if address.user else None
        self._client = httpx.Client(auth=auth, timeout=_TIMEOUT, trust_env=False)

    @property
    def output(self) -> str:
        return self._address.url

    @property
    def rate(self) -> int:
        return _RATE[self._address.send]

    def check(self) -> None:
        """Asks what the horn allows: it logs in, and plays nothing."""
        try:
            status = self._client.options(self._address.clip("")).status_code
        except (httpx.RemoteProtocolError, httpx.ReadError):
            return  # it is there, and speaks too little HTTP to say more
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if status in (401, 403) or (status >= 500 and status != 501):
            raise self._refused(status)

    def play(
        self, sound: Sound, name: str, began: Callable[[], None], stop: threading.Event
    ) -> str:
        begin = time.monotonic()
        try:
            status = self._order(sound, name.rpartition("/")[2], began, stop)
        except _Stopped:
            return self.output
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if not 200 <= status < 300:
            raise self._refused(status)
        began()
        stop.wait(max(0.0, begin + sound.duration - time.monotonic()))
        return self.output

    def _order(
        self, sound: Sound, phrase: str, began: Callable[[], None], stop: threading.Event
    ) -> int:
        a = self._address
        if a.send == "clip":
            return self._client.get(a.clip(phrase)).status_code
        data = self._encode(sound)
        pace = len(data) / sound.duration if a.send == "mulaw" else 0.0
        answer = self._client.post(
            a.url,
            content=_Body(data, pace, began, stop),
            headers={"Content-Type": _TYPE[a.send], "Content-Length": str(len(data))},
            timeout=httpx.Timeout(_TIMEOUT, read=_TIMEOUT + sound.duration),
        )
        return answer.status_code

    def _unreachable(self, error: httpx.HTTPError) -> MouthError:
        where = f"horn {self._address.host}"
        if isinstance(error, httpx.TimeoutException):
            return MouthError(
                f"{where}: gives no answer; check its power, the network and the address"
            )
        return MouthError(
            f"{where}: cannot be reached ({error}); check its power, the network and the address"
        )

    def _refused(self, status: int) -> MouthError:
        a = self._address
        what = {
            401: f'refuses user "{a.user}"; check user and password in the environment',
            403: f'user "{a.user}" may not play sound; give it the right in the horn',
            404: f"has no {httpx.URL(a.url).path}; check the address",
        }.get(status, f"answered {status}; look into its log, or restart it")
        return MouthError(f"horn {a.host}: {what}")


class _Stopped(Exception):
    """Silence was ordered in the middle of a sound."""


class _Body:
    """Bytes that may be sent again after a login, at `pace` bytes a second (0: at once)."""

    def __init__(
        self, data: bytes, pace: float, began: Callable[[], None], stop: threading.Event
    ) -> None:
        self._data, self._pace = data, pace
        self._began, self._stop = began, stop

    def __iter__(self) -> Iterator[bytes]:
        if not self._pace:
            self._began()
            yield self._data
            return
        size, begin = int(_CHUNK * self._pace), time.monotonic()
        for at in range(0, len(self._data), size):
            wait = begin + at / self._pace - _AHEAD - time.monotonic()
            if self._stop.wait(max(0.0, wait)):
                raise _Stopped
            self._began()
            yield self._data[at : at + size]


class _Login(httpx.Auth):
    """Digest or Basic, as the horn asks; nothing secret is sent before it asks."""

    def __init__(self, user: str, password: str) -> None:
        self._digest = httpx.DigestAuth(user, password)
        self._basic = httpx.BasicAuth(user, password)
        self._plain = False

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._plain:
            yield from self._basic.auth_flow(request)
            return
        flow: Generator[httpx.Request, httpx.Response, Any] = self._digest.auth_flow(request)
        answer = yield next(flow)
        asked = answer.headers.get_list("www-authenticate")
        if answer.status_code == 401 and not any(a.lower().startswith("digest") for a in asked):
            self._plain = True
            yield from self._basic.auth_flow(request)
            return
        try:
            yield flow.send(answer)
        except StopIteration:
            return
