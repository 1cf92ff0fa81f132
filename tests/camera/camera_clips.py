"""Clips made on the spot, a free port, and a relay that breaks streams, for the camera tests."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def picture(index: int, width: int = 320, height: int = 180) -> NDArray[np.uint8]:
    """A textured street with a bright block whose position tells ``index`` (0..63)."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(40, 200, (height // 4, width // 4, 3), dtype=np.uint8)
    image = coarse.repeat(4, axis=0).repeat(4, axis=1)
    block = 32 * width // 320
    for bit in range(6):
        value = 255 if index >> bit & 1 else 0
        image[: 32 * height // 180, bit * block : (bit + 1) * block] = value
    return image


def index_of(image: NDArray[np.uint8]) -> int:
    """Reads the index that ``picture`` wrote, at any size."""
    height, width = image.shape[:2]
    x, y = width / 320, height / 180
    return sum(
        1 << bit
        for bit in range(6)
        if image[
            int(8 * y) : int(24 * y), int((bit * 32 + 8) * x) : int((bit * 32 + 24) * x)
        ].mean()
        > 127
    )


def write_clip(
    path: Path,
    *,
    frames: int = 50,
    fps: int = 25,
    codec: str = "libx264",
    size: tuple[int, int] = (320, 180),
    gop: int = 10,
    still: bool = False,
    **options: str,
) -> Path:
    """Encodes ``frames`` numbered pictures; ``still`` repeats the first one."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.options = {"g": str(gop), **options}
        for index in range(frames):
            image = picture(0 if still else index % 64, *size)
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


def free_port() -> int:
    """A TCP port of loopback nobody listens on now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class Relay:
    """A TCP relay that lets ``limit`` bytes of the camera through, then cuts or falls silent."""

    def __init__(self, port: int, limit: int, silent: bool) -> None:
        self._target, self._limit, self._silent = port, limit, silent
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._open: list[socket.socket] = [self._server]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            client, _ = self._server.accept()
            camera = socket.create_connection(("127.0.0.1", self._target))
            while not client.recv(1, socket.MSG_PEEK):  # the first connection is only a trial
                client.close()
                client, _ = self._server.accept()
        except OSError:
            return
        self._open += [client, camera]
        threading.Thread(target=self._pump, args=(client, camera, 1 << 60), daemon=True).start()
        self._pump(camera, client, self._limit)

    def _pump(self, origin: socket.socket, target: socket.socket, left: int) -> None:
        try:
            while left > 0 and (data := origin.recv(min(4096, left))):
                target.sendall(data)
                left -= len(data)
            if left <= 0 and not self._silent:
                target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        for each in self._open:
            each.close()
