"""Sealed clips, picture by picture: exact, since every picture is decoded here and numbered.

A browser's video element steps by guesses; an officer must see the one picture in which the
line is crossed. Pictures are kept in a bounded cache, a whole group at a time, because a group
must be decoded from its beginning anyway.
"""

import io
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import av
from av.error import FFmpegError

from bconnect_center.core.moments import SECOND

MOST_FRAMES = 6000  # a longer clip is shown up to here
MOST_BYTES = 128 << 20  # of pictures in memory, over all clips
MOST_INDICES = 200
QUALITY = 88
_Key = tuple[str, int, int]


class Undecodable(ValueError):
    """A clip that cannot be shown; str() is the sentence."""


@dataclass(frozen=True, slots=True)
class Index:
    """What is in a clip. `times`: ns of each picture from the first; `keys`: those a group
    begins with; `pts`: the stream's own times."""

    width: int
    height: int
    times: tuple[int, ...]
    keys: tuple[int, ...]
    pts: tuple[int, ...]


class Clips:
    """Safe from any thread; one decodes at a time, the others find it done."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._lock = Lock()
        self._indices: OrderedDict[_Key, Index] = OrderedDict()
        self._frames: OrderedDict[tuple[_Key, int], bytes] = OrderedDict()
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes of pictures in memory."""
        return self._held

    def index(self, path: Path) -> Index:
        """Raises Undecodable."""
        with self._lock:
            return self._index(_key(path), path)

    def frame(self, path: Path, number: int) -> bytes:
        """The picture of that number, from 0, as JPEG. Raises Undecodable."""
        key = _key(path)
        with self._lock:
            if (found := self._frames.get((key, number))) is not None:
                self._frames.move_to_end((key, number))
                return found
            index = self._index(key, path)
            if not 0 <= number < len(index.times):
                raise Undecodable(f"frame: found {number}, allowed: 0 to {len(index.times) - 1}")
            self._decode(key, path, index, number)
            found = self._frames.get((key, number))
        if found is None:
            raise Undecodable(f"{path.name}: picture {number} cannot be decoded")
        return found

    def _index(self, key: _Key, path: Path) -> Index:
        if key not in self._indices:
            self._indices[key] = _read_index(path)
            while len(self._indices) > MOST_INDICES:
                self._indices.popitem(last=False)
        return self._indices[key]

    def _decode(self, key: _Key, path: Path, index: Index, number: int) -> None:
        """Decodes the group that holds the picture, and keeps it."""
        group = bisect_right(index.keys, number) - 1
        first = index.keys[max(group, 0)]
        last = index.keys[group + 1] if group + 1 < len(index.keys) else len(index.times)
        numbers = {pts: n for n, pts in enumerate(index.pts)}
        try:
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                container.seek(index.pts[first], stream=stream, backward=True)
                for frame in container.decode(stream):
                    n = numbers.get(frame.pts if frame.pts is not None else -1)
                    if n is None or n < first:
                        continue
                    if n >= last:
                        break
                    self._keep((key, n), _jpeg(frame))
        except (FFmpegError, ValueError, OSError) as error:
            if (key, number) not in self._frames:
                raise Undecodable(f"{path.name}: cannot be decoded ({_said(error)})") from None

    def _keep(self, key: tuple[_Key, int], data: bytes) -> None:
        if key in self._frames:
            return
        self._frames[key] = data
        self._held += len(data)
        while self._held > self._most and len(self._frames) > 1:
            _, gone = self._frames.popitem(last=False)
            self._held -= len(gone)


def _read_index(path: Path) -> Index:
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise Undecodable(f"{path.name}: holds no pictures")
            stream = container.streams.video[0]
            base = stream.time_base
            found = []
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size and not packet.is_discard:
                    found.append((packet.pts, packet.is_keyframe))
                if len(found) >= MOST_FRAMES:
                    break
            wide, high = stream.width, stream.height
    except (FFmpegError, ValueError, OSError) as error:
        if isinstance(error, Undecodable):
            raise
        raise Undecodable(f"{path.name}: cannot be decoded ({_said(error)})") from None
    if not found or base is None:
        raise Undecodable(f"{path.name}: holds no pictures")
    pts = sorted({one for one, _ in found})
    numbers = {one: n for n, one in enumerate(pts)}
    keys = sorted({numbers[one] for one, is_key in found if is_key} | {0})
    times = tuple(int((one - pts[0]) * base * SECOND) for one in pts)
    return Index(wide, high, times, tuple(keys), tuple(pts))


def _jpeg(frame: Any) -> bytes:
    out = io.BytesIO()
    frame.to_image().save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _key(path: Path) -> _Key:
    try:
        found = path.stat()
    except OSError as error:
        raise Undecodable(f"{path.name}: cannot be read ({error.strerror})") from None
    return str(path), found.st_size, found.st_mtime_ns


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", "") or error).split())[:120].lower()
