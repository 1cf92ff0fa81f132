"""What the gate costs: verdicts, against looks that are spared.

    python benchmarks/gate_price.py [--scenarios harian malam hujan] [--seeds 1050] [--duration 300]
                                    [--ways always motion zones half]

Simulated detections with their noise are dropped as the gate would drop their pictures, judged
again and scored. What the picture would show comes from the truth: every road user that a faultless
detector sees is drawn, grey and small, where it is, with a sensor's noise, and the real gate looks
at that. ``half``: every other picture, whatever moves. Nothing else moves in these pictures: no
leaves, no rain, no shadows, so a street saves less than this says. Made and judged in
``var/accuracy`` like benchmarks/accuracy.py's runs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.gating import gate_of
from bconnect_replay.adapters.bag import BagReader, BagWriter
from bconnect_replay.core.figures import Score, figures
from bconnect_replay.core.reading import stamp_of, tracks_of
from bconnect_replay.score import score_run

sys.path.insert(0, str(Path(__file__).parent))
import accuracy

WAYS = ("always", "motion", "zones", "half")
SIZE = (320, 180)  # px of the gate's picture
NIGHT, DAY = 4.0, 1.5  # grey values of noise in it


def main() -> None:
    """Produces, thins, judges, scores and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenarios", nargs="+", default=["harian", "malam", "hujan"])
    parser.add_argument("--seeds", default="1050")
    parser.add_argument("--duration", type=float, default=300.0)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--floor", type=float, default=0.5)
    parser.add_argument("--margin", type=float, default=0.1)
    parser.add_argument("--cache", type=Path, default=accuracy.CACHE)
    parser.add_argument("--again", action="store_true", help="also what was judged before")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(work(json.loads(options.job), options)))
        return
    rows = [
        (scenario, way, _child(scenario, seed, way, options))
        for scenario in options.scenarios
        for seed in accuracy.seeds_of(options.seeds)
        for way in options.ways
    ]
    print(report(rows, options))


def _child(scenario: str, seed: int, way: str, options: argparse.Namespace) -> dict[str, Any]:
    """In a process of its own: libsumo is one simulation per process."""
    told = json.dumps({"scenario": scenario, "seed": seed, "way": way})
    name = accuracy.Job(scenario, seed, "noisy", options.duration).name
    kept = options.cache / name / f"gate-{way}-{options.floor:g}-{options.margin:g}.json"
    if kept.is_file() and not options.again:
        return dict(json.loads(kept.read_text()))
    command = [sys.executable, __file__, "--job", told, "--cache", str(options.cache)]
    for name in ("duration", "floor", "margin"):
        command += [f"--{name}", str(getattr(options, name))]
    env = {"OPENBLAS_NUM_THREADS": "1", **os.environ}
    for how in ("detections", "noisy"):
        made = {"scenario": scenario, "seed": seed, "how": how, "duration": options.duration}
        code = [sys.executable, __file__, "--job", json.dumps(made), "--cache", str(options.cache)]
        _run(code, env)
    found: dict[str, Any] = json.loads(_run(command, env).splitlines()[-1])
    kept.write_text(json.dumps(found) + "\n")
    print(f"  {scenario} {seed} {way}: {found}", file=sys.stderr, flush=True)
    return found


