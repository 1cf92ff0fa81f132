"""How good the verdicts are, against a simulated corridor that knows the truth.

    python benchmarks/accuracy.py [--seeds 1000-1002] [--scenarios harian malam]
                                  [--as detections noisy] [--hours 24] [--write]

Each scenario and seed is produced, judged again offline and scored; figures of all seeds add
up. ``--hours``: camera-hours of lawful traffic (scenario tertib) in which every referral is a
false one. Seeds 0 to 99 are for tuning; seeds from 1000 up judge, and nobody is told their
events one by one. Each run has a process of its own: libsumo is one simulation per process.
What was produced and judged by the same code before is not done again: a long run may be
broken off and taken up. ``cost.json`` of each run says what it took.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bconnect_replay.core.figures import Score, Tally, figures, summary, wilson
from bconnect_replay.core.table import notes_text
from bconnect_replay.score import JUDGING, Run, by_conditions, score_run

sys.path.insert(0, str(Path(__file__).parent))
from results_page import put

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "var" / "accuracy"
COST = "cost.json"
HEADING = "## Accuracy"
TUNING = 100  # seeds below
LAWFUL = "tertib"  # the scenario in which nobody breaks a rule
APART = ("demo_street", LAWFUL)  # not part of the table by kind
WAYS = {"detections": "perfect detections", "noisy": "noise model", "video": "rendered pixels"}
F1 = {"detections": 0.995, "noisy": 0.98, "video": 0.9}
SPEED = {"detections": 0.999, "noisy": 0.99, "video": 0.99}
COVER = {"detections": 0.95, "noisy": 0.95, "video": 0.93}
LIMIT = 3 * 3600  # s a run may take
LEFT_OUT = (
    "Not counted, neither as missed nor as found: *hidden* events, of which no picture showed what "
    "convinces a human (bconnect_replay/core/visible.py: half of the road user uncovered, with its "
    "foot or its heads, before and after a line, for half of a stop, for a second of a way), and "
    "sections at whose gates a *plate* was missed or misread by the simulated reader."
)


@dataclass(frozen=True, slots=True)
class Job:
    """One scenario, seed and way of seeing; ``duration`` in s, None: the scenario's."""

    scenario: str
    seed: int
    how: str
    duration: float | None = None

    @property
    def name(self) -> str:
        """Its folder in the cache."""
        length = "" if self.duration is None else f"-{self.duration:g}s"
        return f"{Path(self.scenario).stem}-{self.how}-{self.seed}{length}"


def main() -> None:
    """Produces, judges, scores, prints, and writes when asked to."""
    options = _parser().parse_args()
    if options.job:
        work(Job(**json.loads(options.job)), options.cache)
        return
    seeds = seeds_of(options.seeds)
    if options.list and max(seeds) >= TUNING:
        sys.exit(f"--list: shows events of seeds 0 to {TUNING - 1} only; others judge")
    scenarios = options.scenarios or shipped()
    jobs = [
        Job(scenario, seed, how, options.duration)
        for how in options.how
        for scenario in scenarios
        for seed in seeds
    ]
    runs = play(jobs, options)
    if options.list:
        for job, run in runs.items():
            print(f"\n{job.name}\n{notes_text(run.notes)}")
    lawful = {how: lawful_hours(how, options, min(seeds)) for how in options.how if options.hours}
    text = report(runs, lawful, seeds, options)
    print(text)
    if options.json:
        told = {
            how: {
                **summary(added(runs, how)),
                "lawful_camera_hours": lawful[how].hours if how in lawful else 0.0,
                "false_referrals": lawful[how].all.false if how in lawful else None,
            }
            for how in options.how
        }
        options.json.write_text(json.dumps(told, indent=2) + "\n")
    if options.write:
        _write(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="1000-1002", help="e.g. 1000-1004 or 0,3,7")
    parser.add_argument("--scenarios", nargs="+", help="names or files; else all shipped")
    parser.add_argument(
        "--as", dest="how", nargs="+", default=["detections", "noisy"], choices=list(WAYS)
    )
    parser.add_argument("--duration", type=float, help="s, instead of the scenarios' own")
    parser.add_argument("--hours", type=float, default=0.0, help="lawful camera-hours to watch")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for what is produced")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="every miss (tuning seeds only)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures for programs")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    return parser


