"""The small cores: memory, backlog, studio, fallback, the policy of a site, conversions."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from bconnect_msgs import msg as messages
from bconnect_msgs.srv import ReviewCitation

from bconnect_enforce import convert
from bconnect_enforce.core.backlog import Backlog
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.memory import Memory
from bconnect_enforce.core.mouth import Guard, MouthError
from bconnect_enforce.core.policy import rules_of
from bconnect_enforce.core.records import Announcement, Citation
from bconnect_enforce.core.rungs import Pole, Rung
from bconnect_enforce.core.sound import Sound
from bconnect_enforce.core.studio import Line, NoSound, Studio
from bconnect_site.find import find_config_dir
from bconnect_site.kinds import CitationStatus, Mode, PlateState, Step, ViolationType
from bconnect_site.loader import load_site
from bconnect_site.phrases import load_phrases

S = 1_000_000_000


def test_memory_forgets_the_old_and_the_surplus():
    memory: Memory[str, int] = Memory(forget_after=10, capacity=3)
    memory.put("a", 1, 100)
    memory.put("b", 2, 105)
    memory.put("late", 3, 95)
    assert (memory.get("a"), memory.get("late"), len(memory)) == (1, 3, 3)
    memory.put("c", 4, 112)
    assert "a" not in memory
    memory.put("d", 5, 112)
    memory.put("e", 6, 112)
    assert (len(memory), "b" in memory, "e" in memory) == (3, False, True)


def test_memory_keeps_what_is_used_again():
    memory: Memory[str, int] = Memory(forget_after=10, capacity=2)
    memory.put("a", 1, 100)
    memory.put("b", 2, 101)
    memory.put("a", 1, 102)
    memory.put("c", 3, 103)
    assert ("a" in memory, "b" in memory) == (True, False)


def test_backlog_keeps_its_head_until_done_and_refuses_when_full():
    backlog: Backlog[int] = Backlog(capacity=2)
    assert backlog.head(0.0) is None
    assert [backlog.put(n) for n in (1, 2, 3)] == [True, True, False]
    assert [backlog.head(0.0), backlog.head(0.0)] == [1, 1]
    backlog.done()
    assert (backlog.head(0.0), len(backlog)) == (2, 1)


def test_backlog_wakes_its_worker():
    backlog: Backlog[int] = Backlog()
    found: list[int | None] = []
    worker = threading.Thread(target=lambda: found.append(backlog.head(10.0)))
    worker.start()
    backlog.put(7)
    worker.join(5.0)
    assert found == [7]


def test_a_closed_backlog_keeps_nobody_waiting():
    backlog: Backlog[int] = Backlog()
    found: list[int | None] = []
    worker = threading.Thread(target=lambda: found.append(backlog.head(60.0)))
    worker.start()
    backlog.close()
    worker.join(5.0)
    assert found == [None]
    backlog.put(1)
    assert backlog.head(60.0) == 1


# --- studio and fallback -------------------------------------------------------------------


def tone(value: int = 10_000) -> Sound:
    return Sound(np.full(1000, value, np.int16), 1000)


class Shelf:
    """What a studio needs from outside, with a record of what it asked for."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.cache: dict[str, Sound] = {}

    def say(self, text: str) -> Sound:
        if not text:
            raise NoSound("nothing to say")
        self.said.append(text)
        return tone()

    def read(self, path: str) -> Sound:
        if path == "missing.wav":
            raise NoSound("missing.wav: cannot be read")
        return tone(20_000)

    def studio(self, lines: dict[str, Line], voice: str = "id", volume: float = 1.0) -> Studio:
        return Studio(
            lines, voice, volume, self.say, self.read, self.cache.get, self.cache.__setitem__
        )


def test_studio_prepares_everything_once():
    shelf = Shelf()
    studio = shelf.studio({"a": Line("satu"), "b": Line("dua")})
    assert studio.unready == 2
    assert list(studio.prepare_all()) == ["", ""]
    assert studio.unready == 0
    assert shelf.said == ["satu", "dua"]
    assert studio.sound("a").peak == pytest.approx(0.89, abs=0.001)
    again = shelf.studio({"a": Line("satu"), "b": Line("dua")})
    list(again.prepare_all())
    assert shelf.said == ["satu", "dua"]


