"""The messages of bags and how their topics are offered, without ROS (rosbags)."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import (
    Nodetype,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from bconnect_site.errors import ConfigError, suggest

PACKAGE = "bconnect_msgs"
VIDEO = "foxglove_msgs/msg/CompressedVideo"
# Foxglove's layout: a packet as Annex B; a key frame brings its parameter sets. Where its package
# is not installed, the bag's own definition is all that readers need.
_VIDEO_FIELDS = """
builtin_interfaces/Time timestamp
string frame_id
uint8[] data
string format
"""
_NEVER = QosTime(0, 0)  # unspecified: the middleware's default


class BagError(ConfigError):
    """A bag cannot be read or written; one sentence."""


@cache
def own_types() -> Typestore:
    """ROS's common messages, ours in this version, and the one for encoded pictures."""
    store = get_typestore(Stores.ROS2_KILTED)
    types: dict[str, Any] = dict(get_types_from_msg(_VIDEO_FIELDS, VIDEO))
    for file in sorted(definitions().glob("*.msg")):
        text = file.read_text(encoding="utf-8")
        types.update(get_types_from_msg(text, f"{PACKAGE}/msg/{file.stem}"))
    store.register(types)
    return store


def definitions() -> Path:
    """Folder of our .msg files: the source tree's, else the installed share's.

    Raises BagError when there is neither.
    """
    for above in Path(__file__).resolve().parents:
        if (source := above / "src" / PACKAGE / "msg").is_dir():
            return source
    try:
        from ament_index_python.packages import get_package_share_directory

        share = Path(get_package_share_directory(PACKAGE)) / "msg"
    except (ImportError, LookupError):
        share = Path()
    if not share.name or not share.is_dir():
        raise BagError(f"{PACKAGE}: its message definitions are neither installed nor in src/")
    return share


def encoded(stamp: int, frame_id: str, data: Any, form: str) -> bytes:
    """A packet as CDR of the message for encoded pictures. ``form``: h264 or h265, Annex B."""
    types = own_types()
    time = make(types, "builtin_interfaces/msg/Time", sec=stamp // 10**9, nanosec=stamp % 10**9)
    packet = np.frombuffer(data, np.uint8)
    message = make(types, VIDEO, timestamp=time, frame_id=frame_id, data=packet, format=form)
    return bytes(types.serialize_cdr(message, VIDEO))


def offered_qos(latched: bool) -> Qos:
    """What a topic of ours offers: reliable, and the last message kept where latched."""
    return Qos(
        QosHistory.KEEP_LAST,
        1 if latched else 10,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _NEVER,
        _NEVER,
        QosLiveliness.AUTOMATIC,
        _NEVER,
        False,
    )


def message_type(types: Typestore, name: str) -> Any:
    if name not in types.types:
        known = [n for n in types.types if n.startswith(name.partition("/")[0])]
        raise BagError(f'no message is called "{name}"{suggest(name, known)}')
    return types.types[name]


def make(types: Typestore, name: str, /, **fields: Any) -> Any:
    """A message of a type store; fields not given are empty or 0, sequences become arrays."""
    made = message_type(types, name)
    described = dict(types.fielddefs[name][1])
    for field in fields:
        if field not in described:
            raise BagError(f'{name} has no field "{field}"{suggest(field, described)}')
    return made(
        **{
            field: _fit(description, fields[field])
            if field in fields
            else nothing(types, description)
            for field, description in described.items()
        }
    )


def _fit(description: Any, value: Any) -> Any:
    kind, what = description
    if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE) and what[0][0] == Nodetype.BASE:
        base = what[0][1][0]
        return list(value) if base == "string" else np.ascontiguousarray(value, _dtype(base))
    return value


def nothing(types: Typestore, description: Any) -> Any:
    kind, what = description
    if kind == Nodetype.NAME:
        return make(types, what)
    if kind == Nodetype.BASE:
        zero: Any = {"string": "", "bool": False}
        return zero.get(what[0], 0.0 if what[0].startswith("float") else 0)
    inner, size = what
    if inner[0] != Nodetype.BASE or inner[1][0] == "string":
        return [nothing(types, inner) for _ in range(size if kind == Nodetype.ARRAY else 0)]
    return np.zeros(size if kind == Nodetype.ARRAY else 0, _dtype(inner[1][0]))


def _dtype(base: str) -> Any:
    return {"bool": np.bool_, "byte": np.uint8, "char": np.uint8, "octet": np.uint8}.get(base, base)


def renewed(types: Typestore, name: str, message: Any) -> Any:
    """A message of another version as this type store's: fields it lacks are empty or 0."""
    made: dict[str, Any] = {}
    for field, description in types.fielddefs[name][1]:
        value = getattr(message, field, None)
        kind: Any = description[0]
        what: Any = description[1]
        if value is None:
            made[field] = nothing(types, description)
        elif kind == Nodetype.NAME:
            made[field] = renewed(types, what, value)
        elif kind in (Nodetype.ARRAY, Nodetype.SEQUENCE) and what[0][0] == Nodetype.NAME:
            made[field] = [renewed(types, what[0][1], one) for one in value]
        else:
            made[field] = value
    return types.types[name](**made)
