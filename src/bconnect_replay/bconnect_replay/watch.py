"""What the detector and the lamps say of the cameras' files, written as a bag to judge.

Nothing here is measured against a clock: the first picture of every file is the bag's begin.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from bconnect_detect.adapters.onnx_detector import OnnxDetector
from bconnect_detect.adapters.weights import resolve
from bconnect_detect.core.colour import coloured
from bconnect_detect.core.lamp import Lamp, crop, read_head
from bconnect_detect.core.types import SignalReading, Tracks
from bconnect_replay.adapters.bag import BagReader, BagWriter
from bconnect_replay.adapters.video import Image, pictures
from bconnect_replay.inputs import bag_folder
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.loaded import LoadedSite
from bconnect_site.loader import load_site, resolve_site
from bconnect_site.model import Site
from bconnect_site.plan import source_url

NAME = "detections"
SOME_DAY = 1_750_000_000_000_000_000  # ns: where nothing tells when a file was filmed
_USERS, _SIGNAL = "bconnect_msgs/msg/RoadUserArray", "bconnect_msgs/msg/SignalState"


class Detect(Protocol):
    """Finds road users in a picture, (h, w, 3) BGR."""

    def detect(self, image: Image, /) -> Any: ...


def watch(path: Path, site: str | Path | None, out: Path, detector: Detect | None = None) -> Path:
    """A folder with site.yaml and a file for each camera, seen anew: ``out/detections``.

    What a bag beside the files says of signals, plates and camera states is taken over.
    A bag made before is made anew. Raises ConfigError.
    """
    loaded = load_site(site_file(path, site))
    files = _files(loaded)
    detector = detector or OnnxDetector(
        resolve(loaded.site.detector.model, os.environ),
        confidence=min(loaded.site.detector.confidence, loaded.site.tracker.track_low_thresh),
        image_size=loaded.site.detector.image_size,
        threads=loaded.site.detector.threads,
    )
    target = out / NAME
    if target.exists():
        if any(p.suffix not in (".mcap", ".yaml") for p in target.iterdir()):
            raise ConfigError(f"{target}: is no bag of an earlier rerun; choose another --out")
        shutil.rmtree(target)
    out.mkdir(parents=True, exist_ok=True)
    beside = bag_folder(path)
    with BagWriter(target) as bag:
        start = SOME_DAY
        if (beside / "metadata.yaml").is_file():
            start = _take_over(beside, bag, loaded.site)
        for camera, file in files.items():
            for found, readings in _look(loaded.site, camera, file, start, detector):
                _write_users(bag, loaded.site.site, found)
                for reading in readings:
                    _write_signal(bag, loaded.site.site, reading)
    return target


def site_file(path: Path, site: str | Path | None) -> Path:
    """The file of the site asked for, else site.yaml of a folder or beside a bag."""
    if site is not None:
        return resolve_site(site)
    return (path.parent if (path / "metadata.yaml").is_file() else path) / "site.yaml"


def _files(loaded: LoadedSite) -> dict[str, Path]:
    files: dict[str, Path] = {}
    wrong: list[str] = []
    for name, camera in loaded.site.cameras.items():
        url = source_url(loaded, camera)
        if not url.startswith("file://"):
            wrong.append(
                f"{loaded.shown}: cameras.{name}.source: found {camera.source}, "
                "needs file://... to be looked at again"
            )
        files[name] = Path(url.removeprefix("file://"))
    if wrong:
        raise ConfigError(*wrong)
    return files


def _take_over(folder: Path, bag: BagWriter, site: Site) -> int:
    """Copies what the pictures do not say; returns when the old bag began, ns."""
    seen = {name for name, signal in site.signals.items() if signal.adapter == "lamp_vision"}
    with BagReader(folder) as old:
        kept = [t for t in old.topics if t.rpartition("/")[2] not in (names.DETECTIONS, "tracks")]
        for topic, data, stamp in old.raw(kept):
            type_name = old.topics[topic].type
            if type_name == _SIGNAL and old.decode(topic, data).signal in seen:
                continue
            latched = topic.rpartition("/")[2] in (names.SITE_INFO, names.CAMERA_STATUS)
            bag.write_raw(topic, type_name, data, stamp, latched)
        return old.start


def _look(
    site: Site, camera: str, file: Path, start: int, detector: Detect
) -> Iterator[tuple[Tracks, list[SignalReading]]]:
    """(detections, readings of lamps) of each picture."""
    settings = site.cameras[camera].detect
    size = (settings.width, settings.height)
    lamps = [
        (Lamp(name), signal.region or (), signal.orientation == "horizontal")
        for name, signal in site.signals.items()
        if signal.adapter == "lamp_vision" and signal.camera == camera
    ]
    for since, image in pictures(file, settings.rate, size):
        stamp = start + since
        readings = []
        for lamp, region, horizontal in lamps:
            aspect, confidence = read_head(crop(image, region), horizontal)
            reading = lamp.look(aspect, confidence, stamp)
            if reading is not None:
                readings.append(reading)
        found = detector.detect(image).to_tracks(stamp, camera, size)
        yield coloured(found, image), readings


def _write_users(bag: BagWriter, site: str, found: Tracks) -> None:
    sides = found.boxes.T
    numbers = {
        name: column
        for name in ("riders", "helmets", "emergency", "colour")
        if (column := getattr(found, name)) is not None
    }
    message = bag.make(
        _USERS,
        header=bag.header(found.stamp, names.optical_frame(site, found.camera)),
        image_width=found.width,
        image_height=found.height,
        kind=found.kind,
        track_id=found.track_id,
        confidence=found.confidence,
        x_min=sides[0],
        y_min=sides[1],
        x_max=sides[2],
        y_max=sides[3],
        **numbers,
    )
    topic = f"{names.camera_ns(site, found.camera)}/{names.DETECTIONS}"
    bag.write(topic, message, found.stamp)


def _write_signal(bag: BagWriter, site: str, reading: SignalReading) -> None:
    message = bag.make(
        _SIGNAL,
        header=bag.header(reading.stamp),
        signal=reading.signal,
        aspect=int(reading.aspect),
        since=bag.time(reading.since),
        source=int(reading.source),
        confidence=reading.confidence,
    )
    bag.write(f"{names.site_ns(site)}/{names.SIGNALS}", message, reading.stamp)
