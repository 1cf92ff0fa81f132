"""How soon a moved camera is noticed, how small a move, and how often nothing moved at all.

    python benchmarks/moved_view.py [--minutes 5] [--scenarios harian malam hujan] [--write]

Films: rendered streets (encoded as cameras do, CRF of the scenario), and OpenCV's vtest.avi,
fetched when it is not there. The guard looks at them as in the camera, four times a second.

- false alarms: each film as it is; every state but OK after the view was learned counts.
- moves: the film's pictures are panned, tilted, zoomed and turned about the optical axis from
  some moment on and back later, at many moments. Delay: from the first moved picture.
- turned head: the renderer itself turns the camera, within 0.5 s, and back.

One SUMO per process: each scenario is drawn by a process of its own, into var/moved_view.
"""

import argparse
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_camera.core.guard import RATE, ViewGuard
from bconnect_camera.core.health import HEIGHT, WIDTH, PictureHealth
from bconnect_site.kinds import CameraState

sys.path.insert(0, str(Path(__file__).parent))
from results_page import put

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "var" / "moved_view"
FOOTAGE = ROOT / "var" / "footage"
HEADING = "## Moved view"
SCENARIOS = ("harian", "malam", "hujan")
STILL = ("simpang_barat", "sekolah", "satu_arah")  # cameras that stay
TURNED = "toko"  # the camera whose head turns
HEAD = ((20.0, 8.0, 0.0), (50.0, 1.5, 0.0), (80.0, 0.0, 1.0), (110.0, 0.5, 0.0))  # s, pan, tilt
AWAY = 12.0  # s until it turns back
SIZE = (640, 360)  # px, films are kept in
STEP = round(1e9 / RATE)
LEARN, GONE, BACK = 16, 24, 20  # looks
WITHIN = 2.0  # s, the requirement
FIELD = 40.0  # deg, of the rendered cameras: what a px is in degrees

Grey = NDArray[np.uint8]
Kind = tuple[str, str, Callable[[float], NDArray[np.float64]], Sequence[float]]


def slid(x: float, y: float) -> NDArray[np.float64]:
    """By px of a picture 320 px wide."""
    scale = SIZE[0] / WIDTH
    return np.array([[1.0, 0.0, x * scale], [0.0, 1.0, y * scale]])


def bent(zoom: float, turn: float) -> NDArray[np.float64]:
    """Zoomed, and turned clockwise [deg], about the middle."""
    return cv2.getRotationMatrix2D((SIZE[0] / 2, SIZE[1] / 2), -turn, zoom)


KINDS: tuple[Kind, ...] = (
    ("pan", "px", lambda v: slid(v, 0.0), (0.5, 1, 1.5, 2, 2.5, 3, 4, 6, 12, 40, 160)),
    ("tilt", "px", lambda v: slid(0.0, v), (0.5, 1, 1.5, 2, 2.5, 3, 4, 6, 12, 40, 90)),
    ("zoom", "%", lambda v: bent(1 + v / 100, 0.0), (0.25, 0.5, 1, 1.5, 2, 3, 5, 15, 50)),
    ("roll", "deg", lambda v: bent(1.0, v), (0.1, 0.25, 0.5, 0.75, 1, 1.5, 3, 10, 30)),
)


@dataclass(slots=True)
class Trial:
    """s until a move was noticed and, once it was back, until the camera counted again."""

    noticed: float | None
    returned: float | None


@dataclass(slots=True)
class Cell:
    """All trials of one move."""

    trials: list[Trial] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Noticed within the required time."""
        good = sum(t.noticed is not None and t.noticed <= WITHIN for t in self.trials)
        return good / len(self.trials)


class Watcher:
    """The camera's two judges, as ``bconnect_camera.watching`` puts them together."""

    def __init__(self) -> None:
        self.eye, self.guard, self.count = PictureHealth(), ViewGuard(), 0
        self.state = CameraState.UNKNOWN

    @property
    def time(self) -> float:
        """s of the pictures' clock."""
        return self.count / RATE

    def look(self, picture: Grey) -> CameraState:
        stamp = 10**15 + self.count * STEP
        grey = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        seen = self.eye.look(stamp, grey) if self.count % 2 == 0 else self.eye.condition
        assert seen is not None
        if seen.state is not CameraState.OK:
            self.guard.forget(stamp)
            self.state = seen.state
        elif not self.eye.doubtful:
            self.state = self.guard.look(stamp, grey).state
        self.count += 1
        return self.state


def alarms(film: list[Grey]) -> tuple[dict[str, int], float]:
    """Changes away from OK by state, and s until the view was learned."""
    watcher, found, learned, before = Watcher(), dict[str, int](), math.inf, CameraState.UNKNOWN
    for picture in film:
        state = watcher.look(picture)
        if state is CameraState.OK:
            learned = min(learned, watcher.time)
        elif before is CameraState.OK:
            found[state.name.lower()] = found.get(state.name.lower(), 0) + 1
        before = state
    return found, learned


