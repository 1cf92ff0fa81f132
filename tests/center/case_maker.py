"""Cases as officers get them: drawn streets, a real clip, sealed by the real sealer."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from bconnect_detect.adapters.evidence_store import EvidenceStore
from bconnect_detect.core.detector import Detections
from bconnect_detect.core.evidence import CaseSettings, merge, new_case
from bconnect_detect.core.facts import Circumstances
from bconnect_detect.core.history import CameraLook, Run
from bconnect_detect.core.manifest import Clock, Facts
from bconnect_detect.core.sheet import ZoneShape
from bconnect_detect.core.types import SECOND, Finding, Look, RoadUser, SignalReading
from bconnect_detect.core.violation import Capture, EvidenceFile, PlateReading
from bconnect_detect.releasing import Releaser
from bconnect_detect.sealing import Sealer
from bconnect_enforce.adapters import evidence_store
from bconnect_enforce.core.records import Measure, Violation, identity
from bconnect_site.keys import Keyring
from bconnect_site.kinds import (
    CameraState,
    Colour,
    EvidenceKind,
    Mode,
    PlateColour,
    PlateState,
    RoadUserKind,
    SignalAspect,
    SignalSource,
    Step,
    ViolationType,
)

WIDE, HIGH, RATE = 1280, 720, 10
BEFORE, AFTER = 3.0, 3.0  # s of the clip around the moment
KMH = 1 / 3.6
_PAINT = {
    Colour.WHITE: (235, 238, 240), Colour.RED: (50, 45, 190), Colour.BLACK: (40, 38, 36),
    Colour.BLUE: (160, 90, 40), Colour.GREY: (140, 140, 140),
}  # fmt: skip
_LAMPS = {
    SignalAspect.RED: (60, 50, 235), SignalAspect.AMBER: (40, 190, 250),
    SignalAspect.GREEN: (90, 200, 60),
}  # fmt: skip

PLATES = {
    ViolationType.SPEEDING: "KT 1810 NB",
    ViolationType.ILLEGAL_PARKING: "KT 1077 LC",
    ViolationType.NO_HELMET: "KT 4521 WB",
}


def box_at(t: float, kind: ViolationType, user: RoadUserKind) -> tuple[int, int, int, int]:
    """Where the offender is, s from the moment; pixels."""
    if kind is ViolationType.ILLEGAL_PARKING:
        return 905, 330, 1085, 470
    reach = {ViolationType.SPEEDING: 1.05}.get(kind, 0.8)
    foot = HIGH * (0.60 - 0.30 * reach * t / BEFORE)
    scale = max((foot - 0.20 * HIGH) / (0.5 * HIGH), 0.12)
    wide = (150 if user is RoadUserKind.MOTORCYCLE else 300) * scale
    tall = 230 * scale
    x = WIDE * 0.40 + 30 * t / BEFORE
    return int(x - wide / 2), int(foot - tall), int(x + wide / 2), int(foot)


def street(
    t: float,
    kind: ViolationType,
    user: RoadUserKind,
    colour: Colour,
    plate: str,
    aspect: SignalAspect,
) -> Any:
    """The picture so many seconds after the moment, BGR."""
    image = np.full((HIGH, WIDE, 3), (205, 190, 170), np.uint8)
    image[int(HIGH * 0.26) :] = (96, 120, 104)
    for x, w, h in ((40, 150, 120), (230, 110, 90), (860, 170, 140), (1080, 160, 100)):
        cv2.rectangle(
            image, (x, int(HIGH * 0.27) - h), (x + w, int(HIGH * 0.27)), (150, 160, 175), -1
        )
    road = np.array([(60, HIGH), (500, 190), (780, 190), (1240, HIGH)], np.int32)
    cv2.fillPoly(image, [road], (84, 82, 80))
    cross = np.array([(0, 300), (1280, 300), (1280, 380), (0, 380)], np.int32)
    cv2.fillPoly(image, [cross], (84, 82, 80))
    for k in range(6):
        y = 420 + 56 * k
        cv2.line(image, (640, y), (640, y + 28), (220, 220, 220), 4, cv2.LINE_AA)
    cv2.line(image, (250, 470), (630, 452), (240, 240, 240), 10, cv2.LINE_AA)
    cv2.line(image, (70, 560), (70, 180), (60, 60, 60), 8)
    cv2.rectangle(image, (40, 110), (100, 250), (30, 30, 30), -1)
    for n, lamp in enumerate((SignalAspect.RED, SignalAspect.AMBER, SignalAspect.GREEN)):
        lit = _LAMPS[lamp] if lamp is aspect else (60, 60, 60)
        cv2.circle(image, (70, 135 + 45 * n), 17, lit, -1, cv2.LINE_AA)
    _vehicle(image, (760, 470, 930, 590), Colour.GREY, "KT 1808 QA", False)
    box = box_at(t, kind, user)
    _vehicle(image, box, colour, plate, user is RoadUserKind.MOTORCYCLE)
    noise = np.random.default_rng(int(t * 1000) & 0xFFFF).integers(0, 9, image.shape, np.uint8)
    return cv2.add(image, noise)


def _vehicle(image: Any, box: tuple[int, ...], colour: Colour, plate: str, two: bool) -> None:
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    paint = _PAINT.get(colour, (120, 120, 120))
    cv2.ellipse(image, ((x0 + x1) // 2, y1), (w // 2, max(h // 12, 2)), 0, 0, 360, (50, 50, 50), -1)
    if two:
        cv2.rectangle(image, (x0 + w // 3, y0 + h // 2), (x1 - w // 3, y1), (40, 40, 40), -1)
        cv2.ellipse(image, ((x0 + x1) // 2, y0 + h // 2), (w // 3, h // 4), 0, 0, 360, paint, -1)
        cv2.circle(image, ((x0 + x1) // 2, y0 + h // 6), h // 8, (60, 90, 130), -1, cv2.LINE_AA)
    else:
        cv2.rectangle(image, (x0, y0 + h // 3), (x1, y1 - h // 12), paint, -1)
        roof = [
            (x0 + w // 8, y0 + h // 3),
            (x0 + w // 5, y0),
            (x1 - w // 5, y0),
            (x1 - w // 8, y0 + h // 3),
        ]
        cv2.fillPoly(image, [np.array(roof, np.int32)], paint)
        glass = [
            (x0 + w // 6, y0 + h // 3),
            (x0 + w // 4, y0 + h // 14),
            (x1 - w // 4, y0 + h // 14),
            (x1 - w // 6, y0 + h // 3),
        ]
        cv2.fillPoly(image, [np.array(glass, np.int32)], (90, 80, 60))
        for x in (x0 + w // 12, x1 - w // 12 - w // 9):
            cv2.rectangle(image, (x, y0 + h // 2), (x + w // 9, y0 + 5 * h // 8), (50, 50, 200), -1)
        for x in (x0 + w // 8, x1 - w // 8 - w // 6):
            cv2.rectangle(image, (x, y1 - h // 8), (x + w // 6, y1), (25, 25, 25), -1)
    px0, py0, px1, py1 = plate_box(box)
    cv2.rectangle(image, (px0, py0), (px1, py1), (245, 245, 245), -1)
    cv2.rectangle(image, (px0, py0), (px1, py1), (20, 20, 20), 1)
    size = (px1 - px0) / (19.0 * max(len(plate), 1))
    at, font = (px0 + 4, py1 - 5), cv2.FONT_HERSHEY_SIMPLEX
    thick = max(int(size * 3), 1)
    cv2.putText(image, plate, at, font, size, (15, 15, 15), thick, cv2.LINE_AA)


def plate_box(box: tuple[int, ...]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    middle, y = (x0 + x1) // 2, y1 - h // 4
    half = max(w // 5, 34)
    return middle - half, y - max(h // 10, 11), middle + half, y + max(h // 10, 11)


def jpeg(image: Any, quality: int = 90) -> bytes:
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


@cache
def clip(kind: ViolationType, user: RoadUserKind, colour: Colour, plate: str) -> bytes:
    """A real MP4 (H.264, B-frames as cameras send them), `RATE` pictures a second."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDE, HIGH, "yuv420p"
        stream.time_base = Fraction(1, 1000)
        stream.options = {"preset": "ultrafast", "g": "20", "bf": "2", "crf": "27"}
        for n in range(int((BEFORE + AFTER) * RATE) + 1):
            t = n / RATE - BEFORE
            aspect = _aspect(t)
            picture = street(t, kind, user, colour, plate, aspect)
            cv2.putText(
                picture, f"{n}", (1190, 700), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (255, 255, 255), 3
            )
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = n * 1000 // RATE
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


