"""The ground from number plates of known size, seen on vehicles that drove by.

How large a plate looks says how far away it is; several, near and far, say how the camera is
tilted and how high it hangs above them. Asked for: corners of at least two plates, the field of
view, and better the camera's height as well: only it tells a wrong plate size from a wrong scale.

        ____                      . . . . . . . . . . .   what a plate's size says must
      _/    \\_    [KT 1234 AB]                            agree with where it stands on
     |_o____o_|        ^ 4 corners, clockwise from        one level road
                         the upper left one
Assumed: square pixels, the principal point in the middle, an upright camera (no roll), a level
road, upright plates. Sizes [m]: 0.395 x 0.135 for cars and larger, 0.250 x 0.105 for motorcycles
(PP 44/1993, repealed, and still what the Korlantas publishes). Longer ones have been issued since
2011, so a size by kind is taken as known to 5 %; a measured one to 1 %. How high plates hang is an
assumption. Everything unknown goes into the stated standard deviation, but a field of view that
is plainly wrong cannot be noticed: another lens farther away sees the same plates.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.calibrating import apply
from bconnect_site.errors import ConfigError

Vector = NDArray[np.float64]

SIZES = {"car": (0.395, 0.135), "motorcycle": (0.250, 0.105)}  # m, length and height
HANGS = {"car": 0.55, "motorcycle": 0.60}  # m, the middle above the road: assumed
FEWEST = 2
MOST_DOUBT = 0.10  # share of a place's distance: worse, and nothing is written
_SIZE_DOUBT, _MEASURED = 0.05, 0.01  # shares
_HANGS_DOUBT, _HEIGHT_DOUBT = 0.12, 0.05  # m
_VIEW_DOUBT = 0.03  # share of the focal length
_TURNED = 0.6  # rad, plates are turned off the camera's axis by so much, at random
_MARK = 1.0 / 1280  # image widths, how well a corner is marked
_OFF = 5.0  # marking errors a corner may lie off, root mean square of a plate's
_APART = 0.25  # share of its distance by which a plate may lie off
_NEARER = 1.3  # times nearer one looks than another that is lower down in the image
_PULLED = 3.0  # standard deviations by which what was given may turn out different
_SHARED = 4  # unknowns of the camera: tilt, height, focal length, size


@dataclass(frozen=True, slots=True)
class Plate:
    """corners: (4, 2) fractions, clockwise from the upper left; size [m]: length, height."""

    corners: Vector
    size: tuple[float, float]
    hangs: float  # m, its middle above the road


@dataclass(frozen=True, slots=True)
class Plates:
    """focal: image widths; tall: image height over width; height: m, of the camera if measured;
    measured: sizes were, too."""

    plates: tuple[Plate, ...]
    focal: float
    tall: float
    height: float | None = None
    measured: bool = False


@dataclass(frozen=True, slots=True)
class FittedPlates:
    """A homography to metres ahead of and left of the camera's foot, and how good it is."""

    homography: Vector
    image: Vector  # (2n, 2) fractions, the ground below each plate's left and right end
    ground: Vector  # (2n, 2) m
    residuals: Vector  # (2n,) m, from there to where the plate's own size puts it
    stddev: float  # m, of a place there
    doubt: float  # share of its distance
    height: float  # m


def fit_plates(given: Plates) -> FittedPlates:
    """The ground plane. Raises ConfigError: too few or impossible plates, or too much doubt."""
    plates = given.plates
    _refuse(plates)
    seen = np.stack([(p.corners - 0.5) * (1.0, given.tall) for p in plates])
    _order(given, seen)
    state, spread = _best(given, seen)
    _check_height(given, seen)
    _check(given, seen, state)
    matrix = _matrix(given, state)
    ground = _feet(plates, state)
    image = apply(np.asarray(np.linalg.inv(matrix), np.float64), ground)
    alone = [_alone(given, seen, state, k) for k in range(len(plates))]
    residuals = np.repeat(
        [float(np.hypot(*(a - _middle(state, k)))) for k, a in enumerate(alone)], 2
    )
    far = np.asarray(np.hypot(*ground.T), np.float64)
    worst = int(np.argmax(residuals / far)) // 2
    if residuals[2 * worst] > _APART * far[2 * worst]:
        raise ConfigError(
            f"plates.seen[{worst}]: lies {residuals[2 * worst]:.1f} m from where its size puts it; "
            f"{_MISTAKEN}"
        )
    off = _place_doubt(given, state, spread, image)
    fitted = float(np.sqrt((residuals**2).sum() / max(2 * len(residuals) - 4, 1)))
    stddev = max(float(np.sqrt((off**2).mean() / 2)), fitted / np.sqrt(2))
    doubt = float(np.max(off / far))
    if doubt > MOST_DOUBT:
        raise ConfigError(
            f"plates: a place would be known to {100 * doubt:.0f} % of its distance only, at most "
            f"{100 * MOST_DOUBT:.0f} % are allowed; mark more plates, near and far, measure the "
            "camera's height, or survey points"
        )
    return FittedPlates(matrix, image, ground, residuals, float(stddev), doubt, float(state[1]))


