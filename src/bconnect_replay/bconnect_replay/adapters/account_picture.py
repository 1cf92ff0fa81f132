"""The picture that shows a verdict again: scene, and below it speed, way and signal by time."""

from collections.abc import Callable
from math import isfinite, nan

import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_detect.adapters.drawing import draw
from bconnect_detect.core.sheet import SPEEDS, Sheet
from bconnect_replay.core.witnessing import Account, Look
from bconnect_site.kinds import SignalAspect

Image = NDArray[np.uint8]
Color = tuple[int, int, int]
Place = Callable[[float, float], tuple[int, int]]

WIDTH, HEIGHT = 1280, 720  # px of a scene without picture
CHART = 220  # px
LEFT, RIGHT, EDGE = 74, 18, 26  # px around a chart
GROUND, INK, FAINT, PAPER = (58, 54, 50), (40, 36, 32), (205, 200, 196), (250, 248, 246)
LINE, BAND, LIMIT = (176, 92, 28), (233, 212, 190), (48, 48, 205)
ASPECTS: dict[SignalAspect, Color] = {
    SignalAspect.RED: (48, 48, 205),
    SignalAspect.AMBER: (40, 170, 240),
    SignalAspect.GREEN: (90, 160, 60),
}
_KMH = 3.6


def picture(account: Account, sheet: Sheet, scene: Image | None) -> Image:
    """(h, w, 3) BGR. ``scene``: the camera's picture at the deciding moment, if the bag has it."""
    if scene is None:
        scene = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
        for x0, y0, x1, y1 in account.others:
            corners = (
                (round(x0 * WIDTH), round(y0 * HEIGHT)),
                (round(x1 * WIDTH), round(y1 * HEIGHT)),
            )
            cv2.rectangle(scene, *corners, FAINT, 1, cv2.LINE_AA)
    elif scene.shape[1] < WIDTH:
        size = (WIDTH, round(scene.shape[0] * WIDTH / scene.shape[1]))
        scene = np.asarray(cv2.resize(scene, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    drawn = draw(scene, sheet)
    width = drawn.shape[1]
    return np.vstack([drawn, _speed_chart(account, width), _way_chart(account, width)])


def png(image: Image) -> bytes:
    """The picture as a file."""
    done, data = cv2.imencode(".png", image)
    if not done:
        raise ValueError(f"a picture of shape {image.shape} cannot be written as PNG")
    return data.tobytes()


def _speed_chart(account: Account, width: int) -> Image:
    finding = account.finding
    times, speeds = _series(account, lambda look: look.speed * _KMH)
    measured = finding.type in SPEEDS
    limit = finding.limit * _KMH if measured else nan
    band = (finding.measured_low * _KMH, finding.measured_high * _KMH) if measured else (nan, nan)
    if not np.isfinite(speeds).any() and not isfinite(limit):
        return _blank(width, "Speed over the ground: not known, the camera is not calibrated")
    title = "Speed over the ground, km/h"
    if measured:
        title += f"   limit {limit:.0f}, measured {finding.measured * _KMH:.1f}"
        title += f" ({band[0]:.1f} to {band[1]:.1f} at 95 %)"
    top = np.nanmax([10.0, limit, band[1], *speeds]) * 1.15
    return _chart(account, width, title, times, speeds, float(top), limit, band)


def _way_chart(account: Account, width: int) -> Image:
    """Metres (or widths of the image) from where the finding began, and the signal below."""
    looks = account.looks
    if not looks:
        return _blank(width, "The track is not in the bag")
    placed = [look.position for look in looks if all(isfinite(v) for v in look.position)]
    known = len(placed) > 1
    start = placed[0] if known else _foot(looks[0].box)
    times, ways = _series(
        account,
        lambda look: float(
            np.hypot(*np.subtract(look.position if known else _foot(look.box), start))
        ),
    )
    what = "m" if known else "widths of the image"
    title = f"Way since it was first seen, {what}"
    title += "; the band below is the signal" if account.signal else ""
    top = float(np.nanmax([0.1, *ways])) * 1.15
    return _chart(account, width, title, times, ways, top, nan, (nan, nan), signal=True)


def _series(
    account: Account, value: Callable[[Look], float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    stamp = account.finding.stamp
    times = np.array([(look.stamp - stamp) / 1e9 for look in account.looks], np.float64)
    return times, np.array([value(look) for look in account.looks], np.float64)


def _foot(box: tuple[float, float, float, float]) -> tuple[float, float]:
    return ((box[0] + box[2]) / 2, box[3])


def _blank(width: int, text: str) -> Image:
    paper = np.full((CHART // 3, width, 3), PAPER, np.uint8)
    cv2.putText(paper, text, (LEFT, 42), cv2.FONT_HERSHEY_SIMPLEX, 0.6, INK, 1, cv2.LINE_AA)
    return paper


def _chart(
    account: Account,
    width: int,
    title: str,
    times: NDArray[np.float64],
    values: NDArray[np.float64],
    top: float,
    limit: float,
    band: tuple[float, float],
    signal: bool = False,
) -> Image:
    paper = np.full((CHART, width, 3), PAPER, np.uint8)
    low = min(-2.0, float(times.min()) if len(times) else -2.0)
    high = max(1.0, float(times.max()) if len(times) else 1.0)
    floor = CHART - EDGE - (16 if signal else 0)

    def at(time: float, value: float) -> tuple[int, int]:
        x = LEFT + (time - low) / (high - low) * (width - LEFT - RIGHT)
        return round(x), round(floor - value / top * (floor - EDGE - 6))

    def write(text: str, x: int, y: int, color: Color = INK) -> None:
        cv2.putText(paper, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, color, 1, cv2.LINE_AA)

    if all(isfinite(v) for v in band):
        begin = (account.finding.started - account.finding.stamp) / 1e9
        corners = (at(max(begin, low), band[1]), at(0.0, max(band[0], 0.0)))
        cv2.rectangle(paper, *corners, BAND, cv2.FILLED)
    for part in (0.0, 0.5, 1.0):
        value = part * top / 1.15
        cv2.line(paper, at(low, value), at(high, value), FAINT, 1)
        write(f"{value:.3g}", 12, at(low, value)[1] + 5)
    if isfinite(limit):
        cv2.line(paper, at(low, limit), at(high, limit), LIMIT, 1, cv2.LINE_AA)
    cv2.line(paper, at(0.0, 0.0), at(0.0, top), INK, 1)
    write("decided", min(at(0.0, 0.0)[0] + 4, width - 80), EDGE + 18)
    held = np.isfinite(values)
    points = np.array([at(t, v) for t, v in zip(times[held], values[held], strict=True)], np.int32)
    if len(points):
        cv2.polylines(paper, [points], False, LINE, 2, cv2.LINE_AA)
        for point in points:
            cv2.circle(paper, (int(point[0]), int(point[1])), 2, LINE, cv2.FILLED, cv2.LINE_AA)
    if signal:
        _signal_band(paper, account, at, low, high, floor)
    write(title, LEFT, 18)
    write(f"{low:.0f} s", LEFT, CHART - 6)
    write("0", at(0.0, 0.0)[0] - 4, CHART - 6)
    return paper


def _signal_band(
    paper: Image, account: Account, at: Place, low: float, high: float, floor: int
) -> None:
    stamp = account.finding.stamp
    changes = [((s.since - stamp) / 1e9, s.aspect) for s in account.signal]
    for n, (begin, aspect) in enumerate(changes):
        end = changes[n + 1][0] if n + 1 < len(changes) else high
        if end <= low or begin >= high:
            continue
        left, right = at(max(begin, low), 0.0)[0], at(min(end, high), 0.0)[0]
        color = ASPECTS.get(aspect, FAINT)
        cv2.rectangle(paper, (left, floor + 5), (right, floor + 15), color, cv2.FILLED)
