"""The accuracy benchmark's own parts: seeds, the table, its place in the document."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from replay_scenes import event, found

from bconnect_replay.core.figures import Score, score
from bconnect_replay.score import Run

FILE = Path(__file__).parents[2] / "benchmarks" / "accuracy.py"


@pytest.fixture(scope="module")
def accuracy() -> Any:
    spec = importlib.util.spec_from_file_location("accuracy_benchmark", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_seeds(accuracy: Any) -> None:
    assert accuracy.seeds_of("1000-1002") == [1000, 1001, 1002]
    assert accuracy.seeds_of("7,0-2,1") == [0, 1, 2, 7]
    for text in ("", "a", "3-", "5-2"):
        with pytest.raises(SystemExit, match="--seeds: found"):
            accuracy.seeds_of(text)


def test_lawful_seeds_never_leave_those_for_tuning(accuracy: Any) -> None:
    assert [s for batch in accuracy._batches(97, 2) for s in batch] == [97, 98, 99]
    first = accuracy._batches(1000, 2)
    assert [list(next(first)), list(next(first))] == [[1000, 1001], [1002, 1003]]


def test_events_of_judging_seeds_are_not_listed(
    accuracy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["accuracy.py", "--seeds", "99-100", "--list"])
    with pytest.raises(SystemExit, match="shows events of seeds 0 to 99 only"):
        accuracy.main()


def report(accuracy: Any, seed: int, told: list[Any], lawful: Score) -> str:
    truth = [event(at=10, speed=20.0), event(at=60, speed=20.0)]
    made, notes = score(told, truth, hours=1.0)
    runs = {accuracy.Job("harian", seed, "noisy"): Run(made, notes, "day", seed)}
    options = argparse.Namespace(seeds=str(seed), how=["noisy"], cache=Path("nowhere"))
    return str(accuracy.report(runs, {"noisy": lawful}, [seed], options))


def test_report(accuracy: Any) -> None:
    both = [found(at=at, measured=20.1, low=19.0, high=21.0) for at in (10, 60)]
    text = report(accuracy, 1000, both, Score(hours=24.0))
    assert "seeds 1000 (for judging)" in text and "not reached" not in text
    assert "| 0 in 24.0 camera-hours, 0 near misses | reached |" in text
    assert "| F1 of the worst kind | >= 0.98 | 1.000 (speeding) | reached |" in text
    false, _ = score([found(at=10)], [], hours=3.0)
    text = report(accuracy, 3, both[:1], false)
    assert "FOR TUNING" in text
    assert "0.667 (speeding) | **not reached** |" in text
    assert "1 in 3.0 camera-hours, 0 near misses | **not reached** |" in text


def test_only_our_section_is_written(
    accuracy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accuracy, "ROOT", tmp_path)
    document = tmp_path / "docs" / "benchmarks.md"
    document.parent.mkdir()
    document.write_text("# Benchmarks\n\n## Accuracy\n\nold\n\n## Image hop\n\nkept\n")
    accuracy._write("## Accuracy\n\nnew\n")
    text = document.read_text()
    assert "old" not in text and "new" in text and text.endswith("## Image hop\n\nkept\n")


def test_what_was_judged_by_this_code_is_not_judged_again(
    accuracy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bconnect_replay.rerun
    import bconnect_sim.produce

    done: list[str] = []
    digest = ["a"]

    def produce(scenario: str, seed: int, out: Path, *_: Any) -> Any:
        out.mkdir(exist_ok=True)
        return bconnect_sim.produce.Produced(out, digest[0], not done)

    def rerun(folder: Path, *, out: Path, images: bool) -> None:
        done.append(folder.name)
        out.mkdir(exist_ok=True)
        (out / "rerun.json").write_text("{}")

    monkeypatch.setattr(bconnect_sim.produce, "produce", produce)
    monkeypatch.setattr(bconnect_replay.rerun, "rerun", rerun)
    job = accuracy.Job("harian", 3, "noisy")
    for _ in range(2):
        accuracy.work(job, tmp_path)
    assert len(done) == 1
    told = accuracy.cost_of(tmp_path / job.name)
    assert {"make_s", "judge_s", "judged"} <= told.keys()
    digest[0] = "b"  # another recording
    accuracy.work(job, tmp_path)
    assert len(done) == 2
    assert accuracy.cost_of(tmp_path / "nowhere") == {}
    assert "to make 1 runs" in accuracy._cost(tmp_path, [job.name]) or told["judge_s"] == 0.0
