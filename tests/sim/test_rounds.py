"""Live cameras and the controller of one scenario are at the same place of it."""

import subprocess
import sys
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bconnect_sim.controller import live
from bconnect_sim.core.lights import aspect
from bconnect_sim.core.rounds import WORTH, Rounds, epoch_of
from bconnect_sim.core.script import Program
from bconnect_sim.core.world import Moment
from bconnect_sim.live import main, play
from bconnect_sim.wallclock import wall

SCENARIO = """
title: Uji
street: koridor
start: "2025-11-25T16:10:00"
duration: 1000.0
warm_up: 0.0
picture: {width: 160, height: 90, rate: 5.0}
programs:
  - {light: A, green: 10.0, cross: 10.0}
flows:
  - {route: eastbound, per_hour: 100.0}
"""


class TestRounds:
    def test_a_round_follows_the_other(self):
        rounds = Rounds(600.0, 1000.0)
        assert [rounds.position(t) for t in (990.0, 1000.0, 1599.0, 1600.0)] == [-10, 0, 599, 0]

    def test_who_starts_late_joins_and_who_starts_too_late_waits(self):
        rounds = Rounds(600.0)
        assert rounds.join(100.0, 120.0) == 100.0
        assert rounds.join(590.0, 120.0) == -10.0
        assert Rounds(600.0, 1000.0).join(900.0, 120.0) == -100.0

    @given(st.floats(0.0, 2e9), st.floats(1.0, 5000.0), st.floats(0.0, 300.0))
    def test_whoever_joins_agrees_with_those_who_play(self, now, duration, warm_up):
        rounds = Rounds(duration)
        joined, at = rounds.join(now, warm_up), rounds.position(now)
        assert joined == at or joined == pytest.approx(at - duration)
        assert joined < 0 or joined + WORTH < duration

    def test_epochs(self):
        assert (epoch_of("0", 7.0), epoch_of("now", 7.0)) == (0.0, 7.0)
        for text in ("-1", "soon", "", "1e99", "nan"):
            with pytest.raises(ValueError, match="needs Unix time in s, or now"):
                epoch_of(text, 7.0)


def test_what_was_missed_is_left_out_and_the_rest_is_on_time():
    now, drawn = [0.0], []

    class Sink:
        def write(self, image, time):
            drawn.append((now[0], time))

    def moments():
        for n in range(100):
            now[0] += 0.02  # s a step of the traffic takes
            yield Moment(n / 10, (), {})

    def wait(seconds):
        now[0] += seconds

    play(moments(), lambda m: None, Sink(), rate=10.0, now=lambda: now[0], wait=wait, begin=-5.0)
    assert drawn[0][1] > 5.0 and drawn[-1][1] == 9.9
    assert all(abs(at + 5.0 - t) <= 0.11 for at, t in drawn)


class Pipe:
    """A child's output as it comes, without a buffer that holds pictures back."""

    def __init__(self, *words: str) -> None:
        code = "import os, sys; from bconnect_sim.live import main; os._exit(main())"
        command = [sys.executable, "-c", code, *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)

    def read(self, size: int) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.read(size) or b""

    def __enter__(self) -> "Pipe":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_two_cameras_and_the_controller_agree(tmp_path: Path):
    """The second starts when the first runs; each picture says where in the scenario it is."""
    pytest.importorskip("libsumo")
    pytest.importorskip("panda3d")
    file = tmp_path / "uji.yaml"
    file.write_text(SCENARIO)
    epoch = int(wall()) - 30
    _, aspects = live(str(file), 0, str(epoch))
    begins, quick = [], {"analyzeduration": "1", "fpsprobesize": "0"}
    for camera in ("toko", "simpang_barat"):
        with Pipe(str(file), camera, "--seed", "4", "--epoch", str(epoch)) as pipe:
            stream = av.open(pipe, format="nut", options=quick)
            for number, frame in enumerate(stream.decode(video=0)):
                begins.append(wall() - frame.time)
                if number == 8:
                    break
    seen = [begin - epoch for begin in begins]
    assert max(seen) < 3.0 and min(seen) > -0.3  # late by what drawing and encoding take
    program, before, shown, after = Program("A", 10.0, 10.0), wall(), aspects(), wall()
    assert shown["a_barat"] in {aspect(program, 2, t - epoch).word for t in (before, after)}


def test_an_epoch_that_is_none_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "uji.yaml"
    file.write_text(SCENARIO)
    assert main([str(file), "toko", "--epoch", "then", "--check"]) == 2
    assert capsys.readouterr().err == 'epoch: found "then", needs Unix time in s, or now\n'
