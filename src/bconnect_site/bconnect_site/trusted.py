"""Whose orders a site follows: its own keys, and those its file names."""

import json
import stat
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bconnect_site import disk
from bconnect_site.errors import ConfigError
from bconnect_site.keys import PublicKey, key_id, public_pem, publics
from bconnect_site.orders import ANNOUNCE, MEASURE, REVIEW, RIGHTS, STICKER, TOW_ORDER, TrustedKey

FORMAT = "bconnect-trusted/1"
LADDER, DESK = "ladder", "desk"  # the site's own keys
OWN = {
    LADDER: frozenset({ANNOUNCE, MEASURE}),
    DESK: frozenset({REVIEW, TOW_ORDER, STICKER}),  # officers at this machine's command line
}


def public_of(path: Path) -> PublicKey:
    """The one public key of a PEM file. Raises ConfigError."""
    return next(iter(publics(path).values()))


def write_trusted(path: Path, keys: Iterable[TrustedKey]) -> None:
    """The list the nodes read, whole or not at all. Raises ConfigError, OSError."""
    rows: dict[str, dict[str, object]] = {}
    for key in keys:
        id_ = key_id(key.public)
        if id_ in rows:
            raise ConfigError(
                f"trusted.{key.name}.key: is the key of {rows[id_]['name']}; each needs its own"
            )
        pem = public_pem(key.public).decode("ascii")
        rows[id_] = {"name": key.name, "rights": sorted(key.rights), "pem": pem}
    plain = {"format": FORMAT, "keys": [*rows.values()]}
    disk.replace(path, (json.dumps(plain, indent=1) + "\n").encode(), many=True)


def read_trusted(path: Path) -> dict[str, TrustedKey]:
    """Keys by id. Raises ConfigError, one sentence."""
    try:
        open_to_others = path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format"] != FORMAT:
            raise ValueError
        keys = [_key(row) for row in plain["keys"]]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{path}: {reason}; `bconnect up` writes it") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: is no list of trusted keys ({FORMAT})") from None
    if open_to_others:
        raise ConfigError(f"{path}: others may write it, allowed: its owner; run chmod go-w")
    return {key_id(key.public): key for key in keys}


def _key(row: dict[str, object]) -> TrustedKey:
    public = load_pem_public_key(str(row["pem"]).encode("ascii"))
    rights = frozenset(map(str, row["rights"]))  # type: ignore[call-overload]
    if not isinstance(public, PublicKey) or not rights <= set(RIGHTS):
        raise ValueError
    return TrustedKey(str(row["name"]), public, rights)
