"""adapter: auto — which backend is quickest here, found by trying, and remembered.

Only backends that give the same boxes from the same weights compete: nobody trades a verdict for
speed by leaving a key at auto. What was found is kept for this machine, these weights and these
versions in a small file; a file that is lost or broken costs a few seconds of trying again.
"""

import hashlib
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from bconnect_detect.core.detector import Detector, Weights
from bconnect_site import disk
from bconnect_site.errors import ConfigError

ROUNDS = 7  # images each backend looks at, in turn
MARGIN = 0.97  # of the time of one named before it, from which another is quicker
_LIBRARIES = ("onnxruntime", "onnxruntime-gpu", "openvino", "ultralytics", "torch", "tensorrt")

Make = Callable[[str], Detector]


@dataclass(frozen=True, slots=True)
class Choice:
    """A loaded detector and why it."""

    adapter: str
    why: str
    model: Detector


def candidates(weights: Weights, device: str) -> Sequence[str]:
    """Adapters that may run these weights on this device, the plainest first."""
    if weights.path.suffix == ".onnx":
        return ("onnxruntime", "openvino") if device == "cpu" else ("onnxruntime", "ultralytics")
    if weights.path.is_dir() and any(weights.path.glob("*.xml")):
        return ("openvino", "ultralytics")
    return ("ultralytics",)


def choose(
    weights: Weights,
    device: str,
    image_size: int,
    threads: int,
    make: Make,
    memory: Path,
    shape: tuple[int, int] | None = None,
) -> Choice:
    """The quickest adapter. ``make`` loads one by name; ``memory``: the file of earlier finds.

    Raises ConfigError, each backend's sentence, where none can run the weights.
    """
    key = key_of(weights, device, image_size, threads, shape)
    if (known := remembered(memory, key)) is not None:
        try:
            adapter, why = known["adapter"], f"{known['why']} (measured earlier)"
            return Choice(adapter, why, make(adapter))
        except (ConfigError, KeyError):
            pass  # it was uninstalled: find out again
    models: dict[str, Detector] = {}
    wrong: list[str] = []
    for name in candidates(weights, device):
        try:
            models[name] = make(name)
        except ConfigError as error:
            wrong += error.sentences
    if not models:
        raise ConfigError(*wrong)
    adapter, why = quickest(models)
    why += "".join(f"; not {sentence}" for sentence in wrong)
    remember(memory, key, {"adapter": adapter, "why": why})
    return Choice(adapter, why, models[adapter])


def quickest(
    models: Mapping[str, Detector], clock: Callable[[], float] = time.perf_counter
) -> tuple[str, str]:
    """The name of the quickest and the sentence that says so. Images are made up: a backend
    takes the same time whatever it sees."""
    dice = np.random.default_rng(0)
    image = dice.integers(0, 255, (360, 640, 3), np.uint8)
    spent: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(ROUNDS + 1):
        for name, model in models.items():
            began = clock()
            model.detect(image)
            if turn:  # the first look warms up
                spent[name].append(1000 * (clock() - began))
    middle = {name: statistics.median(times) for name, times in spent.items()}
    best = next(iter(middle))
    for name, ms in middle.items():
        if ms < MARGIN * middle[best]:
            best = name
    if len(models) == 1:
        return best, f"{best}: the only backend here for these weights, {middle[best]:.0f} ms"
    told = ", ".join(f"{name} {ms:.0f} ms" for name, ms in middle.items())
    return best, f"{best}: the quickest of {told} an image"


def key_of(weights: Weights, device: str, image_size: int, threads: int, *more: object) -> str:
    """What a find holds for: machine, weights, versions and how they are run."""
    told = [platform.machine(), _processor(), str(os.cpu_count()), weights.sha256, device]
    told += [str(image_size), str(threads), *(str(each) for each in more if each)]
    for name in _LIBRARIES:
        try:
            told.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:24]


def memory_file(env: Mapping[str, str]) -> Path:
    """Where finds are kept: ``$XDG_CACHE_HOME``, else ``~/.cache``."""
    home = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME", "/tmp")) / ".cache")
    return Path(home) / "bconnect" / "backends.json"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith("model name")), "")


def remembered(memory: Path, key: str) -> dict[str, str] | None:
    """An earlier find; None: there is none that can be read."""
    found: Any = _read(memory).get(key)
    return found if isinstance(found, dict) else None


def _read(memory: Path) -> dict[str, Any]:
    try:
        found = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(memory: Path, key: str, found: dict[str, str]) -> None:
    """Keeps a find, and the latest others."""
    known = dict(list(_read(memory).items())[-31:])
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        disk.replace(memory, json.dumps({**known, key: found}, indent=1).encode(), many=True)
    except OSError:
        pass  # a read-only home costs a few seconds at each start, nothing else