def _refuse(plates: tuple[Plate, ...]) -> None:
    if len(plates) < FEWEST:
        raise ConfigError(
            f"plates.seen: found {len(plates)}; one plate alone says too little about the scale; "
            "mark two or more, near and far"
        )
    wrong = []
    for index, plate in enumerate(plates):
        name, c = f"plates.seen[{index}]", plate.corners
        if not ((c >= 0.0) & (c <= 1.0)).all():
            wrong.append(f"{name}.corners: lie outside the image")
            continue
        (ul, ur, lr, ll) = c
        if not (ul[0] < ur[0] and ll[0] < lr[0] and ul[1] < ll[1] and ur[1] < lr[1]):
            wrong.append(
                f"{name}.corners: must go clockwise from the upper left one; are two swapped?"
            )
        elif min(np.hypot(*(ur - ul)), np.hypot(*(lr - ll))) < 8 * _MARK:
            wrong.append(f"{name}.corners: a plate less than 8 of 1280 pixels long says nothing")
    if wrong:
        raise ConfigError(*wrong)


# The state: tilt [rad, down], the camera's height [m], log of the focal length, log of the size,
# then per plate: m ahead, m to the left, how it is turned [rad], how high it hangs [m].


def _start(given: Plates, seen: Vector, side: int) -> Vector:
    """A first guess from the plates' lengths (side 0) or heights (1) in the image."""
    rays = np.column_stack((seen.mean(axis=1), np.full(len(seen), given.focal)))
    places = rays * _distances(given.plates, seen)[:, side, None]
    hangs = np.array([p.hangs for p in given.plates])
    best, found = np.inf, np.zeros(2)
    for tilt in np.radians(np.linspace(-5.0, 60.0, 131)):
        heights = places @ _axes(tilt)[2] + hangs
        height = float(heights.mean()) if given.height is None else given.height
        miss = float(((heights - height) ** 2).sum())
        if height > 1.0 and miss < best:
            best, found = miss, np.array((tilt, height))
    if not np.isfinite(best):
        raise ConfigError(_SKY)
    local = places @ _axes(found[0]).T
    own = np.column_stack((local[:, :2], np.zeros(len(local)), hangs))
    return np.concatenate((found, (np.log(given.focal), 0.0), own.ravel()))


def _distances(plates: tuple[Plate, ...], seen: Vector) -> Vector:
    """How far away plates look by their lengths and heights, (n, 2), in m per image width."""
    upper, lower = seen[:, 1] - seen[:, 0], seen[:, 2] - seen[:, 3]
    left, right = seen[:, 3] - seen[:, 0], seen[:, 2] - seen[:, 1]
    sides = np.stack([np.linalg.norm(upper + lower, axis=1), np.linalg.norm(left + right, axis=1)])
    return np.asarray(np.array([p.size for p in plates]) / np.maximum(sides.T / 2, _MARK))


def _order(given: Plates, seen: Vector) -> None:
    """On a road below, who is higher up in the image is farther away."""
    far = _distances(given.plates, seen)[:, 0]
    y = seen[:, :, 1].mean(axis=1)
    wrong = (y[:, None] < y[None, :]) & (far[:, None] * _NEARER < far[None, :])
    if not wrong.any():
        return
    blame = wrong.sum(axis=0) + wrong.sum(axis=1)
    index = int(blame.argmax())
    raise ConfigError(
        f"plates.seen[{index}]: is not as far away as its place in the image says; is it in the "
        f"sky? {_MISTAKEN}"
    )


