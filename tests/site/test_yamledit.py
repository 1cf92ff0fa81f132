"""Single values of a site file change; every other byte stays."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_site.errors import ConfigError
from bconnect_site.yamledit import REMOVE, edit
from bconnect_site.yamlfile import parse_yaml

CONFIG = Path(__file__).parents[2] / "config"
FILE = (CONFIG / "corridors" / "beruang_madu.yaml").read_text(encoding="utf-8")
ZONES = ("cameras", "mt_haryono_1", "zones")


def changed(before: str, after: str) -> list[str]:
    """Lines taken away and put in."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_a_value_changes_and_its_comment_stays() -> None:
    made = edit(FILE, {(*ZONES, "bahu_kiri", "dwell"): 45.0})
    assert changed(FILE, made) == [
        '-        dwell: 30.0                                   # "just a moment" is no excuse',
        '+        dwell: 45.0                                   # "just a moment" is no excuse',
    ]


def test_a_new_zone_stands_behind_the_others_of_its_camera() -> None:
    zone = {
        "kind": "no_stopping",
        "region": [[0.1, 0.2], [0.3, 0.2], [0.3, 0.4]],
        "basis": "marking",
    }
    made = edit(
        FILE, {(*ZONES, "depan_toko"): zone, ("cameras", "mt_haryono_1", "rules"): ["wrong_way"]}
    )
    assert changed(FILE, made) == [
        "-    rules: [illegal_parking, wrong_way]",
        "+      depan_toko:",
        "+        kind: no_stopping",
        "+        region: [[0.1, 0.2], [0.3, 0.2], [0.3, 0.4]]",
        "+        basis: marking",
        "+    rules: [wrong_way]",
    ]


def test_a_zone_goes_and_comments_around_it_stay() -> None:
    made = edit(FILE, {("cameras", "mt_haryono_4", "zones", "depan_sekolah"): REMOVE})
    gone = changed(FILE, made)
    assert all(line.startswith("-") for line in gone) and len(gone) == 5
    assert "# --- Junction Balikpapan Baru and its gate ---" in made or "mt_haryono_ptz" in made


def test_a_zone_written_on_one_line_stays_on_one_line() -> None:
    key = ("cameras", "simpang_utara", "zones", "simpang")
    made = edit(FILE, {(*key, "place"): "simpang", (*key, "kind"): "road"})
    assert [line for line in changed(FILE, made) if line[0] == "+"] == [
        "+      simpang: {kind: road, region: [[0.20, 0.32], [0.82, 0.32], [0.86, 0.56], "
        "[0.16, 0.58]], place: simpang}"
    ]
    back = edit(made, {(*key, "place"): REMOVE, (*key, "kind"): "junction"})
    assert back == FILE


def test_a_name_changes_and_what_lies_below_may_too() -> None:
    made = edit(FILE, {(*ZONES, "bahu_kiri", "place"): REMOVE}, {(*ZONES, "bahu_kiri"): "bahu"})
    assert [line.strip("+- ") for line in changed(FILE, made)] == [
        "bahu_kiri:",
        "bahu:",
        "place: bahu_jalan",
    ]


def test_all_keys_may_go_and_the_first_may_come() -> None:
    text = "a:\n  b: {x: 1}\n  c:\n    d: 2   # two\n# end\n"
    empty = edit(text, {("a", "b", "x"): REMOVE, ("a", "c", "d"): REMOVE})
    assert parse_yaml(empty, "f")[0] == {"a": {"b": {}, "c": {}}}
    again = edit(empty, {("a", "b", "y"): 1, ("a", "c", "e"): {"f": [1, 2]}})
    assert parse_yaml(again, "f")[0] == {"a": {"b": {"y": 1}, "c": {"e": {"f": [1, 2]}}}}
    assert again.endswith("# end\n")


def test_a_list_below_its_key_becomes_one_line() -> None:
    text = "z:\n  region:\n  - - 0.1\n    - 0.2\n  - - 0.3\n    - 0.4\n  basis: sign\n"
    made = edit(text, {("z", "region"): [[0.5, 0.6]]})
    assert made == "z:\n  region: [[0.5, 0.6]]\n  basis: sign\n"


def test_a_file_without_a_last_newline_and_one_of_windows() -> None:
    assert edit("a:\n  b: 1", {("a", "c"): 2}) == "a:\n  b: 1\n  c: 2\n"
    assert edit("a:\r\n  b: 1\r\n", {("a", "c"): 2}) == "a:\r\n  b: 1\r\n  c: 2\r\n"


def test_what_is_shared_by_an_anchor_is_refused() -> None:
    text = "a: &same {x: 1}\nb: *same\n"
    with pytest.raises(ConfigError, match="anchors"):
        edit(text, {("a", "x"): 2})


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
VALUES = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.lists(st.floats(0, 1), min_size=2, max_size=2), max_size=4),
    st.lists(st.dictionaries(st.sampled_from(["from", "to", "days"]), TEXTS), max_size=2),
)
NAMES = st.sampled_from(["bahu_kiri", "lajur_utara", "lajur_selatan", "baru", "y"])
PARTS = st.sampled_from(["dwell", "basis", "place", "region", "active", "direction", "neu"])
CHANGES = st.dictionaries(
    st.tuples(NAMES, PARTS), st.one_of(VALUES, st.just(REMOVE)), min_size=1, max_size=12
)


@settings(max_examples=40)
@given(CHANGES, st.booleans(), st.booleans())
def test_whatever_changes_reads_back_and_nothing_else_changed(
    changes: dict[tuple[str, str], Any], flow: bool, plain: bool
) -> None:
    """``edit`` itself compares with the wanted values; here, that it never refuses, and that
    other lines stay."""
    text = FILE
    if plain:  # another style of writing
        text = yaml.safe_dump(parse_yaml(FILE, "f")[0], sort_keys=False, default_flow_style=flow)
    made = edit(text, {(*ZONES, *key): value for key, value in changes.items()})
    if not plain:
        block = text.index("  mt_haryono_1:"), text.index("  mt_haryono_2:")
        assert made[: block[0]] == text[: block[0]]
        assert made.endswith(text[block[1] :])
