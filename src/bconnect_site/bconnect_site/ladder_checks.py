"""Checks of the ladder's policy that need more than one key. Plain values in, sentences out."""

from collections.abc import Iterator
from typing import Any

from bconnect_site.errors import suggest
from bconnect_site.kinds import Step, ViolationType, word
from bconnect_site.yamlfile import Key

Found = Iterator[tuple[Key, str]]

# A vehicle that stands can be reached: by a sticker, by a truck.
STANDING = frozenset({word(ViolationType.ILLEGAL_STOPPING), word(ViolationType.ILLEGAL_PARKING)})
_REACHED = frozenset({word(Step.STICKER), word(Step.TOW)})


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def check_ladder(site: dict[str, Any]) -> Found:
    """Every policy of a site that contradicts itself, or names what is not there."""
    ladder = _mapping(site.get("ladder"))
    if ladder.get("until") is not None and ladder.get("mode") == "enforcement":
        yield ("ladder", "until"), "belongs to mode socialisation; mode is enforcement"
    policies = ladder.get("policies")
    if isinstance(policies, dict) and "default" not in policies:
        yield ("ladder", "policies", "default"), "is missing; it answers what no other policy does"
    for name, policy in _mapping(policies).items():
        standing = name == "default" or name in STANDING
        yield from _policy(("ladder", "policies", name), policy, str(name), standing)
    for name, place in _mapping(ladder.get("places")).items():
        key: Key = ("ladder", "places", name)
        yield from _where((*key, "at"), _mapping(place).get("at"), site)
        kinds = _mapping(place).get("kinds")
        kinds = [str(kind) for kind in kinds] if isinstance(kinds, list | tuple) else []
        standing = not kinds or bool(STANDING & set(kinds))
        policy = _mapping(place).get("policy")
        yield from _policy((*key, "policy"), policy, ", ".join(kinds), standing)


def _where(key: Key, at: Any, site: dict[str, Any]) -> Found:
    cameras = _mapping(site.get("cameras"))
    for index, text in enumerate(at if isinstance(at, list | tuple) else ()):
        if not isinstance(text, str):
            continue
        camera, slash, zone = text.partition("/")
        zones = _mapping(_mapping(cameras.get(camera)).get("zones"))
        if camera not in cameras:
            yield (*key, index), f'no camera is called "{camera}"{suggest(camera, cameras)}'
        elif slash and zone not in zones:
            yield (*key, index), f'no zone is called "{zone}"{suggest(zone, zones)}'


def _policy(key: Key, policy: Any, kind: str, standing: bool) -> Found:
    """`standing`: whether it answers stopping or parking."""
    if isinstance(policy, dict):
        key, policy = (*key, "rungs"), policy.get("rungs")
    items = policy if isinstance(policy, list | tuple) else ()
    if not any(isinstance(item, dict) for item in items):
        yield from _steps(key, items, None, kind, standing)
        return
    seen: set[object] = set()
    for index, rung in enumerate(items):
        at: Key = (*key, index)
        after, dwell = _mapping(rung).get("after", 0), _mapping(rung).get("dwell")
        if isinstance(after, int) and (after, dwell) in seen:
            yield at, f"a rung after {after} stands above already"
        if isinstance(after, int) and not isinstance(dwell, list | dict):
            seen.add((after, dwell))
        if dwell is not None and not standing:
            yield (*at, "dwell"), f"only who stops or parks has a dwell, not {kind}"
        steps = _mapping(rung).get("steps")
        steps = steps if isinstance(steps, list | tuple) else ()
        yield from _steps((*at, "steps"), steps, dwell, kind, standing)


def _steps(key: Key, steps: Any, dwell: Any, kind: str, standing: bool) -> Found:
    words = [step for step in steps if isinstance(step, str)]
    for index, step in enumerate(words):
        if step in words[:index]:
            yield (*key, index), f'"{step}" is listed twice'
        elif step in _REACHED and not standing:
            yield (*key, index), f'"{step}" is for who stops or parks, not {kind}'
        elif step == word(Step.TOW) and dwell is None:
            yield (
                (*key, index),
                '"tow" needs a rung with a dwell, e.g. {dwell: 900.0, steps: [tow]}',
            )
