"""A vehicle that knows where it is, and whether it stands: what it may judge then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isnan, nan

import pytest
from detect_scenes import SIZE, T0, user
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_detect.core.ego import Ego, EgoSettings, Fix, Motion, Velocity
from bconnect_detect.core.judge import Judge
from bconnect_detect.core.types import SECOND, Finding, RoadUser, Tracks
from bconnect_site.kinds import CameraState, RoadUserKind, ViolationType
from bconnect_site.model import Site

HOME = (-1.2463, 116.8563)
METRE = 1 / 111_195.0  # degrees of latitude


def at(seconds: float) -> int:
    return T0 + round(seconds * SECOND)


def ego(speeds: Iterable[float], start: float = 0.0, stddev: float = 0.2, spread: float = 3.0):
    """One fix and velocity a second, driving north."""
    made, north = Ego(), 0.0
    for second, speed in enumerate(speeds):
        made.on_fix(Fix(at(start + second), HOME[0] + north * METRE, HOME[1], spread))
        made.on_velocity(Velocity(at(start + second), 0.0, speed, stddev))
        north += speed
    return made


class TestMotion:
    def test_slow_for_three_seconds_is_parked(self) -> None:
        made = ego([0.1] * 5)
        assert made.motion(at(4.2)) == (Motion.PARKED, "")
        assert made.motion(at(3.0))[0] == Motion.PARKED

    @pytest.mark.parametrize("seconds", [0.0, 1.0, 2.9])
    def test_not_yet_long_enough_is_not_known(self, seconds: float) -> None:
        motion, why = ego([0.1] * 4).motion(at(seconds))
        assert motion == Motion.UNKNOWN and "3 s" in why

    def test_who_moves_or_did_a_moment_ago_moves(self) -> None:
        made = ego([0.1] * 5 + [0.6] + [0.1] * 5)
        assert made.motion(at(5.0))[0] == Motion.MOVING
        assert made.motion(at(7.9))[0] == Motion.MOVING
        assert made.motion(at(9.5))[0] == Motion.PARKED

    def test_a_velocity_that_comes_later_still_tells_of_the_moment_before(self) -> None:
        made = ego([0.1] * 5)
        assert made.motion(at(4.5))[0] == Motion.PARKED and not made.confirmed(at(4.5))
        made.on_velocity(Velocity(at(5), 0.0, 2.0, 0.2))
        assert made.motion(at(4.5))[0] == Motion.MOVING and made.confirmed(at(4.5))

    def test_old_poor_or_no_gnss_does_not_tell(self) -> None:
        assert ego([0.1] * 5).motion(at(6.5))[0] == Motion.UNKNOWN  # 2.5 s old
        poor = ego([0.1] * 5, stddev=0.6).motion(at(4.0))
        assert poor[0] == Motion.UNKNOWN and "too poor" in poor[1]
        assert ego([0.1] * 5, stddev=nan).motion(at(4.0))[0] == Motion.UNKNOWN
        assert Ego().motion(T0)[0] == Motion.UNKNOWN
        assert "no gnss" in Ego(heard=False).motion(T0)[1]

    def test_a_moment_without_fix_is_a_moment_not_watched(self) -> None:
        made = ego([0.1] * 5)
        made.on_fix(Fix(at(5)))
        assert made.motion(at(5.2))[0] == Motion.UNKNOWN

    def test_a_gap_is_not_watched(self) -> None:
        made = ego([0.1] * 5)
        made.on_velocity(Velocity(at(8), 0.0, 0.1, 0.2))
        assert made.motion(at(8.0))[0] == Motion.UNKNOWN

    def test_stamps_backwards_begin_anew_and_one_stamp_counts_once(self) -> None:
        made = ego([0.1] * 5)
        made.on_velocity(Velocity(at(4), 0.0, 30.0, 0.2))  # a second one of this moment
        assert made.motion(at(4.0))[0] == Motion.PARKED
        made.on_velocity(Velocity(at(1), 0.0, 0.1, 0.2))
        assert made.motion(at(1.0))[0] == Motion.UNKNOWN


class TestPlace:
    def test_between_two_fixes(self) -> None:
        place = ego([10.0] * 5).place(at(2.5))
        assert place.latitude == pytest.approx(HOME[0] + 25.0 * METRE, abs=METRE / 10)
        assert place.longitude == pytest.approx(HOME[1]) and 3.0 < place.stddev < 3.1
        assert "3.0 m" in place.sentence and "-1.246" in place.sentence

    def test_on_from_the_last_fix_and_less_sure(self) -> None:
        made = ego([10.0] * 5)
        place = made.place(at(4.5))
        assert place.latitude == pytest.approx(HOME[0] + 45.0 * METRE, abs=METRE / 10)
        assert 3.0 < place.stddev < made.place(at(5.5)).stddev < 10.0

    def test_without_velocity_it_is_soon_not_known(self) -> None:
        made = Ego()
        made.on_fix(Fix(T0, *HOME, 3.0))
        assert made.place(at(0.1)).stddev > 3.0 and isnan(made.place(at(1.0)).latitude)

    @pytest.mark.parametrize(
        ("made", "seconds", "why"),
        [
            (ego([0.0] * 5), 6.5, "2.5 s old"),
            (ego([0.0] * 5, spread=11.0), 2.0, "known to 11 m only, and 10 m are asked for"),
            (ego([0.0] * 5, spread=nan), 2.0, "does not tell how sure"),
            (Ego(), 0.0, "no fix yet"),
            (Ego(heard=False), 0.0, "no gnss"),
        ],
    )
    def test_not_known_and_why(self, made: Ego, seconds: float, why: str) -> None:
        place = made.place(at(seconds))
        assert isnan(place.latitude) and isnan(place.stddev) and why in place.why
        assert why in place.sentence

    def test_no_fix_after_the_last_one(self) -> None:
        made = ego([0.0] * 3)
        made.on_fix(Fix(at(3)))
        assert "no fix" in made.place(at(3.1)).why
        assert made.place(at(2.5)).latitude == pytest.approx(HOME[0])  # before, it had one

    def test_a_jump_of_5_km_is_no_way(self) -> None:
        made = ego([0.0] * 3)
        made.on_fix(Fix(at(3), HOME[0] + 5000 * METRE, HOME[1], 3.0))
        assert "contradict" in made.place(at(2.5)).why

    def test_of_two_fixes_with_one_stamp_the_first_counts(self) -> None:
        made = ego([0.0] * 3)
        made.on_fix(Fix(at(2), HOME[0] + 5000 * METRE, HOME[1], 3.0))
        assert made.place(at(2.0)).latitude == pytest.approx(HOME[0])

    def test_stamps_backwards_begin_anew(self) -> None:
        made = ego([0.0] * 5)
        made.on_fix(Fix(at(1), *HOME, 3.0))
        assert "no fix yet" in made.place(at(0.0)).why or made.place(at(0.0)).stddev >= 3.0
        assert isnan(made.place(at(4.0)).latitude)

    def test_told_by_a_message(self) -> None:
        square = [4.0, 0, 0, 0, 9.0, 0, 0, 0, 1.0]
        assert Fix.told(1, 0, HOME, square).stddev == 3.0
        assert isnan(Fix.told(1, 0, HOME, []).stddev)
        assert isnan(Fix.told(1, 0, HOME, [-1.0, *square[1:]]).stddev)
        assert not Fix.told(1, -1, HOME, square).known
        assert not Fix.told(1, 0, (nan, 1.0), square).known
        assert not Fix.told(1, 0, (91.0, 1.0), square).known


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 20),
            st.floats(allow_nan=True, allow_infinity=True),
            st.floats(allow_nan=True, allow_infinity=True),
        ),
        max_size=30,
    ),
    st.integers(-5, 25),
)
def test_whatever_comes_a_place_is_sure_or_unknown(
    said: list[tuple[int, float, float]], when: int
) -> None:
    made = Ego(EgoSettings())
    for second, one, other in said:
        made.on_fix(Fix.told(at(second), 0, (one, other), [one, 0, 0, 0, other, 0, 0, 0, 0]))
        made.on_velocity(Velocity(at(second), one, other, abs(one)))
    place = made.place(at(when))
    assert (place.stddev <= 10.0) != bool(place.why)
    assert made.motion(at(when))[0] in Motion
    assert len(made._fixes) <= 256 and len(made._velocities) <= 256


def site(**changes: object) -> Site:
    whole = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    plain = {
        "site": "mobil",
        "kind": "vehicle",
        "title": "Mobil",
        "gnss": {"source": "gpsd://localhost"},
        "cameras": {
            "c": {
                "source": "file:///x.mp4",
                "zones": {
                    "bahu": {
                        "kind": "no_parking",
                        "region": whole,
                        "dwell": 2.0,
                        "basis": "sign S-12",
                    }
                },
                "rules": ["illegal_parking", "no_helmet", "overloaded_motorcycle"],
            }
        },
    }
    return Site.model_validate({**plain, **changes})


def bare_head(t: float) -> list[RoadUser]:
    """A motorcycle without helmets that stays in the picture, and a car that stands in it."""
    bike = user((150 + 20 * t, 200), kind=RoadUserKind.MOTORCYCLE, size=(30, 60))
    object.__setattr__(bike, "riders", 1.0)
    object.__setattr__(bike, "helmets", 0.0)
    return [bike, user((450, 300), 2)]


def drive(
    speed: Callable[[float], float], seconds: float, made: Judge | None = None, late: float = 0.2
) -> tuple[Judge, list[Finding]]:
    """A vehicle with this speed; its fixes are heard ``late`` s after their moment."""
    made = Judge(site(), None) if made is None else made
    made.on_camera_status("c", CameraState.OK)
    found: list[Finding] = []
    for tick in range(int(seconds * 10)):
        if (tick - round(late * 10)) % 10 == 0 and tick >= late * 10:
            t = tick / 10 - late
            made.on_fix(Fix(at(t), *HOME, 3.0))
            made.on_velocity(Velocity(at(t), 0.0, speed(t), 0.2))
        t = tick / 10
        found += made.on_tracks(Tracks.of(at(t), "c", SIZE, bare_head(t)))
    return made, found


class TestJudge:
    def test_a_vehicle_that_moves_judges_heads_and_no_zones_and_says_why(self) -> None:
        made, found = drive(lambda t: 8.0, 12.0)
        assert [f.type for f in found] == [ViolationType.NO_HELMET]
        assert found[0].latitude == pytest.approx(HOME[0], abs=1e-3)
        assert "known to" in found[0].explanation
        assert made.off == [
            "rule illegal_parking of camera c is off: the vehicle moves, or did a moment ago"
        ]

    def test_a_parked_vehicle_judges_zones_too(self) -> None:
        made, found = drive(lambda t: 0.1, 12.0)
        assert {f.type for f in found} == {
            ViolationType.NO_HELMET,
            ViolationType.ILLEGAL_PARKING,
        }
        parking = next(f for f in found if f.type == ViolationType.ILLEGAL_PARKING)
        assert (parking.latitude, parking.longitude) == pytest.approx(HOME)
        assert "Seen from -1.246300, 116.856300, known to 3.0 m" in parking.explanation
        assert made.off == []

    def test_whoever_starts_in_the_very_second_has_found_nothing(self) -> None:
        """A finding on a zone waits until GNSS has told that the vehicle still stood."""
        _, parked = drive(lambda t: 0.1, 12.0)
        parking = next(f for f in parked if f.type == ViolationType.ILLEGAL_PARKING)
        started = (parking.stamp - T0) / SECOND - 0.1
        _, found = drive(lambda t: 0.1 if t < started else 3.0, 12.0)
        assert ViolationType.ILLEGAL_PARKING not in {f.type for f in found}

    def test_without_a_fix_the_place_is_not_known_and_zones_are_silent(self) -> None:
        made = Judge(site(), None)
        made.on_camera_status("c", CameraState.OK)
        found: list[Finding] = []
        for tick in range(100):
            made.on_fix(Fix(at(tick / 10)))
            found += made.on_tracks(Tracks.of(at(tick / 10), "c", SIZE, bare_head(tick / 10)))
        (one,) = found
        assert one.type == ViolationType.NO_HELMET and isnan(one.latitude) and isnan(one.longitude)
        assert "not known: GNSS had no fix" in one.explanation
        assert "GNSS" in made.off[0]

    def test_a_vehicle_without_gnss(self) -> None:
        made, found = drive(lambda t: 0.1, 12.0, Judge(site(gnss=None), None))
        assert [f.type for f in found] == [ViolationType.NO_HELMET]
        assert isnan(found[0].latitude) and "it has no gnss" in made.off[0]

    def test_a_corridor_stands_where_it_stands(self) -> None:
        plain = {"kind": "corridor", "gnss": None}
        where = {"latitude": -1.0, "longitude": 116.0}
        made, found = drive(lambda t: 8.0, 12.0, Judge(site(**plain, location=where), None))
        assert {f.type for f in found} == {
            ViolationType.NO_HELMET,
            ViolationType.ILLEGAL_PARKING,
        }
        assert all((f.latitude, f.longitude) == (-1.0, 116.0) for f in found)
        assert all("Seen from" not in f.explanation for f in found) and made.off == []

    def test_another_place_has_other_cars_standing(self) -> None:
        """Who stood where the vehicle was before is not who stands at its next place."""
        made, found = drive(lambda t: 0.1 if t < 12 or t > 18 else 8.0, 36.0)
        parked = [f for f in found if f.type == ViolationType.ILLEGAL_PARKING]
        assert len(parked) == 2 and len({f.id for f in parked}) == 2
        assert made._held == []
