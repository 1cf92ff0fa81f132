"""The ladder: what answers an offence."""

from __future__ import annotations

import itertools
import random
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from bconnect_enforce.core.ladder import SECOND, Ladder, Outcome, Phrase, Rules
from bconnect_site.kinds import Mode, Step, ViolationType

ALL = (Step.REPRIMAND, Step.ANNOUNCEMENT, Step.CITATION)
PHRASES = {
    (ViolationType.ILLEGAL_PARKING, "reprimand"): Phrase("parking_reprimand", 1),
    (ViolationType.ILLEGAL_PARKING, "warning"): Phrase("parking_warning", 1),
}


def rules(**fields):
    base = {
        "timezone": ZoneInfo("Asia/Makassar"),
        "mode": Mode.ENFORCEMENT,
        "policies": {"default": ALL},
        "hears": {"tiang_1": frozenset({"simpang_utara"})},
        "phrases": PHRASES,
    }
    return Rules(**base | fields)


def steps(outcome: Outcome):
    return [measure.step for measure in outcome.measures]


def test_finding_is_registered_and_spoken_violation_is_cited(offence, violation):
    ladder = Ladder(rules())
    on_finding = ladder.on_finding(offence())
    assert steps(on_finding) == [Step.REPRIMAND, Step.ANNOUNCEMENT]
    (order,) = on_finding.announcements
    assert (order.speaker, order.phrase, order.priority) == ("tiang_1", "parking_reprimand", 1)
    assert order.finding_id == offence().id
    assert order.stamp == offence().stamp
    assert order.expires == offence().stamp + 8 * SECOND
    on_violation = ladder.on_violation(violation())
    assert steps(on_violation) == [Step.CITATION]
    assert on_violation.announcements == ()
    assert on_violation.measures[0].violation_id == offence().id
    assert on_violation.measures[0].policy == "default.citation"


def test_violation_without_finding_is_registered_and_cited_but_not_shouted_at(violation):
    outcome = Ladder(rules()).on_violation(violation())
    assert steps(outcome) == [Step.REPRIMAND, Step.CITATION]
    assert outcome.announcements == ()


@pytest.mark.parametrize("seed", range(20))
def test_ten_deliveries_in_any_order_give_each_measure_once(seed, offence, violation):
    ladder = Ladder(rules(cooldown=0, speaker_pause=0))
    events = [
        ("finding", n) if kind else ("violation", n)
        for n, kind, _ in itertools.product(range(1, 6), (0, 1), range(10))
    ]
    random.Random(seed).shuffle(events)
    measures, orders = [], []
    for kind, n in events:
        stamp = offence().stamp + n * 100 * SECOND
        if kind == "finding":
            outcome = ladder.on_finding(offence(n, stamp=stamp))
        else:
            outcome = ladder.on_violation(violation(n, stamp=stamp))
        measures += [(m.violation_id, m.step) for m in outcome.measures]
        orders += [order.id for order in outcome.announcements]
    assert len(measures) == len(set(measures)) == 15
    assert len(orders) == len(set(orders)) == 5


def test_after_a_restart_the_same_measure_has_the_same_id(violation):
    first = Ladder(rules()).on_violation(violation())
    second = Ladder(rules()).on_violation(violation())
    assert [m.id for m in first.measures] == [m.id for m in second.measures]
    assert len({m.id for m in first.measures}) == 2


def test_socialisation_does_nothing_beyond_a_warning(offence, violation):
    ladder = Ladder(rules(mode=Mode.SOCIALISATION))
    first = ladder.on_finding(offence())
    assert steps(first) == [Step.REPRIMAND, Step.ANNOUNCEMENT]
    assert {m.mode for m in first.measures} == {Mode.SOCIALISATION}
    assert all("masa sosialisasi" in m.reason for m in first.measures)
    outcome = ladder.on_violation(violation())
    assert outcome.measures == ()
    assert [w.step for w in outcome.withheld] == [Step.CITATION]
    assert "socialisation" in outcome.withheld[0].why


