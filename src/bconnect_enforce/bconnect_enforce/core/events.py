"""Acts beside decisions (a referral handed out, a rule disarmed or rearmed): a chain of lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace

from bconnect_enforce.core.citation import GENESIS, MAX_TEXT, Refused, digest
from bconnect_enforce.core.records import Event

REFERRAL, ERASURE = "referral", "erasure"


def linked(event: Event, previous_hash: str) -> Event:
    """The event as the next line. Raises Refused where who or why is missing or too long."""
    event = replace(event, who=event.who.strip(), why=event.why.strip())
    for name in ("who", "why"):
        text = getattr(event, name)
        if not text:
            raise Refused(f"{name}: empty; say {name}")
        if len(text) > MAX_TEXT:
            raise Refused(f"{name}: {len(text)} characters, allowed: at most {MAX_TEXT}")
    event = replace(event, previous_hash=previous_hash)
    return replace(event, hash=event_hash(event))


def event_hash(event: Event) -> str:
    """SHA-256 (hex) over every field but the hash, the previous line's included."""
    return digest({name: value for name, value in asdict(event).items() if name != "hash"})


def broken_event(events: Iterable[Event]) -> Event | None:
    """The first line, in the order written, that does not hold; None: all do."""
    previous = GENESIS
    for event in events:
        if event.previous_hash != previous or event.hash != event_hash(event):
            return event
        previous = event.hash
    return None
