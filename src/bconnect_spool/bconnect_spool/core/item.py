"""What waits to be sent, and what the centre answers, as signed plain JSON."""

import base64
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

ITEM_FORMAT, RECEIPT_FORMAT = "bconnect-spool/1", "bconnect-receipt/1"
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
UNIT = re.compile(r"[a-z][a-z0-9_]{0,47}")
DIGEST = re.compile(r"[0-9a-f]{64}")
KEY_ID = re.compile(r"[0-9a-f]{16}")
KINDS = ("violation",)
LOWEST, HIGHEST = 0, 9
MOST_TEXT = 4096  # bytes of a header; ours have some 300


class Malformed(ValueError):
    """A header or receipt that is not one; str() is the sentence."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be sent: ``sha256`` and ``size`` (bytes) are of the encrypted file.

    ``stamp``: ns, of what it tells. A higher priority goes first.
    """

    unit: str
    id: str
    sha256: str
    size: int
    stamp: int
    key_id: str
    kind: str = "violation"
    priority: int = 5

    def to_bytes(self) -> bytes:
        """What is signed."""
        return _canonical({"format": ITEM_FORMAT, **asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Item":
        """The inverse. Raises Malformed."""
        plain = _plain(data, ITEM_FORMAT)
        _match(plain, "unit", UNIT)
        _match(plain, "id", ID)
        _match(plain, "sha256", DIGEST)
        _match(plain, "key_id", KEY_ID)
        _whole(plain, "size", 1, 1 << 40)
        _whole(plain, "stamp", 0, 1 << 63)
        _whole(plain, "priority", LOWEST, HIGHEST)
        if plain.get("kind") not in KINDS:
            raise Malformed(f"kind: found {_short(plain.get('kind'))}, allowed: {', '.join(KINDS)}")
        _nothing_else(plain, cls.__slots__)
        return cls(**{name: plain[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Receipt:
    """The centre's word that an item is safe there. ``received``: ns."""

    unit: str
    id: str
    sha256: str
    received: int
    key_id: str

    def to_bytes(self) -> bytes:
        """What is signed."""
        return _canonical({"format": RECEIPT_FORMAT, **asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Receipt":
        """The inverse. Raises Malformed."""
        plain = _plain(data, RECEIPT_FORMAT)
        _match(plain, "unit", UNIT)
        _match(plain, "id", ID)
        _match(plain, "sha256", DIGEST)
        _match(plain, "key_id", KEY_ID)
        _whole(plain, "received", 0, 1 << 63)
        _nothing_else(plain, cls.__slots__)
        return cls(**{name: plain[name] for name in cls.__slots__})

    def covers(self, item: Item) -> bool:
        """Whether it is this item's."""
        return (self.unit, self.id, self.sha256) == (item.unit, item.id, item.sha256)


def to_text(signed: bytes, signature: bytes) -> bytes:
    """A header or receipt with its signature, as it is kept and as it travels."""
    told = {"signed": signed.decode(), "signature": base64.b64encode(signature).decode()}
    return json.dumps(told).encode()


def from_text(text: bytes) -> tuple[bytes, bytes]:
    """What was signed, and the signature. Raises Malformed."""
    try:
        told = json.loads(text)
        return told["signed"].encode(), base64.b64decode(told["signature"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Malformed("holds nothing signed") from None


def _canonical(plain: Mapping[str, Any]) -> bytes:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _plain(data: bytes, wanted: str) -> dict[str, Any]:
    if len(data) > MOST_TEXT:
        raise Malformed(f"found {len(data)} bytes, allowed {MOST_TEXT}")
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed("is not JSON") from None
    if not isinstance(plain, dict) or plain.get("format") != wanted:
        found = plain.get("format") if isinstance(plain, dict) else plain
        raise Malformed(f"format: found {_short(found)}, needs {wanted}")
    if _canonical(plain) != data:
        raise Malformed("is not in canonical form")
    return plain


def _match(plain: Mapping[str, Any], key: str, pattern: re.Pattern[str]) -> None:
    value = plain.get(key)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise Malformed(f"{key}: found {_short(value)}, needs {pattern.pattern}")


def _whole(plain: Mapping[str, Any], key: str, low: int, high: int) -> None:
    value = plain.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < high + 1:
        raise Malformed(f"{key}: found {_short(value)}, allowed {low} to {high}")


def _nothing_else(plain: Mapping[str, Any], names: Collection[str]) -> None:
    """What is not read must not be part of what was signed."""
    if more := sorted(set(plain) - {"format", *names}):
        raise Malformed(f"{_short(more[0])}: is no key of it")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