def seeds_of(text: str) -> list[int]:
    """ "0-3,7" as numbers. Ends the program when it is none."""
    seeds: set[int] = set()
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            seeds |= set(range(int(first), int(last if dash else first) + 1))
    except ValueError:
        seeds = set()
    if not seeds:
        sys.exit(f'--seeds: found "{text}", needs numbers such as 1000-1004 or 0,3,7')
    return sorted(seeds)


def shipped() -> list[str]:
    """The scenarios that come with bconnect_sim and hold offences."""
    import bconnect_sim

    folder = Path(bconnect_sim.__file__).parent / "scenarios"
    return sorted(p.stem for p in folder.glob("*.yaml") if p.stem not in APART)


def work(job: Job, cache: Path) -> None:
    """Produces a run and judges it, in this process."""
    from bconnect_replay.rerun import rerun
    from bconnect_sim.produce import produce

    folder, begin = cache / job.name, time.process_time()
    made = produce(job.scenario, job.seed, folder, job.how, job.duration)
    told = cost_of(folder)
    if made.fresh:
        told = {"make_s": round(time.process_time() - begin, 1)}
    judged, begin = digest_of(made.digest), time.process_time()
    if told.get("judged") != judged or not (folder / "found" / "rerun.json").is_file():
        rerun(folder, out=folder / "found", images=job.how == "video")
        told |= {"judged": judged, "judge_s": round(time.process_time() - begin, 1)}
    (folder / COST).write_text(json.dumps(told) + "\n")


def digest_of(made: str) -> str:
    """Of what was produced and of the code that judges it."""
    whole = hashlib.sha256(made.encode())
    for package in ("bconnect_site", "bconnect_detect", "bconnect_replay"):
        for path in sorted((ROOT / "src" / package / package).rglob("*.py")):
            whole.update(path.read_bytes())
    return whole.hexdigest()


def cost_of(folder: Path) -> dict[str, Any]:
    """CPU seconds a run took to make and to judge; empty: not known."""
    try:
        return dict(json.loads((folder / COST).read_text()))
    except (OSError, ValueError):
        return {}


def play(jobs: Sequence[Job], options: argparse.Namespace) -> dict[Job, Run]:
    """Every job in a process of its own, scored."""

    def one(job: Job) -> Run:
        told = {s: getattr(job, s) for s in ("scenario", "seed", "how", "duration")}
        command = [sys.executable, __file__, "--job", json.dumps(told)]
        command += ["--cache", str(options.cache)]
        env = {"OPENBLAS_NUM_THREADS": "1", **os.environ}  # as the command line sets it
        result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=env)
        if result.returncode:
            sys.stderr.write(result.stderr[-4000:])
            raise SystemExit(f"{job.name}: failed with exit code {result.returncode}")
        folder = options.cache / job.name
        run = score_run(folder / "found", folder)
        whole = run.score.all
        print(
            f"  {job.name}: {whole.right} right, {whole.missed} missed, {whole.false} false, "
            f"{whole.doubled} doubled, {run.score.hours:.2f} camera-hours",
            file=sys.stderr,
            flush=True,
        )
        return run

    with ThreadPoolExecutor(max(1, options.processes)) as pool:
        return dict(zip(jobs, pool.map(one, jobs), strict=True))


def lawful_hours(how: str, options: argparse.Namespace, first: int) -> Score:
    """Lawful traffic until the hours are full, seed after seed."""
    whole = Score()
    for batch in _batches(first, max(1, options.processes)):
        for run in play([Job(LAWFUL, seed, how) for seed in batch], options).values():
            whole.add(run.score)
        if whole.hours >= options.hours or not whole.hours > 0.0:
            return whole
    return whole


def _batches(first: int, size: int) -> Iterator[range]:
    limit = TUNING if first < TUNING else sys.maxsize
    while first < limit:
        yield range(first, min(first + size, limit))
        first += size


def added(runs: dict[Job, Run], how: str) -> Score:
    """Every run of one way of seeing."""
    whole = Score()
    for job, run in runs.items():
        if job.how == how:
            whole.add(run.score)
    return whole


def report(
    runs: dict[Job, Run], lawful: dict[str, Score], seeds: Sequence[int], options: Any
) -> str:
    """The section of docs/benchmarks.md."""
    scenarios = sorted({Path(job.scenario).stem for job in runs})
    judged = "for judging" if min(seeds) >= JUDGING else "FOR TUNING: no proof of anything"
    lines = [
        HEADING,
        "",
        f"{date.today().isoformat()}, {platform.machine()}; scenarios {', '.join(scenarios)}; "
        f"seeds {options.seeds} ({judged}). `python benchmarks/accuracy.py --write`.",
    ]
    for how in options.how:
        lines += ["", *_by_kind(runs, how), "", *_reached(added(runs, how), lawful.get(how), how)]
    lines += ["", LEFT_OUT]
    if cost := _cost(options.cache, [job.name for job in runs]):
        lines += ["", cost]
    return "\n".join(lines) + "\n"


