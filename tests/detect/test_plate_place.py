"""Whose plate it is: the failures of peers (FIELD.md), each by its name."""

from __future__ import annotations

import pytest

from bconnect_detect.core.plate_place import Candidate, Refusal, Vehicle, follow, own_plate
from bconnect_detect.core.types import Box
from bconnect_site.kinds import RoadUserKind

CAR, MOTORCYCLE = RoadUserKind.CAR, RoadUserKind.MOTORCYCLE
STILL = (1920, 1080)
OFFENDER: Box = (800.0, 400.0, 1100.0, 680.0)  # 300 x 280
PLATE = Candidate((915.0, 600.0, 985.0, 622.0), 0.8)


def test_the_plate_low_on_the_vehicle_is_its_own() -> None:
    assert own_plate(OFFENDER, CAR, [], [PLATE], STILL) == PLATE


def test_a_parked_cars_plate_is_not_attached_to_the_moving_car_before_it() -> None:
    """frigate_plate_recognizer #31: the parked car stands behind, its plate shows above."""
    parked: Box = (820.0, 330.0, 1060.0, 500.0)
    theirs = Candidate((905.0, 455.0, 965.0, 474.0), 0.95)
    refused = own_plate(OFFENDER, CAR, [parked], [theirs], STILL)
    assert isinstance(refused, Refusal)
    assert not refused.seen
    assert own_plate(OFFENDER, CAR, [parked], [theirs, PLATE], STILL) == PLATE


def test_a_plate_in_another_vehicles_box_is_contested() -> None:
    nearer: Box = (850.0, 560.0, 1040.0, 760.0)
    refused = own_plate(OFFENDER, CAR, [nearer], [PLATE], STILL)
    assert isinstance(refused, Refusal)
    assert refused.seen
    assert refused.reason == "another vehicle covers the place of the plate"


def test_a_second_box_on_the_same_vehicle_contests_nothing() -> None:
    double: Box = (805.0, 395.0, 1095.0, 685.0)
    assert own_plate(OFFENDER, CAR, [double], [PLATE], STILL) == PLATE


def test_two_plates_are_none() -> None:
    second = Candidate((830.0, 640.0, 900.0, 662.0), 0.5)
    refused = own_plate(OFFENDER, CAR, [], [PLATE, second], STILL)
    assert isinstance(refused, Refusal)
    assert refused.seen


@pytest.mark.parametrize(
    ("what", "box"),
    [
        ("a shop's sign beside the car", (1150.0, 560.0, 1250.0, 590.0)),
        ("a sign that reaches beyond the car", (1040.0, 600.0, 1160.0, 636.0)),
        ("a sticker on the rear window", (915.0, 440.0, 985.0, 462.0)),
        ("a maker's badge", (945.0, 560.0, 957.0, 565.0)),
        ("a square badge", (930.0, 560.0, 960.0, 590.0)),
        ("a banner as wide as the car", (810.0, 600.0, 1090.0, 650.0)),
        ("a bumper's strip", (850.0, 650.0, 990.0, 662.0)),
    ],
)
def test_a_badge_or_shop_sign_is_not_the_vehicles_plate(what: str, box: Box) -> None:
    """OpenNVR #386, Frigate PR #17373."""
    refused = own_plate(OFFENDER, CAR, [], [Candidate(box, 0.9)], STILL)
    assert isinstance(refused, Refusal), what
    assert not refused.seen


def test_a_motorcycles_plate_is_large_on_it() -> None:
    machine: Box = (900.0, 500.0, 960.0, 640.0)
    plate = Candidate((915.0, 590.0, 945.0, 602.0), 0.7)
    assert own_plate(machine, MOTORCYCLE, [], [plate], STILL) == plate
    wide = Candidate((850.0, 560.0, 990.0, 610.0), 1.0)
    refused = own_plate((850.0, 400.0, 1000.0, 640.0), CAR, [], [wide], STILL)
    assert isinstance(refused, Refusal)


def test_a_plate_cut_by_the_pictures_border_is_refused() -> None:
    box: Box = (1700.0, 700.0, 1920.0, 1000.0)
    cut = Candidate((1850.0, 900.0, 1919.5, 920.0), 0.9)
    refused = own_plate(box, CAR, [], [cut], STILL)
    assert isinstance(refused, Refusal)
    assert "border" in refused.reason


def test_a_vehicle_is_found_again_by_its_place() -> None:
    seen = [Vehicle(CAR, (810.0, 405.0, 1110.0, 685.0)), Vehicle(CAR, (300.0, 300.0, 500.0, 450.0))]
    assert follow(OFFENDER, (0.0, 0.0), CAR, seen) == 0


def test_two_that_fit_equally_are_none() -> None:
    seen = [
        Vehicle(CAR, (880.0, 400.0, 1180.0, 680.0)),
        Vehicle(CAR, (720.0, 400.0, 1020.0, 680.0)),
    ]
    assert follow(OFFENDER, (0.0, 0.0), CAR, seen) is None


def test_a_motorcycle_is_not_taken_for_the_car() -> None:
    seen = [Vehicle(MOTORCYCLE, OFFENDER, likeness=1.0)]
    assert follow(OFFENDER, (0.0, 0.0), CAR, seen) is None


def test_one_that_moved_on_is_found_by_its_colours_if_they_are_clear() -> None:
    far: Box = (1150.0, 420.0, 1450.0, 700.0)
    other: Box = (450.0, 380.0, 740.0, 650.0)
    clear = [Vehicle(CAR, far, 0.9), Vehicle(CAR, other, 0.6)]
    assert follow(OFFENDER, (0.0, 0.0), CAR, clear) == 0
    alike = [Vehicle(CAR, far, 0.9), Vehicle(CAR, other, 0.88)]
    assert follow(OFFENDER, (0.0, 0.0), CAR, alike) is None
    strange = [Vehicle(CAR, far, 0.5)]
    assert follow(OFFENDER, (0.0, 0.0), CAR, strange) is None
