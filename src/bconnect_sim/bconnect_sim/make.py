"""Makes a scenario: the camera's video, what really happened, and the signal history.

``make_scenario`` writes into a folder: ``<camera>.mp4``, ``truth.jsonl`` (violations),
``lawful.jsonl`` (near misses), ``signals.jsonl`` and, last, ``made.json`` with the digests of
inputs and outputs. A folder whose made.json fits is left as it is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bconnect_sim.core.noise import SensorNoise
from bconnect_sim.core.projection import Projection
from bconnect_sim.core.scenario import Scenario
from bconnect_sim.core.street import Street
from bconnect_sim.core.traffic import SimError
from bconnect_sim.core.truth import TruthRecorder
from bconnect_sim.files import HERE, find_scenario, load_scenario
from bconnect_site.errors import ConfigError

MODELS = HERE / "models" / "vehicles.npz"
DEMO = "demo_street"  # the one scenario of a single judged approach: the camera of `make demo`
LIBRARIES = ("libsumo", "panda3d", "av", "numpy")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """Where a made scenario lies. fresh: made by this call, not found ready."""

    video: Path
    truth: Path
    lawful: Path
    signals: Path
    digest: str
    fresh: bool


def make_scenario(
    scenario: str | Path,
    out_dir: str | Path,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    video: bool = True,
) -> Made:
    """Makes ``scenario`` (a shipped name or a YAML path) unless ``out_dir`` holds it already.

    ``progress(frames done, frames in all)`` is called per frame. ``video=False`` writes only
    truth and signals. Raises ConfigError (a mistake in the file), SimError (a library refuses),
    OSError (the folder cannot be written).
    """
    path = find_scenario(scenario)
    described, street, folder = load_scenario(path)
    out = Path(out_dir)
    digest = _digest(path, folder, seed, video)
    made = Made(
        out / f"{described.camera.name}.mp4", out / "truth.jsonl", out / "lawful.jsonl",
        out / "signals.jsonl", digest, True,
    )  # fmt: skip
    files = [made.truth, made.lawful, made.signals, *([made.video] if video else [])]
    if _is_made(out, digest, files):
        return Made(made.video, made.truth, made.lawful, made.signals, digest, False)
    out.mkdir(parents=True, exist_ok=True)
    (out / "made.json").unlink(missing_ok=True)
    projection = Projection(described.camera, described.picture)
    recorder = TruthRecorder(street.judged, described.signal.name, projection)
    _run(described, street, folder, seed, recorder, made.video if video else None, progress)
    violations, lawful, lamps = recorder.finish()
    for file, records in ((made.truth, violations), (made.lawful, lawful), (made.signals, lamps)):
        file.write_text("".join(json.dumps(asdict(r)) + "\n" for r in records))
    _seal(out, digest, files, str(scenario), seed)
    return made


def _run(
    scenario: Scenario,
    street: Street,
    folder: Path,
    seed: int,
    recorder: TruthRecorder,
    video: Path | None,
    progress: Progress | None,
) -> None:
    from bconnect_sim.adapters.sumo import SumoTraffic

    moments = SumoTraffic(scenario, street, folder, seed).moments()
    frames = round(scenario.duration * scenario.picture.rate)
    if video is None:
        for moment in moments:
            recorder.observe(moment)
        return
    from bconnect_sim.adapters.encoder import Mp4Writer
    from bconnect_sim.adapters.panda import PandaRenderer

    picture = scenario.picture
    part = video.with_suffix(".part")
    renderer = PandaRenderer(scenario, street, MODELS, seed)
    noise = SensorNoise(picture.width, picture.height, picture.noise, seed)
    try:
        with Mp4Writer(part, picture.width, picture.height, picture.rate) as writer:
            for number, moment in enumerate(moments, 1):
                recorder.observe(moment)
                writer.write(noise.add(renderer.draw(moment)))
                if progress:
                    progress(number, frames)
        os.replace(part, video)
    finally:
        renderer.close()
        part.unlink(missing_ok=True)


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(scenario: Path, street: Path, seed: int, video: bool) -> str:
    """Of everything that decides the output: files, seed, this code, library versions."""
    whole = hashlib.sha256(f"{seed}/{video}".encode())
    code = sorted([*(HERE / "core").glob("*.py"), *(HERE / "adapters").glob("*.py")])
    for path in (scenario, *sorted(street.glob("*.*")), MODELS, *code, Path(__file__)):
        whole.update(path.name.encode() + bytes.fromhex(_sha(path)))
    for name in LIBRARIES:
        try:
            whole.update(f"{name}={version(name)}".encode())
        except PackageNotFoundError:
            whole.update(f"{name}=missing".encode())
    return whole.hexdigest()


def _is_made(out: Path, digest: str, files: list[Path]) -> bool:
    try:
        note: dict[str, Any] = json.loads((out / "made.json").read_text())
        return note["digest"] == digest and all(note["files"][f.name] == _sha(f) for f in files)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _seal(out: Path, digest: str, files: list[Path], scenario: str, seed: int) -> None:
    note = {
        "format": "bconnect-sim/1",
        "scenario": Path(scenario).name,
        "seed": seed,
        "digest": digest,
        "files": {f.name: _sha(f) for f in files},
    }
    part = out / "made.json.part"
    part.write_text(json.dumps(note, indent=1) + "\n")
    os.replace(part, out / "made.json")


def main(argv: list[str] | None = None) -> int:
    """``bconnect sim SCENARIO --out DIR --seed N``; 0 made or ready, 2 refused."""
    parser = argparse.ArgumentParser(
        prog="bconnect sim", description="Make a simulated camera's video and its ground truth."
    )
    parser.add_argument("scenario", help="a shipped scenario's name, or a YAML file")
    parser.add_argument("--out", required=True, help="folder to write into")
    parser.add_argument("--seed", type=int, default=0, help="decides all chance (default 0)")
    parser.add_argument("--no-video", action="store_true", help="write truth and signals only")
    args = parser.parse_args(argv)

    def show(done: int, whole: int) -> None:
        if sys.stderr.isatty() or done % 100 == 0 or done == whole:
            end = "\r" if sys.stderr.isatty() and done < whole else "\n"
            print(f"drawing frame {done} of {whole}", end=end, file=sys.stderr, flush=True)

    try:
        made = make_scenario(args.scenario, args.out, args.seed, show, video=not args.no_video)
    except (ConfigError, SimError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or args.out}: cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{made.truth.parent}: {'made' if made.fresh else 'is ready, nothing to do'}")
    return 0


def console() -> None:
    """Entry point of the installed executable."""
    sys.exit(main())


if __name__ == "__main__":
    console()
