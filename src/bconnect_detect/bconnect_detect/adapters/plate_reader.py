"""The plate reader: vehicles and plates found in each still, the offender's plate read and voted.

Built once by the sealer, used inside opened findings only.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic

import cv2
import numpy as np

from bconnect_detect.adapters.onnx_detector import OnnxDetector
from bconnect_detect.adapters.plate_detector import (
    FoundPlate,
    PlateDetector,
    detector_weights,
    rectified,
)
from bconnect_detect.adapters.plate_hunt import Hunt, to_box
from bconnect_detect.adapters.plate_ocr import PlateOcr, ocr_weights
from bconnect_detect.adapters.weights import resolve
from bconnect_detect.core.detector import Detections, ModelInfo, tidy
from bconnect_detect.core.geometry import iou
from bconnect_detect.core.plate import (
    NOT_INSTALLED,
    Image,
    Look,
    PlateNeeds,
    PlateReader,
    Still,
    base_colour,
    conclude,
)
from bconnect_detect.core.plate_grammar import Doubt, Grammar, Parsed
from bconnect_detect.core.plate_place import SAME, Candidate, Refusal, own_plate
from bconnect_detect.core.types import SECOND, VEHICLES, Box, Finding
from bconnect_detect.core.violation import PlateReading
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import PlateState, RoadUserKind
from bconnect_site.plates import PlateRules, load_plates
from bconnect_site.settings import PlateSettings

MOST_STILLS = 7
ANCHOR = SECOND // 4  # a still this near the finding's stamp shows the offender in its box
MOST_SEARCHES = 3  # stills in which vehicles and plates are looked for with the models
SURE, WEAK = 0.25, 0.08  # confidence of a plate; a weak one counts where no sure one is
LOWER = 0.35  # of the vehicle's height, left out by later attempts
MARGIN = 0.08  # of the vehicle's box, kept around it
MOST_VEHICLES = 12  # looked at closely when plates are to be blurred
NUMBER_ROW = 0.74  # of a plate's height: above the row of the expiry date
# Ways to look at one plate that must agree: share of its height, stretch of its width.
VIEWS = ((NUMBER_ROW, 1.0), (0.68, 1.35))


class Absent:
    """Stands where no model is: says so, and reads nothing."""

    models: tuple[ModelInfo, ...] = ()
    looks: tuple[Look, ...] = ()

    def __init__(self, why: str) -> None:
        self.why = why

    def read(self, stills: Sequence[Still], finding: Finding) -> PlateReading:
        """See ``PlateReader.read``."""
        return PlateReading(PlateState.UNREADABLE, reason=NOT_INSTALLED)

    def find_plates(self, image: Image) -> list[Box]:
        """None is found; whoever blurs must know that and blur whole vehicles."""
        return []


class OnnxPlateReader:
    """Reads plates with the models of platedet and rapidocr, on the CPU."""

    def __init__(
        self,
        rules: PlateRules,
        needs: PlateNeeds,
        env: Mapping[str, str],
        *,
        threads: int = 1,
        timeout: float = 5.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Loads three models. Raises ConfigError: one is missing or another one than known."""
        self._rules, self._needs, self._grammar = rules, needs, Grammar(rules)
        self._timeout, self._clock = timeout, clock
        self._plates = PlateDetector(detector_weights(), threads)
        self._ocr = PlateOcr(ocr_weights(), threads)
        self._vehicles = OnnxDetector(resolve("default", env), threads=threads)
        self.models = (self._plates.info, self._ocr.info)
        self.looks: tuple[Look, ...] = ()  # of the last read, nearest to the finding first

    def read(self, stills: Sequence[Still], finding: Finding) -> PlateReading:
        """See ``PlateReader.read``."""
        self.looks = ()
        try:
            return self._read(stills, finding)
        except (cv2.error, ValueError, RuntimeError, MemoryError) as error:
            why = " ".join(str(error).split())[:80]
            return PlateReading(PlateState.UNREADABLE, reason=f"the reader failed ({why})")

    def _read(self, stills: Sequence[Still], finding: Finding) -> PlateReading:
        kind, end = finding.road_user.kind, self._clock() + self._timeout
        if kind not in VEHICLES:
            return PlateReading(PlateState.NOT_VISIBLE, reason="such a road user bears no plate")
        ordered = sorted(stills, key=lambda still: (abs(still[0] - finding.stamp), still[0]))
        ordered = ordered[:MOST_STILLS]
        if not ordered or abs(ordered[0][0] - finding.stamp) > ANCHOR:
            why = "there is no still of the moment itself"
            return PlateReading(PlateState.UNREADABLE, frames=len(ordered), reason=why)
        hunt = Hunt(finding, ordered[0][1])
        looks: list[Look] = []
        for stamp, image in ordered:
            if self._clock() > end:
                why = f"reading took longer than {self._timeout:g} s"
                return PlateReading(PlateState.UNREADABLE, frames=len(looks), reason=why)
            looks.append(self._look(hunt, stamp, image, kind))
        self.looks = tuple(looks)
        return conclude(looks, kind, self._rules, self._needs)

    def _look(self, hunt: Hunt, stamp: int, image: Image, kind: RoadUserKind) -> Look:
        found = hunt.plate_again(stamp, image)
        if found is None:
            if hunt.searches >= MOST_SEARCHES:
                return Look(stamp, reason="the plate was not found again in the still")
            box, others = hunt.vehicle(stamp, image, self._vehicles_in(image))
            if box is None:
                return Look(stamp, reason="the vehicle was not found again in the still")
            plates = self._plates_at(image, box, hunt.searches - 1)
            own = own_plate(box, kind, others, candidates(plates), (image.shape[1], image.shape[0]))
            if isinstance(own, Refusal):
                return Look(stamp, reason=own.reason, seen=own.seen)
            found = next(plate for plate in plates if plate.box == own.box)
            hunt.plate_found(stamp, image, found)
        flat = rectified(image, found)
        parsed, colour = self.parse(flat), base_colour(flat[: round(NUMBER_ROW * len(flat))])
        if isinstance(parsed, Doubt):
            return Look(stamp, found.box, found.height, colour, None, parsed.reason, seen=True)
        return Look(stamp, found.box, found.height, colour, parsed, seen=True)

    def find_plates(self, image: Image) -> list[Box]:
        """See ``PlateReader.find_plates``: the whole picture, and each larger vehicle closely.

        Low plates on vehicles that are not found themselves are missed.
        """
        found = [plate.box for plate in self._plates.find(np.ascontiguousarray(image), WEAK)]
        boxes = self._vehicles_in(image).boxes
        largest = np.argsort(-(boxes[:, 2:] - boxes[:, :2]).prod(axis=1))[:MOST_VEHICLES]
        for box in boxes[largest]:
            for plate in self._plates_at(image, to_box(box)):
                if all(iou(plate.box, other) < SAME for other in found):
                    found.append(plate.box)
        return found

    def _vehicles_in(self, image: Image) -> Detections:
        found = tidy(self._vehicles.detect(image))
        return found.select(np.isin(found.kind, list(VEHICLES)))

    def _plates_at(self, image: Image, box: Box, attempt: int = 0) -> list[FoundPlate]:
        """Plates in and around a box, in pixels of the picture.

        Later attempts look at the lower part only, then at it with its contrast raised: what one
        still hides, another view of the next may show.
        """
        left, top, right, bottom = around(box, image)
        if attempt:
            top = int(top + LOWER * (bottom - top))
        if right - left < 8 or bottom - top < 8:
            return []
        crop = np.ascontiguousarray(image[top:bottom, left:right])
        if attempt > 1:
            crop = raised(crop)
        return [plate.shifted(left, top) for plate in self._plates.find(crop, WEAK)]

    def parse(self, plate: Image) -> Parsed | Doubt:
        """One upright plate: every view must say the same."""
        seen: list[Parsed] = []
        for share, stretch in VIEWS:
            row = plate[: max(round(share * len(plate)), 2)]
            parsed = self._grammar.parse(self._ocr.read(row, stretch))
            if isinstance(parsed, Doubt):
                return parsed
            seen.append(parsed)
        if len({(one.letters, one.shape) for one in seen}) > 1:
            return Doubt("two looks at the same plate disagree")
        chances = tuple(min(c) for c in zip(*(one.chances for one in seen), strict=True))
        return Parsed(seen[0].area, seen[0].number, seen[0].suffix, chances)


