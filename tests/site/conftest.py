"""A config folder of its own for each test, and a small site to spoil."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.loader import load_site

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"

SITE = """\
site: x
kind: corridor
title: A site to spoil
timezone: Asia/Makassar
location: {latitude: -1.25, longitude: 116.86}
cameras:
  a:
    source: ${CAMERA_A}
    detect: {width: 640, height: 360, rate: 10.0}
    zones:
      henti: {kind: stop_line, line: [[0.2, 0.6], [0.8, 0.6]],
              direction: [[0.5, 0.9], [0.5, 0.4]], signal: utara, basis: marking}
      bahu:
        kind: no_parking
        region: [[0.0, 0.9], [0.2, 0.9], [0.3, 0.5]]
        dwell: 60.0
        basis: sign S-12
        active: [{days: mon-sat, from: "16:00", to: "19:00"}]
    rules: [stop_line, illegal_parking]
  b:
    source: rtsp://192.0.2.1/stream
signals:
  utara: {adapter: ntcip1202, address: "udp://192.0.2.5:161", phase: 2}
speakers:
  tiang: {adapter: file, hears: [a], quiet: {from: "22:00", to: "06:00"}}
ladder: {mode: socialisation, until: 2026-12-31}
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config/ of fleet, law and phrases; the working directory."""
    config = tmp_path / "config"
    (config / "corridors").mkdir(parents=True)
    (config / "vehicles").mkdir()
    shutil.copytree(CONFIG / "law", config / "law")
    for name in ("fleet.yaml", "phrases.yaml"):
        shutil.copy(CONFIG / name, config / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BCONNECT_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def write(house: Path) -> Callable[..., Path]:
    """Writes a site file into the house's corridors; default the small site."""

    def write(text: str = SITE, name: str = "x") -> Path:
        path = house / "config" / "corridors" / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def site_text() -> str:
    return SITE


@pytest.fixture
def spoil(write: Callable[..., Path]) -> Callable[[str, str], list[str]]:
    """Replaces a piece of the small site and gives the sentences of the refusal."""

    def spoil(old: str, new: str) -> list[str]:
        assert SITE.count(old) >= 1, old
        with pytest.raises(ConfigError) as refusal:
            load_site(write(SITE.replace(old, new, 1)))
        return str(refusal.value).splitlines()

    return spoil
