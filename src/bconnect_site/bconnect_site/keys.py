"""Signing keys of a site (Ed25519): created on first start, rotated, never logged.

A folder of mode 0700 holds one private key, ``signing.key`` (PKCS 8, PEM, 0600), and for each
key this site ever had its public half as ``<key id>.pub`` (PEM), so that old seals verify. The
key id is the first 16 hex digits of the SHA-256 of the raw public key.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bconnect_site.disk import flush
from bconnect_site.errors import ConfigError

PRIVATE = "signing.key"
PUBLIC_SUFFIX = ".pub"
OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
MOST = 1 << 16  # bytes of a key file; more is something else

PublicKey = Ed25519PublicKey


class Keyring:
    """The keys of one site. Any number of processes may hold the same folder open."""

    def __init__(self, folder: Path, private: Ed25519PrivateKey, note: str = "") -> None:
        self.folder = folder
        self.note = note  # what the operator should know about how it was opened; empty: nothing
        self._private = private
        self._key_id = key_id(private.public_key())

    def __repr__(self) -> str:
        return f"Keyring({str(self.folder)!r}, key_id={self._key_id!r})"

    @classmethod
    def open(cls, folder: Path) -> "Keyring":
        """The site's keys; the first start makes them.

        Raises ConfigError, one sentence: the private key cannot be read, is no Ed25519 key, or
        is open to other users.
        """
        with _sentence(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_mode(folder, "0700")
        path, note = folder / PRIVATE, ""
        known = sorted(publics(folder))  # before: another process may make the key meanwhile
        if not os.path.lexists(path):
            with _sentence(path):
                _write_new(path, _pem(Ed25519PrivateKey.generate()))
            if known:
                note = (
                    f"keys: {path}: was missing although this site signed before with "
                    f"{', '.join(known)}; a new key signs from now on, old seals verify with the "
                    "old public keys"
                )
        ring = cls(folder, _load_private(path), note)
        ring._publish()
        return ring

    @property
    def key_id(self) -> str:
        """16 hex digits that name the signing key."""
        return self._key_id

    def sign(self, data: bytes) -> bytes:
        """64 bytes: the Ed25519 signature over ``data``."""
        return self._private.sign(data)

    def refresh(self) -> str:
        """Takes up a rotation by another process; returns the id of the key that signs now.

        Raises ConfigError when the private key is gone, or is not to be trusted any more.
        """
        self._private = _load_private(self.folder / PRIVATE)
        self._key_id = key_id(self._private.public_key())
        self._publish()
        return self._key_id

    def rotate(self) -> str:
        """A new key signs from now on; the old private key is destroyed. Returns the new id."""
        path = self.folder / PRIVATE
        self.refresh()  # the public half of the key that goes is on disk
        with _sentence(path):
            _replace(path, _pem(Ed25519PrivateKey.generate()), 0o600)
        return self.refresh()

    def publics(self) -> dict[str, PublicKey]:
        """Public keys by id: the signing one and all earlier ones."""
        return publics(self.folder) | {self._key_id: self._private.public_key()}

    def _publish(self) -> None:
        path = self.folder / f"{self._key_id}{PUBLIC_SUFFIX}"
        pem = public_pem(self._private.public_key())
        with _sentence(path):
            if not path.exists() or _read(path) != pem:
                _replace(path, pem, 0o644)


def verify(public: PublicKey, data: bytes, signature: bytes) -> bool:
    """Whether ``signature`` was made over ``data`` by the private half of ``public``."""
    try:
        public.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def key_id(public: PublicKey) -> str:
    """16 hex digits that name a key."""
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def publics(path: Path) -> dict[str, PublicKey]:
    """Public keys by id, of a ``.pub`` file or of all in a folder.

    Raises ConfigError: cannot be read, or is no Ed25519 public key.
    """
    with _sentence(path):
        files = sorted(path.glob(f"*{PUBLIC_SUFFIX}")) if path.is_dir() else [path]
        keys = [_load_public(file) for file in files]
    return {key_id(key): key for key in keys}


def public_pem(public: PublicKey) -> bytes:
    """A public key as PEM, the form that openssl reads."""
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _pem(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _load_private(path: Path) -> Ed25519PrivateKey:
    with _sentence(path):
        if not path.is_file():
            found = "is no file" if os.path.lexists(path) else "is missing"
            raise ConfigError(f"keys: {path}: {found}, needs the site's private key")
        _check_mode(path.parent, "0700")
        _check_mode(path, "0600")
        data = _read(path)
    try:
        private = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(
            f"keys: {path}: holds no Ed25519 private key in PEM; bring it back from a backup, or "
            "move it away and a new key is made"
        )
    return private


def _load_public(path: Path) -> PublicKey:
    try:
        public = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm):
        public = None
    if not isinstance(public, Ed25519PublicKey):
        raise ConfigError(f"keys: {path}: holds no Ed25519 public key in PEM")
    return public


def _check_mode(path: Path, wanted: str) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & OPEN_TO_OTHERS:
        raise ConfigError(
            f"keys: {path}: mode {mode:04o} opens it to other users, allowed is {wanted}; "
            f"run chmod {wanted} on it, and rotate the key if others could have read it"
        )


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST)


def _write_new(path: Path, data: bytes) -> None:
    """The file whole, unless another process made it meanwhile: then that one stands."""
    temporary = _temporary(path, data, 0o600)
    try:
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)
    flush(path.parent)


def _replace(path: Path, data: bytes, mode: int) -> None:
    temporary = _temporary(path, data, mode)
    try:
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    flush(path.parent)


def _temporary(path: Path, data: bytes, mode: int) -> str:
    """A flushed file beside ``path``, never readable by others while it is written."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
    except OSError:
        os.unlink(name)
        raise
    return name


@contextmanager
def _sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"keys: {error.filename or path}: {reason}") from None