def trial(film: list[Grey], at: int, matrix: NDArray[np.float64]) -> Trial | None:
    """One move from picture ``at`` on; None when the view was not learned before."""
    watcher = Watcher()
    for picture in film[at - LEARN : at]:
        watcher.look(picture)
    if watcher.state is not CameraState.OK:
        return None
    noticed = returned = None
    begin = watcher.time
    for picture in film[at : at + GONE]:
        moved = cv2.warpAffine(picture, matrix, SIZE, borderMode=cv2.BORDER_REFLECT)
        now = watcher.time
        if watcher.look(moved) is CameraState.MOVED and noticed is None:
            noticed = now - begin
    begin = watcher.time
    for picture in film[at + GONE : at + GONE + BACK]:
        now = watcher.time
        if noticed is not None and watcher.look(picture) is CameraState.OK:
            returned = now - begin
            break
    return Trial(noticed, returned)


def moves(films: list[list[Grey]], trials: int) -> dict[tuple[str, float], Cell]:
    """Every move at ``trials`` moments of every film, in changing directions."""
    cells: dict[tuple[str, float], Cell] = {}
    for film in films:
        last = len(film) - GONE - BACK
        for turn, at in enumerate(np.linspace(LEARN, last, trials).astype(int)):
            for name, _, matrix, sizes in KINDS:
                for size in sizes:
                    tried = trial(film, int(at), matrix(-size if turn % 2 else size))
                    if tried:
                        cells.setdefault((name, size), Cell()).trials.append(tried)
    return cells


def head(film: list[Grey]) -> list[Trial]:
    """What was made of the turns in ``HEAD``, one trial each."""
    watcher, states = Watcher(), []
    for picture in film:
        now = watcher.time
        states.append((now, watcher.look(picture)))

    def first(state: CameraState, begin: float, end: float) -> float | None:
        return next((t - begin for t, s in states if begin <= t < end and s is state), None)

    return [
        Trial(first(CameraState.MOVED, at, at + AWAY),
              first(CameraState.OK, at + AWAY, at + 30.0))
        for at, _, _ in HEAD if at + AWAY + 8.0 < len(film) / RATE
    ]  # fmt: skip


# -- films -----------------------------------------------------------------------------------


def draw(scenario: str, seconds: float, seed: int) -> None:
    """Runs in its own process: films of all cameras of a scenario into the cache."""
    from bconnect_sim.adapters.encoder import Mp4Writer
    from bconnect_sim.adapters.render import Renderer
    from bconnect_sim.core.world import Move
    from bconnect_sim.stage import open_stage

    stage = open_stage(scenario, seconds)
    picture = replace(stage.scenario.picture, rate=2 * RATE)
    turns = tuple(Move(TURNED, at, pan, tilt, at + AWAY) for at, pan, tilt in HEAD)
    stage = replace(stage, scenario=replace(stage.scenario, picture=picture, moves=turns))
    renderer = Renderer(stage, None, seed)
    parts = {name: CACHE / f"{scenario}_{name}.part" for name in (*STILL, TURNED)}
    size = picture.width, picture.height
    writers = {n: Mp4Writer(p, *size, RATE, picture.quality) for n, p in parts.items()}
    for number, moment in enumerate(stage.world(seed).moments()):
        if number % 2 == 0:
            for name, writer in writers.items():
                writer.write(renderer.draw(moment, name))
    for name, writer in writers.items():
        writer.__exit__(None, None, None)
        os.replace(parts[name], film_file(scenario, name, seconds, seed))


def film_file(scenario: str, camera: str, seconds: float, seed: int) -> Path:
    """Where a film is kept."""
    return CACHE / f"{scenario}_{camera}_{seconds:g}s_{seed}.mp4"


def rendered(scenario: str, seconds: float, seed: int) -> dict[str, list[Grey]]:
    """The films of a scenario by camera, drawn where they are missing."""
    files = {name: film_file(scenario, name, seconds, seed) for name in (*STILL, TURNED)}
    if not all(file.is_file() for file in files.values()):
        CACHE.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, __file__, "--draw", scenario, str(seconds), str(seed)]
        subprocess.run(words, check=True, stdout=sys.stderr)
    return {name: decoded(file) for name, file in files.items()}


def decoded(file: Path, every: int = 1) -> list[Grey]:
    """Every so many-th picture of a film."""
    import av

    with av.open(str(file)) as opened:
        pictures = (f for i, f in enumerate(opened.decode(video=0)) if i % every == 0)
        return [p.to_ndarray(width=SIZE[0], height=SIZE[1], format="gray") for p in pictures]


def footage() -> list[Grey]:
    """vtest.avi; every third of its 10 pictures a second, looked at as if four were taken."""
    from bconnect_sim.footage import fetch

    return decoded(fetch(FOOTAGE), 3)


# -- report ----------------------------------------------------------------------------------


