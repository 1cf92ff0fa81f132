"""The ladder's policy in site and fleet files: every way to write it, every way to get it wrong."""

from __future__ import annotations

import re

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.frozen import freeze, load_frozen
from bconnect_site.ladder import Policy, Rung
from bconnect_site.loader import load_site

PLAIN = "ladder: {mode: socialisation, until: 2026-12-31}\n"


@pytest.fixture
def ladder(write, site_text):
    """Loads the small site with this text for its ladder."""
    return lambda text: load_site(write(site_text.replace(PLAIN, text))).site.ladder


def test_a_policy_may_be_written_short_as_rungs_or_in_full(ladder, house):
    found = ladder(
        "ladder:\n  policies:\n"
        "    wrong_way: [announcement, citation]\n"
        "    illegal_parking:\n"
        "      - {steps: [reprimand]}\n"
        "      - {after: 2, steps: [announcement, sticker]}\n"
        "      - {dwell: 900.0, steps: [tow]}\n"
        "    red_light: {rungs: [{steps: [citation]}], cooldown: 5.0}\n"
        "  places:\n"
        "    ktl: {at: [a, a/bahu], kinds: [illegal_parking], policy: [announcement],\n"
        '          active: [{days: daily, from: "16:00", to: "19:00"}]}\n'
    )
    assert found.policies["default"] == ("reprimand", "announcement", "citation")  # the fleet's
    assert found.policies["wrong_way"] == ("announcement", "citation")
    assert found.policies["illegal_parking"][1] == Rung(after=2, steps=("announcement", "sticker"))
    full = found.policies["red_light"]
    assert isinstance(full, Policy) and full.cooldown == 5.0 and full.watch is None
    assert found.places["ktl"].policy == ("announcement",)


def test_every_way_survives_freezing(write, site_text, house):
    text = (
        "ladder:\n  policies:\n    default: [reprimand]\n"
        "    illegal_parking: [{dwell: 900.0, steps: [tow]}, {after: 1, steps: [sticker]}]\n"
        "    red_light: {rungs: [{steps: [citation]}], spare_if_obeyed: false}\n"
        "  places: {ktl: {at: [a], policy: [announcement]}}\n"
    )
    loaded = load_site(write(site_text.replace(PLAIN, text)))
    again = load_frozen(freeze(loaded, house / "frozen.yaml"))
    assert again.site.ladder == loaded.site.ladder


def test_a_site_replaces_the_fleets_rungs_by_steps_and_back(write, site_text, house):
    fleet = house / "config" / "fleet.yaml"
    text = fleet.read_text()
    rungs = "    default: {rungs: [{steps: [reprimand]}], grace: 9.0}"
    fleet.write_text(re.sub(r"    default: \[.*\].*", rungs, text, count=1))
    site = load_site(write(site_text)).site
    assert isinstance(site.ladder.policies["default"], Policy)
    short = site_text.replace(PLAIN, "ladder: {policies: {default: [citation]}}\n")
    assert load_site(write(short)).site.ladder.policies["default"] == ("citation",)


