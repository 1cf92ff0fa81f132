"""One picture of a camera's source, as JPEG: a child of the pages, so that a stuck stream or a
broken file hurts nobody.

Reads `{"source": ...}` (JSON) from standard input: a source may hold a password, arguments can be
seen by everybody. Exit 0: the JPEG is on standard output; 2: a sentence is on standard error.
"""

import json
import sys
import time

import cv2

from bconnect_camera import sources
from bconnect_camera.core.address import parse
from bconnect_camera.core.types import Packet, Picture, SourceError

WIDEST = 1920  # px
QUALITY = 88
SKIPPED = 5  # pictures of a stream: the first after a join is often grey


def main() -> int:
    """Takes it."""
    asked = json.load(sys.stdin)
    try:
        data = take(str(asked["source"]))
    except SourceError as error:
        print(error, file=sys.stderr)
        return 2
    sys.stdout.buffer.write(data)
    return 0


def take(url: str) -> bytes:
    """JPEG. Raises SourceError."""
    address = parse(url)
    source = sources.make(
        address,
        clock=lambda: 0,
        steady=time.monotonic,
        wait=lambda _: False,  # files need not be read at their own pace
        loop=False,
        hardware=False,
        account="the source in the site file",
    )
    try:
        source.open()
        picture, size, seen = None, (0, 0), 0
        for item in source.read():
            if isinstance(item, Packet):
                size = item.info.width, item.info.height
                continue
            picture, seen = item, seen + 1
            if seen > SKIPPED:
                break
        if picture is None:
            raise SourceError(f"{address.shown}: found no picture that can be decoded")
        return _jpeg(picture, *size)
    finally:
        source.close()


def _jpeg(picture: Picture, width: int, height: int) -> bytes:
    if width > WIDEST:
        width, height = WIDEST, max(2, round(height * WIDEST / width))
    pixels = picture.bgr(width, height)
    good, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not good:
        raise SourceError("the picture cannot be written as JPEG")
    return bytes(data)


if __name__ == "__main__":
    sys.exit(main())