def test_another_voice_or_text_is_another_sound():
    shelf = Shelf()
    shelf.studio({"a": Line("satu")}).sound("a")
    shelf.studio({"a": Line("satu")}, voice="id+f3").sound("a")
    shelf.studio({"a": Line("tiga")}).sound("a")
    assert len(shelf.cache) == 3


def test_a_recording_is_preferred_and_its_loss_survived():
    shelf = Shelf()
    lines = {"a": Line("satu", "a.wav"), "b": Line("dua", "missing.wav"), "c": Line("")}
    studio = shelf.studio(lines)
    assert [sentence for sentence in studio.prepare_all() if sentence] == [
        "phrase b: missing.wav: cannot be read; the synthesiser speaks instead",
        "phrase c: nothing to say",
    ]
    assert shelf.said == ["dua"]
    assert studio.sound("b").peak > 0.8
    with pytest.raises(NoSound):
        studio.sound("c")


class Mouth:
    def __init__(self, output: str) -> None:
        self.output = output
        self.error = ""
        self.played = 0

    def check(self):
        if self.error:
            raise MouthError(self.error)

    def play(self, sound, name, began, stop):
        began()
        if self.error:
            raise MouthError(self.error)
        self.played += 1
        return self.output


def guard(device: Mouth, folder: Mouth, clock: list[int]) -> Guard:
    def store(sound, name):
        return folder.play(sound, name, lambda: None, threading.Event())

    return Guard(device, store, lambda: clock[0], patience=5 * S, look=10 * S)


def test_a_guard_notices_a_fault_and_its_end_without_speaking():
    device, clock = Mouth("alsa"), [0]
    mouth = guard(device, Mouth("folder"), clock)
    device.error = "unplugged"
    assert not mouth.check()  # looked at start, too early for another look
    clock[0] = 10 * S
    assert mouth.check()
    assert (mouth.fault, device.played) == ("unplugged", 0)
    clock[0] = 12 * S
    device.error = ""
    assert not mouth.check()
    clock[0] = 15 * S
    assert mouth.check()
    assert mouth.fault == ""


def test_what_nobody_heard_is_kept_and_not_called_heard():
    device, folder, clock = Mouth("alsa"), Mouth("folder"), [0]
    mouth = guard(device, folder, clock)
    began: list[int] = []

    def play() -> tuple[bool, str]:
        return mouth.play(tone(), "a/x", lambda: began.append(1), threading.Event())

    assert (play(), mouth.fault) == ((True, "alsa"), "")
    device.error = "unplugged"
    assert (play(), mouth.fault) == ((False, "folder"), "unplugged")
    assert len(began) == 2  # the device began before it failed
    # while it is at fault it is left alone: a dead horn makes no order late
    device.error = ""
    clock[0] = 4 * S
    assert play() == (False, "folder")
    assert len(began) == 2
    clock[0] = 5 * S
    assert (play(), mouth.fault) == ((True, "alsa"), "")
    folder.error, device.error = "disk full", "unplugged"
    assert play() == (False, "alsa")


# --- policy --------------------------------------------------------------------------------


def test_rules_of_the_shipped_sites():
    for name in ("corridors/beruang_madu", "corridors/demo", "vehicles/etle_01"):
        site = load_site(find_config_dir() / f"{name}.yaml").site
        rules = rules_of(site, load_phrases())
        assert set(rules.poles) == set(site.speakers)
        assert rules.mode.name.lower() == site.ladder.mode
        for kind in ViolationType:
            for level in ("reprimand", "warning"):
                assert rules.phrases[kind, level].name in load_phrases().by_name


