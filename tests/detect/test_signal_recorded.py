"""Recordings of signals: read, refused in sentences, played on the node's clock."""

import json
from pathlib import Path

import pytest
from detect_scenes import T0
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_detect.adapters.recorded_signals import load_recording
from bconnect_detect.core.recorded import Playback, read
from bconnect_detect.core.types import SECOND
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import SignalAspect, SignalSource

RED, GREEN, UNKNOWN = SignalAspect.RED, SignalAspect.GREEN, SignalAspect.UNKNOWN


def line(seconds: float, aspect: str, signal: str = "utara") -> str:
    stamp = T0 + int(seconds * SECOND)
    return json.dumps({"signal": signal, "aspect": aspect, "stamp": stamp, "more": 1}) + "\n"


LINES = [line(0, "red"), line(5, "red"), "\n", line(10, "green"), line(30, "green")]


def shown(playback: Playback, seconds: float, signal: str = "utara"):
    return playback.at(signal, T0 + int(seconds * SECOND))


def test_by_its_stamps():
    playback = Playback(read(LINES, "f"))
    assert shown(playback, -1) is None  # nobody looked yet
    red = shown(playback, 9.9)
    assert (red.aspect, red.since, red.stamp) == (RED, T0, T0 + int(9.9 * SECOND))
    assert red.source == SignalSource.RECORDED
    assert shown(playback, 10).aspect == GREEN and shown(playback, 10).since == T0 + 10 * SECOND
    assert shown(playback, 30) is not None
    assert shown(playback, 30.1) is None  # the recording is over: not green for ever
    assert shown(playback, 5).aspect == RED  # a clock set back
    assert shown(playback, 5, "timur") is None


def test_from_the_start():
    playback = Playback(read(LINES, "f"), from_start=True)
    start = 5 * SECOND
    assert playback.at("utara", start).aspect == RED
    assert playback.at("utara", start + 12 * SECOND).aspect == GREEN
    assert playback.at("utara", start + 12 * SECOND).since == start + 10 * SECOND
    assert playback.at("utara", start + 31 * SECOND) is None


def test_what_was_unknown_stays_unknown():
    playback = Playback(read([line(0, "red"), line(3, "unknown"), line(9, "red")], "f"))
    assert shown(playback, 4).aspect == UNKNOWN and shown(playback, 4).confidence == 0.0
    assert shown(playback, 9).since == T0 + 9 * SECOND


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("rot\n", "signals.jsonl:2: is not JSON; needs {"),
        ("[1]\n", "signals.jsonl:2: is no object"),
        ('{"aspect": "red", "stamp": 1}\n', "signals.jsonl:2: signal: found nothing"),
        (line(1, "rde"), 'signals.jsonl:2: aspect: found "rde"; did you mean "red"?'),
        (
            '{"signal": "utara", "aspect": "red", "stamp": 1.5}',
            "signals.jsonl:2: stamp: found 1.5; needs whole ns since 1970",
        ),
        ('{"signal": "utara", "aspect": "red", "stamp": true}', "stamp: found true"),
        ('{"signal": "utara", "aspect": "red", "stamp": -1}', "stamp: found -1"),
        (line(-1, "green"), "signals.jsonl:2: stamp: 17799999"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(bad: str, says: str):
    with pytest.raises(ConfigError) as found:
        read([line(0, "red"), bad, line(9, "green")], "signals.jsonl")
    assert says in str(found.value) and len(found.value.sentences) == 1


def test_of_many_bad_lines_the_first_few_are_named():
    with pytest.raises(ConfigError) as found:
        read(["x\n"] * 100, "f")
    assert len(found.value.sentences) == 6
    assert found.value.sentences[-1] == "f: 95 more lines are wrong"


def test_files_that_are_none(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"signals\.jsonl: No such file"):
        load_recording(tmp_path / "signals.jsonl", "signals.jsonl")
    file = tmp_path / "signals.jsonl"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"signals\.jsonl: is not text"):
        load_recording(file, "signals.jsonl")
    file.write_text("\n\n")
    with pytest.raises(ConfigError, match=r"signals\.jsonl: holds no line"):
        load_recording(file, "signals.jsonl")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=5))
def test_any_text_is_a_recording_or_sentences(lines: list[str]):
    try:
        read(lines, "f")
    except ConfigError as error:
        assert all(s.startswith("f:") for s in error.sentences)