@pytest.mark.parametrize(
    ("mode", "policy", "levels"),
    [
        (Mode.ENFORCEMENT, ALL, ["reprimand", "warning"]),
        (Mode.ENFORCEMENT, (Step.ANNOUNCEMENT, Step.CITATION), ["warning", "warning"]),
        (Mode.SOCIALISATION, (Step.ANNOUNCEMENT,), ["reprimand", "reprimand"]),
    ],
)
def test_the_first_word_is_friendly(mode, policy, levels, offence):
    ladder = Ladder(rules(mode=mode, policies={"default": policy}))
    spoken = []
    for n in range(2):
        stamp = offence().stamp + n * 90 * SECOND
        outcome = ladder.on_finding(offence(n + 1, track_id=7, stamp=stamp))
        spoken += [order.phrase.removeprefix("parking_") for order in outcome.announcements]
    assert spoken == levels


@pytest.mark.parametrize(
    ("moment", "cited"),
    [
        ("2026-12-31 23:59:59", False),
        ("2027-01-01 00:00:00", True),
        # still 2026 in UTC: the site's own midnight counts
        ("2027-01-01 07:00:00", True),
        ("2026-12-01 12:00:00", False),
    ],
)
def test_socialisation_ends_with_its_last_local_day(moment, cited, violation, at):
    ladder = Ladder(rules(mode=Mode.SOCIALISATION, until=date(2026, 12, 31)))
    outcome = ladder.on_violation(violation(stamp=at(moment)))
    assert (Step.CITATION in steps(outcome)) is cited


def test_without_a_picture_of_the_moment_nobody_is_cited(violation):
    outcome = Ladder(rules()).on_violation(violation(scene=False))
    assert steps(outcome) == [Step.REPRIMAND]
    assert "no sealed picture" in outcome.withheld[0].why


def test_one_vehicle_is_not_shouted_at_again_and_again(offence):
    ladder = Ladder(rules(cooldown=60 * SECOND, speaker_pause=0))
    start = offence().stamp
    spoken = []
    for n, seconds in enumerate((0, 10, 59, 61, 100, 122)):
        again = offence(100 + n, track_id=7, stamp=start + seconds * SECOND)
        outcome = ladder.on_finding(again)
        assert Step.REPRIMAND in steps(outcome)
        if outcome.announcements:
            spoken.append(seconds)
    assert spoken == [0, 61, 122]


def test_cool_down_is_per_camera_and_vehicle(offence):
    ladder = Ladder(
        rules(speaker_pause=0, hears={"tiang_1": frozenset({"simpang_utara", "selatan"})})
    )
    assert ladder.on_finding(offence(1, track_id=7)).announcements
    assert ladder.on_finding(offence(2, track_id=8)).announcements
    assert ladder.on_finding(offence(3, track_id=7, camera="selatan")).announcements
    assert not ladder.on_finding(offence(4, track_id=7)).announcements


def test_a_late_finding_of_an_earlier_moment_respects_the_cool_down(offence):
    ladder = Ladder(rules(speaker_pause=0))
    assert ladder.on_finding(offence(1, track_id=7)).announcements
    earlier = offence(2, track_id=7, stamp=offence().stamp - 5 * SECOND)
    assert not ladder.on_finding(earlier).announcements


def test_a_withheld_announcement_stays_withheld_when_delivered_again(offence):
    ladder = Ladder(rules(cooldown=10 * SECOND, speaker_pause=0))
    ladder.on_finding(offence(1, track_id=7))
    second = offence(2, track_id=7, stamp=offence().stamp + SECOND)
    assert not ladder.on_finding(second).announcements
    ladder.on_finding(offence(3, track_id=9, stamp=offence().stamp + 100 * SECOND))
    assert ladder.on_finding(second) == Outcome()