def test_rules_follow_the_site_file(tmp_path):
    path = tmp_path / "demo.yaml"
    path.write_text(
        "site: demo\nkind: corridor\ntitle: D\ntimezone: Asia/Makassar\n"
        "cameras:\n  utara: {source: 'file:///x.mp4'}\n"
        "speakers:\n  tiang: {adapter: file, hears: [utara]}\n"
        "ladder:\n  mode: socialisation\n  until: 2026-12-31\n  cooldown: 3.0\n"
        "  policies: {wrong_way: [announcement, citation],\n"
        "    illegal_parking: {watch: 9.0, rungs: [{after: 1, steps: [sticker]},\n"
        "      {dwell: 90.0, steps: [tow]}]}}\n"
        "  places: {ktl: {at: [utara], kinds: [wrong_way], policy: [citation],\n"
        "    active: [{from: '16:00', to: '19:00'}]}}\n"
    )
    rules = rules_of(load_site(path).site, load_phrases())
    assert (rules.mode, rules.until) == (Mode.SOCIALISATION, date(2026, 12, 31))
    assert rules.speaker_pause == 3 * S
    assert rules.poles == {"tiang": Pole(frozenset({"utara"}))}
    wrong_way = rules.policies["wrong_way"]
    assert (wrong_way.name, wrong_way.cooldown) == ("wrong_way", 3 * S)
    assert wrong_way.rungs == (Rung((Step.ANNOUNCEMENT, Step.CITATION)),)
    parking = rules.policies["illegal_parking"]
    assert parking.rung(0).steps == () and parking.rung(1).title("x", Step.STICKER) == "x.1.sticker"
    assert parking.dwells(0) == (Rung((Step.TOW,), 0, 90 * S, "90s"),)
    assert parking.watch_of(ViolationType.ILLEGAL_PARKING) == 9 * S
    (place,) = rules.places
    assert place.at == {("utara", "")} and place.kinds == {ViolationType.WRONG_WAY}
    wrong_way = rules.phrases[ViolationType.WRONG_WAY, "warning"]
    parking = rules.phrases[ViolationType.ILLEGAL_PARKING, "warning"]
    assert wrong_way.name == "wrong_way_warning"
    assert wrong_way.priority > parking.priority


def test_every_phrase_of_a_level_fits_its_violation():
    """What rules_of picks is about the violation, not just any phrase."""
    phrases = load_phrases()
    site = load_site(find_config_dir() / "corridors/demo.yaml").site
    for (kind, level), phrase in rules_of(site, phrases).phrases.items():
        assert phrases[phrase.name].violation is kind
        assert phrases[phrase.name].level == level


# --- conversions ---------------------------------------------------------------------------


def test_stamps():
    for stamp in (0, 1, 999_999_999, S, 1_795_000_000_123_456_789):
        assert convert.ns(convert.time(stamp)) == stamp


def test_measure_round_trip(measure):
    for step in Step:
        before = replace(measure(step=step), history=3, due=5 * S + 1)
        assert convert.measure_from(convert.measure_to(before)) == before


def test_announcement_round_trip():
    before = Announcement("id", "tiang", "phrase", "finding", 200, 5 * S + 7, 9 * S)
    assert convert.announcement_from(convert.announcement_to(before)) == before


def test_violation_from_a_full_message():
    m = messages.Violation(
        manifest="a/manifest.json",
        manifest_sha256="ef" * 32,
        witnesses=["selatan"],
        missing=["no clip"],
        evidence=[messages.Evidence(kind=4, path="a/clip.mp4", sha256="ab" * 32)],
    )
    m.finding.id = "f-1"
    m.finding.type = messages.Finding.TYPE_WRONG_WAY
    m.finding.measured = 3.1
    m.finding.limit = math.nan
    m.finding.road_user.track_id = -4
    m.plate.state = messages.PlateReading.STATE_READ
    m.plate.text = "KT 1234 AB"
    found = convert.violation_from(m)
    assert (found.id, found.offence.type) == ("f-1", ViolationType.WRONG_WAY)
    assert (found.measured, math.isnan(found.limit)) == (3.1, True)
    assert (found.plate_state, found.plate) == (PlateState.READ, "KT 1234 AB")
    assert (found.witnesses, found.missing) == (("selatan",), ("no clip",))
    assert found.evidence[0].path == "a/clip.mp4"
    assert not found.has_scene
    m.evidence[0].kind = messages.Evidence.KIND_SCENE
    assert convert.violation_from(m).has_scene
    m.evidence[0].sha256 = ""
    assert not convert.violation_from(m).has_scene


