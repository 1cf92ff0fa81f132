"""What the detector and the lamps say of pictures, written as a bag to judge.

Pictures are those the bag holds, else the cameras' files. Nothing here is measured against a
clock: the first picture of every file is the bag's begin.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from bconnect_detect.adapters.onnx_detector import OnnxDetector
from bconnect_detect.adapters.weights import resolve
from bconnect_detect.core.colour import coloured
from bconnect_detect.core.lamp import Lamp, crop, read_head
from bconnect_detect.core.types import SignalReading, Tracks
from bconnect_detect.gating import Gates, crop_of, seen_by
from bconnect_replay.adapters.bag import BagReader, BagWriter
from bconnect_replay.adapters.bag_rescue import needs_rescue
from bconnect_replay.adapters.video import Image, pictures
from bconnect_replay.album import KINDS, given_topics, picture_topic, seen
from bconnect_replay.inputs import bag_folder, open_inputs
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


def watch(
    path: Path,
    site: str | Path | None,
    out: Path,
    detector: Detect | None = None,
    image_topics: Sequence[str] = (),
) -> tuple[Path, Path]:
    """What is seen anew, as a bag ``out/detections``, and the site file it is judged by.

    path: a bag with pictures, or a folder with site.yaml, a file for each camera, and perhaps a
    bag. What the bag says of signals, plates and camera states is taken over. image_topics:
    "camera=/topic" for bags of other recorders. A bag made before is made anew. Raises ConfigError.
    """
    folder = bag_folder(path)
    if not (folder / "metadata.yaml").is_file() and not needs_rescue(folder):
        loaded = load_site(_site_file(path, site))
        return _watch(loaded, None, {}, out, detector), loaded.path
    out.mkdir(parents=True, exist_ok=True)
    inputs = open_inputs(path, site, out, foreign=bool(image_topics))
    with inputs.bag:
        loaded, bag = inputs.loaded, inputs.bag
        given = given_topics(loaded.site, bag, list(image_topics))
        there = {c: names.camera_ns(inputs.recorded, c) for c in loaded.site.cameras}
        topics = {c: given.get(c) or picture_topic(bag, space) for c, space in there.items()}
        held = {camera: topic for camera, topic in topics.items() if topic}
        return _watch(loaded, bag, held, out, detector), loaded.path


def _watch(
    loaded: LoadedSite,
    old: BagReader | None,
    held: Mapping[str, str],
    out: Path,
    detector: Detect | None,
) -> Path:
    files = _files(loaded, held)
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
    with BagWriter(target) as bag:
        start = _take_over(old, bag, loaded.site) if old is not None else SOME_DAY
        for camera, settings in loaded.site.cameras.items():
            size, rate = (settings.detect.width, settings.detect.height), settings.detect.rate
            if camera in held and old is not None:
                shown = seen(old, held[camera], size, rate)
            else:
                shown = ((start + t, image) for t, image in pictures(files[camera], rate, size))
            for found, readings in _look(loaded.site, camera, shown, detector):
                if found is not None:
                    _write_users(bag, loaded.site.site, found)
                for reading in readings:
                    _write_signal(bag, loaded.site.site, reading)
    return target


def _site_file(path: Path, site: str | Path | None) -> Path:
    return resolve_site(site) if site is not None else path / "site.yaml"


def _files(loaded: LoadedSite, held: Mapping[str, str]) -> dict[str, Path]:
    """The files of cameras whose pictures no bag holds. Raises ConfigError."""
    files: dict[str, Path] = {}
    wrong: list[str] = []
    for name, camera in loaded.site.cameras.items():
        if name in held:
            continue
        url = source_url(loaded, camera)
        if not url.startswith("file://"):
            wrong.append(
                f"{loaded.shown}: cameras.{name}.source: found {camera.source}, needs file://... "
                "to be looked at again, or a bag that holds its pictures"
            )
        files[name] = Path(url.removeprefix("file://"))
    if wrong:
        raise ConfigError(*wrong)
    return files


def _take_over(old: BagReader, bag: BagWriter, site: Site) -> int:
    """Copies what the pictures do not say; returns when the old bag began, ns."""
    lamps = {name for name, signal in site.signals.items() if signal.adapter == "lamp_vision"}
    kept = [
        topic.name
        for topic in old.topics.values()
        if topic.name.rpartition("/")[2] not in (names.DETECTIONS, names.TRACKS)
        and topic.type not in KINDS
        and topic.type in bag.types.types
    ]
    for topic, data, stamp in old.raw(kept):
        type_name = old.topics[topic].type
        if type_name == _SIGNAL and old.decode(topic, data).signal in lamps:
            continue
        latched = topic.rpartition("/")[2] in (names.SITE_INFO, names.CAMERA_STATUS)
        bag.write_raw(topic, type_name, old.current(topic, data), stamp, latched)
    return old.start


def _look(
    site: Site, camera: str, shown: Iterable[tuple[int, Image]], detector: Detect
) -> Iterator[tuple[Tracks | None, list[SignalReading]]]:
    """(detections, readings of lamps) of each picture; None: the camera's gate was shut."""
    gates, part = Gates.of(site, [camera]), crop_of(site.cameras[camera])
    settings = site.cameras[camera].detect
    size = (settings.width, settings.height)
    lamps = [
        (Lamp(name), signal.region or (), signal.orientation == "horizontal")
        for name, signal in site.signals.items()
        if signal.adapter == "lamp_vision" and signal.camera == camera
    ]
    for stamp, image in shown:
        readings = []
        for lamp, region, horizontal in lamps:
            aspect, confidence = read_head(crop(image, region), horizontal)
            reading = lamp.look(aspect, confidence, stamp)
            if reading is not None:
                readings.append(reading)
        if not gates.wants(camera, stamp, image):
            yield None, readings
            continue
        found = seen_by(detector, image, part).to_tracks(stamp, camera, size)
        gates.found(camera, stamp, found.boxes, size)
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
