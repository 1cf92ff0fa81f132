"""Who may give orders at a site: its own two keys, and those its file trusts."""

from __future__ import annotations

from typing import Any

from bconnect_enforce.convert_orders import fields_of, put
from bconnect_site.doors import TRUSTED
from bconnect_site.errors import ConfigError
from bconnect_site.keys import PRIVATE, Keyring
from bconnect_site.loaded import LoadedSite, resolve_path
from bconnect_site.orders import SECOND, TrustedKey
from bconnect_site.signer import Signer
from bconnect_site.state import StateLayout
from bconnect_site.trusted import DESK, OWN, public_of, write_trusted

LIFE = 60 * SECOND  # ns an officer's order may be under way


def make_trusted(loaded: LoadedSite, layout: StateLayout) -> None:
    """Makes the site's own keys where there are none, and writes whom its nodes follow.

    Raises ConfigError, OSError.
    """
    layout.orders_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = []
    for name, rights in OWN.items():
        ring = Keyring.open(layout.orders_dir / name)
        keys.append(TrustedKey(name, ring.publics()[ring.key_id], rights))
    wrong = []
    for name, given in loaded.site.trusted.items():
        try:
            public = public_of(resolve_path(loaded, given.key))
            keys.append(TrustedKey(name, public, frozenset(given.rights)))
        except ConfigError as error:
            wrong += [f"{loaded.shown}: trusted.{name}.key: {text}" for text in error.sentences]
    if wrong:
        raise ConfigError(*wrong)
    write_trusted(layout.orders_dir / TRUSTED, keys)


def desk(layout: StateLayout) -> Signer:
    """The key officers at this machine give orders with. Raises ConfigError."""
    folder = layout.orders_dir / DESK
    if not (folder / PRIVATE).exists():
        raise ConfigError(f"{folder}: no key yet; `bconnect up {layout.root.name}` makes one")
    return Signer(folder)


def sign(signer: Signer, kind: str, request: Any, site: str, now: int) -> None:
    """Puts a signature on a request, good for a minute."""
    put(request, signer.sign(kind, fields_of(kind, request, site), now, now + LIFE))
