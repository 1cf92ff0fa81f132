"""Every mistake in a site file is one sentence: file, key, found, allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.loader import check_environment, load_site

Spoil = Callable[[str, str], list[str]]
Write = Callable[..., Path]

FILE = "config/corridors/x.yaml"
REGION = "[[0.0, 0.9], [0.2, 0.9], [0.3, 0.5]]"
LINE = "[[0.2, 0.6], [0.8, 0.6]]"
BAHU = "cameras.a.zones.bahu"
HENTI = "cameras.a.zones.henti"

CASES: dict[str, tuple[str, str, str]] = {
    "two points": (
        REGION,
        "[[0.0, 0.9], [0.2, 0.9]]",
        f"{BAHU}.region: needs at least 3 points, found 2",
    ),
    "unknown rule": (
        "illegal_parking]",
        "helmet]",
        'cameras.a.rules[1]: no rule is called "helmet"; did you mean "no_helmet"?',
    ),
    "unknown key": (
        "dwell: 60.0",
        "dwel: 60.0",
        f'{BAHU}.dwel: is not a key here; did you mean "dwell"?',
    ),
    "unknown key of the site": (
        "speakers:",
        "speeker: 1\nspeakers:",
        'speeker: is not a key here; did you mean "speakers"?',
    ),
    "unknown key of a nested model": (
        "rate: 10.0",
        "rat: 10.0",
        'cameras.a.detect.rat: is not a key here; did you mean "rate"?',
    ),
    "unknown key of a window": (
        'to: "19:00"}]',
        'to: "19:00", dayz: x}]',
        f'{BAHU}.active[0].dayz: is not a key here; did you mean "days"?',
    ),
    "unit in a number": (
        "dwell: 60.0",
        "dwell: 60s",
        f'{BAHU}.dwell: must be a number of seconds, found "60s"',
    ),
    "number as text": (
        "dwell: 60.0",
        'dwell: "60"',
        f'{BAHU}.dwell: must be a number of seconds, found "60"',
    ),
    "true as number": (
        "dwell: 60.0",
        "dwell: true",
        f"{BAHU}.dwell: must be a number of seconds, found true",
    ),
    "not a number": (
        "dwell: 60.0",
        "dwell: .nan",
        f"{BAHU}.dwell: must be a finite number, found nan",
    ),
    "negative": ("dwell: 60.0", "dwell: -1", f"{BAHU}.dwell: must be at least 0.0, found -1"),
    "fraction of a pixel": (
        "width: 640",
        "width: 640.5",
        "cameras.a.detect.width: must be a whole number of pixels, found 640.5",
    ),
    "timeout zero": (
        "speakers:",
        "evidence: {timeout: 0}\nspeakers:",
        "evidence.timeout: must be more than 0.0, found 0",
    ),
    "empty title": ("title: A site to spoil", 'title: ""', "title: must not be empty"),
    "a value where keys belong": (
        "  b:\n    source: rtsp://192.0.2.1/stream",
        "  b: rtsp://192.0.2.1/stream",
        'cameras.b: must be keys and values, found "rtsp://192.0.2.1/stream"',
    ),
    "rate zero": (
        "rate: 10.0",
        "rate: 0",
        "cameras.a.detect.rate: must be more than 0.0, found 0",
    ),
    "yes as true": (
        "source: rtsp",
        "loop: yes\n    source: rtsp",
        'cameras.b.loop: must be true or false, found "yes"',
    ),
    "crossing zone": (
        REGION,
        "[[0, 0], [1, 1], [1, 0], [0, 1]]",
        f"{BAHU}.region: crosses itself: edge 1-2 meets edge 3-4; give the corners in order",
    ),
    "point outside": (
        REGION,
        "[[0, 0], [1.2, 0], [1, 1]]",
        f"{BAHU}.region: point 2 is [1.2, 0], outside the image; "
        "both must be fractions between 0 and 1",
    ),
    "pixels instead of fractions": (
        LINE,
        "[[128, 216], [512, 216]]",
        f"{HENTI}.line: point 1 is [128, 216], outside the image; "
        "both must be fractions between 0 and 1",
    ),
    "flat zone": (
        REGION,
        "[[0.1, 0.5], [0.5, 0.5], [0.9, 0.50001]]",
        f"{BAHU}.region: covers 2e-06 of the image; needs at least 0.0001",
    ),
    "point twice": (
        REGION,
        "[[0, 0], [0, 0], [1, 1]]",
        f"{BAHU}.region: points 1 and 2 are the same",
    ),
    "line without length": (
        LINE,
        "[[0.5, 0.5], [0.5, 0.5]]",
        f"{HENTI}.line: has length 0; needs at least 0.01 of the image",
    ),
    "line of three": (
        LINE,
        "[[0, 0], [0.5, 0.5], [1, 1]]",
        f"{HENTI}.line: needs exactly 2 points, found 3",
    ),
    "arrow without length": (
        "[[0.5, 0.9], [0.5, 0.4]]",
        "[[0.5, 0.9], [0.5, 0.9]]",
        f"{HENTI}.direction: has length 0; needs at least 0.01 of the image",
    ),
    "point of three": (
        LINE,
        "[[0, 0, 0], [1, 1]]",
        f"{HENTI}.line[0]: needs at most 2, found 3",
    ),
    "point of text": (
        LINE,
        "[[a, 0.1], [1, 1]]",
        f'{HENTI}.line[0][0]: must be a number, found "a"',
    ),
    "line where a region belongs": (
        f"region: {REGION}",
        f"line: {LINE}",
        f"{BAHU}.line: a zone of kind no_parking has a region, not a line",
    ),
    "unknown kind of zone": (
        "kind: no_parking",
        "kind: no_park",
        f'{BAHU}.kind: no kind of zone is called "no_park"; did you mean "no_parking"?',
    ),
    "unknown signal": (
        "signal: utara",
        "signal: utarra",
        f'{HENTI}.signal: no signal is called "utarra"; did you mean "utara"?',
    ),
    "rule without its signal": (
        "signal: utara, ",
        "",
        f'{HENTI}.signal: is missing; the rule "stop_line" needs to know the light',
    ),
    "stop line without a way": (
        "direction: [[0.5, 0.9], [0.5, 0.4]], ",
        "",
        f'{HENTI}.direction: is missing; the rule "stop_line" needs an arrow of travel '
        "[[x, y], [x, y]], or a zone of kind junction in this camera",
    ),
    "rule without its zone": (
        "illegal_parking]",
        "wrong_way]",
        'cameras.a.rules[1]: "wrong_way" needs a zone of kind direction in this camera, found none',
    ),
    "rule twice": (
        "illegal_parking]",
        "stop_line]",
        'cameras.a.rules[1]: "stop_line" is listed twice',
    ),
    "zone without basis": (
        "        basis: sign S-12\n",
        "",
        f'{BAHU}.basis: is missing; the rule "illegal_parking" must say what makes it law, '
        'e.g. "sign S-12", "marking", "signal" or "movement rule"',
    ),
    "basis of no kind": (
        "basis: sign S-12",
        "basis: S-12",
        f'{BAHU}.basis: found "S-12"; its first word must be one of: sign, marking, signal, '
        'movement, e.g. "sign S-12"',
    ),
    "basis the law does not know": (
        "basis: sign S-12",
        "basis: signal",
        f"{BAHU}.basis: UU 22/2009 knows no article for illegal_parking on the basis "
        '"signal"; allowed: marking, movement, sign',
    ),
    "unknown camera of a speaker": (
        "hears: [a]",
        "hears: [a, c]",
        'speakers.tiang.hears[1]: no camera is called "c"; allowed: a, b',
    ),
    "unknown adapter": (
        "adapter: ntcip1202",
        "adapter: ntcip",
        'signals.utara.adapter: found "ntcip"; did you mean "ntcip1202"?',
    ),
    "signal without phase": (
        ", phase: 2",
        "",
        "signals.utara.phase: is missing; the adapter ntcip1202 needs it, or overlap",
    ),
    "region of a signal without its camera": (
        "phase: 2}",
        "phase: 2, region: [[0, 0], [1, 0], [1, 1]]}",
        "signals.utara.camera: is missing; region is given, and a lamp is watched by camera and "
        "region",
    ),
    "address of a controller without udp": (
        '"udp://192.0.2.5:161"',
        "192.0.2.5",
        'signals.utara.address: found "192.0.2.5"; needs udp://host:port, e.g. udp://192.0.2.5:161',
    ),
    "community in the file": (
        "phase: 2}",
        "phase: 2, community: rahasia}",
        "signals.utara.community: is a password; write ${NAME} and set NAME in the environment; "
        'only "public" may stand in a file',
    ),
    "missing source": (
        "    source: rtsp://192.0.2.1/stream",
        "    loop: true",
        "cameras.b.source: is missing",
    ),
    "source without scheme": (
        "rtsp://192.0.2.1/stream",
        "/videos/a.mp4",
        'cameras.b.source: found "/videos/a.mp4"; needs a URL: rtsp://, rtsps://, file://, '
        "v4l2://, http://, https://, sim://",
    ),
    "source of no kind": (
        "rtsp://192.0.2.1",
        "rstp://192.0.2.1",
        'cameras.b.source: no source is called "rstp"; did you mean "rtsp"?',
    ),
    "password in a URL": (
        "rtsp://192.0.2.1",
        "rtsp://admin:hunter2@192.0.2.1",
        "cameras.b.source: holds a password; keep it out of the file: write ${NAME} and set "
        "NAME in the environment",
    ),
    "password in a query": (
        "/stream",
        "/user=admin&password=hunter2&channel=1",
        "cameras.b.source: holds a password; keep it out of the file: write ${NAME} and set "
        "NAME in the environment",
    ),
    "half a variable": (
        "${CAMERA_A}",
        '"${CAMERA_A"',
        'cameras.a.source: holds a broken "${...}" in "${CAMERA_A"; write ${NAME}',
    ),
    "bad name": (
        "  b:\n",
        "  B-2:\n",
        'cameras.B-2: "B-2" is not a name; needs lower-case letters, digits and single '
        "underscores, a letter first, at most 48 characters",
    ),
    "unknown time zone": (
        "Asia/Makassar",
        "Asia/Balikpapan",
        'timezone: no time zone is called "Asia/Balikpapan"; e.g. Asia/Makassar',
    ),
    "hour of no clock": (
        '"16:00"',
        '"25:00"',
        f"{BAHU}.active[0].from: found '25:00'; needs a time of day such as \"16:00\", "
        "between quotes",
    ),
    "days of no week": (
        "mon-sat",
        "mon-sab",
        f'{BAHU}.active[0].days: found "mon-sab"; needs days such as "mon-sat", "sat,sun" or '
        '"daily" (days: mon, tue, wed, thu, fri, sat, sun)',
    ),
    "until in enforcement": (
        "mode: socialisation",
        "mode: enforcement",
        "ladder.until: belongs to mode socialisation; mode is enforcement",
    ),
    "day of no month": (
        "until: 2026-12-31",
        "until: 2026-02-30",
        'ladder.until: there is no day "2026-02-30"',
    ),
    "until of no day": (
        "until: 2026-12-31",
        "until: soon",
        'ladder.until: must be a day such as 2026-12-31, found "soon"',
    ),
    "key that cannot be shown": (
        "  b:\n",
        '  "b\\u0007\\nc":\n',
        'cameras.b\\x07\\nc: "b\\x07\\nc" is not a name; needs lower-case letters, digits and '
        "single underscores, a letter first, at most 48 characters",
    ),
    "unknown policy": (
        "mode: socialisation,",
        "mode: socialisation, policies: {parking: [citation]},",
        'ladder.policies.parking: no policy is called "parking"; did you mean "illegal_parking"?',
    ),
    "unknown step": (
        "mode: socialisation,",
        "mode: socialisation, policies: {default: [shout]},",
        'ladder.policies.default[0]: no step is called "shout"; allowed: announcement, '
        "citation, reprimand, sticker, tow",
    ),
    "unknown law": (
        "kind: corridor",
        "kind: corridor\nlaw: uu22",
        'law: no law catalogue is called "uu22" in config/law; did you mean "uu22_2009"?',
    ),
    "ring too short": (
        "source: rtsp",
        "ring_seconds: 5\n    source: rtsp",
        "cameras.b.ring_seconds: is 5; evidence.before and evidence.after need at least 10",
    ),
    "unknown node in processes": (
        "speakers:",
        "processes: {detektor: gpu}\nspeakers:",
        'processes.detektor: no node is called "detektor"; did you mean "detector"?',
    ),
    "process of no name": (
        "speakers:",
        "processes: {detector: GPU box}\nspeakers:",
        'processes.detector: found "GPU box"; needs a process name, or process@host',
    ),
    "process on two hosts": (
        "speakers:",
        "processes: {detector: gpu@edge, tracker: gpu}\nspeakers:",
        "processes.tracker: puts gpu on this host, but it is also on edge",
    ),
    "missing calibration": (
        "source: rtsp",
        "calibration: calibration/b.yaml\n    source: rtsp",
        "cameras.b.calibration: there is no file calibration/b.yaml",
    ),
    "speaker twice": (
        "ladder:",
        "  tiang: {adapter: alsa}\nladder:",
        "speakers.tiang: is written twice, in line 25 and line 26",
    ),
    "horn without address": (
        "ladder:",
        "  corong: {adapter: rtp}\nladder:",
        "speakers.corong.address: is missing; the adapter rtp needs it",
    ),
    "address of a sound card": (
        "ladder:",
        '  corong: {adapter: alsa, address: "rtp://192.0.2.7"}\nladder:',
        "speakers.corong.address: has no meaning for the adapter alsa; rtp and http have an "
        "address",
    ),
    "rtp address of a web horn": (
        "ladder:",
        '  corong: {adapter: http, address: "rtp://192.0.2.7"}\nladder:',
        "speakers.corong.address: needs http://host/path or https://host/path, e.g. "
        "http://192.0.2.7/play",
    ),
    "unknown codec": (
        "ladder:",
        '  corong: {adapter: rtp, address: "rtp://192.0.2.7?codec=mp3"}\nladder:',
        'speakers.corong.address: codec: found "mp3"; allowed: L16, PCMA, PCMU',
    ),
    "password of a horn": (
        "ladder:",
        '  corong: {adapter: http, address: "http://a:b@192.0.2.7/"}\nladder:',
        "speakers.corong.address: holds a password; keep it out of the file: write ${NAME} and "
        "set NAME in the environment",
    ),
    "wrong address behind a login": (
        "ladder:",
        '  corong: {adapter: http, address: "http://${A}:${B}@192.0.2.7/#mp3"}\nladder:',
        'speakers.corong.address: found "#mp3"; allowed: #wav, #mulaw',
    ),
    "camera list instead of keys": (
        "  utara: {adapter",
        "  - {adapter",
        "signals: must be keys and values, found a list of 1",
    ),
    "latitude in radians of nothing": (
        "latitude: -1.25",
        "latitude: -125",
        "location.latitude: must be at least -90.0, found -125",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_mistake_reads_as_one_sentence(spoil: Spoil, case: tuple[str, str, str]) -> None:
    old, new, expected = case
    assert f"{FILE}: {expected}" in spoil(old, new)


def test_the_unspoiled_site_loads(write: Write) -> None:
    assert load_site(write()).site.site == "x"


def test_all_mistakes_of_a_file_come_at_once_in_its_order(write: Write, site_text: str) -> None:
    text = (
        site_text.replace("rate: 10.0", "rate: fast")
        .replace("dwell: 60.0", "dwell: 60s")
        .replace("signal: utara", "signal: barat")
        .replace("hears: [a]", "hears: [z]")
    )
    with pytest.raises(ConfigError) as refusal:
        load_site(write(text))
    keys = [line.split(": ")[1] for line in str(refusal.value).splitlines()]
    assert keys == [
        "cameras.a.detect.rate",
        "cameras.a.zones.henti.signal",
        "cameras.a.zones.bahu.dwell",
        "speakers.tiang.hears[0]",
    ]


def test_no_sentence_holds_a_secret(spoil: Spoil) -> None:
    for url in (
        "rtsp://u:hunter2@h/x",
        "rtsp://:hunter2@h/x",
        "rtsp://h/x?token=hunter2",
        "h/?key=hunter2",
    ):
        assert "hunter2" not in "\n".join(spoil("rtsp://192.0.2.1/stream", url))
    assert "hunter2" not in "\n".join(spoil("${CAMERA_A}", '"rtsp://u:hunter2@h/${X"'))


def test_password_from_the_environment_is_welcome(write: Write, site_text: str) -> None:
    url = "rtsp://${USER_B}:${PASSWORD_B}@192.0.2.1/stream"
    loaded = load_site(write(site_text.replace("rtsp://192.0.2.1/stream", url)))
    assert loaded.site.cameras["b"].source == url


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"site: [x", "line 1, column 9: expected ',' or ']', but got '<stream end>'"),
        (b"site: x\n\tkind: y\n", "line 2, column 1: found a tab; indent with spaces"),
        (b"site: 'x\n", "line 2, column 1: found unexpected end of stream"),
        (b"", "must hold keys and values, found nothing"),
        (b"- a\n", "must hold keys and values, found a list"),
        (b"hello world", "must hold keys and values, found text"),
        (b"site: \xff\xfe", "is not UTF-8 text (byte 6)"),
        (b"a: &a [*a]\n", "a[0]: contains itself"),
        (b"? [x]\n: 1\n", "line 1: a key must be a word"),
        (b"a: 1\n---\nb: 2\n", "line 2, column 1: but found another document"),
    ],
)
def test_what_is_no_site_file(house: Path, content: bytes, expected: str) -> None:
    path = house / "config" / "corridors" / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as refusal:
        load_site(path)
    assert f"{FILE}: {expected}" in str(refusal.value).splitlines()


def test_binary_and_bombs_are_refused_in_a_sentence(house: Path) -> None:
    path = house / "config" / "corridors" / "x.yaml"
    path.write_bytes(bytes(range(256)) * 100)
    with pytest.raises(ConfigError, match=r"^config/corridors/x.yaml: "):
        load_site(path)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="holds more than"):
        load_site(path)
    path.write_text("[" * 5000)
    with pytest.raises(ConfigError, match=r"^config/corridors/x.yaml: "):
        load_site(path)
    path.write_text("a: " + "b" * 5_000_000)
    with pytest.raises(ConfigError, match="at most"):
        load_site(path)


def test_missing_file_and_folder(house: Path) -> None:
    with pytest.raises(ConfigError, match=r"^config/corridors/none.yaml: there is no such file$"):
        load_site("config/corridors/none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_site("config/corridors")


def test_missing_variables_are_all_named_with_their_keys(write: Write, site_text: str) -> None:
    text = site_text.replace("udp://192.0.2.5:161", "udp://${ATCS}:161")
    loaded = load_site(write(text))
    check_environment(loaded, {"CAMERA_A": "rtsp://h/a", "ATCS": "192.0.2.5"})
    with pytest.raises(ConfigError) as refusal:
        check_environment(loaded, {"CAMERA_A": ""})
    assert str(refusal.value).splitlines() == [
        f"{FILE}: cameras.a.source: the environment variable CAMERA_A is not set; "
        "set it to the value meant here",
        f"{FILE}: signals.utara.address: the environment variable ATCS is not set; "
        "set it to the value meant here",
    ]