def smallest(cells: dict[tuple[str, float], Cell], kind: Kind) -> str:
    """The smallest move from which on all are noticed in time, and what is never noticed."""
    name, unit, _, sizes = kind
    always = next(
        (s for s in sizes if all(cells[name, t].share == 1.0 for t in sizes if t >= s)), None
    )
    never = [s for s in sizes if all(t.noticed is None for t in cells[name, s].trials)]
    in_degrees = ""
    if unit == "px" and always is not None:
        focal = WIDTH / 2 / math.tan(math.radians(FIELD / 2))
        in_degrees = f" ({math.degrees(math.atan(always / focal)):.2f} deg at {FIELD:g} deg)"
    quiet = f"{max(never):g} {unit}" if never else "-"
    return f"{'none' if always is None else f'{always:g} {unit}{in_degrees}'} | {quiet}"


def spread(values: list[float | None]) -> str:
    """Median and largest."""
    held = [v for v in values if v is not None]
    missing = len(values) - len(held)
    if not held:
        return "-"
    return f"{median(held):.2f} / {max(held):.2f}" + (f" ({missing} never)" if missing else "")


def move_rows(cells: dict[tuple[str, float], Cell]) -> list[str]:
    """One row per kind of move."""
    rows = ["| move | all noticed from | none noticed up to | trials | delay s, p50 / max"
            " | re-armed s, p50 / max |", "|---|---|---|---|---|---|"]  # fmt: skip
    for kind in KINDS:
        name, _, _, sizes = kind
        first = next((s for s in sizes if cells[name, s].share == 1.0), sizes[-1])
        large = [t for s in sizes if s >= first for t in cells[name, s].trials]
        rows.append(
            f"| {name} | {smallest(cells, kind)} | {len(large)}"
            f" | {spread([t.noticed for t in large])}"
            f" | {spread([t.returned for t in large if t.noticed is not None])} |"
        )
    return rows


def measure(options: argparse.Namespace) -> str:
    """Everything, as Markdown."""
    seconds = options.minutes * 60.0
    quiet = ["| film | camera-minutes | view learned after s | alarms |", "|---|---|---|---|"]
    turned = ["| head turned by | " + " | ".join(options.scenarios) + " |",
              "|---|" + "---|" * len(options.scenarios)]  # fmt: skip
    films: dict[str, list[list[Grey]]] = {}
    heads: list[list[Trial]] = []
    for scenario in options.scenarios:
        by_camera = rendered(scenario, seconds, options.seed)
        films[scenario] = [by_camera[name] for name in STILL]
        heads.append(head(by_camera[TURNED]))
    real = footage()
    films["vtest.avi"] = [real]
    for name, group in films.items():
        repeated = [f * 9 for f in group] if name == "vtest.avi" else group
        results = [alarms(film) for film in repeated]
        minutes = sum(len(film) for film in repeated) / RATE / 60
        learned = ", ".join(f"{late:.1f}" for _, late in results)
        said = {k: sum(f.get(k, 0) for f, _ in results) for f, _ in results for k in f}
        words = ", ".join(f"{n} {state}" for state, n in said.items()) or "0"
        label = f"{name}, nine times over" if name == "vtest.avi" else name
        quiet.append(f"| {label} | {minutes:.0f} | {learned} | {words} |")
        print(quiet[-1], file=sys.stderr)
    for number, (_, pan, tilt) in enumerate(HEAD):
        row = []
        for group in heads:
            t = group[number] if number < len(group) else Trial(None, None)
            row.append(
                " / ".join("-" if v is None else f"{v:.2f}" for v in (t.noticed, t.returned))
            )
        turned.append(f"| {pan:g} deg, {tilt:g} deg up | " + " | ".join(row) + " |")
    parts = [*quiet, ""]
    for name, group in films.items():
        parts += [f"Moves of {name}:", "", *move_rows(moves(group, options.trials)), ""]
        print("\n".join(parts[-7:]), file=sys.stderr)
    parts += ["Head turned by the renderer, within 0.5 s: noticed / re-armed after s:", "", *turned]
    return "\n".join(parts)


def main() -> int:
    """Measures, prints, and writes when asked to."""
    if sys.argv[1:2] == ["--draw"]:
        draw(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
        sys.stdout.flush()
        os._exit(0)  # libsumo and panda3d sometimes hang in a farewell
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="of each rendered film")
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=6, help="of each move and film")
    parser.add_argument("--write", action="store_true", help="also into docs/benchmarks.md")
    options = parser.parse_args()
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    text = (
        f"{HEADING}\n\n{date.today()}, {os.cpu_count()} cores, {system},"
        f" Python {platform.python_version()}. `python benchmarks/moved_view.py --minutes"
        f" {options.minutes:g} --trials {options.trials} --write`. px of a picture 320 px wide;"
        f" noticed: within {WITHIN:g} s.\n\n{measure(options)}\n"
    )  # fmt: skip
    print(text)
    if options.write:
        put(text, HEADING)
    return 0


if __name__ == "__main__":
    sys.exit(main())