_SKY = (
    "plates: do not stand on one road below the camera; is one of them in the sky, are corners or "
    "kinds mistaken, or is the field of view another one?"
)


def _axes(tilt: float) -> Vector:
    """Rows ahead, left, down in the camera's x right, y down, z forward."""
    c, s = np.cos(tilt), np.sin(tilt)
    return np.array(((0.0, -s, c), (-1.0, 0.0, 0.0), (0.0, c, s)))


def _seen(given: Plates, state: Vector) -> Vector:
    """Where corners should be, (n, 4, 2) image widths from the middle."""
    tilt, height, focal, scale = state[:_SHARED]
    own = state[_SHARED:].reshape(-1, 4)
    half = np.exp(scale) / 2 * np.array([p.size for p in given.plates])
    right = np.column_stack((np.sin(own[:, 2]), -np.cos(own[:, 2])))  # ahead, left
    signs = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1)), np.float64)  # right, down
    local = np.empty((len(own), 4, 3))
    local[:, :, :2] = own[:, None, :2] + signs[None, :, :1] * (half[:, :1] * right)[:, None, :]
    local[:, :, 2] = (height - own[:, 3])[:, None] + signs[None, :, 1] * half[:, 1:]
    at = local @ _axes(float(tilt))
    depth = np.maximum(at[:, :, 2:], 0.1)
    return np.asarray(np.exp(focal) * at[:, :, :2] / depth)


def _misses(given: Plates, seen: Vector, state: Vector, free: int | None = None) -> Vector:
    """Everything that should be 0, in its own standard deviations; ``free``: this plate may hang
    anywhere."""
    own = state[_SHARED:].reshape(-1, 4)
    hangs = (own[:, 3] - [p.hangs for p in given.plates]) / _HANGS_DOUBT
    if free is not None:
        hangs[free] *= 1e-3
    height = 0.0 if given.height is None else (state[1] - given.height) / _HEIGHT_DOUBT
    size = state[3] / (_MEASURED if given.measured else _SIZE_DOUBT)
    view = (state[2] - np.log(given.focal)) / _VIEW_DOUBT
    marks = (_seen(given, state) - seen).ravel() / _MARK
    return np.concatenate((marks, hangs, own[:, 2] / _TURNED, (height, size, view)))


def _slopes(given: Plates, seen: Vector, state: Vector, free: int | None = None) -> Vector:
    steps = 1e-5 * np.eye(len(state))
    columns = [
        (_misses(given, seen, state + s, free) - _misses(given, seen, state - s, free)) / 2e-5
        for s in steps
    ]
    return np.column_stack(columns)


def _solve(
    given: Plates, seen: Vector, state: Vector, free: int | None = None
) -> tuple[Vector, Vector]:
    """Least squares (Levenberg-Marquardt): the state and its covariance."""
    damp, miss = 1e-2, _misses(given, seen, state, free)
    for _ in range(100):
        slopes = _slopes(given, seen, state, free)
        square = slopes.T @ slopes
        step = np.linalg.solve(square + damp * np.diag(np.diag(square)), slopes.T @ miss)
        tried = state - step
        left = _misses(given, seen, tried, free)
        if np.isfinite(left).all() and left @ left <= miss @ miss:
            done = damp < 1e-3 and miss @ miss - left @ left < 1e-6
            state, miss, damp = tried, left, damp / 5
            if done:
                break
        else:
            damp *= 5
    slopes = _slopes(given, seen, state, free)
    return state, np.asarray(np.linalg.pinv(slopes.T @ slopes))


def _best(given: Plates, seen: Vector) -> tuple[Vector, Vector]:
    """The better of two searches."""
    tries = [_solve(given, seen, _start(given, seen, side)) for side in (0, 1)]
    return min(tries, key=lambda t: float((_misses(given, seen, t[0]) ** 2).sum()))


def _check_height(given: Plates, seen: Vector) -> None:
    """Refuses a measured height of the camera that the plates contradict."""
    if given.height is None:
        return
    state, spread = _best(replace(given, height=None), seen)
    doubt = float(np.hypot(np.sqrt(spread[1, 1]), _HEIGHT_DOUBT))
    if abs(state[1] - given.height) > _PULLED * doubt:
        raise ConfigError(
            f"plates.height: found {given.height:g} m; by the plates the camera hangs "
            f"{state[1]:.1f} m high, give or take {doubt:.1f}; check it, their kinds and corners"
        )


