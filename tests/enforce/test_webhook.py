"""The webhook against servers that are not polite: silent, dripping, talking nonsense, gone."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from towing_service import TowingService

from bconnect_enforce.adapters.webhook import NotDelivered, Webhook
from bconnect_site.errors import ConfigError

Serve = Callable[[Callable[[socket.socket, threading.Event], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server whose every connection is handled by a function, in a thread of its own."""
    over, listeners = threading.Event(), []

    def serve(handle: Callable[[socket.socket, threading.Event], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65536)
                        handle(connection, over)
                    except OSError:
                        continue

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/x"

    yield serve
    over.set()
    for listener in listeners:
        listener.close()


def drip(connection: socket.socket, over: threading.Event) -> None:
    """A byte now and then, for ever."""
    while not over.wait(0.05):
        connection.sendall(b"H")


def drip_body(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    drip(connection, over)


def flood(connection: socket.socket, over: threading.Event) -> None:
    """Headers without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.is_set():
        connection.sendall(b"X-Many: " + b"x" * 4000 + b"\r\n")


@pytest.mark.parametrize(
    ("handle", "sentence"),
    [
        (lambda c, over: over.wait(30.0), "no answer in time"),
        (drip, ""),
        (flood, ""),
        (lambda c, over: c.sendall(b"\x00\xff nonsense\r\n\r\n"), ""),
        (lambda c, over: c.sendall(b"HTTP/1.1 999999 ?\r\n\r\n"), ""),
        (lambda c, over: None, ""),
    ],
    ids=["silent", "drips", "floods", "nonsense", "strange status", "hangs up"],
)
def test_it_is_not_delivered_and_soon_known(serve: Serve, handle: Any, sentence: str) -> None:
    hook = Webhook(serve(handle), timeout=0.3)
    begin = time.monotonic()
    with pytest.raises(NotDelivered) as failure:
        hook.post(b"{}", {})
    assert failure.value.unreachable
    assert sentence in str(failure.value)
    assert time.monotonic() - begin < 5.0
    assert "\n" not in str(failure.value)


def test_the_status_is_the_word_whatever_body_follows(serve: Serve) -> None:
    begin = time.monotonic()
    Webhook(serve(drip_body), timeout=5.0).post(b"{}", {})
    assert time.monotonic() - begin < 5.0


def test_a_body_larger_than_anybody_reads_is_no_harm(serve: Serve) -> None:
    def large(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000)

    Webhook(serve(large), timeout=5.0).post(b"{}", {})


@pytest.mark.parametrize(
    ("status", "taken"),
    [(200, True), (201, True), (204, True), (301, False), (307, False), (400, False), (503, False)],
)
def test_only_2xx_is_a_yes_and_no_redirect_is_followed(status: int, taken: bool) -> None:
    service = TowingService(lambda said: status)
    hook = Webhook(service.url)
    try:
        if taken:
            hook.post(b"{}", {})
        else:
            with pytest.raises(NotDelivered, match=f"answered {status}") as failure:
                hook.post(b"{}", {})
            assert not failure.value.unreachable
        assert len(service.heard) == 1
    finally:
        service.close()


def test_abort_ends_a_wait_at_once(serve: Serve) -> None:
    reached = threading.Event()

    def silent(connection: socket.socket, over: threading.Event) -> None:
        reached.set()
        over.wait(30.0)

    hook = Webhook(serve(silent), timeout=30.0)
    failures: list[Exception] = []

    def post() -> None:
        try:
            hook.post(b"{}", {})
        except NotDelivered as error:
            failures.append(error)

    thread = threading.Thread(target=post)
    thread.start()
    assert reached.wait(10.0)
    hook.abort()
    thread.join(5.0)
    assert not thread.is_alive()
    assert failures
    with pytest.raises(NotDelivered):
        hook.post(b"{}", {})


@pytest.mark.parametrize(
    "url",
    ["", "ftp://h/x", "http://", "http://u:p@h/x", "http://h:port/x", "//h/x", "http://[::1/x"],
)
def test_what_is_no_webhook(url: str) -> None:
    with pytest.raises(ConfigError, match=r"tow\.webhook: needs http") as refusal:
        Webhook(url)
    assert "u:p" not in str(refusal.value)
