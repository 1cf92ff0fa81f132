"""Everything at once, for as long as told: what is lost, what doubled, what grows.

    ./bconnect python benchmarks/soak.py --minutes 60 --seed 1 [--sqlite] [--rate 0.5]

A whole graph (tests/faults/street.py) with two RTSP cameras, a traffic controller (SNMP), a ledger
in PostgreSQL, a disk of its own, and its centre on another host (a network namespace). Findings
with known ids go in all the time, an officer orders. Meanwhile, each by its own dice and all over
each other: kill -9 of any process; cameras out, frozen, dark, obstructed, moved, with a wrong
clock; the controller silent; the disk full; the database gone; the other host cut off; the clock
an hour ahead or back; the processors cut to a quarter. Needs root, PostgreSQL and GStreamer; what
cannot be done here is left out and named. In the end everything must be there once.

*Back* is from the kill until every node of that process was heard again. Memory (PSS) and
descriptors are read every ten seconds; their slope is that within a process's life after its
first minute, all lives of that process together, with its standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "faults"), str(ROOT / "tests" / "enforce")]

import account  # noqa: E402
import injuries  # noqa: E402
from street import INTAKE, MAIN, SITE, Street, Ways  # noqa: E402
from traffic import SECOND, Traffic  # noqa: E402

from bconnect_sim.controller import Controller  # noqa: E402
from bconnect_site.plan import Plan  # noqa: E402

DISK = 4 << 30
SAMPLE = 10.0  # s
YOUNG = 60.0  # s of a life that are not looked at: caches fill
LEAST = 4  # samples of a life, to count


@dataclass
class Injury:
    """One kind, again and again: ``begin`` says what it did, ``end`` undoes it."""

    name: str
    begin: Callable[[], str]
    end: Callable[[], None]
    length: tuple[float, float]
    pause: tuple[float, float]
    due: float = 0.0
    until: float = 0.0  # 0: not now
    times: int = 0
    seconds: float = 0.0
    noticed: Callable[[], bool] | None = None  # whether the graph says it
    told: int = 0
    heard: bool = False


@dataclass
class Life:
    """What one process was like, by its age [s]."""

    name: str
    ages: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # MB
    files: list[float] = field(default_factory=list)


class Soak:
    def __init__(self, here: Street, traffic: Traffic, seed: int) -> None:
        self.here, self.traffic = here, traffic
        self.chance = random.Random(seed)
        self.injuries: list[Injury] = []
        self.lives: dict[int, Life] = {}
        self.back: dict[str, list[float]] = {}
        self._dead: dict[str, float] = {}  # killed and not back: when
        plan = Plan.from_json(here.layout.plan_file.read_text())
        self._nodes = {p: [n.full_name for n in nodes] for p, nodes in plan.processes().items()}
        self._sampled = 0.0

    def add(self, injury: Injury) -> None:
        injury.due = time.monotonic() + self.chance.uniform(*injury.pause) / 2
        self.injuries.append(injury)

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            self.here.keep_up()
            for injury in self.injuries:
                self._step(injury, now)
            self._look(now)
            if now - self._sampled >= SAMPLE:
                self._sampled = now
                self._sample()
            time.sleep(0.1)
        for injury in self.injuries:
            if injury.until:
                self._over(injury, time.monotonic())
        stop = time.monotonic() + 60.0
        while self._dead and time.monotonic() < stop:
            self.here.keep_up()
            self._look(time.monotonic())
            time.sleep(0.05)

    def _step(self, injury: Injury, now: float) -> None:
        if injury.until:
            injury.heard = injury.heard or (injury.noticed is not None and injury.noticed())
            if now >= injury.until:
                self._over(injury, now)
        elif now >= injury.due:
            length = self.chance.uniform(*injury.length)
            what = injury.begin()
            injury.heard = False
            injury.times += 1
            injury.seconds += length
            injury.until = now + max(length, 0.001)
            print(f"{now:.0f} {injury.name} {what} for {length:.0f} s", file=sys.stderr)

    def _over(self, injury: Injury, now: float) -> None:
        injury.end()
        injury.told += injury.heard
        injury.until = 0.0
        injury.due = now + self.chance.uniform(*injury.pause)

    def kill(self) -> str:
        family = self.here.family()
        names = sorted(name for name in family if name not in self._dead)
        name = self.chance.choice(names)
        self._dead[name] = self.here.kill(family[name])
        return name

    def _look(self, now: float) -> None:
        for name, at in list(self._dead.items()):
            if name == INTAKE or name not in (MAIN, *self._nodes):
                process = self.here.processes.get(name)
                back = process is None or process.poll() is None
            else:
                nodes = self._nodes.get(name, self.here.watch.expected)
                back = set(nodes) <= self.here.watch.health(at + 0.1).keys()
            if back:
                self.back.setdefault(name, []).append(now - at)
                del self._dead[name]

    def _sample(self) -> None:
        for name, process in self.here.family().items():
            with contextlib.suppress(psutil.Error, OSError):
                age = time.time() - process.create_time()
                life = self.lives.setdefault(process.pid, Life(name))
                if life.ages and age < life.ages[-1]:  # the number was given again
                    life = self.lives[process.pid] = Life(name)
                memory = process.memory_full_info().pss / 1e6
                files = process.num_fds()
                life.ages.append(age)
                life.memory.append(memory)
                life.files.append(files)


def slope(lives: list[Life], of: str) -> tuple[float, float, int]:
    """Per hour, its standard error, and over how many samples: within lives, all together."""
    square = product = 0.0
    rests: list[tuple[list[float], list[float]]] = []
    for life in lives:
        pairs = [
            (a / 3600.0, v) for a, v in zip(life.ages, getattr(life, of), strict=True) if a >= YOUNG
        ]
        if len(pairs) < LEAST:
            continue
        ages = [a - statistics.fmean(p[0] for p in pairs) for a, _ in pairs]
        values = [v - statistics.fmean(p[1] for p in pairs) for _, v in pairs]
        square += sum(a * a for a in ages)
        product += sum(a * v for a, v in zip(ages, values, strict=True))
        rests.append((ages, values))
    count = sum(len(ages) for ages, _ in rests)
    if not square:
        return math.nan, math.nan, 0
    found = product / square
    left = sum(
        (v - found * a) ** 2 for ages, values in rests for a, v in zip(ages, values, strict=True)
    )
    free = max(1, count - len(rests) - 1)
    return found, math.sqrt(left / free / square), count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.5, help="findings per second")
    parser.add_argument("--sqlite", action="store_true", help="no PostgreSQL")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # everything is put away
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    folder = Path(tempfile.mkdtemp(prefix="bconnect-soak-"))
    with contextlib.ExitStack() as stack:
        whole = soak(folder, options, stack)
    return 0 if whole else 1


def _able(kind: Any) -> bool:
    why = kind.can()
    if why:
        print(f"left out: {kind.__name__}: {why}", file=sys.stderr)
    return not why


def soak(folder: Path, options: argparse.Namespace, stack: contextlib.ExitStack) -> bool:
    import cluster

    ways = Ways(rate=options.rate)
    disk = far = clock = server = starved = None
    cameras: list[injuries.Camera] = []
    if _able(injuries.SmallDisk):
        disk = stack.enter_context(injuries.SmallDisk(folder / "disk", DISK))
        ways.state = disk.folder
    if _able(injuries.FarHost):
        far = stack.enter_context(injuries.FarHost())
        ways.far, ways.far_address = far.prefix, far.address
    if _able(injuries.Clock):
        clock = injuries.Clock(folder)
        ways.env = clock.env
    if _able(injuries.Camera):
        cameras = [injuries.Camera(folder) for _ in range(ways.cameras)]
        for camera in cameras:
            stack.callback(camera.close)
        ways.sources = tuple(camera.url for camera in cameras)
    if not options.sqlite and cluster.programs() is not None:
        server = stack.enter_context(cluster.cluster(fsync=True))
        ways.database = server.database()
    if _able(injuries.Starved):
        starved = stack.enter_context(injuries.Starved())
    controller = Controller({"utara": 2}, lambda: {"utara": "green"})
    stack.enter_context(controller)
    ways.signal = f"udp://127.0.0.1:{controller.port}"
    here = Street(folder / "street", ways)
    stack.callback(here.close)
    here.start()
    traffic = Traffic(here, options.seed)
    stack.callback(traffic.stop)
    run = Soak(here, traffic, options.seed)
    _plan(run, disk, far, clock, server, starved, cameras, controller)
    began = time.monotonic()
    run.run(60.0 * options.minutes)
    minutes = (time.monotonic() - began) / 60
    with contextlib.suppress(TimeoutError):
        here.wait_whole(time.monotonic(), 60.0)
    found = account.settle(here, traffic, 300.0)
    say(run, found, minutes)
    return found.whole


def _plan(
    run: Soak, disk: Any, far: Any, clock: Any, server: Any, starved: Any, cameras: Any, snmp: Any
) -> None:
    here, traffic, chance = run.here, run.traffic, run.chance

    def level(node: str) -> bool:
        health = here.watch.health().get(f"/{SITE}/{node}")
        return health is not None and health.level != "ok"

    def nothing() -> None:
        """A kill is not undone."""

    run.add(Injury("kill -9", run.kill, nothing, (0, 0), (20, 60)))
    hurt: dict[str, Any] = {"camera": None, "kind": ""}

    def hurt_camera() -> str:
        number = chance.randrange(len(cameras))
        kind = chance.choice(injuries.Camera.KINDS)
        hurt.update(camera=number, kind=kind)
        cameras[number].be(kind)
        return f"{number + 1} {kind}"

    def camera_told() -> bool:
        name = f"/{SITE}/kamera_{hurt['camera'] + 1}/camera"
        health = here.watch.health().get(name)
        if health is None:
            return False
        if hurt["kind"] == "clock":
            offset = float(health.values.get("clock_offset") or "nan")
            return abs(offset) > 1800 or health.level != "ok"
        return health.level != "ok"

    if cameras:
        heal = lambda: cameras[hurt["camera"]].be("ok")  # noqa: E731
        run.add(Injury("camera", hurt_camera, heal, (15, 40), (15, 60), noticed=camera_told))

    def fault(kind: str) -> None:
        snmp.fault = kind

    run.add(
        Injury(
            "controller silent",
            lambda: fault("silent") or "",  # type: ignore[func-returns-value]
            lambda: fault(""),
            (8, 40),
            (40, 120),
            noticed=lambda: level("signal"),
        )
    )
    if disk:
        told = lambda: level("evidence") or level("citation") or level("ladder")  # noqa: E731
        begin = lambda: disk.fill() or ""  # noqa: E731
        run.add(Injury("disk full", begin, disk.empty, (5, 20), (90, 240), noticed=told))
    if server:
        gone = lambda: server.stop("immediate") or ""  # noqa: E731
        run.add(
            Injury(
                "database gone",
                gone,
                server.start,
                (5, 30),
                (60, 180),
                noticed=lambda: level("citation"),
            )
        )
    if far:
        cut = lambda: far.cut() or ""  # noqa: E731
        lengths = iter([(290.0, 300.0)])
        injury = Injury(
            "centre cut off", cut, far.mend, (5, 60), (60, 180), noticed=lambda: level("spool")
        )
        injury.length = next(lengths)  # once as long as it gets
        mend = injury.end

        def mended() -> None:
            mend()
            injury.length = (5.0, 60.0)

        injury.end = mended
        run.add(injury)

    def jump() -> str:
        seconds = chance.choice((3600, -3600))
        clock.jump(seconds)
        traffic.shift = seconds * SECOND
        return f"{seconds:+d} s"

    def jump_back() -> None:
        clock.jump(0)
        traffic.shift = 0

    if clock:
        run.add(Injury("clock jumps", jump, jump_back, (10, 60), (60, 240)))

    def starve() -> str:
        starved.hold(list(here.family().values()))
        starved.starve(True)
        return ""

    if starved:
        run.add(
            Injury(
                "a quarter of the CPU", starve, lambda: starved.starve(False), (15, 40), (60, 180)
            )
        )


def say(run: Soak, found: account.Found, minutes: float) -> None:
    """The tables for docs/benchmarks.md."""
    print("| fault | times | s in all | said by the graph |\n|---|---|---|---|")
    for one in run.injuries:
        told = f"{one.told} of {one.times}" if one.noticed else "-"
        print(f"| {one.name} | {one.times} | {one.seconds:.0f} | {told} |")
    every = [t for times in run.back.values() for t in times]
    print("\n| killed | times | back: p50, s | p95 | most |\n|---|---|---|---|---|")
    for name, times in [*sorted(run.back.items()), ("all", every)]:
        if times:
            p95 = statistics.quantiles([*times, times[-1]], n=20, method="inclusive")[-1]
            print(
                f"| {name} | {len(times)} | {statistics.median(times):.1f} | {p95:.1f} "
                f"| {max(times):.1f} |"
            )
    print("\n| process | lives | samples | MB | MB/h ± s.e. | descriptors | per h ± s.e. |")
    print("|---|---|---|---|---|---|---|")
    for name in sorted({life.name for life in run.lives.values()}):
        lives = [life for life in run.lives.values() if life.name == name]
        memory, m_error, count = slope(lives, "memory")
        files, f_error, _ = slope(lives, "files")
        if count:
            size = statistics.median(v for life in lives for v in life.memory)
            opened = statistics.median(v for life in lives for v in life.files)
            print(
                f"| {name} | {len(lives)} | {count} | {size:.0f} | {memory:+.1f} ± {m_error:.1f} "
                f"| {opened:.0f} | {files:+.1f} ± {f_error:.1f} |"
            )
    told = account.report(found) | {"minutes": round(minutes, 1)}
    told |= {"unanswered": run.traffic.acts.unanswered, "left": len(run._dead)}
    print(json.dumps(told))
    for sentence in (*found.lost[:30], *found.doubled[:30], *found.broken[:30]):
        print(sentence)


if __name__ == "__main__":
    sys.exit(main())
