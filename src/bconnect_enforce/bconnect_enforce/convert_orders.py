"""Orders to messages and requests, and back."""

from __future__ import annotations

from typing import Any

from bconnect_msgs import msg as messages
from bconnect_msgs.srv import ReviewCitation, UpdateStickerTask, UpdateTowJob

from bconnect_enforce.convert import ns, time
from bconnect_site.orders import (
    ANNOUNCE,
    FIELDS,
    MEASURE,
    REVIEW,
    SECOND,
    STICKER,
    TOW_ORDER,
    SignedOrder,
    Value,
)

MESSAGES: dict[str, Any] = {ANNOUNCE: messages.Announcement, MEASURE: messages.Measure}
REQUESTS: dict[str, Any] = {
    TOW_ORDER: UpdateTowJob,
    STICKER: UpdateStickerTask,
    REVIEW: ReviewCitation,
}
_TIMES = frozenset({"due"})
_HIGHEST = {"uint8": (1 << 8) - 1, "uint32": (1 << 32) - 1}  # rclpy itself would wrap them
_LAST = (1 << 31) - 1  # s, of a Time


def fields_of(kind: str, m: Any, site: str) -> dict[str, Value]:
    """What is signed of a message or request. `site` where it names none itself."""
    fields: dict[str, Value] = {}
    for name in FIELDS[kind]:
        if name == "site":
            fields[name] = getattr(m, name, site)
        elif name == "stamp":
            fields[name] = ns(m.header.stamp)
        else:
            value = getattr(m, name)
            fields[name] = ns(value) if name in _TIMES else value
    return fields


def order_from(kind: str, m: Any, site: str) -> SignedOrder:
    """A message or request as the order it claims to be."""
    fields = fields_of(kind, m, site)
    return SignedOrder(kind, fields, m.key_id, m.counter, ns(m.expires), bytes(m.signature))


def put(m: Any, order: SignedOrder) -> None:
    """Writes the signature onto the message or request it was made of."""
    m.key_id, m.counter = order.key_id, order.counter
    m.expires, m.signature = time(order.expires), list(order.signature)


def message_of(order: SignedOrder) -> Any:
    """The message of an announcement or measure. Raises ValueError where it does not fit."""
    return _filled(MESSAGES[order.kind](), order)


def request_of(order: SignedOrder) -> Any:
    """The service request of an officer's order. Raises ValueError where it does not fit."""
    return _filled(REQUESTS[order.kind].Request(), order)


def _filled(m: Any, order: SignedOrder) -> Any:
    types = m.get_fields_and_field_types()
    for name, value in order.fields.items():
        if name == "stamp":
            m.header.stamp = _time(name, value)
        elif name != "site" or name in types:
            if isinstance(value, int) and value > _HIGHEST.get(types[name], value):
                raise ValueError(f"{name}: found {value}, allowed 0 to {_HIGHEST[types[name]]}")
            setattr(m, name, _time(name, value) if name in _TIMES else value)
    _time("expires", order.expires)
    put(m, order)
    return m


def _time(name: str, value: Value) -> Any:
    if int(value) // SECOND > _LAST:
        raise ValueError(f"{name}: found {value}, allowed 0 to {_LAST} s")
    return time(int(value))
