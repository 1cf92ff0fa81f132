"""Hands a letter to the towing service over HTTP. No redirects, no proxy, an end to waiting."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from bconnect_site.errors import ConfigError

TIMEOUT = 5.0  # s for one step, and twice that for the whole


class NotDelivered(RuntimeError):
    """A letter that did not arrive, as far as is known; str() says why.

    `unreachable`: nobody answered, so that other letters need not be tried now.
    """

    def __init__(self, sentence: str, unreachable: bool) -> None:
        super().__init__(sentence)
        self.unreachable = unreachable


class Webhook:
    """Raises ConfigError for a URL that is none. `post` from one thread, `abort` from any."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ConfigError(
                "tow.webhook: needs http://host/path or https://host/path, without a user; "
                "the signature says who we are"
            )
        self.shown = f"{parts.scheme}://{parts.netloc}"
        self.is_open = parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None
        self._aborted = False

    def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Returns once it is acknowledged with 2xx. Raises NotDelivered."""
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout)
        self._connection = connection
        # A server that drips a byte now and then keeps every single step alive.
        end = threading.Timer(2 * self._timeout, self._cut)
        end.daemon = True
        end.start()
        try:
            if self._aborted:
                raise OSError("closing")
            connection.request("POST", self._path, body, dict(headers))
            answer = connection.getresponse()  # its status is the word; nobody reads the body
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotDelivered(f"{self.shown}: {_why(error)}", True) from error
        finally:
            end.cancel()
            self._connection = None
            connection.close()
        if not 200 <= answer.status < 300:
            raise NotDelivered(f"{self.shown}: answered {answer.status} {answer.reason}", False)

    def abort(self) -> None:
        """Ends what is under way, and everything after it."""
        self._aborted = True
        self._cut()

    def _cut(self) -> None:
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]
