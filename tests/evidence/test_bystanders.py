"""Whom the copy for outside shows: the offender with its plate, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bconnect_detect.adapters import blurring
from bconnect_detect.adapters.drawing import decode, encode
from bconnect_detect.core.bystanders import Seen, Spot, Veil, veil
from bconnect_detect.core.detector import Detections
from bconnect_detect.core.evidence import Case
from bconnect_detect.core.types import Box, Finding
from bconnect_detect.core.violation import PlateReading
from bconnect_detect.releasing import Releaser, default_detector
from bconnect_detect.sealing import Sealer
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import EvidenceKind, PlateState, RoadUserKind

K = RoadUserKind
OFFENDER = Seen(K.CAR, (600.0, 400.0, 1000.0, 700.0))
PLATE: Box = (750.0, 620.0, 850.0, 645.0)


def hidden(made: Veil, x: float, y: float) -> bool:
    """Whether a pixel is made illegible."""
    inside = [b for b in (spot.box for spot in made.blur) if _in(b, x, y)]
    return bool(inside) and not any(_in(box, x, y) for box in made.keep)


def _in(box: Box, x: float, y: float) -> bool:
    return box[0] <= x < box[2] and box[1] <= y < box[3]


def any_hidden(made: Veil, box: Box) -> bool:
    xs, ys = np.linspace(box[0], box[2] - 1, 9), np.linspace(box[1], box[3] - 1, 9)
    return any(hidden(made, x, y) for x in xs for y in ys)


def all_hidden(made: Veil, box: Box) -> bool:
    xs, ys = np.linspace(box[0], box[2] - 1, 9), np.linspace(box[1], box[3] - 1, 9)
    return all(hidden(made, x, y) for x in xs for y in ys)


def test_the_offender_stays_as_it_is() -> None:
    made = veil([OFFENDER, Seen(K.TRUCK, (605.0, 395.0, 1005.0, 702.0))], [PLATE], OFFENDER)
    assert not any_hidden(made, OFFENDER.box)


def test_the_offender_is_one_whatever_part_of_it_is_seen_again() -> None:
    part = Seen(K.CAR, (620.0, 420.0, 900.0, 690.0))
    assert not any_hidden(veil([part], [], OFFENDER), OFFENDER.box)


@pytest.mark.parametrize("kind", [K.CAR, K.MINIBUS, K.BUS, K.TRUCK])
def test_a_small_other_vehicle_loses_its_lower_half(kind: RoadUserKind) -> None:
    box = (100.0, 300.0, 220.0, 400.0)
    made = veil([Seen(kind, box)], [], OFFENDER)
    assert all_hidden(made, (100.0, 350.0, 220.0, 400.0))
    assert not any_hidden(made, (100.0, 300.0, 220.0, 349.0))


def test_behind_the_glass_of_a_large_vehicle_a_face_may_be_known() -> None:
    box = (100.0, 300.0, 320.0, 440.0)
    assert all_hidden(veil([Seen(K.CAR, box)], [], OFFENDER), box)


def test_another_motorcycle_and_its_riders_are_hidden() -> None:
    machine = Seen(K.MOTORCYCLE, (100.0, 300.0, 160.0, 400.0))
    rider = Seen(K.PEDESTRIAN, (105.0, 240.0, 155.0, 380.0))
    made = veil([machine, rider], [], OFFENDER)
    assert all_hidden(made, machine.box)
    assert all_hidden(made, (105.0, 240.0, 155.0, 285.0)), "the head"


def test_riders_of_the_offending_motorcycle_stay() -> None:
    """No helmet: the bare head is the evidence."""
    offender = Seen(K.MOTORCYCLE, (100.0, 300.0, 160.0, 400.0))
    rider = Seen(K.PEDESTRIAN, (105.0, 240.0, 155.0, 380.0))
    walker = Seen(K.PEDESTRIAN, (300.0, 240.0, 340.0, 380.0))
    made = veil([offender, rider, walker], [], offender)
    assert not any_hidden(made, rider.box)
    assert all_hidden(made, (300.0, 240.0, 340.0, 285.0))


def test_whose_rider_it_is_in_doubt_the_head_is_hidden() -> None:
    offender = Seen(K.MOTORCYCLE, (100.0, 300.0, 160.0, 400.0))
    beside = Seen(K.MOTORCYCLE, (135.0, 300.0, 195.0, 402.0))
    rider = Seen(K.PEDESTRIAN, (120.0, 240.0, 170.0, 380.0))
    assert all_hidden(veil([beside, rider], [], offender), (120.0, 240.0, 170.0, 285.0))


def test_somebody_before_the_offending_car_is_hidden() -> None:
    walker = Seen(K.PEDESTRIAN, (700.0, 450.0, 760.0, 650.0))
    assert all_hidden(veil([walker], [], OFFENDER), (700.0, 450.0, 760.0, 515.0))


def test_a_farther_vehicle_does_not_cover_the_offender() -> None:
    """Boxes overlap, but the offender stands before it: those are the offender's pixels."""
    farther = Seen(K.CAR, (900.0, 380.0, 1200.0, 600.0))
    made = veil([farther], [], OFFENDER)
    assert not any_hidden(made, OFFENDER.box)
    assert all_hidden(made, (1005.0, 490.0, 1200.0, 600.0))


