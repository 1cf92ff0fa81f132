"""No seat belt, telephone: a made model's marks, joined to drivers, agreed on by many images."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, nan

import numpy as np
import pytest
from detect_scenes import STEP, T0, place, zone

from bconnect_detect.core.detector import Detections, kinds_of, tidy
from bconnect_detect.core.rule import Context, Rule
from bconnect_detect.core.rules import RULES
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import Finding, RoadUser, Tracks, Warp
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, ViolationType
from bconnect_site.law import load_catalogue

NAMES = {0: "car", 1: "windshield", 2: "driver", 3: "seatbelt", 4: "no seatbelt", 5: "phone_use"}
ROAD = zone(kind="road", region=[[0, 0], [1, 0], [1, 1], [0, 1]], basis="movement rule")
CAR = (100.0, 100.0, 300.0, 260.0)
SCREEN = (120.0, 110.0, 280.0, 170.0)
DRIVER = (130.0, 115.0, 190.0, 170.0)
BESIDE = (210.0, 115.0, 270.0, 170.0)
BELT, PHONE = ViolationType.NO_SEAT_BELT, ViolationType.PHONE_USE

Marks = list[tuple[str, tuple[float, float, float, float], float]]


def model(*marks: tuple[str, tuple[float, float, float, float], float]) -> Detections:
    """What a model with these classes finds in one image."""
    kinds = kinds_of(NAMES)
    index = {name: number for number, name in NAMES.items()}
    return Detections(
        np.array([kinds[index[name]] for name, _, _ in marks], np.uint8),
        np.array([sure for _, _, sure in marks], np.float32),
        np.array([box for _, box, _ in marks], np.float32).reshape(-1, 4),
    )


def driver(*marks: tuple[str, tuple[float, float, float, float], float]) -> tuple[float, float]:
    """Belted and phone of the one car, with a windscreen."""
    found = tidy(model(("car", CAR, 0.9), ("windshield", SCREEN, 0.8), *marks))
    (user,) = found.to_tracks(T0, "c", (640, 360))
    return user.belted, user.phone


class TestDrivers:
    def test_marks_on_the_drivers_side_are_the_drivers(self) -> None:
        belted, phone = driver(("driver", DRIVER, 0.9), ("no seatbelt", DRIVER, 0.8))
        assert belted == pytest.approx(0.2) and phone == 0.0
        assert driver(("seatbelt", DRIVER, 0.9))[0] == pytest.approx(0.9)
        assert driver(("phone_use", DRIVER, 0.7))[1] == pytest.approx(0.7)

    def test_the_passengers_are_not(self) -> None:
        assert all(isnan(v) for v in driver(("no seatbelt", BESIDE, 0.9)))
        _, phone = driver(("driver", DRIVER, 0.9), ("phone_use", BESIDE, 0.9))
        assert phone == 0.0
        middle = (170.0, 115.0, 226.0, 170.0)
        assert isnan(driver(("no seatbelt", middle, 0.9))[0])

    def test_two_that_contradict_each_other_are_half_sure(self) -> None:
        belted, _ = driver(("seatbelt", DRIVER, 0.5), ("no seatbelt", DRIVER, 0.5))
        assert belted == pytest.approx(0.5)

    @pytest.mark.parametrize(
        "screens",
        [
            [],
            [SCREEN, (120.0, 180.0, 280.0, 240.0)],
            [(120.0, 110.0, 150.0, 170.0)],
            [(250.0, 110.0, 410.0, 170.0)],
        ],
    )
    def test_without_one_windscreen_from_the_front_nothing_is_known(
        self, screens: list[tuple[float, float, float, float]]
    ) -> None:
        marks: Marks = [("car", CAR, 0.9), ("no seatbelt", DRIVER, 0.9), ("phone_use", DRIVER, 0.9)]
        found = tidy(model(*marks, *(("windshield", box, 0.8) for box in screens)))
        (user,) = found.to_tracks(T0, "c", (640, 360))
        assert isnan(user.belted) and isnan(user.phone)

    def test_a_windscreen_that_may_be_another_vehicle_s_tells_of_neither(self) -> None:
        other = (90.0, 90.0, 310.0, 200.0)
        marks: Marks = [
            ("car", CAR, 0.9),
            ("windshield", SCREEN, 0.8),
            ("no seatbelt", DRIVER, 0.9),
        ]
        found = tidy(model(*marks, ("car", other, 0.8)))
        assert len(found) == 2
        assert all(isnan(user.belted) for user in found.to_tracks(T0, "c", (640, 360)))

    def test_marks_are_no_road_users(self) -> None:
        found = tidy(model(("driver", DRIVER, 0.9), ("windshield", SCREEN, 0.9)))
        assert len(found) == 0
        with pytest.raises(ConfigError, match="knows no road user"):
            kinds_of({0: "windshield", 1: "seatbelt"})


def rule(kind: ViolationType) -> Rule:
    return RULES[kind](place(ROAD, law=load_catalogue("uu22_2009")))


def watch(
    made: Rule,
    seen: Callable[[int], tuple[float, float]],
    images: int = 30,
    speed: float = 8.0,
    height: float = 120.0,
    pan: float = 0.0,
) -> list[Finding]:
    """Findings about a car that drives so many px an image; seen: belted and phone of each.

    pan: px an image by which the camera turns, told to the tracker.
    """
    context, found = Context(SignalBook({})), []
    for n in range(images):
        belted, phone = seen(n)
        x = 120.0 + (speed + pan) * n
        box = (x, 100.0, x + height * 1.3, 100.0 + height)
        user = RoadUser(RoadUserKind.CAR, 7, 0.9, box, belted=belted, phone=phone)
        tracks = Tracks.of(T0 + n * STEP, "c", (1280, 720), [user])
        if pan:
            warp = Warp(T0 + (n - 1) * STEP, (1.0, 0.0, pan, 0.0, 1.0, 0.0))
            object.__setattr__(tracks, "warp", warp)
        found += made.check(tracks, context)
    return found


@pytest.mark.parametrize(
    ("kind", "guilty", "innocent", "article"),
    [
        (BELT, (0.1, nan), (0.9, nan), "UU 22/2009 Art. 289"),
        (PHONE, (nan, 0.9), (nan, 0.0), "UU 22/2009 Art. 283"),
    ],
)
class TestRules:
    def test_many_images_that_agree(
        self,
        kind: ViolationType,
        guilty: tuple[float, float],
        innocent: tuple[float, float],
        article: str,
    ) -> None:
        (one,) = watch(rule(kind), lambda n: guilty)
        assert one.type == kind and article in one.article and "while it drove" in one.explanation
        assert watch(rule(kind), lambda n: innocent) == []

    @pytest.mark.parametrize("doubt", ["few", "mixed", "unsure", "small", "parked", "panned"])
    def test_doubt(
        self,
        kind: ViolationType,
        guilty: tuple[float, float],
        innocent: tuple[float, float],
        article: str,
        doubt: str,
    ) -> None:
        unsure = tuple(0.4 if kind == BELT else 0.6 for _ in range(2))
        scenes: dict[str, tuple[Callable[[int], tuple[float, float]], dict[str, float]]] = {
            "few": (lambda n: guilty if n < 7 else (nan, nan), {}),
            "mixed": (lambda n: guilty if n % 4 else innocent, {}),
            "unsure": (lambda n: (unsure[0], unsure[1]), {}),
            "small": (lambda n: guilty, {"height": 60.0}),
            "parked": (lambda n: guilty, {"speed": 0.0}),
            "panned": (lambda n: guilty, {"speed": 0.0, "pan": 8.0}),
        }
        seen, how = scenes[doubt]
        assert watch(rule(kind), seen, **how) == []  # type: ignore[arg-type]

    def test_it_is_off_and_says_so_until_a_model_sees_it(
        self,
        kind: ViolationType,
        guilty: tuple[float, float],
        innocent: tuple[float, float],
        article: str,
    ) -> None:
        made = rule(kind)
        watch(made, lambda n: (nan, nan))
        assert "the detector needs a model" in made.silence  # type: ignore[attr-defined]
        watch(made, lambda n: innocent)
        assert made.silence == ""  # type: ignore[attr-defined]

    def test_it_comes_out_once_and_is_forgotten(
        self,
        kind: ViolationType,
        guilty: tuple[float, float],
        innocent: tuple[float, float],
        article: str,
    ) -> None:
        made = rule(kind)
        assert len(watch(made, lambda n: guilty, images=90)) == 1
        later = Tracks.of(T0 + 1000 * STEP, "c", (1280, 720), [])
        made.check(later, Context(SignalBook({})))
        assert len(made) == 0
