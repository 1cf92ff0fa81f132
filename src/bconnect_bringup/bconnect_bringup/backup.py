"""`bconnect backup SITE` and `bconnect restore FILE`: a site's memory in one file, and back.

The ledger is copied by SQLite's own backup while it is written; evidence after it, so that every
violation the copy of the ledger knows has its evidence in the file. A ledger on PostgreSQL is the
server's to back up (pg_dump), and said so.
"""

import argparse
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from bconnect_bringup.state import ELSEWHERE, lock_file, state_root
from bconnect_site.disk import flush
from bconnect_site.errors import ConfigError
from bconnect_site.state import StateLayout

FORMAT = "bconnect-backup/1"
INDEX = "backup.json"
DATABASES = ("ledger.sqlite3",)
# In this order: what refers to others comes before what it refers to.
FOLDERS = ("evidence", "keys", "orders", "spool", "view")
FILES = ("site.yaml", "plan.json", "law.json")


def backup(argv: Sequence[str]) -> int:
    """Writes the file. Raises ConfigError."""
    parser = argparse.ArgumentParser(prog="bconnect backup", description=__doc__)
    parser.add_argument("site", help="name of the site")
    parser.add_argument("--out", type=Path, required=True, help="the file, .tar; must be new")
    parser.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")
    options = parser.parse_args(argv)
    layout = StateLayout.of(state_root(options.state), options.site)
    if not layout.root.is_dir():
        raise ConfigError(f'{layout.root}: nothing there; is the site called "{options.site}"?')
    count = write(layout, options.out)
    print(f"{options.out}: {count} files; it holds private keys and personal data, keep it so")
    if not (layout.root / DATABASES[0]).exists():
        print("the ledger is not a file of this site: back up its server too (pg_dump)")
    return 0


def write(layout: StateLayout, out: Path) -> int:
    """Writes all of a site's memory into a new file, readable by its owner. How many files."""
    digests: dict[str, str] = {}
    part = out.with_name(out.name + ".part")
    try:
        if out.exists():
            raise ConfigError(f"{out}: is there already; choose another name")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
            for name in DATABASES:
                if (layout.root / name).exists():
                    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
                        copy = Path(folder) / name
                        _copy_database(layout.root / name, copy)
                        _add(tar, copy, name, digests)
            for path in _members(layout.root):
                try:
                    _add(tar, path, str(path.relative_to(layout.root)), digests)
                except FileNotFoundError:
                    continue  # erased or sent meanwhile: the ledger says so
            told = {"format": FORMAT, "site": layout.root.name, "files": digests}
            data = json.dumps(told, sort_keys=True).encode()
            info = tarfile.TarInfo(INDEX)
            info.size, info.mode = len(data), 0o600
            tar.addfile(info, io.BytesIO(data))
        flush(part)
        part.rename(out)
        flush(out.parent)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"{out}: {getattr(error, 'strerror', None) or error}") from None
    return len(digests)


def restore(argv: Sequence[str]) -> int:
    """Puts a backup where no site is. Raises ConfigError."""
    parser = argparse.ArgumentParser(prog="bconnect restore", description="Puts a backup back.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")
    options = parser.parse_args(argv)
    layout = read(options.file, state_root(options.state))
    print(f"{layout.root}: restored; `bconnect verify` and `bconnect ledger check` look it over")
    return 0


def read(file: Path, root: Path) -> StateLayout:
    """Unpacks beside, checks every digest, and puts it in place by one rename."""
    root.mkdir(parents=True, exist_ok=True)
    try:
        with (
            tempfile.TemporaryDirectory(dir=root, prefix=".restore-") as folder,
            tarfile.open(file, "r:") as tar,
        ):
            place = Path(folder) / "site"
            tar.extractall(place, filter="data")
            for made in (place, *(path for path in place.rglob("*") if path.is_dir())):
                made.chmod(0o700)  # keys refuse to lie where others look
            told = json.loads((place / INDEX).read_text(encoding="utf-8"))
            if told.get("format") != FORMAT:
                raise ConfigError(f"{file}: found {told.get('format')}, known is {FORMAT}")
            layout = StateLayout.of(root, PurePosixPath(told["site"]).name)
            if layout.root.exists():
                raise ConfigError(f"{layout.root}: a site is there; move it away, or {ELSEWHERE}")
            _check(file, place, told["files"])
            (place / INDEX).unlink()
            lock_file(layout).unlink(missing_ok=True)
            shutil.move(place, layout.root)
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{file}: is no whole backup ({error})") from None
    return layout


def _members(root: Path) -> Iterator[Path]:
    for name in FILES:
        if (root / name).is_file():
            yield root / name
    for name in FOLDERS:
        yield from sorted(p for p in (root / name).rglob("*") if p.is_file() and not p.is_symlink())


def _copy_database(source: Path, copy: Path) -> None:
    """A whole, consistent copy of a database that others write to."""
    reading = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    writing = sqlite3.connect(copy)
    try:
        reading.backup(writing)
    finally:
        writing.close()
        reading.close()


def _add(tar: tarfile.TarFile, path: Path, name: str, digests: dict[str, str]) -> None:
    data = path.read_bytes()
    info = tar.gettarinfo(path, name)
    info.size = len(data)  # as it was read, should it grow meanwhile
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    tar.addfile(info, io.BytesIO(data))
    digests[name] = hashlib.sha256(data).hexdigest()


def _check(file: Path, place: Path, digests: dict[str, str]) -> None:
    for name, digest in digests.items():
        path = place / name
        if not path.resolve().is_relative_to(place.resolve()) or not path.is_file():
            raise ConfigError(f"{file}: {name}: is missing")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise ConfigError(f"{file}: {name}: is not as it was written")
