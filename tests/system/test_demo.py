"""The main job as its user runs it: `bconnect demo`, from the command line to the ledger."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from bconnect_enforce.adapters.ledger import read_summary

ROOT = Path(__file__).parents[2]
LIGHT = [] if importlib.util.find_spec("ultralytics") else ["--light"]
pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    state = tmp_path_factory.mktemp("demo_state")
    done = subprocess.run(
        [str(ROOT / "bconnect"), "demo", "--state", str(state), *LIGHT],
        cwd=state,
        capture_output=True,
        text=True,
        timeout=560,
    )
    return done, state / "demo"


def violations(state: Path) -> list[dict]:
    return [
        json.loads(p.read_text()) for p in sorted(state.glob("evidence/demo/*/*/violation.json"))
    ]


def test_it_ends_by_itself_and_is_content(demo) -> None:
    done, _ = demo
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "everything has stopped" in done.stdout + done.stderr


def test_real_detection_finds_the_simulated_violations(demo) -> None:
    """Whatever this machine's speed: what is found was really there."""
    _, state = demo
    found = {(m["violation"]["camera"], m["violation"]["type"]) for m in violations(state)}
    allowed = {("plaza", "illegal_parking"), ("jalan", "stop_line"), ("jalan", "wrong_way")}
    assert found & {("jalan", "stop_line"), ("jalan", "wrong_way")}
    assert found <= allowed


def test_evidence_is_whole(demo) -> None:
    _, state = demo
    folders = [p.parent for p in state.glob("evidence/demo/*/*/manifest.json")]
    assert folders
    for folder in folders:
        checked = subprocess.run(
            [str(ROOT / "bconnect"), "verify", str(folder)], capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert (folder / "annotated.jpg").stat().st_size > 10_000
        assert (folder / "release" / "scene.jpg").stat().st_size > 10_000
        clip = next(folder.glob("clip.*"))
        with av.open(str(clip)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 10
    store = subprocess.run(
        [str(ROOT / "bconnect"), "verify", str(state / "evidence")], capture_output=True, text=True
    )
    assert store.returncode == 0 and "chain whole" in store.stdout
    assert not list(state.rglob("*.partial"))


def test_ledger_holds_every_violation_once_and_nothing_is_decided(demo) -> None:
    _, state = demo
    ids = sorted(m["violation"]["id"] for m in violations(state))
    summary = read_summary(state / "ledger.sqlite3")
    assert sum(summary.violations.values()) == len(ids) == len(set(ids))
    pending = [citation.violation_id for citation in summary.pending]
    assert pending and len(pending) == len(set(pending))
    assert set(pending) <= set(ids)
    assert set(summary.citations) == {"pending_review"}


def test_something_was_really_said(demo) -> None:
    done, state = demo
    assert re.search(r"Announcements spoken: [1-9]", done.stdout)
    # Where there is a sound card the phrase went there; elsewhere it is a file.
    for path in state.glob("audio/*.wav"):
        with wave.open(str(path)) as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
            assert sound.getsampwidth() == 2
            assert len(samples) / sound.getframerate() > 0.5
            assert np.sqrt(np.mean(samples.astype(float) ** 2)) > 300
