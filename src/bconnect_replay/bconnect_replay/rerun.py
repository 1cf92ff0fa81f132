"""``bconnect rerun BAG``: a bag judged again, offline. No graph, no clock: same input, same bytes.

bag -> detections -> tracker -> ground -> judge -> findings.jsonl, rerun.json
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bconnect_detect.core.types import Finding
from bconnect_replay import __version__
from bconnect_replay.adapters.bag_rescue import needs_rescue
from bconnect_replay.core.line import line_of, number
from bconnect_replay.core.pipeline import Pipeline
from bconnect_replay.inputs import Inputs, digests, open_inputs
from bconnect_replay.routes import findings_of, grounds, judge_of, routes_of, trackers
from bconnect_site.calibration import Calibration
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import ViolationType, word
from bconnect_site.model import RULE_ZONES, Site

FINDINGS, SUMMARY = "findings.jsonl", "rerun.json"


@dataclass(slots=True)
class Result:
    """What a rerun found: lines of findings.jsonl, and rerun.json."""

    lines: list[dict[str, Any]]
    summary: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def main(argv: Sequence[str] | None = None) -> int:
    """Judges a bag and writes what was found. Raises ConfigError."""
    parser = argparse.ArgumentParser(
        prog="bconnect rerun",
        description="Judges a bag again, offline; the same input gives the same bytes.",
    )
    parser.add_argument("bag", type=Path, help="a bag, or a folder with bag/ and site.yaml")
    parser.add_argument("--site", help="a site's name or file; else site.yaml beside the bag")
    parser.add_argument("--out", type=Path, metavar="FOUND", help="folder; else found/ beside it")
    parser.add_argument("--from-tracks", action="store_true", help="take the bag's own tracks")
    parser.add_argument(
        "--from-images",
        action="store_true",
        help="detect anew in the bag's pictures, else in the cameras' files (slow)",
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="CAMERA=TOPIC",
        help="the same, for bags of other recorders: where a camera's pictures are",
    )
    options = parser.parse_args(argv)
    out = options.out or _beside(options.bag)
    result = rerun(
        options.bag,
        options.site,
        out=out,
        tracks=options.from_tracks,
        images=options.from_images,
        image_topics=options.image,
    )
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    counts = result.summary["findings"]
    told = ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "nothing"
    print(f"{out / FINDINGS}: {len(result.lines)} findings: {told}")
    return 0


def _beside(bag: Path) -> Path:
    whole = bag.resolve()
    is_bag = (whole / "metadata.yaml").is_file() or needs_rescue(whole)
    return (whole.parent if is_bag else whole) / "found"


def rerun(
    bag: str | Path,
    site: str | Path | None = None,
    *,
    out: str | Path,
    tracks: bool = False,
    images: bool = False,
    image_topics: Sequence[str] = (),
) -> Result:
    """Judges a bag (or a folder with ``bag/`` and ``site.yaml``) into the folder ``out``.

    tracks: take the bag's tracks even where it holds detections. images: detect in the bag's
    pictures, else in the cameras' files; what was detected lies in ``out/detections``.
    image_topics: "camera=/topic" of another recorder's pictures. Raises ConfigError.
    """
    bag, out = Path(bag), Path(out)
    if images or image_topics:
        from bconnect_replay.watch import watch

        bag, site = watch(bag, site, out, image_topics=image_topics)
    inputs = open_inputs(Path(bag), site, out)
    with inputs.bag:
        result = judge_bag(inputs, tracks)
        result.summary["inputs"] = digests(inputs)
    try:
        write(result, out)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from None
    return result


def judge_bag(inputs: Inputs, from_tracks: bool = False) -> Result:
    """Everything found in an open bag."""
    site = inputs.loaded.site
    judge, calibrations, broken = judge_of(inputs)
    pipeline = Pipeline(judge, trackers(site), grounds(calibrations, site))
    not_calibrated = [f"not calibrated: {sentence}" for sentence in broken]
    warnings = [*inputs.warnings, *not_calibrated, *judge.off]
    routes = routes_of(inputs, pipeline, from_tracks, warnings)
    refused: Counter[str] = Counter()
    lines = [
        _line(finding, calibrations)
        for found in findings_of(inputs, routes, refused)
        for finding in found
    ]
    warnings += [f"{sentence} ({n})" for sentence, n in sorted(refused.items())]
    return Result(lines, _summary(inputs, pipeline, lines, warnings, refused), warnings)


def _line(finding: Finding, calibrations: dict[str, Calibration]) -> dict[str, Any]:
    """A finding's line, with the way of its foot on the ground where that is known."""
    line = line_of(finding)
    calibration = calibrations.get(finding.camera)
    line["way"] = []
    seen = finding.road_user.width > 0.0 and finding.width > 0 and finding.height > 0
    if seen and calibration is not None and calibration.has_ground:
        x, y = finding.road_user.foot
        foot = (x / finding.width, y / finding.height)
        places = calibration.to_ground(np.array([*finding.trail, foot]))
        known = places[np.isfinite(places).all(axis=1)]
        line["way"] = _thinned(known.tolist())
        if line["x"] is None and np.isfinite(places[-1]).all():
            line["x"], line["y"] = (number(v) for v in places[-1].tolist())
    return line


