"""ROS parameters as one frozen dataclass: its fields are the names, types, defaults and limits."""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from bconnect_site.errors import ConfigError, suggest

T = TypeVar("T")

_ROS_TYPES: dict[Any, Parameter.Type] = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
    list[bool]: Parameter.Type.BOOL_ARRAY,
    list[int]: Parameter.Type.INTEGER_ARRAY,
    list[float]: Parameter.Type.DOUBLE_ARRAY,
    list[str]: Parameter.Type.STRING_ARRAY,
}
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list[bool]: "a list of true or false",
    list[int]: "a list of whole numbers",
    list[float]: "a list of numbers",
    list[str]: "a list of texts",
}
_ROS_OWN = frozenset({"use_sim_time", "start_type_description_service"})


def field(
    default: Any = dataclasses.MISSING,
    description: str = "",
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[Any] | None = None,
) -> Any:
    """A dataclass field with what its parameter may be; no default means it must be given."""
    limits = {"minimum": minimum, "maximum": maximum, "choices": choices}
    metadata = {"description": description} | {k: v for k, v in limits.items() if v is not None}
    if isinstance(default, list):
        return dataclasses.field(
            default_factory=functools.partial(list, default), metadata=metadata
        )
    return dataclasses.field(default=default, metadata=metadata)


def declare(node: Node, params_type: type[T]) -> T:
    """Declares every field of a dataclass as a read-only parameter and returns their values.

    Raises ConfigError with one sentence for each parameter that is unknown, missing, of
    the wrong type or out of its range.
    """
    name = node.get_fully_qualified_name()
    given = dict(getattr(node, "_parameter_overrides", {}))
    values: dict[str, Any] = {}
    for option in dataclasses.fields(_dataclass(params_type)):
        default = _default(option)
        descriptor = ParameterDescriptor(
            description=option.metadata.get("description", ""),
            additional_constraints=_allowed(option, _kind(params_type, option.name)),
            read_only=True,
            dynamic_typing=True,  # our own check says more than rclpy's
        )
        declared = node.declare_parameter(
            option.name, None if default is dataclasses.MISSING else default, descriptor
        )
        if option.name in given or default is dataclasses.MISSING:
            values[option.name] = declared.value
    return check(params_type, values, name, unknown=given)


def check(
    params_type: type[T],
    values: Mapping[str, Any],
    where: str,
    *,
    unknown: Mapping[str, Any] | None = None,
) -> T:
    """The dataclass made of plain values. Raises ConfigError, each sentence begins with where."""
    options = {option.name: option for option in dataclasses.fields(_dataclass(params_type))}
    sentences, good = [], {}
    for name in unknown if unknown is not None else values:
        if name not in options and name not in _ROS_OWN and not name.startswith("qos_overrides."):
            sentences.append(f"{where}: {name}: no parameter is called so{suggest(name, options)}")
    for name, option in options.items():
        value = values.get(name)
        if value is None:
            if _default(option) is dataclasses.MISSING:
                allowed = _allowed(option, _kind(params_type, name))
                sentences.append(f"{where}: {name}: is missing; needs {allowed}")
            continue
        try:
            good[name] = _value(option, _kind(params_type, name), value)
        except ConfigError as error:
            sentences.append(f"{where}: {name}: {error}")
    if sentences:
        raise ConfigError(*sentences)
    try:
        return params_type(**good)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def to_overrides(params_type: type, values: Mapping[str, Any], where: str) -> list[Parameter]:
    """Plain values as rclpy parameters of the fields' types. Raises ConfigError like check()."""
    checked: Any = check(params_type, values, where)
    own = [Parameter(name, value=values[name]) for name in _ROS_OWN if name in values]
    return own + [
        Parameter(name, _ROS_TYPES[_kind(params_type, name)], getattr(checked, name))
        for name in values
        if name not in _ROS_OWN and values[name] is not None
    ]


def _dataclass(params_type: Any) -> Any:
    if not dataclasses.is_dataclass(params_type):
        raise TypeError(f"{params_type} is not a dataclass")
    return params_type


@functools.cache
def _kinds(params_type: Any) -> dict[str, Any]:
    return typing.get_type_hints(params_type)


def _kind(params_type: Any, name: str) -> Any:
    kind = _kinds(params_type)[name]
    if typing.get_origin(kind) is tuple:  # tuple[str, ...] is list[str] that cannot change
        kind = types.GenericAlias(list, typing.get_args(kind)[0])
    if kind not in _ROS_TYPES:
        raise TypeError(f"{params_type.__name__}.{name}: {kind} cannot be a ROS parameter")
    return kind


def _default(option: Any) -> Any:
    if option.default_factory is not dataclasses.MISSING:
        value = option.default_factory()
        return list(value) if isinstance(value, tuple) else value
    return list(option.default) if isinstance(option.default, tuple) else option.default


def _value(option: Any, kind: Any, value: Any) -> Any:
    """The value in the field's type, or ConfigError with found and allowed."""
    refused = ConfigError(f"found {_shown(value)}; allowed: {_allowed(option, kind)}")
    items: list[Any] = [value]
    single = kind
    if typing.get_origin(kind) is list:
        single = typing.get_args(kind)[0]
        if isinstance(value, str | bytes) or not isinstance(value, Sequence | typing.Iterable):
            raise refused
        items = list(value)
    good = []
    for item in items:
        fits = type(item) is single or (single is float and type(item) is int)
        if not fits or not _within(option, float(item) if single is float else item):
            raise refused
        good.append(single(item))
    return good if single is not kind else good[0]


def _within(option: Any, value: Any) -> bool:
    choices = option.metadata.get("choices")
    if choices is not None and value not in choices:
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    low, high = option.metadata.get("minimum"), option.metadata.get("maximum")
    if isinstance(value, bool | str):
        return True
    return (low is None or value >= low) and (high is None or value <= high)


def _allowed(option: Any, kind: Any) -> str:
    choices = option.metadata.get("choices")
    if choices is not None:
        return ", ".join(map(str, choices))
    low, high = option.metadata.get("minimum"), option.metadata.get("maximum")
    if low is not None and high is not None:
        return f"{_WORDS[kind]} from {low} to {high}"
    if low is not None:
        return f"{_WORDS[kind]} of at least {low}"
    if high is not None:
        return f"{_WORDS[kind]} of at most {high}"
    return _WORDS[kind]


def _shown(value: Any) -> str:
    return repr(list(value)) if hasattr(value, "typecode") else repr(value)
