"""Whatever is delivered, how often and in which order: never more than the policy allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st
from ladder_scenes import WITA, box, ladder_rules, say, seen, sight

from bconnect_enforce.core.ladder import Answer, Ladder
from bconnect_enforce.core.reasons import local_time
from bconnect_enforce.core.records import EvidenceFile, Offence, Violation, identity
from bconnect_enforce.core.rungs import LEGAL, SECOND, STANDING, Pole, Policy, Rung
from bconnect_site.kinds import EvidenceKind, Mode, PlateState, Step, ViolationType

START = 1_795_000_000 * SECOND
KINDS = st.sampled_from(
    [
        ViolationType.ILLEGAL_PARKING,
        ViolationType.ILLEGAL_STOPPING,
        ViolationType.RED_LIGHT,
        ViolationType.WRONG_WAY,
    ]
)
STEPS = st.lists(st.sampled_from([step for step in Step if step]), unique=True, max_size=4)
DELAY = st.integers(0, 20)


@st.composite
def policies(draw, *, climbing=False):
    """Rungs; `climbing`: each holds all the steps of the one below, and the first one speaks
    or none does (who is found too early to be spoken to cannot show that he obeys)."""
    afters = draw(st.lists(st.integers(0, 4), unique=True, min_size=1, max_size=4))
    rungs: list[Rung] = []
    below: tuple[Step, ...] = ()
    if climbing:
        afters = sorted({0, *afters})
        below = (Step.ANNOUNCEMENT,) if draw(st.booleans()) else ()
    for after in sorted(afters):
        steps = tuple(draw(STEPS))
        if climbing:
            steps = tuple(s for s in steps if s is not Step.ANNOUNCEMENT)
            steps = below = (*below, *(s for s in steps if s not in below))
        rungs.append(Rung(steps, after))
    if draw(st.booleans()):
        rungs.append(Rung((Step.TOW,), dwell=draw(st.integers(1, 200)) * SECOND))
    return Policy(
        tuple(rungs),
        cooldown=0,
        grace=draw(st.sampled_from([0, 30])) * SECOND,
        spare=draw(st.booleans()),
    )


@st.composite
def dramas(draw):
    """Offences of a few vehicles, in the order of their stamps."""
    found, stamp = [], START
    for n in range(draw(st.integers(1, 7))):
        stamp += draw(st.integers(0, 4)) * SECOND
        track = draw(st.integers(0, 3))
        offence = Offence(
            identity("drama", str(n)), draw(KINDS), "demo", "utara", "bahu", stamp, track
        )
        read = bool(track) and draw(st.booleans())
        files = (EvidenceFile(EvidenceKind.SCENE, "scene.jpg", "ab" * 32, stamp),)
        violation = Violation(
            offence, stamp, "sign", "1", 0.9, "", 0.0, 0.0, draw(st.sampled_from([5.0, 100.0])),
            0.0, evidence=files if draw(st.integers(0, 4)) else (),
            plate_state=PlateState.READ if read else PlateState.UNKNOWN,
            plate=f"KT {track} AB" if read else "",
        )  # fmt: skip
        found.append(violation)
    return found


def played(ladder: Ladder, events, gone=frozenset()) -> Answer:
    """Delivers; then the vehicles stand still, but for those who obey, and time runs out."""
    answer = Answer()
    for what, violation in events:
        if what == "finding":
            now = ladder.on_finding(violation.offence, sight(violation.offence, measured=5.0))
            say(ladder, now)
            answer += now
        else:
            answer += ladder.on_violation(violation, START)
    for second in (*range(30, 40), *range(40, 300, 20)):
        stamp = START + second * SECOND
        users = {n: box(2.5 if n in gone and second > 32 else 0.8, 0.6) for n in range(1, 4)}
        answer += ladder.on_tracks(seen(stamp, users, camera="utara"), stamp)
    return answer + ladder.on_time(START + 1000 * SECOND)


def make(policy, **fields):
    poles = {"tiang": Pole(frozenset({"utara"}))}
    rules = {"policies": {"default": policy}, "speaker_pause": 0, "poles": poles} | fields
    return Ladder(ladder_rules(**rules))


def both(drama):
    return [(what, v) for v in drama for what in ("finding", "violation")]


@st.composite
def deliveries(draw):
    """A drama, and its events in another order, some of them again."""
    drama = draw(dramas())
    events = both(drama)
    again = draw(st.lists(st.sampled_from(events), max_size=6))
    return drama, draw(st.permutations(events + again))


def taken(answer):
    return [(m.violation_id, m.step) for m in answer.measures]


GONE = st.frozensets(st.integers(1, 3))


@settings(max_examples=400)
@given(policies(climbing=True), deliveries(), GONE)
def test_order_never_yields_more_than_in_order(policy, delivery, gone):
    drama, events = delivery
    in_order = taken(played(make(policy), both(drama), gone))
    shuffled = taken(played(make(policy), events, gone))
    assert len(shuffled) == len(set(shuffled)) and len(in_order) == len(set(in_order))
    assert set(shuffled) <= set(in_order)


@given(policies(), deliveries(), GONE)
def test_out_of_order_is_never_harsher(policy, delivery, gone):
    """Also where a higher rung leaves out what a lower one had."""
    drama, events = delivery
    counted = {m.violation_id: m.history for m in played(make(policy), both(drama), gone).measures}
    for measure in played(make(policy), events, gone).measures:
        assert measure.history <= counted.get(measure.violation_id, 10**6)


@given(policies(), deliveries(), st.sampled_from([Mode.SOCIALISATION, Mode.ENFORCEMENT]))
def test_nothing_without_what_it_needs(policy, delivery, mode):
    drama, events = delivery
    by_id = {v.id: v for v in drama}
    for measure in played(make(policy, mode=mode), events).measures:
        violation = by_id[measure.violation_id]
        if measure.step not in LEGAL:
            continue
        assert mode is Mode.ENFORCEMENT
        assert violation.has_scene
        if measure.step is not Step.CITATION:
            assert violation.offence.type in STANDING
        if measure.step is Step.TOW:
            assert any(rung.dwell is not None for rung in policy.rungs)


@given(policies(), deliveries(), st.integers(-30, 30))
def test_nobody_is_cited_in_socialisation_even_on_its_last_day(policy, delivery, minutes):
    """Midnight falls somewhere into the drama: the stamp of each offence decides."""
    drama, events = delivery
    last = local_time(START, WITA).date()
    shift = minutes * 60 * SECOND
    midnight = START - START % (86_400 * SECOND) + 57_600 * SECOND  # 16:00 UTC
    moved = {
        v.id: replace(
            v, offence=replace(v.offence, stamp=v.offence.stamp - START + midnight + shift)
        )
        for v in drama
    }
    ladder = make(policy, mode=Mode.SOCIALISATION, until=date(last.year, last.month, last.day))
    answer = Answer()
    for what, violation in events:
        one = moved[violation.id]
        if what == "finding":
            answer += ladder.on_finding(one.offence)
        else:
            answer += ladder.on_violation(one)
    answer += ladder.on_time(midnight + shift + 10_000 * SECOND)
    for measure in answer.measures:
        day = local_time(moved[measure.violation_id].offence.stamp, WITA).date()
        if measure.step in LEGAL:
            assert day > last and measure.mode is Mode.ENFORCEMENT
        assert (measure.mode is Mode.SOCIALISATION) == (day <= last)


@given(policies(), dramas(), st.integers(0, 14))
def test_a_restart_anywhere_doubles_nothing_and_says_the_same(policy, drama, cut):
    events = both(drama)
    before, after = make(policy), make(policy)
    first = Answer()
    for what, violation in events[:cut]:
        if what == "finding":
            first += before.on_finding(violation.offence)
        else:
            first += before.on_violation(violation)
    after.load(before.history.drain())
    # everything sealed is delivered again
    second = Answer()
    for violation in drama:
        second += after.on_violation(violation)
    second += after.on_time(START + 1000 * SECOND)
    said = {m.id: m for m in first.measures}
    for measure in second.measures:
        if measure.id in said:
            assert (measure.policy, measure.history) == (
                said[measure.id].policy,
                said[measure.id].history,
            )
    ids = [m.id for m in second.measures]
    assert len(ids) == len(set(ids))
