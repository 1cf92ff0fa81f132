"""Zones of the map, judged from a vehicle: only what is sure, and why not where it is not."""

from __future__ import annotations

from math import hypot
from typing import Any

import pytest
from detect_scenes import T0
from map_scenes import CAMERA, HOME, Receiver, along, area, drive, road, site, stated, still

from bconnect_detect.core.ego import Heading
from bconnect_detect.core.judge import Judge
from bconnect_detect.core.types import SECOND, Finding
from bconnect_site.hours import Window
from bconnect_site.kinds import CameraState, ViolationType, ZoneKind
from bconnect_site.mapzones import MapZone
from bconnect_site.wgs84 import moved, offset

KERB = area((5.0, 40.0), (-6.0, -2.0))  # 4 m wide, on the right of a vehicle that looks east
PARKER = still(15.0, -4.0)


def judge(*zones: MapZone, calibrated: bool = True, **keys: Any) -> Judge:
    calibrations = {"depan": CAMERA.calibration()} if calibrated else {}
    return Judge(site(**keys), None, None, calibrations, zones)


def away(finding: Finding, east: float, north: float) -> float:
    """m between a finding's place and a true one."""
    return hypot(*offset(moved(HOME, east, north), (finding.latitude, finding.longitude)))


class TestParking:
    def test_who_stands_in_the_zone_too_long_is_found_with_place_and_doubt(self) -> None:
        (one,) = drive(judge(KERB, parked=stated()), 75.0, [PARKER])
        assert one.type == ViolationType.ILLEGAL_PARKING and one.zone == "bahu"
        assert 60.0 < one.measured < 63.0 and one.limit == 60.0
        assert away(one, 13.0, -4.0) < 1.5 and 0.3 < one.position_stddev < 0.8
        assert one.width == 640 and one.road_user.box[3] < 360
        assert "By the map: seen 13 m" in one.explanation and one.basis == "sign S-12"

    def test_who_stands_in_it_not_long_enough_is_not(self) -> None:
        assert drive(judge(KERB, parked=stated()), 60.0, [PARKER]) == []

    @pytest.mark.parametrize("north", [-0.5, -1.4, -7.5])
    def test_who_stands_beside_or_on_its_border_is_not(self, north: float) -> None:
        assert drive(judge(KERB, parked=stated()), 75.0, [still(15.0, north)]) == []

    @pytest.mark.parametrize("stddev", [1.0, 3.0])
    def test_ordinary_gnss_is_not_sure_of_a_narrow_zone(self, stddev: float) -> None:
        parked = {"heading": 90.0, "heading_stddev": 1.0}
        got = drive(judge(KERB, parked=parked), 75.0, [PARKER], receiver=Receiver(stddev))
        assert got == []

    def test_but_of_one_as_wide_as_a_street(self) -> None:
        wide = area((-60.0, 90.0), (-25.0, 20.0))
        parked = {"heading": 90.0, "heading_stddev": 2.0}
        (one,) = drive(judge(wide, parked=parked), 75.0, [PARKER], receiver=Receiver(2.5))
        assert 2.4 < one.position_stddev < 3.0

    def test_a_heading_known_badly_blurs_what_is_far_away(self) -> None:
        parked = stated(heading_stddev=2.2)
        assert drive(judge(KERB, parked=parked), 75.0, [still(25.0, -4.0)]) == []
        assert len(drive(judge(KERB, parked=parked), 75.0, [still(11.5, -4.0)])) == 1

    def test_outside_its_hours_nothing_counts(self) -> None:
        morning = Window.model_validate({"days": "daily", "from": "06:00", "to": "09:00"})
        zone = area((5.0, 40.0), (-6.0, -2.0), active=(morning,))
        assert drive(judge(zone, parked=stated()), 75.0, [PARKER]) == []

    def test_who_waits_in_a_queue_does_not_park(self) -> None:
        def rolls_up(t: float) -> tuple[float, float, float]:
            return (min(5.0 + 4.0 * t, 12.0), -4.0, 0.0)

        def leads(t: float) -> tuple[float, float, float]:
            return (min(11.0 + 4.0 * t, 19.0), -4.0, 0.0)

        zone = area((5.0, 16.0), (-6.0, -2.0))
        made = judge(zone, parked=stated())
        drive(made, 4.0, [], receiver=Receiver())
        assert (
            drive(made, 75.0, [lambda t: rolls_up(t - 4.0), lambda t: leads(t - 4.0)], start=4.0)
            == []
        )

    def test_a_finding_comes_out_once(self) -> None:
        assert len(drive(judge(KERB, parked=stated()), 200.0, [PARKER])) == 1


