"""``bconnect evidence``: zips of sealed evidence, and originals opened by name and reason."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bconnect_bringup.state import state_root
from bconnect_detect import verify
from bconnect_detect.adapters import access_log, clock, packing, sealed_folder
from bconnect_detect.adapters.sealed_folder import StoreError
from bconnect_detect.core import manifest
from bconnect_site import sealed
from bconnect_site.errors import ConfigError

OK = 0
EVIDENCE = "evidence"  # what a site's store is called in its state


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Raises ConfigError, one sentence."""
    parser = argparse.ArgumentParser(prog="bconnect evidence", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    zipped = commands.add_parser(
        "zip",
        help="a zip for outside: bystanders are illegible, originals stay here",
        description="Writes a zip that `bconnect verify` checks. With --originals everything is "
        "in it, bystanders too, and that is noted with name and reason.",
    )
    zipped.add_argument("--out", required=True, type=Path, metavar="FILE", help="the zip")
    zipped.add_argument("--originals", action="store_true", help="with the originals")
    opened = commands.add_parser(
        "open",
        help="where the originals of a violation are; who asks is noted",
        description="Checks the evidence, notes who opens it and why, and says where it is.",
    )
    for made, run, needed in ((zipped, _zip, False), (opened, _open, True)):
        made.set_defaults(run=run)
        made.add_argument("violation", metavar="ID|PATH", help="of a violation, or its folder")
        made.add_argument("--who", required=needed, default="", help="who opens the originals")
        made.add_argument("--why", required=needed, default="", help="for what")
        made.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")
    options = parser.parse_args(argv)
    try:
        return int(options.run(options))
    except StoreError as error:
        raise ConfigError(str(error)) from None


def _zip(options: argparse.Namespace) -> int:
    folder = _whole(find(options.violation, options.state))
    if options.originals:
        _note(folder, options, "copied")
    elif not (folder / sealed.RELEASE).is_dir():
        print(
            f"{folder}: holds no copies for outside, the zip is without pictures", file=sys.stderr
        )
    count = packing.pack(folder, options.out, originals=options.originals)
    print(f"{options.out}: {count} files of violation {folder.name}")
    return OK


def _open(options: argparse.Namespace) -> int:
    folder = _whole(find(options.violation, options.state))
    _note(folder, options, "opened")
    print(folder)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if manifest.is_original(name):
            print(f"  {name}")
    return OK


def find(violation: str, state: str | None) -> Path:
    """The sealed folder of an id or path. Raises ConfigError: there is none, or it was erased."""
    folder = Path(violation)
    if not sealed_folder.is_sealed(folder):
        known = violation.replace("-", "").isalnum()
        places = state_root(state).glob(f"*/{EVIDENCE}/*/*/{violation}") if known else ()
        found = sorted(place for place in places if sealed_folder.is_sealed(place))
        if not found:
            raise ConfigError(
                f"{violation}: no sealed evidence of that id in {state_root(state)}; "
                "give the folder's path, or --state"
            )
        folder = found[0]
    if (folder / sealed.ERASED).exists():
        raise ConfigError(f"{folder}: its evidence was erased; bconnect verify says when and why")
    return folder.absolute()


def _whole(folder: Path) -> Path:
    """The folder, if it is as it was sealed. Raises ConfigError naming what was touched."""
    verdict = verify.examine(sealed_folder.load(folder), verify.keys_beside(folder))
    if verdict.state in (verify.TOUCHED, verify.NOTHING):
        raise ConfigError(*verdict.lines())
    return folder


def _note(folder: Path, options: argparse.Namespace, what: str) -> None:
    for key in ("who", "why"):
        if not getattr(options, key).strip():
            raise ConfigError(f"--{key}: is needed to open originals")
    store = folder.parents[2]
    if not (folder.parents[1] / sealed.CHAIN).exists():
        raise ConfigError(f"{folder}: lies in no evidence store, so nobody notes who opens it")
    access_log.write(
        store, clock.now(), options.who.strip(), options.why.strip(), what, [folder.name]
    )
