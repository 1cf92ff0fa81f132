"""A light with two witnesses: both, one, neither, and what is said about it."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from detect_scenes import T0
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_detect.core.agreement import Agreement
from bconnect_detect.core.lamp import Lamp
from bconnect_detect.core.lights import Lights
from bconnect_detect.core.ntcip import PolledLight
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, SignalReading
from bconnect_site.kinds import SignalAspect, SignalSource
from bconnect_site.model import Signal

RED, AMBER, GREEN = SignalAspect.RED, SignalAspect.AMBER, SignalAspect.GREEN
DARK, FLASHING, UNKNOWN = SignalAspect.DARK, SignalAspect.FLASHING, SignalAspect.UNKNOWN
TICK = SECOND // 20  # pictures at 10 Hz, answers at 4 Hz
ZONE = ZoneInfo("Asia/Makassar")
CYCLE = [(0.0, GREEN), (6.0, AMBER), (9.0, RED), (20.0, GREEN)]


def shows(runs, seconds: float) -> SignalAspect:
    """The aspect of (start, aspect) runs at a time; UNKNOWN before the first."""
    return next((a for start, a in reversed(runs) if start <= seconds), UNKNOWN)


class Street:
    """A real Lamp and a real PolledLight that look at two courses of events."""

    def __init__(self, watched: bool = True) -> None:
        where = {"camera": "utara", "region": [[0, 0], [1, 0], [1, 1]]} if watched else {}
        signal = Signal(adapter="ntcip1202", address="udp://192.0.2.5:161", phase=2, **where)
        self.lights = Lights({"a": signal}, ZONE, T0)
        self.book = SignalBook({"a": 2.0})
        self.said: list[SignalReading] = []

    def run(self, controller, lamp, until: float, lamp_delay: float = 0.2) -> list[SignalReading]:
        """lamp None: the camera is away."""
        polled, vision = PolledLight("a"), Lamp("a")
        late: list[tuple[int, SignalReading]] = []
        for tick in range(int(until * SECOND / TICK)):
            now = T0 + tick * TICK
            if lamp is not None and tick % 2 == 0:
                aspect = shows(lamp, tick / 20)
                reading = vision.look(aspect, 0.9 if aspect else 0.0, now)
                if reading is not None:
                    late.append((now + int(lamp_delay * SECOND), reading))
            while late and late[0][0] <= now:
                self.lights.from_lamp(late.pop(0)[1], now)
            if tick % 5 == 0:
                reading = polled.look(shows(controller, tick / 20), now, now + SECOND // 100)
                found = reading and self.lights.from_source(reading, now)
                if found:
                    self.said.append(found)
                    self.book.put(found)
        return self.said

    def at(self, seconds: float) -> SignalAspect:
        found = self.book.at("a", T0 + int(seconds * SECOND))
        return found.aspect if found else UNKNOWN

    def trouble(self, seconds: float) -> list[str]:
        return self.lights.trouble(T0 + int(seconds * SECOND))


def test_both_agree_through_a_cycle():
    street = Street()
    street.run(CYCLE, CYCLE, 25.0)
    red = street.book.at("a", T0 + 15 * SECOND)
    assert red.aspect == RED and 9.0 <= (red.since - T0) / SECOND <= 9.4
    assert red.source == SignalSource.CONTROLLER and red.confidence == 1.0
    assert street.at(8.5) == AMBER and street.at(8.9) != RED
    assert street.at(19.5) == RED and street.at(20.8) == GREEN
    assert street.trouble(25.0) == []


@pytest.mark.parametrize("shift", [-0.6, -0.3, 0.3, 0.6])
def test_around_a_change_either_may_lead_and_red_needs_both(shift: float):
    lamp = [(start + shift if start else 0.0, aspect) for start, aspect in CYCLE]
    street = Street()
    said = street.run(CYCLE, lamp, 25.0)
    for reading in said:
        moment = (reading.stamp - T0) / SECOND
        if reading.aspect == RED:
            assert shows(lamp, moment) == RED or shows(lamp, moment - 0.6) == RED
            since = (reading.since - T0) / SECOND
            assert shows(CYCLE, since) == RED and shows(lamp, since) == RED
    assert street.at(15.0) == RED and street.at(24.0) == GREEN
    assert street.trouble(25.0) == []


def test_a_lasting_contradiction_is_unknown_and_told():
    street = Street()
    lamp = [(0.0, GREEN), (6.0, AMBER), (9.0, GREEN)]
    said = street.run(CYCLE[:3], lamp, 15.0)
    assert not [r for r in said if r.aspect == RED]
    late = [r.aspect for r in said if r.stamp > T0 + 11 * SECOND]
    assert len(late) > 10 and set(late) == {UNKNOWN}
    assert street.trouble(15.0) == [
        "camera and controller disagree about a: controller red, lamp green since 2026-05-29 "
        "04:26:49; nothing is decided by it until they agree: check its region in camera utara "
        "and its phase at the controller"
    ]


def test_a_lamp_turned_green_in_red_ends_the_red_at_once():
    street = Street()
    street.run(CYCLE[:3], [*CYCLE[:3], (14.0, GREEN)], 25.0)
    assert street.at(13.5) == RED
    after = [r for r in street.said if r.stamp > T0 + 14 * SECOND]
    doubt = next(r for r in after if r.aspect == UNKNOWN)
    assert doubt.stamp < T0 + 15 * SECOND  # the lamp's hold, its way here, and one question
    assert doubt.since <= T0 + int(14.3 * SECOND)  # from right after the last red
    assert {street.at(14.8 + step / 4) for step in range(20)} == {UNKNOWN}


def test_after_a_contradiction_red_counts_from_the_agreement():
    street = Street()
    street.run([(0.0, RED)], [(0.0, RED), (5.0, GREEN), (10.0, RED)], 15.0)
    red = street.book.at("a", T0 + 14 * SECOND)
    assert red.aspect == RED and 10.0 <= (red.since - T0) / SECOND < 11.0
    assert street.trouble(15.0) == []


def test_one_unsure_look_does_not_end_a_red():
    street = Street()
    lamp = [(0.0, RED), (5.0, UNKNOWN), (5.1, RED), (8.0, UNKNOWN), (8.5, RED)]
    street.run([(0.0, RED)], lamp, 12.0)
    assert street.book.at("a", T0 + 11 * SECOND).since < T0 + 2 * SECOND


@pytest.mark.parametrize("lamp", [None, [(0.0, UNKNOWN)]], ids=["no camera", "glare"])
def test_without_the_lamp_the_controller_alone_counts_less_and_it_is_told(lamp):
    street = Street()
    street.run(CYCLE, lamp, 70.0)
    red = street.book.at("a", T0 + 15 * SECOND)
    assert red.aspect == RED and red.confidence == pytest.approx(0.7)
    assert street.trouble(50.0) == []
    (told,) = street.trouble(70.0)
    assert told.startswith("the lamp of a has not been recognised in camera utara since 2026-05-29")
    assert "the controller alone counts" in told


def test_a_lamp_that_vanishes_in_a_contradiction_does_not_settle_it():
    street = Street()
    street.run([(0.0, RED)], [(0.0, RED), (3.0, GREEN), (8.0, UNKNOWN)], 20.0)
    assert {street.at(5.0 + step) for step in range(15)} == {UNKNOWN}
    assert "disagree" in street.trouble(20.0)[0]


def test_a_bus_before_the_head_costs_no_red():
    street = Street()
    street.run([(0.0, RED)], [(0.0, RED), (5.0, UNKNOWN), (15.0, RED)], 20.0)
    assert {street.at(3.0 + step / 2) for step in range(30)} == {RED}


def test_flashing_and_dark_need_no_lamp():
    agreement = Agreement()
    lamp = SignalReading("a", AMBER, T0, T0, SignalSource.LAMP_VISION)
    told = SignalReading("a", FLASHING, T0, T0, SignalSource.CONTROLLER)
    agreement.lamp(lamp)
    assert agreement.controller(told).aspect == FLASHING
    agreement.lamp(replace(lamp, aspect=RED, since=T0, stamp=T0 + 4 * SECOND))
    dark = replace(told, aspect=DARK, since=T0, stamp=T0 + 4 * SECOND)
    assert agreement.controller(dark).aspect == UNKNOWN  # it burns


def test_a_controller_that_contradicts_itself_is_unknown_and_told():
    street = Street(watched=False)
    street.run([(0.0, RED), (5.0, UNKNOWN)], None, 10.0)
    assert street.at(7.0) == UNKNOWN
    (told,) = street.trouble(10.0)
    assert told.startswith("a: several colours at once, or unknown, since 2026-05-29 04:26:44")


def test_an_unwatched_light_passes_through():
    street = Street(watched=False)
    said = street.run(CYCLE, None, 25.0)
    assert {r.confidence for r in said} == {1.0} and street.at(15.0) == RED


def test_flapping_is_told_and_then_forgotten():
    street = Street(watched=False)
    flaps = [(step / 4, (RED, GREEN)[step % 2]) for step in range(60)]
    street.run(flaps, None, 15.0)
    (told,) = street.trouble(15.0)
    assert told.startswith("a: changes faster than a light does since 2026-05-29 04:26")
    assert street.trouble(15.1)[0] == told  # one sentence, not a new one each second
    assert street.trouble(16.9) == [told]
    street.run([(0.0, RED)], None, 3.0)
    assert street.trouble(40.0) == []


LAMP = Signal(adapter="lamp_vision", camera="utara", region=[[0, 0], [1, 0], [1, 1]])
RECORDED = Signal(adapter="recorded", address="file://signals.jsonl")


def test_what_is_missing_is_told_for_each_kind_of_source():
    lights = Lights({"a": LAMP, "b": RECORDED}, ZONE, T0)
    assert lights.trouble(T0 + SECOND) == []
    lamp, recording = lights.trouble(T0 + 3 * SECOND)
    assert lamp.startswith("a: camera utara gives no pictures since 2026-05-29 04:26:40")
    assert recording.startswith("b: its recording says nothing since 2026-05-29 04:26:40")
    assert lights.words(T0 + 3 * SECOND) == {"a": "unknown", "b": "unknown"}


def test_a_lamp_that_is_never_recognised_is_told_after_a_minute():
    lights = Lights({"a": LAMP}, ZONE, T0)
    for second in range(70):
        now = T0 + second * SECOND
        lights.from_lamp(SignalReading("a", UNKNOWN, now, T0, SignalSource.LAMP_VISION), now)
        assert bool(lights.trouble(now)) == (second > 60)
    assert "its lamp is not recognised in camera utara" in lights.trouble(now)[0]


def test_words_age():
    lights = Lights({"b": RECORDED}, ZONE, T0)
    lights.from_source(SignalReading("b", RED, T0, T0, SignalSource.RECORDED), T0)
    assert lights.words(T0 + SECOND) == {"b": "red"}
    assert lights.words(T0 + 3 * SECOND) == {"b": "unknown"}


_runs = st.lists(
    st.tuples(st.floats(0, 30), st.sampled_from([RED, AMBER, GREEN, UNKNOWN, DARK])), max_size=12
).map(lambda found: sorted(found, key=lambda run: run[0]))


@settings(max_examples=100, deadline=None)
@given(controller=_runs, lamp=_runs)
def test_no_red_that_the_controller_did_not_show(controller, lamp):
    """And none that the lamp contradicted for longer than a change takes."""
    street = Street()
    for reading in street.run(controller, lamp, 30.0):
        if reading.aspect in (RED, GREEN):
            moment = (reading.stamp - T0) / SECOND
            assert shows(controller, moment) == reading.aspect
            window = {shows(lamp, moment - back / 10) for back in range(17)}
            assert window - {(GREEN if reading.aspect == RED else RED)}
            assert reading.since <= reading.stamp
    street.trouble(30.0)
