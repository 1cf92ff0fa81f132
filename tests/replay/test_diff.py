"""bconnect diff: every change is told, with the setting that made it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from replay_scenes import SITE_FILE, make_folder

from bconnect_replay import diff
from bconnect_replay.rerun import rerun
from bconnect_site.errors import ConfigError


def judged(folder: Path, out: Path, **zone: object) -> Path:
    """The bag judged with other settings of its one zone."""
    site = json.loads(json.dumps(SITE_FILE))
    site["cameras"]["utara"]["zones"]["lajur"].update(zone)
    file = out.parent / f"{out.name}.yaml"
    file.write_text(yaml.safe_dump(site))
    rerun(folder, file, out=out)
    return out


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "made", 60.0, -60.0, seconds=8.0)


def changes(a: Path, b: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    code = diff.main([str(a), str(b), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_same_is_the_same(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = judged(bag, tmp_path / "a"), judged(bag, tmp_path / "b")
    code, told = changes(a, b, capsys)
    assert (code, told["same"], told["changes"], told["stands_on"]) == (0, 1, [], [])


def test_other_hours_are_named_as_the_reason(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evening = [{"days": "daily", "from": "16:00", "to": "19:00"}]
    a, b = judged(bag, tmp_path / "a"), judged(bag, tmp_path / "b", active=evening)
    code, told = changes(a, b, capsys)
    (change,) = told["changes"]  # type: ignore[misc]
    assert code == 1 and change["what"] == "lost" and change["kind"] == "wrong_way"
    assert change["why"][0].startswith("zone lajur: active: [] -> [{'days': 'daily'")
    code, told = changes(b, a, capsys)
    assert told["changes"][0]["what"] == "new"  # type: ignore[index]
    assert diff.main([str(a), str(b)]) == 1
    assert "- " in capsys.readouterr().out


def test_a_turned_arrow_moves_the_finding_to_the_other_car(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = judged(bag, tmp_path / "a")
    b = judged(bag, tmp_path / "b", direction=[[0.1, 0.6], [0.9, 0.6]])
    _, told = changes(a, b, capsys)
    assert {c["what"] for c in told["changes"]} <= {"lost", "new", "changed"}  # type: ignore[attr-defined]
    assert any("drawn anew" in why for c in told["changes"] for why in c["why"])  # type: ignore[attr-defined]


def test_a_rule_nobody_asks_is_named(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = judged(bag, tmp_path / "a")
    site = json.loads(json.dumps(SITE_FILE))
    site["cameras"]["utara"]["rules"] = ["no_helmet"]
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump(site))
    rerun(bag, file, out=tmp_path / "b")
    _, told = changes(a, tmp_path / "b", capsys)
    (change,) = told["changes"]  # type: ignore[misc]
    assert change["why"] == ["rule wrong_way is not asked of utara there"]


def test_bad_folders_are_one_sentence(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no rerun's folder"):
        diff.main([str(tmp_path), str(tmp_path)])
    a = judged(bag, tmp_path / "a")
    (a / "findings.jsonl").write_text("{}\n")
    with pytest.raises(ConfigError, match=r"findings\.jsonl:1: id: found None, needs a text"):
        diff.main([str(a), str(a)])
    (a / "findings.jsonl").write_text("oops\n")
    with pytest.raises(ConfigError, match=r"findings\.jsonl:1: is not JSON"):
        diff.main([str(a), str(a)])