def _run(command: Sequence[str], env: dict[str, str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=3600, env=env)
    if result.returncode:
        sys.exit(f"{' '.join(command[2:4])}: {result.stderr[-2000:]}")
    return result.stdout


def work(job: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Makes a run, or judges one through the gate."""
    if "how" in job:
        from bconnect_sim.produce import produce

        made = accuracy.Job(**job)
        produce(made.scenario, made.seed, options.cache / made.name, made.how, made.duration)
        return {}
    from bconnect_replay.rerun import rerun

    folders = [
        options.cache / accuracy.Job(job["scenario"], job["seed"], how, options.duration).name
        for how in ("detections", "noisy")
    ]
    out = folders[1] / job["way"]
    if out.exists():
        shutil.rmtree(out)
    looks, whole = thin(*folders, out / "bag", job["way"], options)
    rerun(out / "bag", folders[1] / "site.yaml", out=out / "found")
    run = score_run(out / "found", folders[1])
    kinds = {k: (t.right, t.missed, t.false + t.doubled) for k, t in run.score.kinds.items()}
    shutil.rmtree(out)
    code = accuracy.digest_of("")[:12]
    return {"looks": looks, "pictures": whole, "kinds": kinds, "code": code}


def thin(
    perfect: Path, noisy: Path, out: Path, way: str, options: argparse.Namespace
) -> tuple[int, int]:
    """Writes the noisy bag without what the gate would not have looked at; (looks, pictures)."""
    from bconnect_site.loader import load_site

    site = load_site(noisy / "site.yaml").site
    wanted: dict[tuple[str, int], bool] = {}
    dice = np.random.default_rng(0)
    night = "malam" in noisy.name or "hujan" in noisy.name
    for camera, settings in site.cameras.items():
        said = settings.detect.gate.model_copy(
            update={"opens": way, "floor": options.floor, "margin": options.margin}
        )
        detect = settings.detect.model_copy(update={"gate": said})
        gate = None if way == "half" else gate_of(settings.model_copy(update={"detect": detect}))
        seen = _detections(noisy, site.site, camera)
        for n, (stamp, true) in enumerate(_detections(perfect, site.site, camera)):
            _, found = next(seen)
            topic = f"/{site.site}/{camera}/detections"
            if gate is None:
                wanted[topic, stamp] = way == "always" or n % 2 == 0
                continue
            picture = drawn(true.boxes, (true.width, true.height), NIGHT if night else DAY, dice)
            wanted[topic, stamp] = bool(gate.look(stamp, picture))
            if wanted[topic, stamp]:
                gate.found(stamp, found.boxes, (found.width, found.height))
    out.parent.mkdir(parents=True)
    with BagReader(noisy / "bag") as old, BagWriter(out) as bag:
        for topic, data, stamp in old.raw(list(old.topics)):
            kind = old.topics[topic].type
            if topic.endswith("/detections"):
                header = old.decode(topic, data).header
                if not wanted.get((topic, stamp_of(header.stamp)), True):
                    continue
            latched = topic.rpartition("/")[2] in ("site_info", "camera_status")
            bag.write_raw(topic, kind, old.current(topic, data), stamp, latched)
    return sum(wanted.values()), len(wanted)


def _detections(folder: Path, site: str, camera: str) -> Iterator[tuple[int, Any]]:
    with BagReader(folder / "bag") as bag:
        for _, message, _ in bag.messages([f"/{site}/{camera}/detections"]):
            tracks = tracks_of(message, camera)
            yield tracks.stamp, tracks


def drawn(
    boxes: NDArray[np.floating], size: tuple[int, int], noise: float, dice: np.random.Generator
) -> NDArray[np.uint8]:
    """Road users as textured boxes on a grey street, the nearest last."""
    made = np.full(SIZE[::-1], 110, np.int16)
    scale = np.array([SIZE[0] / size[0], SIZE[1] / size[1]] * 2)
    for left, top, right, bottom in np.rint(boxes[np.argsort(boxes[:, 3])] * scale).astype(int):
        high, wide = max(1, bottom - top), max(1, right - left)
        part = made[max(0, top) : top + high, max(0, left) : left + wide]
        down, across = np.ogrid[: part.shape[0], : part.shape[1]]
        part[:] = 60 + (down * 7 + across * 5) % 70
    if noise:
        made = made + np.rint(dice.normal(0, noise, made.shape)).astype(np.int16)
    return np.clip(made, 0, 255).astype(np.uint8)


def report(rows: Sequence[tuple[str, str, dict[str, Any]]], options: argparse.Namespace) -> str:
    """The table, as Markdown."""
    lines = [
        f"seeds {options.seeds}, {options.duration:g} s each, floor {options.floor:g} s, margin "
        f"{options.margin:g}; noise model.",
        "",
        "| scenario | gate | looked at | right | missed | false | precision | recall | F1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    scenarios = list(dict.fromkeys(row[0] for row in rows))
    for scenario in (*scenarios, "all"):
        for way in options.ways:
            mine = [found for s, w, found in rows if w == way and scenario in (s, "all")]
            lines.append(f"| {scenario} | {way} | {_cells(mine)} |")
    codes = {found["code"] for _, _, found in rows}
    if len(codes) > 1:
        lines += ["", f"Judged by {len(codes)} states of the code: --again judges all by one."]
    return "\n".join(lines)


def _cells(found: Sequence[dict[str, Any]]) -> str:
    looks, whole = (sum(f[key] for f in found) for key in ("looks", "pictures"))
    score = Score()
    right, missed, false = (
        sum(counts[i] for f in found for counts in f["kinds"].values()) for i in range(3)
    )
    tally = score.all
    tally.right, tally.missed, tally.false = right, missed, false
    told = figures(tally)
    numbers = " | ".join(f"{told[k]:.3f}" for k in ("precision", "recall", "f1"))
    return f"{100 * looks / whole:.0f} % | {right} | {missed} | {false} | {numbers}"


if __name__ == "__main__":
    main()
