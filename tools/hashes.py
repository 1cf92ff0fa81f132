"""Were the files that pip has just installed the ones meant? Against requirements/lock*.txt.

    python tools/hashes.py REPORT LOCK...      REPORT: of `pip install --report`

Prints one sentence for each package whose file is another than any the lock knows, its name on
standard output so that it can be taken out again. Exit code 1: there was one. Packages that the
lock does not name (another Python) are counted, not refused.
"""

import json
import re
import sys
from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
SHOWN = 12  # digits of a hash in a sentence

Locked = dict[tuple[str, str], set[str]]  # hashes by name and version


def plain(name: str) -> str:
    """A package's one name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(text: str) -> Locked:
    """The hashes in a lock file."""
    found: Locked = {}
    now: set[str] = set()
    for line in text.splitlines():
        if pin := _PIN.match(line):
            now = found.setdefault((plain(pin[1]), pin[2]), set())
        now.update(_HASH.findall(line))
    return found


def installed(report: dict) -> list[tuple[str, str, str]]:
    """Name, version and SHA-256 of what pip installed; an empty hash: not of a file."""
    made = []
    for one in report.get("install", ()):
        about = one["metadata"]
        archive = one.get("download_info", {}).get("archive_info", {})
        told = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").partition("=")[2]
        made.append((plain(about["name"]), about["version"], told))
    return made


def check(report: dict, locked: Locked) -> tuple[list[tuple[str, str]], list[str]]:
    """Packages of another file, each with a sentence; and those that the lock does not name."""
    wrong, unknown = [], []
    for name, version, told in installed(report):
        known = locked.get((name, version))
        if known is None:
            unknown.append(f"{name}=={version}")
        elif told not in known:
            sentence = (
                f"{name}=={version}: the registry gave one with sha256 {told[:SHOWN] or 'none'}, "
                f"requirements/lock.txt knows {len(known)} others; if you trust that registry, run "
                "again with BCONNECT_HASHES=off"
            )
            wrong.append((name, sentence))
    return wrong, unknown


def main(report: str, *locks: str) -> int:
    """See above."""
    locked: Locked = {}
    for lock in locks:
        for key, hashes in read(Path(lock).read_text(encoding="utf-8")).items():
            locked.setdefault(key, set()).update(hashes)
    wrong, unknown = check(json.loads(Path(report).read_text(encoding="utf-8")), locked)
    if unknown:
        names = ", ".join(unknown[:6]) + (", ..." if len(unknown) > 6 else "")
        print(f"setup: {len(unknown)} packages are not in the lock: {names}", file=sys.stderr)
    for name, sentence in wrong:
        print(f"setup: {sentence}", file=sys.stderr)
        print(name)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