def test_a_nearer_vehicle_is_hidden_also_before_the_offender() -> None:
    nearer = Seen(K.CAR, (900.0, 500.0, 1300.0, 800.0))
    assert all_hidden(veil([nearer], [], OFFENDER), nearer.box)


def test_the_offenders_plate_stays_even_behind_a_nearer_box() -> None:
    nearer = Seen(K.CAR, (740.0, 500.0, 1300.0, 800.0))
    made = veil([nearer], [PLATE], OFFENDER, PLATE)
    assert not any_hidden(made, PLATE)
    assert hidden(made, 1100.0, 700.0)


def test_plates_of_others_are_hidden_wherever_they_were_found() -> None:
    lonely = (1500.0, 800.0, 1560.0, 815.0)  # its vehicle was not found
    made = veil([], [PLATE, lonely], OFFENDER)
    assert all_hidden(made, lonely) and not any_hidden(made, PLATE)
    assert max(spot.block for spot in made.blur) >= 15, "no finer than the plate is high"


def test_a_plate_on_a_motorcycle_before_the_offender_is_not_the_offenders() -> None:
    """The parked car's plate attached to a moving one, the other way round."""
    before = Seen(K.MOTORCYCLE, (730.0, 560.0, 880.0, 690.0))
    assert all_hidden(veil([before], [PLATE], OFFENDER), PLATE)


def test_without_an_offender_nobody_is_exempt() -> None:
    made = veil([OFFENDER], [PLATE])
    assert all_hidden(made, OFFENDER.box) and all_hidden(made, PLATE)


