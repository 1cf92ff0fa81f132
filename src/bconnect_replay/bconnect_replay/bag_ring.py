"""The pictures of a bag as a camera's ring holds them: evidence is cut from them alike."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby
from operator import itemgetter

from bconnect_camera.core.annexb import FORMATS
from bconnect_camera.core.types import SECOND, Packet, StreamInfo
from bconnect_replay.adapters import jpeg, video
from bconnect_replay.adapters.bag import BagReader
from bconnect_replay.album import GROUP, LATE, Shot, lag_of, shots

_TICKS = 90_000  # a second


def groups(bag: BagReader, topic: str, start: int, end: int) -> list[list[Packet]]:
    """Groups of packets with what was seen between two moments [ns], as a camera's ring has them.

    Raises ValueError: a picture is none.
    """
    lag = lag_of(bag, topic)
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
