"""Section speed: two gates, one digest; the offence, the near miss, the doubt."""

from dataclasses import replace
from datetime import date

import pytest
from detect_scenes import T0, tracks, user
from hypothesis import given
from hypothesis import strategies as st

from bconnect_detect.core.judge import Judge
from bconnect_detect.core.rules import RULES
from bconnect_detect.core.rules.section_speed import SectionSettings, build_sections
from bconnect_detect.core.types import SECOND, PlateSighting
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState, RoadUserKind, ViolationType
from bconnect_site.law import load_catalogue
from bconnect_site.model import Site

LENGTH, LIMIT = 414.0, 13.89
GATE = {"kind": "gate", "line": [[0.2, 0.6], [0.8, 0.6]]}


def site(**keys):
    section = {"entry": "a/masuk", "exit": "b/keluar", "length": LENGTH, "limit": LIMIT}
    return Site.model_validate(
        {
            "site": "s",
            "kind": "corridor",
            "title": "S",
            "location": {"latitude": -1.2, "longitude": 116.8},
            "cameras": {
                "a": {"source": "file:///a.mp4", "zones": {"masuk": GATE}},
                "b": {"source": "file:///b.mp4", "zones": {"keluar": GATE}},
            },
            "sections": {"ruas": {**section, **keys}},
        }
    )


def section(**keys):
    return build_sections(site(**keys), None)[0]


def seen(gate, seconds, digest="d1", track_id=0, confidence=0.9, stddev=0.03):
    camera, zone = ("a", "masuk") if gate == "in" else ("b", "keluar")
    stamp = T0 + round(seconds * SECOND)
    return PlateSighting(stamp, camera, zone, track_id, digest, confidence, stddev)


def drive(made, kmh, start=0.0, **keys):
    found = made.on_sighting(seen("in", start, **keys))
    return found + made.on_sighting(seen("out", start + LENGTH / (kmh / 3.6), **keys))


def test_the_offence_with_its_numbers():
    found = drive(section(), 62.0)
    assert len(found) == 1
    made = found[0]
    assert made.type == ViolationType.SECTION_SPEED
    assert (made.camera, made.zone, made.road_user.kind) == ("b", "keluar", RoadUserKind.UNKNOWN)
    assert made.measured * 3.6 == pytest.approx(62.0, abs=0.01)
    assert LIMIT + 3 / 3.6 < made.measured_low < made.measured < made.measured_high
    assert made.started == T0 and made.limit == LIMIT and made.trail == ()
    assert "a/masuk" in made.explanation and "62.0 km/h" in made.explanation
    assert "d1" not in made.explanation


@pytest.mark.parametrize("kmh", [20.0, 49.9, 52.9, 53.1])
def test_the_near_miss(kmh):
    assert drive(section(), kmh) == []


def test_the_interval_grows_with_every_doubt():
    sure = drive(section(), 62.0)[0]
    for made in (
        drive(section(length_stddev=5.0), 62.0)[0],
        drive(section(), 62.0, stddev=0.2)[0],
    ):
        assert made.measured_high - made.measured_low > sure.measured_high - sure.measured_low
    assert drive(section(length_stddev=40.0), 62.0) == []
    assert drive(section(), 62.0, stddev=3.0) == []


def test_tolerance_is_the_sections_own():
    assert len(drive(section(tolerance=0.0), 52.0)) == 1
    assert drive(section(tolerance=5.0), 62.0) == []


@pytest.mark.parametrize(
    "sightings",
    [
        pytest.param([seen("in", 0), seen("in", 9), seen("out", 24)], id="twice in"),
        pytest.param([seen("in", 0, "d1"), seen("out", 24, "d2")], id="another plate"),
        pytest.param([seen("in", 0, confidence=0.3), seen("out", 24)], id="unsure in"),
        pytest.param([seen("in", 0), seen("out", 24, confidence=0.3)], id="unsure out"),
        pytest.param([seen("in", 0, ""), seen("out", 24, "")], id="no digest"),
        pytest.param([seen("in", 0, stddev=float("nan")), seen("out", 24)], id="stamp unknown"),
        pytest.param([seen("out", 0), seen("in", 24)], id="the other way"),
        pytest.param([seen("in", 0), seen("out", 0)], id="no time"),
        pytest.param([seen("in", 0), seen("out", 2)], id="faster than any vehicle"),
        pytest.param([seen("in", 0), seen("out", -24)], id="backwards"),
        pytest.param([seen("out", 24)], id="never seen in"),
        pytest.param([seen("in", 0), seen("in", 3600.5), seen("out", 3600)], id="an hour's jump"),
    ],
)
def test_refusals(sightings):
    made = section()
    assert [f for s in sightings for f in made.on_sighting(s)] == []


