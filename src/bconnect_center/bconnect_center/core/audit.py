"""The audit log: who saw or did what, each line bound to the one before by its hash."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Act:
    """One line. `stamp`: ns since 1970 UTC; `subject`: what it was done to, e.g. a number."""

    stamp: int
    who: str
    what: str
    subject: str = ""
    site: str = ""
    detail: str = ""
    address: str = ""
    previous: str = ""
    hash: str = ""


def digest(act: Act) -> str:
    """SHA-256 (hex) over all but the hash itself."""
    plain = {key: value for key, value in asdict(act).items() if key != "hash"}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def follow(act: Act, previous: str) -> Act:
    """The act bound to the line before it."""
    bound = replace(act, previous=previous, hash="")
    return replace(bound, hash=digest(bound))


def broken(acts: Iterable[Act]) -> Act | None:
    """The first line, in the order written, that does not hold; None: all hold."""
    previous = GENESIS
    for act in acts:
        if act.previous != previous or act.hash != digest(act):
            return act
        previous = act.hash
    return None
