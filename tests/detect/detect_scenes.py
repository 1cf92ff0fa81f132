"""Hand-made traffic: road users that stand, drive and hide, on a 640x360 image."""

from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_detect.core.rule import Context, Place, Rule
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, Finding, RoadUser, SignalReading, Tracks
from bconnect_site.kinds import RoadUserKind, SignalAspect
from bconnect_site.model import Zone

SIZE = (640, 360)
T0 = 1_780_000_000 * SECOND  # Friday, 2026-05-29 04:26:40 in Asia/Makassar
STEP = SECOND // 10
CAR = RoadUserKind.CAR


def zone(**keys: Any) -> Zone:
    """A zone as a site file writes it."""
    return Zone.model_validate(keys)


def place(made: Zone, junctions: tuple[Any, ...] = (), law: Any = None) -> Place:
    """The zone "z" of camera "c" of site "s"."""
    return Place("s", "c", "z", made, ZoneInfo("Asia/Makassar"), junctions, -1.2, 116.8, law)


def user(
    foot: tuple[float, float],
    track_id: int = 1,
    kind: RoadUserKind = CAR,
    size: tuple[float, float] = (60.0, 40.0),
    confidence: float = 0.8,
) -> RoadUser:
    """A road user whose box stands on a foot point, pixels."""
    x, y, (w, h) = foot[0], foot[1], size
    return RoadUser(kind, track_id, confidence, (x - w / 2, y - h, x + w / 2, y))


def tracks(stamp: int, users: Iterable[RoadUser] = ()) -> Tracks:
    """One image's tracks."""
    return Tracks.of(stamp, "c", SIZE, list(users))


def signals(
    runs: Iterable[tuple[float, SignalAspect]], until: float, name: str = "lampu"
) -> SignalBook:
    """A signal read ten times a second; runs are (start s, aspect) after T0."""
    book = SignalBook({name: 2.0})
    runs = list(runs)
    for index, (start, aspect) in enumerate(runs):
        end = runs[index + 1][0] if index + 1 < len(runs) else until
        for tick in range(int(start * 10), int(end * 10)):
            stamp = T0 + tick * STEP
            since = T0 + int(start * SECOND)
            book.put(SignalReading(name, aspect, stamp, since))
    return book


def play(
    rule: Rule,
    seconds: float,
    users_at: Callable[[float], Iterable[RoadUser]],
    book: SignalBook | None = None,
    start: float = 0.0,
    rate: float = 10.0,
) -> list[Finding]:
    """Every finding of a rule over a scene; users_at gets seconds after T0."""
    context = Context(book or SignalBook({}))
    found: list[Finding] = []
    for tick in range(int(seconds * rate)):
        t = start + tick / rate
        found += rule.check(tracks(T0 + round(t * SECOND), users_at(t)), context)
    return found
