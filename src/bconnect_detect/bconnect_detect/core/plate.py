"""What a plate reader is, and how its looks at several stills become one reading.

READ needs stills that agree, a plate high enough, and no contradiction with the vehicle; anything
else is UNREADABLE or NOT_VISIBLE with a sentence. Only the sealer asks, inside an opened finding.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.plate_grammar import Grammar, Parsed
from bconnect_detect.core.plate_vote import VoteNeeds, vote
from bconnect_detect.core.types import Box, Finding
from bconnect_detect.core.violation import PlateReading
from bconnect_site.kinds import PlateColour, PlateState, RoadUserKind, word
from bconnect_site.plates import PlateRules

Image = NDArray[np.uint8]  # (h, w, 3) BGR
Still = tuple[int, Image]  # stamp in ns, full-size picture

NOT_INSTALLED = "no plate model installed"
CONTRADICTED, ODD, ODD_COLOUR = 0.5, 0.95, 0.8  # what a mismatch leaves of the confidence
COLOURED = 0.35  # saturation of a yellow, red or green base


class PlateReader(Protocol):
    """Reads one offender's plate. Not thread-safe, slow: belongs on a worker thread."""

    def read(self, stills: Sequence[Still], finding: Finding) -> PlateReading:
        """The offender's plate in stills around the finding's moment. Never raises."""
        ...

    def find_plates(self, image: Image) -> list[Box]:
        """Every plate in a picture, to be blurred: rather one too many."""
        ...


@dataclass(frozen=True, slots=True)
class PlateNeeds:
    """What a plate needs to be read. The figures come from docs/benchmarks.md."""

    height: float = 16.0  # pixels
    confidence: float = 0.6
    vote: VoteNeeds = field(default_factory=VoteNeeds)


@dataclass(frozen=True, slots=True)
class Look:
    """What one still showed of the offender's plate."""

    stamp: int  # ns
    box: Box | None = None  # of the plate, pixels of the still
    height: float = nan  # pixels
    colour: PlateColour = PlateColour.UNKNOWN
    parsed: Parsed | None = None
    reason: str = ""  # why it was not read
    seen: bool = False  # there was a plate, or there may have been


def conclude(
    looks: Sequence[Look], kind: RoadUserKind, rules: PlateRules, needs: PlateNeeds | None = None
) -> PlateReading:
    """The reading of the looks, nearest to the finding's moment first."""
    needs = needs or PlateNeeds()
    plates = [look for look in looks if look.box is not None]
    if not any(look.seen for look in looks):
        why = _commonest(looks) or "there was no still to look at"
        return PlateReading(PlateState.NOT_VISIBLE, frames=len(looks), reason=why)
    # A still that leaves open whose plate it is tells against the others too.
    if open_whose := [look for look in looks if look.seen and look.box is None]:
        why = _commonest(open_whose)
        return PlateReading(PlateState.UNREADABLE, frames=len(looks), reason=why)
    high = [look for look in plates if look.height >= needs.height]
    if not high:
        best = max(plates, key=lambda look: look.height)
        why = f"the plate is {best.height:.0f} px high, {needs.height:.0f} px are needed"
        return _reading(best, len(looks), why)
    ballots = [look.parsed for look in high if look.parsed is not None]
    verdict = vote(ballots, Grammar(rules), len(looks), needs.vote)
    if verdict.plate is None:
        doubts = [look for look in high if look.parsed is None]
        why = _commonest(doubts) if len(ballots) < needs.vote.votes and doubts else verdict.reason
        return _reading(high[0], len(looks), why or verdict.reason)
    if 2 * verdict.votes <= len(high):
        why = f"{verdict.votes} of {len(high)} stills agree, most of them must"
        return _reading(high[0], len(looks), why)
    won = [look for look in high if look.parsed and look.parsed.letters == verdict.plate.letters]
    colour = Counter(look.colour for look in won).most_common(1)[0][0]
    share, why = crosscheck(verdict.plate, kind, colour, rules)
    confidence = verdict.confidence * share
    if confidence < needs.confidence:
        why = why or f"confidence is {confidence:.2f}, {needs.confidence:.2f} is needed"
        return _reading(won[0], len(looks), why, votes=verdict.votes)
    return PlateReading(
        PlateState.READ,
        text=verdict.plate.text,
        confidence=confidence,
        box=won[0].box or (nan, nan, nan, nan),
        pixel_height=won[0].height,
        votes=verdict.votes,
        frames=len(looks),
        colour=colour,
        stamp=won[0].stamp,
    )


def crosscheck(
    plate: Parsed, kind: RoadUserKind, colour: PlateColour, rules: PlateRules
) -> tuple[float, str]:
    """What number, colour and vehicle leave of the confidence [0, 1], and what does not fit."""
    share, why = 1.0, ""
    if kind == RoadUserKind.UNKNOWN:
        return share, why
    bearers = rules.kinds_of(plate.area, int(plate.number))
    if bearers and kind not in bearers:
        motorcycle = RoadUserKind.MOTORCYCLE
        against = kind == motorcycle or bearers == {motorcycle}
        share *= CONTRADICTED if against else ODD
        if against:
            names = " or ".join(word(k) for k in sorted(bearers))
            why = f"the number is one of a {names}, the vehicle is a {word(kind)}"
    allowed = rules.kinds_under(colour)
    if allowed and kind not in allowed:
        share *= ODD_COLOUR
        why = why or f"a {word(kind)} bears no {word(colour)} plate"
    return share, why


def base_colour(plate: Image) -> PlateColour:
    """The colour class of a plate's base; UNKNOWN where light and colour do not say."""
    pixels = plate[..., ::-1].reshape(-1, 3).astype(np.float64)
    if len(pixels) < 16:
        return PlateColour.UNKNOWN
    light = pixels @ (0.299, 0.587, 0.114)
    low, high = np.percentile(light, (10, 90))
    if high - low < 25:
        return PlateColour.UNKNOWN
    bright = light > (low + high) / 2
    dark_letters = bool(bright.mean() >= 0.5)  # the base covers more than the letters
    red, green, blue = np.median(pixels[bright if dark_letters else ~bright], axis=0)
    top, bottom = max(red, green, blue), min(red, green, blue)
    if top < 40 or (top - bottom) / top < COLOURED:
        return PlateColour.WHITE if dark_letters else PlateColour.BLACK
    if bottom == blue and green >= 0.55 * red and red >= 0.8 * green:
        return PlateColour.YELLOW if dark_letters else PlateColour.UNKNOWN
    if top == red and green < 0.55 * red:
        return PlateColour.RED if not dark_letters else PlateColour.UNKNOWN
    if top == green and red < 0.8 * green:
        return PlateColour.GREEN if dark_letters else PlateColour.UNKNOWN
    return PlateColour.UNKNOWN


def _reading(look: Look, frames: int, reason: str, votes: int = 0) -> PlateReading:
    return PlateReading(
        PlateState.UNREADABLE,
        box=look.box or (nan, nan, nan, nan),
        pixel_height=look.height,
        votes=votes,
        frames=frames,
        colour=look.colour,
        reason=reason,
        stamp=look.stamp if look.box else 0,
    )


def _commonest(looks: Sequence[Look]) -> str:
    reasons = Counter(look.reason for look in looks if look.reason)
    return reasons.most_common(1)[0][0] if reasons else ""
