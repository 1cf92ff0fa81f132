"""The demo's cameras without a graph: video -> detector -> tracker -> lamp -> rule book.

``python tests/sim/offline_demo.py jalan VIDEO [TRUTH FOLDER]`` prints findings beside the truth.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bconnect_detect.adapters.bytetrack import ByteTrack
from bconnect_detect.adapters.onnx_detector import OnnxDetector
from bconnect_detect.adapters.weights import resolve
from bconnect_detect.core.lamp import Lamp, crop, read_head
from bconnect_detect.core.rulebook import RuleBook, build_rules, max_ages
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, Finding, Tracks
from bconnect_site.kinds import CameraState
from bconnect_site.loader import load_site

DEMO = Path(__file__).parents[2] / "config" / "corridors" / "demo.yaml"
START = 1_700_000_000 * SECOND  # any day; the rules need a plausible stamp


def video_frames(path: Path, every: int = 1) -> Iterator[tuple[float, np.ndarray]]:
    """(seconds, BGR image) of a file."""
    import av

    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                yield float(frame.time or 0.0), frame.to_ndarray(format="bgr24")


class Watch:
    """One camera of the demo site, judged picture by picture."""

    def __init__(self, camera: str, rate: float) -> None:
        site = load_site(DEMO).site
        self.camera, self.settings = camera, site.cameras[camera].detect
        self.detector = OnnxDetector(
            resolve("default", os.environ), threads=2, confidence=site.tracker.track_low_thresh
        )
        self.tracker = ByteTrack(rate)
        rules, off = build_rules(site, camera, None)
        assert not off, off
        self.book = RuleBook(camera, rules, SignalBook(max_ages(site)))
        self.book.on_camera_status(CameraState.OK)
        self.lamps = [
            (Lamp(name), signal.region or ())
            for name, signal in site.signals.items()
            if signal.camera == camera
        ]
        self.aspects: list[tuple[float, str]] = []
        self.findings: list[Finding] = []
        self.last: Tracks | None = None

    def run(self, frames: Iterable[tuple[float, np.ndarray]]) -> list[Finding]:
        """All findings of the frames, (seconds, BGR image)."""
        for seconds, image in frames:
            self.look(seconds, image)
        return self.findings

    def look(self, seconds: float, image: np.ndarray) -> list[Finding]:
        size = (self.settings.width, self.settings.height)
        small = np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        stamp = START + round(seconds * SECOND)
        for lamp, region in self.lamps:
            reading = lamp.look(*read_head(crop(small, region)), stamp)
            if reading is not None:
                self.book.on_signal(reading)
                self.aspects.append((seconds, reading.aspect.name.lower()))
        found = self.detector.detect(small).to_tracks(stamp, self.camera, size)
        self.last = self.tracker.update(found)
        new = self.book.check(self.last)
        self.findings += new
        return new


def seconds_of(finding: Finding) -> tuple[float, float]:
    """(began, became certain) in seconds of video."""
    return (finding.started - START) / SECOND, (finding.stamp - START) / SECOND


def matches(finding: Finding, record: dict[str, Any]) -> bool:
    """Whether a finding is this true event: same kind, overlapping in time."""
    began, certain = seconds_of(finding)
    same = finding.type.name.lower() == record["kind"]
    return bool(same and began <= record["end_s"] + 1.0 and certain >= record["start_s"] - 1.0)


def shown(lamps: list[dict[str, Any]], seconds: float) -> str:
    """What the judged light shows, by a signals.jsonl."""
    ours = [lamp for lamp in lamps if lamp["signal"] == "barat"]
    return str([lamp["aspect"] for lamp in ours if lamp["time_s"] <= seconds + 1e-6][-1])


def _report(watch: Watch, folder: Path | None) -> int:
    for finding in watch.findings:
        times = "-".join(f"{s:.1f}" for s in seconds_of(finding))
        print(f"{times} s: {finding.type.name.lower()}: {finding.explanation}")
    if folder is None:
        return 0
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    missed = [r for r in truth if not any(matches(f, r) for f in watch.findings)]
    accused = [f for f in watch.findings if not any(matches(f, r) for r in truth)]
    print(f"true {len(truth)}, found {len(truth) - len(missed)}, accused wrongly {len(accused)}")
    lamps = [json.loads(line) for line in (folder / "signals.jsonl").read_text().splitlines()]
    right = unknown = 0
    for seconds, aspect in watch.aspects:
        true = shown(lamps, seconds)
        right += aspect == true
        unknown += aspect == "unknown"
    print(f"lamp right {right}/{len(watch.aspects)}, unknown {unknown}")
    return 1 if missed or accused else 0


if __name__ == "__main__":
    watched = Watch(sys.argv[1], 10.0)
    watched.run(video_frames(Path(sys.argv[2])))
    sys.exit(_report(watched, Path(sys.argv[3]) if len(sys.argv) > 3 else None))
