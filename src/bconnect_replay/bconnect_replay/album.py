"""The pictures of a bag: JPEG, raw or encoded, as pictures to look at or as packets to cut from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from bconnect_camera.core.annexb import FORMATS, begins
from bconnect_camera.core.pacing import Decimator
from bconnect_camera.core.types import SECOND, Packet, StreamInfo
from bconnect_replay.adapters import jpeg, video
from bconnect_replay.adapters.bag import BagReader
from bconnect_replay.adapters.bag_types import VIDEO
from bconnect_replay.core.reading import stamp_of
from bconnect_site import names

PRESSED, RAW = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/Image"
KINDS = (VIDEO, PRESSED, RAW)
JPEG = f"{names.IMAGE_RAW}/compressed"  # as image_transport names it
# Where a camera's pictures may be, the ones that say most first.
NAMES = (names.VIDEO, JPEG, names.IMAGE_RAW)
GROUP = 12 * SECOND  # ns: the longest group of pictures that is looked for
LATE = 2 * SECOND  # ns a picture may be recorded after its neighbours
QUALITY = 95
_TICKS = 90_000  # a second


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture as it lies in a bag. ``form``: h264, h265, or empty for a picture of its own."""

    stamp: int  # ns
    data: bytes
    form: str = ""

    @property
    def begins(self) -> bool:
        """Whether it can be seen without those before it."""
        return not self.form or begins(self.data, self.form)


def picture_topic(bag: BagReader, there: str, best: Sequence[str] = NAMES) -> str:
    """The topic of a camera's pictures below a namespace; empty: there is none."""
    for name in best:
        held = bag.topics.get(f"{there}/{name}")
        if held is not None and held.count and held.type in KINDS:
            return held.name
    return ""


def shots(
    bag: BagReader, topic: str, start: int | None = None, stop: int | None = None
) -> Iterator[Shot]:
    """The pictures recorded from ``start`` to before ``stop``, each once.

    Every file of a recording begins with the packets since the last key frame again. Raises
    ValueError: a picture is none, or carries no stamp.
    """
    once = _Once()
    for _, data, _ in bag.raw([topic], start, stop):
        shot = shot_of(bag, topic, data)
        if once.fresh(shot):
            yield shot


class _Once:
    """Knows the packets of the last group again."""

    def __init__(self) -> None:
        self._said: set[int] = set()  # stamps

    def fresh(self, shot: Shot) -> bool:
        """Whether a shot has not been seen."""
        if not shot.form:
            return True
        if shot.stamp in self._said:
            return False
        if shot.begins:
            self._said.clear()
        self._said.add(shot.stamp)
        return True


def shot_of(bag: BagReader, topic: str, data: bytes) -> Shot:
    """One message of a picture topic. Raises ValueError."""
    message = bag.decode(topic, data)
    kind = bag.topics[topic].type
    stamp = stamp_of(message.timestamp if kind == VIDEO else message.header.stamp)
    if not stamp:
        raise ValueError("a picture carries no stamp; nothing can be judged by it")
    if kind == VIDEO:
        if message.format not in FORMATS:
            raise ValueError(f'video of format "{message.format}" is not read')
        return Shot(stamp, bytes(message.data), message.format)
    if kind == PRESSED:
        return Shot(stamp, bytes(message.data))
    return Shot(stamp, jpeg.encode(_pixels(message), QUALITY))


def _pixels(message: Any) -> video.Image:
    from bconnect_node.images import from_image  # the one place that knows image messages

    return np.asarray(from_image(message).image, np.uint8)


class Pictures:
    """Shots of one camera into pictures of a size, at most ``rate`` Hz (0: every one)."""

    def __init__(self, size: tuple[int, int] | None = None, rate: float = 0.0) -> None:
        self._size, self._pace = size, Decimator(rate)
        self._decoder: video.Decoder | None = None
        self._form, self._once = "", _Once()

    def look(self, shot: Shot) -> Iterator[tuple[int, video.Image]]:
        """(stamp in ns, BGR picture) of what a shot completes. Raises ValueError."""
        if not shot.form:
            if self._pace.wants(shot.stamp):
                yield shot.stamp, self._fit(jpeg.decode(shot.data))
            return
        if self._decoder is None or self._form != shot.form:
            self._form, self._decoder = shot.form, video.Decoder(shot.form)
        if not self._once.fresh(shot):
            return
        yield from self._shown(self._decoder.feed(shot.data, shot.stamp))

    def rest(self) -> Iterator[tuple[int, video.Image]]:
        """What the decoder held back."""
        if self._decoder is not None:
            yield from self._shown(self._decoder.rest())

    def _shown(self, frames: list[tuple[int, Any]]) -> Iterator[tuple[int, video.Image]]:
        for stamp, frame in frames:
            if self._pace.wants(stamp):
                yield stamp, self._fit(video.bgr(frame))

    def _fit(self, image: video.Image) -> video.Image:
        return image if self._size is None else video.sized(image, self._size)


def groups(bag: BagReader, topic: str, start: int, end: int) -> list[list[Packet]]:
    """Groups of packets with what was seen between two moments [ns], as a camera's ring has them.

    Raises ValueError: a picture is none.
    """
    lag = _lag(bag, topic)
    found = shots(bag, topic, start - GROUP + lag, end + LATE + lag)
    runs = [[shot for _, shot in run] for _, run in groupby(_numbered(found), key=itemgetter(0))]
    runs = [run for run in runs if run[0].begins]
    # Pictures that are shown in another order than they come are decoded earlier than shown.
    early = max(
        (t - s.stamp for run in runs for s, t in zip(run, _sorted(run), strict=True)), default=0
    )
    made: list[list[Packet]] = []
    info, decoded = None, -early * _TICKS // SECOND
    for run in runs:
        info = _info(run[0], info)
        group = []
        for shot, moment in zip(run, _sorted(run), strict=True):
            decoded = max(decoded + 1, _ticks(moment - early))
            pts = max(decoded, _ticks(shot.stamp))
            group.append(Packet(info, shot.stamp, pts, decoded, shot.begins, shot.data))
        made.append(group)
    return made


def _sorted(run: list[Shot]) -> list[int]:
    return sorted(shot.stamp for shot in run)


def _ticks(stamp: int) -> int:
    return stamp * _TICKS // SECOND


def _numbered(found: Iterator[Shot]) -> Iterator[tuple[int, Shot]]:
    """Each shot with the number of its group."""
    number = 0
    for shot in found:
        number += shot.begins
        yield number, shot


def _lag(bag: BagReader, topic: str) -> int:
    """How much later than seen [ns] pictures were recorded, by the first one."""
    _, data, recorded = next(bag.raw([topic]))
    return recorded - shot_of(bag, topic, data).stamp


def _info(shot: Shot, before: StreamInfo | None) -> StreamInfo:
    """What the packets of a group belong to: the stream before, where it goes on."""
    if shot.form:
        width, height, sets, header = video.describe(shot.form, shot.data)
        codec = FORMATS[shot.form]
    else:
        codec, sets, header = "mjpeg", b"", b""
        height, width = jpeg.decode(shot.data).shape[:2] if before is None else (0, 0)
    if before is not None and (before.codec, before.extradata) == (codec, sets):
        return before
    session = 1 if before is None else before.session + 1
    base = Fraction(1, _TICKS)
    return StreamInfo(session, codec, width, height, base, sets, "from a bag", header)
