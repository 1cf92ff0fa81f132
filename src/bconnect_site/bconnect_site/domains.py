"""DDS domains: which ports each takes, and one for each site without collision.

RTPS computes ports from the domain: 7400 + 250 x domain, two of multicast, two for each
participant (a process). They must end before the next domain's, and before the ports the kernel
hands out by itself, or a foreign connection takes one and a process is deaf.
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PORT_BASE, DOMAIN_GAIN, PARTICIPANT_GAIN, FIRST_UNICAST = 7400, 250, 2, 10
FIRST, LAST = 1, 101  # 0 is everybody's; above 101 the ports reach into the kernel's usual range
EPHEMERAL = 32768  # first port that Linux hands out by itself, unless told otherwise
TOOLS = 8  # participants beside a site's own: status, recorder, an engineer's tools


def highest_port(domain: int, participants: int) -> int:
    """The highest UDP port a domain takes with so many participants on one host."""
    unicast = FIRST_UNICAST + PARTICIPANT_GAIN * (participants - 1) + 1
    return PORT_BASE + DOMAIN_GAIN * domain + max(1, unicast)


def fault(domain: int, participants: int, ephemeral: int = EPHEMERAL) -> str | None:
    """Why a domain cannot carry so many participants, as the tail of a sentence; None: it can."""
    if not FIRST <= domain <= LAST:
        return f"found {domain}; allowed: {FIRST} to {LAST}"
    port = highest_port(domain, participants)
    if port >= PORT_BASE + DOMAIN_GAIN * (domain + 1):
        return f"{participants} processes do not fit into one domain's {DOMAIN_GAIN} ports"
    if port >= ephemeral:
        return (
            f"domain {domain} takes ports up to {port}; the kernel hands out those from "
            f"{ephemeral} itself"
        )
    return None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a site asks of its domain."""

    site: str
    host: str
    participants: int
    domain: int | None = None  # pinned
    ephemeral: int = EPHEMERAL  # of its host


def assign(wishes: Iterable[Wish]) -> tuple[dict[str, int], dict[str, str]]:
    """A domain for each site, and for those that get none why.

    Begins at a place that only the site's name tells, so that a site more or less moves few
    others. As long as there are enough, no two sites of the city share one; then only sites
    of one host do not, since nothing of DDS leaves a host.
    """
    found: dict[str, int] = {}
    refused: dict[str, str] = {}
    on_host: dict[str, dict[int, str]] = {}
    everywhere: set[int] = set()

    def take(wish: Wish, domain: int) -> None:
        found[wish.site] = domain
        on_host.setdefault(wish.host, {})[domain] = wish.site
        everywhere.add(domain)

    for wish in sorted(wishes, key=lambda w: (w.domain is None, w.site)):
        here = on_host.get(wish.host, {})
        if wish.domain is not None:
            why = fault(wish.domain, wish.participants, wish.ephemeral)
            if wish.domain in here:
                why = f"domain {wish.domain} belongs to {here[wish.domain]} on this host"
            if why is None:
                take(wish, wish.domain)
            else:
                refused[wish.site] = why
            continue
        free = [d for d in _from(wish.site) if d not in here]
        fits = [d for d in free if fault(d, wish.participants, wish.ephemeral) is None]
        if not fits:
            refused[wish.site] = _why_none(wish, free, here)
            continue
        take(wish, next((d for d in fits if d not in everywhere), fits[0]))
    return found, refused


def _from(site: str) -> list[int]:
    count = LAST - FIRST + 1
    begin = zlib.crc32(site.encode()) % count
    return [FIRST + (begin + step) % count for step in range(count)]


def _why_none(wish: Wish, free: list[int], here: Mapping[int, str]) -> str:
    if not free:
        return f"this host has {len(here)} sites already, one for each domain there is"
    return fault(min(free), wish.participants, wish.ephemeral) or "no domain is free"
