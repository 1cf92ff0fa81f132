"""How a state looks: a tone (colour and shape) and the key of its word."""

from collections.abc import Mapping
from typing import Any

from bconnect_site.kinds import CameraState, SignalAspect, SpeakerStateKind

GOOD, WARN, BAD, BUSY, GONE = "good", "warn", "bad", "busy", "gone"
_CAMERAS = {CameraState.OK: GOOD, CameraState.STALE: BAD, CameraState.FROZEN: BAD,
            CameraState.MOVED: BAD, CameraState.UNKNOWN: GONE, CameraState.ENDED: GONE,
            CameraState.OFF: GONE}  # fmt: skip
_SPEAKERS = {SpeakerStateKind.IDLE: GOOD, SpeakerStateKind.SPEAKING: BUSY,
             SpeakerStateKind.MUTED: WARN, SpeakerStateKind.FAULT: BAD}  # fmt: skip
_NODES = (GOOD, WARN, BAD)


def look(kind: str, told: Mapping[str, Any], silent: bool) -> tuple[str, str]:
    """(tone, key of the word). `silent`: its site was not heard lately, so nothing holds."""
    if silent and kind != "process":  # the listener's process is ours, not the site's
        return GONE, "silent"
    number = told.get("state", 0)
    if kind == "camera":
        state = CameraState(number) if number in list(CameraState) else CameraState.UNKNOWN
        return _CAMERAS.get(state, WARN), f"camera_{state.name.lower()}"
    if kind == "speaker":
        said = SpeakerStateKind(number) if number in list(SpeakerStateKind) else None
        said = said or SpeakerStateKind.UNKNOWN
        return _SPEAKERS.get(said, GONE), f"speaker_{said.name.lower()}"
    if kind == "node":
        level = min(max(int(told.get("level", 2)), 0), 2)
        return _NODES[level], f"node_{_NODES[level]}"
    if kind == "process":
        word = str(told.get("state", "")).partition(":")[0]
        word = word if word in ("running", "refused") else "waiting"
        return (GOOD if word == "running" else BAD), f"process_{word}"
    if kind == "signal":
        number = told.get("aspect", 0)
        aspect = SignalAspect(number) if number in list(SignalAspect) else SignalAspect.UNKNOWN
        return (GONE if not aspect else GOOD), f"signal_{aspect.name.lower()}"
    if kind == "vehicle":
        return (GOOD, "vehicle_fix") if told.get("fix") else (WARN, "vehicle_lost")
    return GOOD, "heard"
