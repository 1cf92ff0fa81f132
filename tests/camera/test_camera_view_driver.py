"""The guard in the driver: learned, kept over a restart, and a turned camera is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cv2")
import av
import numpy as np
from bconnect_msgs.msg import CameraStatus
from view_scenes import seen, street

from bconnect_camera.driver_node import CameraDriver
from bconnect_node import qos

NS = "/demo/utara"


def film(path: Path, x: float = 0.0) -> Path:
    """A minute of a street at 5 Hz, its content moved by a share of its width."""
    image = np.repeat(seen(street(), x=x)[:, :, None], 3, axis=2)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"g": "5", "preset": "ultrafast"}
        for i in range(300):
            frame = image.copy()
            frame[300:320, (i * 20) % 600 : (i * 20) % 600 + 40] = 250  # someone drives
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        out.mux(stream.encode())
    return path


def start(ros: Any, source: Path, view_file: Path) -> list[Any]:
    found = ros.collect(CameraStatus, f"{NS}/camera_status", qos.STATE)
    values = {
        "camera": "utara",
        "frame_id": "demo/utara_optical_frame",
        "source": f"file://{source}",
        "width": 320,
        "height": 180,
        "view_file": str(view_file),
    }
    ros.add(CameraDriver, namespace=NS, parameter_overrides=values)
    return found


def test_a_view_is_learned_and_written(ros: Any, wait_for: Any, tmp_path: Path) -> None:
    file = tmp_path / "view" / "utara" / "a.npz"
    found = start(ros, film(tmp_path / "a.mp4"), file)
    wait_for(lambda: found and found[-1].state == CameraStatus.STATE_OK, 20)
    assert CameraStatus.STATE_MOVED not in {m.state for m in found}
    assert {m.detail for m in found if m.state == CameraStatus.STATE_UNKNOWN} & {
        "learning the view"
    }
    wait_for(file.is_file)


def test_a_camera_turned_while_it_was_off_is_told(ros: Any, wait_for: Any, tmp_path: Path) -> None:
    from view_scenes import Watcher

    from bconnect_camera.adapters import view_store

    watcher = Watcher()
    watcher.show([street()] * 12)
    view_store.save(str(tmp_path / "a.npz"), watcher.guard.album.pages)
    found = start(ros, film(tmp_path / "b.mp4", x=0.05), tmp_path / "a.npz")
    wait_for(lambda: found and found[-1].state == CameraStatus.STATE_MOVED, 20)
    assert "the view moved by 16 px right (of 320 x 180)" in found[-1].detail
    assert CameraStatus.STATE_OK not in {m.state for m in found}


def test_a_damaged_view_is_learned_anew_and_said(ros: Any, wait_for: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    file.write_bytes(b"PK not an archive")
    found = start(ros, film(tmp_path / "a.mp4"), file)
    wait_for(lambda: found and found[-1].state == CameraStatus.STATE_OK, 20)
    wait_for(lambda: file.stat().st_size > 1000)
