"""Places and speeds on the ground against geometry written apart from the code."""

import numpy as np
import pytest
from detect_scenes import SIZE, STEP, T0, tracks, user
from ground_scenes import CAR, Noise, Street, driver, straight
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_detect.core.ground import Ground, feet_on_ground
from bconnect_detect.core.ground_pose import pose_of
from bconnect_detect.core.speed_doubts import confusable, covered, uncut
from bconnect_detect.core.types import SECOND, RoadUser, Tracks
from bconnect_site.kinds import RoadUserKind

STREET = Street((0.0, -5.0, 6.5), (36.0, 2.0, 0.5), 40.0)


def place(ground: Ground, users_at, seconds: float, rate: float = 10.0, start: float = 0.0):
    made = None
    for tick in range(int(seconds * rate)):
        t = start + tick / rate
        made = ground.place(tracks(T0 + round(t * SECOND), users_at(t)))
    return made


def test_a_foot_stands_where_the_street_says():
    foot = STREET.fractions([(30.0, 1.0)])[0] * SIZE
    made = Ground(STREET.calibration(), "s/map").place(tracks(T0, [user(tuple(foot))]))
    assert made.ground_frame == "s/map"
    assert made.position[0] == pytest.approx((30.0, 1.0), abs=1e-3)
    # 2 % of a box 40 px high is 0.8 px down the image: there about 0.2 m along the street.
    assert 0.1 < made.position_stddev[0, 0] < 0.4
    assert made.position_stddev[0, 1] < made.position_stddev[0, 0]
    assert np.isnan(made.velocity).all()


def test_what_is_cut_or_not_calibrated_has_no_place():
    region = ((0.0, 0.6), (1.0, 0.6), (1.0, 1.0), (0.0, 1.0))
    ground = Ground(STREET.calibration(region))
    users = [
        user((300.0, 250.0), 1),
        user((300.0, 200.0), 2),  # above the region
        user((300.0, 359.5), 3),  # cut below
        user((20.0, 250.0), 4),  # cut at the left
        user((625.0, 250.0), 5),
        RoadUser(RoadUserKind.CAR, 6, 0.9, (300.0, 0.0, 380.0, 300.0)),  # cut above: stands
        user((300.0, 20.0), 7),  # in the sky
        RoadUser(RoadUserKind.CAR, 8, 0.9, (float("nan"), 0.0, 380.0, 300.0)),
    ]
    made = ground.place(tracks(T0, users))
    placed = np.isfinite(made.position).all(axis=1)
    assert placed.tolist() == [True, False, False, False, False, True, False, False]
    assert (np.isfinite(made.position_stddev).all(axis=1) == placed).all()


def test_another_aspect_ratio_is_left_alone():
    ground = Ground(STREET.calibration())
    other = Tracks.of(T0, "c", (640, 480), [user((300.0, 250.0))])
    assert ground.place(other) is other


def test_tracks_that_are_placed_already_are_left_alone():
    ground = Ground(STREET.calibration(), "s/map")
    once = ground.place(tracks(T0, [user((300.0, 250.0))]))
    assert ground.place(once) is once


@pytest.mark.parametrize("rate", [5.0, 10.0, 25.0])
def test_velocity_comes_from_stamps_not_from_a_rate(rate):
    made = place(Ground(STREET.calibration()), driver(STREET, straight((18, 1), 0, 12)), 2.0, rate)
    assert made.velocity[0] == pytest.approx((12.0, 0.0), abs=0.4)
    assert 0.0 < made.velocity_stddev[0, 0] < 1.5


def test_velocity_is_honest_about_its_doubt():
    off, said = [], []
    for seed in range(60):
        users = driver(STREET, straight((25, 1), 0, 12), noise=Noise(seed))
        made = place(Ground(STREET.calibration()), users, 1.5)
        off.append(abs(float(made.velocity[0, 0]) - 12.0))
        said.append(float(made.velocity_stddev[0, 0]))
    assert np.mean(np.array(off) <= 1.96 * np.array(said)) >= 0.9
    assert max(said) < 2.0


def test_one_wild_look_does_not_make_a_speed():
    ground = Ground(STREET.calibration())
    users = driver(STREET, straight((18, 1), 0, 12))

    def wild(t):
        at = users(t)
        if at and abs(t - 1.5) < 0.01:
            x0, y0, x1, y1 = at[0].box
            return [RoadUser(at[0].kind, 1, 0.9, (x0, y0, x1, y1 - 0.25 * (y1 - y0)))]
        return at

    made = place(ground, wild, 2.0)
    assert made.velocity[0, 0] == pytest.approx(12.0, abs=1.2)


def test_stamps_that_jump_or_run_backwards_make_no_speed():
    users = driver(STREET, straight((18, 1), 0, 12))
    ground = Ground(STREET.calibration())
    place(ground, users, 2.0)
    for stamp in (T0 + 3600 * SECOND, T0, T0 - 5 * SECOND):
        made = ground.place(tracks(stamp, users(1.9)))
        assert np.isfinite(made.position).all() and np.isnan(made.velocity).all()


def test_bare_detections_have_a_place_and_no_speed():
    made = place(
        Ground(STREET.calibration()), driver(STREET, straight((18, 1), 0, 12), track_id=0), 2.0
    )
    assert np.isfinite(made.position).all() and np.isnan(made.velocity).all()


