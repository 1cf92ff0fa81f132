"""Makes the bags of this folder anew: `./bconnect python tests/replay/bags/make.py`.

Each folder holds the bag, the site that judges it, and `expected.json`: the violations it must
give, with tolerances. A bug report becomes one more folder here.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from replay_scenes import SITE, T0, cars, write_info, write_status, write_users  # noqa: E402

from bconnect_replay.adapters.bag import BagWriter  # noqa: E402

SECOND = 1_000_000_000
Box = tuple[float, float, float, float]


def wrong_way(second: float) -> list[Box]:
    """One car with the arrow, one against it."""
    return cars(second, -60.0, 60.0)


def parked(seconds: float) -> Callable[[float], list[Box]]:
    """One car stands so long, traffic passes."""

    def boxes(second: float) -> list[Box]:
        passing = [box for n in range(4) for box in cars((second - 25.0 * n) % 100.0, -60.0)]
        x = 300.0 - 60.0 * max(0.0, 5.0 - second) + 60.0 * max(0.0, second - 5.0 - seconds)
        return [*passing, *([(x, 300.0, x + 60.0, 340.0)] if 5.0 <= x <= 575.0 else [])]

    return boxes


LANE = {
    "kind": "direction",
    "region": [[0.01, 0.2], [0.99, 0.2], [0.99, 0.99], [0.01, 0.99]],
    "direction": [[0.9, 0.6], [0.1, 0.6]],
    "basis": "marking",
}
SHOULDER = {
    "kind": "no_parking",
    "region": [[0.3, 0.7], [0.7, 0.7], [0.7, 0.99], [0.3, 0.99]],
    "dwell": 60.0,
    "basis": "sign S-12",
}
SCENES: dict[str, tuple[Callable[[float], list[Box]], float, dict[str, Any], list[str]]] = {
    "wrong_way": (wrong_way, 8.0, {"lajur": LANE}, ["wrong_way"]),
    "parked_75_of_60": (parked(75.0), 85.0, {"bahu": SHOULDER}, ["illegal_parking"]),
    "parked_50_of_60": (parked(50.0), 60.0, {"bahu": SHOULDER}, ["illegal_parking"]),
}


def make(name: str, folder: Path) -> None:
    """One scene's site.yaml and bag/ in a folder; what was there is replaced."""
    boxes, seconds, zones, rules = SCENES[name]
    folder.mkdir(parents=True, exist_ok=True)
    camera = {"source": "file://utara.mp4", "zones": zones, "rules": rules}
    site = {
        "site": SITE,
        "kind": "corridor",
        "title": name.replace("_", " "),
        "location": {"latitude": -1.2463, "longitude": 116.8563},
        "cameras": {"utara": camera},
    }
    (folder / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))
    shutil.rmtree(folder / "bag", ignore_errors=True)
    with BagWriter(folder / "bag") as bag:
        write_info(bag)
        for n in range(round(5 * seconds)):
            stamp = T0 + n * SECOND // 5
            if n % 5 == 0:
                write_status(bag, stamp)
            write_users(bag, stamp, boxes(n / 5))


if __name__ == "__main__":
    for scene in SCENES:
        make(scene, HERE / scene)
