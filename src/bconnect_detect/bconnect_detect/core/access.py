"""The log of who looked at originals: lines that each name the digest of the one before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bconnect_detect.core.plain import Json, moment
from bconnect_site import sealed

NAME = "access.jsonl"
FORMAT = "bconnect-access/1"


@dataclass(frozen=True, slots=True)
class Accesses:
    """The log as it stands."""

    lines: tuple[bytes, ...] = ()  # without their line ends
    rest: bytes = b""  # a last line without its end: its writer was killed

    @property
    def head(self) -> str:
        """Digest of the last line; empty for none."""
        return sealed.sha256(self.lines[-1]) if self.lines else ""


def split(data: bytes) -> Accesses:
    """The log from the bytes of its file."""
    *lines, rest = data.split(b"\n")
    return Accesses(tuple(lines), rest)


def line(accesses: Accesses, stamp: int, who: str, why: str, what: str, ids: Sequence[str]) -> Json:
    """The next line. ``stamp``: ns; ``what``: opened or copied; ``ids``: of violations."""
    return {
        "format": FORMAT,
        "line": len(accesses.lines) + 1,
        **moment("stamp", stamp),
        "who": who,
        "why": why,
        "what": what,
        "ids": list(ids),
        "previous": accesses.head,
    }


def faults(accesses: Accesses, anchors: Iterable[tuple[int, str]]) -> list[str]:
    """What is wrong with the log. ``anchors``: number and digest of lines that manifests name."""
    before = ""
    for number, text in enumerate(accesses.lines, 1):
        try:
            plain = sealed.parse(text, NAME)
        except ValueError as error:
            return [f"{error}, line {number}"]
        if plain.get("line") != number or plain.get("previous") != before:
            return [f"{NAME} was touched: line {number} does not follow the one before"]
        before = sealed.sha256(text)
    for number, digest in anchors:
        if number > len(accesses.lines):
            return [
                f"{NAME}: {number} lines were there at the last seal, {len(accesses.lines)} are"
            ]
        if number and sealed.sha256(accesses.lines[number - 1]) != digest:
            return [f"{NAME} was touched: line {number} is not what the last seal names"]
    return []
