"""Whether a warning was obeyed: for each kind who obeys, who does not, and who is out of sight."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ladder_scenes import (
    ALL,
    STOPPING,
    box,
    drive,
    ladder_rules,
    policy,
    say,
    seen,
    shape,
    sight,
    stay,
    steps,
    whys,
)

from bconnect_enforce.core.compliance import Watchman
from bconnect_enforce.core.ladder import Ladder
from bconnect_enforce.core.rungs import SECOND, Rung, Shape
from bconnect_site.kinds import Outcome, SpeakerStateKind, Step, ViolationType

HERE = (0.8, 0.6)
LANE = Shape(
    region=((0.3, 0.0), (0.7, 0.0), (0.7, 1.0), (0.3, 1.0)), arrow=((0.5, 0.1), (0.5, 0.9))
)
LINE = Shape(line=((0.1, 0.55), (0.9, 0.55)), arrow=((0.5, 0.9), (0.5, 0.2)))
SHAPES = {
    ViolationType.ILLEGAL_PARKING: shape(),
    STOPPING: shape(),
    ViolationType.WRONG_WAY: LANE,
    ViolationType.STOP_LINE: LINE,
    ViolationType.SPEEDING: shape(),
}


def line(a, b, start, stop, step=0.25):
    """From foot a to foot b between two seconds."""
    times = np.arange(start, stop + 1e-9, step)
    share = (times - start) / max(stop - start, 1e-9)
    return {
        float(t): (a[0] + s * (b[0] - a[0]), a[1] + s * (b[1] - a[1]))
        for t, s in zip(times, share, strict=True)
    }


def tried(offence, kind, way, *, heard=True, speeds=None, shapes=None, **fields):
    """What is found out about one way of going on after the warning."""
    found = offence(type=kind)
    rules = ladder_rules(shapes={("simpang_utara", "bahu"): shapes or SHAPES[kind]})
    ladder = Ladder(rules)
    answer = ladder.on_finding(found, sight(found, **fields))
    assert len(answer.announcements) == 1
    if heard:
        say(ladder, answer)
    answer = drive(ladder, found, way, speeds=speeds)
    answer += ladder.on_time(found.stamp + 100 * SECOND)
    (record,) = answer.compliance
    assert ladder.watched == frozenset()
    return record


PARKED = {"kind": ViolationType.ILLEGAL_PARKING}
STOPPED = {"kind": STOPPING}
AGAINST = {"kind": ViolationType.WRONG_WAY, "x": 0.888, "y": 0.5}
PAST = {"kind": ViolationType.STOP_LINE, "y": 0.5}
FAST = {"kind": ViolationType.SPEEDING, "speed": 22.0, "limit": 13.9}


@pytest.mark.parametrize(
    ("case", "way", "outcome", "delay"),
    [
        # moves off after ten seconds, and is gone
        (PARKED, stay(HERE, 0.5, 10) | line(HERE, (2.2, 0.6), 10.5, 13), "COMPLIED", 11.0),
        (STOPPED, stay(HERE, 0.5, 5) | line(HERE, (2.2, 0.6), 5.5, 8), "COMPLIED", 6.0),
        # stays
        (PARKED, stay(HERE, 0.5, 62), "IGNORED", math.nan),
        (STOPPED, stay(HERE, 0.5, 32), "IGNORED", math.nan),
        # trembling boxes are no moving off
        (STOPPED, {t: (0.8 + 0.02 * (-1) ** i, 0.6) for i, t in enumerate(stay(0, 0.5, 32))},
         "IGNORED", math.nan),
        # half a length ahead, and stands again
        (PARKED, stay(HERE, 0.5, 10) | line(HERE, (1.1, 0.6), 11, 13) | stay((1.1, 0.6), 14, 62),
         "IGNORED", math.nan),
        # a bus stops in front of it and is still there at the end
        (PARKED, stay(HERE, 0.5, 30) | stay(None, 30.5, 62), "UNKNOWN", math.nan),
        # a bus passes in front of it
        (PARKED, stay(HERE, 0.5, 30) | stay(None, 30.5, 50) | stay(HERE, 50.5, 62),
         "IGNORED", math.nan),
        # moves off after the time is over
        (STOPPED, stay(HERE, 0.5, 31) | line(HERE, (2.2, 0.6), 31.5, 33), "IGNORED", math.nan),
        # turns back
        (AGAINST, line((0.888, 0.5), (0.888, 0.3), 0.25, 3)
         | line((0.888, 0.3), (0.888, 0.6), 4, 8), "COMPLIED", None),
        # leaves the lane sideways
        (AGAINST, line((0.888, 0.5), (1.5, 0.45), 0.25, 4) | stay((1.5, 0.45), 4.5, 6),
         "COMPLIED", None),
        # goes on
        (AGAINST, line((0.888, 0.7), (0.888, 0.1), 0.25, 8), "IGNORED", math.nan),
        # drove out at the far end before the phrase was over
        (AGAINST, line((0.888, 0.5), (0.888, 0.2), 0.25, 2) | stay(None, 2.5, 20),
         "UNKNOWN", math.nan),
        # pulls up where it is: neither
        (AGAINST, stay((0.888, 0.5), 0.25, 21), "UNKNOWN", math.nan),
        # back behind the line
        (PAST, stay((0.8, 0.5), 0.5, 6) | line((0.8, 0.5), (0.8, 0.58), 6.5, 8)
         | stay((0.8, 0.58), 8.5, 10), "COMPLIED", None),
        # back, but not behind it
        (PAST, stay((0.8, 0.5), 0.5, 6) | stay((0.8, 0.53), 6.5, 21), "IGNORED", math.nan),
        (PAST, stay((0.8, 0.5), 0.5, 21), "IGNORED", math.nan),
        # green: drives on, and nobody can say
        (PAST, stay((0.8, 0.5), 0.5, 6) | line((0.8, 0.5), (0.8, 0.1), 6.5, 9),
         "UNKNOWN", math.nan),
        (PAST, stay((0.8, 0.5), 0.5, 6) | stay(None, 6.5, 21), "UNKNOWN", math.nan),
    ],
)  # fmt: skip
def test_each_way_of_going_on(case, way, outcome, delay, offence):
    kind, fields = case["kind"], {k: v for k, v in case.items() if k != "kind"}
    record = tried(offence, kind, way, **fields)
    assert record.outcome.name == outcome
    if delay is None:
        assert 0.0 < record.delay < 20.0
    else:
        assert record.delay == pytest.approx(delay, abs=0.3, nan_ok=True)
    assert record.camera == "simpang_utara" and record.speaker == "tiang_1"
    assert record.spoken == offence().stamp and record.detail


def speeds(*values, step=0.5):
    """A speed [m/s] at each look."""
    return {0.5 + step * i: value for i, value in enumerate(values)}


@pytest.mark.parametrize(
    ("profile", "outcome"),
    [
        (speeds(22, 22, 20, 18, 16, 14, 13, 13, 13), "COMPLIED"),
        (speeds(*[22.0] * 14), "IGNORED"),
        # out of the picture before it can have heard the phrase
        (speeds(*[22.0] * 6), "UNKNOWN"),
        # slow for one look is no slowing down
        (speeds(22, 13, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22), "IGNORED"),
        # no speed where the calibration ends
        (speeds(*[math.nan] * 14), "UNKNOWN"),
        # a little too fast is within what is forgiven
        (speeds(22, 20, 18, 16, 14.5, 14.5, 14.5, 14.5), "COMPLIED"),
    ],
)
def test_who_is_too_fast_slows_down_or_not(profile, outcome, offence):
    way = {t: (0.8, 0.9 - 0.03 * t) for t in profile}
    fields = {k: v for k, v in FAST.items() if k != "kind"}
    record = tried(offence, ViolationType.SPEEDING, way, speeds=profile, **fields)
    assert record.outcome.name == outcome


@pytest.mark.parametrize("kind", sorted(set(ViolationType) - SHAPES.keys()))
def test_where_obeying_cannot_be_seen_nothing_is_recorded(kind, offence):
    ladder = Ladder(ladder_rules())
    found = offence(type=kind)
    answer = ladder.on_finding(found, sight(found))
    assert answer.announcements and ladder.watched == frozenset()
    answer = drive(ladder, found, stay(HERE, 0.5, 70)) + ladder.on_time(found.stamp + 99 * SECOND)
    assert answer.compliance == ()


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, ViolationType.SPEEDING),  # no calibration: no speed
        ({"track_id": 0}, ViolationType.ILLEGAL_PARKING),
    ],
)
def test_who_cannot_be_followed_is_not_watched(fields, kind, offence):
    ladder = Ladder(ladder_rules())
    found = offence(type=kind, **fields)
    assert ladder.on_finding(found, sight(found)).announcements
    assert ladder.watched == frozenset()


def test_a_phrase_that_was_not_spoken_has_no_effect_to_count(offence):
    way = stay(HERE, 0.5, 10) | line(HERE, (2.2, 0.6), 10.5, 13)
    record = tried(offence, ViolationType.ILLEGAL_PARKING, way, heard=False)
    assert record.outcome is Outcome.UNKNOWN
    assert record.detail == "moved off; the phrase was not heard"


@pytest.mark.parametrize(
    ("states", "heard"),
    [
        (["SPEAKING"], True),
        (["SPEAKING", "IDLE"], True),
        (["SPEAKING", "IDLE", "FAULT"], True),  # broken later
        (["SPEAKING", "MUTED"], False),
        (["SPEAKING", "FAULT"], False),
        (["IDLE"], False),  # refused, and speaks of it as its last
        (["FAULT"], False),
    ],
)
def test_only_what_was_spoken_to_the_end_counts(states, heard, offence):
    found = offence()
    ladder = Ladder(ladder_rules())
    (order,) = ladder.on_finding(found, sight(found)).announcements
    for n, state in enumerate(states):
        ladder.on_speaker("tiang_1", SpeakerStateKind[state], order.id, order.stamp + n)
    answer = drive(ladder, found, stay(HERE, 0.5, 62))
    expected = Outcome.IGNORED if heard else Outcome.UNKNOWN
    assert [c.outcome for c in answer.compliance] == [expected]


def test_its_id_may_change_behind_a_passing_bus(offence):
    found = offence()
    ladder = Ladder(ladder_rules())
    say(ladder, ladder.on_finding(found, sight(found)))
    drive(ladder, found, stay(HERE, 0.5, 10) | stay(None, 10.5, 12))
    drive(ladder, found, stay(HERE, 12.5, 20), track=99)
    answer = drive(ladder, found, line(HERE, (2.2, 0.6), 20.5, 23), track=99)
    assert [c.outcome for c in answer.compliance] == [Outcome.COMPLIED]


def test_who_takes_its_place_much_later_is_somebody_else(offence):
    found = offence()
    ladder = Ladder(ladder_rules())
    say(ladder, ladder.on_finding(found, sight(found)))
    drive(ladder, found, stay(HERE, 0.5, 10) | stay(None, 10.5, 20))
    answer = drive(ladder, found, stay(HERE, 20.5, 62), track=99)
    assert [c.outcome for c in answer.compliance] == [Outcome.UNKNOWN]


def test_a_camera_that_falls_silent_ends_the_watch(offence, violation):
    found = offence()
    ladder = Ladder(ladder_rules())
    say(ladder, ladder.on_finding(found, sight(found)))
    ladder.on_violation(violation(), found.stamp + 5 * SECOND)
    drive(ladder, found, stay(HERE, 0.5, 10))
    assert ladder.on_time(found.stamp + 12 * SECOND).compliance == ()
    answer = ladder.on_time(found.stamp + 13 * SECOND)
    assert [c.outcome for c in answer.compliance] == [Outcome.UNKNOWN]
    assert answer.compliance[0].detail == "no tracks of simpang_utara came"
    # unknown spares nobody
    assert steps(answer) == [Step.CITATION]


# --- what follows for the measures ---


def test_who_moves_off_in_time_is_spared(offence, violation):
    ladder = Ladder(ladder_rules())
    found = offence()
    say(ladder, ladder.on_finding(found, sight(found)))
    # the violation comes seconds after the announcement, and waits
    sealed = ladder.on_violation(violation(), found.stamp + 6 * SECOND)
    assert sealed.measures == () and sealed.withheld == ()
    answer = drive(ladder, found, stay(HERE, 6, 10) | line(HERE, (2.2, 0.6), 10.5, 13))
    assert answer.measures == ()
    assert whys(answer) == {Step.CITATION: "spared: the warning was obeyed in time"}


def test_who_stays_is_cited_once_the_time_is_over(offence, violation):
    ladder = Ladder(ladder_rules())
    found = offence()
    say(ladder, ladder.on_finding(found, sight(found)))
    ladder.on_violation(violation(), found.stamp + 6 * SECOND)
    assert drive(ladder, found, stay(HERE, 6, 59.5)).measures == ()
    answer = drive(ladder, found, stay(HERE, 60, 62))
    assert steps(answer) == [Step.CITATION]
    assert "tidak diindahkan" in answer.measures[0].reason
    assert (
        "Bila peringatan segera dituruti, langkah ini tidak diambil." in answer.measures[0].reason
    )


def test_a_policy_may_spare_nobody(offence, violation):
    rungs = policy(Rung((*ALL, Step.STICKER)), spare=False)
    ladder = Ladder(ladder_rules(policies={"default": rungs}))
    found = offence()
    say(ladder, ladder.on_finding(found, sight(found)))
    ladder.on_violation(violation())
    answer = drive(ladder, found, stay(HERE, 6, 10) | line(HERE, (2.2, 0.6), 10.5, 13))
    assert steps(answer) == [Step.CITATION]
    assert whys(answer) == {Step.STICKER: "the vehicle has left"}
    assert "langkah ini tidak diambil" not in answer.measures[0].reason


def test_without_a_watch_nothing_waits(offence, violation):
    ladder = Ladder(ladder_rules(policies={"default": policy(ALL, watch=0)}))
    ladder.on_finding(offence(), sight(offence()))
    assert ladder.watched == frozenset()
    assert steps(ladder.on_violation(violation())) == [Step.CITATION]


@pytest.mark.parametrize(("when_obeyed", "history"), [("counts", 2), ("holds", 1), ("lowers", 0)])
def test_who_obeyed_does_not_climb(when_obeyed, history, offence):
    ladder = Ladder(ladder_rules(when_obeyed=when_obeyed))
    start = offence().stamp
    first = offence(1, track_id=7)
    ladder.on_finding(first)
    second = offence(2, track_id=7, stamp=start + 100 * SECOND)
    say(ladder, ladder.on_finding(second, sight(second)))
    # while it is not known whether it obeys the offence is not held against it
    between = offence(3, track_id=7, stamp=start + 103 * SECOND, type=ViolationType.RED_LIGHT)
    expected = {"counts": 2, "holds": 1, "lowers": 0}[when_obeyed]
    assert ladder.on_finding(between).measures[0].history == expected
    drive(ladder, second, stay(HERE, 1, 5) | line(HERE, (2.2, 0.6), 5.5, 8))
    ladder.on_rejected(between.id)
    third = offence(4, track_id=7, stamp=start + 300 * SECOND)
    assert ladder.on_finding(third).measures[0].history == history


def test_late_news_of_a_vehicle_that_is_watched_no_more_are_nothing(offence):
    ladder = Ladder(ladder_rules())
    found = offence()
    ladder.on_finding(found, sight(found), found.stamp)
    drive(ladder, found, stay(HERE, 0.5, 5))
    before = drive(ladder, found, stay((2.2, 0.6), 1, 4))  # older than what was seen already
    assert before.compliance == ()


def test_two_vehicles_are_told_apart(offence, violation):
    ladder = Ladder(ladder_rules(speaker_pause=0))
    one, two = offence(1), offence(2)
    say(ladder, ladder.on_finding(one, sight(one, x=0.5)))
    say(ladder, ladder.on_finding(two, sight(two, x=1.2)))
    answer = ladder.on_violation(violation(1)) + ladder.on_violation(violation(2))
    for t in np.arange(0.5, 62, 0.5):
        gone = t > 10
        users = {1: box(0.5, 0.6)} | (
            {} if gone and t > 13 else {2: box(1.2 + gone * (t - 10) / 2, 0.6)}
        )
        stamp = one.stamp + int(t * SECOND)
        answer += ladder.on_tracks(seen(stamp, users), stamp)
    outcomes = {c.finding_id: c.outcome for c in answer.compliance}
    assert outcomes == {one.id: Outcome.IGNORED, two.id: Outcome.COMPLIED}
    assert [(m.violation_id, m.step) for m in answer.measures] == [(one.id, Step.CITATION)]


def test_a_million_tracks_leave_nothing_behind(offence):
    ladder = Ladder(ladder_rules(speaker_pause=0))
    found = offence(1)
    ladder.on_finding(found, sight(found))
    boxes = np.tile(np.array(box(0.3, 0.3), np.float32), (1000, 1))
    before = ladder.remembered
    for n in range(1000):
        ids = np.arange(1000 * n + 10, 1000 * n + 1010, dtype=np.int64)
        stamp = found.stamp + n * SECOND // 100
        image = seen(stamp, {})
        image = type(image)(stamp, image.camera, ids, boxes)
        ladder.on_tracks(image, stamp)
        assert ladder.remembered <= before
    ladder.on_time(found.stamp + 1000 * SECOND)
    assert ladder.watched == frozenset()


def test_watches_are_bounded(offence):
    watchman = Watchman(capacity=3)
    for n in range(10):
        found = offence(n + 1)
        watchman.open(found, sight(found), shape(), found.stamp, dwells=[10**12])
    assert len(watchman) == 4  # three watches on one camera
    watchman.tick(offence().stamp + 10**13)
    assert len(watchman) == 0
