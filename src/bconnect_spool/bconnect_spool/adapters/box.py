"""The spool on disk: encrypted files with their signed headers, bounded, whole or not at all.

<id>.age      the encrypted parcel, written first
<id>.json     its header and signature; that it is there makes the item one
done/<id>.json  the centre's receipt; the item itself is erased
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from bconnect_site.disk import flush, replace
from bconnect_spool.core.item import Item, Malformed, Receipt, from_text, to_text


class SpoolError(OSError):
    """The spool cannot take or give something; str() is one sentence."""

    def __str__(self) -> str:
        return str(self.args[0])


class SpoolFull(SpoolError):
    """What would be one too many: it stays where it is until there is room."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An item of the spool, with its signature."""

    item: Item
    signature: bytes
    file: Path


class Box:
    """One unit's spool. Any thread; one process."""

    def __init__(self, folder: Path, most_bytes: int, most_items: int = 20_000) -> None:
        self.folder, self._most_bytes, self._most_items = folder, most_bytes, most_items
        self._done = folder / "done"
        with _sentence(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._done.mkdir(exist_ok=True)
        self._kept: dict[str, Kept] = {}
        self.broken: list[str] = []  # what was found damaged, a sentence each
        self._load()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes of all that waits."""
        return sum(kept.item.size for kept in self._kept.values())

    def items(self) -> list[Item]:
        """All that waits."""
        return [kept.item for kept in self._kept.values()]

    def get(self, id_: str) -> Kept | None:
        """One that waits."""
        return self._kept.get(id_)

    def knows(self, id_: str) -> bool:
        """Whether it waits or was receipted."""
        return id_ in self._kept or (self._done / f"{id_}.json").is_file()

    def receipt(self, id_: str) -> tuple[bytes, bytes] | None:
        """The centre's word on an item and its signature; None: it has not come."""
        try:
            return from_text((self._done / f"{id_}.json").read_bytes())
        except (OSError, Malformed):
            return None

    def packed_at(self, id_: str) -> int | None:
        """ns, when an item that waits was packed; None: it does not wait."""
        kept = self._kept.get(id_)
        try:
            return None if kept is None else kept.file.stat().st_mtime_ns
        except OSError:
            return None

    def addresses(self) -> "Addresses":
        """Where uploads that were begun go on; outlives a restart."""
        return Addresses(self.folder)

    @contextlib.contextmanager
    def draft(self, suffix: str) -> Iterator[Path]:
        """A path in the spool for work; what is left there at the end is removed."""
        with _sentence(self.folder):
            handle, name = tempfile.mkstemp(prefix=".draft-", suffix=suffix, dir=self.folder)
        os.close(handle)
        path = Path(name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def check_room(self, size: int) -> None:
        """Raises SpoolFull when ``size`` bytes more are too many."""
        if len(self._kept) >= self._most_items or self.size + size > self._most_bytes:
            raise SpoolFull(
                f"spool {self.folder}: holds {len(self._kept)} items and {self.size} bytes, "
                f"allowed {self._most_items} and {self._most_bytes}; what comes waits in the "
                "evidence store"
            )

    def put(self, item: Item, signature: bytes, encrypted: Path) -> None:
        """Takes a file over, durably; again the same item changes nothing."""
        if self.knows(item.id):
            return
        self.check_room(item.size)
        file = self.folder / f"{item.id}.age"
        with _sentence(self.folder):
            flush(encrypted)
            os.replace(encrypted, file)
            flush(self.folder)
            _write(self._header(item.id), to_text(item.to_bytes(), signature))
        self._kept[item.id] = Kept(item, signature, file)

    def receipted(self, receipt: Receipt, signature: bytes) -> None:
        """Erases an item the centre has, and keeps its word."""
        with _sentence(self.folder):
            _write(self._done / f"{receipt.id}.json", to_text(receipt.to_bytes(), signature))
            self._header(receipt.id).unlink(missing_ok=True)
            (self.folder / f"{receipt.id}.age").unlink(missing_ok=True)
            (self.folder / f"{receipt.id}.url").unlink(missing_ok=True)
            flush(self.folder)
        self._kept.pop(receipt.id, None)

    def forget(self, before: int) -> int:
        """Drops receipts received before a stamp (ns); returns how many."""
        dropped = 0
        for file in list(self._done.glob("*.json")):
            try:
                receipt = Receipt.from_bytes(from_text(file.read_bytes())[0])
            except (OSError, Malformed):
                continue
            if receipt.received < before:
                file.unlink(missing_ok=True)
                dropped += 1
        return dropped

    def _header(self, id_: str) -> Path:
        return self.folder / f"{id_}.json"

    def _load(self) -> None:
        """What an earlier run left; a file without header was never taken over."""
        with _sentence(self.folder):
            for stale in [*self.folder.glob(".draft-*"), *self.folder.glob(".*.new")]:
                stale.unlink(missing_ok=True)
            for header in sorted(self.folder.glob("*.json")):
                self._load_one(header)
            known = {kept.file for kept in self._kept.values()}
            named = {f.with_suffix(".age") for f in self.folder.glob("*.json")}
            for file in self.folder.glob("*.age"):
                if file not in known and file not in named:
                    file.unlink(missing_ok=True)

    def _load_one(self, header: Path) -> None:
        file = header.with_suffix(".age")
        try:
            data, signature = from_text(header.read_bytes())
            item = Item.from_bytes(data)
            if f"{item.id}.json" != header.name:
                raise Malformed(f"id: found {item.id}, needs the file's name")
            found = file.stat().st_size if file.is_file() else -1
            if (self._done / header.name).is_file():  # killed between receipt and erasure
                header.unlink()
                file.unlink(missing_ok=True)
                return
            if found != item.size:
                raise Malformed(f"{file.name}: found {max(found, 0)} bytes, needs {item.size}")
        except (Malformed, OSError) as error:
            self.broken.append(f"spool: {header}: {error}; its evidence is spooled again")
            header.unlink(missing_ok=True)
            return
        self._kept[item.id] = Kept(item, signature, file)


class Addresses(MutableMapping[str, str]):
    """Addresses of uploads as small files beside their items; losing one costs time only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, id_: str) -> str:
        try:
            return self._path(id_).read_text(encoding="utf-8")
        except OSError:
            raise KeyError(id_) from None

    def __setitem__(self, id_: str, address: str) -> None:
        with contextlib.suppress(OSError):
            self._path(id_).write_text(address, encoding="utf-8")

    def __delitem__(self, id_: str) -> None:
        with contextlib.suppress(OSError):
            self._path(id_).unlink()

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in self._folder.glob("*.url"))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _path(self, id_: str) -> Path:
        return self._folder / f"{id_}.url"


def _write(path: Path, data: bytes) -> None:
    replace(path, data)
    flush(path.parent)


@contextlib.contextmanager
def _sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except SpoolError:
        raise
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise SpoolError(f"spool {path}: {why}") from error
