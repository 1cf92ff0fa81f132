"""Small bags with what they must give; a bug report becomes one more of them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from bconnect_replay.rerun import rerun

BAGS = Path(__file__).parent / "bags"
NAMES = sorted(p.parent.name for p in BAGS.glob("*/expected.json"))


def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_bags", BAGS / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_a_bag_gives_the_violations_it_must(name: str, tmp_path: Path) -> None:
    expected = json.loads((BAGS / name / "expected.json").read_text())
    found = rerun(BAGS / name, out=tmp_path).lines
    wanted = expected["violations"]
    assert [f["kind"] for f in found] == [w["kind"] for w in wanted]
    seconds, measured = expected["tolerance"]["seconds"], expected["tolerance"]["measured"]
    for one, want in zip(found, wanted, strict=True):
        assert (one["camera"], one["zone"]) == (want["camera"], want["zone"])
        assert abs(one["started"] / 1e9 - want["started"]) <= seconds
        assert abs(one["measured"] - want["measured"]) <= measured


@pytest.mark.parametrize("name", NAMES)
def test_the_script_that_made_a_bag_makes_it_still(name: str, tmp_path: Path) -> None:
    """The same messages, as this version has them: what was added since is unknown in both."""
    from bconnect_replay.adapters.bag import BagReader

    maker().make(name, tmp_path / name)
    with BagReader(BAGS / name / "bag") as kept, BagReader(tmp_path / name / "bag") as made:
        for (topic, one, at), (other_topic, other, other_at) in zip(
            kept.raw(), made.raw(), strict=True
        ):
            assert (topic, at) == (other_topic, other_at)
            assert kept.current(topic, one) == made.current(topic, other)


def test_every_bag_has_its_script_and_its_expectation() -> None:
    assert set(NAMES) == set(maker().SCENES) and len(NAMES) >= 3
