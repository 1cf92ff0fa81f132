"""The camera's cores: back-off, stamps, pacing, ring, health, status, captures, redaction."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bconnect_camera.core.address import parse
from bconnect_camera.core.backoff import Backoff
from bconnect_camera.core.captures import CaptureDesk, CaptureJob
from bconnect_camera.core.cuts import plan_cut
from bconnect_camera.core.feed import Feed, Link, LinkState
from bconnect_camera.core.health import Condition, PictureHealth, sharpness
from bconnect_camera.core.intrinsics import Intrinsics
from bconnect_camera.core.pacing import Decimator, Pacer
from bconnect_camera.core.redact import host, redact
from bconnect_camera.core.ring import EncodedRing
from bconnect_camera.core.stamps import ArrivalStamps, FileStamps, Forward
from bconnect_camera.core.status import RateMeter, judge
from bconnect_camera.core.types import SECOND, Packet, Pixels, SourceError, StreamInfo
from bconnect_site.kinds import CameraState, EvidenceKind

START = 1_800_000_000 * SECOND
MS = SECOND // 1000


# -- back-off ------------------------------------------------------------------------------


def test_backoff_grows_to_its_cap_and_starts_again() -> None:
    backoff = Backoff(first=1.0, most=8.0, jitter=0.0)
    assert [backoff.next() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_backoff_jitter_is_bounded_seeded_and_different_between_cameras() -> None:
    def delays(seed: str) -> list[float]:
        backoff = Backoff(first=2.0, most=2.0, jitter=0.25, seed=seed)
        return [backoff.next() for _ in range(50)]

    assert delays("utara") == delays("utara")
    assert delays("utara") != delays("selatan")
    assert all(1.5 <= delay <= 2.5 for delay in delays("utara"))
    assert max(delays("utara")) - min(delays("utara")) > 0.3


# -- stamps --------------------------------------------------------------------------------


def test_arrival_stamps_are_free_of_network_jitter() -> None:
    rng = np.random.default_rng(1)
    stamps, errors = ArrivalStamps(), []
    for index in range(500):
        pts = index * 40 * MS
        late = int(rng.exponential(30 * MS))
        stamp = stamps.stamp(pts, START + pts + 5 * MS + late)
        errors.append(stamp - START - pts)
    assert max(errors[100:]) - min(errors[100:]) < 5 * MS  # arrivals spread over 150 ms
    assert math.isnan(stamps.offset)


def test_arrival_stamps_follow_a_slow_camera_clock_and_a_reset_one() -> None:
    stamps = ArrivalStamps()
    error = 0
    for index in range(25 * 600):  # ten minutes of a clock 200 ppm slow: 120 ms
        pts = index * 40 * MS
        arrival = START + pts + index * 40 * MS // 5000
        error = arrival - stamps.stamp(pts, arrival)
    assert abs(error) < 5 * MS
    later = START + 700 * SECOND
    assert stamps.stamp(0, later) == later  # the camera began again at zero


def test_the_camera_clock_is_reported_where_it_is_sent() -> None:
    stamps = ArrivalStamps()
    for index in range(20):
        stamps.camera_time(START + index * SECOND - 3 * SECOND // 2, START + index * SECOND)
    assert stamps.offset == pytest.approx(-1.5)


def test_file_stamps_start_now_and_keep_the_files_spacing() -> None:
    stamps = FileStamps()
    assert stamps.stamp(5 * SECOND, START) == START
    assert stamps.stamp(7 * SECOND, START + 2 * SECOND) == START + 2 * SECOND
    assert stamps.stamp(8 * SECOND, START + 5 * SECOND) == START + 3 * SECOND
    assert stamps.offset == pytest.approx(-2.0)


@given(st.lists(st.integers(min_value=0, max_value=10**12), min_size=2, max_size=50))
def test_delivered_stamps_never_go_backwards(values: list[int]) -> None:
    forward = Forward()
    out = [forward(value) for value in values]
    set_back = 2 * SECOND  # more is no correction but a clock that was set anew
    assert all(
        b > a or value <= a - set_back
        for (a, b), value in zip(itertools.pairwise(out), values[1:], strict=False)
    )


# -- pacing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fps", "rate", "expected"),
    [(25, 10, 100), (10, 10, 100), (30, 10, 100), (5, 10, 50), (25, 0, 250), (29.97, 15, 150)],
)
def test_decimator_keeps_the_rate(fps: float, rate: float, expected: int) -> None:
    decimator = Decimator(rate)
    taken = sum(decimator.wants(START + round(i * SECOND / fps)) for i in range(round(fps * 10)))
    assert taken == pytest.approx(expected, abs=1)


def test_decimator_goes_on_after_a_gap_and_after_a_clock_set_back() -> None:
    decimator = Decimator(10)
    assert decimator.wants(START)
    assert decimator.wants(START + 3600 * SECOND)
    assert not decimator.wants(START + 3600 * SECOND + 10 * MS)
    assert decimator.wants(START)
    assert not decimator.wants(START + 10 * MS)


def test_pacer_waits_for_the_files_time_and_never_when_late() -> None:
    pacer = Pacer()
    assert pacer.delay(3.0, 100.0) == 0.0
    assert pacer.delay(3.4, 100.1) == pytest.approx(0.3)
    assert pacer.delay(3.5, 105.0) == 0.0


# -- redaction -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:s3cret@10.0.0.1:554/a",
        "rtsp://admin:s3cret%21@10.0.0.1/a",
        "rtsp://ad:s3cret@x@10.0.0.1/a?b=c",
        "rtsp://a:s3cret/x@10.0.0.1/a",
        "http://10.0.0.1/v.cgi?user=me&password=s3cret&x=1",
        "http://10.0.0.1/?token=s3cret",
    ],
)
def test_no_password_survives(url: str) -> None:
    for text in (f"cannot open {url}: refused", f"'{url}'", url):
        assert "s3cret" not in redact(text)
        assert "10.0.0.1" in redact(text)
    assert "s3cret" not in repr(parse(url))
    assert "s3cret" not in parse(url).shown


def test_a_password_is_hidden_where_it_stands_alone() -> None:
    url = "rtsp://admin:s3cret%21@10.0.0.1/a"
    assert redact("not s3cret%21 and not s3cret!", url) == "not *** and not ***"


def test_redaction_leaves_everything_else() -> None:
    assert redact("rtsp://10.0.0.1:554/a: connection refused") == (
        "rtsp://10.0.0.1:554/a: connection refused"
    )
    assert host("rtsp://u:p@w/@[::1]:8554/x") == ("::1", 8554)
    assert host("rtsp://u:p@cam.example/x") == ("cam.example", None)


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Zs", "Cc")), max_size=40))
def test_any_source_gives_an_address_or_one_sentence(text: str) -> None:
    try:
        parse(text)
    except SourceError as error:
        assert error.refuse
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "found nothing"),
        ("sim://utara", "sim://scenario/camera"),
        ("sim://harian/utara?seed=x", "seed=3"),
        ("gopher://x/y", "gopher://"),
        ("v4l2:///dev/video0?colour=red", "size=1920x1080"),
    ],
)
def test_sources_that_can_never_work_are_refused(url: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        parse(url)
    assert caught.value.refuse


def test_addresses() -> None:
    assert parse("file:///a%20b/c.mp4").target == "/a b/c.mp4"
    assert parse("clip.mp4").target == "clip.mp4"
    assert not parse("clip.mp4").live
    assert parse("v4l2://").target == "/dev/video0"
    assert parse("v4l2:///dev/video2?size=1280x720").settings == {"size": "1280x720"}
    played = parse("sim://harian/simpang_barat?seed=7")
    assert (played.target, played.settings, played.live) == (
        "harian/simpang_barat",
        {"seed": "7"},
        True,
    )


# -- ring ----------------------------------------------------------------------------------


def info(session: int = 1) -> StreamInfo:
    return StreamInfo(session, "h264", 1920, 1080, Fraction(1, 25), b"", "h264 in software")


def packets(
    count: int, gop: int = 10, size: int = 1000, first: int = 0, of: StreamInfo | None = None
) -> Iterator[Packet]:
    of = of or info()
    for i in range(first, first + count):
        yield Packet(of, START + i * 40 * MS, i, i, i % gop == 0, bytes(size))


def test_ring_keeps_its_seconds_and_forgets_the_rest() -> None:
    ring = EncodedRing(seconds=4.0)
    for packet in packets(10_000):
        ring.append(packet)
    span = ring.span()
    assert span is not None
    assert 4.0 <= (span[1] - span[0]) / SECOND < 4.9  # whole groups, one more than asked
    assert all(group[0].keyframe for group in ring.groups())
    assert len(ring) < 125
    assert ring.size == 1000 * len(ring)


def test_ring_is_bounded_by_bytes_even_without_key_frames() -> None:
    ring = EncodedRing(seconds=1000.0, max_bytes=50_000)
    for packet in packets(10_000, gop=7):
        ring.append(packet)
        assert ring.size <= 50_000
    endless = EncodedRing(seconds=1.0, max_bytes=50_000)
    for packet in packets(10_000, gop=1_000_000):
        endless.append(packet)
        assert endless.size <= 50_000
    assert endless.lost_groups == 1


def test_ring_drops_what_cannot_be_decoded() -> None:
    ring = EncodedRing(seconds=10.0)
    for packet in packets(5, first=3):
        ring.append(packet)
    assert ring.span() is None
    for packet in packets(12, first=10):
        ring.append(packet)
    for packet in packets(3, first=23, of=info(2)):  # a new session in the middle of a group
        ring.append(packet)
    assert len(ring) == 12


# -- captures ------------------------------------------------------------------------------


def job(
    stills: tuple[float, ...] = (4.0, 5.0, 6.0),
    clip: tuple[float, float] = (3.0, 7.0),
    directory: str = "2026/x.partial",
    name: str = "f1",
    received: float = 5.0,
) -> CaptureJob:
    def at(seconds: float) -> int:
        return START + round(seconds * SECOND)

    return CaptureJob(
        name, tuple(map(at, stills)), at(clip[0]), at(clip[1]), directory, at(received)
    )


def filled(count: int = 250) -> EncodedRing:
    ring = EncodedRing(seconds=60.0)
    for packet in packets(count):
        ring.append(packet)
    return ring


def test_stills_are_named_by_their_order() -> None:
    names = {n: [kind for _, kind, _ in job(stills=(1.0,) * n).named_stills()] for n in (1, 2, 3)}
    before, scene, after = (
        EvidenceKind.CONTEXT_BEFORE,
        EvidenceKind.SCENE,
        EvidenceKind.CONTEXT_AFTER,
    )
    assert names == {1: [scene], 2: [before, scene], 3: [before, scene, after]}


def test_a_job_waits_for_its_last_moment() -> None:
    desk = CaptureDesk(patience=20.0, down_patience=2.0)
    assert desk.add(job()) is None
    at = START + 5 * SECOND
    assert desk.take(at, at, True) == []
    assert desk.take(at, START + 7 * SECOND, True) == []
    assert [j.id for j in desk.take(at, START + 8 * SECOND, True)] == ["f1"]
    assert len(desk) == 0


def test_a_job_is_cut_short_when_the_stream_is_gone() -> None:
    desk = CaptureDesk(patience=20.0, down_patience=2.0)
    desk.add(job())
    assert desk.take(START + 8 * SECOND, START + 6 * SECOND, False) == []
    assert len(desk.take(START + 10 * SECOND, START + 6 * SECOND, False)) == 1
    desk.add(job())
    assert desk.take(START + 18 * SECOND, START + 6 * SECOND, True) == []
    assert desk.take(START + 26 * SECOND, START + 6 * SECOND, True) == []
    assert len(desk.take(START + 28 * SECOND, START + 6 * SECOND, True)) == 1


def test_the_desk_is_bounded_and_refuses_with_a_sentence() -> None:
    desk = CaptureDesk(limit=2)
    assert desk.add(job(name="a")) is None
    assert desk.add(job(name="b")) is None
    assert "waiting already" in (desk.add(job(name="c")) or "")
    assert desk.add(job(name="a")) is None
    for directory in ("/etc", "../up", "a/../../b", ""):
        assert "directory" in (CaptureDesk().add(job(directory=directory)) or "")
    assert "stills" in (CaptureDesk().add(job(stills=(1.0,) * 9)) or "")
    assert "clip" in (CaptureDesk().add(job(clip=(0.0, 1e6))) or "")
    assert "neither" in (CaptureDesk().add(job(stills=(), clip=(0.0, 0.0))) or "")


def test_a_cut_takes_the_nearest_pictures_and_whole_groups() -> None:
    plan = plan_cut(job(), filled().groups())
    assert plan.missing == ()
    assert [round((s.stamp - START) / SECOND, 2) for s in plan.stills] == [4.0, 5.0, 6.0]
    assert all(s.packets[0].keyframe and s.packets[-1].pts == s.pts for s in plan.stills)
    assert plan.clip[0].keyframe
    assert plan.clip[0].stamp <= START + 3 * SECOND
    assert START + 7 * SECOND - 40 * MS <= plan.clip[-1].stamp <= START + 7 * SECOND


def test_a_cut_says_what_it_cannot_have() -> None:
    plan = plan_cut(job(stills=(-10.0, 5.0, 30.0), clip=(-5.0, 20.0)), filled().groups())
    assert [s.name for s in plan.stills] == ["scene.jpg"]
    assert len(plan.missing) == 3
    assert "context_before.jpg: no picture within 1 s" in plan.missing[0]
    assert "clip: without its first 5.0 s and its last 10.0 s" in plan.missing[2]
    nothing = plan_cut(job(), [])
    assert len(nothing.missing) == 4
    assert "the ring is empty" in nothing.missing[0]


def test_a_clip_never_mixes_two_sessions() -> None:
    ring = filled(130)  # until 5.2 s
    for packet in packets(100, first=150, of=info(2)):
        ring.append(packet)
    plan = plan_cut(job(), ring.groups())
    assert {p.info.session for p in plan.clip} == {1}
    assert "interrupted" in plan.missing[-1]


# -- health --------------------------------------------------------------------------------


def street(rng: np.random.Generator, level: float = 1.0) -> Pixels:
    coarse = np.random.default_rng(3).integers(30, 220, (30, 54)).repeat(6, 0).repeat(6, 1)
    noisy = coarse[:180, :320] * level + rng.normal(0, 2, (180, 320))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def blur(image: Pixels, width: int) -> Pixels:
    kernel = np.ones(width) / width
    smooth = image.astype(float)
    for _ in range(3):
        for axis in (0, 1):
            smooth = np.apply_along_axis(np.convolve, axis, smooth, kernel, "same")
    return smooth.astype(np.uint8)


def watch(eye: PictureHealth, images: Iterator[Pixels], begin: float) -> tuple[Condition, float]:
    """Half a second per picture; the last condition, and the time of the last picture."""
    condition, at = None, begin
    for image in images:
        at += 0.5
        condition = eye.look(START + round(at * SECOND), image)
    assert condition is not None
    return condition, at


def test_health_sees_dark_blurred_covered_and_recovers_with_hysteresis() -> None:
    rng = np.random.default_rng(5)
    eye = PictureHealth()
    condition, at = watch(eye, (street(rng) for _ in range(10)), 0.0)
    assert condition.state == CameraState.OK
    cases = [
        (CameraState.DARK, lambda: street(rng, 0.1)),
        (CameraState.BLURRED, lambda: blur(street(rng), 17)),
        (
            CameraState.OBSTRUCTED,
            lambda: np.clip(rng.normal(120, 2, (180, 320)), 0, 255).astype(np.uint8),
        ),
    ]
    for state, make in cases:
        short, at = watch(eye, (make() for _ in range(4)), at)
        assert short.state == CameraState.OK, "a lorry passing by is no fault"
        long, at = watch(eye, (make() for _ in range(6)), at)
        assert long.state == state
        assert long.detail
        back, at = watch(eye, (street(rng) for _ in range(9)), at)
        assert back.state == CameraState.OK


def test_frozen_means_the_same_picture_whatever_its_clock_shows() -> None:
    rng = np.random.default_rng(5)
    eye = PictureHealth()
    still = street(rng)

    def ticking() -> Iterator[Pixels]:
        for second in range(30):
            image = still.copy()
            image[2:7, 2:10] = second * 8
            yield image

    condition, at = watch(eye, ticking(), 0.0)
    assert condition.state == CameraState.FROZEN
    assert "same picture" in condition.detail
    condition, _ = watch(eye, iter([street(rng)]), at)
    assert condition.state == CameraState.OK


def test_sharpness_does_not_depend_on_contrast() -> None:
    image = street(np.random.default_rng(2))
    half = (image / 2).astype(np.uint8)
    assert sharpness(half) == pytest.approx(sharpness(image), rel=0.1)
    assert sharpness(blur(image, 17)) < 0.05 * sharpness(image)


# -- status --------------------------------------------------------------------------------


def test_the_verdict_tells_the_worst_first() -> None:
    good = Condition(CameraState.OK, START, "")
    up = Link(LinkState.UP, START)
    now = START + 10 * SECOND
    assert judge(up, good, now, now, "u").state == CameraState.OK
    assert judge(up, None, now, now, "u").state == CameraState.UNKNOWN
    silent = judge(up, good, now - 3 * SECOND, now, "rtsp://c/1")
    assert silent.state == CameraState.STALE
    assert "no new picture since" in silent.detail
    never = judge(up, None, None, now, "rtsp://c/1")
    assert "no picture can be decoded" in never.detail
    down = Link(LinkState.DOWN, START, "connection refused", 4.2)
    verdict = judge(down, good, now, now, "rtsp://***@c/1")
    assert verdict.state == CameraState.STALE
    assert verdict.detail == (
        "no connection to rtsp://***@c/1 since 08:00 UTC: connection refused, trying again in 4 s"
    )
    ended = Link(LinkState.ENDED, START, "the file came to its end")
    assert judge(ended, good, now, now, "u").state == CameraState.ENDED
    assert judge(Link(LinkState.CONNECTING, START), None, None, now, "u").state == 0


def test_the_rate_is_that_of_the_last_seconds() -> None:
    meter = RateMeter(5.0)
    assert math.isnan(meter.rate(START))
    for i in range(1000):
        meter.tick(START + i * 40 * MS)
    assert meter.rate(START + 1000 * 40 * MS) == pytest.approx(25.0, rel=0.05)
    assert meter.rate(START + 100 * SECOND) == 0.0


def test_intrinsics_scale_with_the_picture() -> None:
    half = Intrinsics(1920, 1080, 1000, 1000, 959.5, 539.5).at(960, 540)
    assert half.matrix() == (500, 0, 479.5, 0, 500, 269.5, 0, 0, 1)


# -- feed ----------------------------------------------------------------------------------


class FakeSource:
    clock_source, clock_offset, broken = "arrival", math.nan, 0

    def __init__(self, items: list[object], *, live: bool = True, opens: bool = True) -> None:
        self.items, self.live, self.opens, self.closed = items, live, opens, False

    def open(self) -> str:
        if not self.opens:
            raise SourceError("connection refused")
        return "opened"

    def read(self) -> Iterator[object]:
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self) -> None:
        self.closed = True


class FakeTime:
    """A clock that moves only by waiting; says stop after ``limit`` waits."""

    def __init__(self, limit: int) -> None:
        self.now, self.waits, self.limit = START, [], limit  # type: ignore[var-annotated]

    def clock(self) -> int:
        return self.now

    def wait(self, seconds: float) -> bool:
        if seconds > 0:
            self.waits.append(seconds)
            self.now += round(seconds * SECOND)
        return len(self.waits) >= self.limit


def run_feed(sources: list[FakeSource], limit: int) -> tuple[Feed, FakeTime, list[Packet]]:
    clock, seen, stock = FakeTime(limit), [], iter(sources)  # type: ignore[var-annotated]
    feed = Feed(
        lambda: next(stock),
        seen.append,
        lambda picture: None,
        clock=clock.clock,  # type: ignore[arg-type,return-value]
        wait=clock.wait,
        backoff=Backoff(jitter=0.0),
    )
    feed.run()
    return feed, clock, seen


def test_a_feed_comes_back_by_itself_and_closes_everything() -> None:
    packet = next(packets(1))
    sources = [
        FakeSource([], opens=False),
        FakeSource([], opens=False),
        FakeSource([packet]),
        FakeSource([packet, SourceError("no data for 5 s")]),
        FakeSource([], opens=False),
    ]
    feed, clock, seen = run_feed(sources, limit=5)
    assert len(seen) == 2
    assert clock.waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert all(source.closed for source in sources)
    assert feed.link.state is LinkState.DOWN
    assert feed.link.reason == "connection refused"
    assert feed.link.reconnects == 1
    assert feed.link.since == START + 7 * SECOND  # since the picture was lost, not the last attempt


def test_a_refused_password_is_not_tried_often() -> None:
    refused = FakeSource([SourceError("401", wait=60.0)])
    feed, clock, _ = run_feed([refused], limit=1)
    assert clock.waits == [60.0]
    assert feed.link.retry_in == 60.0


def test_a_file_ends_and_that_is_no_outage() -> None:
    feed, clock, seen = run_feed([FakeSource([next(packets(1))], live=False)], limit=3)
    assert feed.link.state is LinkState.ENDED
    assert clock.waits == []
    assert len(seen) == 1
