"""Policies, tracks and little dramas to try the ladder with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from bconnect_enforce.core.compliance import Seen
from bconnect_enforce.core.ladder import Answer, Ladder
from bconnect_enforce.core.obeying import Look, Sight
from bconnect_enforce.core.records import Offence
from bconnect_enforce.core.rungs import SECOND, Phrase, Pole, Policy, Rules, Rung, Shape
from bconnect_site.kinds import Mode, SpeakerStateKind, Step, ViolationType

WITA = ZoneInfo("Asia/Makassar")
ALL = (Step.REPRIMAND, Step.ANNOUNCEMENT, Step.CITATION)
PARKING, STOPPING = ViolationType.ILLEGAL_PARKING, ViolationType.ILLEGAL_STOPPING
PHRASES = {
    (kind, level): Phrase(f"{kind.name.lower()}_{level}", 1)
    for kind in ViolationType
    for level in ("reprimand", "warning")
}
ZONE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def policy(*rungs: Rung | tuple[Step, ...], **fields: Any) -> Policy:
    """A policy of rungs, or of one rung given as its steps."""
    made = tuple(rung if isinstance(rung, Rung) else Rung(rung) for rung in rungs)
    return Policy(made, **{"grace": 0} | fields)


def ladder_rules(**fields: Any) -> Rules:
    """Enforcement, one pole, everything short form, no grace."""
    base: dict[str, Any] = {
        "timezone": WITA,
        "mode": Mode.ENFORCEMENT,
        "policies": {"default": policy(ALL)},
        "poles": {"tiang_1": Pole(frozenset({"simpang_utara"}))},
        "phrases": PHRASES,
    }
    return Rules(**base | fields)


def steps(answer: Answer) -> list[Step]:
    return [measure.step for measure in answer.measures]


def whys(answer: Answer) -> dict[Step, str]:
    return {withheld.step: withheld.why for withheld in answer.withheld}


def box(x: float, y: float, width: float = 0.2, height: float = 0.15) -> tuple[float, ...]:
    """A box by its foot, in image heights."""
    return (x - width / 2, y - height, x + width / 2, y)


def sight(offence: Offence, x: float = 0.8, y: float = 0.6, **fields: Any) -> Sight:
    """How the finding saw it: at a place of the image, in image heights."""
    speed = fields.pop("speed", float("nan"))
    return Sight(Look(offence.stamp, box(x, y), speed), **fields)


def seen(
    stamp: int,
    users: Mapping[int, tuple[float, ...]],
    speeds: Mapping[int, float] | None = None,
    camera: str = "simpang_utara",
) -> Seen:
    """One image: boxes by track id."""
    return Seen(
        stamp,
        camera,
        np.array(list(users), np.int64),
        np.array(list(users.values()), np.float32).reshape(-1, 4),
        None if speeds is None else np.array([speeds[i] for i in users], np.float32),
    )


def say(ladder: Ladder, answer: Answer) -> None:
    """The poles speak what they were told to."""
    for order in answer.announcements:
        ladder.on_speaker(order.speaker, SpeakerStateKind.SPEAKING, order.id, order.stamp)


def drive(
    ladder: Ladder,
    offence: Offence,
    way: Mapping[float, tuple[float, float] | None],
    *,
    speeds: Mapping[float, float] | None = None,
    track: int | None = None,
) -> Answer:
    """Looks at `way`: where the road user's foot is at each second; None: it is not seen."""
    answer = Answer()
    for seconds, foot in way.items():
        stamp = offence.stamp + int(seconds * SECOND)
        id_ = offence.track_id if track is None else track
        users = {} if foot is None else {id_: box(*foot)}
        speed = None if speeds is None else {id_: speeds[seconds]}
        answer += ladder.on_tracks(seen(stamp, users, speed, offence.camera), stamp)
    return answer


def stay(foot: tuple[float, float] | None, start: float, stop: float, step: float = 0.5) -> Any:
    """The same place at every look from `start` to `stop` [s]."""
    return {float(t): foot for t in np.arange(start, stop + 1e-9, step)}


def shape(**fields: Any) -> Shape:
    return replace(Shape(ZONE), **fields)
