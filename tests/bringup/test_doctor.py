"""`bconnect doctor`: each thing that would keep a site from working is one line with a remedy."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from bconnect_bringup import doctor as room
from bconnect_bringup.doctor import BAD, OK, WARN, Sign, examine
from bconnect_bringup.prepare import load
from bconnect_site.state import StateLayout

NOW = 1_790_000_000 * 10**9

SITE = """\
site: klinik
kind: corridor
title: Klinik
cameras:
  baik: {{source: "{good}", detect: {{width: 64, height: 64}}, rules: []}}
  hilang: {{source: "file://{missing}", detect: {{width: 64, height: 64}}, rules: []}}
  rahasia: {{source: "${{KLINIK_CAM}}", detect: {{width: 64, height: 64}}, rules: []}}
  tuli: {{source: "rtsp://127.0.0.1:9/x", detect: {{width: 64, height: 64}}, rules: []}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    video = tmp_path / "good.mp4"
    with av.open(str(video), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for level in range(5):
            image = np.full((64, 64, 3), 40 * level, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        out.mux(stream.encode())
    path = tmp_path / "klinik.yaml"
    path.write_text(SITE.format(good=f"file://{video}", missing=tmp_path / "none.mp4"))
    return path


def signs(site: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Sign]:
    monkeypatch.setattr(room, "PATIENCE", 8.0)
    loaded = load(str(site))
    found = list(examine(loaded, StateLayout.of(state, "klinik"), {}, NOW))
    return {sign.about: sign for sign in found}


def test_it_names_what_is_wrong_and_what_is_right(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = signs(site, tmp_path / "state", monkeypatch)
    assert found["camera baik"].level == OK
    assert found["camera hilang"].level == BAD and "none.mp4" in found["camera hilang"].sentence
    assert found["camera tuli"].level == BAD
    assert "camera rahasia" not in found
    assert found["environment"].level == BAD and "KLINIK_CAM" in found["environment"].sentence
    assert found["weights"].level == OK and found["disk"].level in (OK, WARN)
    assert "SROS2" in found["DDS security"].sentence
    assert found["ledger"].sentence == "none yet"


def test_a_key_others_can_read_is_bad(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bconnect_site.keys import Keyring

    layout = StateLayout.of(tmp_path / "state", "klinik")
    ring = Keyring.open(layout.keys_dir)
    good = signs(site, tmp_path / "state", monkeypatch)
    assert good["sealing key"].level == OK and ring.key_id in good["sealing key"].sentence
    for path in layout.keys_dir.iterdir():
        path.chmod(0o644)
    found = signs(site, tmp_path / "state", monkeypatch)
    assert found["sealing key"].level == BAD


def test_little_disk_is_said_before_it_is_none(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    from types import SimpleNamespace

    for free, level in ((100 << 30, OK), (5 << 30, WARN), (100 << 20, BAD)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        assert signs(site, tmp_path, monkeypatch)["disk"].level == level


def test_for_programs(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(room, "PATIENCE", 8.0)
    assert room.doctor(str(site), state=str(tmp_path), now=NOW, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert {"level", "about", "sentence"} == set(told[0])
