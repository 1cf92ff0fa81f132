"""One incident, many cameras, or again and again by one: it comes out once."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from detect_scenes import SIZE, T0, tracks
from hypothesis import given, settings
from hypothesis import strategies as st
from street_camera import calibration, pixels

from bconnect_detect.core.incidents import Incidents
from bconnect_detect.core.types import SECOND, Finding, RoadUser
from bconnect_site.kinds import RoadUserKind, ViolationType

RED, PARKING, WRONG = (
    ViolationType.RED_LIGHT,
    ViolationType.ILLEGAL_PARKING,
    ViolationType.WRONG_WAY,
)
CAMERAS = ("barat", "tengah", "timur")
GROUND = {camera: calibration() for camera in CAMERAS}


def vehicle(
    x: float, y: float, track_id: int = 1, velocity: tuple[float, float] = (0.0, 8.0)
) -> RoadUser:
    """Its foot stands on a place [m]; all cameras of this file have the same view."""
    ((u, v),) = pixels(((x, y, 0.0),)).tolist()
    size = 900 / max(1.0, abs(y))
    return RoadUser(
        RoadUserKind.CAR, track_id, 0.8, (u - size, v - size, u + size, v), velocity=velocity
    )


def finding(
    camera: str = "barat",
    t: float = 10.0,
    at: tuple[float, float] = (0.0, 30.0),
    kind: ViolationType = RED,
    lasted: float = 1.0,
    track_id: int = 1,
    velocity: tuple[float, float] = (0.0, 8.0),
    zone: str = "henti",
) -> Finding:
    user = vehicle(*at, track_id, velocity)
    begin = vehicle(at[0] - velocity[0] * lasted, at[1] - velocity[1] * lasted)
    stamp = T0 + round(t * SECOND)
    return Finding(
        f"{camera}-{kind}-{zone}-{track_id}-{stamp}",
        kind,
        "s",
        camera,
        zone,
        stamp,
        stamp - round(lasted * SECOND),
        user,
        *SIZE,
        trail=tuple((x / SIZE[0], y / SIZE[1]) for x, y in (begin.foot, user.foot)),
    )


def seen(book: Incidents, *findings: Finding) -> list[Finding]:
    return [kept for one in findings for kept in book.sort([one])]


class TestOtherCameras:
    def test_the_second_camera_is_a_witness(self):
        first, second = finding(), finding("timur", 10.3, (0.5, 32.0), track_id=7)
        third = finding("tengah", 9.8, (0.0, 28.0), track_id=3)
        out = seen(Incidents(GROUND), first, second, third)
        assert [f.same_as for f in out] == ["", first.id, first.id]
        assert out[1] == replace(second, same_as=first.id)

    def test_another_place_time_or_kind_is_another_incident(self):
        book = Incidents(GROUND)
        far = finding("timur", 10.0, (0.0, 50.0))
        late = finding("timur", 25.0, (0.0, 30.0))
        other = finding("timur", 10.0, kind=ViolationType.LANE_MARKING)
        assert all(not f.same_as for f in seen(book, finding(), far, late, other))

    def test_the_way_driven_in_between_counts(self):
        # 2 s later the same vehicle is 16 m on; who is where it was is another
        on = finding("timur", 12.0, (0.0, 46.0))
        behind = finding("timur", 12.0, (0.0, 30.0))
        assert seen(Incidents(GROUND), finding(), on)[1].same_as
        assert not seen(Incidents(GROUND), finding(), behind)[1].same_as

    @pytest.mark.parametrize(
        ("way", "same"), [((0.0, -12.0), 0), ((6.0, 10.0), 1), ((0.2, 0.1), 1)]
    )
    def test_who_comes_the_other_way_is_another(self, way: tuple[float, float], same: int):
        """Two speeders meet between two cameras: one is no witness of the other's offence."""
        first = finding(kind=ViolationType.SPEEDING, velocity=(0.0, 12.0))
        second = finding(
            "timur", 10.5, (0.5, 34.0), ViolationType.SPEEDING, track_id=7, velocity=way
        )
        out = seen(Incidents(GROUND), first, second)
        assert [bool(f.same_as) for f in out] == [False, bool(same)]

    def test_who_turns_back_is_seen_on_any_leg_of_it(self):
        kind = ViolationType.ILLEGAL_U_TURN
        first = finding(kind=kind, velocity=(0.0, 4.0))
        second = finding("timur", 10.5, (0.5, 31.0), kind, track_id=7, velocity=(-1.0, -4.0))
        assert seen(Incidents(GROUND), first, second)[1].same_as == first.id

    def test_two_side_by_side_stay_two(self):
        pair = [
            finding(camera, 10.0 + i * 0.1, (x, 30.0), track_id=i + 1)
            for camera in ("barat", "timur")
            for i, x in enumerate((0.0, 2.5))
        ]
        for order in permutations(pair):
            out = seen(Incidents(GROUND), *order)
            assert sum(not f.same_as for f in out) == 2 and len(out) == 4

    def test_a_parked_vehicle_is_one_however_much_later_it_is_found(self):
        book = Incidents(GROUND)
        first = finding(kind=PARKING, t=70, lasted=60, velocity=(0.0, 0.0))
        assert seen(book, first)
        for t in range(71, 200, 2):
            book.look(replace(tracks(T0 + t * SECOND, [first.road_user]), camera="barat"))
        second = finding("timur", 200, (0.5, 34.0), PARKING, 60, 9, (0.0, 0.0))
        assert seen(book, second)[0].same_as == first.id

    def test_without_calibration_the_zones_name_tells(self):
        for zone, same in (("henti", True), ("lain", False)):
            out = seen(Incidents(), finding(), finding("timur", 10.5, (9.0, 50.0), zone=zone))
            assert bool(out[1].same_as) == same
        assert not seen(Incidents(), finding(), finding("timur", 13.0))[1].same_as