class TestWhyNot:
    def off(self, made: Judge) -> str:
        return "; ".join(made.off)

    def test_no_heading(self) -> None:
        made = judge(KERB)
        assert drive(made, 75.0, [PARKER], receiver=Receiver(0.02)) == []
        assert "which way the vehicle looks is not known" in self.off(made)

    def test_a_heading_from_the_last_drive_is_lost_while_parking(self) -> None:
        def arrives(t: float) -> tuple[float, float, float]:
            return (-40.0 + min(5.0 * t, 40.0), 0.0, 0.0)

        made = judge(KERB)
        got = drive(made, 80.0, [PARKER], vehicle=arrives, receiver=Receiver(0.02, 0.05))
        assert got == [] and "its heading is known to 50 degrees only" in self.off(made)

    def test_poor_gnss(self) -> None:
        made = judge(KERB, parked={"heading": 90.0})
        drive(made, 20.0, [PARKER], receiver=Receiver(5.0))
        assert "its place is known to 5.0 m only, and 3 m are asked for" in self.off(made)

    def test_no_fix(self) -> None:
        made = judge(KERB, parked=stated())
        got = drive(made, 90.0, [PARKER], receiver=Receiver(silent=lambda t: t > 10))
        assert got == [] and "GNSS does not tell" in self.off(made)

    def test_gnss_somewhere_else_than_stated(self) -> None:
        made = judge(KERB, parked=stated())
        got = drive(made, 75.0, [PARKER], receiver=Receiver(1.0, off=(5000.0, 0.0)))
        assert got == [] and "GNSS sees it 5000 m from where it is stated" in self.off(made)

    def test_too_fast(self) -> None:
        made = judge(KERB, parked=stated())
        drive(made, 10.0, [], vehicle=along(-100.0, 0.0, 12.0))
        assert "the vehicle drives 12.0 m/s, and 8 m/s are allowed" in self.off(made)

    def test_no_calibration_to_the_vehicle(self) -> None:
        made = judge(KERB, parked=stated(), calibrated=False)
        assert "no calibration to the vehicle" in self.off(made)

    def test_a_camera_that_was_knocked_sees_no_places(self) -> None:
        made = judge(KERB, parked=stated())
        drive(made, 50.0, [PARKER])
        made.on_camera_status("depan", CameraState.MOVED)
        made.on_camera_status("depan", CameraState.OK)
        assert drive(made, 30.0, [PARKER], start=50.0) == []

    def test_a_jump_of_5_km_while_parked_ends_what_was_watched(self) -> None:
        made = judge(KERB, parked={"heading": 90.0, "heading_stddev": 1.0})
        far = Receiver(0.05, off=(5000.0, 0.0))
        assert drive(made, 40.0, [PARKER], receiver=Receiver(0.05)) == []
        assert drive(made, 40.0, [PARKER], receiver=far, start=40.0) == []


class TestTwoAntennas:
    RTK = Receiver(0.02, antennas=0.1)

    def test_they_tell_the_heading_of_a_parked_vehicle(self) -> None:
        (one,) = drive(judge(KERB), 75.0, [PARKER], receiver=self.RTK)
        assert one.position_stddev < 0.5 and away(one, 13.0, -4.0) < 1.5

    def test_a_heading_stated_otherwise_is_contradicted(self) -> None:
        made = judge(KERB, parked=stated(heading=60.0))
        assert drive(made, 75.0, [PARKER], receiver=self.RTK) == []
        assert "which way the vehicle looks is not known" in "; ".join(made.off)

    def test_what_they_say_trembles_and_the_place_does_not_begin_anew(self) -> None:
        made = judge(KERB)
        found = []
        for second in range(80):
            trembling = Receiver(0.02, antennas=0.3 * (-1) ** second)
            found += drive(made, 1.0, [PARKER], receiver=trembling, start=float(second))
        assert len(found) == 1

    @pytest.mark.parametrize(
        ("z", "w", "variance"), [(0.0, 0.0, 1.0), (0.0, 1.0, -1.0), (float("nan"), 1.0, 1.0)]
    )
    def test_an_orientation_that_is_none_tells_nothing(
        self, z: float, w: float, variance: float
    ) -> None:
        assert not Heading.told(1, z, w, [0.0] * 8 + [variance]).known


