"""The words of the pages, and what the loader says to a drawing, in Indonesian."""

from __future__ import annotations

import re
import string
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))

from draw_rooms import SITE

from bconnect_center.core.drafting import Draft, ZoneDraft, changes_of
from bconnect_center.web import loader_words
from bconnect_center.web.easel import _split
from bconnect_center.web.loader_words import understood
from bconnect_center.web.words import FOLDER, LANGUAGES, catalogue
from bconnect_detect.core import calibrating
from bconnect_site.errors import ConfigError
from bconnect_site.loader import load_site
from bconnect_site.yamlfile import read_yaml

FILES = sorted(FOLDER.glob("*.yaml"))


def mistakes(path: Path) -> Iterator[str]:
    """Whatever would break a page, or show something else than was meant, a sentence each."""
    try:
        plain, lines, _ = read_yaml(path, path.name)
    except ConfigError as error:
        yield from error.sentences
        return
    for key, texts in plain.items():
        at = f"{path.name}: line {lines[(key,)]}: {key}"
        if not isinstance(key, str) or not re.fullmatch(r"[a-z0-9_]+", key):
            yield f"{at}: is no key; allowed: lower-case letters, digits, underscores"
        elif not isinstance(texts, Mapping) or set(texts) != set(LANGUAGES):
            found = ", ".join(map(str, texts)) if isinstance(texts, Mapping) else repr(texts)
            yield f"{at}: found {found}; needs {' and '.join(LANGUAGES)}; quote texts with a comma"
        elif wrong := [name for name, text in texts.items() if not isinstance(text, str)]:
            yield f"{at}.{wrong[0]}: found {texts[wrong[0]]!r}; quote it, so that it is a text"
        elif len(holes := [_holes(text) for text in texts.values()]) and holes[0] != holes[1]:
            yield f"{at}: holds {sorted(holes[0] ^ holes[1])} in one language only"


def _holes(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_text_is_a_text_in_both_languages(path: Path) -> None:
    assert list(mistakes(path)) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ask: {id: Yakin, en: Sure?}", "line 1, column 26: expected ',' or '}', but got '?'"),
        ("ask: {id: Yakin, ya, en: Sure}", "line 1: ask: found id, ya, en; needs id and en"),
        ("ask: {id: Ya, en: Yes, really}", "ask: found id, en, really; needs id and en"),
        ("many: {id: 7, en: 7}", "many.id: found 7; quote it, so that it is a text"),
        ("ok: {id: Ya, en: true}", "ok.en: found True; quote it, so that it is a text"),
        ("Ask: {id: A, en: B}", "line 1: Ask: is no key; allowed: lower-case letters"),
        ("ask: {id: A, en: B}\nask: {id: A, en: B}", "is written twice, in line 1 and line 2"),
        ("ask: {id: '{n} kasus', en: cases}", "holds ['n'] in one language only"),
        ("ask: {id: Yakin", "line 1"),
        ("ask: Yakin", "found 'Yakin'; needs id and en"),
    ],
)
def test_a_slip_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    found = list(mistakes(path))
    assert len(found) == 1 and says in found[0], found


