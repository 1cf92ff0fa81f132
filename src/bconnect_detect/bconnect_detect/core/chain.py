"""The chain of a site's manifests: each names its number and the digest of the one before."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

FORMAT = "bconnect-chain/1"


@dataclass(frozen=True, slots=True)
class Link:
    """A manifest's place in the chain."""

    sequence: int  # from 1
    sha256: str  # hex, of the manifest
    directory: str  # relative to the store
    previous: str = ""  # hex, of the manifest before; empty for the first


@dataclass(frozen=True, slots=True)
class Chain:
    """Where the chain ends. ``next``: written ahead of a seal, true once that folder stands."""

    head: Link | None = None
    next: Link | None = None

    @property
    def number(self) -> int:
        """The number of the next manifest."""
        return (self.head.sequence if self.head else 0) + 1

    @property
    def digest(self) -> str:
        """What the next manifest names as the one before it."""
        return self.head.sha256 if self.head else ""


def to_plain(chain: Chain, site: str) -> dict[str, Any]:
    """The chain's end as plain JSON."""
    ends = {"head": _plain(chain.head), "next": _plain(chain.next)}
    return {"format": FORMAT, "site": site, **ends}


def from_plain(plain: dict[str, Any], site: str) -> Chain:
    """The inverse. Raises ValueError with a sentence."""
    if plain.get("format") != FORMAT or plain.get("site") != site:
        raise ValueError(f"found {plain.get('format')!r} of {plain.get('site')!r}, not {FORMAT}")
    try:
        return Chain(_link(plain["head"]), _link(plain["next"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{error!r}: not an end of a chain") from None


def end_of(links: Iterable[Link]) -> Chain:
    """The chain's end as far as the manifests themselves tell."""
    return Chain(max(links, key=lambda link: (link.sequence, link.sha256), default=None))


def faults(links: Iterable[Link], chain: Chain | None) -> list[str]:
    """What is wrong with a site's whole chain, one sentence each; empty: nothing.

    ``chain``: what the site's record says of its end; None: that is not known, then it cannot be
    told whether the newest are missing.
    """
    by_number: dict[int, list[Link]] = {}
    for link in links:
        by_number.setdefault(link.sequence, []).append(link)
    sentences = [
        f"number {number} is there {len(twins)} times: "
        f"{', '.join(sorted(t.directory for t in twins))}"
        for number, twins in sorted(by_number.items())
        if len(twins) > 1
    ]
    last = max((*by_number, chain.number - 1 if chain else 0), default=0)
    sentences += _missing(set(range(1, last + 1)) - set(by_number))
    for number, twins in sorted(by_number.items()):
        before = {link.sha256 for link in by_number.get(number - 1, [])}
        sentences += [
            f"number {number} ({link.directory}) does not follow number {number - 1}: "
            "it names another manifest"
            for link in twins
            if number < 1
            or (number == 1 and link.previous)
            or (before and link.previous not in before)
        ]
    return sentences + _end_faults(by_number, chain)


def _end_faults(by_number: dict[int, list[Link]], chain: Chain | None) -> list[str]:
    if chain is None:
        return []
    sentences = []
    head = chain.head
    if head and all(link.sha256 != head.sha256 for link in by_number.get(head.sequence, [head])):
        sentences.append(f"number {head.sequence} is not the manifest that the chain ended with")
    ahead = chain.next.sha256 if chain.next else ""
    sentences += [
        f"number {number} ({link.directory}) is not known to the chain's record"
        for number, twins in sorted(by_number.items())
        for link in twins
        if number >= chain.number and link.sha256 != ahead
    ]
    return sentences


def _missing(numbers: set[int]) -> list[str]:
    sentences, rest = [], sorted(numbers)
    while rest:
        run = 1
        while run < len(rest) and rest[run] == rest[0] + run:
            run += 1
        first, last = rest[0], rest[run - 1]
        many = first != last
        sentences.append(f"numbers {first} to {last} are missing" if many else "")
        if not many:
            sentences[-1] = f"number {first} is missing"
        rest = rest[run:]
    return sentences


def _plain(link: Link | None) -> dict[str, Any] | None:
    if link is None:
        return None
    return {"sequence": link.sequence, "sha256": link.sha256, "directory": link.directory}


def _link(plain: dict[str, Any] | None) -> Link | None:
    if plain is None:
        return None
    return Link(int(plain["sequence"]), str(plain["sha256"]), str(plain["directory"]))
