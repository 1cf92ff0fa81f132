"""What tow jobs and sticker tasks share: orders to people on the road, and who gives them."""

from __future__ import annotations

from bconnect_enforce.core.citation import Refused

SECOND = 1_000_000_000
MAX_TEXT = 200


def person(text: str, key: str = "officer") -> str:
    """A person's name, trimmed. Raises Refused where there is none."""
    name = line(text, key)
    if not any(character.isalnum() for character in name):
        raise Refused(f'{key}: found "{name}"; say who decides')
    return name


def line(text: str, key: str) -> str:
    """One line of text, trimmed. Raises Refused where it is too long or cannot be shown."""
    told = " ".join(text.split())
    if len(told) > MAX_TEXT:
        raise Refused(f"{key}: {len(told)} characters, allowed: at most {MAX_TEXT}")
    if not told.isprintable():
        raise Refused(f"{key}: holds a character that cannot be shown")
    return told
