"""What a detector is, and what its classes mean on the road."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.cabin import MARK_OF_NAME, MARKS, drivers
from bconnect_detect.core.geometry import iou_matrix
from bconnect_detect.core.types import Floats, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind

# Class names of COCO and of common fine-tunings. COCO knows no minibus (angkot).
KIND_OF_NAME = {
    "person": RoadUserKind.PEDESTRIAN,
    "pedestrian": RoadUserKind.PEDESTRIAN,
    "bicycle": RoadUserKind.BICYCLE,
    "motorcycle": RoadUserKind.MOTORCYCLE,
    "motorbike": RoadUserKind.MOTORCYCLE,
    "car": RoadUserKind.CAR,
    "van": RoadUserKind.CAR,
    "minibus": RoadUserKind.MINIBUS,
    "angkot": RoadUserKind.MINIBUS,
    "bus": RoadUserKind.BUS,
    "truck": RoadUserKind.TRUCK,
}
_TWO_WHEELS = (RoadUserKind.MOTORCYCLE, RoadUserKind.BICYCLE)
_FOUR_WHEELS = (RoadUserKind.CAR, RoadUserKind.MINIBUS, RoadUserKind.BUS, RoadUserKind.TRUCK)

SAME_VEHICLE = 0.8  # IoU of two boxes of different kinds on one vehicle
RIDER_OVERLAP = 0.3  # share of a person's box on the machine's box
MAX_RIDERS = 5


@dataclass(frozen=True, slots=True)
class Weights:
    """A file (or the folder of an export) with its fingerprint."""

    path: Path
    sha256: str  # hex
    licence: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which weights are at work; ends up in site_info."""

    name: str
    sha256: str  # hex
    licence: str
    backend: str


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Road users found in one image, n rows, pixels of that image."""

    kind: NDArray[np.uint8]  # (n,)
    confidence: Floats  # (n,)
    boxes: Floats  # (n, 4) x_min, y_min, x_max, y_max
    riders: Floats | None = None  # (n,); NaN where nobody can ride
    belted: Floats | None = None  # (n,) see RoadUser
    phone: Floats | None = None  # (n,)

    def __len__(self) -> int:
        return len(self.kind)

    def select(self, index: NDArray[np.bool_] | NDArray[np.intp]) -> "Detections":
        """The chosen rows."""
        told = (
            None if column is None else column[index]
            for column in (self.riders, self.belted, self.phone)
        )
        return Detections(self.kind[index], self.confidence[index], self.boxes[index], *told)

    def to_tracks(
        self, stamp: int, camera: str, size: tuple[int, int], frame_id: str = ""
    ) -> Tracks:
        """As bare detections (track_id 0) of one image of ``size`` (width, height)."""
        return Tracks(
            stamp=stamp,
            camera=camera,
            width=size[0],
            height=size[1],
            kind=self.kind,
            track_id=np.zeros(len(self), np.int64),
            confidence=self.confidence,
            boxes=self.boxes,
            riders=self.riders,
            belted=self.belted,
            phone=self.phone,
            frame_id=frame_id,
        )


class Detector(Protocol):
    """A loaded model. Not thread-safe: one caller at a time."""

    info: ModelInfo

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Road users in a BGR image (h, w, 3). Raises ValueError for another shape."""
        ...


def kinds_of(names: Mapping[int, str]) -> dict[int, int]:
    """Class index -> road user, or mark behind a windscreen, for the classes that are such.

    Raises ConfigError when the model knows no road user.
    """
    known: dict[str, int] = {**KIND_OF_NAME, **MARK_OF_NAME}
    found = {
        int(index): int(kind)
        for index, name in names.items()
        if (kind := known.get(str(name).lower().replace(" ", "_"))) is not None
    }
    if all(kind >= MARKS for kind in found.values()):
        classes = ", ".join(map(str, names.values()))[:80]
        raise ConfigError(
            f"detector.model: knows no road user; found classes {classes}; needs some of "
            f"{', '.join(KIND_OF_NAME)}"
        )
    return found


def check_image(image: NDArray[np.uint8]) -> None:
    """Raises ValueError unless the image is BGR, 8 bit, at least 2 by 2 pixels."""
    shape = getattr(image, "shape", None)
    good = shape is not None and len(shape) == 3 and shape[2] == 3 and min(shape[:2]) >= 2
    if not good or image.dtype != np.uint8:
        raise ValueError(f"needs a BGR image (h, w, 3) of uint8, found {shape} of {image.dtype}")


def tidy(found: Detections) -> Detections:
    """One box per road user: doubles on one vehicle dropped, riders joined to machines, what is
    seen behind windscreens to vehicles."""
    return _join_riders(_join_drivers(_drop_doubles(found)))


def _join_drivers(found: Detections) -> Detections:
    """Marks behind windscreens become what is known of drivers, and are gone."""
    marks = found.kind >= MARKS
    if not marks.any():
        return found
    belted, phone = drivers(found.kind, found.confidence, found.boxes)
    return replace(found, belted=belted, phone=phone).select(~marks)


def _drop_doubles(found: Detections) -> Detections:
    """A van is often both car and truck: the surer one stays."""
    rows = np.flatnonzero(np.isin(found.kind, _FOUR_WHEELS))
    if len(rows) < 2:
        return found
    rows = rows[np.argsort(-found.confidence[rows], kind="stable")]
    overlap = np.triu(iou_matrix(found.boxes[rows], found.boxes[rows]) > SAME_VEHICLE, k=1)
    keep = np.ones(len(found), bool)
    for i in range(len(rows)):
        if keep[rows[i]]:
            keep[rows[overlap[i]]] = False
    return found.select(keep)


def _join_riders(found: Detections) -> Detections:
    """People who sit on a machine are counted on it and are no pedestrians any more."""
    machines = np.flatnonzero(np.isin(found.kind, _TWO_WHEELS))
    riders = np.full(len(found), np.nan, np.float32)
    riders[machines] = 0.0
    keep = np.ones(len(found), bool)
    for person in np.flatnonzero(found.kind == RoadUserKind.PEDESTRIAN):
        machine = _machine_under(found.boxes[person], found.boxes[machines])
        if machine is not None and riders[machines[machine]] < MAX_RIDERS:
            riders[machines[machine]] += 1
            keep[person] = False
    return replace(found, riders=riders).select(keep)


def _machine_under(person: Floats, machines: Floats) -> int | None:
    """The machine whose box carries a person: centred on it, feet between its top and wheels."""
    if not len(machines):
        return None
    width, height = machines[:, 2] - machines[:, 0], machines[:, 3] - machines[:, 1]
    middle, feet = (person[0] + person[2]) / 2, person[3]
    sits = (machines[:, 0] - 0.1 * width <= middle) & (middle <= machines[:, 2] + 0.1 * width)
    sits &= (machines[:, 1] + 0.2 * height <= feet) & (feet <= machines[:, 3] + 0.05 * height)
    sits &= person[1] <= machines[:, 1] + 0.2 * height
    low, high = np.maximum(person[:2], machines[:, :2]), np.minimum(person[2:], machines[:, 2:])
    overlap = np.clip(high - low, 0, None).prod(axis=1)
    share = overlap / max(float((person[2:] - person[:2]).prod()), 1e-6)
    share = np.where(sits, share, 0.0)
    best = int(share.argmax())
    return best if share[best] >= RIDER_OVERLAP else None