def test_the_same_passage_seen_twice_is_one_from_its_first_look():
    made = section()
    for s in (seen("in", 0.0), seen("in", 1.0)):
        assert made.on_sighting(s) == []
    found = made.on_sighting(seen("out", 24.0))
    assert found[0].measured == pytest.approx(LENGTH / 24.0)
    assert made.on_sighting(seen("out", 24.5)) == []  # once


def test_the_next_round_counts_again():
    made = section()
    assert len(drive(made, 62.0)) == 1
    assert len(drive(made, 62.0, start=200.0)) == 1
    assert len(drive(made, 62.0, start=200.0 + 900.0)) == 1


def test_entries_are_forgotten():
    made = section(longest=60.0)
    made.on_sighting(seen("in", 0.0))
    made.on_sighting(seen("in", 61.0, "d2"))
    assert len(made) == 1
    assert made.on_sighting(seen("out", 62.0)) == []
    small = section()
    small.settings = SectionSettings(capacity=10)
    for k in range(100):
        small.on_sighting(seen("in", k / 10, f"d{k}"))
    assert len(small) <= 10
    small.reset()
    assert len(small) == 0


def test_who_crossed_is_shown_where_that_is_plain():
    made, gate = section(), (0.5 * 640, 0.6 * 360)
    far, near = user((100.0, 330.0), 7), user(gate, 8)
    made.on_sighting(seen("in", 0))
    last = seen("out", 24)
    found = made.on_sighting(last, tracks(last.stamp, [far, near]))
    assert found[0].road_user.track_id == 8 and found[0].road_user.kind == RoadUserKind.CAR
    for others, track_id, who in (
        ([near, user((330.0, 216.0), 9)], 0, 0),  # two at the gate
        ([far], 7, 7),  # the reader says which
        ([far], 5, 5),  # whom nobody tracks
    ):
        made = section()
        made.on_sighting(seen("in", 0))
        last = seen("out", 24, track_id=track_id)
        found = made.on_sighting(last, tracks(last.stamp, others))
        assert found[0].road_user.track_id == who
    late = tracks(last.stamp + 5 * SECOND, [near])
    made = section()
    made.on_sighting(seen("in", 0))
    assert made.on_sighting(seen("out", 24), late)[0].road_user.kind == RoadUserKind.UNKNOWN


class TestJudge:
    def judge(self, *states):
        made = Judge(site(), load_catalogue("uu22_2009"), date(2026, 5, 29))
        for camera, state in zip("ab", states, strict=True):
            made.on_camera_status(camera, state)
        return made

    def test_a_plate_makes_a_finding_with_its_article(self):
        made = self.judge(CameraState.OK, CameraState.OK)
        assert made.on_plate(seen("in", 0)) == [] and len(made) == 1
        found = made.on_plate(seen("out", 24))
        assert found[0].article.endswith("287(5)") and found[0].basis == "sign"
        assert found[0].id == drive(section(), LENGTH / 24 * 3.6)[0].id

    @pytest.mark.parametrize("bad", ["a", "b"])
    def test_a_camera_that_is_not_believed_sees_no_plate(self, bad):
        states = (CameraState.MOVED if c == bad else CameraState.OK for c in "ab")
        made = self.judge(*states)
        assert made.on_plate(seen("in", 0)) + made.on_plate(seen("out", 24)) == []

    def test_a_plate_of_no_camera_of_ours(self):
        made = self.judge(CameraState.OK, CameraState.OK)
        assert made.on_plate(replace(seen("in", 0), camera="x")) == []

    def test_no_article_on_that_day(self):
        class Law:
            def article(self, *_):
                raise ConfigError("no article")

        with pytest.raises(ConfigError, match=r"sections\.ruas\.basis: no article"):
            Judge(site(), Law(), date(2026, 5, 29))


def test_it_is_no_rule_of_one_camera():
    assert ViolationType.SECTION_SPEED not in RULES


sightings = st.builds(
    seen,
    st.sampled_from(("in", "out")),
    st.floats(-1e4, 1e4),
    st.sampled_from(("d1", "d2", "")),
    st.integers(0, 3),
    st.floats(0.0, 1.0) | st.just(float("nan")),
    st.floats(0.0, 10.0) | st.just(float("nan")),
)


@given(st.lists(sightings, max_size=40))
def test_whatever_comes_a_finding_names_two_sightings_that_were(events):
    made = section()
    for k, event in enumerate(events):
        for found in made.on_sighting(event):
            assert found.stamp == event.stamp and event.zone == "keluar"
            assert any(e.stamp == found.started and e.zone == "masuk" for e in events[:k])
            assert found.measured_low > LIMIT and found.measured <= 70.0
