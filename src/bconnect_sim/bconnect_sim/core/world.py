"""What a simulated corridor is made of: places, cameras, road users, moments, truth.

Metres in the street's map (x east, y north, right-handed; the same as ``<site>/map``), seconds
since the scenario's start, degrees counter-clockwise from east, metres per second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import cos, radians, sin
from typing import Protocol

Point = tuple[float, float]
Span = tuple[float, float]

VEHICLE_KINDS = ("motorcycle", "car", "minibus", "bus", "truck")


@dataclass(frozen=True, slots=True)
class Model:
    """A vehicle model: its kind and its measures [m]. The meshes carry these names."""

    kind: str
    length: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class VehicleState:
    """One road user at one moment. (x, y): middle of its footprint."""

    id: str
    kind: str
    model: str
    x: float
    y: float
    heading: float
    speed: float
    length: float
    width: float
    height: float
    paint: float = 0.0  # 0..1, chooses its colour
    riders: int = 0  # on a motorcycle
    helmets: int = 0
    plate: str = ""
    emergency: bool = False  # with warning lights on
    halted: bool = False  # stands by its driver's will, not for traffic or a signal

    @property
    def front(self) -> Point:
        """Middle of its front edge."""
        return self.ahead(self.length / 2)

    @property
    def rear(self) -> Point:
        """Middle of its rear edge."""
        return self.ahead(-self.length / 2)

    def ahead(self, distance: float) -> Point:
        """A point on its axis, m ahead of its middle."""
        turn = radians(self.heading)
        return self.x + distance * cos(turn), self.y + distance * sin(turn)


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything at one time; ``aspects``: signal name to red, amber or green."""

    time: float
    vehicles: tuple[VehicleState, ...]
    aspects: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Window:
    """Hours a place holds, as in a site file."""

    start: str  # "16:00"
    end: str
    days: str = "daily"


@dataclass(frozen=True, slots=True)
class Place:
    """A line or region of the street on which rules stand; its words are those of a site file's
    zone (``bconnect_site.kinds.ZoneKind``), its points are metres."""

    name: str
    kind: str
    line: tuple[Point, ...] = ()
    region: tuple[Point, ...] = ()
    direction: tuple[Point, ...] = ()  # arrow of lawful travel
    signal: str = ""
    basis: str = ""
    dwell: float = 60.0
    grace: float = 1.0
    limit: float | None = None  # m/s
    tolerance: float | None = None  # m/s; None: 3 km/h, above 100 km/h 3 %
    active: tuple[Window, ...] = ()
    applies_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch between two gates: places of kind gate, each seen by one camera."""

    name: str
    entry: str  # place
    exit: str
    length: float
    limit: float
    tolerance: float | None = None
    basis: str = "sign S-5"


@dataclass(frozen=True, slots=True)
class CameraView:
    """Where a camera hangs and looks, and which places and rules it judges."""

    name: str
    position: tuple[float, float, float]
    look_at: tuple[float, float, float]
    field_of_view: float = 40.0  # degrees, horizontal
    places: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignalHead:
    """A traffic light: which SUMO light and approach it obeys, where its head stands."""

    name: str
    light: str  # SUMO tlLogic id
    approaches: tuple[str, ...]  # SUMO edges that obey it
    position: tuple[float, float, float] = (0.0, 0.0, 5.0)
    heading: float = 180.0  # degrees, where its lamps shine to
    phase: int = 1  # NTCIP 1202 phase number at the controller


@dataclass(frozen=True, slots=True)
class Pole:
    """Something that stands in a camera's way."""

    x: float
    y: float
    radius: float = 0.15
    height: float = 6.0


