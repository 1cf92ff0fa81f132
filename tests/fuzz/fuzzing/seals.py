"""What is signed: orders, statements, sealed folders, parcels. No spoiled one may be believed."""

from __future__ import annotations

import base64
import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from bconnect_detect import verify
from bconnect_detect.adapters.sealed_folder import StoreError
from bconnect_detect.core import chain, manifest
from bconnect_detect.core.verdict import State
from bconnect_enforce.convert_orders import message_of, request_of
from bconnect_site import letter, sealed
from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring, public_pem, publics
from bconnect_site.keys import verify as fits
from bconnect_site.orders import (
    ANNOUNCE,
    FIELDS,
    MEASURE,
    REVIEW,
    SECOND,
    TOW_ORDER,
    Refused,
    SignedOrder,
    TrustedKey,
    Used,
    check,
    sign_order,
)  # fmt: skip
from bconnect_spool.adapters import crypt, parcel
from bconnect_spool.core.item import Item, Malformed, Receipt, from_text, to_text
from fuzzing.engine import Run, Target, Wrong
from fuzzing.mutate import BINARY

NOW = 1_795_515_802 * SECOND
_RINGS: dict[str, Keyring] = {}


def ring(name: str) -> Keyring:
    """One of this run's keys."""
    if name not in _RINGS:
        import tempfile

        _RINGS[name] = Keyring.open(Path(tempfile.mkdtemp(prefix="bconnect-fuzz-")) / name)
    return _RINGS[name]


# -- orders ----------------------------------------------------------------------------------


def _order(kind: str, counter: int, signer: str = "ladder", **more: str | int) -> SignedOrder:
    fields = {name: "x1" if of is str else 3 for name, of in FIELDS[kind].items()}
    fields |= {"site": "s"} | more
    return sign_order(ring(signer), kind, fields, counter, NOW + 60 * SECOND)


def orders(folder: Path) -> Sequence[bytes]:
    made = [_order(kind, n) for n, kind in enumerate((ANNOUNCE, MEASURE, TOW_ORDER, REVIEW), 1)]
    made += [_order(ANNOUNCE, 9, "weak"), _order(ANNOUNCE, 10, "stranger")]
    made += [_order(ANNOUNCE, 11, place="\U0001f697"), _order(MEASURE, 1 << 63)]
    return [one.to_json().encode() for one in made]


def _orders(folder: Path) -> Run:
    own = ring("ladder")
    trusted = {
        own.key_id: TrustedKey("ladder", own.publics()[own.key_id], frozenset(FIELDS)),
        ring("weak").key_id: TrustedKey(
            "weak", ring("weak").publics()[ring("weak").key_id], frozenset({REVIEW})
        ),
    }
    genuine: list[tuple[object, ...]] = []
    for text in orders(folder):
        one = SignedOrder.from_json(text)
        genuine.append((one.kind, dict(one.fields), one.key_id, one.counter, one.expires))

    def run(data: bytes) -> str:
        try:
            order = SignedOrder.from_json(data)
        except ValueError as error:
            return str(error)
        used = Used()
        try:
            check(order, trusted, NOW)
        except Refused as refused:
            return refused.reason
        told = (order.kind, dict(order.fields), order.key_id, order.counter, order.expires)
        if told not in genuine or order.key_id != own.key_id:
            raise Wrong(f"follows an order nobody gave: {told}")
        used.add(order.key_id, order.kind, order.counter)
        if order not in used:
            raise Wrong("would follow it twice")
        try:
            (message_of if order.kind in (ANNOUNCE, MEASURE) else request_of)(order)
        except ValueError as error:
            return f"followed, no message: {error}"
        return "followed"

    return run


# -- statements ------------------------------------------------------------------------------

_BODY = {"format": "bconnect-erased/1", "stamp": NOW, "why": "retention", "manifest_sha256": "ab"}


def letters(folder: Path) -> Sequence[bytes]:
    link = chain.Link(1, "ab" * 32, "s/2026-11-24/x", "00" * 32)
    end = chain.to_plain(chain.Chain(link), "s")
    return [letter.write(body, ring("ladder")) for body in (_BODY, end)]


def _letters(folder: Path) -> Run:
    keys = ring("ladder").publics()
    said = [json.loads(json.loads(one)["signed"]) for one in letters(folder)]

    def run(data: bytes) -> str:
        try:
            plain = letter.read(data, "erased.json", keys)
        except ValueError as error:
            plain, told = None, str(error)
        if plain is not None:
            if plain not in said:
                raise Wrong(f"believes {str(plain)[:80]}")
            told = "believed"
        for known in (None, {}):
            try:  # without a key nothing is believed, but nothing may break either
                chain.from_plain(letter.read(data, "chain.json", known), "s")
            except ValueError:
                continue
            if known is not None:
                raise Wrong("believes without a key")
        return told

    return run


# -- sealed folders --------------------------------------------------------------------------