def _aspect(t: float) -> SignalAspect:
    return SignalAspect.RED if t > -2.4 else SignalAspect.AMBER


class NobodyThere:
    info = None

    def detect(self, image: Any) -> Detections:
        return Detections(np.zeros(0, np.uint8), np.zeros(0), np.zeros((0, 4), np.float32))


@dataclass
class Reader:
    """Reads what it was told to."""

    reading: PlateReading

    def read(self, stills: Any, finding: Finding) -> PlateReading:
        return self.reading

    def find_plates(self, image: Any) -> list[Any]:
        return []


@dataclass
class Around:
    """What was heard: a signal's cycle, a camera, this machine's clock."""

    runs: tuple[Run, ...]
    clock: Clock

    def circumstances(self, finding: Finding) -> Circumstances:
        look = CameraLook(finding.stamp, CameraState.OK, 10.0, 0.012, "onvif")
        return Circumstances(self.runs, look)

    def facts(self, facts: Facts) -> Facts:
        return replace(facts, clock=self.clock)


def cycle(stamp: int, lamp: bool = True) -> tuple[Run, ...]:
    """Green, amber, red around the moment; red since 2.4 s."""
    source = SignalSource.LAMP_VISION if lamp else SignalSource.CONTROLLER
    told = [(SignalAspect.RED, -80.0, -38.0), (SignalAspect.GREEN, -38.0, -5.4),
            (SignalAspect.AMBER, -5.4, -2.4), (SignalAspect.RED, -2.4, 14.0)]  # fmt: skip
    return tuple(
        Run(aspect, stamp + int(a * SECOND), stamp + int(a * SECOND), stamp + int(b * SECOND),
            source, 0.93, int((b - a) * 10))
        for aspect, a, b in told
    )  # fmt: skip


