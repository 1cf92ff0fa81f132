"""A finding, a store and what a camera would have written, for all tests of evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bconnect_detect.adapters.evidence_store import EvidenceStore
from bconnect_detect.core.detector import Detections
from bconnect_detect.core.evidence import Case, CaseBook, CaseSettings, merge, new_case
from bconnect_detect.core.manifest import Facts
from bconnect_detect.core.plain import finding_to_dict, plate_to_dict
from bconnect_detect.core.sheet import ZoneShape
from bconnect_detect.core.types import SECOND, Finding, RoadUser, SignalReading
from bconnect_detect.core.violation import Capture, EvidenceFile, PlateReading
from bconnect_detect.releasing import Releaser
from bconnect_detect.sealing import Sealer
from bconnect_site import sealed
from bconnect_site.keys import Keyring
from bconnect_site.kinds import (
    EvidenceKind,
    RoadUserKind,
    SignalAspect,
    SignalSource,
    ViolationType,
)

STAMP = 1_795_515_802_437_000_000  # 2026-11-24 10:23:22.437 UTC, 18:23 WITA
NAMES = {
    EvidenceKind.CONTEXT_BEFORE: "context_before.jpg",
    EvidenceKind.SCENE: "scene.jpg",
    EvidenceKind.CONTEXT_AFTER: "context_after.jpg",
    EvidenceKind.CLIP: "clip.mp4",
}


class NobodyThere:
    """A detector that finds nobody: tests of the store need no model."""

    info = None

    def detect(self, image: Any) -> Detections:
        return Detections(np.zeros(0, np.uint8), np.zeros(0), np.zeros((0, 4), np.float32))


def _finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "id": "3f0c1f9e-93bd-5a1b-9f8e-0d2f6a2b7c11",
        "type": ViolationType.STOP_LINE,
        "site": "beruang_madu",
        "camera": "simpang_utara",
        "zone": "henti_utara",
        "stamp": STAMP,
        "started": STAMP - SECOND,
        "road_user": RoadUser(RoadUserKind.CAR, 7, 0.75, (160.0, 90.0, 320.0, 180.0)),
        "width": 640,
        "height": 360,
        "trail": ((0.25, 0.25), (0.375, 0.5)),
        "measured": 0.5,
        "signal": SignalReading(
            "utara", SignalAspect.RED, STAMP, STAMP - 3 * SECOND, SignalSource.LAMP_VISION, 0.5
        ),
        "time_into_red": 3.0,
        "article": "UU 22/2009 Art. 287(1)",
        "basis": "marking",
        "catalogue_version": "2026-01",
        "confidence": 0.75,
        "explanation": "Car 7 stands 0.50 beyond the line.",
    }
    return Finding(**(values | changes))


def _jpeg(width: int = 1920, height: int = 1080, shade: int = 120) -> bytes:
    image = np.full((height, width, 3), shade, np.uint8)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def _old_folder(store: Path, finding: Finding) -> Path:
    """A folder as releases before signatures sealed it: format 1."""
    body = finding_to_dict(finding) | {"witnesses": []}
    for key in ("same_as",):
        del body[key]
    for key in ("colour", "emergency"):
        del body["road_user"][key]
    plate = ("state", "text", "confidence", "box", "pixel_height", "votes")
    body["plate"] = {key: plate_to_dict(PlateReading())[key] for key in plate}
    picture = _jpeg(64, 64)
    file = {
        "kind": "scene",
        "path": "scene.jpg",
        "sha256": sealed.sha256(picture),
        "bytes": len(picture),
        "stamp": finding.stamp,
    }
    plain = {"format": "bconnect-evidence/1", "violation": body, "files": [file]}
    plain |= {"missing": ["no clip"], "software": "0.1.0", "site_sha256": "ab" * 32}
    plain["self_sha256"] = sealed.sha256(sealed.canonical(plain))
    folder = store / finding.site / "2026-11-24" / finding.id
    folder.mkdir(parents=True)
    (folder / "scene.jpg").write_bytes(picture)
    (folder / "manifest.json").write_bytes(sealed.canonical(plain))
    return folder


@pytest.fixture
def old_folder() -> Callable[..., Path]:
    return _old_folder


@pytest.fixture
def nobody() -> type[NobodyThere]:
    return NobodyThere


@pytest.fixture
def make_finding() -> Callable[..., Finding]:
    return _finding


@pytest.fixture
def make_jpeg() -> Callable[..., bytes]:
    return _jpeg


@pytest.fixture
def book() -> CaseBook:
    return CaseBook(CaseSettings(max_open=4, remember=10))


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    return _sealer(tmp_path / "evidence")


def _sealer(root: Path, **kw: Any) -> Sealer:
    """A sealer of a store, its keys in ``keys`` beside it."""
    ring = kw.pop("ring", None) or Keyring.open(root.parent / "keys")
    extras = {name: kw.pop(name) for name in ("extras", "plates", "releaser") if name in kw}
    extras.setdefault("releaser", Releaser(NobodyThere))
    zone = ZoneShape("henti_utara", ((0.2, 0.6), (0.8, 0.6)), ((0.5, 0.9), (0.5, 0.7)))
    facts = Facts("0.1.0", "ab" * 32, "Beruang Madu", "Asia/Makassar", "yolo.onnx", "cd" * 32)
    zones = {("simpang_utara", "henti_utara"): zone}
    return Sealer(EvidenceStore(root, ring, **kw), facts, zones, **extras)


@pytest.fixture
def make_sealer() -> Callable[..., Sealer]:
    return _sealer


def _answer(
    sealer: Sealer, finding: Finding, kinds: tuple[EvidenceKind, ...] = tuple(NAMES)
) -> Capture:
    """Writes what a camera would write into the partial folder and tells of it."""
    directory = sealer.directory(finding) + ".partial"
    folder = sealer.store.root / directory
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for kind in kinds:
        data = b"a clip" * 1000 if kind is EvidenceKind.CLIP else _jpeg(shade=100 + int(kind))
        (folder / NAMES[kind]).write_bytes(data)
        path = f"{directory}/{NAMES[kind]}"
        digest = hashlib.sha256(data).hexdigest()
        files.append(EvidenceFile(kind, finding.stamp, path, digest, len(data)))
    return Capture(finding.id, tuple(files), 1920, 1080)


@pytest.fixture
def answer() -> Callable[..., Capture]:
    return _answer


@pytest.fixture
def make_case(answer: Callable[..., Capture]) -> Callable[..., Case]:
    """A closed case with its pictures on disk."""

    def make(
        sealer: Sealer, finding: Finding, kinds: tuple[EvidenceKind, ...] = tuple(NAMES)
    ) -> Case:
        directory = sealer.directory(finding) + ".partial"
        case = new_case(finding, directory, 20 * SECOND, 0, CaseSettings())
        return merge(case, answer(sealer, finding, kinds))

    return make
