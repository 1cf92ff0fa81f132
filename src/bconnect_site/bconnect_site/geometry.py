"""Checks of zones as geometry. Points are (x, y) fractions of the image."""

from collections.abc import Sequence

Point = tuple[float, float]

# Fractions of the image: below this a line has no direction a camera could see.
MIN_LENGTH = 0.01
# Fraction of the image's area: below this a zone holds no road user.
MIN_AREA = 1e-4


def _cross(o: Point, a: Point, b: Point) -> float:
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])


def _sign(value: float) -> int:
    return (value > 1e-12) - (value < -1e-12)


def _within(a: Point, b: Point, p: Point) -> bool:
    return min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])


def segments_meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether segment a-b and segment c-d share a point (touching counts)."""
    s1, s2 = _sign(_cross(a, b, c)), _sign(_cross(a, b, d))
    s3, s4 = _sign(_cross(c, d, a)), _sign(_cross(c, d, b))
    if s1 * s2 < 0 and s3 * s4 < 0:
        return True
    touches = ((s1, a, b, c), (s2, a, b, d), (s3, c, d, a), (s4, c, d, b))
    return any(sign == 0 and _within(p, q, r) for sign, p, q, r in touches)


def area(points: Sequence[Point]) -> float:
    """Area of a simple polygon, fraction of the image."""
    pairs = zip(points, [*points[1:], points[0]], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


def length(a: Point, b: Point) -> float:
    """Distance between two points, fractions of the image."""
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


def crossing_edges(points: Sequence[Point]) -> tuple[int, int] | None:
    """The first two edges of a closed polygon that cross or touch, or None.

    Edge i runs from point i to point i + 1. Neighbours share one point by right.
    """
    n = len(points)
    edges = [(points[i], points[(i + 1) % n]) for i in range(n)]
    for i in range(n):
        for j in range(i + 1, n):
            if j == i + 1 or (i == 0 and j == n - 1):
                if _folds_back(edges[i], edges[j]):
                    return i, j
            elif segments_meet(*edges[i], *edges[j]):
                return i, j
    return None


def _folds_back(first: tuple[Point, Point], second: tuple[Point, Point]) -> bool:
    shared = first[1] if first[1] == second[0] else first[0]
    far = first[0] if shared == first[1] else first[1]
    other = second[1] if shared == second[0] else second[0]
    if _sign(_cross(shared, far, other)) != 0:
        return False
    dot = (far[0] - shared[0]) * (other[0] - shared[0])
    dot += (far[1] - shared[1]) * (other[1] - shared[1])
    return dot > 0


def outside(points: Sequence[Point]) -> int | None:
    """Index of the first point outside the image, or None."""
    for index, (x, y) in enumerate(points):
        if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):  # also refuses NaN
            return index
    return None


def region_fault(points: Sequence[Point]) -> str | None:
    """What is wrong with a polygon, as the end of a sentence; None if it is sound."""
    if len(points) < 3:
        return f"needs at least 3 points, found {len(points)}"
    if (index := outside(points)) is not None:
        return _outside_sentence(points, index)
    for index in range(len(points)):
        if points[index] == points[(index + 1) % len(points)]:
            return f"points {index + 1} and {(index + 1) % len(points) + 1} are the same"
    if (pair := crossing_edges(points)) is not None:
        first, second = (f"{i + 1}-{(i + 1) % len(points) + 1}" for i in pair)
        return f"crosses itself: edge {first} meets edge {second}; give the corners in order"
    if (size := area(points)) < MIN_AREA:
        return f"covers {size:.2g} of the image; needs at least {MIN_AREA:g}"
    return None


def line_fault(points: Sequence[Point]) -> str | None:
    """What is wrong with a line of two points; None if it is sound."""
    if len(points) != 2:
        return f"needs exactly 2 points, found {len(points)}"
    if (index := outside(points)) is not None:
        return _outside_sentence(points, index)
    if (found := length(points[0], points[1])) < MIN_LENGTH:
        return f"has length {found:.2g}; needs at least {MIN_LENGTH:g} of the image"
    return None


def _outside_sentence(points: Sequence[Point], index: int) -> str:
    x, y = points[index]
    return (
        f"point {index + 1} is [{x:g}, {y:g}], outside the image; "
        "both must be fractions between 0 and 1"
    )
