"""Where the command centre takes parcels in: tus (tuspyserver), then receipts.

A router to be mounted into any FastAPI app. An upload is only trusted when its bytes have the
hash its unit signed; then it is decrypted, unpacked beside, and put into its place by one
rename. Each (unit, item) arrives once, however often it is sent.
"""

import base64
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException
from tuspyserver import create_tus_router

from bconnect_site.disk import flush, replace, sha256
from bconnect_site.keys import Keyring, PublicKey, key_id, verify
from bconnect_spool.adapters import crypt, parcel
from bconnect_spool.core.item import ID, UNIT, Item, Malformed, Receipt, to_text

DAYS_KEPT = 14  # an upload that nobody goes on with
Arrived = Callable[[Item, Path], None]


class Stranger(ValueError):
    """A header that is not to be believed; str() is the sentence."""


@dataclass(slots=True)
class Intake:
    """The centre's side. ``units``: public keys by unit. ``now`` in ns.

    ``arrived(item, folder)`` is called once an item is in its place, before its receipt is
    given; raising leaves it unreceipted, and the unit asks again.
    """

    root: Path
    keys: Keyring
    identity: str  # the age secret key
    units: Mapping[str, Mapping[str, PublicKey]]  # by name, by key id
    now: Callable[[], int]
    arrived: Arrived = lambda item, folder: None
    largest: int = 4 << 30
    least_free: int = 1 << 28  # bytes of disk
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for folder in (self.uploads, self.whole, self.receipts, self.store):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    @property
    def whole(self) -> Path:
        """Uploads that have all their bytes."""
        return self.root / "whole"

    @property
    def receipts(self) -> Path:
        return self.root / "receipts"

    @property
    def store(self) -> Path:
        """Sealed folders: <unit>/<id>."""
        return self.root / "store"

    def router(self) -> APIRouter:
        """POST, HEAD, PATCH /files (tus) and GET /receipts/UNIT/ID."""
        made = APIRouter()
        made.include_router(
            create_tus_router(
                prefix="files",
                files_dir=str(self.uploads),
                max_size=self.largest,
                days_to_keep=DAYS_KEPT,
                # Plain functions: the library copies its options deeply with every request.
                pre_create_hook=lambda metadata, upload: self._may_begin(metadata, upload),
                on_upload_complete=lambda path, metadata: self._is_whole(path, metadata),
            )
        )
        made.add_api_route("/receipts/{unit}/{id_}", self._receipt, methods=["GET"])
        return made

    # -- tus -------------------------------------------------------------------------------

    def _may_begin(self, metadata: dict[str, Any], upload: dict[str, Any]) -> None:
        try:
            item = self._believed(metadata)
        except Stranger as error:
            raise HTTPException(403, str(error)) from None
        size = upload.get("size")
        if size != item.size:
            raise HTTPException(400, f"Upload-Length: found {size}, the header says {item.size}")
        if shutil.disk_usage(self.root).free < item.size + self.least_free:
            raise HTTPException(507, "the centre's disk is full")

    def _is_whole(self, path: str, metadata: dict[str, Any]) -> None:
        """Moves an upload with all its bytes aside; whoever asks for the receipt opens it."""
        item = self._believed(metadata)
        _write(self._part(item.unit, item.id, "json"), item.to_bytes())
        os.replace(path, self._part(item.unit, item.id, "age"))
        Path(f"{path}.info").unlink(missing_ok=True)

    def _believed(self, metadata: Mapping[str, Any]) -> Item:
        """The header an upload came with, if a unit we know has signed it."""
        header, signature = metadata.get("header"), metadata.get("signature")
        if not isinstance(header, str) or not isinstance(signature, str):
            raise Stranger("the upload says neither header nor signature")
        try:
            item = Item.from_bytes(header.encode())
            signed = base64.b64decode(signature, validate=True)
        except (Malformed, ValueError) as error:
            raise Stranger(f"header: {error}") from None
        keys = self.units.get(item.unit)
        if not keys:
            raise Stranger(f"unit: found {item.unit}, it is not registered here")
        public = keys.get(item.key_id)
        if public is None:
            raise Stranger(
                f"unit {item.unit}: signed with key {item.key_id}, registered is "
                f"{', '.join(sorted(keys))}; two units must not share one name"
            )
        if not verify(public, item.to_bytes(), signed):
            raise Stranger(f"unit {item.unit}: the signature does not fit")
        return item

    # -- receipts --------------------------------------------------------------------------

    def _receipt(self, unit: str, id_: str) -> dict[str, str]:
        if not UNIT.fullmatch(unit) or not ID.fullmatch(id_):
            raise HTTPException(404, "no such item")
        try:
            found = self.receipt(unit, id_)
        except OSError as error:
            raise HTTPException(507, f"the centre's disk: {error.strerror}") from None
        if found is None:
            raise HTTPException(404, "no such item")
        return found

    def receipt(self, unit: str, id_: str) -> dict[str, str] | None:
        """The signed receipt of an item that is here; None: send it. Raises OSError."""
        with self._lock:
            kept = self.receipts / f"{unit}.{id_}.json"
            if not kept.is_file():
                item = self._open(self._part(unit, id_, "age"), self._part(unit, id_, "json"))
                if item is None:
                    return None
                receipt = Receipt(unit, id_, item.sha256, self.now(), self.keys.key_id)
                signed = receipt.to_bytes()
                _write(kept, to_text(signed, self.keys.sign(signed)))
                self._clear(unit, id_)
            found: dict[str, str] = json.loads(kept.read_bytes())
            return found

    def _part(self, unit: str, id_: str, what: str) -> Path:
        return self.whole / f"{unit}.{id_}.{what}"

    def _open(self, file: Path, header: Path) -> Item | None:
        """Puts a whole upload into its place; None when there is none, or it is not as signed."""
        if not file.is_file() or not header.is_file():
            return None
        item = Item.from_bytes(header.read_bytes())
        place = self.store / item.unit / item.id
        if not place.is_dir() and not self._unpack(file, item, place):
            self._clear(item.unit, item.id)
            return None
        self.arrived(item, place)
        return item

    def _unpack(self, file: Path, item: Item, place: Path) -> bool:
        if file.stat().st_size != item.size or sha256(file) != item.sha256:
            return False
        plain = self._part(item.unit, item.id, "tar")
        fresh = self.store / f".new-{item.unit}-{item.id}"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            if not crypt.decrypt(file, plain, crypt.identity(self.identity)):
                return False
            parcel.unpack(plain, fresh)
            for one in fresh.rglob("*"):
                if one.is_file():
                    flush(one)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(fresh, place)
            flush(place.parent)
        except parcel.BadParcel:
            return False
        finally:
            plain.unlink(missing_ok=True)
            shutil.rmtree(fresh, ignore_errors=True)
        return True

    def _clear(self, unit: str, id_: str) -> None:
        for what in ("age", "json", "tar"):
            self._part(unit, id_, what).unlink(missing_ok=True)


def registered(publics: Mapping[str, Iterable[PublicKey]]) -> dict[str, dict[str, PublicKey]]:
    """Units' keys as Intake wants them: by name, by key id."""
    return {unit: {key_id(key): key for key in keys} for unit, keys in publics.items()}


def _write(path: Path, data: bytes) -> None:
    replace(path, data)
    flush(path.parent)
