"""``bconnect verify PATH``: is sealed evidence as it was sealed?

Works offline with the public key alone; knows neither ROS nor the site.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bconnect_detect.adapters import access_log, chain_file, sealed_folder
from bconnect_detect.adapters.sealed_folder import SealedFolder, StoreError
from bconnect_detect.core import chain, manifest
from bconnect_detect.core.chain import Chain, Link
from bconnect_detect.core.verdict import State, Verdict, worst
from bconnect_site import keys, letter, sealed
from bconnect_site.errors import ConfigError
from bconnect_site.keys import PublicKey

WHOLE, TOUCHED, NOTHING, UNSIGNED = (int(state) for state in State)
Keys = Mapping[str, PublicKey] | None


def main(argv: Sequence[str] | None = None) -> int:
    """Checks and says a line for each folder. Returns an exit code, see ``State``."""
    arguments = _parser().parse_args(argv)
    try:
        publics = keys.publics(arguments.key) if arguments.key else None
    except ConfigError as error:
        print(error, file=sys.stderr)
        return NOTHING
    verdicts: list[Verdict] = []
    for path in arguments.paths:
        known = publics if publics is not None else keys_beside(path)
        try:
            verdicts += check(path, known, arguments.sha256)
        except (StoreError, ConfigError) as error:
            verdicts.append(Verdict(str(path), State.NOTHING))
            print(error, file=sys.stderr)
    for verdict in verdicts:
        for line in verdict.lines():
            print(line, file=sys.stderr if verdict.state == State.NOTHING else sys.stdout)
    return int(worst(verdicts))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bconnect verify",
        description="Checks sealed evidence and names what was touched. Exit code: 0 whole and "
        "signed, 1 touched, 2 nothing to check, 3 whole but no key was there to check the seal.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a sealed folder, a zip of one, or a whole evidence store",
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE|FOLDER",
        help="public key (.pub) or a folder of them; absent: the keys folder beside a store",
    )
    parser.add_argument(
        "--sha256",
        default="",
        metavar="HEX",
        help="the manifest's digest as the ledger has it: finds a manifest exchanged as a whole",
    )
    return parser


def check(path: Path, publics: Keys = None, digest: str = "") -> list[Verdict]:
    """All there is to say about a path. Raises StoreError, ConfigError: it cannot be read."""
    if path.name == sealed.MANIFEST:
        path = path.parent
    if path.is_file():
        folders = sealed_folder.load_zip(path)
        loose = True
    else:
        where = sealed_folders(path)
        folders = [sealed_folder.load(folder) for folder in where]
        loose = where == [path] and not (path.parent.parent / sealed.CHAIN).exists()
    if digest and len(folders) != 1:
        raise ConfigError(f"--sha256: found {len(folders)} sealed folders, allowed is one")
    if not folders:
        raise StoreError(f"{path}: no sealed evidence here: no {sealed.MANIFEST} found")
    verdicts = [examine(folder, publics, digest, loose=loose) for folder in folders]
    return verdicts + [v for site in _sites(path) for v in _whole_site(site, publics)]


def examine(
    folder: SealedFolder, publics: Keys, digest: str = "", *, loose: bool = False
) -> Verdict:
    """One sealed folder. ``loose``: carried out of its store, so originals may be left there."""
    if not folder.manifest:
        return _erased(folder, publics, None)
    found = manifest.sha256(folder.manifest)
    if digest and found != digest.lower():
        what = f"was touched: its digest is {found}, the ledger's another"
        return Verdict(folder.where, State.TOUCHED, [f"{sealed.MANIFEST} {what}"])
    try:
        plain = manifest.parse(folder.manifest)
    except ValueError as error:
        return Verdict(folder.where, State.TOUCHED, [str(error)])
    if plain["format"] == sealed.OLD_FORMAT:
        faults = manifest.faults(plain, folder.found)
        return _verdict(folder, faults, False, f"{_count(folder)}, unsigned (format 1)", found)
    faults = _seal_faults(folder, plain, publics)
    if folder.erased is not None:
        verdict = _erased(folder, publics, found)
        return Verdict(folder.where, State.TOUCHED, faults) if faults else verdict
    outgoing = loose and not any(manifest.is_original(path) for path in folder.found)
    faults += manifest.faults(plain, folder.found, outgoing=outgoing)
    told = _count(folder) + (", outgoing copy: the originals are kept apart" if outgoing else "")
    return _verdict(folder, faults, publics is not None, told, found)


def _seal_faults(folder: SealedFolder, plain: sealed.Json, publics: Keys) -> list[str]:
    """What is wrong with the signature and with the folder's own name."""
    faults = [f"{name} is there more than once" for name in folder.twice]
    if folder.signature is None:
        faults.append(f"{sealed.SIGNATURE} is missing")
    elif publics is not None:
        key = str(plain.get("key_id", ""))
        fault = letter.signature_fault(folder.manifest, folder.signature, key, publics)
        if fault:
            what = sealed.SIGNATURE if len(folder.signature) != 64 else sealed.MANIFEST
            faults.append(f"{what} {fault}" if key in publics else f"{sealed.MANIFEST} {fault}")
    name = str(plain.get("id", ""))
    if folder.name not in ("", name):
        faults.append(f"{sealed.MANIFEST} is of violation {name[:64]}, not of this folder")
    return faults


