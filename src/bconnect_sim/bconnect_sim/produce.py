"""``bconnect sim``: a simulated corridor's site, what its cameras saw, and what really happened.

``produce`` writes into a folder: site.yaml, calibration/, bag/ (MCAP), signals.jsonl, truth.jsonl
(violations), lawful.jsonl (near misses), with ``--as video`` <camera>.mp4, and last made.json with
the digests of inputs and outputs. A folder whose made.json fits is left as it is. Equal scenario
and seed give equal bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_replay.adapters.bag import BagWriter, definitions
from bconnect_sim import made
from bconnect_sim.core.detections import perfect
from bconnect_sim.core.errs import Errors
from bconnect_sim.core.gates import Gates, Sighting
from bconnect_sim.core.hardship import check_noise, worsened
from bconnect_sim.core.seen import SMALLEST, Eyes, Seen
from bconnect_sim.core.sights import LEAST, Sights
from bconnect_sim.core.traffic import SimError
from bconnect_sim.core.witness import TruthRecorder
from bconnect_sim.core.world import CameraView, Moment, Truth
from bconnect_sim.files import HERE, find_scenario
from bconnect_sim.record import SECOND, Recording
from bconnect_sim.sitefile import TIMEZONE, Setting, chosen, write_site
from bconnect_sim.stage import Stage, open_stage
from bconnect_site.errors import ConfigError
from bconnect_site.find import find_config_dir
from bconnect_site.kinds import CameraState
from bconnect_site.loader import load_site

WAYS = ("detections", "noisy", "video")
LIBRARIES = ("libsumo", "panda3d", "av", "numpy", "rosbags")
SIGNALS_RATE = 5.0  # Hz
STATUS_RATE = 1.0
NOTICED = 2.0  # s after which a turned head is noticed
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Produced:
    """Where a scenario lies. fresh: made by this call, not found ready."""

    folder: Path
    digest: str
    fresh: bool

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def bag(self) -> Path:
        return self.folder / "bag"


def produce(
    scenario: str | Path,
    seed: int,
    out: str | Path,
    how: str = "noisy",
    duration: float | None = None,
    cameras: Sequence[str] = (),
    progress: Progress | None = None,
) -> Produced:
    """Makes ``scenario`` (a shipped name or a YAML path) unless ``out`` holds it already.

    how: detections (faultless), noisy (the scenario's noise model) or video (pictures instead of
    detections). duration: s, instead of the scenario's; cameras: only these. ``progress(images
    done, images in all)``. Raises ConfigError (a mistake in a file or an argument), SimError (a
    library refuses), OSError (the folder cannot be written).
    """
    if how not in WAYS:
        raise ConfigError(f'--as: found "{how}", allowed: {", ".join(WAYS)}')
    if duration is not None and not duration > 0.0:
        raise ConfigError(f"--duration: must be more than 0 s, found {duration:g}")
    stage = open_stage(scenario, duration)
    check_noise(stage.scenario.noise, str(scenario))
    views = chosen(stage.corridor, cameras or stage.scenario.cameras, "--cameras")
    folder = Path(out)
    settings = {
        "scenario": stage.name,
        "seed": seed,
        "as": how,
        "duration": stage.scenario.duration,
        "cameras": [view.name for view in views],
    }
    digest = made.digest_of(settings, _inputs(scenario, stage), LIBRARIES)
    files = _outputs(views, how)
    if made.is_made(folder, digest, files):
        return Produced(folder, digest, False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / made.NAME).unlink(missing_ok=True)
    _clear_bag(folder / "bag")
    _Run(stage, views, seed, folder, how).run(progress)
    made.seal(folder, digest, files, settings | {"weather": asdict(stage.scenario.weather)})
    return Produced(folder, digest, True)


def _inputs(scenario: str | Path, stage: Stage) -> list[Path]:
    code = [p for part in (".", "core", "adapters") for p in sorted((HERE / part).glob("*.py"))]
    files = [find_scenario(scenario), *sorted(stage.folder.glob("*.*")), *code]
    files += [*sorted((HERE / "models").glob("*.npz")), *sorted(definitions().glob("*.msg"))]
    return [*files, find_config_dir() / "fleet.yaml"]


def _outputs(views: Sequence[CameraView], how: str) -> list[str]:
    names = [view.name for view in views]
    return [
        *("site.yaml", "signals.jsonl", "truth.jsonl", "lawful.jsonl"),
        *("bag/bag.mcap", "bag/metadata.yaml"),
        *(f"calibration/{name}.yaml" for name in names),
        *(f"{name}.mp4" for name in names if how == "video"),
    ]


def _clear_bag(bag: Path) -> None:
    """Removes the bag of an earlier run, and nothing else."""
    if not bag.exists():
        return
    if not bag.is_dir() or any(p.suffix not in (".mcap", ".yaml") for p in bag.iterdir()):
        raise ConfigError(f"{bag}: is no bag of an earlier run; choose another --out")
    shutil.rmtree(bag)


class _Run:
    """One scenario on its way into a folder."""

    def __init__(
        self, stage: Stage, views: tuple[CameraView, ...], seed: int, folder: Path, how: str
    ) -> None:
        self.stage, self.views, self.seed, self.folder, self.how = stage, views, seed, folder, how
        scenario, corridor = stage.scenario, stage.corridor
        begin = datetime.fromisoformat(scenario.start)
        begin = begin if begin.tzinfo else begin.replace(tzinfo=ZoneInfo(TIMEZONE))
        self.day = begin.astimezone(ZoneInfo(TIMEZONE)).date()
        self.start = round(begin.timestamp() * 1000) * (SECOND // 1000)
        self.rate = scenario.picture.rate
        self.setting = Setting(
            *(stage.name, scenario.title, corridor, views, scenario.picture, self.day, seed),
            video=how == "video",
        )
        picture, size = scenario.picture, self.setting.size
        aspect, names = picture.width / picture.height, [view.name for view in views]
        self.eyes = Eyes(views, aspect, size, corridor.poles, scenario.moves)
        self.noise = worsened(scenario.noise, scenario.weather) if how == "noisy" else None
        self.errors = Errors(self.noise, seed, names, size, self.rate) if self.noise else None
        salt = f"{self.setting.site}/{self.day}"
        self.gates = Gates(views, corridor.places, salt, seed, self.noise)
        self.held: list[Sighting] = []
        self.sights = Sights(names, self.rate, size[0] / picture.width)

    def run(self, progress: Progress | None) -> None:
        loaded = load_site(write_site(self.folder, self.setting))
        truth = TruthRecorder(self.stage, self._project)
        images = round(self.stage.scenario.duration * self.rate)
        last = Moment(0.0, (), {})
        with ExitStack() as stack:
            films = stack.enter_context(_Films(self)) if self.how == "video" else None
            bag = stack.enter_context(BagWriter(self.folder / "bag"))
            record = Recording(bag, loaded, self.start)
            record.site_info(self.day)
            for number, last in enumerate(self.stage.world(self.seed).moments(), 1):
                truth.observe(last)
                self._signals(record, last)
                seen = self._look(last)
                if films:
                    films.write(last)
                else:
                    self._record(record, last, seen)
                if progress:
                    progress(number, images)
            record.sightings(self.held)
        outcome = truth.finish()
        self._write_truth("truth.jsonl", self._seen(outcome.violations))
        self._write_truth("lawful.jsonl", self._seen(outcome.lawful))
        # A recording ends with its last line: say once more what held at the end.
        end = [(last.time, name, aspect) for name, aspect in sorted(last.aspects.items())]
        self._write("signals.jsonl", (self._aspect(*a) for a in (*outcome.aspects, *end)))

    def _signals(self, record: Recording, moment: Moment) -> None:
        """Signals, and how the cameras are."""
        record.signals(moment.aspects, moment.time, self._due(moment, SIGNALS_RATE))
        if self._due(moment, STATUS_RATE):
            for i, view in enumerate(self.views):
                record.camera_status(i, self._state(view, moment.time), moment.time, self.rate)

    def _due(self, moment: Moment, rate: float) -> bool:
        return round(moment.time * self.rate) % max(1, round(self.rate / rate)) == 0

    def _state(self, view: CameraView, time: float) -> CameraState:
        for move in self.stage.scenario.moves:
            gone = move.back is not None and time - NOTICED >= move.back
            if move.camera == view.name and time - NOTICED >= move.at and not gone:
                return CameraState.MOVED
        return CameraState.OK

    def _look(self, moment: Moment) -> Seen:
        """Whom the cameras see, and for how long by now."""
        least = self.noise.smallest if self.noise else SMALLEST
        seen = self.eyes.look(moment, min(least, LEAST))
        self.sights.look(moment, seen)
        return seen.taller(least) if least > LEAST else seen

    def _seen(self, events: Iterable[Truth]) -> list[Truth]:
        """The events with how well they could be seen, and what became of plates at gates."""
        told = []
        for event in self.sights.tell(events):
            gates = [s for s in self.stage.corridor.sections if s.name == event.place]
            ends = [name for s in gates for name in (s.entry, s.exit)]
            became = {g: self.gates.became.get((event.vehicle, g), "hidden") for g in ends}
            told.append(replace(event, plates=became) if ends else event)
        return told

    def _record(self, record: Recording, moment: Moment, seen: Seen) -> None:
        self.held += self.gates.watch(moment, seen)
        record.sightings([s for s in self.held if s.time <= moment.time])
        self.held = [s for s in self.held if s.time > moment.time]
        if self.errors is not None:
            found = self.errors.detect(seen, moment)
        else:
            found = perfect(seen, moment.vehicles, len(self.views))
        for camera, detections in enumerate(found):
            record.detections(camera, detections, moment.time)

    def _project(self, camera: str, x: float, y: float, z: float = 0.0) -> Any:
        index = next((i for i, view in enumerate(self.views) if view.name == camera), None)
        return None if index is None else self.eyes.straight[index].fraction(x, y, z)

    def _stamp(self, time: float) -> int:
        return self.start + round(time * SECOND)

    def _aspect(self, time: float, signal: str, aspect: str) -> dict[str, Any]:
        return {"signal": signal, "aspect": aspect, "stamp": self._stamp(time), "time_s": time}

    def _write_truth(self, name: str, events: Iterable[Truth]) -> None:
        def lines() -> Iterable[Mapping[str, Any]]:
            for event in events:
                plain = asdict(event)
                begin, end = plain["start"], plain["end"]
                yield plain | {
                    "start": self._stamp(begin), "end": self._stamp(end),
                    "start_s": begin, "end_s": end,
                }  # fmt: skip

        self._write(name, lines())

    def _write(self, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (self.folder / name).write_text(text)


class _Films:
    """One video file per camera."""

    def __init__(self, run: _Run) -> None:
        self._names = [view.name for view in run.views]
        self._run = run
        self._stack = ExitStack()

    def __enter__(self) -> _Films:
        from bconnect_sim.adapters.encoder import Mp4Writer
        from bconnect_sim.adapters.render import Renderer

        picture = self._run.stage.scenario.picture
        with ExitStack() as stack:
            self._renderer = Renderer(self._run.stage, None, self._run.seed)
            stack.callback(self._renderer.close)
            self._writers = {
                name: stack.enter_context(
                    Mp4Writer(
                        self._part(name),
                        picture.width,
                        picture.height,
                        picture.rate,
                        picture.quality,
                    )
                )
                for name in self._names
            }
            self._stack = stack.pop_all()
        return self

    def _part(self, name: str) -> Path:
        return self._run.folder / f"{name}.part"

    def write(self, moment: Moment) -> None:
        """What every camera sees of a moment."""
        for name, writer in self._writers.items():
            writer.write(self._renderer.draw(moment, name))

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._stack.__exit__(kind, error, trace)
        for name in self._names:
            if error is None:
                os.replace(self._part(name), self._run.folder / f"{name}.mp4")
            else:
                self._part(name).unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> int:
    """``bconnect sim SCENARIO --seed N --out DIR``; 0 made or ready, 2 refused."""
    args = _parser().parse_args(argv)

    def show(done: int, whole: int) -> None:
        if sys.stderr.isatty() or done % 500 == 0 or done == whole:
            end = "\r" if sys.stderr.isatty() and done < whole else "\n"
            print(f"image {done} of {whole}", end=end, file=sys.stderr, flush=True)

    cameras = [name for name in (args.cameras or "").split(",") if name]
    try:
        done = produce(args.scenario, args.seed, args.out, args.how, args.duration, cameras, show)
    except (ConfigError, SimError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or args.out}: cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{done.folder}: {'made' if done.fresh else 'is ready, nothing to do'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bconnect sim",
        description="Make a simulated corridor: its site, what its cameras saw, and the truth.",
    )
    parser.add_argument("scenario", help="a shipped scenario's name, or a YAML file")
    parser.add_argument("--out", required=True, help="folder to write into")
    parser.add_argument("--seed", type=int, default=0, help="decides all chance (default 0)")
    parser.add_argument(
        "--as",
        dest="how",
        choices=WAYS,
        default="noisy",
        help="detections: faultless; noisy: as a detector errs (default); video: pictures",
    )
    parser.add_argument("--duration", type=float, metavar="S", help="s, instead of the scenario's")
    parser.add_argument("--cameras", metavar="A,B", help="only these cameras")
    return parser


def console() -> None:
    """Entry point of the installed executable."""
    sys.exit(main())


if __name__ == "__main__":
    console()
