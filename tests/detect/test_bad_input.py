"""What is set up or sent wrongly turns one rule off, with a sentence; the others go on."""

from dataclasses import replace

import pytest
from detect_scenes import T0, tracks
from ground_scenes import Street

from bconnect_detect.core.judge import Judge
from bconnect_detect.core.types import SECOND, RoadUser, SignalReading
from bconnect_site.kinds import CameraState, RoadUserKind, SignalAspect, ViolationType
from bconnect_site.model import Site

STREET = Street()
REGION = [[0.0, 0.4], [1.0, 0.4], [1.0, 1.0], [0.0, 1.0]]
STEP = SECOND // 10


def site() -> Site:
    zones = {
        "cepat": {"kind": "speed", "region": REGION, "limit": 11.1, "basis": "sign S-5"},
        "arah": {
            "kind": "direction",
            "region": REGION,
            "direction": [[0.5, 0.9], [0.5, 0.5]],
            "basis": "marking",
        },
        "henti": {
            "kind": "stop_line",
            "line": [[0.0, 0.6], [1.0, 0.6]],
            "direction": [[0.5, 0.9], [0.5, 0.5]],
            "signal": "lampu",
            "basis": "marking",
        },
        "simpang": {"kind": "junction", "region": [[0, 0.2], [1, 0.2], [1, 0.5], [0, 0.5]]},
    }
    rules = ["speeding", "wrong_way", "red_light"]
    camera = {"source": "file:///x.mp4", "zones": zones, "rules": rules}
    lamp = {"adapter": "recorded", "address": "file:///x.jsonl"}
    return Site.model_validate(
        {
            "site": "s",
            "kind": "corridor",
            "title": "S",
            "signals": {"lampu": lamp},
            "cameras": {"utara": camera},
        }
    )


def judge(calibration=None) -> Judge:
    made = Judge(site(), None, None, {} if calibration is None else {"utara": calibration})
    made.on_camera_status("utara", CameraState.OK)
    return made


def wrong_way(made: Judge, seconds: float = 4.0, late: dict[int, int] | None = None):
    """Somebody who comes down the image; ``late``: ns by which the stamp of an image is off."""
    found = []
    for tick in range(round(seconds * 10)):
        y = 150.0 + 4.5 * tick
        user = RoadUser(RoadUserKind.CAR, 1, 0.9, (290.0, y - 50, 350.0, y))
        stamp = T0 + tick * STEP + (late or {}).get(tick, 0)
        found += made.on_tracks(replace(tracks(stamp, [user]), camera="utara"))
    return found


def test_a_calibration_for_another_image_turns_what_needs_it_off_and_nothing_else():
    whole = judge(STREET.calibration())
    assert not [s for s in whole.off if "speeding" in s]
    other = judge(Street(size=(640, 480)).calibration())
    (told,) = [s for s in other.off if "speeding" in s]
    assert "for images of 640 x 480 pixels, another aspect ratio than the" in told
    assert {f.type for f in wrong_way(other)} == {ViolationType.WRONG_WAY}


def test_no_calibration_likewise():
    made = judge()
    (told,) = [s for s in made.off if "speeding" in s]
    assert "no calibration, no speeding" in told
    assert {f.type for f in wrong_way(made)} == {ViolationType.WRONG_WAY}


@pytest.mark.parametrize("jump", [3600 * SECOND, -3600 * SECOND, -SECOND], ids=["+1 h", "-1 h", ""])
def test_one_stamp_that_jumps_accuses_nobody_and_the_next_way_counts(jump: int):
    """The way so far is void; whoever goes on offending is found by what comes after."""
    made = judge()
    (one,) = wrong_way(made, 8.0, late={8: jump})
    assert one.type == ViolationType.WRONG_WAY
    assert one.stamp - one.started < 8 * SECOND and one.started > T0 + 8 * STEP


def test_a_clock_set_by_an_hour_for_good_is_survived():
    made = judge()
    late = dict.fromkeys(range(10, 80), 3600 * SECOND)
    (one,) = wrong_way(made, 8.0, late)
    assert one.started >= T0 + 3600 * SECOND


def drive_through(made: Judge, aspects) -> list:
    """Up the image over the line; ``aspects(tick)``: what the lamp says at each image."""
    found, since, before = [], T0 - 20 * SECOND, None
    for tick in range(60):
        stamp, aspect = T0 + tick * STEP, aspects(tick)
        if before is not None and aspect != before:
            since = stamp
        before = aspect
        made.on_signal(SignalReading("lampu", aspect, stamp, since))
        y = 350.0 - 4.0 * tick
        user = RoadUser(RoadUserKind.CAR, 1, 0.9, (290.0, y - 50, 350.0, y))
        found += made.on_tracks(replace(tracks(stamp, [user]), camera="utara"))
    return [f for f in found if f.type == ViolationType.RED_LIGHT]


def test_a_signal_that_flaps_accuses_nobody():
    red, green = SignalAspect.RED, SignalAspect.GREEN
    assert len(drive_through(judge(), lambda tick: red)) == 1
    for every in (1, 2, 3, 5):
        flaps = drive_through(judge(), lambda tick, n=every: (red, green)[tick // n % 2])
        assert flaps == []


def test_a_silent_signal_accuses_nobody():
    made = judge()
    made.on_signal(SignalReading("lampu", SignalAspect.RED, T0 - 20 * SECOND, T0 - 40 * SECOND))
    found = []
    for tick in range(60):
        y = 350.0 - 4.0 * tick
        user = RoadUser(RoadUserKind.CAR, 1, 0.9, (290.0, y - 50, 350.0, y))
        found += made.on_tracks(replace(tracks(T0 + tick * STEP, [user]), camera="utara"))
    assert found == []