class Maker:
    """Seals cases of one site into the store `root` and writes them into a ledger."""

    def __init__(self, root: Path, site: str = "beruang_madu") -> None:
        self.root, self.site = root, site
        self.ring = Keyring.open(root.parent / "keys")
        self.made = 0

    def seal(
        self,
        stamp: int,
        kind: ViolationType = ViolationType.RED_LIGHT,
        *,
        user: RoadUserKind = RoadUserKind.CAR,
        colour: Colour = Colour.WHITE,
        plate: str = "",
        plate_state: PlateState = PlateState.READ,
        plate_colour: PlateColour = PlateColour.WHITE,
        clock: Clock | None = None,
        runs: tuple[Run, ...] | None = None,
        pictures: bool = True,
        clip_bytes: bytes | None = None,
        **changes: Any,
    ) -> Violation:
        """A sealed folder, read back as the ledger gets it."""
        self.made += 1
        plate = plate or PLATES.get(kind, "KT 1234 AB")
        finding = self._finding(stamp, kind, user, colour, changes)
        reading = PlateReading(plate_state)
        box = box_at(0.0, kind, user)
        if plate_state is PlateState.READ:
            pixels = tuple(float(v) for v in plate_box(box))
            reading = PlateReading(
                plate_state, plate, 0.91, pixels, pixels[3] - pixels[1], 4, 5, plate_colour,
                stamp=stamp,
            )  # fmt: skip
        sealer = Sealer(
            EvidenceStore(self.root, self.ring),
            Facts("0.1.0", "ab" * 32, "Beruang Madu", "Asia/Makassar", "yolo11n.onnx", "cd" * 32),
            {(finding.camera, finding.zone): _zone(finding)},
            extras=Around(
                cycle(stamp) if runs is None and finding.signal else runs or (),
                clock or Clock(True, "adjtimex", 0.004),
            ),
            plates=Reader(reading),  # type: ignore[arg-type]
            releaser=Releaser(NobodyThere),  # type: ignore[arg-type]
        )
        directory = sealer.directory(finding) + ".partial"
        case = new_case(finding, directory, 20 * SECOND, 0, CaseSettings())
        if pictures:
            data = clip(kind, user, colour, plate) if clip_bytes is None else clip_bytes
            case = merge(case, self._answer(finding, directory, kind, user, colour, plate, data))
        else:
            case = replace(case, missing=("camera simpang_utara did not answer in time",))
        sealed = sealer.seal(case, stamp + 6 * SECOND)
        return evidence_store.read(self.root, sealed.manifest)

    def case(self, house: Any, stamp: int, kind: Any = ViolationType.RED_LIGHT, **kw: Any) -> str:
        """A pending citation; its number."""
        violation = self.seal(stamp, kind, **kw)
        return enter(house, violation)

    def _finding(
        self, stamp: int, kind: ViolationType, user: RoadUserKind, colour: Colour, changes: Any
    ) -> Finding:
        x0, y0, x1, y1 = box_at(0.0, kind, user)
        half = (x0 / 2, y0 / 2, x1 / 2, y1 / 2)
        trail = tuple(
            ((b[0] + b[2]) / 2 / WIDE, b[3] / HIGH)
            for b in (box_at(t / 10, kind, user) for t in range(-12, 1, 2))
        )
        red = kind in (ViolationType.RED_LIGHT, ViolationType.STOP_LINE)
        base: dict[str, Any] = {
            "id": identity("centre", self.site, str(self.made)),
            "type": kind,
            "site": self.site,
            "camera": "simpang_utara",
            "zone": "henti_utara",
            "stamp": stamp,
            "started": stamp - SECOND,
            "road_user": RoadUser(
                user,
                40 + self.made,
                0.86,
                half,
                colour=colour,
                velocity=(0.4, 13.0),
                velocity_stddev=(0.3, 0.6),
            ),
            "width": WIDE // 2,
            "height": HIGH // 2,
            "trail": trail,
            "confidence": 0.86,
            "article": "UU 22/2009 Art. 287(2)",
            "basis": "signal",
            "catalogue_version": "2026-01",
            "latitude": -1.2463,
            "longitude": 116.8563,
            "explanation": "The car crossed henti_utara when utara was red for at least 2.4 s.",
        }
        if red:
            base |= {
                "measured": 2.4,
                "time_into_red": 2.4,
                "signal": SignalReading(
                    "utara", SignalAspect.RED, stamp, stamp - int(2.4 * SECOND),
                    SignalSource.LAMP_VISION, 0.93,
                ),
            }  # fmt: skip
        if kind is ViolationType.SPEEDING:
            base |= {
                "measured": 63.4 * KMH, "measured_low": 60.9 * KMH, "measured_high": 65.9 * KMH,
                "limit": 50 * KMH, "article": "UU 22/2009 Art. 287(5)", "basis": "sign S-5",
                "explanation": "The car drove 63.4 km/h (60.9 to 65.9 at 95 %), allowed are 50.",
                "looks": looks(stamp), "started": stamp - round(2.4 * SECOND),
            }  # fmt: skip
        if kind is ViolationType.NO_HELMET:
            base |= {
                "article": "UU 22/2009 Art. 291(1)", "basis": "movement rule", "zone": "simpang",
                "explanation": "2 riders, 1 helmet, in 9 of 10 pictures.",
            }  # fmt: skip
        if kind is ViolationType.ILLEGAL_PARKING:
            base |= {
                "measured": 84.0, "limit": 60.0, "started": stamp - 84 * SECOND,
                "article": "UU 22/2009 Art. 287(3)", "basis": "sign S-12", "zone": "bahu",
                "explanation": "The car stood 84 s in bahu, allowed are 60 s.",
            }  # fmt: skip
        return Finding(**(base | changes))

    def _answer(
        self, finding: Finding, directory: str, kind: Any, user: Any, colour: Any, plate: str,
        data: bytes,
    ) -> Capture:  # fmt: skip
        folder = self.root / directory
        folder.mkdir(parents=True, exist_ok=True)
        files = []

        def put(name: str, kind_: EvidenceKind, stamp: int, data: bytes) -> None:
            (folder / name).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            files.append(EvidenceFile(kind_, stamp, f"{directory}/{name}", digest, len(data)))

        for name, kind_, t in (
            ("context_before.jpg", EvidenceKind.CONTEXT_BEFORE, -2.0),
            ("scene.jpg", EvidenceKind.SCENE, 0.0),
            ("scene_2.jpg", EvidenceKind.SCENE, -0.4),
            ("context_after.jpg", EvidenceKind.CONTEXT_AFTER, 2.0),
        ):
            picture = jpeg(street(t, kind, user, colour, plate, _aspect(t)))
            put(name, kind_, finding.stamp + int(t * SECOND), picture)
        put("clip.mp4", EvidenceKind.CLIP, finding.stamp - int(BEFORE * SECOND), data)
        return Capture(finding.id, tuple(files), WIDE, HIGH)


