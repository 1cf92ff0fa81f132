"""Makes the copies that may leave the house: everybody but the offender is made illegible.

Stands between core and adapters, knows no ROS. The model is loaded when it is first needed and
runs on one thread: nobody waits for it.
"""

import os
from collections.abc import Callable, Sequence

from bconnect_detect.adapters import blurring, drawing, weights
from bconnect_detect.build import build_detector
from bconnect_detect.core.bystanders import Seen, veil
from bconnect_detect.core.detector import Detector
from bconnect_detect.core.sheet import Sheet
from bconnect_detect.core.types import Box
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind

CONFIDENCE = 0.1  # in doubt somebody is there
FindPlates = Callable[[blurring.Image], Sequence[Box]]


class Releaser:
    """Blurs stills. Not thread-safe. ``find_plates``: None where no plate model is installed."""

    def __init__(self, make: Callable[[], Detector], find_plates: FindPlates | None = None) -> None:
        self._make = make
        self._find_plates = find_plates
        self._detector: Detector | None = None

    def ready(self) -> str:
        """Why no copy can be made, as a sentence; empty: it can."""
        if self._detector is None:
            try:
                self._detector = self._make()
            except (ConfigError, ImportError) as error:
                return f"bystanders cannot be found, so no copy for outside was made: {error}"
        return ""

    def context(self, jpeg: bytes) -> bytes:
        """A picture before or after: nobody is exempt, since nobody is accused in it.

        Raises PictureError.
        """
        return drawing.encode(self._covered(drawing.decode(jpeg), None, None))

    def scene(
        self, jpeg: bytes, sheet: Sheet, kind: RoadUserKind, plate: Box | None, *, exact: bool
    ) -> tuple[bytes, bytes, bytes | None]:
        """The scene, the drawn copy and the vehicle (None: too small). Raises PictureError.

        ``plate`` in pixels of the scene; ``exact``: the picture is of the deciding moment, so
        that the box is the offender's.
        """
        image = drawing.decode(jpeg)
        offender = Seen(kind, blurring.scaled(sheet.box, image)) if exact else None
        covered = self._covered(image, offender, plate)
        try:
            vehicle = drawing.encode(drawing.cut_vehicle(covered, sheet.box))
        except drawing.PictureError:
            vehicle = None
        return drawing.encode(covered), drawing.encode(drawing.draw(covered, sheet)), vehicle

    def _covered(
        self, image: blurring.Image, offender: Seen | None, plate: Box | None
    ) -> blurring.Image:
        assert self._detector is not None, "ready() is asked first"
        seen = blurring.find(self._detector, image)
        if offender is None and plate is None:  # what is legible after that; cheaper so
            image = blurring.cover(image, veil(seen, ()))
            seen = []
        plates = list(self._find_plates(image)) if self._find_plates else []
        return blurring.cover(image, veil(seen, plates, offender, plate))


def default_detector() -> Detector:
    """The small model that comes with the set-up. Raises ConfigError: it is not installed."""
    return build_detector(
        "onnxruntime",
        weights.resolve("default", os.environ),
        device="cpu",
        confidence=CONFIDENCE,
        image_size=640,
        threads=1,
    )