def _thinned(way: list[list[float]], step: float = 0.2) -> list[list[float | None]]:
    """A way [m] without places closer than ``step`` to the one before."""
    kept: list[list[float]] = []
    for place in way:
        if not kept or max(abs(a - b) for a, b in zip(place, kept[-1], strict=True)) >= step:
            kept.append(place)
    return [[number(x), number(y)] for x, y in kept]


def _summary(
    inputs: Inputs,
    pipeline: Pipeline,
    lines: list[dict[str, Any]],
    warnings: list[str],
    refused: Counter[str],
) -> dict[str, Any]:
    kinds = Counter(line["kind"] for line in lines if not line["same_as"])
    asked = {camera: _asked(inputs.loaded.site, camera) for camera in pipeline.watched}
    return {
        "software": __version__,
        "site": inputs.loaded.site.site,
        "recorded_as": inputs.recorded,
        "start": inputs.bag.start,
        "end": inputs.bag.end,
        "findings": dict(sorted(kinds.items())),
        "sights": len(lines),
        "dropped_messages": sum(refused.values()),
        "cameras": {
            camera: {
                "images": w.images,
                "tracks": w.tracks,
                "seconds": number(w.seconds),
                "believed_seconds": number(w.believed),
                "asked": asked[camera],
                "rules": [word(rule.type) for rule in pipeline.judge.books[camera].rules],
            }
            for camera, w in pipeline.watched.items()
        },
        "off": list(pipeline.judge.off),
        "settings": _settings(inputs.loaded.site),
        "warnings": warnings,
    }


def _settings(site: Site) -> dict[str, Any]:
    """What decides beside the tracks, so that two runs can be compared."""
    plain = site.model_dump(mode="json")
    cameras = {
        name: {key: camera[key] for key in ("zones", "rules", "detect", "calibration")}
        for name, camera in plain["cameras"].items()
    }
    return {"cameras": cameras, "sections": plain["sections"], "tracker": plain["tracker"]}


def _asked(site: Site, camera: str) -> dict[str, list[str]]:
    """The kinds a camera shall judge and the zones it shall judge them on; none: anywhere."""
    zones = site.cameras[camera].zones
    asked = {
        word(kind): [name for name, zone in zones.items() if zone.kind in RULE_ZONES[kind]]
        for kind in site.cameras[camera].rule_types
    }
    for name, section in site.sections.items():
        if camera in (section.entry.partition("/")[0], section.exit.partition("/")[0]):
            asked.setdefault(word(ViolationType.SECTION_SPEED), []).append(name)
    return asked


def write(result: Result, out: Path) -> None:
    """findings.jsonl and rerun.json into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    text = "".join(
        json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in result.lines
    )
    (out / FINDINGS).write_text(text, encoding="utf-8")
    told = json.dumps(result.summary, indent=2, ensure_ascii=False, allow_nan=False)
    (out / SUMMARY).write_text(told + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
