"""Sealed folders of the centre's stores: where one lies, whether it is whole, and its files.

What is asked for by a browser is the digest of a file that the manifest names, never a path.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from bconnect_center.core.crosschecks import Seal
from bconnect_center.settings import Loaded
from bconnect_detect import verify
from bconnect_detect.adapters import sealed_folder
from bconnect_detect.adapters.sealed_folder import StoreError
from bconnect_detect.core.verdict import State
from bconnect_enforce.core.records import Violation
from bconnect_site import keys, sealed
from bconnect_site.disk import sha256
from bconnect_site.errors import ConfigError
from bconnect_site.keys import PublicKey

REMEMBERED = 2000
MOST_JSON = 4 << 20  # bytes
TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4",
         ".mkv": "video/x-matroska", ".json": "application/json"}  # fmt: skip


class NotThere(LookupError):
    """A file that is not named, not there, or not what was sealed; str() is the sentence."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A sealed folder. `files`: path below the store by digest, as the ledger lists them."""

    root: Path
    path: Path
    seal: Seal
    manifest: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)  # violation.json


LOST = Seal("lost", ("its folder is in none of the evidence stores",))


class Folders:
    """Safe from any thread; remembers what it checked while nothing changes on disk."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._lock = Lock()
        self._verdicts: OrderedDict[tuple[Any, ...], Seal] = OrderedDict()
        self._digests: OrderedDict[tuple[str, int, int], str] = OrderedDict()

    def find(self, violation: Violation) -> Folder:
        """The folder of a violation and what can be said of it."""
        root = self._root(violation.manifest)
        if root is None:
            return Folder(self._loaded.stores[0], Path(), LOST)
        path = (root / violation.manifest).parent
        seal = self._seal(root, path, violation)
        if not seal.stands:
            return Folder(root, path, seal)
        return Folder(
            root, path, seal, _json(path / sealed.MANIFEST), _json(path / sealed.FACTS),
            _json(path / sealed.VIOLATION),
        )  # fmt: skip

    def handed_over(self, folder: Folder) -> bool:
        """Whether it came by the intake: who sends it there lets the centre decide."""
        return folder.path != Path() and folder.root == self._loaded.stores[0]

    def file(self, violation: Violation, digest: str) -> Path:
        """The file of that digest, as it was sealed. Raises NotThere."""
        named = {file.sha256: file.path for file in violation.evidence}
        root = self._root(violation.manifest)
        if digest not in named or root is None:
            raise NotThere("file: the sealed folder of this case names none of that digest")
        path = root / named[digest]
        folder = (root / violation.manifest).parent.resolve()
        try:
            inside = path.resolve(strict=True).is_relative_to(folder) and not path.is_symlink()
            if not inside or not path.is_file() or self._digest(path) != digest:
                raise NotThere(f"{path.name}: is not what was sealed")
        except OSError as error:
            raise NotThere(f"{path.name}: cannot be read ({error.strerror})") from None
        return path

    def publics(self, root: Path, manifest: str) -> Mapping[str, PublicKey] | None:
        """The keys a folder of that store may be signed with; None: none are known."""
        try:
            if root == self._loaded.stores[0]:
                given = self._loaded.file.units.get(Path(manifest).parts[0])
                return keys.publics(self._loaded.near(given)) if given else None
            folder = root.parent / "keys"
            return keys.publics(folder) if folder.is_dir() else None
        except (ConfigError, IndexError):
            return None

    def keys_folder(self, root: Path, manifest: str) -> Path | None:
        """Where those keys lie."""
        if root == self._loaded.stores[0]:
            given = self._loaded.file.units.get(Path(manifest).parts[0])
            found = self._loaded.near(given) if given else None
            return found if found and found.is_dir() else None
        return root.parent / "keys"

    def _root(self, manifest: str) -> Path | None:
        if not manifest or Path(manifest).is_absolute() or ".." in Path(manifest).parts:
            return None
        for store in self._loaded.stores:
            folder = (store / manifest).parent
            if (store / manifest).is_file() or (folder / sealed.ERASED).is_file():
                return store
        return None

    def _seal(self, root: Path, path: Path, violation: Violation) -> Seal:
        try:
            print_ = (str(path), violation.manifest_sha256, *_fingerprint(path))
        except OSError as error:
            return Seal("touched", (f"{path.name}: cannot be read ({error.strerror})",))
        with self._lock:
            if print_ in self._verdicts:
                return self._verdicts[print_]
        seal = self._examined(root, path, violation)
        with self._lock:
            _remember(self._verdicts, print_, seal)
        return seal

    def _examined(self, root: Path, path: Path, violation: Violation) -> Seal:
        try:
            folder = sealed_folder.load(path)
            publics = self.publics(root, violation.manifest)
            verdict = verify.examine(folder, publics, violation.manifest_sha256)
        except (StoreError, ConfigError) as error:
            return Seal("touched", (str(error),))
        told = tuple(verdict.sentences)
        if folder.erased is not None and verdict.state != State.TOUCHED:
            return Seal("erased", told)
        states = {State.WHOLE: "whole", State.UNSIGNED: "unchecked"}
        return Seal(states.get(verdict.state, "touched"), told)

    def _digest(self, path: Path) -> str:
        found = path.stat()
        print_ = (str(path), found.st_size, found.st_mtime_ns)
        with self._lock:
            if print_ in self._digests:
                return self._digests[print_]
        digest = sha256(path)
        with self._lock:
            _remember(self._digests, print_, digest)
        return digest


def media_type(path: Path) -> str:
    return TYPES.get(path.suffix.lower(), "application/octet-stream")


def _fingerprint(path: Path) -> list[tuple[str, int, int]]:
    found = []
    for file in sorted(path.rglob("*")):
        stat = file.lstat()
        found.append((file.relative_to(path).as_posix(), stat.st_size, stat.st_mtime_ns))
    return found


def _remember(held: "OrderedDict[Any, Any]", key: Any, value: Any) -> None:
    held[key] = value
    while len(held) > REMEMBERED:
        held.popitem(last=False)


def _json(path: Path) -> Mapping[str, Any]:
    """A checked file of the folder; empty where it is none or not there."""
    try:
        with path.open("rb") as file:
            plain = json.loads(file.read(MOST_JSON))
    except (OSError, ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}
