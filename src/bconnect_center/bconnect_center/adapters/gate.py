"""The listener's door on loopback: pictures while they are watched, orders, recordings."""

import hmac
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bconnect_center.adapters.pictures import Gallery, interleaved

MOST_ORDER = 20_000  # bytes
MOST_RECORDING = 4_000_000  # bytes
MOST_WATCHERS = 200
IDLE = 20.0  # s a connection may hold its thread without moving


class Unready(RuntimeError):
    """What is asked cannot be done now; str() is the sentence."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """What lies behind the door."""

    gallery: Gallery
    cameras: Callable[[], list[str]]
    order: Callable[[str], dict[str, Any]]  # an order's JSON to {"done", "sentence"}; may raise
    recording: Callable[[bytes], None]


class Gate:
    """Serves from its own threads until `close`. `port`: the one the system chose, or given."""

    def __init__(self, token: str, rooms: Rooms, host: str = "127.0.0.1", port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"token": token, "rooms": rooms, "watchers": []})
        self._server = ThreadingHTTPServer((host, port), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="gate", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2.0)


class _Handler(BaseHTTPRequestHandler):
    token: str
    rooms: Rooms
    watchers: list[int]
    timeout = IDLE
    server_version, sys_version = "listener", ""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if not self._known():
            return
        if parts.path == "/pictures":
            self._pictures(parse_qs(parts.query).get("camera", []))
        elif parts.path == "/still":
            self._still(parse_qs(parts.query).get("camera", [""])[0])
        elif parts.path == "/healthz":
            self._json(200, {"cameras": self.rooms.cameras(), "watched": self._watched()})
        else:
            self._json(404, {"sentence": "there is nothing here"})

    def do_POST(self) -> None:
        if not self._known():
            return
        if self.path == "/order":
            order = self._body(MOST_ORDER)
            if order is not None:
                text = order.decode("utf-8", "replace")
                self._answer(lambda: self.rooms.order(text))
        elif self.path == "/recording":
            sound = self._body(MOST_RECORDING)
            if sound is not None:
                self.rooms.recording(sound)
                self._json(200, {"done": True, "sentence": ""})
        else:
            self._json(404, {"sentence": "there is nothing here"})

    def _answer(self, act: Callable[[], dict[str, Any]]) -> None:
        try:
            self._json(200, act())
        except (Unready, ValueError) as error:
            self._json(200, {"done": False, "sentence": str(error)})

    def _watched(self) -> list[str]:
        return self.rooms.gallery.watched()

    def _known(self) -> bool:
        given = self.headers.get("authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return True
        self._json(401, {"sentence": "the token is not ours"})
        return False

    def _body(self, most: int) -> bytes | None:
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > most:
            self._json(413, {"sentence": f"needs a length of at most {most} bytes"})
            return None
        return self.rfile.read(int(length))

    def _still(self, camera: str) -> None:
        if camera not in self.rooms.cameras():
            return self._json(404, {"sentence": "there is no such camera"})
        with self.rooms.gallery.watching(camera) as newer:
            picture = newer(0, 4.0)
        if picture is None:
            return self._json(504, {"sentence": "the camera sent no picture"})
        self.send_response(200)
        self.send_header("content-type", "image/jpeg")
        self.send_header("content-length", str(len(picture[2])))
        self.send_header("x-stamp", str(picture[1]))
        self.end_headers()
        self.wfile.write(picture[2])
        return None

    def _pictures(self, cameras: list[str]) -> None:
        known = set(self.rooms.cameras())
        if len(cameras) > self.rooms.gallery.most or not known & set(cameras):
            return self._json(404, {"sentence": "there is no such camera"})
        if len(self.watchers) >= MOST_WATCHERS:
            return self._json(503, {"sentence": "too many watch already"})
        self.watchers.append(1)
        try:
            self.send_response(200)
            self.send_header("content-type", "application/octet-stream")
            self.end_headers()
            for piece in interleaved(self.rooms.gallery, cameras, known):
                self.wfile.write(piece)
        except OSError:  # who watched has gone
            self.close_connection = True
        finally:
            self.watchers.pop()
        return None

    def _json(self, status: int, told: dict[str, Any]) -> None:
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the pages have their own log."""
