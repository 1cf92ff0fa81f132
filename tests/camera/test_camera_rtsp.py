"""A real RTSP camera on loopback: start, outage, return, wrong password, half a frame, silence."""

from __future__ import annotations

import gc
import itertools
import math
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from camera_clips import free_port

from bconnect_camera.adapters.pyav_source import PyavSource
from bconnect_camera.core.address import parse
from bconnect_camera.core.backoff import Backoff
from bconnect_camera.core.feed import Feed, LinkState
from bconnect_camera.core.types import Packet, SourceError

PASSWORD = "s3cret-word"


class Clock:
    """Steady time as if it were the node's clock."""

    @staticmethod
    def now() -> int:
        return time.monotonic_ns()


def source(url: str, **options: Any) -> PyavSource:
    return PyavSource(
        parse(url),
        clock=Clock.now,
        steady=time.monotonic,
        wait=lambda s: False,
        hardware=False,
        account="CAMERA_UTARA",
        **options,
    )


def pictures(items: Iterator[Any]) -> Iterator[Any]:
    return (item for item in items if not isinstance(item, Packet))


def test_pictures_come_with_even_stamps_and_the_cameras_clock(rtsp: Any) -> None:
    _, port = rtsp()
    read = source(f"rtsp://127.0.0.1:{port}/live")
    assert "640x360, h264" in read.open()
    seen = [(p.stamp, p.bgr(320, 180).shape) for p in itertools.islice(pictures(read.read()), 75)]
    read.close()
    gaps = sorted((b[0] - a[0]) / 1e6 for a, b in itertools.pairwise(seen))
    assert gaps[0] > 0
    assert gaps[len(gaps) // 2] == pytest.approx(40.0, abs=2.0)
    assert all(shape == (180, 320, 3) for _, shape in seen)
    assert read.clock_source == "arrival"
    assert not math.isnan(read.clock_offset)  # GStreamer sends RTCP reports, so it is known
    assert read.broken == 0


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_a_wrong_password_says_401_and_whom_to_ask(rtsp: Any, auth: str) -> None:
    _, port = rtsp(auth=auth, user="admin", password=PASSWORD)
    good = source(f"rtsp://admin:{PASSWORD}@127.0.0.1:{port}/live")
    opened = good.open()
    assert next(pictures(good.read())) is not None
    good.close()
    assert PASSWORD not in opened
    for credentials in ("admin:wr0ng-w0rd@", ""):
        with pytest.raises(SourceError) as caught:
            source(f"rtsp://{credentials}127.0.0.1:{port}/live").open()
        sentence = str(caught.value)
        assert "401" in sentence
        assert "ask whoever" in sentence
        assert "CAMERA_UTARA" in sentence
        assert "wr0ng" not in sentence
        assert not caught.value.refuse
        assert caught.value.wait >= 60.0  # more attempts would lock the account
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__  # a traceback would show libav's own text


def test_the_reason_of_a_failure_is_plain(rtsp: Any) -> None:
    _, port = rtsp()
    cases = {
        f"rtsp://127.0.0.1:{port}/other": "404",
        "rtsp://cam.invalid/x": "DNS",
        f"rtsp://127.0.0.1:{free_port()}/x": "connection refused",
    }
    for url, words in cases.items():
        with pytest.raises(SourceError, match=words):
            source(url).open()


@pytest.mark.parametrize("limit", [200_000, 300_001])
def test_a_stream_cut_in_the_middle_of_a_frame(rtsp: Any, relay: Any, limit: int) -> None:
    _, port = rtsp()
    read = source(f"rtsp://127.0.0.1:{relay(port, limit, False).port}/live")
    read.open()
    whole, ended = 0, ""
    try:
        for picture in pictures(read.read()):
            assert picture.bgr(160, 90).std() > 20  # never a grey half
            whole += 1
    except SourceError as error:
        ended = str(error)
    read.close()
    assert whole > 3, ended
    assert read.broken <= 1  # the half frame is counted, and not shown
    assert "\n" not in ended
    assert read.live  # the feed takes either end for an outage and comes back


def test_a_stream_that_falls_silent_is_lost_after_seconds(rtsp: Any, relay: Any) -> None:
    _, port = rtsp()
    read = source(f"rtsp://127.0.0.1:{relay(port, 200_000, True).port}/live")
    read.open()
    last = time.monotonic()
    with pytest.raises(SourceError, match="no data for 5 s"):
        for _ in read.read():
            last = time.monotonic()
    assert 4.0 < time.monotonic() - last < 9.0
    read.close()


def attempts(url: str, count: int) -> Feed:
    """So many attempts without the waits between them."""
    left = itertools.count(count, -1)
    feed = Feed(
        lambda: source(url),
        lambda packet: None,
        lambda picture: None,
        clock=Clock.now,
        wait=lambda seconds: seconds > 0 and next(left) <= 1,
        backoff=Backoff(seed=1),
    )
    feed.run()
    return feed


def memory() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


def test_memory_does_not_grow_while_a_camera_is_away() -> None:
    url = f"rtsp://admin:{PASSWORD}@127.0.0.1:{free_port()}/live"
    attempts(url, 200)
    before = memory()
    feed = attempts(url, 3000)
    assert feed.link.state is LinkState.DOWN
    assert memory() - before < 4.0  # MB
    assert psutil.Process().num_fds() < 200


def test_memory_does_not_grow_while_a_camera_refuses(rtsp: Any) -> None:
    _, port = rtsp(auth="basic", user="admin", password=PASSWORD)
    url = f"rtsp://admin:wrong@127.0.0.1:{port}/live"
    attempts(url, 100)
    before = memory()
    feed = attempts(url, 400)
    assert "401" in feed.link.reason
    assert memory() - before < 6.0  # MB


def test_memory_does_not_grow_with_reconnections(rtsp: Any) -> None:
    _, port = rtsp()

    def connect(count: int) -> float:
        for _ in range(count):
            read = source(f"rtsp://127.0.0.1:{port}/live")
            read.open()
            next(pictures(read.read()))
            read.close()
        return memory()

    before = connect(3)
    assert connect(6) - before < 10.0  # MB
