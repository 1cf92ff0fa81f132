"""Which adapter reads which URL."""

from __future__ import annotations

import re
from collections.abc import Callable

from .adapters.opencv_v4l2 import OpencvV4l2Source
from .adapters.pyav_source import PyavSource, knows_v4l2, probe
from .adapters.sim_source import SimSource
from .adapters.sim_source import check as check_sim
from .core.address import Address
from .core.types import Source


def make(
    address: Address,
    *,
    clock: Callable[[], int],
    steady: Callable[[], float],
    wait: Callable[[float], bool],
    loop: bool,
    hardware: bool,
    account: str,
) -> Source:
    """A fresh source; see PyavSource for the arguments."""
    if address.scheme == "v4l2" and not knows_v4l2():
        return OpencvV4l2Source(address, clock=clock)
    kind = SimSource if address.scheme == "sim" else PyavSource
    return kind(
        address,
        clock=clock,
        steady=steady,
        wait=wait,
        loop=loop,
        hardware=hardware,
        account=account,
    )


def check(address: Address) -> None:
    """Refuses at start what can never work: a file that is no video, a scenario that is none.

    Raises SourceError.
    """
    if address.scheme == "sim":
        check_sim(address)
    elif not address.live:
        probe(address)


def account_of(source: str) -> str:
    """Where the credentials of a source are kept: its environment variables, else the source."""
    names = re.findall(r"\$\{(\w+)\}", source)
    return " and ".join(dict.fromkeys(names)) or "the source in the site file"
