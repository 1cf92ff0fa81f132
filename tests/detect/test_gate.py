"""The gate: what stands is still seen, what creeps too; light and noise do not open it for ever."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from detect_scenes import SIZE, T0, place, user, zone
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_detect.adapters.bytetrack import ByteTrack
from bconnect_detect.adapters.small_picture import small
from bconnect_detect.core.gate import Gate, GateSettings, Look
from bconnect_detect.core.rule import Context
from bconnect_detect.core.rules.illegal_parking import IllegalParking
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, Finding, Tracks
from bconnect_detect.gating import Gates, gate_of, reach_of
from bconnect_site.model import Camera

WIDE, HIGH = 320, 180
STREET = np.random.default_rng(7).integers(60, 160, (HIGH, WIDE)).astype(np.float64)
CAR = (30, 16)  # px of the small picture


def view(
    car: tuple[float, float] | None = None,
    *,
    light: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
    contrast: float = 60.0,
) -> np.ndarray:
    """The street with a car whose left upper corner is there, by parts of a pixel."""
    made = STREET + light
    if car is not None:
        x, y = car
        ahead = x - np.floor(x)  # how far the car reaches into the next column
        for share, shift in ((1 - ahead, 0), (ahead, 1)):
            left = int(x) + shift
            part = made[int(y) : int(y) + CAR[1], left : left + CAR[0]]
            part += share * contrast
    if noise:
        made = made + np.random.default_rng(seed).normal(0, noise, made.shape)
    return np.clip(made, 0, 255).astype(np.uint8)


def watched(
    gate: Gate, seconds: float, picture: Callable[[float], np.ndarray], rate: float = 10.0
) -> list[tuple[float, Look]]:
    """What the gate says of every picture."""
    times = [i / rate for i in range(round(seconds * rate))]
    return [(t, gate.look(T0 + round(t * SECOND), picture(t))) for t in times]


def share(said: list[tuple[float, Look]]) -> float:
    """Of the pictures that are looked at."""
    return sum(bool(look) for _, look in said) / len(said)


def test_a_still_street_is_looked_at_now_and_then():
    said = watched(Gate(), 20, lambda t: view((100, 80)))
    assert said[0][1] is Look.FIRST and share(said) == pytest.approx(0.2, abs=0.02)
    assert {look for _, look in said[1:]} == {Look.STILL, Look.FLOOR}


@given(
    st.floats(2.1, 30.0),
    st.floats(0.05, 0.5),
    st.lists(st.tuples(st.floats(0, 9), st.floats(0, 2)), max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_nothing_is_out_of_sight_for_longer_than_the_floor(rate, floor, drives):
    def picture(t: float) -> np.ndarray:
        moved = sum(min(max(t - begin, 0.0), long) for begin, long in drives)
        return view((20 + 30 * moved, 80))

    gate = Gate(GateSettings(floor=floor))
    times = [t for t, look in watched(gate, 10, picture, rate) if look]
    assert max(np.diff(times)) <= max(floor, 1 / rate) + 1e-6


def test_who_moves_is_looked_at_at_once_and_a_while_longer():
    said = watched(Gate(), 10, lambda t: view((20 + 40 * min(max(t - 3.0, 0.0), 2.0), 80)))
    assert all(look is Look.MOVED for t, look in said if 3.05 < t < 5.05)
    held = [t for t, look in said if look is Look.HELD]
    assert min(held) > 5.05 and max(held) == pytest.approx(6.0, abs=0.11)
    assert share([s for s in said if s[0] > 6.2]) < 0.3


def parked(gate: Gate | None, seconds: float) -> tuple[list[Finding], int]:
    """A car drives up and stands; only what the gate lets through reaches tracker and rule."""
    region = [[0.2, 0.2], [0.9, 0.2], [0.9, 0.9], [0.2, 0.9]]
    made = zone(kind="no_parking", region=region, dwell=10.0, basis="sign S-12")
    rule, tracker = IllegalParking(place(made)), ByteTrack(10.0)
    found: list[Finding] = []
    ids: set[int] = set()
    for i in range(round(seconds * 10)):
        t, stamp = i / 10, T0 + i * SECOND // 10
        x = 100 + 40 * min(t, 2.0)
        if gate is None or gate.look(stamp, view((x, 80))):
            foot = 2 * x + CAR[0], 2.0 * (80 + CAR[1])
            car = replace(user(foot, 0, size=(2.0 * CAR[0], 2.0 * CAR[1])), confidence=0.8)
            tracks = tracker.update(Tracks.of(stamp, "c", SIZE, [car]))
            ids |= set(tracks.track_id.tolist())
            found += rule.check(tracks, Context(SignalBook({})))
    return found, len(ids)


def test_a_stopped_car_is_still_seen_and_its_standing_proved():
    found, ids = parked(Gate(), 30)
    assert len(found) == 1 and ids == 1
    (whole,), _ = parked(None, 30)
    assert found[0].started == whole.started
    assert found[0].stamp - whole.stamp <= SECOND and found[0].measured >= 10.0


def test_a_floor_above_what_rules_look_back_would_prove_nothing():
    assert parked(Gate(GateSettings(floor=1.5)), 30)[0] == []


def test_a_car_that_creeps_is_seen_all_the_way():
    """0.7 px/s: between two pictures nothing changes."""
    x_of = lambda t: 100 + 0.7 * t  # noqa: E731
    said = watched(Gate(), 30, lambda t: view((x_of(t), 80)))
    seen = np.diff([x_of(t) for t, look in said if look])
    assert max(seen) < 0.36


@pytest.mark.parametrize("contrast", [20.0, 60.0])
def test_a_slow_drift_of_light_does_not_open_it(contrast):
    """An evening: 100 grey values in 25 s, and the car's own contrast with it."""
    said = watched(
        Gate(), 25, lambda t: view((100, 80), light=-40 + 4 * t, contrast=contrast * (1 - t / 50))
    )
    assert share(said) < 0.25