_FILES = {"scene.jpg": b"\xff\xd8 picture", "clip.mp4": b"clip" * 9, "facts.json": b"{}\n",
          "release/scene.jpg": b"\xff\xd8 blur", "violation.json": b'{"format":"x"}\n'}  # fmt: skip
_ID = "3f0c1f9e-93bd-5a1b-9f8e-0d2f6a2b7c11"


def _listed() -> list[dict[str, object]]:
    pairs = _FILES.items()
    return [{"path": p, "sha256": sealed.sha256(d), "bytes": len(d)} for p, d in pairs]


def _sealed() -> dict[str, bytes]:
    """The files of a sealed folder, by path."""
    own = ring("ladder")
    plain = {
        "format": sealed.FORMAT, "id": _ID, "site": "s", "sequence": 1, "previous": "00" * 32,
        "key_id": own.key_id, "sealed": None, "software": "x",
        "files": _listed(),
    }  # fmt: skip
    data = sealed.canonical(plain)
    return {**_FILES, sealed.MANIFEST: data, sealed.SIGNATURE: own.sign(data)}


def _old() -> bytes:
    """A manifest of the first format, which was not signed."""
    plain: dict[str, object] = {"format": sealed.OLD_FORMAT, "violation": {}, "missing": []}
    plain["files"] = _listed()
    plain["self_sha256"] = sealed.sha256(sealed.canonical(plain))
    return sealed.canonical(plain)


def _zipped(files: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(f"{_ID}/{path}"), data, how)
    return stream.getvalue()


def _judged(path: Path, keys: object) -> list[str]:
    return [str(v.state.name) for v in verify.check(path, keys)]  # type: ignore[arg-type]


def _zip(folder: Path) -> Run:
    path, keys = folder / "a.zip", ring("ladder").publics()
    whole = _sealed()
    outgoing = {p for p in whole if not manifest.is_original(p)}

    def run(data: bytes) -> str:
        path.write_bytes(data)
        try:
            states = _judged(path, keys)
        except (StoreError, ConfigError) as error:
            return str(error).rpartition("(")[2][:40]
        if State.WHOLE.name in states:
            with zipfile.ZipFile(path) as archive:
                held = {
                    i.filename.removeprefix(f"{_ID}/"): archive.read(i)
                    for i in archive.infolist()
                    if not i.is_dir()
                }
            same = all(whole.get(name.rpartition("../")[2]) == d for name, d in held.items())
            if states == [State.WHOLE.name] and not (same and set(held) >= outgoing):
                raise Wrong(f"whole, with {sorted(held)}")
        return str(states)

    return run


def _folder(folder: Path) -> Run:
    """The input takes the place of one file after the other of a sealed folder."""
    keys, place = ring("ladder").publics(), folder / _ID
    whole = _sealed()
    for path, data in whole.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    if _judged(place, keys) != [State.WHOLE.name]:
        raise RuntimeError("what was sealed here is not whole")
    names = (sealed.MANIFEST, sealed.SIGNATURE, "facts.json", sealed.ERASED)

    def run(data: bytes) -> str:
        told = []
        for name in names:
            (place / name).write_bytes(data)
            try:
                (state,) = _judged(place, keys)
                if state == State.WHOLE.name and data != whole.get(name):
                    raise Wrong(f"whole, though {name} was exchanged")
            finally:
                if name in whole:
                    (place / name).write_bytes(whole[name])
                else:
                    (place / name).unlink()
            told.append(state)
        return _manifest(data, told)

    return run


def _manifest(data: bytes, told: list[str]) -> str:
    try:
        plain = manifest.parse(data)
        manifest.link_of(plain, "ab" * 32, "s/d/x")
        faults = manifest.faults(plain, {p: (sealed.sha256(d), len(d)) for p, d in _FILES.items()})
        manifest.to_violation(plain, data, "s/d/x", "ab" * 32)
    except ValueError as error:
        return f"{told} {error}"
    return f"{told} {faults[:1]}"


# -- public keys -----------------------------------------------------------------------------


def _pem(folder: Path) -> Run:
    path = folder / "k.pub"
    known = set(ring("ladder").publics()) | set(ring("weak").publics())

    def run(data: bytes) -> str:
        path.write_bytes(data)
        try:
            found = publics(path)
        except ConfigError as error:
            return str(error).rpartition(": ")[2]
        return "known" if set(found) <= known else "another key"

    return run


def _pems(folder: Path) -> Sequence[bytes]:
    return [public_pem(next(iter(ring(n).publics().values()))) for n in ("ladder", "weak")]


# -- the spool -------------------------------------------------------------------------------


def item(name: str = "a1", size: int = 100, digest: str = "ab" * 32) -> Item:
    return Item("etle_01", name, digest, size, NOW, ring("unit").key_id)


