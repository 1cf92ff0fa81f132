"""Looking at a part of the picture: boxes come back to where they were, nobody is cut in half."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bconnect_detect.core.crop import Crop
from bconnect_detect.core.detector import Detections
from bconnect_detect.gating import crop_of, seen_by, shape_of
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind
from bconnect_site.model import Camera

IMAGE = np.zeros((360, 640, 3), np.uint8)
CROP = Crop((0.25, 0.25, 0.75, 1.0))  # 160, 90 to 480, 360
ZONE = {"kind": "no_parking", "region": [[0.4, 0.5], [0.6, 0.5], [0.6, 0.7]], "basis": "sign"}


class Finds:
    """Finds every white box of the picture, as cars."""

    def __init__(self, *boxes: tuple[int, int, int, int]) -> None:
        self.boxes, self.shape = boxes, (0, 0)

    def detect(self, image: np.ndarray) -> Detections:
        self.shape = image.shape[:2]
        boxes = np.array(self.boxes, np.float32).reshape(-1, 4)
        kinds = np.full(len(boxes), RoadUserKind.CAR, np.uint8)
        return Detections(kinds, np.full(len(boxes), 0.8, np.float32), boxes)


def test_boxes_come_back_to_where_they_were():
    model = Finds((10, 20, 60, 50))
    found = seen_by(model, IMAGE, CROP)
    assert model.shape == (270, 320) and found.boxes.tolist() == [[170, 110, 220, 140]]


@pytest.mark.parametrize(
    ("box", "told"),
    [
        ((0, 20, 60, 50), False),  # by the left border
        ((10, 1, 60, 50), False),
        ((280, 20, 320, 50), False),
        ((10, 220, 60, 270), True),  # the picture's own border below
        ((5, 20, 60, 50), True),
    ],
)
def test_who_is_cut_by_the_part_is_not_told(box, told):
    assert len(seen_by(Finds(box), IMAGE, CROP)) == told


def test_without_a_part_all_is_looked_at():
    model = Finds((0, 0, 20, 20))
    assert len(seen_by(model, IMAGE, None)) == 1 and model.shape == (360, 640)


fractions = st.floats(0.0, 1.0)


@given(
    st.tuples(fractions, fractions, fractions, fractions), st.integers(8, 900), st.integers(8, 900)
)
def test_the_part_lies_in_the_picture_and_holds_the_zones(box, width, height):
    (left, right), (top, bottom) = sorted(box[::2]), sorted(box[1::2])
    crop = Crop.around([(left, top, right, bottom)])
    x, y, x_end, y_end = crop.size(width, height)
    assert 0 <= x <= left * width + 1e-3 and 0 <= y <= top * height + 1e-3
    assert x < x_end and y < y_end
    assert right * width - 1e-3 <= x_end <= width or x_end == x + 2
    assert bottom * height - 1e-3 <= y_end <= height or y_end == y + 2


def camera(**keys: object) -> Camera:
    return Camera.model_validate({"source": "file:///x.mp4", **keys})


def test_a_site_asks_for_it_and_rules_without_a_zone_forbid_it():
    detect = {"crop": 0.1}
    made = crop_of(camera(zones={"z": ZONE}, rules=["illegal_parking"], detect=detect))
    assert made is not None and made.part == pytest.approx((0.3, 0.4, 0.7, 0.8))
    assert crop_of(camera(zones={"z": ZONE})) is None
    assert crop_of(camera(zones={"z": ZONE}, rules=["racing"], detect=detect)) is None
    assert crop_of(camera(zones={"z": ZONE}, detect={"crop": 1.0})) is None


def test_fit_needs_to_know_the_pictures():
    with pytest.raises(ConfigError, match="without site_file"):
        shape_of(None, ["utara"], 640)