class TestMoving:
    STOP = area((20.0, 60.0), (-9.0, -1.5), kind=ZoneKind.NO_STOPPING, dwell=3.0)
    RULES = ("illegal_stopping",)

    def passes(self, stddev: float, **keys: Any) -> list[Finding]:
        made = judge(self.STOP, rules=self.RULES)
        receiver = Receiver(stddev, 0.05)
        return drive(
            made, 14.0, [still(45.0, -5.0)], vehicle=along(-8.0, 0.0, 4.0), receiver=receiver
        )

    def test_who_stands_is_found_in_passing_with_rtk(self) -> None:
        (one,) = self.passes(0.02)
        assert one.type == ViolationType.ILLEGAL_STOPPING
        assert away(one, 43.0, -5.0) < 1.5 and "driving 4.0 m/s" in one.explanation

    def test_and_not_with_ordinary_gnss(self) -> None:
        assert self.passes(2.5) == []

    def test_who_drives_along_with_the_vehicle_does_not_stand(self) -> None:
        made = judge(self.STOP, rules=self.RULES)
        ahead = along(7.0, -5.0, 4.0)
        got = drive(
            made, 14.0, [ahead], vehicle=along(-8.0, 0.0, 4.0), receiver=Receiver(0.02, 0.05)
        )
        assert got == []


class TestWrongWay:
    RULES = ("wrong_way",)
    STREET = road((-20.0, -4.0), (80.0, -4.0), width=7.0)

    def test_against_the_map_s_direction(self) -> None:
        made = judge(self.STREET, rules=self.RULES, parked=stated())
        drive(made, 5.0, [])
        (one,) = drive(made, 9.0, [along(80.0, -4.0, -8.0)], start=5.0)
        assert one.type == ViolationType.WRONG_WAY and one.measured > 3.0
        assert one.zone == "jalan" and one.position_stddev < 1.0

    @pytest.mark.parametrize(
        "way", [along(-30.0, -4.0, 8.0), along(60.0, 4.0, -8.0), along(25.0, -12.0, 0.0, 5.0)]
    )
    def test_with_it_beside_it_or_across_it_is_lawful(self, way: Any) -> None:
        made = judge(self.STREET, rules=self.RULES, parked=stated())
        drive(made, 5.0, [])
        assert drive(made, 12.0, [way], start=5.0) == []

    def test_a_place_that_is_not_sure_is_no_place(self) -> None:
        made = judge(self.STREET, rules=self.RULES, parked=stated(stddev=2.0))
        drive(made, 5.0, [])
        assert drive(made, 9.0, [along(80.0, -4.0, -8.0)], start=5.0) == []

    def test_from_a_vehicle_that_drives_itself(self) -> None:
        made = judge(self.STREET, rules=self.RULES)
        vehicle, rtk = along(-20.0, 0.0, 5.0), Receiver(0.02, 0.05)
        (one,) = drive(made, 9.0, [along(90.0, -4.0, -8.0)], vehicle=vehicle, receiver=rtk)
        assert one.type == ViolationType.WRONG_WAY
        made = judge(self.STREET, rules=self.RULES)
        with_it = along(-5.0, -4.0, 5.5)  # hardly faster than the vehicle: rolls back in no frame
        assert drive(made, 9.0, [with_it], vehicle=vehicle, receiver=rtk) == []
        made = judge(self.STREET, rules=self.RULES)
        slower = along(12.0, -4.0, 3.0)  # comes nearer in the picture, but drives as it must
        assert drive(made, 8.0, [slower], vehicle=vehicle, receiver=rtk) == []


def test_everything_remembered_is_forgotten() -> None:
    made = judge(KERB, parked=stated())
    for block in range(6):
        passing = [along(6.0 + k, -4.0, 3.0 + k) for k in range(5)]
        drive(made, 10.0, passing, start=block * 10.0)
    drive(made, 100.0, [], start=60.0)
    assert len(made) < 60


def test_images_that_run_backwards_begin_anew() -> None:
    made = judge(KERB, parked=stated())
    drive(made, 30.0, [PARKER])
    assert drive(made, 50.0, [PARKER]) == []


def test_same_drive_same_findings() -> None:
    one, two = (drive(judge(KERB, parked=stated()), 75.0, [PARKER]) for _ in range(2))
    assert repr(one) == repr(two) and one[0].stamp > T0 + 60 * SECOND
