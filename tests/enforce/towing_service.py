"""A towing service on a real socket, that fails, hangs, goes away and comes back."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "sesame"


class TowingService:
    """Answers as `answer(body)` says: a status, or None to keep silent until `release`."""

    def __init__(self, answer: Callable[[dict[str, Any]], int | None] = lambda _: 200) -> None:
        self.answer = answer
        self.heard: list[dict[str, Any]] = []  # every request, whatever it was answered
        self.taken: list[dict[str, Any]] = []  # those answered with 2xx
        self.unsigned = 0
        self.silence = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.come_back()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jobs?from=bconnect"

    def go_away(self) -> None:
        assert self._server is not None
        self.silence.set()
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def come_back(self) -> None:
        self.silence = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service._on_post(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self.go_away()

    def _on_post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if request.headers["X-Bconnect-Signature"] != f"sha256={expected}":
            self.unsigned += 1
        said = json.loads(body)
        said["key"] = request.headers["Idempotency-Key"]
        said["path"] = request.path
        self.heard.append(said)
        status = self.answer(said)
        if status is None:
            self.silence.wait(60.0)
            return
        if 200 <= status < 300:
            self.taken.append(said)
        request.send_response(status)
        request.send_header("Location", "http://127.0.0.1:9/elsewhere")
        request.send_header("Content-Length", "0")
        request.end_headers()
