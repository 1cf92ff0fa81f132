"""kill -9 of any process of a whole running graph, again and again: what is lost, what doubled,
how soon it is whole.

    ./bconnect python benchmarks/kills.py --kills 1000 --seed 1 [--minutes 60] [--no-centre]

`bconnect up`, its processes and the centre's intake are killed one at a time at a random moment,
while findings with known ids go in every second; *whole* is when every node has been heard on
/diagnostics anew and none is bad. At the end each finding must be evidence, violation, measures,
citation, sticker task and tow job exactly once, at the centre too, and both chains whole.
Without a centre an officer also decides citations at the site. See tests/faults.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "faults"))

import account  # noqa: E402
from street import Street, Ways  # noqa: E402
from traffic import Traffic  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no kill after that")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1.0, help="findings per second")
    parser.add_argument("--no-centre", action="store_true", help="no spool; decisions at the site")
    parser.add_argument("--every", type=int, default=100, help="kills between two accounts")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # everything is put away
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    with tempfile.TemporaryDirectory(prefix="bconnect-kills-") as folder:
        ways = Ways(rate=options.rate, centre=not options.no_centre)
        with Street(Path(folder) / "street", ways) as here:
            traffic = Traffic(here, options.seed)
            whole = run(here, traffic, options)
            traffic.stop()
    return 0 if whole else 1


def run(here: Street, traffic: Traffic, options: argparse.Namespace) -> bool:
    chance, times = random.Random(options.seed), {}
    began = time.monotonic()
    count = 0
    while count < options.kills and time.monotonic() - began < 60.0 * options.minutes:
        family = here.family()
        name = chance.choice(sorted(family))
        here.kill(family[name])
        kind = name if not name[-1:].isdigit() or "_" in name else name.rpartition(" ")[0]
        try:
            times.setdefault(kind, []).append(here.wait_whole(time.monotonic()))
        except TimeoutError as error:
            print(f"after kill {count} of {name}: {error}", file=sys.stderr)
            return False
        count += 1
        time.sleep(chance.random())
        if count % options.every == 0 and count < options.kills:
            found = account.settle(here, traffic, 120.0)
            print(f"{count} kills: {json.dumps(account.report(found))}", file=sys.stderr)
            if not found.whole:
                return _say(found, times, count, began)
            traffic.go_on()
    return _say(account.settle(here, traffic, 180.0), times, count, began)


def _say(found: Any, times: dict[str, list[float]], count: int, began: float) -> bool:
    every = [t for one in times.values() for t in one]
    print("| killed | times | whole again: p50, s | p95 | most | within 5 s |")
    print("|---|---|---|---|---|---|")
    for name, one in [*sorted(times.items()), ("all", every)]:
        p95 = statistics.quantiles(one, n=20, method="inclusive")[-1] if len(one) > 1 else one[0]
        soon = 100 * sum(t <= 5.0 for t in one) / len(one)
        print(
            f"| {name} | {len(one)} | {statistics.median(one):.1f} | {p95:.1f} "
            f"| {max(one):.1f} | {soon:.0f} % |"
        )
    told = account.report(found) | {"kills": count, "minutes": (time.monotonic() - began) / 60}
    print(json.dumps({k: round(v, 1) if isinstance(v, float) else v for k, v in told.items()}))
    for sentence in (*found.lost[:20], *found.doubled[:20], *found.broken[:20]):
        print(sentence)
    return bool(found.whole)


if __name__ == "__main__":
    sys.exit(main())
