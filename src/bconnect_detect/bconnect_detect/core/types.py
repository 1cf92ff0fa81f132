"""What the cores pass to each other. Stamps are int nanoseconds, boxes are pixels."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from math import isfinite, nan
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from bconnect_site.kinds import (
    Colour,
    RoadUserKind,
    SignalAspect,
    SignalSource,
    ViolationType,
)

SECOND = 1_000_000_000  # ns

Box = tuple[float, float, float, float]  # x_min, y_min, x_max, y_max
Pair = tuple[float, float]
Floats = NDArray[np.float32]
Derived = TypeVar("Derived")
UNKNOWN_PAIR: Pair = (nan, nan)

VEHICLES = frozenset(
    {
        RoadUserKind.MOTORCYCLE,
        RoadUserKind.CAR,
        RoadUserKind.MINIBUS,
        RoadUserKind.BUS,
        RoadUserKind.TRUCK,
    }
)


@dataclass(frozen=True, slots=True)
class RoadUser:
    """One road user in one image. An unknown number is NaN."""

    kind: RoadUserKind
    track_id: int  # 0: a bare detection
    confidence: float
    box: Box  # pixels of the detection image
    riders: float = nan
    helmets: float = nan
    emergency: float = nan  # [0, 1], with warning lights
    belted: float = nan  # [0, 1] that its driver wears a seat belt
    phone: float = nan  # [0, 1] that its driver holds a telephone
    position: Pair = UNKNOWN_PAIR  # m, ground frame
    position_stddev: Pair = UNKNOWN_PAIR  # m
    velocity: Pair = UNKNOWN_PAIR  # m/s
    velocity_stddev: Pair = UNKNOWN_PAIR  # m/s
    colour: Colour = Colour.UNKNOWN  # of a vehicle's body, in daylight

    @property
    def foot(self) -> Pair:
        """Bottom centre of the box, pixels: where it touches the road."""
        return (self.box[0] + self.box[2]) / 2, self.box[3]

    @property
    def center(self) -> Pair:
        """Centre of the box, pixels."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def width(self) -> float:
        """Pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        """Pixels."""
        return self.box[3] - self.box[1]


@dataclass(frozen=True, slots=True)
class Warp:
    """How the camera moved between two images, as pixels of the first become the second's."""

    since: int  # ns, the image before
    matrix: tuple[float, float, float, float, float, float]  # 2x3, by rows


