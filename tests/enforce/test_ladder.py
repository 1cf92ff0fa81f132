"""The ladder: what answers an offence."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import date, time

import pytest
from ladder_scenes import (
    ALL,
    PARKING,
    drive,
    ladder_rules,
    policy,
    shape,
    sight,
    stay,
    steps,
    whys,
)

from bconnect_enforce.core.ladder import Answer, Ladder
from bconnect_enforce.core.records import RuleTrust
from bconnect_enforce.core.rungs import SECOND, PlacePolicy, Pole, Rung
from bconnect_site.hours import Window
from bconnect_site.kinds import Colour, Mode, SpeakerStateKind, Step, ViolationType

HERE = (0.8, 0.6)
CLIMB = policy(
    Rung((Step.REPRIMAND,)),
    Rung((Step.ANNOUNCEMENT,), after=1),
    Rung((Step.ANNOUNCEMENT, Step.STICKER), after=2),
    Rung((Step.CITATION,), after=3),
)


def test_finding_is_registered_and_spoken_violation_is_cited(offence, violation):
    ladder = Ladder(ladder_rules())
    on_finding = ladder.on_finding(offence(colour=Colour.WHITE))
    assert steps(on_finding) == [Step.REPRIMAND, Step.ANNOUNCEMENT]
    (order,) = on_finding.announcements
    assert (order.speaker, order.phrase) == ("tiang_1", "illegal_parking_reprimand")
    assert order.finding_id == offence().id
    assert order.stamp == offence().stamp
    assert order.expires == offence().stamp + 8 * SECOND
    assert (order.road_user, order.colour) == (offence().road_user, Colour.WHITE)
    on_violation = ladder.on_violation(violation())
    assert steps(on_violation) == [Step.CITATION]
    assert on_violation.announcements == ()
    assert on_violation.measures[0].violation_id == offence().id
    assert on_violation.measures[0].policy == "default.citation"


def test_the_zones_name_is_what_is_called_out(offence):
    rules = ladder_rules(shapes={("simpang_utara", "bahu"): shape(place="lajur_kiri")})
    (order,) = Ladder(rules).on_finding(offence()).announcements
    assert order.place == "lajur_kiri"


def test_violation_without_finding_is_registered_and_cited_but_not_shouted_at(violation):
    ladder = Ladder(ladder_rules())
    outcome = ladder.on_violation(violation())
    assert steps(outcome) == [Step.REPRIMAND] and ladder.waiting == 1
    # the finding may still be on its way, and with it a warning that is obeyed
    stamp = violation().offence.stamp
    assert ladder.on_time(stamp + 61 * SECOND) == Answer()
    late = ladder.on_time(stamp + 63 * SECOND)
    assert steps(late) == [Step.CITATION] and late.announcements == () and ladder.waiting == 0


def test_a_kind_that_nobody_can_watch_does_not_wait(violation):
    outcome = Ladder(ladder_rules()).on_violation(violation(type=ViolationType.RED_LIGHT))
    assert steps(outcome) == [Step.REPRIMAND, Step.CITATION]


@pytest.mark.parametrize("seed", range(20))
def test_ten_deliveries_in_any_order_give_each_measure_once(seed, offence, violation):
    ladder = Ladder(ladder_rules(policies={"default": policy(ALL, cooldown=0)}, speaker_pause=0))
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


def test_after_a_restart_the_same_is_said_once_more_with_the_same_ids(offence, violation):
    ladder = Ladder(ladder_rules())
    first = ladder.on_finding(offence()) + ladder.on_violation(violation())
    kept = ladder.history.drain()
    again = Ladder(ladder_rules())
    again.load(kept)
    second = again.on_violation(violation())
    said = {m.id: m for m in first.measures if m.step is not Step.ANNOUNCEMENT}
    assert {m.id: m for m in second.measures} == said and len(said) == 2
    assert again.on_violation(violation()) == Answer()
    assert again.on_finding(offence()) == Answer()


def test_who_was_spared_before_a_restart_is_spared_after_it(offence, violation):
    ladder = Ladder(ladder_rules())
    ladder.on_finding(offence(), sight(offence()))
    drive(ladder, offence(), stay(HERE, 0.2, 2) | stay((2.0, 0.6), 2.5, 5))
    again = Ladder(ladder_rules())
    again.load(ladder.history.drain())
    outcome = again.on_violation(violation())
    assert Step.CITATION not in steps(outcome)
    assert whys(outcome)[Step.CITATION] == "spared: the warning was obeyed in time"


def test_socialisation_does_nothing_beyond_a_warning(offence, violation):
    ladder = Ladder(ladder_rules(mode=Mode.SOCIALISATION))
    first = ladder.on_finding(offence())
    assert steps(first) == [Step.REPRIMAND, Step.ANNOUNCEMENT]
    assert {m.mode for m in first.measures} == {Mode.SOCIALISATION}
    assert all("Masa sosialisasi: tanpa sanksi." in m.reason for m in first.measures)
    outcome = ladder.on_violation(violation())
    assert outcome.measures == ()
    assert [w.step for w in outcome.withheld] == [Step.CITATION]
    assert "socialisation" in outcome.withheld[0].why


@pytest.mark.parametrize(
    ("mode", "rung", "levels"),
    [
        (Mode.ENFORCEMENT, ALL, ["reprimand", "warning"]),
        (Mode.ENFORCEMENT, (Step.ANNOUNCEMENT, Step.CITATION), ["warning", "warning"]),
        (Mode.SOCIALISATION, (Step.ANNOUNCEMENT,), ["reprimand", "reprimand"]),
    ],
)
def test_the_first_word_is_friendly(mode, rung, levels, offence):
    ladder = Ladder(ladder_rules(mode=mode, policies={"default": policy(rung)}))
    spoken = []
    for n in range(2):
        stamp = offence().stamp + n * 90 * SECOND
        outcome = ladder.on_finding(offence(n + 1, track_id=7, stamp=stamp))
        spoken += [order.phrase.removeprefix("illegal_parking_") for order in outcome.announcements]
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
def test_socialisation_ends_with_its_last_local_day(moment, cited, offence, violation, at):
    ladder = Ladder(ladder_rules(mode=Mode.SOCIALISATION, until=date(2026, 12, 31)))
    ladder.on_finding(offence(stamp=at(moment)))
    outcome = ladder.on_violation(violation(stamp=at(moment)))
    assert (Step.CITATION in steps(outcome)) is cited


@pytest.mark.parametrize("step", [Step.CITATION, Step.STICKER, Step.TOW])
def test_without_a_picture_of_the_moment_nothing_of_weight(step, offence, violation):
    rungs = policy(Rung((Step.REPRIMAND, step), dwell=None if step is not Step.TOW else 1))
    ladder = Ladder(ladder_rules(policies={"default": rungs}))
    ladder.on_finding(offence())
    outcome = ladder.on_violation(violation(scene=False))
    assert step not in steps(outcome)
    assert "no sealed picture" in whys(outcome)[step]


# --- rungs ---


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        (0, [Step.REPRIMAND]),
        (1, [Step.ANNOUNCEMENT]),
        (2, [Step.ANNOUNCEMENT, Step.STICKER]),
        (3, [Step.CITATION]),
        (4, [Step.CITATION]),
    ],
)
def test_each_rung_is_reached_by_its_count(earlier, expected, offence, violation):
    ladder = Ladder(ladder_rules(policies={"illegal_parking": CLIMB}))
    start = offence().stamp
    for n in range(earlier + 1):
        fields = {"track_id": 7, "stamp": start + n * 100 * SECOND}
        outcome = ladder.on_finding(offence(n + 1, **fields))
        outcome += ladder.on_violation(violation(n + 1, **fields))
    assert sorted(steps(outcome)) == expected
    assert {m.history for m in outcome.measures} == {earlier}
    assert {m.policy for m in outcome.measures} == {
        f"default.{step.name.lower()}" for step in expected
    }


def test_the_policy_line_that_decided_has_a_name():
    rung = Rung((Step.STICKER,), after=2, name="2")
    assert rung.title("illegal_parking", Step.STICKER) == "illegal_parking.2.sticker"


def test_below_the_first_rung_nothing_happens(offence, violation):
    never = policy(Rung(ALL, after=2))
    ladder = Ladder(ladder_rules(policies={"default": never}))
    assert ladder.on_finding(offence()) + ladder.on_violation(violation()) == Answer()


def test_time_takes_one_down_the_ladder(offence):
    ladder = Ladder(ladder_rules(policies={"default": CLIMB}, track_history=600 * SECOND))
    start = offence().stamp
    for n, seconds in enumerate((0, 100, 200)):
        ladder.on_finding(offence(n, track_id=7, stamp=start + seconds * SECOND))
    # the first two are older than ten minutes by now, the third counts
    last = ladder.on_finding(offence(9, track_id=7, stamp=start + 750 * SECOND))
    assert last.measures[0].history == 1


def test_policy_by_kind_goes_before_default(offence, violation):
    policies = {"default": policy(ALL), "red_light": policy((Step.CITATION,), name="red_light")}
    ladder = Ladder(ladder_rules(policies=policies))
    red = {"type": ViolationType.RED_LIGHT}
    assert ladder.on_finding(offence(1, **red)) == Answer()
    assert ladder.on_violation(violation(1, **red)).measures[0].policy == "red_light.citation"


def test_offences_within_grace_are_one(offence):
    ladder = Ladder(ladder_rules(policies={"default": policy(ALL, grace=30 * SECOND)}))
    start = offence().stamp
    counts = []
    for n, seconds in enumerate((0, 10, 29, 30, 45, 61)):
        answer = ladder.on_finding(offence(n, track_id=7, stamp=start + seconds * SECOND))
        counts.append(answer.measures[0].history)
    assert counts == [0, 0, 0, 1, 1, 2]


def test_only_offences_of_the_same_kind_climb_where_the_policy_says_so(offence):
    for same, expected in ((False, 1), (True, 0)):
        ladder = Ladder(ladder_rules(same_kind=same))
        ladder.on_finding(offence(1, track_id=7))
        later = offence().stamp + 60 * SECOND
        other = offence(2, track_id=7, type=ViolationType.WRONG_WAY, stamp=later)
        assert ladder.on_finding(other).measures[0].history == expected


# --- places and hours ---

KTL = PlacePolicy(
    policy((Step.ANNOUNCEMENT, Step.STICKER), name="ktl"),
    frozenset({("simpang_utara", "bahu")}),
    frozenset({PARKING}),
    (Window(**{"from": time(16), "to": time(19)}),),
)


@pytest.mark.parametrize(
    ("moment", "place"),
    [
        ("2026-11-23 15:59:59", "default"),
        ("2026-11-23 16:00:00", "ktl"),
        ("2026-11-23 18:59:59", "ktl"),
        ("2026-11-23 19:00:00", "default"),
    ],
)
def test_a_place_has_its_own_policy_in_its_hours(moment, place, offence, at):
    ladder = Ladder(ladder_rules(places=(KTL,)))
    measures = ladder.on_finding(offence(stamp=at(moment))).measures
    assert {m.policy.split(".")[0] for m in measures} == {place}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, "ktl"),
        ({"zone": "halte"}, "default"),
        ({"camera": "selatan"}, "default"),
        ({"type": ViolationType.ILLEGAL_STOPPING}, "default"),
    ],
)
def test_a_places_policy_holds_there_and_for_its_kinds_only(fields, place, offence):
    rules = ladder_rules(places=(KTL,))
    assert rules.policy(offence(**fields)).name == place
    whole = ladder_rules(places=(replace(KTL, at=frozenset({("simpang_utara", "")})),))
    assert whole.policy(offence(zone="halte")).name == "ktl"


# --- cool-downs and turns ---


def test_one_vehicle_is_not_shouted_at_again_and_again(offence):
    ladder = Ladder(ladder_rules(speaker_pause=0))
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
    both = {"tiang_1": Pole(frozenset({"simpang_utara", "selatan"}))}
    ladder = Ladder(ladder_rules(speaker_pause=0, poles=both))
    assert ladder.on_finding(offence(1, track_id=7)).announcements
    assert ladder.on_finding(offence(2, track_id=8)).announcements
    assert ladder.on_finding(offence(3, track_id=7, camera="selatan")).announcements
    assert not ladder.on_finding(offence(4, track_id=7)).announcements


def test_a_late_finding_of_an_earlier_moment_respects_the_cool_down(offence):
    ladder = Ladder(ladder_rules(speaker_pause=0))
    assert ladder.on_finding(offence(1, track_id=7)).announcements
    earlier = offence(2, track_id=7, stamp=offence().stamp - 5 * SECOND)
    assert not ladder.on_finding(earlier).announcements


def test_what_happened_a_while_ago_is_not_shouted_about(offence):
    ladder = Ladder(ladder_rules())
    outcome = ladder.on_finding(offence(), now=offence().stamp + 9 * SECOND)
    assert steps(outcome) == [Step.REPRIMAND]
    assert whys(outcome)[Step.ANNOUNCEMENT].startswith("too late")


def test_a_withheld_announcement_stays_withheld_when_delivered_again(offence):
    ladder = Ladder(ladder_rules(speaker_pause=0))
    ladder.on_finding(offence(1, track_id=7))
    second = offence(2, track_id=7, stamp=offence().stamp + SECOND)
    assert not ladder.on_finding(second).announcements
    ladder.on_finding(offence(3, track_id=9, stamp=offence().stamp + 100 * SECOND))
    assert ladder.on_finding(second) == Answer()


POLES = {
    "tiang_1": Pole(frozenset({"simpang_utara"})),
    "tiang_2": Pole(frozenset({"simpang_utara", "selatan"})),
    "tiang_3": Pole(frozenset({"gerbang"}), "simpang"),
    "tiang_4": Pole(frozenset({"halte"}), "simpang"),
    "tiang_5": Pole(frozenset({"jauh"})),
}


@pytest.mark.parametrize(
    ("first", "second", "speaker", "why"),
    [
        ("selatan", "simpang_utara", "tiang_2", ""),  # whoever has the word keeps it
        ("simpang_utara", "selatan", "", "tiang_1 of this junction is speaking"),
        ("gerbang", "halte", "", "tiang_3 of this junction is speaking"),
        ("gerbang", "jauh", "tiang_5", ""),  # another junction
    ],
)
def test_no_two_poles_speak_at_once_on_a_junction(first, second, speaker, why, offence):
    ladder = Ladder(ladder_rules(poles=POLES))
    assert len(ladder.on_finding(offence(1, camera=first)).announcements) == 1
    later = ladder.on_finding(offence(2, camera=second, stamp=offence().stamp + 6 * SECOND))
    assert [order.speaker for order in later.announcements] == ([speaker] if speaker else [])
    assert whys(later).get(Step.ANNOUNCEMENT, "") == why


def test_the_word_is_free_once_it_was_said_or_must_have_been(offence):
    for said, seconds in ((True, 6), (False, 21)):
        ladder = Ladder(ladder_rules(poles=POLES))
        (order,) = ladder.on_finding(offence(1, camera="simpang_utara")).announcements
        assert order.speaker == "tiang_1"
        ladder.on_speaker("tiang_1", SpeakerStateKind.SPEAKING, order.id, order.stamp)
        if said:
            ladder.on_speaker("tiang_1", SpeakerStateKind.IDLE, order.id, order.stamp)
        later = offence(2, camera="simpang_utara", stamp=offence().stamp + seconds * SECOND)
        # and it is the other pole's turn
        assert [o.speaker for o in ladder.on_finding(later).announcements] == ["tiang_2"]


def test_a_pole_pauses_between_two_phrases(offence):
    ladder = Ladder(ladder_rules())
    assert ladder.on_finding(offence(1)).announcements
    second = ladder.on_finding(offence(2, stamp=offence().stamp + 4 * SECOND))
    assert whys(second)[Step.ANNOUNCEMENT] == "cool-down: the speaker spoke a moment ago"


def test_a_muted_pole_is_passed_over_and_a_broken_one_where_another_can(offence):
    ladder = Ladder(ladder_rules(poles=POLES))
    ladder.on_speaker("tiang_1", SpeakerStateKind.MUTED, "", 0)
    (order,) = ladder.on_finding(offence(1)).announcements
    assert order.speaker == "tiang_2"
    ladder.on_speaker("tiang_2", SpeakerStateKind.MUTED, order.id, 0)
    later = offence().stamp + 100 * SECOND
    silent = ladder.on_finding(offence(2, stamp=later))
    assert whys(silent)[Step.ANNOUNCEMENT] == "every speaker that hears simpang_utara is muted"
    ladder.on_speaker("tiang_1", SpeakerStateKind.FAULT, "", 0)
    ladder.on_speaker("tiang_2", SpeakerStateKind.IDLE, order.id, 0)
    (other,) = ladder.on_finding(offence(3, stamp=later + SECOND)).announcements
    assert other.speaker == "tiang_2"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"poles": {}}, "no speaker hears simpang_utara"),
        ({"phrases": {}}, "no phrase of level reprimand for illegal_parking"),
    ],
)
def test_nothing_to_say_it_with(fields, why, offence):
    outcome = Ladder(ladder_rules(**fields)).on_finding(offence())
    assert steps(outcome) == [Step.REPRIMAND]
    assert [w.why for w in outcome.withheld] == [why]


# --- sticker and tow ---


def tow_rules(**fields):
    return ladder_rules(
        policies={
            "default": policy(
                Rung((Step.ANNOUNCEMENT,)), Rung((Step.TOW,), dwell=300 * SECOND, name="300s")
            )
        },
        **fields,
    )


def test_a_tow_is_proposed_for_who_was_seen_standing_beyond_the_dwell(offence, violation):
    ladder = Ladder(tow_rules())
    found = offence()
    ladder.on_finding(found, sight(found, measured=61.0))
    assert Step.TOW not in steps(ladder.on_violation(violation()))
    early = drive(ladder, found, stay(HERE, 1, 238, 1.0))
    assert Step.TOW not in steps(early) and ladder.watched == {"simpang_utara"}
    later = drive(ladder, found, stay(HERE, 239, 245, 1.0))
    assert steps(later) == [Step.TOW]
    assert later.measures[0].policy == "default.300s.tow"
    assert "selama 5 menit" in later.measures[0].reason
    assert ladder.watched == frozenset() and ladder.waiting == 0


@pytest.mark.parametrize(
    "way",
    [
        stay(HERE, 1, 100) | stay((2.0, 0.6), 101, 110) | stay(None, 111, 400),
        stay(HERE, 1, 100) | stay(None, 101, 400),
    ],
)
def test_no_tow_for_who_left_or_was_lost_from_sight(way, offence, violation):
    ladder = Ladder(tow_rules())
    ladder.on_finding(offence(), sight(offence(), measured=61.0))
    ladder.on_violation(violation())
    answer = drive(ladder, offence(), way)
    answer += ladder.on_time(offence().stamp + 500 * SECOND)
    assert Step.TOW not in steps(answer)
    assert Step.TOW in whys(answer)
    assert ladder.waiting == 0 and ladder.watched == frozenset()


def test_a_bus_in_front_for_half_a_minute_does_not_end_the_dwell(offence, violation):
    ladder = Ladder(tow_rules())
    ladder.on_finding(offence(), sight(offence(), measured=61.0))
    ladder.on_violation(violation())
    way = stay(HERE, 1, 100) | stay(None, 100.5, 130) | stay(HERE, 130.5, 245)
    assert steps(drive(ladder, offence(), way)) == [Step.TOW]


def test_a_dwell_measured_at_the_finding_is_enough(offence, violation):
    ladder = Ladder(tow_rules())
    ladder.on_finding(offence())
    assert steps(ladder.on_violation(replace(violation(), measured=301.0))) == [Step.TOW]


def test_stood_long_enough_before_the_evidence_was_sealed(offence, violation):
    ladder = Ladder(tow_rules())
    ladder.on_finding(offence(), sight(offence(), measured=295.0))
    drive(ladder, offence(), stay(HERE, 1, 70))
    assert steps(ladder.on_violation(violation())) == [Step.TOW]


@pytest.mark.parametrize("mode", [Mode.SOCIALISATION, Mode.ENFORCEMENT])
def test_no_tow_and_no_sticker_in_socialisation_or_for_who_drives(mode, offence, violation):
    rungs = policy(Rung((Step.ANNOUNCEMENT, Step.STICKER)), Rung((Step.TOW,), dwell=1))
    ladder = Ladder(ladder_rules(policies={"default": rungs}, mode=mode))
    fields = {"type": PARKING if mode is Mode.SOCIALISATION else ViolationType.RED_LIGHT}
    ladder.on_finding(offence(**fields))
    answer = ladder.on_violation(violation(**fields))
    assert answer.measures == ()
    assert set(whys(answer)) == {Step.STICKER, Step.TOW}


# --- trust, witnesses, verdicts ---


def trust(observe_only: bool, kind=PARKING, camera="simpang_utara") -> RuleTrust:
    return RuleTrust(
        "demo", camera, kind, 30, 12, 0.4, 0.25, 0.57, 0.8, observe_only, 1, "12 of 30 upheld"
    )


def test_a_rule_that_is_not_trusted_is_observed_only(offence, violation):
    ladder = Ladder(ladder_rules())
    ladder.on_trust(trust(True))
    answer = ladder.on_finding(offence(), sight(offence())) + ladder.on_violation(violation())
    assert answer.measures == () and answer.announcements == ()
    assert whys(answer) == dict.fromkeys(ALL, "observe only: 12 of 30 upheld")
    assert ladder.watched == frozenset()
    # other rules and cameras go on, and so does this one once it is trusted again
    assert ladder.on_finding(offence(2, type=ViolationType.RED_LIGHT)).measures
    assert ladder.on_finding(offence(3, camera="selatan")).measures
    ladder.on_trust(trust(False))
    later = offence(4, track_id=1, stamp=offence().stamp + 100 * SECOND)
    assert ladder.on_finding(later).measures[0].history == 0


def test_distrust_that_comes_between_finding_and_violation_stops_the_rest(offence, violation):
    ladder = Ladder(ladder_rules())
    ladder.on_finding(offence())
    ladder.on_trust(trust(True))
    answer = ladder.on_violation(violation())
    assert answer.measures == () and "observe only" in whys(answer)[Step.CITATION]


def test_another_cameras_sight_of_the_same_calls_for_nothing(offence, violation):
    ladder = Ladder(ladder_rules())
    first = offence(1)
    assert steps(ladder.on_finding(first))
    witness = offence(2, camera="simpang_selatan", same_as=first.id)
    assert ladder.on_finding(witness) == Answer() and ladder.on_finding(witness) == Answer()
    assert ladder.on_violation(violation(2, same_as=first.id)) == Answer()


def test_what_an_officer_rejected_counts_against_nobody(offence):
    ladder = Ladder(ladder_rules())
    ladder.on_finding(offence(1, track_id=7))
    ladder.on_rejected(offence(1).id)
    ladder.on_rejected("no such violation")
    later = offence(2, track_id=7, stamp=offence().stamp + 100 * SECOND)
    assert ladder.on_finding(later).measures[0].history == 0


def test_memory_is_bounded(offence):
    rules = ladder_rules(history=60 * SECOND, history_limit=500)
    ladder = Ladder(rules)
    start = offence().stamp
    peak = 0
    for n in range(5_000):
        stamp = start + n * SECOND // 10
        ladder.on_finding(offence(n, stamp=stamp), sight(offence(n, stamp=stamp)))
        ladder.history.drain()
        if n % 50 == 0:
            ladder.on_time(stamp)
        peak = max(peak, len(ladder.history))
    # 60 s at 10 findings a second, up to the limit
    assert peak <= 500
    ladder.on_time(start + 3600 * SECOND)
    assert len(ladder.history) == 0 and ladder.watched == frozenset()


def test_violations_that_wait_are_bounded_and_none_is_lost(violation, monkeypatch):
    monkeypatch.setattr("bconnect_enforce.core.ladder.WAITING", 10)
    ladder = Ladder(ladder_rules())
    now = violation().offence.stamp
    cited = []
    for n in range(50):
        cited += steps(ladder.on_violation(violation(n), now))
        assert ladder.waiting <= 10
    cited += steps(ladder.on_time(now + 100 * SECOND))
    assert cited.count(Step.CITATION) == 50 and ladder.waiting == 0
