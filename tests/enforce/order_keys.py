"""The keys of a site that may order something, for tests."""

from __future__ import annotations

from pathlib import Path

from bconnect_site.keys import Keyring
from bconnect_site.orders import TrustedKey
from bconnect_site.trusted import write_trusted

OWN_KEYS = {
    "ladder": ("announce", "measure"),
    "desk": ("review", "tow_order", "sticker"),
    "evidence": ("violation",),  # in the field a key of the evidence's own folder
}


def make_orders(folder: Path, **others: tuple[str, ...]) -> Path:
    """A site's folder of orders, as `bconnect up` makes it; `others`: further keys' rights."""
    keys = []
    for name, rights in (OWN_KEYS | others).items():
        ring = Keyring.open(folder / name)
        keys.append(TrustedKey(name, ring.publics()[ring.key_id], frozenset(rights)))
    write_trusted(folder / "trusted.json", keys)
    return folder
