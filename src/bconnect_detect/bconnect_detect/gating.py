"""The gates of a site's cameras: which pictures its detector is spared, and what is said of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.adapters.reshaping import fitting_size
from bconnect_detect.adapters.small_picture import small
from bconnect_detect.core.crop import Crop
from bconnect_detect.core.detector import Detections
from bconnect_detect.core.gate import Gate, GateSettings, Look
from bconnect_detect.core.types import Box, Floats
from bconnect_site.errors import ConfigError
from bconnect_site.loaded import LoadedSite
from bconnect_site.model import RULE_ZONES, WHOLE_IMAGE, Camera, Site

Image = NDArray[np.uint8]


def shape_of(loaded: LoadedSite | None, cameras: Sequence[str], image_size: int) -> tuple[int, int]:
    """(height, width) of the least input that holds the cameras' pictures. Raises ConfigError."""
    if loaded is None:
        raise ConfigError("detector: fit: found true without site_file, which tells the pictures")
    site = loaded.site
    sizes: list[tuple[int, int]] = []
    for camera in (site.cameras[c] for c in cameras if c in site.cameras):
        width, height = camera.detect.width, camera.detect.height
        if crop := crop_of(camera):
            left, top, right, bottom = crop.size(width, height)
            width, height = right - left, bottom - top
        sizes.append((height, width))
    return fitting_size(sizes or [(1, 1)], image_size)


def crop_of(camera: Camera) -> Crop | None:
    """The part of a camera's pictures that is looked at; None: all of it."""
    margin = camera.detect.crop
    boxes = None if margin is None else reach_of(camera, margin)
    crop = Crop.around(boxes) if boxes else None
    return None if crop is None or crop.part == (0.0, 0.0, 1.0, 1.0) else crop


def seen_by(model: Any, image: Image, crop: Crop | None) -> Detections:
    """What a detector finds in an image, or in its part that is looked at."""
    found: Detections = model.detect(image if crop is None else crop.cut(image))
    return found if crop is None else crop.back(found, image.shape[1], image.shape[0])


class Gates:
    """Of the cameras that have one; every picture of the others is looked at.

    A camera's pictures come one by one, those of several cameras perhaps in several threads.
    """

    def __init__(self, gates: Mapping[str, Gate]) -> None:
        self._gates = dict(gates)
        self._seen = self._nothing()

    @classmethod
    def of(cls, site: Site | None, cameras: Sequence[str]) -> "Gates":
        """As the site file has it."""
        there = {c: site.cameras[c] for c in cameras if c in site.cameras} if site else {}
        made = {name: gate for name, camera in there.items() if (gate := gate_of(camera))}
        return cls(made)

    def wants(self, camera: str, stamp: int, image: Image) -> bool:
        """Whether a picture is worth the detector; one it says yes to must be looked at."""
        gate = self._gates.get(camera)
        if gate is None:
            return True
        said = gate.look(stamp, small(image))
        self._seen[camera][said] += 1
        return bool(said)

    def found(self, camera: str, stamp: int, boxes: Floats, size: tuple[int, int]) -> None:
        """Who was seen in a picture that was looked at."""
        if (gate := self._gates.get(camera)) is not None:
            gate.found(stamp, boxes, size)

    def lost(self, camera: str) -> None:
        """A picture could not be looked at after all."""
        if (gate := self._gates.get(camera)) is not None:
            gate.reset()

    def told(self) -> str | None:
        """One sentence of what was spared since it was last asked; None: there are no gates."""
        if not self._gates:
            return None
        seen, self._seen = self._seen, self._nothing()
        whole = sum(seen.values(), Counter[Look]())
        spared = {camera: share(looks) for camera, looks in seen.items()}
        each = ", ".join(f"{camera} {100 * part:.0f} %" for camera, part in spared.items())
        why = [look.value for look in (Look.STILL, Look.EMPTY) if whole[look]]
        return f"gated {100 * share(whole):.0f} % of pictures{': ' if why else ''}" + (
            f"{' or '.join(why)} ({each})" if why else ""
        )

    def _nothing(self) -> dict[str, Counter[Look]]:
        """Every look counted from 0: who counts in another thread adds no key."""
        return {camera: Counter(dict.fromkeys(Look, 0)) for camera in self._gates}


def share(seen: Mapping[Look, int]) -> float:
    """Of the pictures that were not looked at."""
    whole = sum(seen.values())
    return sum(n for look, n in seen.items() if not look) / whole if whole else 0.0


def gate_of(camera: Camera) -> Gate | None:
    """A camera's gate; None: every picture is looked at."""
    said = camera.detect.gate
    if said.opens == "always":
        return None
    settings = GateSettings(floor=said.floor, hold=said.hold)
    return Gate(settings, reach_of(camera, said.margin) if said.opens == "zones" else None)


def reach_of(camera: Camera, margin: float) -> list[Box] | None:
    """Boxes around a camera's zones, fractions of the image; None: rules look at all of it."""
    kinds = {zone.kind for zone in camera.zones.values()}
    whole = any(r in WHOLE_IMAGE and not RULE_ZONES[r] & kinds for r in camera.rule_types)
    if whole or not camera.zones:
        return None
    boxes: list[Box] = []
    for zone in camera.zones.values():
        x, y = zip(*zone.points, strict=True)
        boxes.append((min(x) - margin, min(y) - margin, max(x) + margin, max(y) + margin))
    return boxes