def test_many_tracks_are_forgotten():
    ground = Ground(STREET.calibration())
    for tick in range(300):
        ground.place(
            tracks(T0 + tick * STEP, [user((300.0, 250.0), tick * 50 + i + 1) for i in range(50)])
        )
    assert len(ground) <= 50 * 21


@given(
    st.lists(
        st.tuples(
            st.integers(-(10**10), 10**10),
            st.lists(
                st.tuples(
                    st.integers(0, 3),
                    *(st.floats(-100.0, 800.0, width=32) for _ in range(4)),
                ),
                max_size=4,
            ),
        ),
        max_size=8,
    )
)
@settings(deadline=None)
def test_whatever_comes_places_are_finite_or_nothing(images):
    ground = Ground(STREET.calibration())
    for step, boxes in images:
        users = [RoadUser(RoadUserKind.CAR, i, 0.5, tuple(box)) for i, *box in boxes]
        made = ground.place(tracks(T0 + step, users))
        assert not np.isinf(made.position).any() and not np.isinf(made.velocity).any()
        known = np.isfinite(made.velocity)
        assert (made.velocity_stddev[known] > 0).all()


@given(
    st.tuples(st.floats(-20, 20), st.floats(-20, 20), st.floats(3.0, 15.0)),
    st.tuples(st.floats(10, 60), st.floats(-50, 50)),
    st.floats(25.0, 80.0),
)
@settings(deadline=None)
def test_the_camera_is_found_in_its_homography(position, ahead, view):
    street = Street(position, (position[0] + ahead[0], position[1] + ahead[1], 0.0), view)
    pose = pose_of(street.calibration())
    assert pose is not None
    assert pose.centre == pytest.approx(position, rel=1e-4, abs=1e-4)
    assert pose.focal == pytest.approx(street.focal / street.size[0], rel=1e-4)


@pytest.mark.parametrize("heading", [0.0, 35.0, 90.0, 180.0, -120.0])
def test_the_foot_wanders_as_geometry_has_it(heading):
    street = Street((2.0, -4.0, 6.0), (32.0, 3.0, 0.0), 50.0)
    calibration, turn = street.calibration(), np.radians(heading)
    headings = np.tile((np.cos(turn), np.sin(turn)), (3, 1))
    middles = np.array(((20.0, 0.0), (28.0, -6.0), (45.0, 9.0)))
    boxes = np.array([street.box(x, y, heading) for x, y in middles])
    feet = feet_on_ground(calibration, boxes, SIZE).places
    offsets = pose_of(calibration).foot_offset(middles, headings, CAR)
    known = np.isfinite(feet).all(axis=1)
    assert known.sum() >= 2
    assert offsets[known] == pytest.approx((feet - middles)[known], abs=1e-6)


def test_intrinsics_say_the_focal_length_where_they_are_known():
    keys = {"intrinsics": {
        "width": 640.0, "height": 360.0, "fx": STREET.focal, "fy": STREET.focal,
        "cx": 319.5, "cy": 179.5,
    }}  # fmt: skip
    pose = pose_of(STREET.calibration(**keys))
    assert pose is not None and pose.centre == pytest.approx(STREET.position, abs=1e-6)


def test_a_hidden_foot_is_noticed():
    behind = RoadUser(RoadUserKind.CAR, 1, 0.9, (100.0, 100.0, 200.0, 160.0))
    bus = RoadUser(RoadUserKind.BUS, 2, 0.9, (110.0, 120.0, 260.0, 250.0))
    aside = RoadUser(RoadUserKind.CAR, 3, 0.9, (400.0, 100.0, 460.0, 150.0))
    rider = RoadUser(RoadUserKind.MOTORCYCLE, 4, 0.9, (405.0, 120.0, 425.0, 190.0))
    assert covered(tracks(T0, [behind, bus, aside, rider])).tolist() == [True, False, False, False]
    assert covered(tracks(T0, [])).tolist() == covered(tracks(T0, [bus])).tolist()[:0]


def test_who_could_be_taken_for_whom():
    ground = Ground(STREET.calibration())

    def two(other_speed, other_y):
        a = driver(STREET, straight((18, 1), 0, 12), 1)
        b = driver(STREET, straight((18 + 1.2 * (12 - other_speed), other_y), 0, other_speed), 2)
        made = None
        for tick in range(13):
            t = tick / 10
            made = ground.place(tracks(T0 + tick * STEP, a(t) + b(t)))
        ground._ways.clear()
        return confusable(made).tolist()

    assert two(7.0, 2.0) == [True, True]
    assert two(12.0, 2.0) == [False, False]  # as fast: whoever it is, it is that fast
    assert two(7.0, 6.0) == [False, False]  # a lane further


def test_a_box_that_is_cut_for_a_while_is_noticed():
    way, looks = driver(STREET, straight((18, 1), 0, 12)), []
    for tick in range(25):
        t = tick / 10
        (seen,) = way(t)
        x0, y0, x1, y1 = seen.box
        cut = 0.3 * (y1 - y0) if 10 <= tick < 16 else 0.0
        looks.append((t, (x0, y0, x1, y1 - cut)))
    times, boxes = (np.array(column) for column in zip(*looks, strict=True))
    feet = feet_on_ground(STREET.calibration(), boxes, SIZE)
    good = uncut(times, boxes, np.hypot(*feet.slopes[:, :, 0].T))
    assert good.tolist() == [not 10 <= tick < 16 for tick in range(25)]
    assert not uncut(times, boxes, np.full(25, np.nan)).any()