def candidates(plates: Sequence[FoundPlate]) -> list[Candidate]:
    """The sure ones; where there is none, the weak ones."""
    sure = [plate for plate in plates if plate.confidence >= SURE]
    return [Candidate(plate.box, plate.confidence) for plate in sure or plates]


def around(box: Box, image: Image) -> tuple[int, int, int, int]:
    """A box with a margin, whole pixels inside the picture."""
    x, y = MARGIN * (box[2] - box[0]), MARGIN * (box[3] - box[1])
    height, width = image.shape[:2]
    low = (int(max(box[0] - x, 0)), int(max(box[1] - y, 0)))
    return (*low, int(min(box[2] + x, width)), int(min(box[3] + y, height)))


def raised(image: Image) -> Image:
    """The picture with its contrast raised where it is flat."""
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(3.0, (8, 8)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), np.uint8)


def make_reader(
    settings: PlateSettings,
    rules_file: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> PlateReader | None:
    """The reader of the settings; None where plates are not to be read.

    Without its models a reader that says so. ``rules_file``: plates.yaml, absent: the one of the
    config folder. Raises ConfigError: plates.yaml is wrong.
    """
    if not settings.read:
        return None
    rules = load_plates(rules_file)
    needs = PlateNeeds(height=settings.min_height)
    try:
        return OnnxPlateReader(
            rules,
            needs,
            os.environ if env is None else env,
            threads=settings.threads,
            timeout=settings.timeout,
        )
    except ConfigError as error:
        return Absent(str(error))
