"""Field types of site files: words, names, times and points that check themselves."""

import re
from collections.abc import Callable
from datetime import date, time
from enum import IntEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from bconnect_site import geometry, names
from bconnect_site.errors import suggest
from bconnect_site.kinds import Colour, RoadUserKind, Step, ViolationType, ZoneKind, words
from bconnect_site.schedule import format_clock, parse_clock, parse_days

ENV = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
BASIS_KINDS = ("sign", "marking", "signal", "movement")
SCHEMES = ("rtsp", "rtsps", "file", "v4l2", "http", "https", "sim")


class Strict(BaseModel):
    """Base of everything a file may hold: no unknown key, no silent conversion, frozen."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, validate_default=True, allow_inf_nan=False
    )


def fault(sentence: str) -> PydanticCustomError:
    """A mistake whose sentence is ours. Braces in it are kept as written."""
    return PydanticCustomError("bconnect", "{sentence}", {"sentence": sentence})


def _known(kinds: type[IntEnum], what: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in words(kinds):
            raise fault(f'no {what} is called "{value}"{suggest(value, words(kinds))}')
        return value

    return check


def _zone_kind(value: object) -> ZoneKind:
    if isinstance(value, ZoneKind) and value:
        return value
    if not isinstance(value, str):
        raise fault(f"must be a word, found {value!r}; allowed: {', '.join(words(ZoneKind))}")
    _known(ZoneKind, "kind of zone")(value)
    return ZoneKind[value.upper()]


def _schema(kinds: type[IntEnum]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(words(kinds))})


def _name(value: str) -> str:
    if not names.is_name(value):
        raise fault(
            f'"{value}" is not a name; needs lower-case letters, digits and single underscores, '
            f"a letter first, at most {names.MAX_NAME_LENGTH} characters"
        )
    return value


def _clock(value: object) -> time:
    try:
        return parse_clock(value)
    except ValueError as error:
        raise fault(str(error)) from None


def _day(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value  # told as a wrong type
    return value


def _days(value: str) -> str:
    try:
        parse_days(value)
    except ValueError as error:
        raise fault(str(error)) from None
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise fault(f'no time zone is called "{value}"; e.g. Asia/Makassar') from None
    return value


def _geometry(check: Callable[[Any], str | None]) -> AfterValidator:
    def validate(points: Any) -> Any:
        if (sentence := check(points)) is not None:
            raise fault(sentence)
        return points

    return AfterValidator(validate)


def _policy(value: str) -> str:
    known = ("default", *words(ViolationType))
    if value not in known:
        raise fault(f'no policy is called "{value}"{suggest(value, known)}')
    return value


def _basis(value: str) -> str:
    first = value.split()[0] if value.split() else ""
    if first not in BASIS_KINDS:
        raise fault(
            f'found "{value}"; its first word must be one of: {", ".join(BASIS_KINDS)}, '
            'e.g. "sign S-12"'
        )
    return value


def _points_schema(least: int, most: int | None) -> WithJsonSchema:
    fraction = {"type": "number", "minimum": 0, "maximum": 1}
    point = {"type": "array", "items": fraction, "minItems": 2, "maxItems": 2}
    points = {"type": "array", "items": point, "minItems": least}
    return WithJsonSchema(points if most is None else {**points, "maxItems": most})


def _reference(value: str) -> str:
    """Refuses secrets in a file and half-written ``${...}``."""
    if "${" in ENV.sub("", value):
        raise fault(f'holds a broken "${{...}}" in "{_mask(value)}"; write ${{NAME}}')
    if _mask(value) != value:
        raise fault(
            "holds a password; keep it out of the file: write ${NAME} and set NAME in "
            "the environment"
        )
    return value


def _mask(value: str) -> str:
    """The text with every password in it replaced by ``***``; ``${NAME}`` is no password."""
    text = re.sub(r"(://[^/@\s:]*:)(?!(?:\$\{\w+\})+@)[^/\s]+@", r"\1***@", value)
    return re.sub(
        r"((?:password|passwd|pwd|token|secret|key)=)(?!\$\{\w+\}(?:[&;/]|$))[^&;/\s]+",
        r"\1***",
        text,
        flags=re.IGNORECASE,
    )


mask_secrets = _mask


def _source(value: str) -> str:
    _reference(value)
    scheme, separator, rest = value.partition("://")
    if value.startswith("${"):
        return value
    if not separator:
        raise fault(f'found "{value}"; needs a URL: {", ".join(s + "://" for s in SCHEMES)}')
    if scheme not in SCHEMES:
        raise fault(f'no source is called "{scheme}"{suggest(scheme, SCHEMES)}')
    if not rest:
        raise fault(f'found "{value}"; the part after :// is missing')
    return value


def _gate(value: str) -> str:
    camera, slash, zone = value.partition("/")
    if not slash or not names.is_name(camera) or not names.is_name(zone):
        raise fault(f'found "{value}"; needs camera/zone, e.g. utara/gerbang')
    return value


def _camera_or_zone(value: str) -> str:
    camera, slash, zone = value.partition("/")
    if not names.is_name(camera) or (slash and not names.is_name(zone)):
        raise fault(f'found "{value}"; needs a camera, or camera/zone, e.g. utara/bahu')
    return value


Gate = Annotated[str, AfterValidator(_gate)]
CameraOrZone = Annotated[str, AfterValidator(_camera_or_zone)]
Name = Annotated[
    str, AfterValidator(_name), Field(json_schema_extra={"pattern": names.NAME_PATTERN})
]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Rule = Annotated[str, AfterValidator(_known(ViolationType, "rule")), _schema(ViolationType)]
PolicyName = Annotated[str, AfterValidator(_policy)]
Basis = Annotated[str, Field(max_length=120), AfterValidator(_basis)]
RoadUserWord = Annotated[
    str, AfterValidator(_known(RoadUserKind, "road user")), _schema(RoadUserKind)
]
ColourWord = Annotated[str, AfterValidator(_known(Colour, "colour")), _schema(Colour)]
StepWord = Annotated[str, AfterValidator(_known(Step, "step")), _schema(Step)]
Kind = Annotated[
    ZoneKind,
    PlainValidator(_zone_kind),
    PlainSerializer(lambda kind: kind.name.lower(), return_type=str),
    _schema(ZoneKind),
]
Clock = Annotated[
    time,
    PlainValidator(_clock),
    PlainSerializer(format_clock, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"}),
]
Day = Annotated[date, BeforeValidator(_day)]
Days = Annotated[str, AfterValidator(_days)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Reference = Annotated[str, Field(min_length=1), AfterValidator(_reference)]
Source = Annotated[str, Field(min_length=1), AfterValidator(_source)]
Seconds = Annotated[float, Field(ge=0.0, le=86400.0, allow_inf_nan=False)]

# YAML knows lists only; `strict=False` lets a list become a tuple and nothing else.
Point = Annotated[tuple[float, float], Field(strict=False)]
Points = Annotated[tuple[Point, ...], Field(strict=False)]
Line = Annotated[Points, _geometry(geometry.line_fault), _points_schema(2, 2)]
Region = Annotated[Points, _geometry(geometry.region_fault), _points_schema(3, None)]
