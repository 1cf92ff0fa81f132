"""Plate text: what an OCR may say. A spoiled plate never becomes another one with certainty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bconnect_detect.core.plate_grammar import (
    DIGITS_FOR,
    LETTERS_FOR,
    MOST,
    SYMBOLS,
    Doubt,
    Grammar,
    Line,
    Parsed,
    line_of,
)  # fmt: skip
from bconnect_detect.core.plate_vote import VoteNeeds, vote
from bconnect_site.plates import load_plates
from fuzzing.engine import Run, Target, Wrong
from fuzzing.mutate import BINARY, Supply

TRUTH = ("KT 1234 AB", "KT 8 XY", "B 1080 DOQ", "DA 5150 SB", "L 77 GG", "KT 6011 BZ")
NEEDS = VoteNeeds()


def _checked(parsed: Parsed, line: Line, areas: object) -> None:
    """A parsed plate says what was seen, character by character, in a plate's build."""
    if parsed.area not in areas or not parsed.number.isdecimal() or parsed.number[0] == "0":  # type: ignore[operator]
        raise Wrong(f"{line.text!r} became {parsed.text!r}")
    if not 1 <= len(parsed.number) <= 4 or not 1 <= len(parsed.suffix) <= 3:
        raise Wrong(f"{line.text!r} became {parsed.text!r}")
    if len(parsed.letters) != len(line.text) or len(line.text) > MOST or line.faint:
        raise Wrong(f"{line.text!r} became {parsed.text!r}")
    for seen, said in zip(line.text, parsed.letters, strict=True):
        likely = {seen, *LETTERS_FOR.get(seen, ""), *DIGITS_FOR.get(seen, "")}
        if said not in likely:
            raise Wrong(f"{line.text!r} became {parsed.text!r}")
    if not all(0.0 <= c <= 1.0 + 1e-9 for c in parsed.chances):
        raise Wrong(f"{parsed.text!r} with chances {parsed.chances}")


def _text(folder: Path) -> Run:
    rules = load_plates()
    grammar = Grammar(rules)

    def run(data: bytes) -> str:
        line = line_of(data.decode("utf-8", "replace"), 0.99)
        told = grammar.parse(line)
        if isinstance(told, Doubt):
            return told.reason
        _checked(told, line, rules.areas)
        if not grammar.known(told.letters, told.shape):
            raise Wrong(f"reads {told.text!r} and does not know it")
        return f"plate {told.shape}"

    return run


def _still(supply: Supply, truth: str) -> Line:
    """A line as an OCR may give it of a plate: mostly right, sometimes spoiled in every way."""
    line = line_of(truth, 0.97 if supply.whole(3) else supply.whole(101) / 100)
    chances, at = line.chances.copy(), line.at.copy()
    text, gaps, faint = list(line.text), set(line.gaps), supply.whole(12) == 0
    for _ in range(supply.whole(4)):
        if not text:
            break
        i, what = supply.whole(len(text)), supply.whole(7)
        if what == 0:  # another symbol, more or less sure
            other = supply.whole(36)
            share = supply.whole(101) / 100
            chances[i] = (1.0 - share) / 35
            chances[i, other] = share
            text[i] = SYMBOLS[int(chances[i].argmax())]
        elif what == 1:  # one that is not seen
            del text[i]
            chances, at = np.delete(chances, i, 0), np.delete(at, i)
        elif what == 2:  # one too many
            text.insert(i, text[i])
            chances, at = np.insert(chances, i, chances[i], 0), np.insert(at, i, at[i])
        elif what == 3:
            gaps ^= {supply.whole(10)}
        elif what == 4:
            at = at * supply.real(0, 1) + supply.real(0, 1)
        elif what == 5:
            chances[i] = [supply.real(0, 1) for _ in range(36)]
        else:
            chances[i] *= supply.real(0, 1)
    return Line("".join(text), chances, at, frozenset(g for g in gaps if g < len(text)), faint)


def _vote(folder: Path) -> Run:
    rules = load_plates()
    grammar = Grammar(rules)

    def run(data: bytes) -> str:
        supply = Supply(data)
        truth = str(supply.pick(TRUTH))
        ballots, doubts, frames = [], 0, 1 + supply.whole(7)
        for _ in range(frames):
            line = _still(supply, truth)
            told = grammar.parse(line)
            if isinstance(told, Doubt):
                doubts += 1
                continue
            if np.isfinite(line.chances).all() and np.isfinite(line.at).all():
                _checked(told, line, rules.areas)
            ballots.append(told)
        verdict = vote(ballots, grammar, frames)
        if verdict.plate is None:
            if not verdict.reason:
                raise Wrong("no plate and no reason")
            return verdict.reason[:30]
        same = [b for b in ballots if b.letters == verdict.plate.letters]
        others = [
            b
            for b in ballots
            if b.letters != verdict.plate.letters and b.shape == verdict.plate.shape
        ]
        if len(same) < NEEDS.votes or not grammar.known(verdict.plate.letters, verdict.plate.shape):
            raise Wrong(f"{verdict.plate.text!r} by {len(same)} stills")
        if not NEEDS.chance * NEEDS.share <= verdict.confidence <= 1.0 + 1e-9:
            raise Wrong(f"{verdict.plate.text!r} with the confidence {verdict.confidence}")
        for other in others:  # a sure dissent is a doubt, however many agree
            for a, b, chance in zip(
                other.letters, verdict.plate.letters, other.chances, strict=True
            ):
                if a != b and chance >= NEEDS.dissent:
                    raise Wrong(f"{verdict.plate.text!r} against a sure {other.text!r}")
        return f"{verdict.plate.text == truth} {len(same)}"

    return run


def _texts(folder: Path) -> Sequence[bytes]:
    return [*(t.encode() for t in TRUTH), b"KT1234AB", b"kt 1234 ab", b"07.28", b"TOYOTA", b"RI 1"]


def _random(folder: Path) -> Sequence[bytes]:
    from random import Random

    rng = Random("plates")
    return [rng.randbytes(n) for n in (0, 60, 200, 700)]


TARGETS = (
    Target("plate text", _text, _texts, 12),
    Target("plate vote", _vote, _random, 3, BINARY),
)