class TestTheSameCamera:
    def test_the_same_track_and_the_same_finding_come_out_once(self):
        first = finding()
        again = finding(t=14.0, at=(0.0, 60.0), zone="lain")
        assert seen(Incidents(GROUND), first, first, again) == [first]
        assert len(seen(Incidents(GROUND), first, finding(t=90.0))) == 2

    def test_a_track_that_goes_on_under_another_id(self):
        first = finding(kind=WRONG, t=10, at=(0, 30))
        # lost at 10 s, seen again from 11 s on at 38 m
        on = finding(kind=WRONG, t=12, at=(0, 46), track_id=2, lasted=1.0)
        assert seen(Incidents(GROUND), first, on) == [first]
        assert seen(Incidents(), first, on) == [first]
        # who was there while the first was still seen, who is elsewhere, who comes later
        beside = finding(kind=WRONG, t=12, at=(0, 46), track_id=2, lasted=3.0)
        elsewhere = finding(kind=WRONG, t=12, at=(-9, 22), track_id=2, lasted=1.0)
        later = finding(kind=WRONG, t=20, at=(0, 46), track_id=2, lasted=1.0)
        for other in (beside, elsewhere, later):
            assert len(seen(Incidents(GROUND), first, other)) == 2

    def test_one_that_waited_and_was_hidden_meanwhile(self):
        helmet = {"kind": ViolationType.NO_HELMET, "velocity": (0.0, 0.1), "lasted": 2.0}
        first = finding(t=10, at=(0, 30), **helmet)
        assert seen(
            Incidents(GROUND), first, finding(t=45, at=(0.5, 31), track_id=2, **helmet)
        ) == [first]
        assert (
            len(seen(Incidents(GROUND), first, finding(t=45, at=(0, 50), track_id=2, **helmet)))
            == 2
        )

    def test_it_goes_on_from_where_it_was_last_seen(self):
        book = Incidents(GROUND)
        first = finding(kind=WRONG, t=10, at=(0, 20))
        book.sort([first])
        for tick in range(20):
            moved = vehicle(0, 20 + 0.8 * tick)
            book.look(replace(tracks(T0 + (100 + tick) * SECOND // 10, [moved]), camera="barat"))
        on = finding(kind=WRONG, t=14, at=(0, 52), track_id=2, lasted=1.0)
        assert seen(book, on) == []
        third = finding(kind=WRONG, t=16, at=(0, 68), track_id=3, lasted=1.0)
        assert seen(book, third) == []  # and on

    def test_a_parked_vehicle_after_the_camera_was_blind(self):
        still = {"kind": PARKING, "velocity": (0.0, 0.0), "lasted": 60}
        first = finding(t=70, **still)
        again = finding(t=300, at=(0.1, 30.1), track_id=8, **still)
        next_to_it = finding(t=300, at=(0.0, 36.0), track_id=9, **still)
        book = Incidents(GROUND)
        seen(book, first)
        assert len(seen(book, replace(again, id="x"))) == 1  # it left, another came: the rule knows
        book = Incidents(GROUND)
        seen(book, first)
        book.blind("barat")
        assert seen(book, again, next_to_it) == [next_to_it]
        book = Incidents(GROUND)
        seen(book, first)
        for t in (70, 71, 3671, 72, 73):  # one stamp from the next hour
            book.look(replace(tracks(T0 + t * SECOND), camera="barat"))
        assert seen(book, again) == []


def test_everything_is_forgotten():
    book = Incidents(GROUND)
    for i in range(5000):
        t = i * 0.5
        book.sort([finding(CAMERAS[i % 3], t, (0.0, 20.0 + i % 30), track_id=i + 1)])
        book.look(replace(tracks(T0 + round(t * SECOND)), camera=CAMERAS[i % 3]))
        assert len(book) <= 512
    for t in range(2500, 3200):
        for camera in CAMERAS:
            book.look(replace(tracks(T0 + t * SECOND), camera=camera))
    assert len(book) == 0


vehicles = st.lists(
    st.tuples(
        st.integers(0, 5), st.integers(0, 20), st.lists(st.booleans(), min_size=3, max_size=3)
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda v: (v[0] % 3, v[1] // 8),
)


@settings(max_examples=80, deadline=None)
@given(vehicles, st.permutations(CAMERAS), st.randoms(use_true_random=False))
def test_the_order_of_cameras_does_not_matter(scene, order, dice):
    """Vehicles far from each other in place or time, each seen by some cameras at equal stamps."""
    sights = []
    for number, (spot, moment, by) in enumerate(scene):
        for camera, sees in zip(CAMERAS, by, strict=True):
            if sees:
                jitter = (dice.uniform(-1, 1), dice.uniform(-1, 1))
                at = (0.0 + jitter[0], 14.0 + 22.0 * (spot % 3) + jitter[1])
                found = finding(camera, moment // 8 * 30.0, at, PARKING, 5, number + 1, (0.0, 0.0))
                found = replace(found, zone=str(spot % 3))
                sights.append((found.stamp, camera, number, found))

    def run(cameras) -> set[frozenset]:
        book, of = Incidents(GROUND), {}
        for _, _, number, found in sorted(sights, key=lambda s: (s[0], cameras.index(s[1]))):
            for kept in book.sort([found]):
                of.setdefault(kept.same_as or kept.id, set()).add((number, kept.camera))
        return {frozenset(members) for members in of.values()}

    assert run(list(order)) == run(list(CAMERAS))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(CAMERAS),
            st.floats(-4000, 4000),
            st.floats(-20, 20),
            st.floats(1, 400),
            st.sampled_from([RED, PARKING]),
            st.integers(0, 3),
            st.floats(allow_nan=True, allow_infinity=True),
        ),
        max_size=25,
    )
)
def test_whatever_comes_nothing_is_a_witness_of_nothing(scene):
    book, firsts = Incidents(GROUND), set()
    for camera, t, x, y, kind, track_id, speed in scene:
        book.look(replace(tracks(T0 + round(t * SECOND)), camera=camera))
        with np.errstate(all="ignore"):
            for kept in book.sort([finding(camera, t, (x, y), kind, 1.0, track_id, (0.0, speed))]):
                assert kept.same_as == "" or kept.same_as in firsts
                assert kept.same_as != kept.id
                firsts |= {kept.id} if not kept.same_as else set()
