"""Encryption to the centre's public key (age, X25519 and ChaCha20-Poly1305, by pyrage).

A unit can write but not read what it has spooled: a stolen one gives nothing away.
"""

from pathlib import Path

import pyrage
from pyrage import x25519

from bconnect_site.errors import ConfigError


def recipient(text: str) -> x25519.Recipient:
    """The centre's public key, "age1...". Raises ConfigError."""
    try:
        return x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise ConfigError(f'recipient: found "{text[:12]}...", needs an age public key') from None


def encrypt(source: Path, target: Path, to: x25519.Recipient) -> None:
    """A file for the recipient's eyes only. Raises OSError."""
    pyrage.encrypt_file(str(source), str(target), [to])


def decrypt(source: Path, target: Path, identity: x25519.Identity) -> bool:
    """Whether the file was ours to read and is whole. Raises OSError."""
    try:
        pyrage.decrypt_file(str(source), str(target), [identity])
    except pyrage.DecryptError:
        target.unlink(missing_ok=True)
        return False
    except OSError as error:
        target.unlink(missing_ok=True)
        if "(os error " in str(error):  # the system's own; else: cut off or spoiled
            raise
        return False
    return True


def new_identity() -> tuple[str, str]:
    """(secret, public) texts of a new key."""
    made = x25519.Identity.generate()
    return str(made), str(made.to_public())


def identity(text: str) -> x25519.Identity:
    """The centre's secret key. Raises ConfigError, which does not repeat it."""
    try:
        return x25519.Identity.from_str(text.strip())
    except pyrage.IdentityError:
        raise ConfigError("identity: holds no age secret key") from None
