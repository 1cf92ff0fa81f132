"""What is computed for all vehicles of an image at once is what one by one would give."""

import numpy as np
from street_camera import SIZE, calibration

from bconnect_detect.core.footprint import GroundView, lengths
from bconnect_detect.core.plane import Plane
from bconnect_detect.core.types import RoadUser, Tracks
from bconnect_site.kinds import RoadUserKind

KINDS = [RoadUserKind.CAR, RoadUserKind.MOTORCYCLE, RoadUserKind.BUS, RoadUserKind.TRUCK]


def test_middles_of_all_are_those_of_each() -> None:
    dice = np.random.default_rng(3)
    view, n = GroundView(calibration(), SIZE), 60
    feet = dice.uniform((-20, -20), (SIZE[0] + 20, SIZE[1] + 20), (n, 2))  # some above the horizon
    turn = dice.uniform(0, 6.3, n)
    ahead = np.column_stack((np.cos(turn), np.sin(turn)))
    ahead[::9] = np.nan  # nobody knows where it is heading
    kinds = [KINDS[i % 4] for i in range(n)]
    together = view.middles_of(kinds, feet, ahead)
    for i in range(n):
        x, y = feet[i].tolist()
        alone = view.middles(kinds[i], (x, y), ahead[i])
        np.testing.assert_array_equal(together[i], alone)
    known = np.isfinite(together).all(axis=(1, 2))
    assert 10 < known.sum() < n
    assert lengths(RoadUserKind.BUS)[0] > lengths(RoadUserKind.CAR)[1]


def test_a_plane_says_the_same_of_many_as_of_one() -> None:
    dice = np.random.default_rng(4)
    plane = Plane(calibration(), SIZE)
    points = dice.uniform((-50, -50), (SIZE[0] + 50, SIZE[1] + 50), (200, 2))
    one_by_one = np.array([plane.place(x, y) for x, y in points.tolist()])
    np.testing.assert_array_equal(plane.places(points), one_by_one)
    covered = [plane.covers(x, y) for x, y in points.tolist()]
    assert plane.cover(points).tolist() == covered
    assert 20 < sum(covered) < 200


def made() -> Tracks:
    car = RoadUser(RoadUserKind.CAR, 7, 0.8, (10.0, 10.0, 50.0, 40.0))
    bus = RoadUser(RoadUserKind.BUS, 9, 0.6, (100.0, 10.0, 190.0, 80.0))
    return Tracks.of(1, "a", SIZE, [car, bus])


def test_changed_columns_forget_what_was_derived_from_the_old_ones() -> None:
    tracks = made()
    assert tracks[0] is tracks[0]
    assert tracks.once("n", lambda: len(tracks)) == 2
    other = tracks.changed(track_id=np.array([3, 4]))
    assert [user.track_id for user in other] == [3, 4]
    assert [user.track_id for user in tracks] == [7, 9]
    assert other.once("n", lambda: "anew") == "anew"
    chosen = tracks.select(np.array([False, True]))
    assert [user.track_id for user in chosen] == [9]
    assert len(chosen) == 1
