"""Loss under random cuts: `./bconnect python benchmarks/spool.py [--cuts 1000]`.

A unit sends sealed folders to a real intake (tus, uvicorn) through a line that is cut at random
bytes, also between the last byte and the receipt; now and then unit or centre start anew. Counted:
items lost, doubled, and changed on the way. All three must be 0.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "spool"))

from spool_house import UNIT, House, Line, Unit  # noqa: E402

from bconnect_spool.adapters.tus_client import LinkError  # noqa: E402


def wait_for(condition: Callable[[], object], timeout: float = 20.0) -> object:
    until = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > until:
            raise TimeoutError("the intake did not start")
        time.sleep(0.01)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        house = House(root / "house", wait_for)
        line = Line(house.port)
        unit = Unit(root / "unit", house, line.port, chunk=16_384)
        house.register(UNIT, unit.keys)
        sealed: dict[str, Path] = {}
        restarts = attempts = 0
        began = time.monotonic()
        while line.cuts < options.cuts or len(unit.box):
            if line.cuts < options.cuts and len(unit.box) < 3:
                name = f"v-{len(sealed)}"
                sealed[name] = unit.seal(name, size=rng.randrange(2_000, 120_000))
            if line.cuts < options.cuts:
                line.cut_after = rng.randrange(0, 150_000)
            else:
                line.cut_after = None
            attempts += 1
            with contextlib.suppress(LinkError):
                unit.courier.step()
            if rng.random() < 0.02:
                restarts += 1
                unit.client.close()
                unit = Unit(root / "unit", house, line.port, chunk=16_384)
            if rng.random() < 0.01:
                restarts += 1
                house.intake = house.new_intake()
        wall = time.monotonic() - began
        store = house.intake.store / UNIT
        lost = [name for name in sealed if not (store / name).is_dir()]
        doubled = [name for name, times in house.taken.items() if times != 1]
        changed = [n for n, f in sealed.items() if n not in lost and not same(f, store / n)]
        house.stop()
    print(f"cuts {line.cuts}, restarts {restarts}, attempts {attempts}, {wall:.0f} s")
    print(f"items {len(sealed)}: lost {len(lost)}, doubled {len(doubled)}, changed {len(changed)}")
    return 1 if lost or doubled or changed else 0


def same(one: Path, other: Path) -> bool:
    """Whether both folders hold the same files."""
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    there = sorted(p.relative_to(other) for p in other.rglob("*") if p.is_file())
    return files == there and all((one / f).read_bytes() == (other / f).read_bytes() for f in files)


if __name__ == "__main__":
    sys.exit(main())