def _cost(cache: Path, names: Sequence[str]) -> str:
    """What the runs took; empty where it is not known."""
    told = [cost_of(cache / name) for name in names]
    make, judge = (sum(float(c.get(k, 0.0)) for c in told) for k in ("make_s", "judge_s"))
    if not told or not judge:
        return ""
    return f"CPU: {make / 60:.0f} min to make {len(told)} runs, {judge / 60:.0f} min to judge them."


def _by_kind(runs: dict[Job, Run], how: str) -> list[str]:
    groups = by_conditions([run for job, run in runs.items() if job.how == how])
    whole = groups["all"]
    lines = [
        f"| {WAYS[how]} | true | missed | false | doubled | hidden | plate | precision | recall "
        "| F1 | delay s p50 / p95 | place m p50 / p95 |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(kind, whole.kinds[kind]) for kind in sorted(whole.kinds)]
    lines.append(_row("all", whole.all))
    lines += [_row(f"all, {name}", s.all) for name, s in groups.items() if name != "all"]
    return lines


def _row(name: str, tally: Tally) -> str:
    told = figures(tally)
    counts = ("true", "missed", "false", "doubled", "hidden", "plate_not_read")
    cells = [str(told[k]) for k in counts]
    for key in ("precision", "recall"):
        low, high = told[f"{key}_interval"]
        cells.append(f"{_number(told[key])} ({low:.3f}-{high:.3f})")
    cells.append(_number(told["f1"]))
    for key in ("delay_s", "position_error_m"):
        cells.append(f"{_number(told[key]['p50'], 1)} / {_number(told[key]['p95'], 1)}")
    return f"| {name} | {' | '.join(cells)} |"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _reached(made: Score, lawful: Score | None, how: str) -> list[str]:
    """The targets, and what came out."""
    lines = ["| reach | target | found | |", "|---|---|---|---|"]
    worst = min(
        ((figures(t)["f1"], kind) for kind, t in made.kinds.items() if t.right + t.missed),
        default=(None, "none"),
    )
    found = f"{_number(worst[0])} ({worst[1]})"
    lines.append(_line("F1 of the worst kind", f">= {F1[how]}", found, worst[0], F1[how]))
    for kind in ("speeding", "section_speed"):
        tally = made.kinds.get(kind)
        told = figures(tally).get("speed") if tally else None
        if told is None:
            continue
        n, within = told["count"], told["within_3kmh_3pct"]
        errors = " / ".join(f"{3.6 * told['error_mps'][p]:.2f}" for p in ("p50", "p95", "p99"))
        lines.append(
            _line(
                f"{kind} within 3 km/h or 3 %",
                f"{100 * SPEED[how]:g} %",
                f"{100 * within:.2f} % of {n}; error p50 / p95 / p99 {errors} km/h",
                within,
                SPEED[how],
            )
        )
        low, high = wilson(told["covers_count"], told["covers_of"])
        covers = told["interval_covers"]
        half = 3.6 * (told["half_width_mps"] or 0.0)
        lines.append(
            _line(
                f"{kind}: the stated 95 % interval covers",
                f">= {100 * COVER[how]:g} %",
                f"{100 * (covers or 0.0):.1f} % ({100 * low:.1f}-{100 * high:.1f}), "
                f"half width {half:.1f} km/h",
                covers,
                COVER[how],
            )
        )
    if lawful is not None:
        false = lawful.all.false + lawful.all.doubled
        lines.append(
            _line(
                "false referrals in lawful traffic",
                "0 in 24 camera-hours",
                f"{false} in {lawful.hours:.1f} camera-hours, {lawful.lawful} near misses",
                -float(false) if false or lawful.hours >= 24.0 else None,
                0.0,
            )
        )
    return lines


def _line(what: str, target: str, found: str, value: float | None, least: float) -> str:
    mark = "-" if value is None else "reached" if value >= least else "**not reached**"
    return f"| {what} | {target} | {found} | {mark} |"


def _write(text: str) -> None:
    put(text, HEADING, ROOT / "docs" / "benchmarks.md")


if __name__ == "__main__":
    main()
