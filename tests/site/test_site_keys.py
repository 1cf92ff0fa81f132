"""Keys: made once, for this user alone, rotated, refused with a sentence, never shown."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bconnect_site import keys
from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring
from bconnect_site.state import StateLayout

DATA = b"a manifest"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keys"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def private_half(folder: Path) -> bytes:
    """The base64 body of the private key: what may appear nowhere."""
    return (folder / keys.PRIVATE).read_bytes().splitlines()[1]


def test_the_first_start_makes_a_key_for_this_user_alone(folder: Path) -> None:
    old = os.umask(0)
    try:
        ring = Keyring.open(folder)
    finally:
        os.umask(old)
    assert mode(folder) == 0o700
    assert mode(folder / "signing.key") == 0o600
    assert sorted(p.name for p in folder.iterdir()) == [f"{ring.key_id}.pub", "signing.key"]
    assert len(ring.key_id) == 16 and int(ring.key_id, 16) >= 0
    assert ring.note == ""


def test_the_next_start_has_the_same_key(folder: Path) -> None:
    first, again = Keyring.open(folder), Keyring.open(folder)
    assert first.key_id == again.key_id and again.note == ""
    assert first.sign(DATA) == again.sign(DATA), "Ed25519 signs the same bytes the same way"


def test_a_signature_fits_its_bytes_and_its_key_only(folder: Path, tmp_path: Path) -> None:
    ring, other = Keyring.open(folder), Keyring.open(tmp_path / "other")
    public = ring.publics()[ring.key_id]
    signature = ring.sign(DATA)
    assert keys.verify(public, DATA, signature)
    assert not keys.verify(public, DATA + b" ", signature)
    assert not keys.verify(public, DATA, other.sign(DATA))
    assert not keys.verify(public, DATA, b"")
    assert not keys.verify(public, DATA, signature[:-1])


def test_rotation_signs_anew_and_keeps_old_seals_verifiable(folder: Path) -> None:
    ring, running = Keyring.open(folder), Keyring.open(folder)
    old, signature = ring.key_id, ring.sign(DATA)
    secret = private_half(folder)
    new = ring.rotate()
    assert new != old and ring.key_id == new
    assert keys.verify(ring.publics()[old], DATA, signature)
    assert keys.verify(keys.publics(folder)[new], DATA, ring.sign(DATA))
    assert running.key_id == old
    assert running.refresh() == new, "a running node takes the rotation up"
    assert mode(folder / "signing.key") == 0o600
    assert all(secret not in path.read_bytes() for path in folder.iterdir()), "the old key is gone"


def test_two_first_starts_at_once_share_one_key(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: Keyring.open(folder), range(16)))
    assert len({ring.key_id for ring in rings}) == 1
    assert {ring.note for ring in rings} == {""}
    assert len(list(folder.iterdir())) == 2, "no half-written file is left"


def test_a_missing_key_is_replaced_and_said(folder: Path) -> None:
    old = Keyring.open(folder).key_id
    (folder / "signing.key").unlink()
    ring = Keyring.open(folder)
    assert ring.key_id != old and set(ring.publics()) == {old, ring.key_id}
    assert "was missing although this site signed before with " + old in ring.note
    assert "\n" not in ring.note
    assert Keyring.open(folder).note == "", "it is said once"


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_key_open_to_others_is_refused(folder: Path, open_to: int) -> None:
    ring = Keyring.open(folder)
    (folder / "signing.key").chmod(open_to)
    for attempt in (lambda: Keyring.open(folder), ring.refresh, ring.rotate):
        with pytest.raises(
            ConfigError, match=r"signing\.key: mode 06.. opens it to other users"
        ) as e:
            attempt()
        assert len(e.value.sentences) == 1


def test_a_folder_open_to_others_is_refused(folder: Path) -> None:
    Keyring.open(folder)
    folder.chmod(0o755)
    with pytest.raises(ConfigError, match=r"keys: mode 0755 opens it .* allowed is 0700"):
        Keyring.open(folder)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "holds no Ed25519 private key"),
        (b"secret words", "holds no Ed25519 private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no Ed25519"),
    ],
)
def test_a_spoilt_key_is_refused_and_kept(folder: Path, content: bytes, expected: str) -> None:
    Keyring.open(folder)
    path = folder / "signing.key"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=expected) as error:
        Keyring.open(folder)
    assert path.read_bytes() == content
    assert b"secret words".decode() not in str(error.value)


def test_another_kind_of_key_is_refused(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    Keyring.open(folder)
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "signing.key").write_bytes(pem)
    with pytest.raises(ConfigError, match="holds no Ed25519 private key"):
        Keyring.open(folder)


def test_an_unreadable_key_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Keyring.open(folder)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(keys, "_read", refuse)
    with pytest.raises(ConfigError, match=r"keys: .*: permission denied") as error:
        Keyring.open(folder)
    assert len(error.value.sentences) == 1


def test_an_unreadable_key_is_refused_for_a_real_user(folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("becoming another user needs root")
    Keyring.open(folder)
    for parent in (folder.parent, folder.parent.parent, folder.parent.parent.parent):
        parent.chmod(0o755)
    code = (
        "import os, sys; os.setgid(65534); os.setuid(65534)\n"
        "from pathlib import Path\n"
        "try:\n    keys.Keyring.open(Path(sys.argv[1]))\n"
        "except keys.ConfigError as e:\n    print(e)\n"
    )
    code = "from bconnect_site import keys\n" + code
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.stdout.count("\n") == 1 and "permission denied" in done.stdout, done


def test_a_folder_in_the_place_of_the_key_is_refused(folder: Path) -> None:
    ring = Keyring.open(folder)
    (folder / "signing.key").unlink()
    with pytest.raises(ConfigError, match=r"signing\.key: is missing"):
        ring.refresh()
    (folder / "signing.key").mkdir(mode=0o700)
    with pytest.raises(ConfigError, match=r"signing\.key: is no file"):
        Keyring.open(folder)


def test_a_full_disk_leaves_the_old_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring.open(folder)
    old = ring.key_id

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ConfigError, match="no space left on device"):
            ring.rotate()
    assert Keyring.open(folder).key_id == old
    assert len(list(folder.iterdir())) == 2


def test_public_keys_are_read_from_a_file_or_a_folder(folder: Path, tmp_path: Path) -> None:
    ring = Keyring.open(folder)
    ring.rotate()
    assert set(keys.publics(folder)) == set(ring.publics()) and len(ring.publics()) == 2
    assert set(keys.publics(folder / f"{ring.key_id}.pub")) == {ring.key_id}
    (tmp_path / "x.pub").write_text("no key")
    with pytest.raises(ConfigError, match=r"x\.pub: holds no Ed25519 public key"):
        keys.publics(tmp_path / "x.pub")
    with pytest.raises(ConfigError, match=r"absent: no such file"):
        keys.publics(tmp_path / "absent")
    with pytest.raises(ConfigError, match="holds no Ed25519 public key"):
        keys.publics(folder / "signing.key")


def test_the_private_key_shows_nowhere(folder: Path) -> None:
    ring = Keyring.open(folder)
    secret = private_half(folder).decode()
    assert secret not in repr(ring) + str(ring) + str(vars(ring))
    with pytest.raises(TypeError):
        pickle.dumps(ring)
    for path in folder.glob("*.pub"):
        assert secret not in path.read_text() and "PRIVATE" not in path.read_text()


def test_the_state_of_a_site_has_a_place_for_keys(tmp_path: Path) -> None:
    assert StateLayout.of(tmp_path, "utara").keys_dir == tmp_path / "utara" / "keys"
