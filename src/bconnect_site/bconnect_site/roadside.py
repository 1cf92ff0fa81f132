"""What officers and the towing service are asked to do on the road, as a site file says it."""

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from bconnect_site.fields import ENV, Reference, Seconds, Strict, Text, fault
from bconnect_site.yamlfile import Key

__all__ = ["StickerSettings", "TowSettings", "check_tow"]

Truck = Annotated[str, Field(min_length=1, max_length=100)]


def _secret(value: str) -> str:
    if ENV.fullmatch(value) is None:
        raise fault("is a secret; write ${NAME} and set NAME in the environment")
    return value


def _webhook(value: str) -> str:
    if value.startswith("${"):
        return value
    parts = urlsplit(ENV.sub("x", value))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise fault(f'found "{value}"; needs https://host/path, http://host/path or ${{NAME}}')
    return value


class TowSettings(Strict):
    """Who tows, and where to. Nothing moves before an officer's yes."""

    webhook: Annotated[Reference, AfterValidator(_webhook)] | None = Field(
        default=None, description="where the towing service hears of its jobs; none: it does not"
    )
    secret: Annotated[Reference, AfterValidator(_secret)] | None = Field(
        default=None, description="signs what goes there (HMAC-SHA256), as ${NAME}"
    )
    timeout: float = Field(
        default=5.0, gt=0.0, le=60.0, description="s the towing service has to answer"
    )
    tell_plate: bool = Field(
        default=False, description="tell the towing service the plate of what it was ordered to tow"
    )
    yard: Text | None = Field(default=None, description="where vehicles are brought")
    trucks: Annotated[tuple[Truck, ...], Field(strict=False)] = Field(
        default=(), description="the trucks there are; none given: any name will do"
    )
    propose_for: Seconds = Field(
        default=900.0,
        gt=0.0,
        description="s a proposal waits for an officer's yes, then it is dropped",
    )


class StickerSettings(Strict):
    """What is asked of officers who put stickers on vehicles."""

    due: Seconds = Field(
        default=1800.0, gt=0.0, description="s after the offence in which it must be done"
    )


def check_tow(site: dict[str, Any]) -> Iterator[tuple[Key, str]]:
    """A webhook and the secret that signs it go together."""
    tow = site.get("tow")
    if not isinstance(tow, dict):
        return
    for given, missing in (("webhook", "secret"), ("secret", "webhook")):
        if tow.get(given) is not None and tow.get(missing) is None:
            yield ("tow", missing), f"is missing; {given} is given and needs it"


def roadside_nodes(site: dict[str, Any]) -> list[str]:
    """Which of ``sticker`` and ``tow`` a site needs: its ladder names the step, or its file the
    settings."""
    ladder = site.get("ladder")
    named = set(_words(ladder.get("policies"))) if isinstance(ladder, dict) else set()
    places = ladder.get("places") if isinstance(ladder, dict) else None
    for place in places.values() if isinstance(places, dict) else ():
        named |= set(_words(place.get("policy"))) if isinstance(place, dict) else set()
    return [node for node, usual in _USUAL.items() if node in named or _given(site, node, usual)]


_USUAL = {"sticker": StickerSettings(), "tow": TowSettings()}


def _given(site: dict[str, Any], node: str, usual: Strict) -> bool:
    plain = usual.model_dump()
    section = site.get(node)
    return isinstance(section, dict) and any(
        value != plain.get(key) for key, value in section.items()
    )


def _words(value: Any) -> Iterator[str]:
    """Every text inside of lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner)