def test_no_stays_a_word(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("no: {id: tidak, en: no}\non: {id: ya, en: yes}", encoding="utf-8")
    assert list(mistakes(path)) == []
    assert read_yaml(path, "x")[0]["no"]["en"] == "no"


# -- what the loader says -----------------------------------------------------------------------

BOX = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
LINE = [[0.1, 0.5], [0.9, 0.5]]
GOOD = {"kind": "no_parking", "region": BOX, "basis": "sign S-12"}


def zone(**changes: Any) -> dict[str, Any]:
    return {"zones": {"bahu": {**GOOD, **changes}}, "rules": ["illegal_parking"]}


CAMERAS: list[dict[str, Any]] = [
    zone(region=None), zone(line=LINE), zone(kind="stop_line", region=None),
    zone(kind="stop_line", line=LINE, region=BOX), zone(kind="direction"), zone(kind="speed"),
    {"zones": {"henti": {"kind": "stop_line", "line": LINE, "basis": "marking"}},
     "rules": ["stop_line", "stop_line"]},
    zone(basis=None), zone(basis="signal"), zone(basis="karena saya"), zone(basis=""),
    zone(signal="tengah"), zone(kind="taman"), zone(warna="merah"), zone(kind="no_parkin"),
    {"zones": {}, "rules": ["illegal_parking"]}, {"rules": ["section_speed", "parkir"]},
    {"zones": {"Bahu Jalan": GOOD}}, zone(dwell="lama"), zone(dwell=-1), zone(limit=0),
    zone(limit=99), zone(applies_to=[]), zone(applies_to=["becak"]), zone(basis="x" * 600),
    zone(active=[{"days": "senin", "from": "06:00", "to": "09:00"}]),
    zone(active=[{"days": "mon", "from": "jam 6", "to": "09:00"}]),
    zone(region=BOX[:2]), zone(region=[BOX[0], *BOX]), zone(region=[BOX[n] for n in (0, 2, 1, 3)]),
    zone(region=[[0.1, 0.1], [0.101, 0.1], [0.1, 0.101]]),
    zone(region=[[0.1, 0.1], [1.5, 0.1], [0.5, 0.5]]),
    zone(kind="stop_line", region=None, line=[*LINE, [0.5, 0.6]]),
    zone(kind="stop_line", region=None, line=[[0.5, 0.5], [0.5, 0.501]]),
    zone(region="semua"), zone(place=7), zone(direction=[[0.1, 0.1]]),
]  # fmt: skip
SIGNALS = [{"adapter": "lamp_vision"}, {"adapter": "http", "camera": "utara", "address": "x"},
           {"adapter": "lamp_vision", "camera": "utara", "region": BOX, "phase": 3},
           {"adapter": "recorded", "region": BOX}]  # fmt: skip


def said_by_the_loader(tmp_path: Path) -> Iterator[str]:
    """One file with a camera, or a signal, for each mistake."""
    plain = yaml.safe_load(SITE)
    utara = plain["cameras"].pop("utara")
    plain["cameras"] = {"utara": utara} | {
        f"kamera_{n}": {"source": "file://x.mp4", **changes} for n, changes in enumerate(CAMERAS)
    }
    plain["signals"] = {f"lampu_{n}": signal for n, signal in enumerate(SIGNALS)}
    path = tmp_path / "salah.yaml"
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    with pytest.raises(ConfigError) as wrong:
        load_site(path)
    keys = [_split(sentence.partition(": ")[2]) for sentence in wrong.value.sentences]
    told = {key.split(".")[1] for key, _ in keys}
    assert told >= {f"kamera_{n}" for n in range(len(CAMERAS))}, "one mistake is none"
    yield from (sentence for _, sentence in keys)


def said_of_points() -> Iterator[str]:
    image = np.array([[0.2, 0.9], [0.8, 0.9], [0.7, 0.5], [0.3, 0.5], [0.5, 0.7]])
    ground = np.array([[-4.0, 5.0], [4.0, 5.0], [5.0, 20.0], [-5.0, 20.0], [0.0, 9.0]])

    def moved(points: Any, at: int, to: tuple[float, float]) -> Any:
        made = points.copy()
        made[at] = to
        return made

    line = np.column_stack((np.linspace(0.1, 0.9, 5), np.full(5, 0.5)))
    for seen, there in (
        (image[:3], ground[:3]), (moved(image, 0, (1.2, 0.5)), ground),
        (image, moved(ground, 1, (np.nan, 0.0))), (moved(image, 1, tuple(image[0])), ground),
        (line, ground), (image, ground * (-1.0, 1.0)), (image, moved(ground, 4, (40.0, 60.0))),
        (image, ground[[1, 0, 2, 3, 4]]), (image[:4], ground[[1, 0, 2, 3]]),
        (image[:4], ground[:4] * (-1.0, 1.0)),
        (np.vstack((line[:4], [[0.5, 0.9]])), ground),
    ):  # fmt: skip
        with pytest.raises(ConfigError) as wrong:
            calibrating.fit(seen, there)
        yield from (_split(sentence)[1] for sentence in wrong.value.sentences)
    yield "are in degrees, but the site has no location to count from"


def said_of_names() -> Iterator[str]:
    site = {"cameras": {"a": {"zones": {"x": GOOD, "y": GOOD}}}}
    for zones in (
        (ZoneDraft("x", "x", GOOD), ZoneDraft("x", "", GOOD)),
        (ZoneDraft("x", "", GOOD), ZoneDraft("z", "x", GOOD)),
    ):
        with pytest.raises(ConfigError) as wrong:
            changes_of(site, Draft("a", zones, (), (), None))
        yield from (_split(sentence)[1] for sentence in wrong.value.sentences)


def test_every_common_mistake_is_said_in_indonesian(tmp_path: Path) -> None:
    """And every pattern is one that the loader, the survey or the draft really says."""
    said = [*said_by_the_loader(tmp_path), *said_of_points(), *said_of_names()]
    lacking = sorted({text for text in said if not understood("id", text)})
    assert lacking == []
    used = {
        key
        for key, pattern in loader_words._patterns()
        for text in said
        if pattern.fullmatch(text) or pattern.fullmatch(text.partition("; ")[0])
    }
    heads = {key for key, _ in loader_words._patterns() if not key.startswith("tail_")}
    assert heads - used == set()


def test_numbers_and_names_come_along() -> None:
    assert understood(
        "id", "crosses itself: edge 1-2 meets edge 3-4; give the corners in order"
    ) == ("garisnya saling memotong: sisi 1-2 bertemu sisi 3-4; urutkan sudut-sudutnya")
    assert understood(
        "id", 'no kind of zone is called "no_parkin"; did you mean "no_parking"?'
    ) == ('tidak ada jenis zona bernama "no_parkin"; maksudnya "no_parking"?')
    assert understood("id", 'no zone is called "<b>{x}</b>"; none is allowed here') == (
        'tidak ada zona bernama "<b>{x}</b>"; di sini tidak ada yang boleh'
    )


@pytest.mark.parametrize("text", ["a sentence of tomorrow", 'no source is called "x"', ""])
def test_what_is_not_known_stays_english(text: str) -> None:
    assert understood("id", text) == ""
    assert understood("en", "is missing") == ""


def test_the_catalogue_is_whole() -> None:
    assert len(catalogue()) > 500
