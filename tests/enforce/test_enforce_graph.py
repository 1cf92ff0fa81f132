"""Ladder, speaker and ledger as one graph over real DDS."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import time as clock
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from bconnect_msgs import msg as messages
from bconnect_msgs.srv import ReviewCitation
from order_keys import make_orders
from std_srvs.srv import SetBool

from bconnect_enforce import convert
from bconnect_enforce.adapters import wav
from bconnect_enforce.adapters.ledger import read_summary
from bconnect_enforce.core.records import Announcement
from bconnect_enforce.core.sound import Sound
from bconnect_node.qos import EVENT, RECORD, STATE
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import SpeakerStateKind

S = 1_000_000_000
SITE = """
site: demo
kind: corridor
title: Demo
timezone: Asia/Makassar
cameras:
  simpang_utara: {source: "file:///nowhere.mp4"}
speakers:
  tiang_1: {adapter: file, hears: [simpang_utara]}
ladder:
  mode: enforcement
  policies: {default: [reprimand, announcement, citation]}
"""


def finding_of(offence) -> messages.Finding:
    m = messages.Finding(
        id=offence.id,
        type=int(offence.type),
        site=offence.site,
        camera=offence.camera,
        zone=offence.zone,
        article=offence.article,
        started=convert.time(offence.stamp),
    )
    m.header.stamp = convert.time(offence.stamp)
    m.road_user.kind = int(offence.road_user)
    m.road_user.track_id = offence.track_id
    return m


def violation_of(violation) -> messages.Violation:
    m = messages.Violation(
        finding=finding_of(violation.offence),
        manifest=violation.manifest,
        manifest_sha256=violation.manifest_sha256,
        evidence=[
            messages.Evidence(
                kind=int(f.kind), path=f.path, sha256=f.sha256, stamp=convert.time(f.stamp)
            )
            for f in violation.evidence
        ],
    )
    m.header.stamp = m.finding.header.stamp
    return m


def review(number: str, decision: int, reviewer: str = "Ipda Sari", reason: str = ""):
    return ReviewCitation.Request(
        number=number, decision=decision, reviewer=reviewer, reason=reason
    )


CONFIRM = ReviewCitation.Request.DECISION_CONFIRM
REJECT = ReviewCitation.Request.DECISION_REJECT


def test_from_finding_to_sound_and_confirmed_citation(graph, offence, violation, wait_for):
    graph.ladder(SITE)
    graph.speaker()
    graph.citation()
    measures = graph.listen(messages.Measure, "measures", RECORD)
    states = graph.listen(messages.SpeakerState, "speaker_state", STATE)
    citations = graph.listen(messages.Citation, "citations", RECORD)
    findings = graph.publisher(messages.Finding, "findings", EVENT)
    violations = graph.publisher(messages.Violation, "violations", RECORD, readers=2)
    wait_for(lambda: [s.state for s in states] == [SpeakerStateKind.IDLE])
    now = graph.probe.get_clock().now().nanoseconds

    for _ in range(3):
        findings.publish(finding_of(offence(stamp=now)))
    wait_for(lambda: states[-1].spoken == 1, 20.0)
    kinds = [s.state for s in states]
    assert kinds[:3] == [SpeakerStateKind.IDLE, SpeakerStateKind.SPEAKING, SpeakerStateKind.IDLE]
    assert states[-1].phrase == "illegal_parking_reprimand"
    spoken = wav.read(Path(states[-1].output))
    assert 3.0 < spoken.duration < 12.0
    assert 0.03 < spoken.rms < 0.4
    assert spoken.peak == pytest.approx(0.89 * 0.8, abs=0.01)

    for _ in range(3):
        violations.publish(violation_of(violation(stamp=now)))
    wait_for(lambda: citations)
    number = citations[0].number
    assert number.startswith("BC-demo-")
    assert citations[0].status == messages.Citation.STATUS_PENDING_REVIEW
    assert citations[0].reason.startswith("Usulan tilang diajukan")
    assert [m.step for m in measures] == [1, 2, 4]

    answer = graph.call(ReviewCitation, "review_citation", review(number, CONFIRM))
    assert (answer.success, answer.message) == (True, f"{number}: confirmed")
    assert answer.citation.reviewer == "Ipda Sari"
    assert answer.citation.previous_hash == citations[0].hash
    wait_for(lambda: len(citations) == 2)
    assert citations[1] == answer.citation

    second = graph.call(
        ReviewCitation, "review_citation", review(number, REJECT, "Budi", "salah kendaraan")
    )
    assert not second.success
    assert second.message == (
        f"{number}: is already confirmed by Ipda Sari, cannot become rejected"
    )
    assert second.citation == messages.Citation()
    summary = read_summary(graph.tmp_path / "ledger.sqlite3")
    assert summary.violations == {"illegal_parking": 1}
    assert summary.measures == {"reprimand": 1, "announcement": 1, "citation": 1}
    assert summary.citations == {"confirmed": 1}


def test_finding_to_sound_is_fast(graph, offence, wait_for):
    graph.ladder(SITE)
    speaker = graph.speaker()
    states = graph.listen(messages.SpeakerState, "speaker_state", STATE)
    findings = graph.publisher(messages.Finding, "findings", EVENT)
    wait_for(lambda: len(speaker._studio._ready) == len(speaker._studio.lines))
    now = graph.probe.get_clock().now().nanoseconds
    findings.publish(finding_of(offence(stamp=now)))
    wait_for(lambda: any(s.state == SpeakerStateKind.SPEAKING for s in states))
    assert len(speaker._latencies) == 1
    assert speaker._latencies[0] < 300.0


def test_messages_from_another_version_are_survived(graph, offence, violation, wait_for):
    nodes = [graph.ladder(SITE), graph.citation()]
    measures = graph.listen(messages.Measure, "measures", RECORD)
    violations = graph.publisher(messages.Violation, "violations", RECORD, readers=2)
    strange = violation_of(violation(1))
    strange.finding.type = 200
    foreign = violation_of(violation(2, site="elsewhere"))
    violations.publish(strange)
    violations.publish(foreign)
    violations.publish(violation_of(violation(3)))
    wait_for(lambda: len(measures) == 4)
    wait_for(lambda: stored(graph.tmp_path / "ledger.sqlite3") == [violation(3).id])
    assert "200 is not a valid ViolationType" in nodes[0].health.last_error
    assert nodes[1].health.dropped("other site") == 1
    # the reprimand and the citation the ladder made of it
    wait_for(lambda: nodes[1].health.dropped("refused: other site") == 2)


# --- speaker -------------------------------------------------------------------------------


def order(graph, n: int = 1, phrase: str = "wrong_way_warning", speaker: str = "tiang_1"):
    now = graph.probe.get_clock().now().nanoseconds
    return convert.announcement_to(
        Announcement(f"id-{n}", speaker, phrase, f"f{n}", 5, now, now + 8 * S)
    )


@pytest.fixture
def spoken_to(graph, wait_for):
    """A speaker, its states, and a way to give it orders."""

    def start(**params):
        speaker = graph.speaker(**params)
        states = graph.listen(messages.SpeakerState, "speaker_state", STATE)
        wait_for(lambda: states)
        return speaker, states, graph.publisher(messages.Announcement, "announcements", EVENT)

    return start


def test_mute_stops_the_sentence_and_what_follows(graph, spoken_to, wait_for):
    _, states, orders = spoken_to()
    orders.publish(order(graph, 1, "illegal_parking_warning"))
    wait_for(lambda: states and states[-1].state == SpeakerStateKind.SPEAKING)
    # what is not spoken meanwhile does not make it look idle
    orders.publish(order(graph, 9, "a_curse"))
    wait_for(lambda: states[-1].dropped == 1)
    assert states[-1].state == SpeakerStateKind.SPEAKING
    began = graph.probe.get_clock().now().nanoseconds
    mute = "tiang_1/speaker/mute"
    answer = graph.call(SetBool, mute, SetBool.Request(data=True))
    assert (answer.success, answer.message) == (True, "muted")
    # a phrase that was cut short is not spoken
    wait_for(lambda: states[-1].state == SpeakerStateKind.MUTED and states[-1].dropped == 2)
    assert states[-1].spoken == 0
    assert graph.probe.get_clock().now().nanoseconds - began < 2 * S
    orders.publish(order(graph, 2))
    wait_for(lambda: states[-1].dropped == 3)
    assert graph.call(SetBool, mute, SetBool.Request(data=False)).message == "speaks again"
    wait_for(lambda: states[-1].state == SpeakerStateKind.IDLE)
    orders.publish(order(graph, 3))
    wait_for(lambda: states[-1].spoken == 1, 20.0)
    assert states[-1].announcement_id == "id-3"


def test_what_is_not_for_it_or_not_known_or_too_late_is_not_spoken(graph, spoken_to, wait_for):
    speaker, states, orders = spoken_to()
    late = order(graph, 2)
    late.expires = convert.time(convert.ns(late.header.stamp) - S)
    orders.publish(order(graph, 1, speaker="tiang_2"))
    orders.publish(late)
    orders.publish(order(graph, 3, "a_curse"))
    orders.publish(order(graph, 4, "stop_line_reprimand"))
    orders.publish(order(graph, 4, "stop_line_reprimand"))
    wait_for(lambda: states[-1].spoken == 1, 20.0)
    assert states[-1].announcement_id == "id-4"
    reasons = ("refused: stale", "unknown phrase", "already ordered")
    assert [speaker.health.dropped(reason) for reason in reasons] == [1, 1, 1]
    files = [path.name for path in (graph.tmp_path / "audio").glob("*.wav")]
    assert len(files) == 1
    assert "stop_line_reprimand" in files[0]


def test_a_broken_device_is_a_fault_and_the_phrase_is_kept(graph, spoken_to, wait_for, capfd):
    speaker, states, orders = spoken_to(adapter="alsa", device="hw:77,0")
    # noticed at start, before the first word is due
    wait_for(lambda: states[-1].state == SpeakerStateKind.FAULT)
    orders.publish(order(graph))
    wait_for(lambda: states[-1].dropped == 1, 20.0)
    assert states[-1].state == SpeakerStateKind.FAULT
    assert states[-1].detail.startswith('sound device "hw:77,0" cannot be opened')
    assert "check the cable" in states[-1].detail
    # nobody heard it: it counts as dropped and was never called spoken, but it is kept
    assert states[-1].spoken == 0
    assert SpeakerStateKind.SPEAKING not in [state.state for state in states]
    assert speaker.health.dropped("mouth at fault") == 1
    assert wav.read(Path(states[-1].output)).rms > 0.03
    assert speaker.health.last_error == states[-1].detail
    capfd.readouterr()


def test_it_ends_within_two_seconds_in_the_middle_of_a_sentence(graph, wait_for):
    code = "import sys; from bconnect_enforce.speaker_node import main; sys.exit(main())"
    given = {"speaker": "tiang_1", "adapter": "file", "output_dir": f"{graph.tmp_path}/audio"}
    given |= graph.own
    arguments = [part for key, value in given.items() for part in ("-p", f"{key}:={value}")]
    states = graph.listen(messages.SpeakerState, "speaker_state", STATE)
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--ros-args", "-r", "__ns:=/demo/tiang_1", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        orders = graph.publisher(messages.Announcement, "announcements", EVENT)
        orders.publish(order(graph, 1, "illegal_parking_warning"))
        wait_for(lambda: states and states[-1].state == SpeakerStateKind.SPEAKING, 20.0)
        process.terminate()
        _, said = process.communicate(timeout=2.0)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "Traceback" not in said


def test_quiet_hours(graph, spoken_to, wait_for):
    speaker, states, orders = spoken_to(
        quiet_from="00:00", quiet_to="23:59", timezone="Asia/Makassar"
    )
    speaker._queue.quiet = replace(speaker._queue.quiet, end=clock.max)
    orders.publish(order(graph))
    wait_for(lambda: states[-1].dropped == 1)
    assert speaker.health.dropped("quiet hours") == 1


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"voice": "klingon_x"}, 'voice: found "klingon_x"'),
        ({"timezone": "Mars"}, 'timezone: found "Mars"'),
        ({"quiet_from": "late", "quiet_to": "06:00"}, 'quiet_from, quiet_to: found "late"'),
        ({"quiet_from": "22:00"}, "quiet_from, quiet_to: found"),
        ({"phrases_file": "/nowhere/phrases.yaml"}, "/nowhere/phrases.yaml"),
        ({"adapter": "trumpet"}, "adapter: found 'trumpet'; allowed: auto, alsa, file, rtp, http"),
        ({"adapter": "rtp", "address": "rtp://"}, 'address: found "rtp://"; needs rtp://host:port'),
        ({"adapter": "http", "address": "http://${NO_HORN}/"}, "address: the environment variable"),
        ({"voice": "piper:/nowhere/id.onnx"}, "voice: /nowhere/id.onnx: is not there"),
        ({"volume": 2.0}, "volume: found 2.0"),
    ],
)
def test_a_speaker_refuses_with_a_sentence(graph, params, sentence):
    with pytest.raises(ConfigError) as refusal:
        graph.speaker(**params)
    assert sentence in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_recording_is_played_instead_of_the_synthesiser(graph, wait_for):
    phrases = graph.tmp_path / "phrases.yaml"
    wav.write(graph.tmp_path / "voice" / "halo.wav", Sound(np.full(16000, 9000, np.int16), 16000))
    phrases.write_text(
        "phrases:\n  halo: {text: Halo, title: Hello, recording: voice/halo.wav}\n"
        "  dua: {text: Dua, title: Two, recording: voice/lost.wav}\n"
    )
    speaker = graph.speaker(phrases_file=str(phrases), volume=1.0)
    wait_for(lambda: len(speaker._studio._ready) == 2)
    assert speaker._studio.sound("halo").rate == 16000
    assert speaker._studio.sound("halo").duration == pytest.approx(1.1, abs=0.01)
    assert speaker._studio.sound("dua").rate == 22050
    assert "lost.wav: cannot be read" in speaker.health.last_error


def test_sounds_are_cached_beyond_a_restart(graph, wait_for, monkeypatch):
    speaker = graph.speaker()
    wait_for(lambda: len(speaker._studio._ready) == len(speaker._studio.lines))
    first = speaker._studio.sound("stop_line_warning").samples
    graph.remove(speaker)
    again = graph.speaker()
    monkeypatch.setattr(again._studio, "say", None)
    assert np.array_equal(again._studio.sound("stop_line_warning").samples, first)


# --- ledger --------------------------------------------------------------------------------


def stored(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name='violations'").fetchone():
            return [row[0] for row in connection.execute("SELECT id FROM violations")]
        return []


def test_locked_for_a_while_nothing_is_lost(graph, violation, measure, wait_for):
    node = graph.citation()
    path = graph.tmp_path / "ledger.sqlite3"
    citations = graph.listen(messages.Citation, "citations", RECORD)
    violations = graph.publisher(messages.Violation, "violations", RECORD)
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    wait_for(lambda: len(node._backlog) == 0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for n in range(1, 21):
        measures.publish(convert.measure_to(measure(n)))
        violations.publish(violation_of(violation(n)))
    wait_for(lambda: "locked by another process" in node.health.last_error)
    wait_for(lambda: len(node._backlog) == 40)
    assert stored(path) == []
    answer = graph.call(ReviewCitation, "review_citation", review("BC-x", CONFIRM), 20.0)
    assert not answer.success
    assert answer.message.startswith("BC-x: not known to be written, the ledger is locked")
    other.execute("ROLLBACK")
    other.close()
    wait_for(lambda: len(citations) == 20, 20.0)
    assert sorted(stored(path)) == sorted(violation(n).id for n in range(1, 21))


def seal(root: Path, violation, *, touch: bool = False) -> None:
    """A sealed manifest as the evidence node writes it."""
    offence = violation.offence
    body = {
        "id": offence.id,
        "type": offence.type.name.lower(),
        "site": offence.site,
        "camera": offence.camera,
        "zone": offence.zone,
        "stamp": offence.stamp,
        "started": violation.started,
        "road_user": {"kind": "car", "track_id": offence.track_id},
        "article": offence.article,
        "basis": violation.basis,
        "catalogue_version": violation.catalogue_version,
        "explanation": violation.explanation,
        "confidence": 0.8,
        "latitude": -1.24,
        "longitude": None,
        "measured": 61.0,
        "limit": None,
        "plate": {"state": "unknown", "text": ""},
        "witnesses": [],
    }
    files = [{"kind": "scene", "path": "scene.jpg", "sha256": "ab" * 32, "stamp": offence.stamp}]
    plain = {"format": "bconnect-evidence/1", "violation": body, "files": files, "missing": []}
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, indent=1)
    plain["self_sha256"] = sha256(text.encode() + b"\n").hexdigest()
    if touch:
        body["track_id"] = 999
        body["article"] = "nothing"
    folder = root / Path(violation.manifest).parent
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(
        json.dumps(plain, ensure_ascii=False, sort_keys=True, indent=1) + "\n"
    )


def test_what_was_sealed_while_nobody_wrote_is_taken_in(graph, violation, measure, wait_for):
    store = graph.tmp_path / "evidence"
    for n in (1, 2, 3):
        seal(store, violation(n), touch=n == 3)
    (store / "4.partial").mkdir()
    (store / "4.partial" / "manifest.json").write_text("{")
    citations = graph.listen(messages.Citation, "citations", RECORD)
    measures = graph.publisher(messages.Measure, "measures", RECORD, readers=0)
    measures.publish(convert.measure_to(measure(2)))
    node = graph.citation()
    wait_for(lambda: citations)
    assert citations[0].violation_id == violation(2).id
    path = graph.tmp_path / "ledger.sqlite3"
    assert sorted(stored(path)) == sorted(violation(n).id for n in (1, 2))
    assert "3/manifest.json: was touched" in node.health.last_error
    assert read_summary(path).undecided == 1
    # a second start takes nothing in twice, and shows the open citation to new readers
    graph.remove(node)
    late = graph.listen(messages.Citation, "citations", RECORD)
    graph.citation()
    wait_for(lambda: late)
    assert late[0] == citations[0]
    assert len(stored(path)) == 2


def start_citation(folder: Path, **params: str) -> subprocess.Popen[str]:
    given = {
        "site": "demo",
        "database": f"sqlite:///{folder}/ledger.sqlite3",
        "evidence_dir": str(folder / "evidence"),
        "orders_dir": str(make_orders(folder / "orders")),
    } | params
    arguments = [part for key, value in given.items() for part in ("-p", f"{key}:={value}")]
    code = "import sys; from bconnect_enforce.citation_node import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, "--ros-args", "-r", "__ns:=/demo", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ,
    )


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"database": "mysql://somewhere"}, 'database: found "mysql://somewhere", allowed'),
        ({"timezone": "Mars/Olympus"}, 'timezone: found "Mars/Olympus", allowed'),
        ({"databse": "x"}, 'did you mean "database"?'),
    ],
)
def test_the_node_refuses_with_one_sentence(tmp_path, params, sentence):
    process = start_citation(tmp_path, **params)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert sentence in said
    assert "Traceback" not in said


def test_a_database_that_another_process_holds_is_refused(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN EXCLUSIVE")
        process = start_citation(tmp_path)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"{path}: locked by another process; close the program that holds it" in said
    assert "Traceback" not in said


def test_the_ledger_node_ends_in_order_on_sigterm(graph, violation, measure, wait_for):
    """Asked in the middle of its work it finishes the line, closes the database and leaves."""
    violations = graph.publisher(messages.Violation, "violations", RECORD, readers=0)
    process = start_citation(graph.tmp_path)
    try:
        wait_for(lambda: violations.get_subscription_count() > 0, 30.0)
        for number in range(30):
            violations.publish(violation_of(violation(number)))
        process.terminate()
        _, said = process.communicate(timeout=4.0)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "Traceback" not in said
    with sqlite3.connect(graph.tmp_path / "ledger.sqlite3") as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.timeout(240)
def test_killed_citation_node_nothing_lost_nothing_doubled(graph, violation, measure, wait_for):
    """Violations keep coming while the ledger's process is killed and started again."""
    path = graph.tmp_path / "ledger.sqlite3"
    violations = graph.publisher(messages.Violation, "violations", RECORD, readers=0)
    measures = graph.publisher(messages.Measure, "measures", RECORD, readers=0)
    chance = random.Random(3)
    sent = 0
    for _ in range(8):
        process = start_citation(graph.tmp_path)
        try:
            enough = sent + chance.randint(1, 8)
            for _ in range(12):
                sent += 1
                violations.publish(violation_of(violation(sent)))
                measures.publish(convert.measure_to(measure(sent)))
            wait_for(lambda n=enough: path.exists() and len(stored(path)) >= n, 60.0)
        finally:
            process.kill()
            process.communicate()
    process = start_citation(graph.tmp_path)
    try:
        wait_for(lambda: len(stored(path)) == sent, 60.0)
        wait_for(lambda: read_summary(path).citations == {"pending_review": sent}, 60.0)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert "Traceback" not in said
    assert sorted(stored(path)) == sorted(violation(n).id for n in range(1, sent + 1))
    numbers = [line.number for line in read_summary(path).pending]
    assert len(numbers) == len(set(numbers)) == sent
