"""A small bag made by hand: one camera, one lane, a signal, and who drives through it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bconnect_replay.adapters.bag import BagWriter
from bconnect_replay.core.line import Event, Found

SECOND = 1_000_000_000
T0 = 1_780_000_000 * SECOND
SITE = "tangan"
CAR = 4

SITE_FILE: dict[str, Any] = {
    "site": SITE,
    "kind": "corridor",
    "title": "Tangan",
    "location": {"latitude": -1.2463, "longitude": 116.8563},
    "cameras": {
        "utara": {
            "source": "file://utara.mp4",
            "zones": {
                "lajur": {
                    "kind": "direction",
                    "region": [[0.01, 0.3], [0.99, 0.3], [0.99, 0.99], [0.01, 0.99]],
                    "direction": [[0.9, 0.6], [0.1, 0.6]],
                    "basis": "marking",
                }
            },
            "rules": ["wrong_way"],
        }
    },
}


def cars(seconds: float, *speeds: float) -> list[tuple[float, float, float, float]]:
    """Boxes of cars one below the other, px/s to the right; negative: to the left."""
    made = []
    for row, speed in enumerate(speeds):
        x = (40.0 if speed > 0 else 540.0) + speed * seconds
        y = 120.0 + 60.0 * row
        made.append((x, y, x + 60.0, y + 40.0))
    return [box for box in made if box[0] >= 5 and box[2] <= 635]


def write_users(
    bag: BagWriter,
    stamp: int,
    boxes: Iterable[tuple[float, float, float, float]],
    topic: str = "detections",
    ids: Iterable[int] | None = None,
    header_stamp: int | None = None,
    camera: str = "utara",
) -> None:
    """One image's road users, all cars."""
    sides = np.array(list(boxes), np.float32).reshape(-1, 4).T
    n = sides.shape[1]
    message = bag.make(
        "bconnect_msgs/msg/RoadUserArray",
        header=bag.header(stamp if header_stamp is None else header_stamp, f"{SITE}/{camera}"),
        image_width=640,
        image_height=360,
        kind=[CAR] * n,
        track_id=[0] * n if ids is None else list(ids),
        confidence=[0.9] * n,
        **dict(zip(("x_min", "y_min", "x_max", "y_max"), sides, strict=True)),
    )
    bag.write(f"/{SITE}/{camera}/{topic}", message, stamp)


def write_status(bag: BagWriter, stamp: int, state: int = 1) -> None:
    """What the camera says of itself; 1: OK."""
    message = bag.make(
        "bconnect_msgs/msg/CameraStatus", header=bag.header(stamp), camera="utara", state=state
    )
    bag.write(f"/{SITE}/utara/camera_status", message, stamp, latched=True)


def write_info(bag: BagWriter, **said: Any) -> None:
    """The site as the recording graph told it."""
    keys = {"site": SITE, "software_version": "0.1.0", **said}
    message = bag.make("bconnect_msgs/msg/SiteInfo", header=bag.header(T0), **keys)
    bag.write(f"/{SITE}/site_info", message, T0, latched=True)


def make_folder(
    folder: Path,
    *speeds: float,
    seconds: float = 8.0,
    topic: str = "detections",
    status: bool = True,
    stamps: bool = True,
) -> Path:
    """site.yaml and bag/ with cars of these speeds [px/s] at 10 Hz."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.yaml").write_text(yaml.safe_dump(SITE_FILE))
    with BagWriter(folder / "bag") as bag:
        write_info(bag)
        for n in range(round(10 * seconds)):
            stamp = T0 + n * SECOND // 10
            if status and n % 10 == 0:
                write_status(bag, stamp)
            boxes = cars(n / 10, *speeds)
            ids = range(1, 1 + len(boxes)) if topic == "tracks" else None
            write_users(bag, stamp, boxes, topic, ids, None if stamps else 0)
    return folder


def found(kind: str = "speeding", at: float = 10.0, **keys: Any) -> Found:
    """A finding that was certain 2 s after it began, ``at`` s."""
    started = T0 + round(at * SECOND)
    values: dict[str, Any] = {
        "id": f"{kind}-{at:g}",
        "camera": "utara",
        "started": started,
        "stamp": started + 2 * SECOND,
        **keys,
    }
    return Found(kind=kind, **values)


def event(kind: str = "speeding", at: float = 10.0, **keys: Any) -> Event:
    """A true event of 3 s."""
    start = T0 + round(at * SECOND)
    values: dict[str, Any] = {
        "start": start,
        "end": start + 3 * SECOND,
        "cameras": ("utara",),
        **keys,
    }
    return Event(kind=kind, **values)
