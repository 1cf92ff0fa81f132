"""The rule book: armed only by a camera that is fine, and it forgets."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest
from detect_scenes import SIZE, STEP, T0, tracks, user
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_detect.core.rulebook import RuleBook, build_rules, max_ages
from bconnect_detect.core.rules import RULES
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, SignalReading, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState, RoadUserKind, SignalAspect, ViolationType
from bconnect_site.model import RULE_ZONES, Site

SITE = Site.model_validate(
    {
        "site": "s",
        "kind": "corridor",
        "title": "S",
        "location": {"latitude": -1.2, "longitude": 116.8},
        "signals": {
            "lampu": {
                "adapter": "lamp_vision",
                "camera": "c",
                "region": [[0.9, 0.1], [0.95, 0.1], [0.95, 0.3], [0.9, 0.3]],
            }
        },
        "cameras": {
            "c": {
                "source": "file:///x.mp4",
                "zones": {
                    "parkir": {
                        "kind": "no_parking",
                        "region": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
                        "dwell": 5.0,
                        "basis": "sign S-12",
                    },
                    "henti": {
                        "kind": "no_stopping",
                        "region": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
                        "dwell": 3.0,
                        "basis": "sign S-11",
                    },
                    "lajur": {
                        "kind": "direction",
                        "region": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
                        "direction": [[0.5, 0.9], [0.5, 0.1]],
                        "basis": "marking",
                    },
                    "garis": {
                        "kind": "stop_line",
                        "line": [[0.4, 0.6], [0.5, 0.6]],
                        "direction": [[0.5, 0.9], [0.5, 0.3]],
                        "signal": "lampu",
                        "basis": "marking",
                    },
                },
                "rules": [
                    "illegal_parking",
                    "illegal_stopping",
                    "wrong_way",
                    "stop_line",
                    "speeding",
                ],
            }
        },
    }
)
PARKED = (300.0, 250.0)


def book(armed: bool = True) -> RuleBook:
    rules, _ = build_rules(SITE, "c", None)
    made = RuleBook("c", rules, SignalBook(max_ages(SITE)))
    if armed:
        made.on_camera_status(CameraState.OK)
    return made


def stand(made: RuleBook, start: float, seconds: float, track_id: int = 1):
    found = []
    for tick in range(int(seconds * 10)):
        found += made.check(
            tracks(T0 + int(start * SECOND) + tick * STEP, [user(PARKED, track_id)])
        )
    return found


def test_every_rule_file_is_found_and_knows_its_zones():
    assert set(RULES) >= {
        ViolationType.ILLEGAL_PARKING,
        ViolationType.ILLEGAL_STOPPING,
        ViolationType.WRONG_WAY,
        ViolationType.STOP_LINE,
    }
    for kind, rule in RULES.items():
        assert rule.type == kind and rule.zone_kinds == RULE_ZONES[kind]


def test_a_rule_of_a_later_version_is_off_and_says_so(monkeypatch):
    monkeypatch.delitem(RULES, ViolationType.SPEEDING)
    rules, off = build_rules(SITE, "c", None)
    assert len(rules) == 4
    assert off == ["rule speeding of camera c is off: this version has no such rule"]


def test_article_and_basis_are_stamped():
    law = SimpleNamespace(
        article=lambda kind, basis, when: SimpleNamespace(
            text=f"Art. {basis}", version=f"v{when.year}"
        )
    )
    rules, _ = build_rules(SITE, "c", law, date(2026, 5, 29))
    made = RuleBook("c", rules, SignalBook({}))
    made.on_camera_status(CameraState.OK)
    first = stand(made, 0, 8)[0]
    assert (first.article, first.basis, first.catalogue_version) == (
        "Art. sign",
        "sign S-11",
        "v2026",
    )
    assert (first.latitude, first.longitude) == (-1.2, 116.8)


def test_a_law_without_the_article_is_refused_at_start_and_survived_at_work():
    def article(kind: ViolationType, basis: str, when: date):
        raise ConfigError("no article")

    law = SimpleNamespace(article=article)
    with pytest.raises(ConfigError, match=r"cameras\.c\.zones\.parkir\.basis: no article"):
        build_rules(SITE, "c", law, date(2026, 5, 29))
    rules, _ = build_rules(SITE, "c", law)
    made = RuleBook("c", rules, SignalBook({}))
    made.on_camera_status(CameraState.OK)
    assert stand(made, 0, 8)[0].article == ""


@pytest.mark.parametrize("state", [s for s in CameraState if s != CameraState.OK])
def test_only_a_camera_that_is_fine_arms(state: CameraState):
    made = book(armed=False)
    made.on_camera_status(state)
    assert not made.armed and stand(made, 0, 30) == []


def test_nothing_is_known_before_the_first_status():
    assert stand(book(armed=False), 0, 30) == []


def test_an_outage_in_between_begins_anew():
    made = book()
    assert stand(made, 0, 2.5) == []
    made.on_camera_status(CameraState.STALE)
    made.on_camera_status(CameraState.OK)
    assert stand(made, 2.5, 2.5) == []
    assert stand(made, 5.0, 4.0)


def test_what_was_reported_is_not_reported_again_after_an_outage():
    made = book()
    assert len(stand(made, 0, 10)) == 2  # stopping, then parking
    made.on_camera_status(CameraState.STALE)
    made.on_camera_status(CameraState.OK)
    assert stand(made, 60, 20, track_id=7) == []
    made.on_camera_status(CameraState.MOVED)  # another view: nothing known holds any more
    made.on_camera_status(CameraState.OK)
    assert len(stand(made, 120, 20, track_id=9)) == 2


def test_a_jump_of_stamps_begins_anew():
    made = book()
    assert stand(made, 0, 2.5) == []
    assert stand(made, 20, 2.5) == []  # 17 s nobody saw


def test_stamps_that_run_backwards_begin_anew():
    made = book()
    assert stand(made, 10, 2.5) == []
    assert stand(made, 5, 2.5) == []


def test_a_repeated_stamp_is_ignored():
    made = book()
    for _ in range(200):
        assert made.check(tracks(T0, [user(PARKED)])) == []


def test_a_million_tracks_are_forgotten():
    made = book()
    rng = np.random.default_rng(1)
    n, largest = 2000, 0
    for image in range(500):
        x = rng.uniform(0, 580, n)
        y = np.where(np.arange(n) % 50, -400.0, 100.0) + rng.uniform(
            0, 200, n
        )  # most: off the zones
        boxes = np.column_stack((x, y, x + 50, y + 40)).astype(np.float32)
        made.check(
            Tracks(
                T0 + image * STEP,
                "c",
                *SIZE,
                np.full(n, RoadUserKind.CAR, np.uint8),
                np.arange(image * n, (image + 1) * n, dtype=np.int64) + 1,
                np.full(n, 0.9, np.float32),
                boxes,
            )
        )
        largest = max(largest, len(made))
    # two rules each watch standing and queueing, two more watch ways; all of it bounded
    assert 0 < largest <= 4 * 256 + 4 * 1024
    for later in range(3):
        made.check(tracks(T0 + 55 * SECOND + later * 4 * SECOND))
    made.check(tracks(T0 + 400 * SECOND))
    assert len(made) == 0


boxes = st.tuples(
    st.floats(-50, 690, width=32),
    st.floats(-50, 400, width=32),
    st.floats(0, 300, width=32),
    st.floats(0, 300, width=32),
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
anybody = st.builds(
    lambda kind, track_id, confidence, box: replace(
        user((0, 0)), kind=kind, track_id=track_id, confidence=confidence, box=box
    ),
    st.sampled_from(RoadUserKind),
    st.integers(0, 5),
    st.floats(0, 1, width=32),
    boxes,
)
images = st.lists(
    st.tuples(st.integers(-3 * SECOND, 9 * SECOND), st.lists(anybody, max_size=6)), max_size=40
)


def everything(scene) -> list:
    made, stamp, found = book(), T0, []
    for step, users in scene:
        stamp = max(0, stamp + step)
        made.on_signal(SignalReading("lampu", SignalAspect.RED, stamp, stamp - 20 * SECOND))
        found += made.check(tracks(stamp, users))
    return found


@settings(max_examples=120, deadline=None)
@given(images)
def test_whatever_comes_a_finding_names_what_it_saw(scene):
    seen = {}
    stamp = T0
    for step, users in scene:
        stamp = max(0, stamp + step)
        seen[stamp] = {(u.track_id, u.box) for u in users}
    for finding in everything(scene):
        assert (finding.road_user.track_id, finding.road_user.box) in seen[finding.stamp]
        assert finding.road_user.track_id > 0 and finding.started <= finding.stamp
        assert finding.measured_low <= finding.measured <= finding.measured_high
        assert finding.measured_low >= finding.limit


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4 * SECOND), st.lists(anybody, max_size=6)), max_size=7))
def test_no_verdict_out_of_a_few_looks(scene):
    assert all(f.type == ViolationType.ILLEGAL_STOPPING for f in everything(scene)) or not scene


@settings(max_examples=60, deadline=None)
@given(images)
def test_no_verdict_on_people_or_bare_detections(scene):
    nobody = [
        (
            step,
            [
                replace(u, kind=RoadUserKind.PEDESTRIAN) if i % 2 else replace(u, track_id=0)
                for i, u in enumerate(users)
            ],
        )
        for step, users in scene
    ]
    assert everything(nobody) == []


@settings(max_examples=60, deadline=None)
@given(images)
def test_a_replay_finds_the_same(scene):
    assert [f.id for f in everything(scene)] == [f.id for f in everything(scene)]


def test_empty_images_are_fine():
    made = book()
    for tick in range(100):
        assert made.check(Tracks.of(T0 + tick * STEP, "c", SIZE)) == []
