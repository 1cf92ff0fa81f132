"""Fits an image-to-ground homography to marked points, and says how good it is.

Normalised direct linear transform, refined so that residuals on the ground are least. How good
it is comes from leaving one point out at a time: where the others put it against where it was
surveyed. Errors of marking grow with distance, so a far point may lie further off by right.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bconnect_site.errors import ConfigError

Vector = NDArray[np.float64]

FEWEST, MOST = 4, 200
_FLAT = 0.02  # of the points' spread: thinner than that they lie on one line
_MARK = 1.0 / 1280  # of the image's width, how well a point is marked
_HALVES = 0.35  # a swap must bring the worst residual below that share
_POOR = 0.05  # of the points' spread on the ground: worse, and something is wrong


@dataclass(frozen=True, slots=True)
class Fitted:
    """A homography, fractions of the (pinhole's) image to m, and its residuals."""

    homography: Vector  # (3, 3)
    residuals: Vector  # (n,) m, from each point to where the fit puts it
    left_out: Vector  # (n,) m, likewise by the others alone; NaN where they do not suffice
    stddev: float  # m, of a place within the points


def fit(image: Vector, ground: Vector, names: list[str] | None = None) -> Fitted:
    """Through points (n, 2) of the image, fractions, and (n, 2) of the ground, m.

    Raises ConfigError: too few points, one outside the image, one twice, points on one line,
    two that seem swapped, points that no plane fits.
    """
    image = np.asarray(image, np.float64).reshape(-1, 2)
    ground = np.asarray(ground, np.float64).reshape(-1, 2)
    names = names or [f"points[{i}]" for i in range(len(image))]
    _refuse(image, ground, names)
    matrix = _refined(image, ground)
    residuals = _residuals(matrix, image, ground)
    if not np.isfinite(residuals).all() or residuals.max() > _POOR * _size(ground):
        raise ConfigError(_why(image, ground, names, residuals))
    if mirrored(matrix):
        raise ConfigError(
            "points: turn the other way round on the ground than in the image; a place is "
            "[east, north], latitude comes before longitude"
        )
    left_out = _left_out(image, ground)
    return Fitted(matrix, residuals, left_out, _stddev(matrix, image, residuals, left_out))


def apply(matrix: Vector, points: Vector) -> Vector:
    """Points (n, 2) through a homography; NaN on the far side of its vanishing line."""
    made = np.column_stack((points, np.ones(len(points)))) @ matrix.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(made[:, :2] / np.where(made[:, 2:] > 0, made[:, 2:], np.nan))


def mirrored(matrix: Vector) -> bool:
    """Whether it shows the ground as from below: axes or points were exchanged as a whole."""
    # x right and y down in the image, east and north on the ground: seen from above they turn
    # opposite ways, whatever the camera's heading.
    return bool(np.linalg.det(matrix) > 0)


def _refuse(image: Vector, ground: Vector, names: list[str]) -> None:
    if not FEWEST <= len(image) <= MOST:
        raise ConfigError(f"points: found {len(image)}, needs at least {FEWEST} and at most {MOST}")
    wrong = []
    for index, name in enumerate(names):
        x, y = image[index]
        if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
            wrong.append(f"{name}.image: lies outside the image, at ({x:.4f}, {y:.4f} of its size)")
        if not np.isfinite(ground[index]).all():
            wrong.append(f"{name}.ground: is no place")
    if wrong:
        raise ConfigError(*wrong)
    for one, other in combinations(range(len(names)), 2):
        for what, points in (("image", image), ("ground", ground)):
            if np.allclose(points[one], points[other], rtol=0.0, atol=1e-9):
                wrong.append(f"{names[other]}.{what}: is the same place as {names[one]}.{what}")
    if wrong:
        raise ConfigError(*wrong)
    for what, points in (("image", image), ("ground", ground)):
        if (flat := _on_a_line(points)) is not None:
            raise ConfigError(
                f"points: {flat} lie on one line {_IN[what]}; a plane needs four of which no "
                "three are in line"
            )


_IN = {"image": "in the image", "ground": "on the ground"}


def _on_a_line(points: Vector) -> str | None:
    """Which points spoil the fit by lying in line; None: they span a plane."""
    size = _size(points)
    if _thin(points) < _FLAT * size:
        return "all"
    # Four points of which three are in line leave one direction undecided.
    for left in range(len(points)):
        if _thin(np.delete(points, left, axis=0)) < _FLAT / 4 * size:
            return f"all but number {left + 1}"
    return None


def _thin(points: Vector) -> float:
    return (
        float(np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[1]) / len(points) ** 0.5
    )


def _size(points: Vector) -> float:
    return float(np.linalg.norm(np.ptp(points, axis=0)))


def _normal(points: Vector) -> Vector:
    """Moves points to their middle and scales them to a mean distance of 1.41."""
    middle = points.mean(axis=0)
    scale = np.sqrt(2) / max(float(np.linalg.norm(points - middle, axis=1).mean()), 1e-12)
    return np.array(((scale, 0, -scale * middle[0]), (0, scale, -scale * middle[1]), (0, 0, 1.0)))


def _direct(image: Vector, ground: Vector, weights: Vector) -> Vector:
    """Direct linear transform, weights (n,) of the equations."""
    a, b = _normal(image), _normal(ground)
    p, q = apply(a, image), apply(b, ground)
    ones, zeros = np.ones(len(p)), np.zeros(len(p))
    whole = np.column_stack((p, ones))
    nothing = np.column_stack((zeros, zeros, zeros))
    rows = np.vstack(
        (
            np.hstack((whole, nothing, -q[:, :1] * whole)) * weights[:, None],
            np.hstack((nothing, whole, -q[:, 1:] * whole)) * weights[:, None],
        )
    )
    made = np.linalg.svd(rows)[2][-1].reshape(3, 3)
    matrix = np.linalg.inv(b) @ made @ a
    matrix = matrix / np.abs(matrix).max()
    side = np.column_stack((image, ones)) @ matrix[2]
    return np.asarray(matrix * (np.sign(np.median(side)) or 1.0), np.float64)


def _refined(image: Vector, ground: Vector) -> Vector:
    """Least residuals in what marking explains: near points count more than far ones."""
    weights = np.ones(len(image))
    matrix = _direct(image, ground, weights)
    for _ in range(8):
        side = np.column_stack((image, np.ones(len(image)))) @ matrix[2]
        spread = marking(matrix, image)
        if not (np.isfinite(spread).all() and (side > 0).all()):
            break
        # The linear residual is the ground's times the weight of the point's third coordinate.
        weights = 1.0 / (side * np.hypot(spread, 0.03 * np.median(spread)))
        weights = weights / weights.max()
        matrix = _direct(image, ground, weights)
    return matrix


def marking(matrix: Vector, image: Vector) -> Vector:
    """m by which a place (n, 2) of the image is off, marked as well as people mark."""
    steps = np.array(((_MARK, 0.0), (0.0, _MARK)))
    moved = [apply(matrix, image + s) - apply(matrix, image - s) for s in steps]
    return np.asarray(np.sqrt(sum((m**2).sum(axis=1) for m in moved)) / 2, np.float64)


def _residuals(matrix: Vector, image: Vector, ground: Vector) -> Vector:
    return np.asarray(np.hypot(*(apply(matrix, image) - ground).T), np.float64)


def _left_out(image: Vector, ground: Vector) -> Vector:
    """m from each point to where the others put it; NaN where they are too few or in line."""
    made = np.full(len(image), np.nan)
    if len(image) <= FEWEST:
        return made
    for index in range(len(image)):
        others = np.delete(image, index, axis=0), np.delete(ground, index, axis=0)
        if _on_a_line(others[0]) is None and _on_a_line(others[1]) is None:
            matrix = _refined(*others)
            made[index] = _residuals(matrix, image[index, None], ground[index, None])[0]
    return made


def _stddev(matrix: Vector, image: Vector, residuals: Vector, left_out: Vector) -> float:
    """m: what leaving out says, but never better than people mark or than the fit leaves."""
    freedom = max(2 * len(image) - 8, 1)
    fitted = float(np.sqrt((residuals**2).sum() / freedom))
    marked = float(np.median(marking(matrix, image)))
    known = left_out[np.isfinite(left_out)]
    out = float(np.sqrt((known**2).mean() / 2)) if len(known) else 2 * marked  # unchecked
    return max(fitted, out, marked)


def _why(image: Vector, ground: Vector, names: list[str], residuals: Vector) -> str:
    """A sentence on points that no plane fits: two that are swapped, else the one that is off."""
    worst = float(residuals.max()) if np.isfinite(residuals).all() else np.inf
    limit = _POOR * _size(ground)
    swaps = []
    for one, other in combinations(range(len(names)), 2):
        swapped = ground.copy()
        swapped[[one, other]] = ground[[other, one]]
        left = _worst(image, swapped)
        if left < min(_HALVES * worst, limit):
            swaps.append((left, one, other))
    if len(swaps) > 1 and len(names) == FEWEST:
        return (
            "points: do not go round in the same order in the image and on the ground; two of "
            f"{', '.join(names)} seem to be swapped"
        )
    if swaps:
        left, one, other = min(swaps)
        return (
            f"{names[one]} and {names[other]}: seem to be swapped: exchanged, no point lies more "
            f"than {left:.2f} m off, as they stand {_metres(worst)}"
        )
    off = _odd_one(image, ground, residuals)
    return (
        f"{names[off]}: lies {_metres(float(residuals[off]))} from where the points together put "
        f"it; at most {limit:.2f} m are allowed; mark it anew or leave it out"
    )


def _odd_one(image: Vector, ground: Vector, residuals: Vector) -> int:
    """The point without which the others fit best."""
    if len(image) <= FEWEST + 1:
        return int(np.argmax(np.where(np.isfinite(residuals), residuals, np.inf)))
    left = [
        _worst(np.delete(image, i, axis=0), np.delete(ground, i, axis=0)) for i in range(len(image))
    ]
    return int(np.argmin(left))


def _worst(image: Vector, ground: Vector) -> float:
    """m, of a fit's largest residual; inf: a point lies beyond its horizon, or it is mirrored."""
    matrix = _refined(image, ground)
    left = _residuals(matrix, image, ground)
    good = np.isfinite(left).all() and not mirrored(matrix)
    return float(left.max()) if good else float("inf")


def _metres(value: float) -> str:
    return f"{value:.2f} m" if np.isfinite(value) else "beyond the horizon"


def hull(points: Vector, margin: float) -> Vector:
    """Convex hull of points (n, 2) in fractions, grown by a margin about its middle, within the
    image."""
    order = sorted(map(tuple, np.asarray(points, np.float64).tolist()))
    half: list[list[tuple[float, float]]] = []
    for run in (order, order[::-1]):
        chain: list[tuple[float, float]] = []
        for point in run:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        half.append(chain[:-1])
    corners = np.array(half[0] + half[1])
    middle = corners.mean(axis=0)
    grown = np.clip(middle + (corners - middle) * (1 + margin), 0.0, 1.0)
    keep = np.abs(np.diff(grown, axis=0, append=grown[:1])).max(axis=1) > 1e-4
    return np.asarray(grown[keep], np.float64)


def _turn(o: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