@pytest.mark.parametrize("field", ["type", "road_user.kind"])
def test_a_kind_from_the_future_is_refused(field):
    m = messages.Finding()
    holder = m.road_user if "." in field else m
    setattr(holder, field.rpartition(".")[2], 200)
    with pytest.raises(ValueError, match="200 is not a valid"):
        convert.offence_from(m)


def test_citation_to():
    line = Citation(
        "BC-demo-2026-000001", "f-1", "demo", "utara", ViolationType.WRONG_WAY,
        CitationStatus.REJECTED, "Sari", "kabur", 3 * S, 7 * S, "0" * 64, "f" * 64,
    )  # fmt: skip
    m = convert.citation_to(line)
    assert (m.number, m.violation_type, m.status) == ("BC-demo-2026-000001", 3, 3)
    assert (m.reviewer, m.reason, m.hash, m.previous_hash) == ("Sari", "kabur", "f" * 64, "0" * 64)
    assert (convert.ns(m.violation_stamp), convert.ns(m.header.stamp)) == (3 * S, 7 * S)


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        (0, CitationStatus.UNKNOWN),
        (1, CitationStatus.CONFIRMED),
        (2, CitationStatus.REJECTED),
        (3, CitationStatus.WITHDRAWN),
        (9, CitationStatus.UNKNOWN),
    ],
)
def test_decisions(decision, status):
    request = ReviewCitation.Request(number="n", decision=decision, reviewer="r", reason="w")
    assert convert.decision_from(request) == Decision("n", status, "r", "w")


def test_recording_is_found_beside_the_phrases_file(tmp_path):
    path = tmp_path / "phrases.yaml"
    path.write_text(
        "phrases:\n  halo: {text: Halo, title: Hello, recording: voice/halo.wav}\n"
        "  dua: {text: Dua, title: Two}\n"
    )
    phrases = load_phrases(path)
    assert Path(phrases["halo"].recording) == tmp_path / "voice" / "halo.wav"
    assert phrases["dua"].recording == ""


def test_what_is_signed_is_everything_the_message_holds():
    from bconnect_enforce.convert_orders import MESSAGES, REQUESTS
    from bconnect_site.orders import FIELDS

    signature = {"expires", "key_id", "counter", "signature"}
    for kind, fields in FIELDS.items():
        made = MESSAGES.get(kind) or REQUESTS[kind].Request
        known = set(made.get_fields_and_field_types())
        assert signature < known
        spoken = {"stamp" if name == "header" else name for name in known - signature}
        assert set(fields) == spoken | {"site"}


@pytest.mark.parametrize("kind", ["announce", "measure", "tow_order", "sticker", "review"])
def test_an_order_survives_its_message(kind, tmp_path):
    from bconnect_enforce.convert_orders import MESSAGES, message_of, order_from, request_of
    from bconnect_site.keys import Keyring
    from bconnect_site.orders import FIELDS, sign_order

    fields = {n: f"{n} é" if t is str else 200 for n, t in FIELDS[kind].items()}
    ring = Keyring.open(tmp_path / "keys")
    order = sign_order(ring, kind, fields | {"site": "demo"}, 2**63 + 1, 9 * S + 5)
    into = message_of if kind in MESSAGES else request_of
    assert order_from(kind, into(order), "demo") == order
    if "priority" in fields:
        large = sign_order(ring, kind, fields | {"site": "demo", "priority": 256}, 1, 9)
        with pytest.raises(ValueError, match="priority: found 256, allowed 0 to 255"):
            into(large)


def test_a_moment_beyond_all_messages_is_one_sentence(tmp_path):
    from bconnect_enforce.convert_orders import message_of
    from bconnect_site.keys import Keyring
    from bconnect_site.orders import FIELDS, MEASURE, sign_order

    fields = {n: "x" if t is str else 1 for n, t in FIELDS[MEASURE].items()}
    ring = Keyring.open(tmp_path / "keys")
    for name in ("stamp", "due"):
        order = sign_order(ring, MEASURE, fields | {name: 2**62}, 1, 9)
        with pytest.raises(ValueError, match=f"{name}: found 4611686018427387904, allowed 0 to"):
            message_of(order)
    with pytest.raises(ValueError, match="expires: found"):
        message_of(sign_order(ring, MEASURE, fields, 1, 2**62))