def test_one_speaker_pauses_between_vehicles_the_other_speaks(offence):
    hears = {
        "tiang_1": frozenset({"simpang_utara"}),
        "tiang_2": frozenset({"simpang_utara", "selatan"}),
    }
    ladder = Ladder(rules(hears=hears, speaker_pause=5 * SECOND))
    first = ladder.on_finding(offence(1, camera="selatan"))
    assert [order.speaker for order in first.announcements] == ["tiang_2"]
    second = ladder.on_finding(offence(2, stamp=offence().stamp + SECOND))
    assert [order.speaker for order in second.announcements] == ["tiang_1"]
    third = ladder.on_finding(offence(3, stamp=offence().stamp + 2 * SECOND))
    assert third.announcements == ()
    assert "spoke a moment ago" in third.withheld[0].why


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"hears": {}}, "no speaker hears simpang_utara"),
        ({"phrases": {}}, "no phrase of level reprimand for illegal_parking"),
    ],
)
def test_nothing_to_say_it_with(fields, why, offence):
    outcome = Ladder(rules(**fields)).on_finding(offence())
    assert steps(outcome) == [Step.REPRIMAND]
    assert [w.why for w in outcome.withheld] == [why]


def test_policy_by_kind_goes_before_default(offence, violation):
    policies = {"default": ALL, "wrong_way": (Step.CITATION,)}
    ladder = Ladder(rules(policies=policies))
    wrong_way = {"type": ViolationType.WRONG_WAY}
    assert ladder.on_finding(offence(1, **wrong_way)) == Outcome()
    assert ladder.on_violation(violation(1, **wrong_way)).measures[0].policy == (
        "wrong_way.citation"
    )


def test_sticker_and_tow_are_noted_not_taken(violation):
    site_rules = rules(policies={"illegal_parking": (Step.STICKER, Step.TOW)})
    assert site_rules.not_carried_out() == (
        'ladder.policies.illegal_parking: step "sticker" is not carried out yet; '
        "allowed: reprimand, announcement, citation",
        'ladder.policies.illegal_parking: step "tow" is not carried out yet; '
        "allowed: reprimand, announcement, citation",
    )
    outcome = Ladder(site_rules).on_violation(violation())
    assert outcome.measures == ()
    assert [w.step for w in outcome.withheld] == [Step.STICKER, Step.TOW]


def test_the_reason_is_a_sentence_a_citizen_understands(violation):
    outcome = Ladder(rules()).on_violation(violation())
    assert outcome.measures[1].reason == (
        "Usulan tilang diajukan, menunggu pemeriksaan petugas, karena mobil parkir di tempat "
        "yang dilarang (UU 22/2009 Pasal 287(3)) di simpang utara pada 23-11-2026 pukul 16.30 "
        "WITA; pelanggaran pertama."
    )


def test_every_kind_has_words(violation):
    for n, kind in enumerate(ViolationType):
        (measure, *_) = Ladder(rules()).on_violation(violation(n + 1, type=kind)).measures
        assert measure.reason.startswith("Teguran dicatat karena mobil ")


def test_history_counts_earlier_offences_of_the_same_track_only(offence):
    ladder = Ladder(rules())
    start = offence().stamp
    first = ladder.on_finding(offence(1, track_id=7))
    other = ladder.on_finding(offence(2, track_id=8, stamp=start + SECOND))
    third = ladder.on_finding(offence(3, track_id=7, stamp=start + 90 * SECOND))
    untracked = ladder.on_finding(offence(4, track_id=0, stamp=start + 91 * SECOND))
    assert [o.measures[0].history for o in (first, other, third, untracked)] == [0, 0, 1, 0]
    assert "pelanggaran ke-2" in third.measures[0].reason
    late = ladder.on_finding(offence(5, track_id=7, stamp=start + 90 * SECOND + 3601 * SECOND))
    assert late.measures[0].history == 0


def test_memory_is_bounded(offence):
    ladder = Ladder(rules(remember=60 * SECOND, history=60 * SECOND, cooldown=10 * SECOND))
    start = offence().stamp
    peak = 0
    for n in range(30_000):
        ladder.on_finding(offence(n, stamp=start + n * SECOND // 10))
        peak = max(peak, ladder.remembered)
    # 60 s at 10 findings a second, two decisions and one history entry each
    assert peak < 2500


def test_another_cameras_sight_of_the_same_calls_for_nothing(offence):
    ladder = Ladder(rules())
    first = offence(1)
    assert steps(ladder.on_finding(first))
    witness = offence(2, camera="simpang_selatan", same_as=first.id)
    assert ladder.on_finding(witness) == Outcome() and ladder.on_finding(witness) == Outcome()
