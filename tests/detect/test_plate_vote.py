"""Stills that agree, and every way in which they do not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bconnect_detect.core.plate_grammar import Grammar, Parsed
from bconnect_detect.core.plate_vote import VoteNeeds, vote
from bconnect_site.plates import load_plates

RULES = load_plates()
GRAMMAR = Grammar(RULES)


def ballot(text: str, chance: float = 0.99, **unsure: float) -> Parsed:
    """A ballot; ``c3=0.5``: the chance of character 3."""
    area, number, suffix = (*text.split(" "), "")[:3]
    chances = [chance] * len(text.replace(" ", ""))
    for name, value in unsure.items():
        chances[int(name[1:]) - 1] = value
    return Parsed(area, number, suffix, tuple(chances))


def test_stills_that_agree_are_read() -> None:
    verdict = vote([ballot("KT 1234 AB")] * 3, GRAMMAR, 5)
    assert verdict.plate is not None
    assert verdict.plate.text == "KT 1234 AB"
    assert verdict.votes == 3
    assert verdict.confidence > 0.9


def test_one_still_is_not_enough() -> None:
    verdict = vote([ballot("KT 1234 AB")], GRAMMAR, 5)
    assert verdict.plate is None
    assert verdict.reason == "1 of 5 stills could be read, 3 must agree"


def test_a_weak_dissent_is_outvoted() -> None:
    ballots = [ballot("KT 1234 AB")] * 4 + [ballot("KT 1284 AB", c5=0.3)]
    verdict = vote(ballots, GRAMMAR, 5)
    assert verdict.plate is not None
    assert verdict.plate.text == "KT 1234 AB"
    assert verdict.votes == 4


def test_a_sure_dissent_is_a_doubt_however_many_agree() -> None:
    """One mistyped digit sends the letter to the wrong owner (FIELD.md, ETLE)."""
    ballots = [ballot("KT 1234 AB")] * 6 + [ballot("KT 1284 AB")]
    verdict = vote(ballots, GRAMMAR, 7)
    assert verdict.plate is None
    assert verdict.reason == "the stills disagree about character 5: 3 or 8"


def test_half_against_half_is_a_doubt() -> None:
    verdict = vote([ballot("KT 1234 AB"), ballot("KT 1234 AD")], GRAMMAR, 2)
    assert verdict.plate is None


def test_another_count_of_characters_is_a_doubt() -> None:
    ballots = [ballot("KT 1144 AB")] * 2 + [ballot("KT 114 AB")] * 2
    assert vote(ballots, GRAMMAR, 4).plate is None


def test_faint_characters_are_not_read() -> None:
    verdict = vote([ballot("KT 1234 AB", c6=0.6)] * 5, GRAMMAR, 5)
    assert verdict.plate is None
    assert verdict.reason == "character 6 is too faint to be read"


def test_a_plate_that_no_still_saw_is_never_made_up() -> None:
    """Each character alone has its majority; the whole was never seen twice."""
    ballots = [
        ballot("KT 1234 AB", c3=0.1),
        ballot("KT 5234 CB", c3=0.95, c7=0.1),
        ballot("KT 5234 AD", c8=0.1),
    ]
    needs = VoteNeeds(votes=2, share=0.5, chance=0.1, dissent=1.1)
    assert vote(ballots, GRAMMAR, 3, needs).plate is None


letters = st.sampled_from("ABDE")
plates = st.builds(
    lambda number, suffix, chances: Parsed("KT", str(number), suffix, tuple(chances)),
    st.integers(1230, 1239),
    st.text("AB", min_size=2, max_size=2),
    st.lists(st.floats(0, 1), min_size=8, max_size=8),
)


@given(st.lists(plates, max_size=7), st.integers(0, 9))
def test_never_read_from_disagreement(ballots: list[Parsed], more: int) -> None:
    frames, needs = len(ballots) + more, VoteNeeds()
    verdict = vote(ballots, GRAMMAR, frames, needs)
    if verdict.plate is None:
        assert verdict.reason
        return
    agreeing = [b for b in ballots if b.letters == verdict.plate.letters]
    assert len(agreeing) == verdict.votes >= needs.votes
    assert 0 < verdict.confidence <= 1
    for other in ballots:
        for i, symbol in enumerate(other.letters):
            assert symbol == verdict.plate.letters[i] or other.chances[i] < needs.dissent
    for i in range(8):
        won = sum(b.chances[i] for b in ballots if b.letters[i] == verdict.plate.letters[i])
        assert won >= needs.share * sum(b.chances[i] for b in ballots) - 1e-9


@given(st.lists(plates, max_size=5))
def test_the_order_of_the_stills_does_not_matter(ballots: list[Parsed]) -> None:
    one, other = vote(ballots, GRAMMAR, 5), vote(ballots[::-1], GRAMMAR, 5)
    assert (one.plate is None) == (other.plate is None)
    if one.plate and other.plate:
        assert one.plate.letters == other.plate.letters
