"""``<site>/chain.json``: where the site's chain of manifests ends, signed, under a lock."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bconnect_detect.core import chain, manifest
from bconnect_detect.core.chain import Chain, Link
from bconnect_site import letter, sealed
from bconnect_site.disk import flush, replace
from bconnect_site.keys import Keyring

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
NEWEST_DAYS = 3  # folders of days looked through for seals the record does not know


class ChainFile:
    """The end of one site's chain. ``complain`` is told what was found wrong with the record."""

    def __init__(self, root: Path, site: str, ring: Keyring) -> None:
        self._root, self._site, self._ring = root, site, ring
        self._path = root / site / sealed.CHAIN
        self._checked = False
        self.notes: list[str] = []  # sentences for the operator, taken away by the reader

    @contextmanager
    def held(self) -> Iterator[Chain]:
        """The chain's end as it stands, while no other process can seal. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield self._settled()
        finally:
            os.close(handle)

    def write(self, end: Chain) -> None:
        """Keeps the chain's end; only while it is held. Raises OSError."""
        replace(self._path, letter.write(chain.to_plain(end, self._site), self._ring))
        flush(self._path.parent)

    def _settled(self) -> Chain:
        """The end after whatever interrupted the last seal, or rebuilt from the manifests."""
        end = self._kept()
        if end is not None and end.next and self._stands(end.next):
            end = Chain(end.next)
        if not self._checked:
            self._checked = True
            newest = chain.end_of(self._links(NEWEST_DAYS)).number
            if end is not None and newest > end.number:
                self.notes.append(
                    f"{self._path}: ends with number {end.number - 1}, sealed are {newest - 1}; "
                    "it was brought up to date from the manifests"
                )
                end = None
        return end or chain.end_of(self._links())

    def _kept(self) -> Chain | None:
        """What the record says; None, with a note, where it is gone or not to be believed."""
        try:
            data = self._path.read_bytes()
            publics = self._ring.publics()
            return chain.from_plain(letter.read(data, sealed.CHAIN, publics), self._site)
        except FileNotFoundError:
            if self._links(NEWEST_DAYS):
                self.notes.append(f"{self._path}: is missing, rebuilt from the manifests")
        except ValueError as error:
            self.notes.append(f"{self._path}: {error}; rebuilt from the manifests")
        return None

    def _stands(self, link: Link) -> bool:
        path = self._root / link.directory / sealed.MANIFEST
        return path.is_file() and sealed.sha256(path.read_bytes()) == link.sha256

    def _links(self, days: int = 0) -> list[Link]:
        return links(self._root, self._site, days)


def links(root: Path, site: str, days: int = 0) -> list[Link]:
    """Places in the chain of a site's manifests; of the last ``days`` days, 0: of all."""
    folder = root / site
    dates = sorted(p for p in folder.iterdir() if _DAY.fullmatch(p.name)) if folder.is_dir() else []
    found = []
    for date in dates[-days:]:
        for path in sorted(date.glob(f"*/{sealed.MANIFEST}")):
            if path.parent.suffix == sealed.PARTIAL:
                continue
            directory = path.parent.relative_to(root).as_posix()
            if link := _link(path.read_bytes(), directory):
                found.append(link)
    return found


def key_ids(root: Path, site: str) -> set[str]:
    """Ids of the keys that sealed a site's newest evidence."""
    paths = [root / link.directory / sealed.MANIFEST for link in links(root, site, NEWEST_DAYS)]
    return {str(manifest.parse(path.read_bytes()).get("key_id")) for path in paths}


def recorded(folder: Path) -> bytes | None:
    """The record of a site's folder; None where there is none."""
    try:
        return (folder / sealed.CHAIN).read_bytes()
    except OSError:
        return None


def _link(data: bytes, directory: str) -> Link | None:
    try:
        return manifest.link_of(manifest.parse(data), sealed.sha256(data), directory)
    except ValueError:
        return None  # verify names it
