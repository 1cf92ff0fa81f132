"""Queueing traffic is not parking, signal or not; who stays when the queue moves on is."""

import numpy as np
import pytest
from detect_scenes import T0, place, play, tracks, user, zone
from street_camera import calibration, drive, fractions, street, vehicle

from bconnect_detect.core.queueing import Queue
from bconnect_detect.core.rules.illegal_stopping import IllegalStopping
from bconnect_detect.core.types import SECOND
from bconnect_site.kinds import RoadUserKind

ZONE = [[-1.75, 24], [3.5, 24], [3.5, 42], [-1.75, 42]]
BUS = RoadUserKind.BUS


def made(dwell: float = 10.0, calibrated: bool = True, **keys: object) -> IllegalStopping:
    keys = {"region": ZONE, "basis": "sign S-11", "dwell": dwell, **keys}
    return IllegalStopping(street("no_stopping", calibrated, **keys))


class Lane:
    """Vehicles on one lane (x = 0 m): each drives in, stands from a moment on, drives off."""

    def __init__(self, seed: int = 1) -> None:
        self._noise = np.random.default_rng(seed)
        self._all: list[tuple] = []

    def add(self, stop_y, arrive, leave, x=0.0, number=None, kind=RoadUserKind.CAR):
        self._all.append((stop_y, arrive, leave, x, number or len(self._all) + 1, kind))
        return self

    def __call__(self, t: float):
        seen = []
        for stop_y, arrive, leave, x, number, kind in self._all:
            if t < arrive:
                back = arrive - t
                y = stop_y - (back * back if back < 4 else 16 + 8 * (back - 4))
            else:
                off = max(0.0, t - leave)
                y = stop_y + (off * off if off < 4 else 16 + 8 * (off - 4))
            if 14 < y < 66:
                seen.append(vehicle(x, y, track_id=number, kind=kind, noise=self._noise))
        return seen


def passing(seconds: float, x: float = 5.0, every: float = 8.0):
    """Traffic on the next lane."""
    lane = Lane(9)
    for i in range(int(seconds / every)):
        lane.add(40, i * every, i * every, x, 100 + i)
    return lane


@pytest.mark.parametrize("seed", range(3))
def test_who_stands_alone_stops(seed: int):
    flow = passing(40)
    lane = Lane(seed).add(33, 8, 30)
    (one,) = drive(made(), 40, lambda t: lane(t) + flow(t))
    assert one.road_user.track_id == 1 and one.measured == pytest.approx(10.1, abs=0.3)
    assert T0 + 17 * SECOND < one.stamp < T0 + 20 * SECOND


@pytest.mark.parametrize("seed", range(3))
def test_a_queue_without_a_signal_is_a_queue(seed: int):
    lane = Lane(seed)
    for i, kind in enumerate((RoadUserKind.CAR, BUS, RoadUserKind.CAR, RoadUserKind.MOTORCYCLE)):
        lane.add((47, 38, 28, 24.5)[i], 6 + 2 * i, 46 + 2 * i, number=i + 1, kind=kind)
    assert drive(made(), 70, lane) == []


def test_who_stays_when_the_queue_moves_on_stops():
    lane = Lane().add(42, 6, 30).add(35, 9, 60)
    (one,) = drive(made(), 70, lane)
    assert one.road_user.track_id == 2
    # its leader left at about 31 s; a moment to follow, then 10 s of the zone
    assert T0 + 43 * SECOND < one.stamp < T0 + 50 * SECOND


def test_who_drives_in_ahead_of_one_who_stands_is_no_leader():
    flow = passing(40)
    lane = Lane().add(31, 6, 30).add(38, 12, 26, x=0.5)
    found = drive(made(), 40, lambda t: lane(t) + flow(t))
    assert {f.road_user.track_id for f in found} == {1, 2}
    first = next(f for f in found if f.road_user.track_id == 1)
    assert first.stamp < T0 + 19 * SECOND


def test_a_leader_who_crept_on_is_still_ahead():
    """It began to stand where its follower stands now, and stands 2.3 m further on."""

    def scene(t: float):
        leader = 42.8 + min(2.3, max(0.0, 0.8 * (t - 8.0)))
        lane = Lane().add(leader, 6, 45).add(41.8, 13, 46, number=2, kind=RoadUserKind.MOTORCYCLE)
        return lane(t) + flow(t)

    flow = passing(60)
    assert drive(made(), 60, scene) == []


def test_a_leader_hidden_behind_a_bus_still_counts():
    def scene(t: float):
        seen = lane(t)
        return [u for u in seen if u.track_id != 1] if 14 < t < 44 else seen

    lane = Lane().add(44, 6, 45).add(34, 12, 47, kind=BUS)
    assert drive(made(), 70, scene) == []


