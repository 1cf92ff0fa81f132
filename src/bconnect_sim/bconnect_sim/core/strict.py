"""Plain values (from YAML) into frozen dataclasses, with one sentence per mistake.

Field metadata: ``minimum``, ``maximum`` (numbers), ``choices`` (words), ``size`` (of a list).
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from bconnect_site.errors import ConfigError, suggest

T = TypeVar("T")


def build(cls: type[T], data: object, where: str, key: str = "") -> T:
    """An instance of ``cls`` from a mapping.

    ``where`` is the file's name and ``key`` the dotted place, both for the sentence.
    Raises ConfigError ``file: key.path: found, allowed``.
    """
    if not isinstance(data, Mapping):
        raise _fault(where, key or "the file", f"must hold keys and values, found {_show(data)}")
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, value in data.items():
        here = f"{key}.{name}" if key else str(name)
        if name not in known:
            raise _fault(where, here, f'no key is called "{name}"{suggest(str(name), known)}')
        values[name] = _value(hints[name], known[name], value, where, here)
    for name, field in known.items():
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and name not in values:
            raise _fault(where, f"{key}.{name}" if key else name, "is missing")
    return cls(**values)


def _fault(where: str, key: str, sentence: str) -> ConfigError:
    return ConfigError(f"{where}: {key}: {sentence}")


def _show(value: object) -> str:
    if isinstance(value, Mapping):
        return "keys and values"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f'"{value}"'


def _value(hint: Any, field: Field[Any], value: object, where: str, key: str) -> Any:
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(a for a in get_args(hint) if a is not type(None))
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, where, key)
    if get_origin(hint) is tuple:
        return _list(hint, field, value, where, key)
    if get_origin(hint) in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise _fault(where, key, f"must hold keys and values, found {_show(value)}")
        item = get_args(hint)[1]
        return {
            str(k): _value(item, field, v, where, f"{key}.{k}")
            for k, v in _known(value, field, where, key)
        }
    return _one(hint, field, value, where, key)


def _known(value: Mapping[Any, Any], field: Field[Any], where: str, key: str) -> Any:
    names = field.metadata.get("names")
    for name, item in value.items():
        if names and name not in names:
            raise _fault(where, f"{key}.{name}", f'"{name}" is not known{suggest(name, names)}')
        yield name, item


def _list(hint: Any, field: Field[Any], value: object, where: str, key: str) -> tuple[Any, ...]:
    args = get_args(hint)
    size = field.metadata.get("size") if args[-1] is Ellipsis else len(args)
    if not isinstance(value, list) or (size is not None and len(value) != size):
        wanted = f"a list of {size} numbers" if size else "a list"
        found = f"{len(value)} of them" if isinstance(value, list) else _show(value)
        raise _fault(where, key, f"must be {wanted}, found {found}")
    item = args[0]
    return tuple(_value(item, field, v, where, f"{key}[{i}]") for i, v in enumerate(value))


def _one(hint: Any, field: Field[Any], value: object, where: str, key: str) -> Any:
    if hint is str:
        if not isinstance(value, str):
            raise _fault(where, key, f"must be a word, found {_show(value)}")
        choices = field.metadata.get("choices")
        if choices and value not in choices:
            raise _fault(where, key, f'found "{value}"{suggest(value, choices)}')
        return value
    if hint is bool:
        if not isinstance(value, bool):
            raise _fault(where, key, f"must be true or false, found {_show(value)}")
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value):  # type: ignore[arg-type]
        raise _fault(where, key, f"must be a number, found {_show(value)}")
    if hint is int and value != int(value):  # type: ignore[call-overload]
        raise _fault(where, key, f"must be a whole number, found {value}")
    low, high = field.metadata.get("minimum", -math.inf), field.metadata.get("maximum", math.inf)
    if not low <= value <= high:  # type: ignore[operator]
        raise _fault(where, key, f"found {value}, allowed {low} to {high}")
    return hint(value)
