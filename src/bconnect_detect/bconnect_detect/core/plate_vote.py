"""Several stills of one plate voted into one reading, character by character.

Each still that passed the grammar casts a ballot. A character wins by the chances of all ballots,
those of another build counting against it. A plate that no still saw whole is never the result.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bconnect_detect.core.plate_grammar import Grammar, Parsed


@dataclass(frozen=True, slots=True)
class VoteNeeds:
    """What a reading needs."""

    votes: int = 3  # stills that read exactly the winner
    share: float = 0.9  # of the weight at each character
    chance: float = 0.95  # of each character, mean of the stills that read it so
    dissent: float = 0.9  # a still that says another character this surely is a doubt


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the stills agreed on; ``plate`` None: on nothing, and ``reason`` says why."""

    plate: Parsed | None = None
    confidence: float = 0.0
    votes: int = 0
    reason: str = ""


def vote(
    ballots: Sequence[Parsed], grammar: Grammar, frames: int, needs: VoteNeeds | None = None
) -> Verdict:
    """The plate of the ballots, out of ``frames`` stills looked at."""
    needs = needs or VoteNeeds()
    if len(ballots) < needs.votes:
        return Verdict(
            reason=f"{len(ballots)} of {frames} stills could be read, {needs.votes} must agree"
        )
    shape = _common_shape(ballots)
    same = [one for one in ballots if one.shape == shape]
    against = sum(_weight(one) for one in ballots if one.shape != shape)
    letters = ""
    chances: list[float] = []
    shares: list[float] = []
    for i in range(sum(shape)):
        symbol, share, chance, doubt = _character(same, i, against, needs)
        if doubt:
            return Verdict(reason=doubt)
        letters += symbol
        chances.append(chance)
        shares.append(share)
    votes = sum(one.letters == letters for one in same)
    if votes < needs.votes or not grammar.known(letters, shape):
        return Verdict(reason=f"{votes} of {frames} stills agree, {needs.votes} must")
    a, b = shape[0], shape[0] + shape[1]
    plate = Parsed(letters[:a], letters[a:b], letters[b:], tuple(chances))
    sure = min(chance * share for chance, share in zip(chances, shares, strict=True))
    return Verdict(plate, sure, votes)


def _common_shape(ballots: Sequence[Parsed]) -> tuple[int, int, int]:
    weights: dict[tuple[int, int, int], float] = defaultdict(float)
    for one in ballots:
        weights[one.shape] += _weight(one)
    return max(weights, key=lambda shape: (weights[shape], shape))


def _weight(ballot: Parsed) -> float:
    return sum(ballot.chances) / max(len(ballot.chances), 1)


def _character(
    ballots: Sequence[Parsed], i: int, against: float, needs: VoteNeeds
) -> tuple[str, float, float, str]:
    """The winner at a position, its share, its chance, and the doubt if there is one."""
    support: dict[str, list[float]] = defaultdict(list)
    for one in ballots:
        support[one.letters[i]].append(one.chances[i])
    order = sorted(support, key=lambda symbol: (-sum(support[symbol]), symbol))
    best = order[0]
    total = sum(map(sum, support.values())) + against
    share = sum(support[best]) / total if total > 0 else 0.0
    chance = sum(support[best]) / len(support[best])
    strong = [s for s in order[1:] if max(support[s]) >= needs.dissent]
    if not share >= needs.share or strong:  # NaN is no share
        if len(order) > 1:
            doubt = f"the stills disagree about character {i + 1}: {best} or {order[1]}"
        else:
            doubt = "the stills disagree about how many characters there are"
        return best, share, chance, doubt
    if not chance >= needs.chance:
        return best, share, chance, f"character {i + 1} is too faint to be read"
    return best, share, chance, ""
