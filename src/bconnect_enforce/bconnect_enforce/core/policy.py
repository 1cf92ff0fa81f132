"""The ladder's rules out of a site and its phrases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args
from zoneinfo import ZoneInfo

from bconnect_enforce.core.rungs import (
    DAY,
    SECOND,
    Level,
    Phrase,
    PlacePolicy,
    Pole,
    Policy,
    Rules,
    Rung,
    Shape,
)
from bconnect_site import ladder as written
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.kinds import Mode, Step, ViolationType, from_word
from bconnect_site.model import Site
from bconnect_site.phrases import Phrases

# What endangers others most is said first.
PRIORITY: Mapping[ViolationType, int] = {
    ViolationType.WRONG_WAY: 90,
    ViolationType.RACING: 80,
    ViolationType.RED_LIGHT: 70,
    ViolationType.SPEEDING: 60,
    ViolationType.SECTION_SPEED: 60,
    ViolationType.ILLEGAL_U_TURN: 50,
    ViolationType.LANE_MARKING: 50,
    ViolationType.PHONE_USE: 50,
    ViolationType.NO_HELMET: 40,
    ViolationType.NO_SEAT_BELT: 40,
    ViolationType.OVERLOADED_MOTORCYCLE: 40,
    ViolationType.STOP_LINE: 30,
    ViolationType.ILLEGAL_STOPPING: 20,
    ViolationType.ILLEGAL_PARKING: 20,
}
SPEAKER_PAUSE = 5.0  # s
MINUTE = 60 * SECOND


def rules_of(site: Site, phrases: Phrases) -> Rules:
    """The policy of a site. Raises ConfigError for a place that has no spoken name."""
    ladder = site.ladder
    _check_places(site, phrases)
    return Rules(
        timezone=ZoneInfo(site.timezone),
        mode=from_word(Mode, ladder.mode, "mode"),
        until=ladder.until,
        policies={name: _policy(policy, name, ladder) for name, policy in ladder.policies.items()},
        places=tuple(_place(place, name, ladder) for name, place in ladder.places.items()),
        poles={
            name: Pole(frozenset(speaker.hears), speaker.junction or "")
            for name, speaker in site.speakers.items()
        },
        phrases=_phrases(phrases),
        shapes={
            (camera, name): Shape(
                zone.region or (), zone.line or (), zone.direction or (), zone.place or ""
            )
            for camera, name, zone in site.zones()
        },
        speaker_pause=min(_ns(ladder.cooldown), _ns(SPEAKER_PAUSE)),
        history=int(ladder.history_days * DAY),
        track_history=int(ladder.track_minutes * MINUTE),
        history_limit=ladder.history_limit,
        same_kind=ladder.counts == "kind",
        when_obeyed=ladder.when_obeyed,
    )


def _check_places(site: Site, phrases: Phrases) -> None:
    known = phrases.vocabulary.places
    wrong = [
        f'cameras.{camera}.zones.{name}.place: no place is called "{zone.place}" in phrases.yaml'
        f"{suggest(zone.place, known)}"
        for camera, name, zone in site.zones()
        if zone.place is not None and zone.place not in known
    ]
    if wrong:
        raise ConfigError(*wrong)


def _ns(seconds: float) -> int:
    return int(seconds * SECOND)


def _policy(policy: written.AnyPolicy, name: str, ladder: written.LadderSettings) -> Policy:
    """A policy as the ladder goes by it, whichever way it was written."""
    full = policy if isinstance(policy, written.Policy) else None
    items = policy.rungs if isinstance(policy, written.Policy) else policy

    def own(key: str, default: float | bool) -> float | bool:
        value = getattr(full, key, None)
        return default if value is None else value

    watch = full.watch if full is not None else None
    return Policy(
        rungs=_rungs(items),
        cooldown=_ns(own("cooldown", ladder.cooldown)),
        grace=_ns(own("grace", ladder.grace)),
        watch=None if watch is None else _ns(watch),
        spare=bool(own("spare_if_obeyed", ladder.spare_if_obeyed)),
        name=name,
    )


def _rungs(items: tuple[written.Rung, ...] | tuple[str, ...]) -> tuple[Rung, ...]:
    rungs = [item for item in items if isinstance(item, written.Rung)]
    if not rungs:
        return (Rung(_steps([item for item in items if isinstance(item, str)])),)
    return tuple(
        Rung(
            _steps(rung.steps),
            rung.after,
            None if rung.dwell is None else _ns(rung.dwell),
            f"{rung.after}" if rung.dwell is None else f"{rung.dwell:.0f}s",
        )
        for rung in rungs
    )


def _steps(words: tuple[str, ...] | list[str]) -> tuple[Step, ...]:
    return tuple(from_word(Step, word, "step") for word in words)


def _place(place: written.PlacePolicy, name: str, ladder: written.LadderSettings) -> PlacePolicy:
    at = (text.partition("/") for text in place.at)
    kinds = None
    if place.kinds is not None:
        kinds = frozenset(from_word(ViolationType, kind, "violation") for kind in place.kinds)
    return PlacePolicy(
        _policy(place.policy, name, ladder),
        frozenset((camera, zone) for camera, _, zone in at),
        kinds,
        place.active,
    )


def _phrases(phrases: Phrases) -> dict[tuple[ViolationType, Level], Phrase]:
    """What is said by kind and level; a kind without a phrase is answered in silence."""
    found: dict[tuple[ViolationType, Level], Phrase] = {}
    for kind in ViolationType:
        for level in get_args(Level):
            try:
                name = phrases.for_violation(kind, level).name
            except ConfigError:
                continue
            found[kind, level] = Phrase(name, PRIORITY.get(kind, 0))
    return found
