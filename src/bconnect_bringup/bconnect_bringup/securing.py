"""``bconnect secure``: the SROS2 keystore of a site, with the least each process needs."""

import argparse
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from rclpy.clock import Clock

from bconnect_bringup.prepare import load
from bconnect_bringup.state import state_root
from bconnect_node.environment import HIGHEST_DOMAIN
from bconnect_node.security import dds_security
from bconnect_site.access import dds_names, needs
from bconnect_site.errors import ConfigError
from bconnect_site.keystore import make_keystore
from bconnect_site.plan import StateLayout, plan

OK = 0
SECOND = 1_000_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """bconnect secure SITE --out DIR. Raises ConfigError, one sentence."""
    parser = argparse.ArgumentParser(prog="bconnect secure", description=__doc__)
    parser.add_argument("site", help="name of a site in config/, or a site file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the keystore")
    parser.add_argument("--domain", type=int, default=0, help="ROS_DOMAIN_ID it holds for")
    parser.add_argument("--days", type=int, default=3650, help="new certificates hold")
    options = parser.parse_args(argv)
    if not 0 <= options.domain <= HIGHEST_DOMAIN:
        raise ConfigError(f"domain: found {options.domain}, allowed 0 to {HIGHEST_DOMAIN}")
    if not 1 <= options.days <= 36_500:
        raise ConfigError(f"days: found {options.days}, allowed 1 to 36500")
    loaded = load(options.site)
    site, root = loaded.site, state_root()
    layout = StateLayout.of(root, site.site)
    made = plan(loaded, site_file=str(layout.site_file), state_dir=str(root))
    access = needs(made, site)
    now = datetime.fromtimestamp(Clock().now().nanoseconds // SECOND, timezone.utc)
    out = options.out.absolute()
    now = now.replace(tzinfo=None)
    for enclave in make_keystore(out, site.site, access, options.domain, now, options.days):
        ways = dds_names(access[enclave.rpartition("/")[2]])
        print(
            f"{enclave}: publishes {len(ways['publish'])}, subscribes {len(ways['subscribe'])} "
            "topics, no other"
        )
    print(f"keep {out}/private off the road; each box needs its own folders of {out}/enclaves")
    print(
        "switch it on: ROS_SECURITY_ENABLE=true ROS_SECURITY_STRATEGY=Enforce "
        f"ROS_SECURITY_KEYSTORE={out} bconnect up {options.site}"
    )
    print(dds_security())
    return OK
