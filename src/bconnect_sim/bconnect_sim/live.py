"""A simulated camera as a live stream: H.264 in NUT on standard output, paced in real time.

    python -m bconnect_sim.live SCENARIO CAMERA --seed N [--rate HZ] [--epoch S] [--tied] [--check]

All who play a scenario and seed are at the same place of it (see core.rounds), cameras and the
controller; ``--epoch now`` begins at its beginning instead. Pictures that cannot be drawn in time
are left out: the street never runs slow. At the scenario's end the stream ends.
0: ended or nobody reads any more; 2: refused, with one sentence.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import BinaryIO, Protocol

import av.error

from bconnect_sim.adapters.encoder import LiveWriter
from bconnect_sim.adapters.panda_parts import Image
from bconnect_sim.adapters.render import Renderer
from bconnect_sim.core.rounds import Rounds, epoch_of
from bconnect_sim.core.traffic import SimError
from bconnect_sim.core.world import Moment
from bconnect_sim.stage import Stage, open_stage
from bconnect_sim.wallclock import wall
from bconnect_site.errors import ConfigError, suggest


class Sink(Protocol):
    """Takes the pictures."""

    def write(self, image: Image, time: float) -> None: ...


def play(
    moments: Iterable[Moment],
    draw: Callable[[Moment], Image],
    sink: Sink,
    *,
    rate: float,
    now: Callable[[], float],
    wait: Callable[[float], object],
    begin: float | None = None,
) -> tuple[int, int]:
    """Draws each moment when its time has come; (drawn, left out).

    rate: Hz of the moments; now: s of a steady clock; wait: sleeps so many s; begin: when the
    scenario's time is 0, on that clock; None: with the first moment.
    """
    drawn = left_out = 0
    for moment in moments:
        begin = now() - moment.time if begin is None else begin
        ahead = begin + moment.time - now()
        if ahead > 0:
            wait(ahead)
        elif ahead < -1.0 / rate:
            left_out += 1
            continue
        sink.write(draw(moment), moment.time)
        drawn += 1
    return drawn, left_out


def prepare(scenario: str, camera: str, rate: float | None) -> Stage:
    """The stage of a live camera. Raises ConfigError."""
    stage = open_stage(scenario)
    names = [view.name for view in stage.corridor.cameras]
    if camera not in names:
        raise ConfigError(f'{stage.name}: no camera is called "{camera}"{suggest(camera, names)}')
    if rate is not None:
        if not 1.0 <= rate <= 30.0:
            raise ConfigError(f"rate: found {rate:g}, must be from 1 to 30 Hz")
        picture = replace(stage.scenario.picture, rate=rate)
        stage = replace(stage, scenario=replace(stage.scenario, picture=picture))
    return stage


def serve(stage: Stage, camera: str, seed: int, out: BinaryIO, epoch: float = 0.0) -> None:
    """Streams until the scenario's end or until nobody reads. Raises SimError."""
    picture, scenario = stage.scenario.picture, stage.scenario
    at = Rounds(scenario.duration, epoch).join(wall(), scenario.warm_up)
    begin = time.monotonic() - at
    renderer = Renderer(stage, camera, seed)
    pause = threading.Event()
    try:
        sink = LiveWriter(out, picture.width, picture.height, picture.rate, picture.quality)
        play(
            stage.world(seed).moments(),
            renderer.draw,
            sink,
            rate=picture.rate,
            now=time.monotonic,
            wait=pause.wait,
            begin=begin,
        )
    except (BrokenPipeError, av.error.BrokenPipeError):
        pass  # whoever watched has gone
    finally:
        renderer.close()


def _epoch(text: str) -> float:
    try:
        return epoch_of(text, wall())
    except ValueError as error:
        raise ConfigError(f"epoch: {error}") from None


def end_with_parent() -> None:
    """Ends this process when its standard input ends: whoever started it is gone."""

    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bconnect_sim.live", description="Stream a simulated camera as it happens."
    )
    parser.add_argument("scenario", help="a shipped scenario's name, or a YAML file")
    parser.add_argument("camera", help="one of its cameras")
    parser.add_argument("--seed", type=int, default=0, help="decides all chance (default 0)")
    parser.add_argument("--rate", type=float, help="pictures per second, else the scenario's")
    parser.add_argument("--epoch", default="0", help="Unix time [s] rounds count from, or now")
    parser.add_argument("--tied", action="store_true", help="end when standard input ends")
    parser.add_argument("--check", action="store_true", help="only say whether it could run")
    args = parser.parse_args(argv)
    if args.tied:
        end_with_parent()
    try:
        stage = prepare(args.scenario, args.camera, args.rate)
        epoch = _epoch(args.epoch)
        if args.check:
            return 0
        # SUMO prints where it likes: nothing but the stream may get into the pipe
        with os.fdopen(os.dup(1), "wb", buffering=0) as out:
            os.dup2(2, 1)
            serve(stage, args.camera, args.seed, out, epoch)
    except (ConfigError, SimError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # libsumo and panda3d need no farewell, and sometimes hang in one
