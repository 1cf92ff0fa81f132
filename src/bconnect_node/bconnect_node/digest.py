"""The digest of a message: the same on either side of the wire, whoever serialised it.

Numbers count as their field's type holds them: a float32 is told by its four bytes, and every NaN
is the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import numpy as np

_MANY = re.compile(r"^(?:sequence<(.+?)(?:, \d+)?>|(.+)\[\d+\])$")
_FLOATS = {"float": "<f4", "double": "<f8"}


def digest(message: Any, without: frozenset[str] = frozenset({"signature"})) -> bytes:
    """SHA-256 over all of a message but some fields of its own."""
    text = json.dumps(_plain(message, without), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).digest()


def _plain(message: Any, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    types = message.get_fields_and_field_types()
    return {
        name: _value(getattr(message, name), kind)
        for name, kind in types.items()
        if name not in without
    }


def _value(value: Any, kind: str) -> Any:
    many = _MANY.match(kind)
    if many is not None:
        inner = many.group(1) or many.group(2)
        return _floats(value, inner) if inner in _FLOATS else [_value(v, inner) for v in value]
    if kind in _FLOATS:
        return _floats([value], kind)
    if hasattr(value, "get_fields_and_field_types"):
        return _plain(value)
    if isinstance(value, bytes):
        return value.hex()
    return bool(value) if kind == "boolean" else value if isinstance(value, str) else int(value)


def _floats(values: Any, kind: str) -> str:
    with np.errstate(over="ignore"):
        array = np.asarray(values, np.float64).astype(_FLOATS[kind])
    array[np.isnan(array)] = np.nan
    return array.tobytes().hex()
