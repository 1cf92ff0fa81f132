"""From a name to a plan on disk: changes, stages, lock, fresh state."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bconnect_bringup.prepare import change, load, prepare
from bconnect_bringup.state import is_running, lock, set_aside, state_root
from bconnect_site.errors import ConfigError
from bconnect_site.loader import load_frozen
from bconnect_site.plan import Plan, StateLayout

SITE = """
site: small
kind: corridor
title: Small
cameras:
  utara: {source: "rtsp://192.0.2.1/a", process: "lens@elsewhere"}
  timur: {source: "rtsp://192.0.2.1/b"}
speakers:
  tiang: {adapter: file, hears: [utara, timur]}
"""


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SITE)
    return path


def test_prepare_writes_the_frozen_site_and_the_plan(site_file: Path, tmp_path: Path) -> None:
    prepared = prepare(load(str(site_file)), state=tmp_path / "state", env={})
    layout = StateLayout.of(tmp_path / "state", "small")
    assert load_frozen(layout.site_file).site == prepared.loaded.site
    assert Plan.from_json(layout.plan_file.read_text()) == prepared.plan
    assert all(f.is_dir() for f in (layout.log_dir, layout.evidence_dir, layout.audio_dir))
    assert is_running(layout)
    os.close(prepared.lock)
    assert not is_running(layout)


def test_processes_of_other_hosts_are_not_started_here(site_file: Path, tmp_path: Path) -> None:
    prepared = prepare(load(str(site_file)), state=tmp_path / "state", env={})
    os.close(prepared.lock)
    assert "lens" in prepared.plan.processes()
    assert "lens" not in prepared.local_processes()
    assert [job.name for job in prepared.jobs(("host",))] == prepared.local_processes()


def test_jobs_stop_along_the_way_of_the_data(site_file: Path, tmp_path: Path) -> None:
    loaded = change(load(str(site_file)), {"cameras.utara.process": None})
    prepared = prepare(loaded, state=tmp_path / "state", env={})
    os.close(prepared.lock)
    stages = {job.name: job.stage for job in prepared.jobs(("host",))}
    assert list(stages) == ["cameras_1", "detector", "perception", "enforcement"]
    assert list(stages.values()) == sorted(set(stages.values()))


def test_a_second_lock_names_the_first_and_a_closed_one_is_free(tmp_path: Path) -> None:
    layout = StateLayout.of(tmp_path, "small")
    held = lock(layout, "small.yaml")
    with pytest.raises(ConfigError, match=rf"process {os.getpid()}, from small.yaml"):
        lock(layout, "other.yaml")
    os.close(held)
    os.close(lock(layout, "other.yaml"))


def test_changes_have_the_command_line_as_their_origin(site_file: Path) -> None:
    loaded = change(load(str(site_file)), {"detector.adapter": "onnxruntime"})
    assert loaded.site.detector.adapter == "onnxruntime"
    assert loaded.origins["detector.adapter"] == "command line"
    assert loaded.origins["title"].endswith("small.yaml")


def test_a_camera_can_be_left_out(site_file: Path) -> None:
    changes = {"cameras.utara": None, "speakers.tiang.hears": ["timur"]}
    loaded = change(load(str(site_file)), changes)
    assert list(loaded.site.cameras) == ["timur"]
    assert not any(key.startswith("cameras.utara") for key in loaded.origins)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"detector.adapter": "onnx"}, "command line: detector.adapter: found"),
        ({"detector.adaptor": "onnxruntime"}, "adaptor: is not a key here"),
        ({"cameras.selatan.loop": True}, "cameras.selatan.loop: there is no selatan in this site"),
        ({"cameras.utara": None}, "speakers.tiang.hears"),
        ({"title.x": 1}, "has no keys below it"),
    ],
)
def test_a_wrong_change_is_one_sentence(
    site_file: Path, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        change(load(str(site_file)), changes)
    assert sentence in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_name_that_another_site_has_is_refused(tmp_path: Path) -> None:
    twin = tmp_path / "twin.yaml"
    twin.write_text(SITE.replace("site: small", "site: beruang_madu"))
    with pytest.raises(ConfigError, match="is also the name in"):
        load(str(twin))


def test_an_earlier_run_is_set_aside_once(tmp_path: Path) -> None:
    layout = StateLayout.of(tmp_path, "small")
    assert set_aside(layout) is None
    for run in ("first", "second", "third"):
        layout.root.mkdir()
        (layout.root / run).write_text("")
        previous = set_aside(layout)
        assert previous == tmp_path / "small.previous"
    assert [p.name for p in previous.iterdir()] == ["third"]
    assert not layout.root.exists()


def test_the_state_folder_is_as_given_or_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BCONNECT_STATE", str(tmp_path / "env"))
    assert state_root(str(tmp_path / "given")) == tmp_path / "given"
    assert state_root() == tmp_path / "env"
    monkeypatch.delenv("BCONNECT_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_root() == tmp_path / "bconnect"
