"""Passwords never reach a log, a diagnostic or a status."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

# Greedy up to the last @ of the word: passwords with an unescaped @ or / are hidden whole.
_USERINFO = re.compile(r"(?<=://)[^\s\"']*@")
_QUERY = re.compile(r"(?i)([?&](?:pass(?:word|wd)?|pwd|token|key|secret|auth)=)[^&\s\"']*")
HIDDEN = "***"


def redact(text: str, url: str = "") -> str:
    """``text`` without credentials; with ``url`` also without its password standing alone."""
    text = _QUERY.sub(rf"\g<1>{HIDDEN}", _USERINFO.sub(f"{HIDDEN}@", text))
    for secret in sorted(secrets(url), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def secrets(url: str) -> set[str]:
    """The password of an URL, as written and decoded; very short ones would blank whole words."""
    match = _USERINFO.search(url)
    if match is None or ":" not in match.group():
        return set()
    password = match.group()[:-1].split(":", 1)[1]
    return {word for word in (password, unquote(password)) if len(word) >= 4}


def host(url: str) -> tuple[str, int | None]:
    """Host and port of a network URL; credentials with odd characters do not confuse it."""
    parts = urlsplit(_USERINFO.sub("", url))
    try:
        return parts.hostname or "", parts.port
    except ValueError:
        return parts.hostname or "", None
