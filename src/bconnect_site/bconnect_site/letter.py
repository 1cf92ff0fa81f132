"""A signed statement in one file, so that it is there whole or not at all.

``{"key_id": ..., "signature": base64, "signed": text}``: the Ed25519 signature is over the UTF-8
bytes of ``signed``, which is JSON itself.
"""

import base64
import binascii
from collections.abc import Mapping

from bconnect_site import sealed
from bconnect_site.keys import Keyring, PublicKey, verify
from bconnect_site.sealed import Json


def write(body: Json, ring: Keyring) -> bytes:
    """The bytes of a statement signed by the site's present key."""
    text = sealed.canonical(body)
    signature = base64.b64encode(ring.sign(text)).decode()
    return sealed.canonical(
        {"key_id": ring.key_id, "signature": signature, "signed": text.decode()}
    )


def read(data: bytes, name: str, publics: Mapping[str, PublicKey] | None = None) -> Json:
    """What a statement says. Raises ValueError naming the file: touched, or not by a known key.

    publics None: the signature is not looked at.
    """
    plain = sealed.parse(data, name)
    try:
        text = plain["signed"].encode()
        key_id = str(plain["key_id"])
        signature = base64.b64decode(plain["signature"], validate=True)
    except (KeyError, TypeError, AttributeError, UnicodeError, binascii.Error, ValueError):
        raise ValueError(f"{name} was touched: it is no signed statement") from None
    if publics is not None and (fault := signature_fault(text, signature, key_id, publics)):
        raise ValueError(f"{name} {fault}")
    return sealed.parse(text, name)


def signature_fault(
    data: bytes, signature: bytes, key_id: str, publics: Mapping[str, PublicKey]
) -> str | None:
    """Why a signature is not believed, to be read after the file's name; None: it holds."""
    if key_id not in publics:
        known = ", ".join(sorted(publics)) or "none"
        return f"was signed with key {key_id[:32]!r}, known are {known}"
    if not verify(publics[key_id], data, signature):
        return f"was touched: its signature does not fit key {key_id}"
    return None
