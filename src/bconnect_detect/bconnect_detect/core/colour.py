"""The colour of a vehicle's body, from the pixels of its box. In doubt it is unknown.

Only vehicles on four wheels: of a motorcycle a camera sees the rider's clothes. Windows, tyres
and shadows are dark on every vehicle, so black needs most of the body, a colour only a part.
At night lamps paint everything; a camera's infrared picture has no colours at all.

       +--------------+
       |   windows    |        a grid of points over the middle of the box,
       |##############|        each point votes for one colour
       |##############|
       +-o----------o-+
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.memory import Memory
from bconnect_detect.core.types import SECOND, Floats, Tracks
from bconnect_site.kinds import Colour, RoadUserKind

_FOUR_WHEELS = (RoadUserKind.CAR, RoadUserKind.MINIBUS, RoadUserKind.BUS, RoadUserKind.TRUCK)
_HAS_BODY = np.isin(np.arange(256), _FOUR_WHEELS)
_COLOURS = len(Colour)
_X = np.linspace(0.18, 0.82, 10, dtype=np.float32)  # shares of the box
_Y = np.linspace(0.42, 0.80, 6, dtype=np.float32)  # below the windows
# Hues [degrees, -60 to 300] where one colour ends and the next begins.
_HUE_ENDS = np.array([-25.0, 8.0, 33.0, 68.0, 170.0, 262.0])
_HUES = np.array(
    [
        Colour.UNKNOWN,
        Colour.RED,
        Colour.ORANGE,
        Colour.YELLOW,
        Colour.GREEN,
        Colour.BLUE,
        Colour.UNKNOWN,
    ],
    np.uint8,
)
_CHROMATIC = np.isin(
    np.arange(_COLOURS),
    [Colour.RED, Colour.ORANGE, Colour.YELLOW, Colour.GREEN, Colour.BLUE, Colour.BROWN],
)


@dataclass(frozen=True, slots=True)
class ColourSettings:
    """When a colour is believed. Brightness is 0 to 255, of points 0 to 1: 1 is that of the
    image's mean."""

    height: float = 20.0  # pixels of the box, at least
    day: float = 80.0  # mean brightness of the image, at least
    alive: float = 4.0  # mean difference of the channels below which a picture has no colour
    dark: float = 0.36  # brightest channel below which a point is black ...
    deep: float = 0.5  # ... unless its saturation is that high
    night: float = 0.15  # ... and it is not darker than that
    white: float = 1.18  # darkest channel from which a point is white
    grey: tuple[float, float] = (0.55, 1.05)  # brightest channel of a grey point
    pale: float = 0.28  # saturation below which a point has no hue
    pale_blue: float = 0.45  # likewise for blue: glass and shadows reflect the sky
    brown: float = 0.75  # brightest channel below which orange is brown
    hue: float = 0.34  # share of the points for a hue
    lead: float = 1.8  # times the next hue
    black: float = 0.66  # share for black
    plain: float = 0.5  # share of the points that are not dark, for white and grey


def brightness(image: NDArray[np.uint8], settings: ColourSettings | None = None) -> float:
    """Mean brightness of an image (h, w, 3); 0 where its colours cannot be believed."""
    s = settings or ColourSettings()
    few = np.moveaxis(image[::24, ::24], -1, 0).astype(np.int16)
    mean = float(few.mean())
    spread = np.maximum(np.maximum(*few[:2]), few[2]) - np.minimum(np.minimum(*few[:2]), few[2])
    return mean if mean >= s.day and spread.mean() >= s.alive else 0.0


def body_colours(
    image: NDArray[np.uint8],
    boxes: Floats,
    kinds: NDArray[np.uint8],
    settings: ColourSettings | None = None,
) -> NDArray[np.uint8]:
    """A Colour for each box (n, 4) in a BGR image (h, w, 3)."""
    s = settings or ColourSettings()
    found = np.zeros(len(kinds), np.uint8)
    rows = np.flatnonzero(_HAS_BODY[kinds] & (boxes[:, 3] - boxes[:, 1] >= s.height))
    if len(rows) and (usual := brightness(image, s)):
        points = _points(image, boxes[rows])
        points /= np.float32(usual)
        found[rows] = _judge(_votes(points, s), s)
    return found


def _points(image: NDArray[np.uint8], boxes: Floats) -> NDArray[np.float32]:
    """(n, points, 3) pixels of the middle of each box."""
    height, width = image.shape[:2]
    low, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    x = low[:, :1] + size[:, :1] * _X
    y = low[:, 1:] + size[:, 1:] * _Y
    columns = np.clip(x, 0, width - 1).astype(np.intp)
    lines = np.clip(y, 0, height - 1).astype(np.intp)
    pixels = image[lines[:, :, None], columns[:, None, :]]
    return pixels.reshape(len(boxes), -1, 3).astype(np.float32)