def test_the_example_in_the_fleet_file_is_valid(write, site_text, house):
    """What is shown as a comment must be right when somebody takes the # away."""
    fleet = house / "config" / "fleet.yaml"
    lines = fleet.read_text().splitlines()
    example = [
        line.replace("#", " ", 1)
        for line in lines
        if re.match(r"#   illegal_parking:|#     (watch|rungs):|#       - \{", line)
    ]
    places = [
        line.replace("# ", "  ", 1)
        for line in lines
        if re.match(r"# places:|#   ktl:|#     (at|kinds|active|policy):", line)
    ]
    assert len(example) == 8 and len(places) == 6
    text = "ladder:\n  policies:\n" + "\n".join(example + places) + "\n"
    text = text.replace("mt_haryono_1, mt_haryono_2/bahu_kiri", "b, a/bahu")
    found = load_site(write(site_text.replace(PLAIN, text))).site.ladder
    policy = found.policies["illegal_parking"]
    assert isinstance(policy, Policy)
    assert [rung.after for rung in policy.rungs] == [0, 1, 2, 3, 1]
    assert policy.rungs[-1].dwell == 900.0 and found.places["ktl"].at == ("b", "a/bahu")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "policies: {default: [reprimand, tow]}",
            'policies.default[1]: "tow" needs a rung with a dwell, '
            "e.g. {dwell: 900.0, steps: [tow]}",
        ),
        (
            "policies: {illegal_parking: [{steps: [tow]}]}",
            'policies.illegal_parking[0].steps[0]: "tow" needs a rung with a dwell, '
            "e.g. {dwell: 900.0, steps: [tow]}",
        ),
        (
            "policies: {red_light: [{dwell: 9.0, steps: [citation]}]}",
            "policies.red_light[0].dwell: only who stops or parks has a dwell, not red_light",
        ),
        (
            "policies: {wrong_way: [announcement, sticker]}",
            'policies.wrong_way[1]: "sticker" is for who stops or parks, not wrong_way',
        ),
        (
            "policies: {default: [citation, citation]}",
            'policies.default[1]: "citation" is listed twice',
        ),
        (
            "policies: {default: [{steps: [reprimand]}, {after: 0, steps: [citation]}]}",
            "policies.default[1]: a rung after 0 stands above already",
        ),
        (
            "policies: {default: [{afetr: 1, steps: [reprimand]}]}",
            'policies.default[0].afetr: is not a key here; did you mean "after"?',
        ),
        (
            "policies: {default: {rungs: [{after: -1, steps: [reprimand]}]}}",
            "policies.default.rungs[0].after: must be at least 0, found -1",
        ),
        (
            "policies: {default: {rungs: []}}",
            "policies.default.rungs: needs at least 1, found 0",
        ),
        (
            "policies: {default: {steps: [citation]}}",
            "policies.default.rungs: is missing",
        ),
        ("policies: {default: []}", "policies.default: needs at least 1, found 0"),
        (
            "policies: {default: [{steps: [shout]}]}",
            'policies.default[0].steps[0]: no step is called "shout"; allowed: announcement, '
            "citation, reprimand, sticker, tow",
        ),
        (
            "policies: {default: [citation, {steps: [reprimand]}]}",
            'policies.default[0]: must be keys and values, found "citation"',
        ),
        (
            "policies: {illegal_parking: [{dwell: 0.0, steps: [tow]}]}",
            "policies.illegal_parking[0].dwell: must be more than 0.0, found 0.0",
        ),
        (
            "policies: {illegal_parking: {rungs: [{steps: [citation]}], watch: soon}}",
            'policies.illegal_parking.watch: must be a number of seconds, found "soon"',
        ),
        (
            "places: {ktl: {at: [c], policy: [announcement]}}",
            'places.ktl.at[0]: no camera is called "c"; allowed: a, b',
        ),
        (
            "places: {ktl: {at: [a/bahuu], policy: [announcement]}}",
            'places.ktl.at[0]: no zone is called "bahuu"; did you mean "bahu"?',
        ),
        (
            "places: {ktl: {at: [a/b/c], policy: [announcement]}}",
            'places.ktl.at[0]: found "a/b/c"; needs a camera, or camera/zone, e.g. utara/bahu',
        ),
        (
            "places: {ktl: {at: [a], kinds: [red_light], policy: [sticker]}}",
            'places.ktl.policy[0]: "sticker" is for who stops or parks, not red_light',
        ),
        ("places: {ktl: {at: [a]}}", "places.ktl.policy: is missing"),
        (
            "when_obeyed: forgets",
            'when_obeyed: found "forgets"; allowed: counts, holds, lowers',
        ),
        ("history_days: 0", "history_days: must be more than 0.0, found 0"),
    ],
)
def test_mistakes_are_told_in_one_sentence(text, sentence, write, site_text):
    with pytest.raises(ConfigError) as refused:
        load_site(write(site_text.replace(PLAIN, f"ladder: {{{text}}}\n")))
    told = [line.split(": ", 1)[1] for line in refused.value.sentences]
    assert f"ladder.{sentence}" in told


def test_a_speaker_may_share_a_junction(write, site_text):
    text = site_text.replace("hears: [a],", "hears: [a], junction: simpang,")
    assert load_site(write(text)).site.speakers["tiang"].junction == "simpang"
