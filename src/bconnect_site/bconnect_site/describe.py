"""Turns what pydantic found into sentences: found, allowed."""

from collections.abc import Iterable
from datetime import date
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bconnect_site.errors import ConfigError, printable, suggest
from bconnect_site.fields import mask_secrets
from bconnect_site.yamlfile import Key, dotted

Model = TypeVar("Model", bound=BaseModel)

_IN_SECONDS = (
    *("dwell", "grace", "cooldown", "before", "after", "timeout", "max_age"),
    *("ring_seconds", "lost_seconds", "watch"),
)
_UNITS = {
    **dict.fromkeys(_IN_SECONDS, "a number of seconds"),
    "rate": "a number of hertz",
    "limit": "a number of metres per second",
    **dict.fromkeys(("width", "height", "image_size"), "a whole number of pixels"),
    **dict.fromkeys(("latitude", "longitude"), "a number of degrees"),
}
# Parts of a place that are pydantic's, or tags of alternatives, and no keys of the file.
_NO_KEYS = ("[key]", "[policy]", "[rungs]", "[steps]")
_TYPES = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text of whole characters",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "tuple_type": "a list",
    "list_type": "a list",
    "date_type": "a day such as 2026-12-31",
    "date_from_datetime_inexact": "a day such as 2026-12-31",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def show(value: object) -> str:
    """A value as a person would write it, short and without secrets."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = mask_secrets(value)
        return f'"{text[:57]}..."' if len(text) > 60 else f'"{text}"'
    if isinstance(value, int | float | date):
        return str(value)
    if isinstance(value, dict):
        return "keys and values"
    return f"a list of {len(value)}" if isinstance(value, list | tuple) else repr(value)[:60]


def _last_name(key: Key) -> str:
    return next((part for part in reversed(key) if isinstance(part, str)), "")


def _siblings(model: type[BaseModel], key: Key) -> set[str]:
    """The keys a model takes where `key` was found, aliases as written."""
    here: Any = model
    for part in key:
        here = _step(here, part)
    if isinstance(here, type) and issubclass(here, BaseModel):
        return set(_fields(here))
    return set()


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _step(here: Any, part: str | int) -> Any:
    """The type one key further down; None where the key leads nowhere."""
    if get_origin(here) in (Union, UnionType):
        steps = (_step(_bare(arm), part) for arm in get_args(here))
        return next((step for step in steps if step is not None), None)
    if isinstance(here, type) and issubclass(here, BaseModel):
        field = _fields(here).get(str(part))
        return _bare(field.annotation) if field else None
    arguments = get_args(here)
    if not arguments:
        return None
    return _bare(arguments[1] if get_origin(here) is dict else arguments[0])


def _bare(annotation: Any) -> Any:
    """A type without ``Annotated`` and ``| None``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, UnionType):
        arms = [arm for arm in get_args(annotation) if arm is not type(None)]
        return _bare(arms[0]) if len(arms) == 1 else annotation
    return annotation


def _sentence(error: dict[str, Any], key: Key, model: type[BaseModel]) -> str:
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "bconnect":
        return str(context["sentence"])
    if kind == "extra_forbidden":
        name = str(key[-1])
        return f"is not a key here{suggest(name, _siblings(model, key[:-1]))}"
    if kind == "missing":
        return "is missing"
    if kind in _TYPES:
        wanted = _TYPES[kind]
        if kind.startswith(("float", "int")):
            wanted = _UNITS.get(_last_name(key), wanted)
        return f"must be {wanted}, found {show(found)}"
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"must be {words} {context[bound]}, found {show(found)}"
    if kind == "literal_error":
        allowed = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        tail = suggest(found, allowed) if isinstance(found, str) else ""
        return f"found {show(found)}{tail or '; allowed: ' + ', '.join(allowed)}"
    if kind in ("too_short", "too_long"):
        words = "at least" if kind == "too_short" else "at most"
        bound = context.get("min_length", context.get("max_length"))
        return f"needs {words} {bound}, found {context['actual_length']}"
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "string_too_long":
        return f"is longer than {context['max_length']} characters"
    return f"{error['msg']}, found {show(found)}"


def faults(error: ValidationError, model: type[BaseModel]) -> list[tuple[Key, str]]:
    """Every mistake as (key, sentence)."""
    found: list[tuple[Key, str]] = []
    items = error.errors(include_url=False)
    places = {item["loc"] for item in items}
    for item in items:
        loc = item["loc"]
        # A list whose items failed is reported as too short as well.
        if item["type"] == "too_short" and any(p[: len(loc)] == loc != p for p in places):
            continue
        key: Key = tuple(part for part in loc if part not in _NO_KEYS)
        entry = (key, _sentence(dict(item), key, model))
        if entry not in found:
            found.append(entry)
    return found


def _place(lines: dict[Key, int], key: Key) -> int:
    while key and key not in lines:
        key = key[:-1]
    return lines.get(key, 0)


def in_file_order(entries: Iterable[tuple[Key, str]], lines: dict[Key, int]) -> list[str]:
    """Mistakes of one file as ``key: sentence``, first line first."""
    ordered = sorted(entries, key=lambda entry: _place(lines, entry[0]))
    told = [f"{dotted(key)}: {sentence}" if key else sentence for key, sentence in ordered]
    return [printable(sentence) for sentence in told]


def validate(model: type[Model], plain: Any, shown: str, lines: dict[Key, int]) -> Model:
    """The plain values of one file as a model. Raises ConfigError with every mistake."""
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        sentences = in_file_order(faults(error, model), lines)
        raise ConfigError(*(f"{shown}: {sentence}" for sentence in sentences)) from None
