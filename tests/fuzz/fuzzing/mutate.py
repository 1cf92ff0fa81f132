"""Spoils inputs: the same seed spoils the same way on every machine."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from random import Random

INTEGERS = (0, 1, -1, 2, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31,
            2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**400)  # fmt: skip
NUMBERS = (*(str(n).encode() for n in INTEGERS), b"nan", b".nan", b"NaN", b"inf", b"-.inf",
           b"Infinity", b"-Infinity", b"1e308", b"-1e308", b"1e309", b"1e-320", b"0.0", b"-0.0",
           b"0x10", b"1_000", b"1.5", b"90.0000001", b"-180.5", b"0.99999999", b"1e5")  # fmt: skip
WORDS = (b"", b"null", b"~", b"true", b"false", b"on", b"no", b"[]", b"{}", b"''", b'"', b"'",
         b"&a", b"*a", b"!!python/object:os.system", b"<<: *a", b"- ", b": ", b"#", b"|\n", b"\t",
         b"\n", b"\r\n", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3\x28", "é".encode(),
         "٣".encode(), "\u202e".encode(), "\u2028".encode(), "\U0001f697".encode(), b"../",
         b"/etc/passwd", b"${HOME}", b"%s%n", b"A" * 70, b"\\ud800", b"\\u0000",
         b"2026-02-30", b"24:00", b"2026-11-24T99:99:99Z")  # fmt: skip
_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_TOKEN = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*|[0-9.]+")
LONGEST = 200_000  # bytes

Change = Callable[[bytes, Random, Sequence[bytes]], bytes]


def _at(data: bytes, rng: Random) -> int:
    return rng.randrange(len(data) + 1)


def _range(data: bytes, rng: Random) -> tuple[int, int]:
    start = _at(data, rng)
    return start, min(len(data), start + int(2 ** rng.uniform(0, 8)))


def flip(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    if not data:
        return data
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    return bytes(made)


def overwrite(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    start, _ = _range(data, rng)
    code, size = rng.choice((("B", 8), ("H", 16), ("I", 32), ("Q", 64)))
    value = rng.choice(INTEGERS) % (1 << size)
    piece = struct.pack(rng.choice("<>") + code, value)
    return data[:start] + piece + data[start + len(piece) :]


def real(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    start, _ = _range(data, rng)
    value = rng.choice((float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 1e30, 1e-30))
    piece = struct.pack(rng.choice(("<f", "<d")), value)
    return data[:start] + piece + data[start + len(piece) :]


def insert(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    at = _at(data, rng)
    return data[:at] + rng.randbytes(rng.choice((1, 1, 2, 4, 16))) + data[at:]


def word(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    start, stop = _range(data, rng)
    return data[:start] + rng.choice(WORDS) + data[stop if rng.random() < 0.5 else start :]


def cut(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    start, stop = _range(data, rng)
    return data[:start] + data[stop:]


def truncate(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    return data[: _at(data, rng)]


def repeat(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    start, stop = _range(data, rng)
    return data[:stop] + data[start:stop] * rng.choice((1, 1, 2, 50)) + data[stop:]


def swap(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    (a, b), (c, d) = sorted((_range(data, rng), _range(data, rng)))
    if b > c:
        return data[:a] + data[c:d] + data[b:]
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def splice(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others) if others else data
    start, stop = _range(other, rng)
    a, b = _range(data, rng)
    if rng.random() < 0.3:
        return data[:a] + other[start:]
    return data[:a] + other[start:stop] + data[b:]


def number(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(data[:LONGEST]))
    if not found:
        return overwrite(data, rng, others)
    hit = rng.choice(found)
    if rng.random() < 0.5:
        piece = rng.choice(NUMBERS)
    else:
        piece = str(rng.choice((rng.uniform(-2, 2), rng.randrange(-300, 300)))).encode()
    return data[: hit.start()] + piece + data[hit.end() :]


def token(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    found = list(_TOKEN.finditer(data[:LONGEST]))
    if len(found) < 2:
        return word(data, rng, others)
    a, b = rng.choice(found), rng.choice(found)
    return data[: a.start()] + b.group() + data[a.end() :]


def line(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    what = rng.randrange(5)
    if what == 0:
        del lines[at]
    elif what == 1:
        lines.insert(at, lines[at])
    elif what == 2:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif what == 3:
        lines[at] = b"  " + lines[at]
    else:
        lines[at] = lines[at].removeprefix(b"  ")
    return b"\n".join(lines)


BINARY: tuple[Change, ...] = (
    flip,
    flip,
    overwrite,
    real,
    insert,
    cut,
    truncate,
    repeat,
    swap,
    splice,
)
TEXT: tuple[Change, ...] = (flip, insert, word, cut, truncate, repeat, swap, splice, number, number,
                            token, token, line, line)  # fmt: skip


def mutated(data: bytes, rng: Random, others: Sequence[bytes], changes: Sequence[Change]) -> bytes:
    """``data`` spoiled once or a few times."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        data = rng.choice(changes)(data, rng, others)
    return data[:LONGEST]


class Supply:
    """Numbers and texts out of an input's bytes, for targets that take no bytes."""

    FLOATS = (float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 1.0, 0.5, 1e30, -1e30, 1e-30)

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        """Bytes not used yet."""
        return max(0, len(self._data) - self._at)

    def take(self, count: int) -> bytes:
        """Bytes; zeros where there are none left."""
        piece = self._data[self._at : self._at + count]
        self._at += count
        return piece + bytes(count - len(piece))

    def whole(self, below: int) -> int:
        """From 0 to ``below`` - 1."""
        return int.from_bytes(self.take(2 if below <= 1 << 16 else 8), "little") % below

    def integer(self, bits: int = 64, signed: bool = False) -> int:
        """Any of a C type, the ends of its range among them."""
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        choice = self.whole(8)
        if choice < 3:
            return (low, high, high // 2)[choice]
        if choice < 6:
            return self.whole(200)
        return int.from_bytes(self.take(bits // 8), "little", signed=signed)

    def real(self, low: float = -100.0, high: float = 100.0) -> float:
        """Mostly within a range, else anything a float can be."""
        choice = self.whole(40)
        if choice < len(self.FLOATS):
            return self.FLOATS[choice]
        return low + (high - low) * self.whole(1 << 16) / 65535

    def pick(self, values: Sequence[object]) -> object:
        return values[self.whole(len(values))]

    def text(self, known: Sequence[str] = ()) -> str:
        """One of the known, or anything."""
        choice = self.whole(4)
        if known and choice:
            return str(known[self.whole(len(known))])
        return self.take(self.whole(24)).decode("utf-8", "replace").replace("\x00", "")
