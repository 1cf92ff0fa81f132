"""Finds the offender and its plate in one still after the other, outwards from the moment."""

import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_detect.adapters.plate_detector import FoundPlate
from bconnect_detect.adapters.plate_patch import Patch
from bconnect_detect.core.detector import Detections
from bconnect_detect.core.geometry import clipped, iou
from bconnect_detect.core.plate import Image
from bconnect_detect.core.plate_place import SAME, Vehicle, follow
from bconnect_detect.core.types import Box, Finding, Pair
from bconnect_site.kinds import RoadUserKind

PLATE_SAME, BODY_SAME = 0.8, 0.7  # correlation of what is the same a moment later
PLATE_REACH = 1.0  # widths of the vehicle a plate may have come between two stills


class Hunt:
    """What is known of one offender while its stills are looked at."""

    def __init__(self, finding: Finding, image: Image) -> None:
        x, y = image.shape[1] / finding.width, image.shape[0] / finding.height
        box = finding.road_user.box
        self.searches = 0  # for vehicles and plates with the models: what takes the time
        self._kind = finding.road_user.kind
        self._start: Box = (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
        self._known: list[tuple[int, Box]] = []  # where the vehicle was
        self._looks = appearance(image, self._start)
        self._body = Patch(image, self._start)
        self._plates: list[tuple[int, FoundPlate, Patch]] = []

    def vehicle(
        self, stamp: int, image: Image, vehicles: Detections
    ) -> tuple[Box | None, list[Box]]:
        """Its box in a still (None: not found) and the boxes of the other vehicles."""
        self.searches += 1
        boxes = [to_box(row) for row in vehicles.boxes]
        if not self._known:
            # The rule saw it there; the still's own detection only refines the box.
            best = max(boxes, key=lambda b: iou(b, self._start), default=self._start)
            own = best if iou(best, self._start) >= SAME else self._start
            self._known.append((stamp, own))
        else:
            found = self._again(stamp, image, vehicles, boxes)
            if found is None:
                return None, boxes
            own = found
            self._known.append((stamp, own))
        return own, [b for b in boxes if iou(b, own) < SAME]

    def plate_again(self, stamp: int, image: Image) -> FoundPlate | None:
        """A plate found before, found again where its surroundings look the same."""
        if not self._plates:
            return None
        at, plate, patch = min(self._plates, key=lambda known: abs(known[0] - stamp))
        others = [known for known in self._plates if known[0] != at]
        move = (0.0, 0.0)
        if others:
            before_at, before, _ = min(others, key=lambda known: abs(known[0] - stamp))
            share = (stamp - at) / (at - before_at)
            (x, y), (u, v) = _middle(plate.box), _middle(before.box)
            move = share * (x - u), share * (y - v)
        moved = patch.find(image, move, PLATE_REACH * (self._start[2] - self._start[0]))
        if moved is None or moved.score < PLATE_SAME:
            return None
        again = FoundPlate(moved.box(plate.box), plate.confidence, moved.points(plate.corners))
        if clipped(again.box, image.shape[1], image.shape[0]):
            return None
        self.plate_found(stamp, image, again)
        return again

    def plate_found(self, stamp: int, image: Image, plate: FoundPlate) -> None:
        """Remembers where the plate was and what is around it."""
        box = plate.box
        x, y = 0.5 * (box[2] - box[0]), 1.2 * (box[3] - box[1])
        wide = (box[0] - x, box[1] - y, box[2] + x, box[3] + y)
        self._plates.append((stamp, plate, Patch(image, wide)))

    def _again(
        self, stamp: int, image: Image, vehicles: Detections, boxes: list[Box]
    ) -> Box | None:
        seen = [
            Vehicle(RoadUserKind(int(k)), b, likeness(self._looks, appearance(image, b)))
            for k, b in zip(vehicles.kind, boxes, strict=True)
        ]
        _, before = min(self._known, key=lambda known: abs(known[0] - stamp))
        index = follow(before, (0.0, 0.0), self._kind, seen)
        if index is not None:
            return boxes[index]
        moved = self._body.find(image, (0.0, 0.0), 0.5 * (self._start[2] - self._start[0]))
        if moved is None or moved.score < BODY_SAME:
            return None
        return moved.box(self._start)


def appearance(image: Image, box: Box) -> NDArray[np.float32]:
    """The colours of a vehicle as a histogram, its outer fifth left out."""
    x, y = 0.2 * (box[2] - box[0]), 0.2 * (box[3] - box[1])
    height, width = image.shape[:2]
    rows = slice(int(max(box[1] + y, 0)), int(min(box[3] - y, height)))
    columns = slice(int(max(box[0] + x, 0)), int(min(box[2] - x, width)))
    part = image[rows, columns]
    if part.size == 0:
        return np.zeros((8, 8, 4), np.float32)
    hsv = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_BGR2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], None, [8, 8, 4], [0, 180, 0, 256, 0, 256])
    return np.asarray(counts / max(float(counts.sum()), 1.0), np.float32)


def likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Of two appearances, [0, 1]."""
    return float(np.sqrt(a * b).sum())


def to_box(row: NDArray[np.float32]) -> Box:
    """A row of boxes as plain numbers."""
    x_min, y_min, x_max, y_max = (float(v) for v in row)
    return x_min, y_min, x_max, y_max


def _middle(box: Box) -> Pair:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
