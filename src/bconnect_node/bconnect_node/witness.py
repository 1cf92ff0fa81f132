"""A violation says who sealed it: signed by the site's evidence key over the whole message.

It needs no counter: the same violation told twice is one violation, by its id.
"""

from __future__ import annotations

from typing import Any

from bconnect_node.digest import digest
from bconnect_site.keys import Keyring, PublicKey, verify

PREFIX = b"bconnect-violation/1\n"


def sign(m: Any, ring: Keyring) -> None:
    """Puts name and signature of the site's evidence onto a violation."""
    m.signed_by = ring.key_id
    m.signature = list(ring.sign(PREFIX + digest(m)))


def is_by(public: PublicKey, m: Any) -> bool:
    """Whether a violation is as the key's holder signed it."""
    return verify(public, PREFIX + digest(m), bytes(m.signature))