def _texts(folder: Path) -> Sequence[bytes]:
    receipt = Receipt("etle_01", "a1", "ab" * 32, NOW, ring("centre").key_id).to_bytes()
    head = item().to_bytes()
    return [
        to_text(receipt, ring("centre").sign(receipt)), to_text(head, ring("unit").sign(head)),
        receipt, head,
    ]  # fmt: skip


def _receipts(folder: Path) -> Run:
    centre = next(iter(ring("centre").publics().values()))
    unit = next(iter(ring("unit").publics().values()))
    genuine = {_texts(folder)[2], _texts(folder)[3]}

    def run(data: bytes) -> str:
        told = []
        try:
            signed, signature = from_text(data)
        except Malformed as error:
            told.append(str(error))
        else:
            for key in (centre, unit):
                if fits(key, signed, signature) and signed not in genuine:
                    raise Wrong(f"believes {signed[:80]!r}")
            data = signed
        for kind in (Receipt, Item):
            try:
                made = kind.from_bytes(data)
            except Malformed as error:
                told.append(str(error))
                continue
            if made.to_bytes() != data:
                raise Wrong("reads what it would not sign")
            told.append("read")
        return " ".join(told)

    return run


def _tar(files: dict[str, bytes], kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def tars(folder: Path) -> Sequence[bytes]:
    place = folder / "packed"
    place.mkdir(exist_ok=True)
    (place / "release").mkdir(exist_ok=True)
    for name in ("manifest.json", "release/scene.jpg"):
        (place / name).write_bytes(b"x" * 40)
    parcel.pack(place, folder / "p.tar")
    return [
        (folder / "p.tar").read_bytes(), _tar({"../out": b"x"}), _tar({"/tmp/out": b"x"}),
        _tar({"a": b"1", "a/b": b"2"}), _tar({"a": b"1"}, tarfile.SYMTYPE, "/etc/passwd"),
        _tar({"a": b"1", "./a": b"2"}), _tar({"x" * 300: b"1"}),
    ]  # fmt: skip


def retarred(data: bytes, rng: Random) -> bytes:
    """Each block that looks like a header with the checksum it should have."""
    made = bytearray(data)
    for at in range(0, len(made) - 511, 512):
        block = made[at : at + 512]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            made[at + 148 : at + 156] = b"%06o\0 " % sum(block)
    return bytes(made)


def _parcel(folder: Path) -> Run:
    source, house = folder / "in.tar", folder / "house"
    house.mkdir()

    def run(data: bytes) -> str:
        source.write_bytes(data)
        place = house / "new"
        try:
            parcel.unpack(source, place)
            told = "unpacked"
        except parcel.BadParcel as error:
            told = str(error).rpartition(": ")[2]
        finally:
            outside = [p.name for p in house.iterdir() if p != place]
            inside = place.rglob("*")
            odd = [p for p in inside if p.is_symlink() or not (p.is_file() or p.is_dir())]
            shutil.rmtree(place, ignore_errors=True)
        if outside or odd:
            raise Wrong(f"left {outside} outside, {odd} inside")
        return told

    return run


def _age(folder: Path) -> Run:
    secret, _ = _AGE
    mine = crypt.identity(secret)
    genuine = set(_ages(folder))

    def run(data: bytes) -> str:
        (folder / "in.age").write_bytes(data)
        opened = crypt.decrypt(folder / "in.age", folder / "out", mine)
        if opened and data not in genuine and (folder / "out").read_bytes() != b"secret" * 20:
            raise Wrong("opened into something else")
        return str(opened)

    return run


_AGE = crypt.new_identity()
_AGED: list[bytes] = []


def _ages(folder: Path) -> Sequence[bytes]:
    if not _AGED:
        (folder / "plain").write_bytes(b"secret" * 20)
        crypt.encrypt(folder / "plain", folder / "made.age", crypt.recipient(_AGE[1]))
        _AGED.append((folder / "made.age").read_bytes())
    return _AGED


def _signed64(data: bytes) -> str:
    return base64.b64encode(ring("unit").sign(data)).decode()


_Seeds = Callable[[Path], Sequence[bytes]]
_zips: _Seeds = lambda f: [_zipped(_sealed()), _zipped(_sealed(), zipfile.ZIP_DEFLATED)]  # noqa: E731
_folders: _Seeds = lambda f: [  # noqa: E731
    _sealed()[sealed.MANIFEST], _sealed()[sealed.SIGNATURE], _old(), *letters(f)
]  # fmt: skip

TARGETS = (
    Target("signed orders", _orders, orders, 9),
    Target("signed statements", _letters, letters, 7),
    Target("sealed folders", _folder, _folders, 1.5),
    Target("sealed zips", _zip, _zips, 1.5, BINARY),
    Target("public keys", _pem, _pems, 3),
    Target("receipts and headers", _receipts, _texts, 8),
    Target("parcels", _parcel, tars, 3, BINARY, retarred),
    Target("enciphered parcels", _age, _ages, 3, BINARY),
)