boxes = st.tuples(st.floats(0, 1800), st.floats(0, 1000), st.floats(8, 600), st.floats(8, 500)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
seens = st.builds(Seen, st.sampled_from(list(K)), boxes)


@given(st.lists(seens, max_size=8), st.lists(boxes, max_size=4), seens, boxes)
def test_whatever_is_seen_the_known_plate_stays(
    seen: list[Seen], plates: list[Box], offender: Seen, plate: Box
) -> None:
    made = veil(seen, plates, offender, plate)
    assert not any_hidden(made, plate)
    assert all(spot.block >= 14 for spot in made.blur)


@given(st.lists(seens, max_size=8), st.lists(boxes, max_size=4))
def test_whatever_is_seen_before_and_after_every_plate_is_hidden(
    seen: list[Seen], plates: list[Box]
) -> None:
    made = veil(seen, plates)
    assert made.keep == ()
    assert all(all_hidden(made, plate) for plate in plates)


# --- pixels


def lettered() -> Any:
    image = np.full((300, 500, 3), 128, np.uint8)
    for x in range(40, 460, 60):
        cv2.putText(image, "A", (x, 160), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
    return image


def test_what_is_covered_cannot_be_read_and_the_rest_is_untouched() -> None:
    image = lettered()
    made = blurring.cover(image, Veil((Spot((0.0, 130.0, 250.0, 180.0), 20.0),)))
    left = made[130:180, 0:250]
    assert len(np.unique(left.reshape(-1, 3), axis=0)) <= 2 * 12, "a few colours, blocks"
    assert int(left.max()) - int(left.min()) < 40, "no strokes"
    assert (made[:130] == image[:130]).all() and (made[:, 250:] == image[:, 250:]).all()
    assert made is not image


@given(boxes)
def test_any_box_may_be_covered(box: Box) -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    shifted = (box[0] - 900, box[1] - 500, box[2] - 900, box[3] - 500)
    for some in (box, shifted):
        assert blurring.cover(image, Veil((Spot(some, 14.0),), (some,))).shape == image.shape


def test_a_large_picture_is_looked_at_in_parts_and_boxes_come_back_in_its_pixels() -> None:
    class Corner:
        info = None

        def detect(self, image: Any) -> Detections:
            x, y = np.argwhere(image[..., 0] == 255)[0][::-1] if (image == 255).any() else (0, 0)
            box = np.array([[x, y, x + 4, y + 4]], np.float32)
            return Detections(np.array([K.CAR], np.uint8), np.ones(1), box)

    image = np.zeros((1080, 1920, 3), np.uint8)
    image[900:910, 1700:1710] = 255
    found = blurring.find(Corner(), image)
    assert len(found) == 5
    assert found[0].box == found[-1].box == (1700.0, 900.0, 1704.0, 904.0)


# --- in the sealed folder


class TwoCars:
    """Finds the offender of the tests' finding and another car, in the whole picture."""

    info = None

    def detect(self, image: Any) -> Detections:
        if image.shape[:2] != (1080, 1920):
            return Detections(np.zeros(0, np.uint8), np.zeros(0), np.zeros((0, 4), np.float32))
        rows = np.array([[480, 270, 960, 540], [1300, 600, 1700, 900]], np.float32)
        return Detections(np.array([K.CAR, K.CAR], np.uint8), np.ones(2), rows)


@pytest.fixture
def striped(monkeypatch: pytest.MonkeyPatch, make_jpeg: Callable[..., bytes]) -> bytes:
    image = np.full((1080, 1920, 3), 90, np.uint8)
    image[:, ::8] = 220  # fine lines: gone where it was covered
    return encode(image)


def contrast(image: Any, x: int, y: int) -> int:
    part = image[y : y + 8, x : x + 40].astype(int)
    return int(part.max() - part.min())


def test_the_scene_shows_the_offender_only_and_the_contexts_nobody(
    make_sealer: Callable[..., Sealer],
    make_finding: Callable[..., Finding],
    make_case: Callable[..., Case],
    striped: bytes,
    tmp_path: Any,
) -> None:
    sealer = make_sealer(tmp_path / "evidence", releaser=Releaser(TwoCars))
    case = make_case(sealer, make_finding())
    partial = sealer.store.root / case.request.directory
    files = []
    for file in case.files:
        if file.kind != EvidenceKind.CLIP:
            (partial / file.name).write_bytes(striped)
            file = type(file)(file.kind, file.stamp, file.path, "")
        files.append(file)
    violation = sealer.seal(type(case)(case.finding, case.request, 0, True, True, tuple(files)))
    folder = sealer.store.root / violation.manifest.removesuffix("/manifest.json")
    scene = decode((folder / "release" / "scene.jpg").read_bytes())
    assert contrast(scene, 700, 400) > 80, "the offender"
    assert contrast(scene, 1500, 850) < 30, "the other"
    assert contrast(scene, 100, 100) > 80, "the street"
    for name in ("context_before.jpg", "context_after.jpg"):
        context = decode((folder / "release" / name).read_bytes())
        assert contrast(context, 700, 400) < 30 and contrast(context, 1500, 850) < 30
    original = decode((folder / "scene.jpg").read_bytes())
    assert contrast(original, 1500, 850) > 80, "the original stays as it was"
    assert not (folder / "release" / "clip.mp4").exists()


def test_no_model_no_copy_and_that_is_said(
    make_sealer: Callable[..., Sealer],
    make_finding: Callable[..., Finding],
    make_case: Callable[..., Case],
    tmp_path: Any,
) -> None:
    def none() -> Any:
        raise ConfigError("detector.model: default: the package is not installed")

    sealer = make_sealer(tmp_path / "evidence", releaser=Releaser(none))
    violation = sealer.seal(make_case(sealer, make_finding()))
    assert EvidenceKind.RELEASE not in {file.kind for file in violation.files}
    (sentence,) = violation.missing
    assert sentence.startswith("release: bystanders cannot be found, so no copy for outside")


def test_a_plate_seen_in_another_still_is_cut_from_that_one(
    make_sealer: Callable[..., Sealer],
    make_finding: Callable[..., Finding],
    make_case: Callable[..., Case],
    tmp_path: Any,
) -> None:
    finding = make_finding()
    reading = PlateReading(
        PlateState.READ, "KT 1234 AB", 0.9, (600.0, 400.0, 700.0, 425.0), 25.0, 3, 5
    )

    class Reader:
        def __init__(self, stamp: int) -> None:
            self.stamp = stamp

        def read(self, stills: Any, finding: Finding) -> PlateReading:
            from dataclasses import replace

            return replace(reading, stamp=self.stamp)

        def find_plates(self, image: Any) -> list[Box]:
            return []

    for number, stamp in enumerate((finding.stamp, finding.stamp + 7)):
        sealer = make_sealer(tmp_path / str(number) / "evidence", plates=Reader(stamp))
        violation = sealer.seal(make_case(sealer, finding))
        plates = [f for f in violation.files if f.kind == EvidenceKind.PLATE]
        assert violation.plate.text == "KT 1234 AB"
        assert len(plates) == (1 if number == 0 else 0), "no still of that stamp: no crop"
    (whole,) = (p for p in tmp_path.rglob("plate.jpg") if p.parent.name != "release")
    assert decode(whole.read_bytes()).shape[0] >= 64, "small plates are enlarged"


@pytest.mark.timeout(120)
def test_the_shipped_model_finds_people_on_a_real_picture() -> None:
    ultralytics = pytest.importorskip("ultralytics")
    from pathlib import Path

    picture = Path(ultralytics.__file__).parent / "assets" / "bus.jpg"
    image = decode(picture.read_bytes())
    seen = blurring.find(default_detector(), image)
    people = [one for one in seen if one.kind == K.PEDESTRIAN]
    assert len(people) >= 3
    made = blurring.cover(image, veil(seen, []))
    for x, y in ((700, 440), (130, 440), (270, 440)):  # three heads
        part = made[y - 20 : y + 20, x - 15 : x + 15].reshape(-1, 3)
        assert len(np.unique(part, axis=0)) <= 9, "a head is a few blocks"


def test_a_plate_still_legible_when_all_vehicles_are_covered_is_covered_too() -> None:
    """In a picture before or after, plates are looked for where the detector saw nobody."""
    asked: list[Any] = []

    def find_plates(image: Any) -> list[Box]:
        asked.append(image.copy())
        return [(100.0, 100.0, 180.0, 120.0)]

    image = np.full((1080, 1920, 3), 90, np.uint8)
    image[:, ::8] = 220
    releaser = Releaser(TwoCars, find_plates)
    assert releaser.ready() == ""
    made = decode(releaser.context(encode(image)))
    assert contrast(asked[0], 1500, 850) < 30, "they are looked for in the covered picture"
    assert contrast(made, 120, 105) < 30 and contrast(made, 1500, 850) < 30
    assert contrast(made, 120, 300) > 80
