"""Three layers, each value with its origin; frozen and read back the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml

from bconnect_site.errors import ConfigError
from bconnect_site.explain import explain, format_explanation
from bconnect_site.find import resolve_site
from bconnect_site.loader import freeze, load_frozen, load_site

Write = Callable[..., Path]
SITE_FILE, FLEET_FILE = "config/corridors/x.yaml", "config/fleet.yaml"


def fleet(house: Path, text: str) -> None:
    (house / "config" / "fleet.yaml").write_text(text)


def test_later_layer_wins_and_is_named(house: Path, write: Write, site_text: str) -> None:
    fleet(
        house,
        "timezone: Asia/Jakarta\n"
        "camera: {detect: {width: 960, rate: 5.0}, ring_seconds: 30}\n"
        "zone: {no_parking: {dwell: 45, grace: 3.0}}\n"
        "ladder: {cooldown: 15}\n"
        "speaker: {volume: 0.5, quiet: {from: '23:00', to: '05:00'}}\n",
    )
    loaded = load_site(write(site_text))
    a, b = loaded.site.cameras["a"], loaded.site.cameras["b"]
    assert (a.detect.width, b.detect.width) == (640, 960)
    assert (a.detect.rate, b.detect.rate) == (10.0, 5.0)
    assert a.ring_seconds == b.ring_seconds == 30.0
    assert (a.zones["bahu"].dwell, a.zones["bahu"].grace) == (60.0, 3.0)
    assert a.zones["henti"].grace == 1.0
    assert loaded.site.timezone == "Asia/Makassar"
    assert loaded.site.ladder.cooldown == 15.0
    assert loaded.site.ladder.mode == "socialisation"
    assert loaded.site.speakers["tiang"].volume == 0.5
    assert loaded.site.speakers["tiang"].quiet is not None
    assert loaded.site.speakers["tiang"].quiet.start.hour == 22
    expected = {
        "timezone": SITE_FILE,
        "cameras.a.detect.width": SITE_FILE,
        "cameras.b.detect.width": FLEET_FILE,
        "cameras.b.detect.height": "default",
        "cameras.b.importance": "default",
        "cameras.a.zones.bahu.dwell": SITE_FILE,
        "cameras.a.zones.bahu.grace": FLEET_FILE,
        "cameras.a.zones.henti.grace": "default",
        "ladder.cooldown": FLEET_FILE,
        "ladder.mode": SITE_FILE,
        "speakers.tiang.volume": FLEET_FILE,
        "speakers.tiang.quiet.from": SITE_FILE,
        "detector.adapter": "default",
    }
    assert {key: loaded.origins[key] for key in expected} == expected


def test_without_a_fleet_every_other_value_is_default(
    house: Path, write: Write, site_text: str
) -> None:
    fleet(house, "{}")
    origins = set(load_site(write(site_text)).origins.values())
    assert origins == {SITE_FILE, "default"}


def test_another_fleet_may_be_given(house: Path, write: Write, site_text: str) -> None:
    other = house / "config" / "other.yaml"
    other.write_text("camera: {importance: 7}\n")
    loaded = load_site(write(site_text), fleet=other)
    assert loaded.site.cameras["b"].importance == 7
    assert loaded.origins["cameras.b.importance"] == "config/other.yaml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("camra: {}", 'camra: is not a key here; did you mean "camera"?'),
        ("camera: {ring: 3}", 'camera.ring: is not a key here; did you mean "ring_seconds"?'),
        (
            "camera: {detect: {rate: fast}}",
            'camera.detect.rate: must be a number of hertz, found "fast"',
        ),
        ("camera: {source: rtsp://h/x}", "camera.source: is not a key here; "),
        ("zone: {no_park: {dwell: 1}}", 'zone.no_park: no kind of zone is called "no_park"'),
        ("zone: {no_parking: {dwell: 1m}}", "zone.no_parking.dwell: must be a number of seconds"),
        ("ladder: {mode: war}", 'ladder.mode: found "war"; allowed: enforcement, socialisation'),
        ("site: y", "site: is not a key here"),
        ("law: uu14", 'law: no law catalogue is called "uu14"'),
        ("evidence: {before: 30}", "evidence"),
        ("camera: {}\ncamera: {}", "camera: is written twice, in line 1 and line 2"),
    ],
)
def test_mistake_in_the_fleet_names_the_fleet(
    house: Path, write: Write, site_text: str, text: str, expected: str
) -> None:
    fleet(house, text)
    with pytest.raises(ConfigError) as refusal:
        load_site(write(site_text))
    if "before" in text:
        assert "cameras.a.ring_seconds: is 20; evidence.before" in str(refusal.value)
    else:
        assert str(refusal.value).startswith(f"{FLEET_FILE}: {expected}")


def test_explain_names_every_value_once_and_no_secret(
    write: Write, site_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA_A", "rtsp://admin:hunter2@192.0.2.1/x")
    loaded = load_site(write(site_text))
    rows = explain(loaded)
    keys = [key for key, _, _ in rows]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(loaded.origins)
    by_key = {key: (value, origin) for key, value, origin in rows}
    assert by_key["cameras.a.source"] == ("${CAMERA_A}", SITE_FILE)
    assert by_key["cameras.a.detect.rate"] == ("10", SITE_FILE)
    assert by_key["ladder.until"] == ("2026-12-31", SITE_FILE)
    assert by_key["cameras.a.zones.bahu.active"] == (
        "[{days: mon-sat, from: 16:00, to: 19:00}]",
        SITE_FILE,
    )
    assert by_key["cameras.b.calibration"] == ("none", "default")
    text = format_explanation(rows)
    assert "hunter2" not in text
    lines = text.splitlines()
    assert len(lines) == len(rows)
    assert len({line.rindex("  ") for line in lines if line.endswith("default")}) == 1
    assert (
        max(map(len, lines))
        < 160
        < max(
            map(
                len,
                format_explanation([*rows, ("k", "v" * 200, "default")], full=True).splitlines(),
            )
        )
    )


def test_frozen_site_reads_back_the_same(house: Path, write: Write, site_text: str) -> None:
    path = write(site_text)
    loaded = load_site(path)
    frozen_path = freeze(loaded, house / "state" / "x" / "site.yaml")
    frozen = load_frozen(frozen_path)
    assert frozen == loaded
    assert frozen.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert frozen.site.ladder.until == date(2026, 12, 31)
    assert list(frozen_path.parent.iterdir()) == [frozen_path]
    # Any YAML reader finds the same text, not only ours.
    plain = yaml.safe_load(frozen_path.read_text())
    assert plain["site"]["cameras"]["a"]["zones"]["bahu"]["active"][0]["from"] == "16:00"
    assert plain["site"]["cameras"]["a"]["source"] == "${CAMERA_A}"


def test_freeze_replaces_and_refuses_whole(house: Path, write: Write, site_text: str) -> None:
    loaded = load_site(write(site_text))
    target = house / "site.yaml"
    freeze(loaded, target)
    freeze(replace(loaded, software="9.9"), target)
    assert load_frozen(target).software == "9.9"
    (house / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        freeze(loaded, house / "file" / "site.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("site: x", "format: found nothing; needs bconnect-site/1"),
        ("format: bconnect-site/9", "format: found bconnect-site/9; needs bconnect-site/1"),
        ("format: bconnect-site/1", "meta: is missing"),
    ],
)
def test_what_is_no_frozen_site(house: Path, text: str, expected: str) -> None:
    path = house / "site.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load_frozen(path)
    assert expected in str(refusal.value)


def test_odd_texts_survive_freezing(house: Path, write: Write, site_text: str) -> None:
    odd = [
        "yes",
        "12",
        "1.5",
        "null",
        "2026-01-01",
        "~",
        "a: b",
        "# x",
        "'\"",
        "é ü",
        "1_0",
        "0x1f",
    ]
    for title in odd:
        text = site_text.replace("A site to spoil", repr(title) if '"' in title else f'"{title}"')
        if title == "'\"":
            text = site_text.replace("A site to spoil", '"\'\\""')
        loaded = load_site(write(text))
        assert loaded.site.title == title
        assert load_frozen(freeze(loaded, house / "f.yaml")).site.title == title


def test_a_camera_stands_where_it_says_else_where_the_site_is(write: Write, site_text: str) -> None:
    text = site_text.replace(
        "source: rtsp", "location: {latitude: -1.26, longitude: 116.87}\n    source: rtsp"
    )
    site = load_site(write(text)).site
    a, b = site.location_of("a"), site.location_of("b")
    assert a is not None and (a.latitude, a.longitude) == (-1.25, 116.86)
    assert b is not None and (b.latitude, b.longitude) == (-1.26, 116.87)


def test_explain_keeps_every_digit() -> None:
    rows = {key: value for key, value, _ in explain(load_site(resolve_site("beruang_madu")))}
    assert rows["location.longitude"] == "116.8563"
    assert rows["cameras.simpang_utara.detect.rate"] == "10"
