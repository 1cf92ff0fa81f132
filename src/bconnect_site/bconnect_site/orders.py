"""Orders: what acts on the world, signed by whoever may order it (Ed25519).

An order is its kind, its fields, the key that signed it, a counter that key never uses twice for
this kind, and the moment after which it is worth nothing. What is signed is one JSON text: keys
sorted, no spaces, ASCII with \\u escapes, whole numbers and texts only. `fields` always names the
site, so that an order for one street is worth nothing in another. Pure: no files, no clock.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bconnect_site.keys import PublicKey, verify

FORMAT = "bconnect-order/1"
SECOND = 1_000_000_000
HIGHEST = (1 << 64) - 1

ANNOUNCE = "announce"
MEASURE = "measure"
TOW_ORDER = "tow_order"
STICKER = "sticker"
REVIEW = "review"

# Everything the messages hold. Numbers are unsigned; stamps are ns since 1970 UTC.
FIELDS: dict[str, dict[str, type]] = {
    ANNOUNCE: {
        "site": str, "id": str, "speaker": str, "phrase": str, "finding_id": str, "priority": int,
        "road_user_kind": int, "colour": int, "place": str, "plate": str, "stamp": int,
    },
    MEASURE: {
        "site": str, "id": str, "violation_id": str, "camera": str, "violation_type": int,
        "step": int, "mode": int, "reason": str, "policy": str, "history": int, "due": int,
        "stamp": int,
    },
    TOW_ORDER: {
        "site": str, "id": str, "status": int, "officer": str, "truck": str, "yard": str,
        "detail": str,
    },
    STICKER: {"site": str, "id": str, "status": int, "officer": str, "detail": str},
    REVIEW: {"site": str, "number": str, "decision": int, "reviewer": str, "reason": str},
}  # fmt: skip
VIOLATION = "violation"  # no order: to say what was sealed (bconnect_node.witness)
RIGHTS = (*FIELDS, VIOLATION)  # a key may sign the kinds it has the right to

# ns an order may still be worth something; signed for longer it is refused.
LONGEST = {
    ANNOUNCE: 120 * SECOND,
    MEASURE: 26 * 3600 * SECOND,
    TOW_ORDER: 300 * SECOND,
    STICKER: 300 * SECOND,
    REVIEW: 300 * SECOND,
}

Value = str | int


class Refused(ValueError):
    """An order nobody follows. `reason` is two words for counting, str() one sentence."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class Signing(Protocol):
    """Who signs: a Keyring."""

    @property
    def key_id(self) -> str: ...

    def sign(self, data: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order as it travels."""

    kind: str
    fields: Mapping[str, Value]
    key_id: str
    counter: int
    expires: int
    signature: bytes

    def to_json(self) -> str:
        """One line of text that from_json reads back the same."""
        plain = {
            "format": FORMAT,
            "kind": self.kind,
            "fields": dict(self.fields),
            "key_id": self.key_id,
            "counter": self.counter,
            "expires": self.expires,
            "signature": base64.b64encode(self.signature).decode("ascii"),
        }
        return json.dumps(plain, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> "SignedOrder":
        """An order of to_json's text, not yet checked. Raises ValueError for anything else."""
        try:
            plain = json.loads(text)
            if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
                raise ValueError
            plain["signature"] = base64.b64decode(plain["signature"], validate=True)
            order = cls(**plain)
            canonical(order.kind, order.fields, order.key_id, order.counter, order.expires)
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ValueError(f"is no order ({FORMAT})") from None
        return order


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key a site listens to, and for what."""

    name: str
    public: PublicKey
    rights: frozenset[str]


Trusted = Mapping[str, TrustedKey]  # by key id


def canonical(
    kind: str, fields: Mapping[str, Value], key_id: str, counter: int, expires: int
) -> bytes:
    """The bytes that are signed. Raises ValueError, one sentence, for what no order can say."""
    wanted = FIELDS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        raise ValueError(f"kind: found {kind!r:.60}, allowed: {', '.join(FIELDS)}")
    if not isinstance(fields, Mapping) or set(fields) != set(wanted):
        raise ValueError(f"{kind}: needs exactly the fields {', '.join(wanted)}")
    plain = {
        "format": FORMAT,
        "kind": kind,
        "fields": {name: _value(name, fields[name], wanted[name]) for name in wanted},
        "key_id": _value("key_id", key_id, str),
        "counter": _value("counter", counter, int),
        "expires": _value("expires", expires, int),
    }
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode("ascii")


def _value(name: str, value: object, kind: type) -> Value:
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value <= HIGHEST:
            return int(value)
        shown = f"{value:.6g}" if abs(value) < 1 << 1000 else "one of hundreds of digits"
        raise ValueError(f"{name}: found {shown}, allowed 0 to {HIGHEST}")
    if kind is str and isinstance(value, str):
        # Two lone surrogates would be written like the one character they are halves of.
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise ValueError(f"{name}: holds half a character")
        return str(value)
    raise ValueError(f"{name}: must be a {'whole number' if kind is int else 'text'}")


def sign_order(
    keyring: Signing, kind: str, fields: Mapping[str, Value], counter: int, expires: int
) -> SignedOrder:
    """The order, signed. `counter`: larger than the key's last of this kind; `expires`: ns.

    Raises ValueError, one sentence, where a field is missing, unknown or of the wrong type.
    """
    key_id = keyring.key_id
    signature = keyring.sign(canonical(kind, fields, key_id, counter, expires))
    return SignedOrder(kind, dict(fields), key_id, int(counter), int(expires), signature)


def check(order: SignedOrder, trusted: Trusted, now: int) -> TrustedKey:
    """Who signed it, where that key is trusted, has the right, and the order is not too old.

    `now` in ns. Raises Refused. That it was not followed before is for Used to say.
    """
    what = order.kind
    if not order.key_id or not order.signature:
        raise Refused("unsigned", f"{what}: refused one that nobody signed")
    key = trusted.get(order.key_id)
    if key is None:
        raise Refused("unknown key", f"{what}: refused one signed by a key nobody trusts here")
    try:
        data = canonical(order.kind, order.fields, order.key_id, order.counter, order.expires)
    except ValueError:
        raise Refused(
            "bad signature", f"{what}: refused one that cannot have been signed"
        ) from None
    if not verify(key.public, data, order.signature):
        raise Refused("bad signature", f"{what}: refused one that is not as {key.name} signed it")
    if what not in key.rights:
        rights = ", ".join(sorted(key.rights)) or "nothing"
        raise Refused("no right", f"{what}: refused one by {key.name}, which may order: {rights}")
    if now > order.expires:
        raise Refused("stale", f"{what}: refused one by {key.name} that came too late")
    if order.expires - now > LONGEST[what]:
        longest = LONGEST[what] // SECOND
        raise Refused(
            "valid too long",
            f"{what}: refused one by {key.name} signed for longer than {longest} s; are the clocks "
            "right?",
        )
    return key


class Used:
    """Counters that were followed, by key and kind: the newest `most`, below them all."""

    def __init__(self, most: int = 1024) -> None:
        self._most = most
        self._seen: dict[tuple[str, str], set[int]] = {}
        self._floor: dict[tuple[str, str], int] = {}

    def __contains__(self, order: SignedOrder) -> bool:
        at = (order.key_id, order.kind)
        return order.counter <= self._floor.get(at, 0) or order.counter in self._seen.get(at, ())

    def add(self, key_id: str, kind: str, counter: int) -> None:
        """Counts as followed from now on. Keys come from the trusted, so they are few."""
        at = (key_id, kind)
        seen = self._seen.setdefault(at, set())
        seen.add(counter)
        while len(seen) > self._most:
            lowest = min(seen)
            seen.remove(lowest)
            self._floor[at] = max(lowest, self._floor.get(at, 0))

    def lines(self) -> list[str]:
        """One "key kind counter" each, oldest first; the first of a key is its floor."""
        return [
            f"{key_id} {kind} {counter}"
            for (key_id, kind), seen in sorted(self._seen.items())
            for counter in sorted({*seen, self._floor.get((key_id, kind), 0)})
            if counter
        ]