def warp_of(numbers: Sequence[float], since: int) -> Warp | None:
    """Of six numbers; None: there are none, or they are no motion."""
    made = [float(v) for v in numbers]
    if len(made) != 6 or not all(isfinite(v) for v in made):
        return None
    a, b, x, c, d, y = made
    return Warp(since, (a, b, x, c, d, y)) if a * d - b * c > 0.0 else None


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The road users of one image as columns of equal length n.

    ``track_id`` 0 marks a bare detection. Optional columns are None when nothing
    in them is known.

    Raises:
        ValueError: a column has another length than ``kind``.
    """

    stamp: int  # ns, exposure of the image
    camera: str
    width: int  # pixels of the detection image
    height: int
    kind: NDArray[np.uint8]  # (n,) RoadUserKind
    track_id: NDArray[np.int64]  # (n,)
    confidence: Floats  # (n,)
    boxes: Floats  # (n, 4) x_min, y_min, x_max, y_max in pixels
    riders: Floats | None = None  # (n,)
    helmets: Floats | None = None  # (n,)
    emergency: Floats | None = None  # (n,)
    belted: Floats | None = None  # (n,)
    phone: Floats | None = None  # (n,)
    position: Floats | None = None  # (n, 2) m
    position_stddev: Floats | None = None  # (n, 2) m
    velocity: Floats | None = None  # (n, 2) m/s
    velocity_stddev: Floats | None = None  # (n, 2) m/s
    colour: NDArray[np.uint8] | None = None  # (n,) Colour
    frame_id: str = ""
    ground_frame: str = ""
    warp: "Warp | None" = None  # how the camera moved; None: it stands, or not known
    # What was asked for: rules ask for the same rows and columns again and again.
    _rows: "list[RoadUser | None]" = field(init=False, repr=False)
    _told: dict[Hashable, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n = len(self.kind)
        object.__setattr__(self, "_rows", [None] * n)
        object.__setattr__(self, "_told", {})
        for name, wide in _COLUMNS:
            column = getattr(self, name)
            if column is not None and column.shape != (shape := (n, wide) if wide else (n,)):
                raise ValueError(f"column {name} has shape {column.shape}, needs {shape}")

    @classmethod
    def of(
        cls,
        stamp: int,
        camera: str,
        size: tuple[int, int],
        users: list[RoadUser] | tuple[RoadUser, ...] = (),
        frame_id: str = "",
    ) -> "Tracks":
        """Columns from single road users; ``size`` is (width, height) in pixels."""

        def pairs(name: str) -> Floats:
            return np.array([getattr(u, name) for u in users], np.float32).reshape(-1, 2)

        return cls(
            stamp=stamp,
            camera=camera,
            width=size[0],
            height=size[1],
            kind=np.array([u.kind for u in users], np.uint8),
            track_id=np.array([u.track_id for u in users], np.int64),
            confidence=np.array([u.confidence for u in users], np.float32),
            boxes=np.array([u.box for u in users], np.float32).reshape(-1, 4),
            riders=np.array([u.riders for u in users], np.float32),
            helmets=np.array([u.helmets for u in users], np.float32),
            emergency=np.array([u.emergency for u in users], np.float32),
            belted=np.array([u.belted for u in users], np.float32),
            phone=np.array([u.phone for u in users], np.float32),
            position=pairs("position"),
            position_stddev=pairs("position_stddev"),
            velocity=pairs("velocity"),
            velocity_stddev=pairs("velocity_stddev"),
            colour=np.array([u.colour for u in users], np.uint8),
            frame_id=frame_id,
        )

    def __len__(self) -> int:
        return len(self.kind)

    def __getitem__(self, index: int) -> RoadUser:
        user = self._rows[index]
        if user is None:
            user = self._rows[index] = self._row(index)
        return user

    def _row(self, index: int) -> RoadUser:
        columns = self.once("plain", self._plain)
        return RoadUser(*[column[index] for column in columns])

    def _plain(self) -> list[Sequence[Any]]:
        """The columns of a road user as Python's values."""
        n = len(self.kind)
        numbers = (self.riders, self.helmets, self.emergency, self.belted, self.phone)
        pairs = (self.position, self.position_stddev, self.velocity, self.velocity_stddev)
        return [
            [_KIND_OF.get(kind) or RoadUserKind(kind) for kind in self.kind.tolist()],
            self.track_id.tolist(),
            self.confidence.tolist(),
            [tuple(box) for box in self.boxes.tolist()],
            *([nan] * n if column is None else column.tolist() for column in numbers),
            *(
                [UNKNOWN_PAIR] * n if column is None else [tuple(p) for p in column.tolist()]
                for column in pairs
            ),
            [Colour.UNKNOWN] * n
            if self.colour is None
            else [Colour(colour) for colour in self.colour.tolist()],
        ]

    def once(self, key: Hashable, make: Callable[[], Derived]) -> Derived:
        """What follows from these tracks and the key alone, made the first time it is asked for."""
        if key not in self._told:
            self._told[key] = make()
        return cast(Derived, self._told[key])

    def __iter__(self) -> Iterator[RoadUser]:
        return (self[i] for i in range(len(self)))

    def changed(self, **columns: Any) -> "Tracks":
        """``replace`` of columns by others of the same length, quicker and not checked."""
        made = object.__new__(Tracks)
        for name, get, put in _SLOTS:
            put(made, columns[name] if name in columns else get(self))
        object.__setattr__(made, "_rows", [None] * len(made.kind))
        object.__setattr__(made, "_told", {})
        return made

    def select(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> "Tracks":
        """The chosen rows, by positions or by a mask of length n."""
        columns: dict[str, Any] = {
            name: column[index]
            for name in _FIELDS
            if isinstance(column := getattr(self, name), np.ndarray)
        }
        return self.changed(**columns)


_COLUMNS = (  # name, width; 0: a plain column
    ("boxes", 4),
    ("track_id", 0),
    ("confidence", 0),
    ("riders", 0),
    ("helmets", 0),
    ("emergency", 0),
    ("belted", 0),
    ("phone", 0),
    ("colour", 0),
    ("position", 2),
    ("position_stddev", 2),
    ("velocity", 2),
    ("velocity_stddev", 2),
)
_FIELDS = tuple(f.name for f in fields(Tracks) if f.init)
_SLOTS = [(n, getattr(Tracks, n).__get__, getattr(Tracks, n).__set__) for n in _FIELDS]
_KIND_OF = {int(kind): kind for kind in RoadUserKind if kind}


@dataclass(frozen=True, slots=True)
class SignalReading:
    """What one signal group showed at one moment."""

    signal: str
    aspect: SignalAspect
    stamp: int  # ns, when it was observed
    since: int  # ns, when this aspect began; 0: unknown
    source: SignalSource = SignalSource.UNKNOWN
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class PlateSighting:
    """A plate passed a gate; of the plate only a salted digest is known."""

    stamp: int  # ns, the image in which the line was crossed
    camera: str
    zone: str  # the gate
    track_id: int  # 0: not known
    digest: str
    confidence: float
    stamp_stddev: float  # s


class Look(NamedTuple):
    """One place of a vehicle on its way, and how it lies to the way measured through all."""

    stamp: int  # ns
    way: float  # m along, from the first look told
    residual: float  # m that it lies before (+) or behind (-) the fitted way
    stddev: float  # m, what one look is good for


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule was seen broken: no plate, no pictures yet."""

    id: str
    type: ViolationType
    site: str
    camera: str
    zone: str
    stamp: int  # ns, the image that decided
    started: int  # ns, when the offence began
    road_user: RoadUser
    width: int  # pixels of the detection image
    height: int
    trail: tuple[Pair, ...] = ()  # foot points, fractions of the image, oldest first
    measured: float = nan
    measured_low: float = nan  # interval at 95 %
    measured_high: float = nan
    limit: float = nan
    signal: SignalReading | None = None
    time_into_red: float = nan  # s
    article: str = ""
    basis: str = ""
    catalogue_version: str = ""
    confidence: float = 0.0
    explanation: str = ""
    latitude: float = nan
    longitude: float = nan
    position_stddev: float = nan  # m, of latitude and longitude
    same_as: str = ""  # id of the finding this is one more sight of
    looks: tuple[Look, ...] = ()  # that a measured speed rests on, oldest first, bounded
