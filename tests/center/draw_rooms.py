"""What tests of the drawing room share: a folder of config, a bag, a still."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[2]
BAGS = ROOT / "tests" / "replay" / "bags"

SITE = """\
# yaml-language-server: $schema=../site.schema.json
# A street with a shoulder.
site: tangan
kind: corridor
title: Jalan Tangan
location: {latitude: -1.2463, longitude: 116.8563}   # illustrative

cameras:
  # --- the north side ---
  utara:
    source: file://utara.mp4                          # not there
    zones:
      lajur:                                          # both lanes
        kind: direction
        region: [[0.01, 0.20], [0.99, 0.20], [0.99, 0.69], [0.01, 0.69]]
        direction: [[0.9, 0.6], [0.1, 0.6]]
        basis: marking
    rules: [wrong_way]
  selatan:
    source: ${CAMERA_SELATAN}
    zones:
      henti:
        kind: stop_line
        line: [[0.2, 0.6], [0.7, 0.6]]
        direction: [[0.45, 0.9], [0.45, 0.3]]
        signal: selatan
        basis: marking
    rules: [stop_line]                                # the only one

signals:
  selatan:
    {adapter: lamp_vision, camera: selatan, region: [[0.6, 0.1], [0.7, 0.1], [0.7, 0.2]]}

ladder: {mode: socialisation, until: 2026-12-31}
"""


def make_rooms(
    folder: Path, site: str = SITE, bags: tuple[str, ...] = ("parked_75_of_60",)
) -> Path:
    """config/ with one site, bags/, and the centre's file, which it returns."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config, ignore=shutil.ignore_patterns("corridors", "vehicles"))
    (config / "corridors").mkdir()
    (config / "corridors" / "tangan.yaml").write_text(site, encoding="utf-8")
    for name in bags:
        shutil.copytree(BAGS / name, folder / "bags" / name)
    path = folder / "center.yaml"
    path.write_text(
        "title: Pusat Kendali\nroot: state\nsites: [config/corridors/tangan.yaml]\nlanguage: en\n"
        "evidence: [site/evidence]\n"
        "draw: {bags: [bags], longest_still: 20.0, longest_preview: 100.0}\n",
        encoding="utf-8",
    )
    return path


def still(width: int = 640, height: int = 360) -> bytes:
    """A street as a JPEG: a road, its shoulder, a kerb."""
    image = Image.new("RGB", (width, height), (96, 128, 150))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, height * 0.3, width, height), fill=(86, 88, 92))
    pen.rectangle((width * 0.3, height * 0.7, width * 0.7, height), fill=(120, 116, 104))
    for x in range(0, width, 60):
        pen.line((x, height * 0.5, x + 30, height * 0.5), fill=(235, 235, 235), width=4)
    pen.rectangle((300, 300, 360, 340), fill=(180, 40, 40))
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()
