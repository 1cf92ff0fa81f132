"""The folders of evidence on disk: ``<site>/<local date>/<id>/``, whole or not at all.

A case is gathered in ``<id>.partial`` beside its final place; ``case.json`` in there
lets the next run take it up. Sealing writes manifest and signature, flushes every file and
the folder, and renames it: a reader sees a sealed folder complete or not at all,
whenever the power fails. Where the manifest stands in the site's chain is written ahead of the
rename and confirmed after it (``<site>/chain.json``), so that a crash in between neither breaks
nor forks the chain. What cannot be taken up is moved to ``<site>/set_aside``, never deleted.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bconnect_detect.adapters import sealed_folder
from bconnect_detect.adapters.chain_file import ChainFile
from bconnect_detect.adapters.sealed_folder import (
    NO_ROOM,
    SealedFolder,
    StoreError,
    digest,
    sentence,
)
from bconnect_detect.core import manifest
from bconnect_detect.core.chain import Chain, Link
from bconnect_detect.core.violation import RESERVED
from bconnect_site import sealed
from bconnect_site.disk import flush, replace, write
from bconnect_site.keys import Keyring
from bconnect_site.letter import signature_fault
from bconnect_site.sealed import PARTIAL, SET_ASIDE

__all__ = ["PARTIAL", "EvidenceStore", "StoreError"]

CASE = "case.json"
UNSEALED = "manifest.unsealed.json"
_OF_SEAL = {sealed.MANIFEST, sealed.SIGNATURE, sealed.RELEASE}

# Number and digest of the manifest before in; the manifest's bytes and signature out.
MakeManifest = Callable[[Link], tuple[bytes, bytes]]


class EvidenceStore:
    """One site's evidence. Safe for one writer; any number of readers.

    ``ring``: the site's keys; without them nothing can be sealed.
    ``min_free``: bytes of disk that stay free; below it nothing is begun or sealed.
    ``step``: called with a name before each step on disk; tests interrupt there.
    """

    def __init__(
        self,
        root: Path,
        ring: Keyring | None = None,
        min_free: int = 0,
        step: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.root = root
        self.ring = ring
        self._min_free = min_free
        self._step = step
        self._chains: dict[str, ChainFile] = {}

    def check(self) -> None:
        """Raises StoreError when the store cannot be written to now."""
        with sentence(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            mode = stat.S_IMODE(self.root.stat().st_mode)
            if mode & stat.S_IRWXO and self.root.stat().st_uid == os.geteuid():
                self.root.chmod(mode & ~stat.S_IRWXO)  # it shows people; nobody else looks in
            probe = self.root / f".probe-{os.getpid()}"
            try:
                write(probe, b"\0" * 4096)
            finally:
                probe.unlink(missing_ok=True)
        self._check_room()

    def folder(self, directory: str) -> Path:
        """The path of ``directory``. Raises StoreError when it leaves the store."""
        parts = directory.split("/")
        if not directory or any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise StoreError(f"{directory[:120]!r}: allowed is a path inside the evidence store")
        path = self.root.joinpath(*parts)
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise StoreError(f"{directory[:120]!r}: leads out of the evidence store")
        return path

    def begin(self, directory: str, case: bytes) -> None:
        """Makes the partial folder of a case and keeps the case in it."""
        partial = self.folder(directory + PARTIAL)
        with sentence(partial):
            self._check_room()
            partial.mkdir(parents=True, exist_ok=True)
            if not (partial / CASE).exists():
                replace(partial / CASE, case)
                for folder in (partial, partial.parent, partial.parent.parent):
                    flush(folder)

    def is_sealed(self, directory: str) -> bool:
        """Whether a sealed folder stands there."""
        return sealed_folder.is_sealed(self.folder(directory))

    def measure(self, directory: str, name: str) -> tuple[str, int] | None:
        """Digest and size of a file in the partial folder; None: not there or no plain file."""
        path = self._file(directory, name)
        if path.is_symlink() or not path.is_file():
            return None
        with sentence(path):
            return digest(path)

    def read(self, directory: str, name: str) -> bytes:
        """Bytes of a file in the partial folder."""
        path = self._file(directory, name)
        with sentence(path):
            return path.read_bytes()

    def put(self, directory: str, name: str, data: bytes) -> None:
        """Writes a file into the partial folder, whole or not at all."""
        path = self._file(directory, name)
        with sentence(path):
            self._check_room()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._step(f"put {name}")
            replace(path, data)

    def strangers(self, directory: str, known: set[str]) -> list[str]:
        """Moves files nobody asked for out of the partial folder; returns their names.

        What an attempt before made itself is deleted.
        """
        partial = self.folder(directory + PARTIAL)
        with sentence(partial):
            for path in sorted(partial.glob(f"{sealed.RELEASE}/*")):
                if f"{sealed.RELEASE}/{path.name}" not in known:
                    path.unlink()  # ours, of an attempt before
            known = known | {CASE, sealed.RELEASE}
            names = sorted(e.name for e in partial.iterdir() if e.name not in known)
            strangers = [n for n in names if not (n.startswith(".") or n in RESERVED)]
            for name in names:
                if name in strangers:
                    self._move_aside(partial / name, f"{partial.stem}-{name}")
                else:
                    (partial / name).unlink()
            return strangers

    def names(self, directory: str) -> list[str]:
        """Plain files in the partial folder."""
        partial = self.folder(directory + PARTIAL)
        with sentence(partial):
            return sorted(p.name for p in partial.iterdir() if p.is_file() and not p.is_symlink())

    def seal(self, directory: str, make: MakeManifest, names: set[str]) -> str:
        """Writes manifest and signature, flushes everything, renames the folder into its place.

        Returns the manifest's digest. A late camera may write until the rename: what is not in
        ``names`` is moved out again.
        """
        partial, final = self.folder(directory + PARTIAL), self.folder(directory)
        chain = self.chain(directory)
        with sentence(final), chain.held() as end:
            data, signature = make(Link(end.number, "", directory, end.digest))
            self.put(directory, sealed.MANIFEST, data)
            self.put(directory, sealed.SIGNATURE, signature)
            self._step("flush")
            for path in sorted(partial.rglob("*")):
                flush(path)
            self._step("case")
            (partial / CASE).unlink(missing_ok=True)
            flush(partial)
            link = Link(end.number, sealed.sha256(data), directory, end.digest)
            self._rename(chain, end, link)
            for path in sorted(final.iterdir()):
                if path.name not in names | _OF_SEAL:
                    self._move_aside(path, f"{final.name}-{path.name}")
            return link.sha256

    def _rename(self, chain: ChainFile, end: Chain, link: Link) -> None:
        """The seal itself. Raises OSError; then the folder is not sealed, or it is in the chain."""
        partial, final = self.folder(link.directory + PARTIAL), self.folder(link.directory)
        self._step("ahead")
        chain.write(Chain(end.head, link))
        self._step("rename")
        os.rename(partial, final)
        self._step("parent")
        flush(final.parent)
        self._step("chain")
        chain.write(Chain(link))

    def chain(self, directory: str) -> ChainFile:
        """The chain of the site that a folder belongs to. Raises StoreError without keys."""
        if self.ring is None:
            raise StoreError(f"evidence store {self.root}: has no key to sign with")
        site = directory.partition("/")[0]
        return self._chains.setdefault(site, ChainFile(self.root, site, self.ring))

    def notes(self) -> list[str]:
        """Sentences about chains that had to be mended since this was last asked."""
        notes = [note for chain in self._chains.values() for note in chain.notes]
        for chain in self._chains.values():
            chain.notes = []
        return notes

    def load(self, directory: str) -> SealedFolder:
        """What lies in a sealed folder."""
        return sealed_folder.load(self.folder(directory))

    def sealed(self, site: str, dates: set[str]) -> list[str]:
        """Sealed folders of these local dates, oldest first by name of day; erased ones not."""
        found = []
        for date in sorted(dates):
            day = self.folder(f"{site}/{date}")
            if day.is_dir():
                entries = sorted(day.iterdir(), key=lambda p: p.stat().st_mtime_ns)
                found += [
                    f"{site}/{date}/{p.name}"
                    for p in entries
                    if p.suffix != PARTIAL
                    and (p / sealed.MANIFEST).is_file()
                    and not (p / sealed.ERASED).exists()
                ]
        return found

    def left_over(self, site: str) -> list[tuple[str, bytes | None]]:
        """Partial folders of an earlier run: directory and its kept case, None when it has none."""
        base = self.folder(site)
        with sentence(base):
            paths = sorted(base.glob(f"*/*{PARTIAL}")) if base.is_dir() else []
            return [
                (f"{site}/{path.parent.name}/{path.stem}", _read(path / CASE)) for path in paths
            ]

    def complete(self, directory: str) -> bool:
        """Seals a partial folder that lacked only the rename; False: it lacks more.

        Its manifest must be whole, ours, and follow the chain's present end.
        """
        partial, final = self.folder(directory + PARTIAL), self.folder(directory)
        if final.exists() or not (partial / sealed.MANIFEST).is_file():
            return False
        chain = self.chain(directory)
        with sentence(partial), chain.held() as end:
            link = self._ready(sealed_folder.load(partial), directory)
            if link is None:
                return False
            if end.head and end.head.sha256 == link.sha256:  # the disk forgot the rename only
                end = Chain(Link(link.sequence - 1, link.previous, ""))
            if (link.sequence, link.previous) != (end.number, end.digest):
                return False
            self._rename(chain, end, link)
            return True

    def whole(self, directory: str) -> bool:
        """Whether a partial folder holds a whole manifest of ours, wherever in the chain."""
        partial = self.folder(directory + PARTIAL)
        if not (partial / sealed.MANIFEST).is_file():
            return False
        with sentence(partial):
            return self._ready(sealed_folder.load(partial), directory) is not None

    def _ready(self, folder: SealedFolder, directory: str) -> Link | None:
        assert self.ring is not None
        try:
            plain = manifest.parse(folder.manifest)
            link = manifest.link_of(plain, sealed.sha256(folder.manifest), directory)
        except ValueError:
            return None
        fault = signature_fault(
            folder.manifest, folder.signature or b"", str(plain.get("key_id")), self.ring.publics()
        )
        return None if fault or manifest.faults(plain, folder.found) else link

    def set_aside(self, directory: str) -> str:
        """Moves a partial folder to ``set_aside``; returns where, relative to the store."""
        partial = self.folder(directory + PARTIAL)
        if not partial.exists():
            return ""
        with sentence(partial):
            return self._move_aside(partial, f"{partial.parent.name}-{partial.stem}")

    def _file(self, directory: str, name: str) -> Path:
        """A file of the partial folder; a link there is not followed."""
        bare = name.removeprefix(f"{sealed.RELEASE}/")
        if "/" in bare or bare in ("", ".", ".."):
            raise StoreError(f"{name[:120]!r}: allowed is a plain file name")
        return self.folder(directory + PARTIAL) / name

    def _move_aside(self, path: Path, name: str) -> str:
        site = path.relative_to(self.root).parts[0]
        place = self.root / site / SET_ASIDE / name
        place.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while place.exists():
            number += 1
            place = place.with_name(f"{name}-{number}")
        shutil.move(path, place)
        with suppress(FileNotFoundError, NotADirectoryError):  # nobody takes it for sealed
            (place / sealed.MANIFEST).rename(place / UNSEALED)
        return str(place.relative_to(self.root))

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.root).free if self._min_free else 0
        if free < self._min_free:
            raise StoreError(
                f"evidence store {self.root}: {free >> 20} MiB are free, {self._min_free >> 20} "
                f"MiB are to stay free; {NO_ROOM}",
                errno.ENOSPC,
            )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