@pytest.mark.parametrize(
    ("kind", "ahead", "count"),
    [
        (RoadUserKind.CAR, 13.0, 0),  # a motorcycle fits between, hidden by the car
        (RoadUserKind.CAR, 18.0, 1),
        (RoadUserKind.MOTORCYCLE, 10.5, 1),  # hides nobody
    ],
)
def test_somebody_unseen_may_stand_between(kind: RoadUserKind, ahead: float, count: int):
    flow = passing(60)
    lane = Lane().add(27 + ahead, 6, 45).add(27, 10, 46, kind=kind)
    found = drive(made(), 60, lambda t: lane(t) + flow(t))
    assert len([f for f in found if f.road_user.track_id == 2]) == count


def test_one_behind_another_who_parks():
    flow = passing(110)
    lane = Lane().add(38, 6, 100).add(31, 10, 100)
    found = drive(made(), 110, lambda t: lane(t) + flow(t))
    assert [f.road_user.track_id for f in found] == [1, 2]
    assert found[1].stamp - found[0].stamp > 20 * SECOND  # it may have been shut in


@pytest.mark.parametrize(("stays", "count"), [(8.5, 0), (13.0, 1)])
def test_the_allowance_to_the_second(stays: float, count: int):
    for seed in range(4):
        flow = passing(40)
        lane = Lane(seed).add(33, 8, 8 + stays)
        assert len(drive(made(), 40, lambda t, f=flow, n=lane: n(t) + f(t))) == count


@pytest.mark.parametrize("kind", [RoadUserKind.CAR, BUS])
def test_its_middle_says_whether_it_is_in_the_zone(kind: RoadUserKind):
    flow = passing(40)
    for where, count in ((43.2, 0), (39.5, 1), (22.8, 0), (26.5, 1)):
        lane = Lane().add(where, 8, 30, kind=kind)
        found = drive(made(), 40, lambda t, n=lane: n(t) + flow(t))
        assert len(found) == count, where


def test_time_while_an_ambulance_passes_is_not_held_against_anybody():
    flow = passing(60)
    lane, quiet = Lane().add(33, 8, 22), Lane().add(33, 8, 22)

    def scene(t: float):
        ambulance = [vehicle(5.0, 16 + 8 * (t - 12), track_id=99, emergency=0.9)]
        return lane(t) + flow(t) + (ambulance if 12 < t < 16 else [])

    assert drive(made(), 60, scene) == []
    assert len(drive(made(), 60, lambda t: quiet(t) + flow(t))) == 1


@pytest.mark.parametrize(("doubt", "drives"), [(1.0, False), (0.1, True)])
def test_jitter_is_no_driving(doubt: float, drives: bool):
    """Far away feet jump by a metre; who stands there is not heading backwards."""
    queue = Queue(tuple(map(tuple, fractions(ZONE))), calibration())
    for tick in range(20):
        seen = vehicle(0.0, 38.0)
        object.__setattr__(seen, "velocity", (0.0, -2.6))
        object.__setattr__(seen, "velocity_stddev", (0.1, doubt))
        stamp = T0 + tick * SECOND // 10
        queue.look(tracks(stamp, [seen]))
    heading = queue.heading(seen, stamp)
    assert bool(np.isfinite(heading).all()) is drives


@pytest.mark.parametrize("kind", [RoadUserKind.CAR, RoadUserKind.MOTORCYCLE])
def test_who_passes_beside_one_that_is_hidden_does_not_drive_it_away(kind: RoadUserKind):
    """The leader stands hidden behind its follower; a motorcycle filters past, a car took its
    place."""

    def scene(t: float):
        seen = [u for u in lane(t) if u.track_id != 1 or t < 15]
        return seen + past(t)

    lane = Lane().add(39, 6, 70).add(31, 12, 70, kind=BUS)
    past = Lane(3).add(37, 18, 18, x=1.0, number=50, kind=kind)
    found = {f.road_user.track_id for f in drive(made(), 60, scene)}
    assert (2 in found) is (kind == RoadUserKind.CAR)


def test_a_queue_in_pixels():
    region = [[0.1, 0.2], [0.9, 0.2], [0.9, 0.95], [0.1, 0.95]]
    rule = IllegalStopping(
        place(zone(kind="no_stopping", region=region, basis="sign S-11", dwell=10.0))
    )

    def queue(t: float):
        off = 40 * max(0.0, t - 40)
        return [user((120 + off + 65 * i, 250), i + 1) for i in range(4)]

    head = play(rule, 45, queue)
    # nobody was seen driving: only who has nobody near is certain to stand by will
    assert head == []
