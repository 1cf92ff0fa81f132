"""The pictures of a bag: JPEG, raw or encoded, to look at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bconnect_camera.core.annexb import FORMATS, begins
from bconnect_camera.core.pacing import Decimator
from bconnect_camera.core.types import SECOND
from bconnect_replay.adapters import jpeg, video
from bconnect_replay.adapters.bag import BagError, BagReader
from bconnect_replay.adapters.bag_types import VIDEO
from bconnect_replay.core.reading import stamp_of
from bconnect_site import names
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.model import Site

PRESSED, RAW = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/Image"
KINDS = (VIDEO, PRESSED, RAW)
JPEG = f"{names.IMAGE_RAW}/compressed"  # as image_transport names it
# Where a camera's pictures may be, the ones that say most first.
NAMES = (names.VIDEO, JPEG, names.IMAGE_RAW)
GROUP = 12 * SECOND  # ns: the longest group of pictures that is looked for
LATE = 2 * SECOND  # ns a picture may be recorded after its neighbours
QUALITY = 95


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


def given_topics(site: Site, bag: BagReader, image_topics: list[str]) -> dict[str, str]:
    """The picture topics somebody names, by camera. Raises ConfigError."""
    given: dict[str, str] = {}
    for text in image_topics:
        camera, equals, topic = text.partition("=")
        if not equals:
            raise ConfigError(f'image topic: found "{text}", needs camera=/topic')
        if camera not in site.cameras:
            raise ConfigError(
                f'image topic: no camera is called "{camera}"{suggest(camera, site.cameras)}'
            )
        held = bag.topics.get(topic)
        if held is None or held.type not in KINDS:
            pictures = [t.name for t in bag.topics.values() if t.type in KINDS]
            raise BagError(
                f'{bag.folder}: no image topic "{topic}"; found: {", ".join(pictures) or "none"}'
            )
        given[camera] = topic
    return given


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
    """Shots of one camera into pictures of a size, at most ``rate`` Hz (0: every one).

    near: only those seen between two moments [ns].
    """

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        rate: float = 0.0,
        near: tuple[int, int] | None = None,
    ) -> None:
        self._size, self._pace, self._near = size, Decimator(rate), near
        self._decoder: video.Decoder | None = None
        self._form, self._once = "", _Once()

    def look(self, shot: Shot) -> Iterator[tuple[int, video.Image]]:
        """(stamp in ns, BGR picture) of what a shot completes. Raises ValueError."""
        if not shot.form:
            if self._wants(shot.stamp):
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
            if self._wants(stamp):
                yield stamp, self._fit(video.bgr(frame))

    def _wants(self, stamp: int) -> bool:
        if self._near is not None and not self._near[0] <= stamp <= self._near[1]:
            return False
        return self._pace.wants(stamp)

    def _fit(self, image: video.Image) -> video.Image:
        return image if self._size is None else video.sized(image, self._size)


def lag_of(bag: BagReader, topic: str) -> int:
    """How much later than seen [ns] pictures were recorded, by the first one."""
    _, data, recorded = next(bag.raw([topic]))
    return recorded - shot_of(bag, topic, data).stamp


def around(bag: BagReader, topic: str, moment: int) -> Iterator[tuple[int, video.Image]]:
    """(stamp, full picture) of what was seen within a second of a moment [ns]; see ``seen``."""
    lag = lag_of(bag, topic)
    start, stop = moment - GROUP + lag, moment + LATE + lag
    pictures = Pictures(near=(moment - SECOND, moment + SECOND))
    yield from _looked(bag, topic, shots(bag, topic, start, stop), pictures)


def seen(
    bag: BagReader, topic: str, size: tuple[int, int], rate: float
) -> Iterator[tuple[int, video.Image]]:
    """(stamp in ns, BGR picture) of a picture topic, at most ``rate`` Hz.

    Raises BagError: a picture is none, or carries no stamp.
    """
    yield from _looked(bag, topic, shots(bag, topic), Pictures(size, rate))


def _looked(
    bag: BagReader, topic: str, found: Iterator[Shot], pictures: Pictures
) -> Iterator[tuple[int, video.Image]]:
    try:
        for shot in found:
            yield from pictures.look(shot)
        yield from pictures.rest()
    except ConfigError:
        raise
    except ValueError as error:
        raise BagError(f"{bag.folder}: {topic}: {error}") from None
