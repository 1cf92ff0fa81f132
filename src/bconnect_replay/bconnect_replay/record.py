"""``bconnect record SITE``: what a running site says, as a bag, until Ctrl-C."""

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path

from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.loader import freeze, load_site, resolve_site


def main(argv: Sequence[str] | None = None) -> int:
    """Records until told to stop. Returns the exit code. Raises ConfigError."""
    parser = argparse.ArgumentParser(
        prog="bconnect record",
        description="Records a running site as a rosbag2 folder (MCAP) until Ctrl-C.",
    )
    parser.add_argument("site", help="name of a site in config/, or a site file")
    parser.add_argument("--out", type=Path, help="the bag; default SITE_1, SITE_2, ... here")
    parser.add_argument(
        "--images",
        choices=("jpeg", "encoded", "none"),
        help="pictures as JPEG of detection size, or as the cameras encode them (H.264, H.265), "
        "full size; default: what the site file says (record:)",
    )
    parser.add_argument("--no-images", action="store_true", help="the same as --images none")
    parser.add_argument(
        "--image-rate", type=float, default=0.0, metavar="HZ", help="at most, of JPEG"
    )
    parser.add_argument("--split-mb", type=float, default=1024.0, help="a file; 0: no limit")
    parser.add_argument("--split-minutes", type=float, default=10.0, help="a file; 0: no limit")
    options = parser.parse_args(argv)
    for name in ("image_rate", "split_mb", "split_minutes"):
        if not getattr(options, name) >= 0.0:
            raise ConfigError(
                f"--{name.replace('_', '-')}: found {getattr(options, name):g}, needs 0 or more"
            )
    loaded = load_site(resolve_site(options.site))
    site = loaded.site.site
    folder = (options.out or _free(site)).absolute()
    if folder.exists():
        raise ConfigError(f"--out: {folder} exists already; a bag is written into a new folder")
    from bconnect_node.run import run_nodes
    from bconnect_replay.recorder_node import Recorder

    with tempfile.TemporaryDirectory(prefix="bconnect-record-") as scratch:
        frozen = Path(scratch) / "site.yaml"
        freeze(loaded, frozen)
        parameters = {
            "site_file": str(frozen),
            "folder": str(folder),
            "images": "none" if options.no_images else options.images or "",
            "image_rate": options.image_rate,
            "split_bytes": int(options.split_mb * 1_000_000),
            "split_seconds": 60.0 * options.split_minutes,
        }
        make = partial(Recorder, namespace=names.site_ns(site), parameter_overrides=parameters)
        return run_nodes([make], [])


def _free(site: str) -> Path:
    """The first of SITE_1, SITE_2, ... that does not exist."""
    return next(p for n in count(1) if not (p := Path(f"{site}_{n}")).exists())
