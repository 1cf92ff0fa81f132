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
from bconnect_detect.core.plate_poses import (
    HEIGHT_DOUBT,
    IN_THE_SKY,
    MARK,
    SHARED,
    Plate,
    Plates,
    axes,
    best,
    distances,
    misses,
    seen_by,
    slopes_of,
)
from bconnect_site.errors import ConfigError

Vector = NDArray[np.float64]

SIZES = {"car": (0.395, 0.135), "motorcycle": (0.250, 0.105)}  # m, length and height
HANGS = {"car": 0.55, "motorcycle": 0.60}  # m, the middle above the road: assumed
FEWEST = 2
MOST_DOUBT = 0.10  # share of a place's distance: worse, and nothing is written
_OFF = 5.0  # marking errors a corner may lie off, root mean square of a plate's
_APART = 0.25  # share of its distance by which a plate may lie off
_NEARER = 1.3  # times nearer one looks than another that is lower down in the image
_PULLED = 3.0  # standard deviations by which what was given may turn out different


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
    state, spread = best(given, seen)
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
        elif min(np.hypot(*(ur - ul)), np.hypot(*(lr - ll))) < 8 * MARK:
            wrong.append(f"{name}.corners: a plate less than 8 of 1280 pixels long says nothing")
    if wrong:
        raise ConfigError(*wrong)


def _order(given: Plates, seen: Vector) -> None:
    """On a road below, who is higher up in the image is farther away."""
    far = distances(given.plates, seen)[:, 0]
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


def _check_height(given: Plates, seen: Vector) -> None:
    """Refuses a measured height of the camera that the plates contradict."""
    if given.height is None:
        return
    state, spread = best(replace(given, height=None), seen)
    doubt = float(np.hypot(np.sqrt(spread[1, 1]), HEIGHT_DOUBT))
    if abs(state[1] - given.height) > _PULLED * doubt:
        raise ConfigError(
            f"plates.height: found {given.height:g} m; by the plates the camera hangs "
            f"{state[1]:.1f} m high, give or take {doubt:.1f}; check it, their kinds and corners"
        )


def _check(given: Plates, seen: Vector, state: Vector) -> None:
    """Refuses what no upright plates on one road below the camera look like."""
    own = state[SHARED:].reshape(-1, 4)
    off = np.sqrt(((seen_by(given, state) - seen) ** 2).sum(axis=2).mean(axis=1)) / MARK
    horizon = -np.exp(state[2]) * np.tan(state[0])
    sky = np.flatnonzero(seen[:, :, 1].min(axis=1) <= horizon)
    if len(sky):
        raise ConfigError(f"plates.seen[{int(sky[0])}]: lies at or above the horizon; {_MISTAKEN}")
    if (own[:, 0] < 1.0).any() or state[1] - own[:, 3].max() < 0.5 or state[0] < -0.02:
        raise ConfigError(IN_THE_SKY)
    if off.max() > _OFF:
        worst = int(off.argmax())
        raise ConfigError(
            f"plates.seen[{worst}]: its corners lie {off[worst]:.0f} of 1280 pixels from those of "
            f"an upright plate of its size on the others' road; {_MISTAKEN}"
        )
    pulled = np.abs(misses(given, seen, state)[8 * len(own) : 9 * len(own)])
    if pulled.max() > _PULLED:
        worst = int(pulled.argmax())
        raise ConfigError(
            f"plates.seen[{worst}]: would hang {own[worst, 3]:.2f} m above the road; {_MISTAKEN}"
        )


_MISTAKEN = "check its corners and its kind, or leave it out"


def _middle(state: Vector, k: int) -> Vector:
    return state[SHARED + 4 * k : SHARED + 4 * k + 2]


def _alone(given: Plates, seen: Vector, state: Vector, k: int) -> Vector:
    """Where a plate's own size puts it, whatever the road says: on the ground along its ray."""
    one = replace(given, plates=(given.plates[k],))
    begin = np.concatenate((state[:SHARED], state[SHARED + 4 * k : SHARED + 4 * k + 4]))
    free = begin.copy()
    for _ in range(20):  # only its own four numbers move
        slopes = slopes_of(one, seen[k : k + 1], free, 0)[:, SHARED:]
        miss = misses(one, seen[k : k + 1], free, 0)
        step = np.linalg.lstsq(slopes, miss, rcond=None)[0]
        free[SHARED:] -= step
        if np.abs(step).max() < 1e-6:
            break
    return free[SHARED : SHARED + 2]


def _feet(plates: tuple[Plate, ...], state: Vector) -> Vector:
    """The ground below each plate's ends, (2n, 2) m ahead and to the left."""
    made = []
    for k, plate in enumerate(plates):
        turned = state[SHARED + 4 * k + 2]
        right = np.array((np.sin(turned), -np.cos(turned))) * plate.size[0] / 2
        made += [_middle(state, k) - right, _middle(state, k) + right]
    return np.array(made)


def _matrix(given: Plates, state: Vector) -> Vector:
    """Fractions to m ahead of and left of the camera's foot."""
    focal = float(np.exp(state[2]))
    to_rays = np.array(((1.0, 0.0, -0.5), (0.0, given.tall, -given.tall / 2), (0.0, 0.0, focal)))
    plane = axes(float(state[0])) @ to_rays
    return np.asarray(np.diag((state[1], state[1], 1.0)) @ plane, np.float64)


def _place_doubt(given: Plates, state: Vector, spread: Vector, image: Vector) -> Vector:
    """m, standard deviation (of both axes together) of each place of the image (n, 2)."""
    columns = []
    for index in range(SHARED):
        step = np.zeros(len(state))
        step[index] = 1e-5
        more, less = (apply(_matrix(given, s), image) for s in (state + step, state - step))
        columns.append((more - less) / 2e-5)
    slopes = np.stack(columns, axis=2)  # (n, 2, shared)
    made = slopes @ spread[:SHARED, :SHARED] @ slopes.transpose(0, 2, 1)
    return np.asarray(np.sqrt(np.trace(made, axis1=1, axis2=2)))