def test_a_light_that_jumps_opens_it_for_a_moment_only():
    said = watched(Gate(), 20, lambda t: view((100, 80), light=30.0 if t > 5 else 0.0, noise=1.0))
    assert share(said) < 0.3


@pytest.mark.parametrize("noise", [3.0, 5.0])
def test_a_nights_noise_does_not_open_it_but_a_faint_car_does(noise):
    at = iter(range(10**6))
    quiet = watched(Gate(), 15, lambda t: view(noise=noise, seed=next(at)))
    assert share(quiet) < 0.3
    faint = watched(
        Gate(), 6, lambda t: view((20 + 20 * t, 80), noise=noise, seed=next(at), contrast=25.0)
    )
    assert share(faint) > 0.9


def test_a_picture_too_loud_to_tell_anything_is_looked_at():
    at = iter(range(10**6))
    assert share(watched(Gate(), 4, lambda t: view(noise=25.0, seed=next(at)))) == 1.0


def test_one_pixel_is_noise_and_two_are_a_motorcycle_far_away():
    for size, moved in ((1, False), (2, True)):
        changed = view()
        changed[50, 50 : 50 + size] += 40
        gate = Gate()
        gate.look(T0, view())
        assert bool(gate.look(T0 + SECOND // 10, changed)) is moved


def test_a_bus_that_fills_the_picture_is_motion():
    gate, dice = Gate(), np.random.default_rng(3)
    gate.look(T0, view())
    bus = view()
    bus[20:170, 20:310] = dice.integers(0, 255, (150, 290))
    assert gate.look(T0 + SECOND // 10, bus) is Look.MOVED


@pytest.mark.parametrize("stamp", [T0, T0 - SECOND])
def test_a_clock_that_was_set_or_another_size_begins_anew(stamp):
    gate = Gate()
    gate.look(T0, view())
    assert gate.look(stamp, view()) is Look.FIRST
    assert gate.look(T0 + SECOND, view()[::2, ::2]) is Look.FIRST


class TestReach:
    REACH = ((0.5, 0.2, 0.9, 0.9),)

    def test_what_moves_elsewhere_does_not_open_it(self):
        drive = lambda t: view((10 + 10 * t, 80))  # noqa: E731
        said = watched(Gate(reach=self.REACH), 8, drive)
        assert share(said) < 0.3 and share(watched(Gate(), 8, drive)) == 1.0
        near = lambda t: view((160 + 10 * t, 80))  # noqa: E731
        assert share(watched(Gate(reach=self.REACH), 3, near)) > 0.9

    def seen(self, gate: Gate, box: Callable[[float], tuple[float, ...]]) -> Iterator[float]:
        """Times of looks at leaves that move all the time, and at somebody in boxes."""
        for i in range(200):
            t, stamp = i / 10, T0 + i * SECOND // 10
            if gate.look(stamp, view((220 + i % 2 * 4, 80))):
                yield t
                gate.found(stamp, np.array([box(t)], np.float32), SIZE)

    def test_leaves_in_the_reach_are_looked_at_for_a_while_only(self):
        times = list(self.seen(Gate(reach=self.REACH), lambda t: (0, 0, 60, 60)))
        late = [t for t in times if t > 4.0]
        assert len(late) < 0.25 * 160 and max(np.diff(late)) <= 0.5 + 1e-6

    def test_until_somebody_comes_near(self):
        times = list(
            self.seen(
                Gate(reach=self.REACH),
                lambda t: (300, 150, 380, 200) if 10 <= t < 12 else (0, 0, 60, 60),
            )
        )
        there = [t for t in times if 10.6 < t < 14.0]
        assert max(np.diff(there)) < 0.11 and max(np.diff([t for t in times if t > 16])) > 0.4


def camera(**keys: object) -> Camera:
    return Camera.model_validate({"source": "file:///x.mp4", **keys})


STOP = {"kind": "stop_line", "line": [[0.2, 0.5], [0.6, 0.5]], "signal": "l", "basis": "signal"}


def test_the_reach_is_around_the_zones_unless_a_rule_looks_everywhere():
    made = camera(zones={"garis": STOP}, rules=["red_light"])
    assert reach_of(made, 0.1) == [pytest.approx((0.1, 0.4, 0.7, 0.6))]
    assert reach_of(camera(zones={"garis": STOP}, rules=["red_light", "racing"]), 0.1) is None
    assert reach_of(camera(), 0.1) is None


def test_no_gate_unless_the_site_asks_for_one():
    assert gate_of(camera()) is None
    assert gate_of(camera(detect={"gate": {"opens": "motion"}})) is not None
    with pytest.raises(ValueError, match=r"less than or equal to 0\.5"):
        camera(detect={"gate": {"opens": "motion", "floor": 0.8}})


def test_what_was_spared_is_told_once():
    gates = Gates({"utara": Gate(), "selatan": Gate()})
    image = np.zeros((360, 640, 3), np.uint8)
    wanted = Counter(gates.wants("utara", T0 + i * SECOND // 10, image) for i in range(10))
    assert gates.wants("barat", T0, image) and wanted[False] == 8
    assert gates.told() == "gated 80 % of pictures: nothing moved (utara 80 %, selatan 0 %)"
    assert gates.told() == "gated 0 % of pictures" and Gates({}).told() is None


def test_the_small_picture_averages_noise_and_keeps_small_ones():
    dice = np.random.default_rng(0)
    noisy = (128 + dice.normal(0, 8, (720, 1280, 3))).astype(np.uint8)
    made = small(noisy)
    assert made.shape == (180, 320) and made.std() < 2.0
    assert small(np.zeros((90, 160, 3), np.uint8)).shape == (90, 160)
