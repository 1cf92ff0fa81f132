"""``bconnect keys``: the keys that seal a site's evidence."""

import argparse
from collections.abc import Sequence

from bconnect_bringup.console import table
from bconnect_bringup.ledger import layout_of
from bconnect_site.errors import ConfigError
from bconnect_site.keys import PRIVATE, Keyring

OK = 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Raises ConfigError, one sentence."""
    parser = argparse.ArgumentParser(prog="bconnect keys", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, words in (
        ("list", _list, "the site's keys and their public files"),
        ("rotate", _rotate, "a new key signs from now on, also in a running graph"),
    ):
        made = commands.add_parser(name, help=words, description=words)
        made.set_defaults(run=run)
        made.add_argument("site", help="name of a site in config/, or a site file")
        made.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")
    options = parser.parse_args(argv)
    return int(options.run(options))


def _ring(options: argparse.Namespace) -> Keyring:
    folder = layout_of(options.site, options.state).keys_dir
    if not (folder / PRIVATE).exists():
        raise ConfigError(f"{folder}: no key yet; the first start of the site makes one")
    return Keyring.open(folder)


def _list(options: argparse.Namespace) -> int:
    ring = _ring(options)
    rows = [
        (key, "signs" if key == ring.key_id else "verifies", str(ring.folder / f"{key}.pub"))
        for key in sorted(ring.publics(), key=lambda key: (key != ring.key_id, key))
    ]
    print(table(("KEY", "USE", "PUBLIC"), rows))
    return OK


def _rotate(options: argparse.Namespace) -> int:
    ring = _ring(options)
    old, new = ring.key_id, ring.rotate()
    print(f"{new} signs from now on; {old} is destroyed, its public half stays: hand out the new")
    print(ring.folder / f"{new}.pub")
    return OK
