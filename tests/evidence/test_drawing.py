"""The annotated still and the vehicle: colours stand where they should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest

from bconnect_detect.adapters import drawing
from bconnect_detect.core.sheet import Sheet, ZoneShape, local_time, make_sheet, verdict
from bconnect_detect.core.types import SECOND, Finding, RoadUser, SignalReading
from bconnect_site.kinds import RoadUserKind, SignalAspect, ViolationType

MakeFinding = Callable[..., Finding]
WITA = ZoneInfo("Asia/Makassar")
REGION = ZoneShape("bahu", ((0.5, 0.5), (0.9, 0.5), (0.9, 0.9), (0.5, 0.9)))


def sheet(finding: Finding, zone: ZoneShape | None = None) -> Sheet:
    return make_sheet(finding, zone, "Beruang Madu", WITA, "scene.jpg")


def near(image: drawing.Image, x: float, y: float, color: drawing.Color, reach: int = 4) -> bool:
    """Whether a pixel of this colour lies within ``reach`` of (x, y)."""
    patch = image[round(y) - reach : round(y) + reach + 1, round(x) - reach : round(x) + reach + 1]
    return bool((np.abs(patch.astype(int) - color).max(axis=2) < 25).any())


@pytest.mark.parametrize("size", [(1920, 1080), (768, 576), (320, 240)])
def test_drawings_stand_where_the_finding_says(
    make_finding: MakeFinding, size: tuple[int, int]
) -> None:
    width, height = size
    scene = np.full((height, width, 3), 110, np.uint8)
    image = drawing.draw(scene, sheet(make_finding(), REGION))
    top = drawing.strip_height(height, width)
    # the box: 160..320 of 640 and 90..180 of 360
    for x, y in ((0.25, 0.4), (0.5, 0.4), (0.4, 0.5)):
        assert near(image, x * width, top + y * height, drawing.ALARM), (x, y)
    assert not near(image, 0.4 * width, top + 0.35 * height, drawing.ALARM)
    # the zone: its edges, and tinted inside
    assert near(image, 0.9 * width, top + 0.7 * height, drawing.ZONE)
    inside = image[top + round(0.8 * height), round(0.7 * width)].astype(int)
    assert inside[0] > inside[2] + 20
    # the track
    assert near(image, 0.3125 * width, top + 0.375 * height, drawing.TRAIL)
    # nothing elsewhere: the scene's own pixels
    assert (image[top + round(0.95 * height), round(0.1 * width)] == 110).all()


def test_the_scene_is_not_hidden_by_words(make_finding: MakeFinding) -> None:
    scene = np.full((576, 768, 3), 110, np.uint8)
    image = drawing.draw(scene, sheet(make_finding(trail=())))
    top = drawing.strip_height(576, 768)
    assert image.shape[0] > 576 + top and image.shape[1] == 768
    assert (scene == 110).all(), "the original must not be drawn upon"
    assert (image[top : top + 100] == 110).mean() > 0.99
    assert (image[:top] > 200).any(), "the title is written"


@pytest.mark.parametrize("top", [0.02, 0.4, 0.85])
def test_no_label_hides_the_vehicle(make_finding: MakeFinding, top: float) -> None:
    """A zone narrower than its label, the vehicle in it, at any height of the picture."""
    box = (0.8 * 640, top * 360, 0.9 * 640, (top + 0.12) * 360)
    finding = make_finding(trail=(), road_user=RoadUser(RoadUserKind.CAR, 7, 0.5, box))
    zone = ZoneShape(
        "muka_garasi",
        ((0.8, top), (0.9, top), (0.9, top + 0.12), (0.8, top + 0.12)),
        label="no parking · muka_garasi",
    )
    scene = np.full((720, 1280, 3), 110, np.uint8)
    image = drawing.draw(scene, sheet(finding, zone))
    strip = drawing.strip_height(720, 1280)
    y0, y1 = strip + round(top * 720) + 12, strip + round((top + 0.12) * 720) - 12
    vehicle = image[y0:y1, 1024 + 12 : 1152 - 12]
    assert (vehicle == 110).all(axis=2).all()


def test_the_footer_shows_the_vehicle(make_finding: MakeFinding) -> None:
    scene = np.full((720, 1280, 3), 110, np.uint8)
    scene[180:360, 320:640] = (0, 255, 0)
    footer = drawing.draw(scene, sheet(make_finding()))[drawing.strip_height(720, 1280) + 720 :]
    green = np.argwhere((footer == (0, 255, 0)).all(axis=2))
    assert len(green) > 4000 and green[:, 1].min() > 900


def test_a_line_and_its_arrow(make_finding: MakeFinding) -> None:
    line = ZoneShape("henti", ((0.1, 0.9), (0.9, 0.9)), ((0.8, 0.8), (0.8, 0.6)))
    image = drawing.draw(np.full((720, 1280, 3), 110, np.uint8), sheet(make_finding(), line))
    top = drawing.strip_height(720, 1280)
    assert near(image, 640, top + 648, drawing.ZONE)
    assert near(image, 1024, top + 500, drawing.ZONE)
    assert (image[top + 690, 640] == 110).all(), "a line is not filled"


@pytest.mark.parametrize("aspect", [SignalAspect.RED, SignalAspect.GREEN, SignalAspect.AMBER])
def test_the_lamp_shows_the_aspect(make_finding: MakeFinding, aspect: SignalAspect) -> None:
    finding = make_finding()
    finding = replace(finding, signal=SignalReading("utara", aspect, finding.stamp, 0))
    image = drawing.draw(np.zeros((720, 1280, 3), np.uint8), sheet(finding))
    strip = image[: drawing.strip_height(720, 1280)].astype(int)
    lamp = (np.abs(strip - drawing.LAMPS[aspect]).max(axis=2) < 8).sum()
    assert lamp > 300


@pytest.mark.parametrize(
    "box", [(-50.0, -50.0, 900.0, 900.0), (nan, nan, nan, nan), (600.0, 340.0, 640.0, 360.0)]
)
def test_a_box_outside_the_image_is_survived(
    make_finding: MakeFinding, make_jpeg: Callable[..., bytes], box: tuple[float, ...]
) -> None:
    user = RoadUser(RoadUserKind.CAR, 1, 0.5, box)  # type: ignore[arg-type]
    finding = make_finding(road_user=user, trail=((nan, 0.5), (0.5, 0.5), (7.0, -3.0)))
    data = drawing.annotate(make_jpeg(640, 360), sheet(finding, REGION))
    assert drawing.decode(data).shape[1] == 640


def test_long_words_stay_inside(make_finding: MakeFinding) -> None:
    finding = make_finding(explanation="very long words " * 40, measured=0.5, limit=0.25)
    finding = replace(finding, type=ViolationType.OVERLOADED_MOTORCYCLE)
    image = drawing.draw(np.zeros((240, 320, 3), np.uint8), sheet(finding))
    assert (image[:, -3:] <= max(drawing.PAPER) + 2).all()


def test_the_vehicle_is_cut_at_the_scenes_own_pixels(make_jpeg: Callable[..., bytes]) -> None:
    image = np.zeros((1080, 1920, 3), np.uint8)
    image[270:540, 480:960] = 255
    crop = drawing.decode(drawing.crop_vehicle(drawing.encode(image), (0.25, 0.25, 0.5, 0.5)))
    assert crop.shape[:2] == (270 + 2 * 40 + 1, 480 + 2 * 72)
    assert crop[crop.shape[0] // 2, crop.shape[1] // 2].min() > 250
    assert crop[5, 5].max() < 5
    with pytest.raises(drawing.PictureError, match="at least 32 x 32"):
        drawing.crop_vehicle(make_jpeg(640, 360), (0.5, 0.5, 0.51, 0.51))


@pytest.mark.parametrize("cut", [0, 1, 2, 100, -2])
def test_half_a_picture_is_none(make_jpeg: Callable[..., bytes], cut: int) -> None:
    with pytest.raises(drawing.PictureError, match="no whole JPEG"):
        drawing.decode(make_jpeg(640, 360)[:cut])


def test_a_text_file_is_no_picture() -> None:
    with pytest.raises(drawing.PictureError):
        drawing.decode(b"\xff\xd8 hello \xff\xd9")


def test_without_real_fonts_the_stroke_font_writes(
    make_finding: MakeFinding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "_FONT", None)
    image = drawing.draw(np.zeros((360, 640, 3), np.uint8), sheet(make_finding(), REGION))
    strip = image[: drawing.strip_height(360, 640), :320]
    assert (strip > 200).any()
    assert cv2.FONT_HERSHEY_SIMPLEX == 0


@pytest.mark.parametrize(
    ("kind", "measured", "limit", "expected"),
    [
        (ViolationType.ILLEGAL_PARKING, 65.4, 60.0, "stood 65.4 s · allowed 60.0 s"),
        (ViolationType.ILLEGAL_PARKING, 300.0, 60.0, "stood 5.0 min · allowed 60.0 s"),
        (ViolationType.SPEEDING, 20.0, 13.888889, "72 km/h · allowed 50 km/h"),
        (ViolationType.WRONG_WAY, 3.14159, 1.5708, "off by 180° · allowed 90°"),
        (ViolationType.STOP_LINE, 2.5, 0.0, "stood beyond the line 2.5 s · allowed 0.0 s"),
        (ViolationType.NO_HELMET, 1.0, nan, "measured 1.00"),
        (ViolationType.RED_LIGHT, nan, 1.0, ""),
    ],
)
def test_the_verdict_speaks_in_units_of_the_road(
    make_finding: MakeFinding, kind: ViolationType, measured: float, limit: float, expected: str
) -> None:
    assert verdict(make_finding(type=kind, measured=measured, limit=limit)) == expected


def test_the_clock_on_the_picture_is_local_and_cut_not_rounded(make_finding: MakeFinding) -> None:
    assert local_time(make_finding().stamp, WITA) == "2026-11-24 18:23:22.4 WITA"
    assert local_time(make_finding().stamp + SECOND // 2 + 62_999_999, WITA).endswith("22.9 WITA")