def _votes(points: NDArray[np.float32], s: ColourSettings) -> NDArray[np.float32]:
    """Share of points (n, colours) for each colour; of UNKNOWN for none."""
    blue, green, red = np.ascontiguousarray(np.moveaxis(points, -1, 0))
    high = np.maximum(np.maximum(blue, green), red)
    low = np.minimum(np.minimum(blue, green), red)
    span = np.maximum(high - low, 1e-6)
    hue = np.where(high == green, 120.0 + 60.0 * (blue - red) / span, 0.0)
    hue = np.where(high == blue, 240.0 + 60.0 * (red - green) / span, hue)
    hue = np.where(high == red, 60.0 * (green - blue) / span, hue)
    said = _HUES[np.searchsorted(_HUE_ENDS, hue, side="right")]
    said[(said == Colour.ORANGE) & (high < s.brown)] = Colour.BROWN
    depth = span / np.maximum(high, 1e-6)
    pale = depth < np.where(said == Colour.BLUE, s.pale_blue, s.pale)
    said[pale] = Colour.UNKNOWN
    said[pale & (high >= s.grey[0]) & (high <= s.grey[1])] = Colour.GREY
    said[pale & (low >= s.white)] = Colour.WHITE
    said[(high < s.dark) & ((depth < s.deep) | (high < s.night))] = Colour.BLACK
    count = len(points)
    flat = said + _COLOURS * np.arange(count)[:, None]
    votes = np.bincount(flat.ravel(), minlength=_COLOURS * count).reshape(count, _COLOURS)
    return (votes / points.shape[1]).astype(np.float32)


def _judge(votes: NDArray[np.float32], s: ColourSettings) -> NDArray[np.uint8]:
    hues = np.where(_CHROMATIC, votes, 0.0)
    first = hues.argmax(axis=1)
    rows = np.arange(len(votes))
    most = hues[rows, first]
    hues[rows, first] = 0.0
    found = np.where((most >= s.hue) & (most >= s.lead * hues.max(axis=1)), first, 0)
    white, grey = votes[:, Colour.WHITE], votes[:, Colour.GREY]
    light = 1.0 - votes[:, Colour.BLACK]
    dull = (found == 0) & (most < s.hue)
    found = np.where(dull & (grey >= s.plain * light) & (grey > 2.0 * white), Colour.GREY, found)
    found = np.where(dull & (white >= s.plain * light), Colour.WHITE, found)
    found = np.where(votes[:, Colour.BLACK] >= s.black, Colour.BLACK, found)
    return found.astype(np.uint8)


def coloured(tracks: Tracks, image: NDArray[np.uint8]) -> Tracks:
    """The same road users with the colours their image (h, w, 3), BGR, shows."""
    return replace(tracks, colour=body_colours(image, tracks.boxes, tracks.kind))


@dataclass(frozen=True, slots=True)
class VoteSettings:
    """When the looks at one road user agree."""

    looks: float = 3.0  # that saw a colour, at least
    share: float = 0.7  # of them that saw the same one
    fade: float = 0.98  # per look: about the last 50 looks vote
    forget: float = 30.0  # s


class ColourVotes:
    """What colour each track has mostly been; UNKNOWN until enough looks agree."""

    def __init__(self, settings: VoteSettings | None = None) -> None:
        self.settings = settings or VoteSettings()
        forget = int(self.settings.forget * SECOND)
        self._votes: Memory[NDArray[np.float64]] = Memory(lambda: np.zeros(_COLOURS), forget)

    def clear(self) -> None:
        """A new scene."""
        self._votes.clear()

    def __len__(self) -> int:
        return len(self._votes)

    def settle(self, tracks: Tracks) -> Tracks:
        """Each row with the colour of its track."""
        s = self.settings
        self._votes.expire(tracks.stamp)
        if tracks.colour is None and not len(self._votes):
            return tracks
        if not len(tracks):
            return tracks.changed(colour=None)
        known = [self._votes.touch(i, tracks.stamp) for i in tracks.track_id.tolist()]
        votes = np.array(known)
        if tracks.colour is not None:
            for row in np.flatnonzero(tracks.colour).tolist():
                votes[row] *= s.fade
                votes[row, tracks.colour[row]] += 1.0
                known[row][:] = votes[row]
        total, best, most = votes.sum(axis=1), votes.argmax(axis=1), votes.max(axis=1)
        agreed = (total > s.looks - 0.5) & (most >= s.share * total)
        found = np.where(agreed, best, 0).astype(np.uint8)
        return tracks.changed(colour=found if found.any() else None)