def _zone(finding: Finding) -> ZoneShape:
    if finding.zone == "bahu":
        return ZoneShape(
            "bahu",
            ((0.66, 0.45), (0.88, 0.45), (0.94, 0.70), (0.70, 0.70)),
            None,
            "no parking · bahu",
        )
    if finding.type is ViolationType.SPEEDING:
        points = ((0.22, 0.72), (0.36, 0.34), (0.50, 0.34), (0.50, 0.72))
        return ZoneShape(
            finding.zone, points, ((0.36, 0.9), (0.42, 0.4)), f"speed · {finding.zone}"
        )
    arrow = ((0.36, 0.95), (0.42, 0.45))
    return ZoneShape(finding.zone, ((0.2, 0.652), (0.49, 0.628)), arrow, "stop line · henti_utara")


def looks(stamp: int, seconds: float = 2.4) -> tuple[Look, ...]:
    """What a car at 63.4 km/h shows, ten times a second, around the measured stretch."""
    made, begin = [], stamp - round((seconds + 0.5) * SECOND)
    for n in range(round((seconds + 1.0) * 10) + 1):
        off = (0.21, -0.12, 0.05, -0.33, 0.18)[n % 5]
        made.append(Look(begin + n * SECOND // 10, 63.4 * KMH * n / 10 + off - 0.21, off, 0.25))
    return tuple(made)


def measure(violation: Violation, step: Step = Step.CITATION, **changes: Any) -> Measure:
    """What the ladder chose."""
    offence = violation.offence
    values: dict[str, Any] = {
        "id": identity(offence.id, step.name.lower()),
        "violation_id": offence.id,
        "site": offence.site,
        "camera": offence.camera,
        "type": offence.type,
        "step": step,
        "mode": Mode.ENFORCEMENT,
        "stamp": offence.stamp,
        "reason": "Usulan tilang diajukan, menunggu pemeriksaan petugas, karena mobil ini melewati "
        "lampu merah (UU 22/2009 Pasal 287 ayat 2). Berhenti di belakang garis henti selama lampu "
        "merah menyala.",
        "policy": "default.citation",
    }
    return Measure(**(values | changes))


def enter(house: Any, violation: Violation) -> str:
    """Writes violation and measure into the centre's ledger; the citation's number."""
    house.ledger.store_violation(violation, house.now())
    lines = house.ledger.store_measure(measure(violation), house.now())
    return str(lines[0].number)
