"""What was sealed while the ladder was away: it finds it in the evidence store, once."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from bconnect_msgs import msg as messages
from ladder_scenes import ALL, ladder_rules, policy, sight, steps
from test_ladder_graph import SITE, violation_of

from bconnect_enforce.adapters.history_store import HistoryStore
from bconnect_enforce.core.ladder import AWAY, Ladder
from bconnect_enforce.core.records import identity
from bconnect_enforce.core.rungs import DAY, SECOND, Rung
from bconnect_enforce.missed import REACH, Missed
from bconnect_node.qos import RECORD
from bconnect_site import sealed
from bconnect_site.frozen import freeze
from bconnect_site.keys import Keyring
from bconnect_site.kinds import Outcome, Step
from bconnect_site.loader import load_site

NOW = 1_800_000_000 * SECOND
LATE = "Diputuskan terlambat"


def seal(store: Path, ring: Keyring, violation, day: str = "2026-11-24") -> Path:
    """A signed folder as the evidence node leaves it."""
    offence = violation.offence
    told = {
        "violation": {
            "id": offence.id, "type": offence.type.name.lower(), "site": offence.site,
            "camera": offence.camera, "zone": offence.zone, "stamp": offence.stamp,
            "started": violation.started, "article": offence.article, "basis": violation.basis,
            "road_user": {"kind": "car", "track_id": offence.track_id},
            "catalogue_version": "1", "explanation": "", "measured": 61.0, "witnesses": [],
            "plate": {"state": "unknown", "text": ""}, "same_as": offence.same_as,
        },
        "files": [{"kind": "scene", "path": "scene.jpg", "stamp": offence.stamp}],
        "missing": [],
    }  # fmt: skip
    folder = store / offence.site / day / offence.id
    folder.mkdir(parents=True)
    body = json.dumps(told).encode()
    files = [
        {"path": "scene.jpg", "sha256": "ab" * 32},
        {"path": sealed.VIOLATION, "sha256": sealed.sha256(body)},
    ]
    plain = {"format": sealed.FORMAT, "id": offence.id, "key_id": ring.key_id, "files": files}
    data = sealed.canonical(plain)
    (folder / sealed.VIOLATION).write_bytes(body)
    (folder / sealed.MANIFEST).write_bytes(data)
    (folder / sealed.SIGNATURE).write_bytes(ring.sign(data))
    return folder


@pytest.fixture
def ring(tmp_path) -> Keyring:
    return Keyring.open(tmp_path / "keys")


# --- the core


def test_what_was_missed_is_decided_once_says_so_and_nobody_is_spoken_to(offence, violation):
    ladder = Ladder(ladder_rules())
    assert ladder.missed(offence().id)
    answer = ladder.on_violation(violation(), offence().stamp + AWAY + 1)
    assert steps(answer) == [Step.REPRIMAND, Step.CITATION] and answer.announcements == ()
    assert all(LATE in measure.reason for measure in answer.measures)
    assert not ladder.missed(offence().id)
    again = ladder.on_violation(violation(), offence().stamp + AWAY + SECOND)
    assert again.measures == ()
    # the finding comes even later: too late to speak, and nothing else is new
    assert steps(ladder.on_finding(offence(), None, offence().stamp + 2 * AWAY)) == []


def test_what_came_in_time_does_not_say_that_it_is_late(offence, violation):
    ladder = Ladder(ladder_rules())
    answer = ladder.on_violation(violation(), offence().stamp + AWAY)
    answer += ladder.on_time(offence().stamp + AWAY)
    assert steps(answer) == [Step.REPRIMAND, Step.CITATION]
    assert not any(LATE in measure.reason for measure in answer.measures)


def test_what_waits_was_not_missed_and_who_was_only_warned_was(offence, violation):
    ladder = Ladder(ladder_rules())
    ladder.on_finding(offence(), sight(offence()))
    assert ladder.missed(offence().id)  # its evidence has not come
    ladder.on_violation(violation(), offence().stamp + SECOND)
    assert ladder.waiting == 1 and not ladder.missed(offence().id)


def test_an_earlier_runs_decision_is_repeated_and_never_grows(offence, violation):
    """An older offence that is found later makes no second step of what was decided."""
    rules = ladder_rules(
        policies={"default": policy((Step.REPRIMAND,), Rung((Step.REPRIMAND, Step.CITATION), 1))}
    )
    old = replace(violation(1, stamp=NOW - 3600 * SECOND), plate="KT 1 A")
    new = replace(violation(2, stamp=NOW), plate="KT 1 A")
    first = Ladder(rules)
    assert steps(first.on_violation(new, NOW + AWAY)) == [Step.REPRIMAND]
    second = Ladder(rules)
    second.load(first.history.drain())
    second.on_violation(old, NOW + AWAY)
    assert steps(second.on_violation(new, NOW + AWAY)) == [Step.REPRIMAND]


def test_who_obeyed_before_the_outage_stays_spared(offence, violation):
    first = Ladder(ladder_rules())
    first.on_finding(offence(), sight(offence()))
    entry = first.history.get(offence().id)
    entry.outcome = Outcome.COMPLIED
    first.history.touch(entry)
    second = Ladder(ladder_rules())
    second.load(first.history.drain())
    assert second.missed(offence().id)
    answer = second.on_violation(violation(), offence().stamp + 2 * AWAY)
    assert Step.CITATION not in steps(answer)


def test_a_late_tow_needs_that_it_was_seen_standing(offence, violation):
    dwell = Rung((Step.TOW,), dwell=600 * SECOND, name="tow")
    for measured, expected in ((61.0, False), (601.0, True)):
        ladder = Ladder(ladder_rules(policies={"default": policy(ALL, dwell)}))
        stood = replace(violation(), measured=measured)
        answer = ladder.on_violation(stood, offence().stamp + DAY // 2)
        assert (Step.TOW in steps(answer)) is expected


def test_nothing_is_forgotten_before_all_was_looked_at(offence, violation):
    ladder = Ladder(ladder_rules())
    ladder.on_violation(violation(), offence().stamp + AWAY)
    ladder.on_time(offence().stamp + 3 * DAY, forget=False)
    assert not ladder.missed(offence().id)
    ladder.on_time(offence().stamp + 3 * DAY)
    assert ladder.missed(offence().id)


# --- the file


def test_an_older_versions_file_is_widened_and_its_rows_are_open(tmp_path, violation):
    path = tmp_path / "history.sqlite3"
    ladder = Ladder(ladder_rules())
    ladder.on_violation(violation(), violation().offence.stamp + AWAY + 1)
    store = HistoryStore(path, 30 * DAY, 1000)
    assert store.kept() == 0 and store.latest(5) == frozenset()
    store.save(ladder.history.drain(), violation().offence.stamp)
    store.close()
    again = HistoryStore(path, 30 * DAY, 1000)
    (entry,) = again.load()
    assert (entry.closed, entry.late) == (True, True)
    assert again.kept() == violation().offence.stamp
    assert again.latest(5) == {violation().id}
    again.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE offences DROP COLUMN closed")
        connection.execute("ALTER TABLE offences DROP COLUMN late")
    (entry,) = HistoryStore(path, 30 * DAY, 1000).load()
    assert (entry.closed, entry.late) == (False, False)


def test_a_clock_that_falls_back_by_days_makes_unknown_when_we_were_here(tmp_path, offence):
    store = HistoryStore(tmp_path / "history.sqlite3", 30 * DAY, 1000)
    ladder = Ladder(ladder_rules())
    ladder.on_finding(offence())
    ladder.history.get(offence().id).who = "f" * 40  # a plate's
    store.save(ladder.history.drain(), offence().stamp - SECOND)
    assert store.kept() == offence().stamp  # whoever heard that was here
    store.save([], offence().stamp + DAY)
    store.save([], offence().stamp)  # by a day: as it is set anew
    assert store.kept() == offence().stamp
    store.save([], offence().stamp + 9 * DAY)
    for now in (offence().stamp, offence().stamp + 9 * DAY):
        store.save([], now)
        assert store.kept() == 0


# --- the store


def look(store: Path, ring: Keyring, said: list[str], before: int = NOW, **fields) -> Missed:
    wanted = fields.pop("wanted", lambda id_: True)
    missed = Missed(store, "demo", ring.folder, before, wanted, lambda: NOW, said.append)
    missed._look(threading.Event())
    return missed


def test_a_broken_folder_is_said_once_and_stops_nothing(tmp_path, ring, violation):
    store, said, day = tmp_path / "evidence", [], "2027-01-15"
    for n in (3, 2, 1):
        seal(store, ring, violation(n, stamp=NOW - 100 * SECOND + n), day)
    broken = seal(store, ring, violation(4, stamp=NOW), day)
    (broken / sealed.MANIFEST).write_text("{")
    forged = seal(store, Keyring.open(tmp_path / "other"), violation(5, stamp=NOW), day)
    seal(store, ring, violation(6, stamp=NOW), day).rename(broken.parent / "7.partial")
    (broken.parent / "nothing inside").mkdir()
    missed = look(store, ring, said)
    assert [v.id for v in missed.take(9)] == [violation(n).id for n in (1, 2, 3)]
    assert len(said) == missed.bad == 2 and missed.caught_up
    missed._look(threading.Event())
    assert missed.take(9) == [] and len(said) == 2
    # the key comes later
    forged_key = next((tmp_path / "other").glob("*.pub"))
    (ring.folder / forged_key.name).write_bytes(forged_key.read_bytes())
    missed._look(threading.Event())
    assert [v.id for v in missed.take(9)] == [forged.name] and missed.bad == 1


def test_what_is_known_or_beyond_reach_or_unsigned_is_left_alone(tmp_path, ring, violation):
    store, said = tmp_path / "evidence", []
    seal(store, ring, violation(1, stamp=NOW - REACH - 1), "2027-01-14")
    seal(store, ring, violation(2, stamp=NOW - REACH), "2027-01-14")
    seal(store, ring, violation(3, stamp=NOW), "2027-01-15")
    old = store / "demo" / "2027-01-15" / identity("old")
    old.mkdir()
    plain = {"format": sealed.OLD_FORMAT, "violation": {}}
    plain["self_sha256"] = sealed.sha256(sealed.canonical(plain))
    (old / sealed.MANIFEST).write_bytes(sealed.canonical(plain))
    missed = look(store, ring, said, wanted=lambda id_: id_ != violation(3).id)
    assert [v.id for v in missed.take(9)] == [violation(2).id]
    (sentence,) = said
    assert "format: found 'bconnect-evidence/1'" in sentence


def test_with_no_earlier_run_nothing_older_is_looked_at(tmp_path, ring, violation):
    """Nobody knows who was spared."""
    store = tmp_path / "evidence"
    seal(store, ring, violation(1, stamp=NOW - 1), "2027-01-15")
    for before in (0, NOW + DAY + 1):  # the clock fell back by days: as if nothing were known
        assert look(store, ring, [], before=before).take(9) == []
    assert len(look(store, ring, [], before=NOW + DAY // 2).take(9)) == 1
    missed = look(store, ring, [], before=0)
    seal(store, ring, violation(2, stamp=NOW + 1), "2027-01-15")
    missed._look(threading.Event())
    assert [v.id for v in missed.take(9)] == [violation(2).id]


# --- the node


@pytest.fixture
def start(graph, tmp_path, ring, monkeypatch):
    from bconnect_enforce.ladder_node import Ladder as Node

    monkeypatch.setattr("bconnect_enforce.missed.FIRST", 0.05)
    monkeypatch.setattr("bconnect_enforce.missed.GLANCE", 0.05)
    monkeypatch.setattr("bconnect_enforce.ladder_node.TICK", 0.05)
    site = tmp_path / "demo.yaml"
    site.write_text(SITE)
    given = graph.own | {
        "site_file": str(freeze(load_site(site), tmp_path / "frozen.yaml")),
        "history_file": str(tmp_path / "history.sqlite3"),
        "evidence_dir": str(tmp_path / "evidence"),
        "keys_dir": str(ring.folder),
    }
    return lambda name: graph.add(
        Node, namespace="/demo", node_name=name, parameter_overrides=given
    )


def rows(graph, table: str) -> list[str]:
    with closing(sqlite3.connect(graph.tmp_path / "ledger.sqlite3")) as connection:
        return [row[0] for row in connection.execute(f"SELECT violation_id FROM {table}")]


def test_150_violations_of_an_outage_are_each_decided_once(
    start, graph, ring, violation, wait_for, tmp_path
):
    store = tmp_path / "evidence"
    now = graph.probe.get_clock().now().nanoseconds
    day = "9999-12-31"  # whatever day it is, within reach
    known = violation(0, stamp=now - 55 * SECOND)
    measures = graph.listen(messages.Measure, "measures", RECORD)
    first = start("ladder")
    violations = graph.publisher(messages.Violation, "violations", RECORD)
    violations.publish(violation_of(known))
    wait_for(lambda: len(measures) == 2, 20.0)
    graph.remove(first)
    graph.probe.destroy_publisher(violations)  # the middleware keeps nothing
    seal(store, ring, known, day)
    for n in range(1, 151):
        age = 1000 if n <= 100 else 100
        seal(store, ring, violation(n, stamp=now - age * SECOND + n), day)
    broken = seal(store, ring, violation(151, stamp=now), day)
    (broken / sealed.SIGNATURE).write_bytes(b"x" * 64)

    graph.citation(keys_dir=str(ring.folder))
    second = start("ladder_again")
    wait_for(lambda: len({m.violation_id for m in measures}) == 151, 20.0)
    wait_for(lambda: len(measures) >= 2 + 302, 20.0)
    assert "manifest.json: was touched" in second.health.last_error
    found = [m for m in measures[2:] if m.violation_id != known.id]
    assert len(found) == len({m.id for m in found}) == 300
    assert {m.step for m in found} == {Step.REPRIMAND, Step.CITATION}
    late = {m.violation_id for m in found if LATE in m.reason}
    assert late == {violation(n).id for n in range(1, 101)}
    wait_for(lambda: len(rows(graph, "measures")) == 302, 20.0)
    wait_for(lambda: len(rows(graph, "citations")) == 151, 20.0)
    assert second._found == 150 and second._missed.bad == 1

    # a third run says what the ledger may have missed once more, the same; nothing is new
    graph.remove(second)
    del measures[:]
    third = start("ladder_once_more")
    wait_for(lambda: len(measures) == 302, 20.0)
    wait_for(lambda: third._memory.caught_up and not third._unsaid, 20.0)
    assert third._found == 0 and len({m.id for m in measures}) == 302
    assert len(rows(graph, "measures")) == 302 and len(rows(graph, "citations")) == 151