@dataclass(frozen=True, slots=True)
class Corridor:
    """A road network and what its parts mean."""

    name: str
    title: str
    network: str  # SUMO net file beside street.yaml
    routes: Mapping[str, tuple[str, ...]]
    places: tuple[Place, ...]
    cameras: tuple[CameraView, ...]
    signals: tuple[SignalHead, ...]
    sections: tuple[Section, ...] = ()
    poles: tuple[Pole, ...] = ()
    surfaces: tuple[tuple[Point, ...], ...] = ()  # asphalt beside the lanes: shoulders, openings
    ways: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # habit: routes it takes
    shoulder: float = 0.0  # m of asphalt beside kerb lanes, to stand on
    latitude: float = -1.2463  # of (0, 0); illustrative
    longitude: float = 116.8563


@dataclass(frozen=True, slots=True)
class Picture:
    """What a camera writes. Pixels, Hz; noise: standard deviation, of 255."""

    width: int = 1280
    height: int = 720
    rate: float = 10.0
    noise: float = 2.0
    quality: int = 25  # x264's CRF: the higher, the more encoding noise


@dataclass(frozen=True, slots=True)
class Weather:
    """light: day, dusk or night; rain 0..1."""

    light: str = field(default="day", metadata={"choices": ("day", "dusk", "night")})
    rain: float = 0.0
    shadows: bool = True


@dataclass(frozen=True, slots=True)
class Move:
    """A camera's head turns at ``at`` and turns back at ``back`` (never: None)."""

    camera: str
    at: float
    pan: float = 8.0  # degrees, to the left
    tilt: float = 0.0
    back: float | None = None


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """How a detector errs on what a camera sees on a dry day; shares 0..1 unless said otherwise.

    What night and rain make of it: ``core.hardship``; how it is done: ``core.errs``.
    """

    miss: float = 0.05  # a box of a large road user is missing in one image
    miss_small: float = 0.35  # likewise at 20 px height; between 20 and 80 px it falls off
    smallest: float = 16.0  # px of height below which nothing is found
    break_rate: float = 0.01  # 1/s per road user: a longer gap begins (identity breaks)
    break_length: float = 0.8  # s, mean of such a gap
    jitter: float = 0.015  # of the box's size, standard deviation of each edge
    drift: float = 0.01  # likewise, slowly varying (correlated over about 1 s)
    false_boxes: float = 0.02  # per image
    confusion: float = 0.03  # share of images in which the class is wrong
    riders_wrong: float = 0.05  # share of images in which riders or helmets are miscounted
    plate_wrong: float = 0.01  # share of gate passages whose plate is misread
    plate_missed: float = 0.10  # and of those where it is not read at all
    cut: float = 0.5  # share of time in which a partly covered one's box ends where it is covered
    emergency_missed: float = 0.1  # share of time in which warning lights are not noticed
    count_height: float = 24.0  # px of height below which riders and helmets are not counted


@dataclass(frozen=True, slots=True)
class Truth:
    """One true event, or a lawful near miss.

    Times: s since the scenario's start; start and end bound the offence itself.
    cameras: those that had it in their picture while it was going on. speed: m/s.
    """

    kind: str  # a violation type's word; for near misses what it almost was
    vehicle: str
    plate: str
    road_user: str
    start: float
    end: float
    place: str
    x: float
    y: float
    cameras: tuple[str, ...] = ()
    speed: float | None = None
    limit: float | None = None
    why: str = ""  # near misses: what made it lawful, e.g. "stood on the line at green"
    doubt: str = ""  # violations: why nobody could decide by looking (core.doubts)
    # By camera, s of clear sight in the second before, during and in the second after.
    sight: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    plates: Mapping[str, str] = field(
        default_factory=dict
    )  # by gate: read, misread, missed, hidden


class World(Protocol):
    """Makes moments, one per image; equal scenario and seed give equal moments."""

    def moments(self) -> Iterator[Moment]: ...


@dataclass(slots=True)
class Outcome:
    """What was true over a whole run."""

    violations: list[Truth] = field(default_factory=list)
    lawful: list[Truth] = field(default_factory=list)
    aspects: list[tuple[float, str, str]] = field(default_factory=list)  # time, signal, aspect