def _erased(folder: SealedFolder, publics: Keys, found: str | None) -> Verdict:
    """A folder whose evidence was erased. ``found``: digest of its manifest, if it has one."""
    try:
        plain = letter.read(folder.erased or b"", sealed.ERASED, publics)
        if plain.get("format") != sealed.ERASED_FORMAT:
            raise ValueError(f"{sealed.ERASED}: format: found {plain.get('format')!r}")
        if found is not None and plain.get("manifest_sha256") != found:
            raise ValueError(f"{sealed.ERASED} is of another manifest")
    except ValueError as error:
        return Verdict(folder.where, State.TOUCHED, [str(error)])
    if rest := sorted(folder.found):
        left = f"was to be erased, but {', '.join(rest[:5])} is still there"
        return Verdict(folder.where, State.TOUCHED, [left])
    why = f"erased {plain.get('stamp_utc')}, {plain.get('why')} ({plain.get('rule')})"
    state = State.WHOLE if publics is not None else State.UNSIGNED
    return Verdict(folder.where, state, [why])


def _verdict(
    folder: SealedFolder, faults: list[str], signed: bool, told: str, digest: str
) -> Verdict:
    if faults:
        return Verdict(folder.where, State.TOUCHED, faults)
    if signed:
        return Verdict(folder.where, State.WHOLE, [f"whole, {told}, manifest {digest}"])
    why = "the seal was not checked: no public key (--key)"
    if "unsigned" in told:
        why = "a seal it has not: only the ledger can tell whether its manifest was exchanged"
    return Verdict(folder.where, State.UNSIGNED, [f"whole, {told}, manifest {digest}; {why}"])


def _count(folder: SealedFolder) -> str:
    return f"{len(folder.found)} files"


def _whole_site(site: Path, publics: Keys) -> list[Verdict]:
    """The chain of a site in its store, and the log of accesses of the store."""
    end, faults, links = _end(site, publics), [], chain_file.links(site.parent, site.name)
    if isinstance(end, str):
        faults, end = [end], None
    elif end is None and links:
        faults = [f"{sealed.CHAIN} is missing: whether the newest are all here cannot be told"]
    faults += chain.faults(links, end)
    accesses = access_log.read(site.parent)
    faults += access_log.faults(accesses, _anchors(links, site.parent))
    if faults:
        return [Verdict(str(site), State.TOUCHED, faults)]
    if not links:
        return []
    told = f"chain whole, {len(links)} manifests, {len(accesses.lines)} accesses to originals"
    state = State.WHOLE if publics is not None else State.UNSIGNED
    return [Verdict(str(site), state, [told])]


def _end(site: Path, publics: Keys) -> Chain | str | None:
    data = chain_file.recorded(site)
    if data is None:
        return None
    try:
        return chain.from_plain(letter.read(data, sealed.CHAIN, publics), site.name)
    except ValueError as error:
        return str(error)


def _anchors(links: Sequence[Link], root: Path) -> list[tuple[int, str]]:
    """What the last manifests say of the log of accesses."""
    found = []
    for link in sorted(links, key=lambda link: link.sequence)[-1:]:
        plain = manifest.parse((root / link.directory / sealed.MANIFEST).read_bytes())
        log = plain.get("access_log") or {}
        try:
            found.append((int(log.get("lines", 0)), str(log.get("sha256", ""))))
        except (AttributeError, TypeError, ValueError, OverflowError):
            continue  # a manifest that was touched is told of by its own verdict
    return found


def sealed_folders(path: Path) -> list[Path]:
    """The sealed folders a path stands for; unfinished ones are none."""
    if path.name == sealed.MANIFEST:
        return [path.parent] if path.is_file() else []
    if sealed_folder.is_sealed(path):
        return [path]
    marks = (sealed.MANIFEST, sealed.ERASED)
    found = sorted({p.parent for mark in marks for p in path.rglob(mark)})
    return [folder for folder in found if folder.suffix != sealed.PARTIAL]


def _sites(path: Path) -> list[Path]:
    """Folders of sites whose whole chain lies below a path."""
    places = {p.parent for p in path.rglob(sealed.CHAIN)} if path.is_dir() else set()
    for folder in sealed_folders(path) if path.is_dir() else []:
        site = folder.parent.parent
        if folder != path and path in (site, site.parent):
            places.add(site)
    return sorted(places)


def keys_beside(path: Path) -> Keys:
    """The public keys of the site whose evidence store a path lies in; None: there are none."""
    for folder in (path.absolute(), *path.absolute().parents):
        if (folder.parent / "keys").is_dir() and folder.name == "evidence":
            return keys.publics(folder.parent / "keys")
    return None


if __name__ == "__main__":
    sys.exit(main())
