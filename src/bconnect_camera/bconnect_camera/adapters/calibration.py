"""The lens of a camera's calibration file (bconnect_site.calibration)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bconnect_site.calibration import load_calibration
from bconnect_site.errors import ConfigError

from ..core.intrinsics import Intrinsics

NEEDED = ("width", "height", "fx", "fy", "cx", "cy")


def load(path: str) -> Intrinsics | None:
    """Intrinsics of the file; None when it names none. Raises ConfigError.

    A file that says which camera it belongs to is a whole calibration and checked as one;
    one that holds the lens alone needs no more than the lens.
    """
    data = _read(path)
    if isinstance(data, dict) and "calibration" in data:
        lens = load_calibration(path).file.intrinsics
        if lens is None:
            return None
        sizes = lens.width, lens.height, lens.fx, lens.fy, lens.cx, lens.cy
        return Intrinsics(*sizes, lens.model, lens.distortion)
    found = data.get("intrinsics") if isinstance(data, dict) else None
    if found is None:
        return None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: intrinsics: found {found!r}, allowed are {', '.join(NEEDED)}")
    distortion = found.get("distortion", [])
    if not isinstance(distortion, list) or any(not isinstance(d, int | float) for d in distortion):
        raise ConfigError(
            f"{path}: intrinsics.distortion: found {distortion!r}, allowed is a list of numbers"
        )
    width, height, fx, fy, cx, cy = (_number(path, key, found.get(key)) for key in NEEDED)
    model = str(found.get("model", "plumb_bob"))
    return Intrinsics(width, height, fx, fy, cx, cy, model, tuple(map(float, distortion)))


def _read(path: str) -> Any:
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: found no readable file ({error.strerror}), "
            "allowed is a calibration file or none"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(f"{path}: found something that is not YAML") from None


def _number(path: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ConfigError(f"{path}: intrinsics.{key}: found {value!r}, allowed is a number above 0")
    return float(value)
