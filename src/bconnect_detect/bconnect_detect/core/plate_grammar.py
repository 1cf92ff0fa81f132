"""From what an OCR saw to AREA NUMBER SUFFIX, or to the reason why not. Never a guess.

K  T     1  2  3  4     A  B        position decides between look-alikes (0 and O, 8 and B),
letters  digits         letters     but only where one answer is left; else it is a doubt
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_site.plates import PlateRules

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
SYMBOLS = LETTERS + DIGITS
# What a symbol out of its place may have been.
LETTERS_FOR = {"0": "ODQ", "1": "ILJ", "2": "Z", "4": "A", "5": "S", "6": "G", "7": "TZ", "8": "B"}
DIGITS_FOR = {"O": "0", "D": "0", "Q": "0", "I": "1", "J": "1", "L": "1", "Z": "2", "A": "4",
              "S": "5", "G": "6", "T": "7", "B": "8"}  # fmt: skip
ONE_ANSWER = 0.9  # share among the symbols its place allows, of a symbol put for another
PLAUSIBLE = 1e-3  # chance of a look-alike below which the picture rules it out
LOPSIDED = 0.2  # of the width: difference of the bare margins left and right
MOST = 9  # characters: 2 + 4 + 3
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The n letters and digits that an OCR saw along one line, from left to right."""

    text: str  # the likeliest symbol of each position, n of SYMBOLS
    chances: NDArray[np.float64]  # (n, 36) probability of each of SYMBOLS; a row adds up to <= 1
    at: NDArray[np.float64]  # (n,) middle of each, fraction of the width
    gaps: frozenset[int] = frozenset()  # positions that a space was seen before
    faint: bool = False  # something between them may be one more

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A plate that follows the grammar, with the chance of each character."""

    area: str
    number: str
    suffix: str
    chances: tuple[float, ...]

    @property
    def letters(self) -> str:
        """Without spaces."""
        return self.area + self.number + self.suffix

    @property
    def text(self) -> str:
        """As it is written: ``KT 1234 AB``."""
        return f"{self.area} {self.number} {self.suffix}".rstrip()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Characters in each group."""
        return len(self.area), len(self.number), len(self.suffix)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a line is not a plate."""

    reason: str


def line_of(text: str, chance: float = 1.0) -> Line:
    """A line from plain text of an OCR that says one chance for all; spaces are gaps."""
    symbols: list[str] = []
    gaps = set()
    for letter in text.upper():
        if letter in SYMBOLS:
            symbols.append(letter)
        elif letter.isspace() and symbols:
            gaps.add(len(symbols))
    n = len(symbols)
    chances = np.full((n, len(SYMBOLS)), (1.0 - chance) / (len(SYMBOLS) - 1))
    for row, symbol in enumerate(symbols):
        chances[row, SYMBOLS.index(symbol)] = chance
    at = (np.arange(n) + 0.5) / max(n, 1)
    return Line("".join(symbols), chances, at, frozenset(g for g in gaps if g < n))


class Grammar:
    """The plates that the rules allow."""

    def __init__(self, rules: PlateRules) -> None:
        self._rules = rules

    def parse(self, line: Line) -> Parsed | Doubt:
        """The one plate a line can be; a doubt where it is none, or more than one."""
        if not line.text:
            return Doubt("nothing was read on it")
        if not ((line.chances >= 0.0) & (line.chances <= 1.0 + ROUNDING)).all():
            return Doubt("how sure it was read is no probability")
        if line.faint:
            return Doubt("between the characters there may be one more, too faint to be read")
        if len(line) > MOST:
            return Doubt(f"{len(line)} characters were read, a plate has at most {MOST}")
        found = [parsed for split in _splits(line) if (parsed := self._as(line, *split))]
        plates = [one for one in found if isinstance(one, Parsed)]
        if not plates:
            doubts = [one for one in found if isinstance(one, Doubt)]
            return doubts[0] if doubts else Doubt("what was read is not built like a plate number")
        if len({one.letters for one in plates}) > 1 or len({one.shape for one in plates}) > 1:
            return Doubt("it can be read in more than one way")
        # Another way to split it that failed only on a doubt is another way to read it.
        if any(isinstance(one, Doubt) for one in found):
            return Doubt("it can be read in more than one way")
        return self._whole(line, plates[0])

    def known(self, letters: str, shape: tuple[int, int, int]) -> bool:
        """Whether characters in groups of these lengths are a plate."""
        a, b = shape[0], shape[0] + shape[1]
        area, number, suffix = letters[:a], letters[a:b], letters[b:]
        good = area in self._rules.areas and number.isdecimal() and number[0] != "0"
        return good and all(letter in LETTERS for letter in suffix)

    def _as(self, line: Line, a: int, d: int) -> Parsed | Doubt | None:
        """The line split after ``a`` letters and ``d`` digits; None: it cannot be that."""
        letters = [_letter(line, i) for i in range(a)]
        digits = [_digit(line, i) for i in range(a, a + d)]
        suffix = [_letter(line, i) for i in range(a + d, len(line))]
        signs = [*letters, *digits, *suffix]
        if any(sign is None for sign in signs):
            return None
        options = [sign[0] for sign in signs if sign is not None]
        area = "".join(options[:a])
        if len(area) == a and area not in self._rules.areas:
            return None
        if options[a] == "0":
            return None
        chances = tuple(sign[1] for sign in signs if sign is not None)
        for i, option in enumerate(options):
            if doubt := self._unsure(line, i, option, chances[i]):
                return doubt
        text = "".join(options)
        return Parsed(text[:a], text[a : a + d], text[a + d :], chances)

    def _unsure(self, line: Line, i: int, option: str, chance: float) -> Doubt | None:
        if len(option) > 1:
            return Doubt(f"character {i + 1} may be {' or '.join(option)}")
        if not chance:
            return Doubt(f"character {i + 1} may be {option} or something else")
        for group in self._rules.inseparable:
            row = line.chances[i]
            total = float(sum(row[SYMBOLS.index(s)] for s in group)) or 1.0
            sure = float(row[SYMBOLS.index(option)]) / total >= ONE_ANSWER
            # The last of a group is its rarest letter: no other is taken for it.
            if option in group and not (option == group[-1] and line.text[i] == option and sure):
                return Doubt(f"character {i + 1} may be {' or '.join(group)}")
        return None

    def _whole(self, line: Line, parsed: Parsed) -> Parsed | Doubt:
        """Refuses what may be a part of a plate, or its rim."""
        if not parsed.suffix:
            return Doubt("no letters were seen behind the number, they may be covered")
        if abs(float(line.at[0]) - (1.0 - float(line.at[-1]))) > LOPSIDED:
            return Doubt("what was read does not fill the plate, a part may be covered")
        if parsed.suffix.endswith("I"):
            return Doubt("the last I may be the plate's rim")
        return parsed


def _splits(line: Line) -> Iterator[tuple[int, int]]:
    """Letters of the area and digits of the number, for every way that leaves gaps whole."""
    n = len(line)
    for a in (1, 2):
        for d in (1, 2, 3, 4):
            if a + d <= n <= a + d + 3 and line.gaps <= {a, a + d}:
                yield a, d


def _letter(line: Line, i: int) -> tuple[str, float] | None:
    """What a position is if it is a letter, and how sure; several letters: not known which."""
    return _sign(line, i, LETTERS, LETTERS_FOR)


def _digit(line: Line, i: int) -> tuple[str, float] | None:
    return _sign(line, i, DIGITS, DIGITS_FOR)


def _sign(line: Line, i: int, allowed: str, instead: dict[str, str]) -> tuple[str, float] | None:
    """The symbols a position can be where only ``allowed`` ones may stand; chance 0: unsure."""
    seen, row = line.text[i], line.chances[i]
    if seen in allowed:
        return seen, float(row[SYMBOLS.index(seen)])
    options = instead.get(seen)
    if options is None:
        return None
    chance = sum(float(row[SYMBOLS.index(s)]) for s in options)
    # A letter O bears a slash and is seen as a sure 0: the picture never rules it out.
    if chance < PLAUSIBLE and seen != "0":
        return None
    if len(options) > 1:
        return options, 0.0
    share = _share(row, allowed, options)
    return options, share if share >= ONE_ANSWER else 0.0


def _share(row: NDArray[np.float64], allowed: str, symbol: str) -> float:
    part = row[[SYMBOLS.index(s) for s in allowed]]
    total = float(part.sum())
    return float(row[SYMBOLS.index(symbol)]) / total if total > 0 else 0.0


def same(lines: Sequence[Parsed]) -> bool:
    """Whether all are the same plate in the same groups."""
    return len({(one.letters, one.shape) for one in lines}) <= 1