def _check(given: Plates, seen: Vector, state: Vector) -> None:
    """Refuses what no upright plates on one road below the camera look like."""
    own = state[_SHARED:].reshape(-1, 4)
    off = np.sqrt(((_seen(given, state) - seen) ** 2).sum(axis=2).mean(axis=1)) / _MARK
    horizon = -np.exp(state[2]) * np.tan(state[0])
    sky = np.flatnonzero(seen[:, :, 1].min(axis=1) <= horizon)
    if len(sky):
        raise ConfigError(f"plates.seen[{int(sky[0])}]: lies at or above the horizon; {_MISTAKEN}")
    if (own[:, 0] < 1.0).any() or state[1] - own[:, 3].max() < 0.5 or state[0] < -0.02:
        raise ConfigError(_SKY)
    if off.max() > _OFF:
        worst = int(off.argmax())
        raise ConfigError(
            f"plates.seen[{worst}]: its corners lie {off[worst]:.0f} of 1280 pixels from those of "
            f"an upright plate of its size on the others' road; {_MISTAKEN}"
        )
    pulled = np.abs(_misses(given, seen, state)[8 * len(own) : 9 * len(own)])
    if pulled.max() > _PULLED:
        worst = int(pulled.argmax())
        raise ConfigError(
            f"plates.seen[{worst}]: would hang {own[worst, 3]:.2f} m above the road; {_MISTAKEN}"
        )


_MISTAKEN = "check its corners and its kind, or leave it out"


def _middle(state: Vector, k: int) -> Vector:
    return state[_SHARED + 4 * k : _SHARED + 4 * k + 2]


def _alone(given: Plates, seen: Vector, state: Vector, k: int) -> Vector:
    """Where a plate's own size puts it, whatever the road says: on the ground along its ray."""
    one = replace(given, plates=(given.plates[k],))
    begin = np.concatenate((state[:_SHARED], state[_SHARED + 4 * k : _SHARED + 4 * k + 4]))
    free = begin.copy()
    for _ in range(20):  # only its own four numbers move
        slopes = _slopes(one, seen[k : k + 1], free, 0)[:, _SHARED:]
        miss = _misses(one, seen[k : k + 1], free, 0)
        step = np.linalg.lstsq(slopes, miss, rcond=None)[0]
        free[_SHARED:] -= step
        if np.abs(step).max() < 1e-6:
            break
    return free[_SHARED : _SHARED + 2]


def _feet(plates: tuple[Plate, ...], state: Vector) -> Vector:
    """The ground below each plate's ends, (2n, 2) m ahead and to the left."""
    made = []
    for k, plate in enumerate(plates):
        turned = state[_SHARED + 4 * k + 2]
        right = np.array((np.sin(turned), -np.cos(turned))) * plate.size[0] / 2
        made += [_middle(state, k) - right, _middle(state, k) + right]
    return np.array(made)


def _matrix(given: Plates, state: Vector) -> Vector:
    """Fractions to m ahead of and left of the camera's foot."""
    focal = float(np.exp(state[2]))
    to_rays = np.array(((1.0, 0.0, -0.5), (0.0, given.tall, -given.tall / 2), (0.0, 0.0, focal)))
    plane = _axes(float(state[0])) @ to_rays
    return np.asarray(np.diag((state[1], state[1], 1.0)) @ plane, np.float64)


def _place_doubt(given: Plates, state: Vector, spread: Vector, image: Vector) -> Vector:
    """m, standard deviation (of both axes together) of each place of the image (n, 2)."""
    columns = []
    for index in range(_SHARED):
        step = np.zeros(len(state))
        step[index] = 1e-5
        more, less = (apply(_matrix(given, s), image) for s in (state + step, state - step))
        columns.append((more - less) / 2e-5)
    slopes = np.stack(columns, axis=2)  # (n, 2, shared)
    made = slopes @ spread[:_SHARED, :_SHARED] @ slopes.transpose(0, 2, 1)
    return np.asarray(np.sqrt(np.trace(made, axis1=1, axis2=2)))
