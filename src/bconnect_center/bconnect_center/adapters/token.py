"""The word by which pages and listeners of one centre know each other."""

import secrets
from pathlib import Path

from bconnect_site import disk
from bconnect_site.errors import ConfigError

NAME = "listener.token"


def token_of(root: Path) -> str:
    """The token, made at the first call; its file is readable by its owner only.

    Raises ConfigError where it can neither be read nor made.
    """
    path = root / NAME
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        token = disk.secret(path, lambda: secrets.token_urlsafe(32).encode()).decode().strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    if len(token) < 32:
        raise ConfigError(f"{path}: holds no token; remove the file, a new one is made")
    return token
