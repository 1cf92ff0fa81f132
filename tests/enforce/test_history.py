"""What is remembered of road users: in memory, on disk, and not for ever."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from functools import partial

import pytest
from ladder_scenes import ladder_rules, policy, sight

from bconnect_enforce.adapters.history_store import HistoryError, HistoryStore, read_secret
from bconnect_enforce.core import facts
from bconnect_enforce.core.history import Decided, History, digest
from bconnect_enforce.core.ladder import Ladder
from bconnect_enforce.core.rungs import DAY, SECOND, Rung
from bconnect_enforce.remembering import Remembering
from bconnect_site.kinds import Outcome, PlateState, Step, ViolationType

SECRET = b"s" * 32
KTA, KTB = digest(SECRET, "KT 1234 AB"), digest(SECRET, "KT 5678 CD")
PLAIN = {"grace": 0, "same_kind": False, "obeyed": "holds"}


def minutes(offence, n, later, **fields):
    return offence(n, stamp=offence().stamp + later * 60 * SECOND, **fields)


# --- who ---


def test_a_plate_is_the_same_however_it_is_written_and_says_nothing_itself():
    assert digest(SECRET, "kt1234ab") == KTA == digest(SECRET, " KT-1234-AB ")
    assert len(KTA) == 40 and "1234" not in KTA
    assert digest(b"other" * 7, "KT 1234 AB") != KTA
    assert digest(SECRET, "") == digest(SECRET, " - ") == ""


def test_history_follows_the_plate_over_cameras_and_tracks(offence):
    history = History()
    history.note(minutes(offence, 1, 0, track_id=7), KTA)
    history.note(minutes(offence, 2, 90, track_id=3, camera="selatan"), KTA)
    third = history.note(minutes(offence, 3, 2000, track_id=5, camera="gerbang"), KTA)
    other = history.note(minutes(offence, 4, 2001, track_id=6, camera="gerbang"), KTB)
    assert history.count(third, **PLAIN) == 2
    assert history.count(other, **PLAIN) == 0


def test_without_a_plate_it_follows_the_track_in_sight_and_the_camera(offence):
    history = History(keep_tracks=3600 * SECOND)
    history.note(minutes(offence, 1, 0, track_id=7))
    for n, later, fields, count in (
        (2, 10, {"track_id": 7}, 1),
        (3, 11, {"track_id": 7, "camera": "selatan"}, 0),
        (4, 12, {"track_id": 8}, 0),
        (5, 13, {"track_id": 0}, 0),
        (6, 75, {"track_id": 7}, 0),  # an hour later an id may be anybody's
    ):
        entry = history.note(minutes(offence, n, later, **fields))
        assert history.count(entry, **PLAIN) == count, n


def test_a_plate_that_is_read_later_takes_its_tracks_offences_along(offence):
    history = History()
    history.note(minutes(offence, 1, 0, track_id=7))
    second = history.note(minutes(offence, 2, 1, track_id=7))
    assert history.count(second, **PLAIN) == 1
    history.note(minutes(offence, 2, 1, track_id=7), KTA)
    # the track is known by its plate now
    third = history.note(minutes(offence, 3, 2, track_id=7))
    assert third.who == KTA and history.count(third, **PLAIN) == 2
    # days later, elsewhere, under another track
    again = history.note(minutes(offence, 4, 3000, track_id=99, camera="selatan"), KTA)
    assert history.count(again, **PLAIN) == 3


def test_two_vehicles_under_one_track_inherit_nothing_of_each_other(offence):
    history = History()
    history.note(minutes(offence, 1, 0, track_id=7), KTA)
    history.note(minutes(offence, 2, 1, track_id=7), KTB)
    third = history.note(minutes(offence, 3, 2, track_id=7))
    assert third.who not in (KTA, KTB) and history.count(third, **PLAIN) == 0
    late = history.note(minutes(offence, 4, 3, track_id=7), KTB)
    assert history.count(late, **PLAIN) == 1


def test_only_what_was_earlier_counts_in_whatever_order_it_comes(offence):
    history = History()
    entries = {n: history.note(minutes(offence, n, n), KTA) for n in (3, 1, 4, 2)}
    assert [history.count(entries[n], **PLAIN) for n in (1, 2, 3, 4)] == [0, 1, 2, 3]
    entries[1].counts = False
    assert history.count(entries[4], **PLAIN) == 2


def test_the_ladder_climbs_by_plate_over_cameras(offence, violation):
    rules = ladder_rules(
        policies={"default": policy(Rung((Step.REPRIMAND,)), Rung((Step.CITATION,), after=1))}
    )
    ladder = Ladder(rules, digest=partial(digest, SECRET))
    read = {"plate_state": PlateState.READ, "plate": "KT 1234 AB"}
    first = replace(violation(1, type=ViolationType.RED_LIGHT), **read)
    assert [m.step for m in ladder.on_violation(first).measures] == [Step.REPRIMAND]
    later = offence().stamp + DAY
    fields = {"type": ViolationType.RED_LIGHT, "stamp": later, "camera": "selatan"}
    second = replace(violation(2, **fields), **read)
    (measure,) = ladder.on_violation(second).measures
    assert (measure.step, measure.history) == (Step.CITATION, 1)
    assert "pelanggaran ke-2 yang tercatat dalam 30 hari" in measure.reason
    assert "1234" not in measure.reason


# --- forgetting ---


def test_everything_is_forgotten_in_time(offence):
    history = History(keep=30 * DAY, capacity=100)
    history.note(offence(1), KTA)
    history.note(offence(2, track_id=7))
    history.forget(offence().stamp + DAY + 1)
    assert history.get(offence(1).id) and not history.get(offence(2).id)
    history.forget(offence().stamp + 30 * DAY + 1)
    assert len(history) == 0


def test_many_offences_leave_a_bounded_memory(offence):
    history, base = History(capacity=1000), offence()
    for n in range(30_000):
        stamp = base.stamp + n * SECOND
        one = replace(base, id=str(n), track_id=n, stamp=stamp)
        history.note(one, KTA if n % 3 == 0 else "")
        if n % 1000 == 0:
            history.drain()
            assert history.remembered <= 4200
    assert len(history) == 1000


# --- on disk ---


@pytest.fixture
def store(tmp_path):
    opened = []

    def make(**fields):
        fields = {"keep": 30 * DAY, "limit": 1000} | fields
        opened.append(HistoryStore(tmp_path / "history.sqlite3", **fields))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def noted(offence, n=1, plate=KTA, **fields):
    history = History()
    entry = history.note(offence(n, **fields), plate)
    entry.decided[Step.CITATION] = Decided(True, "default.citation", 2)
    entry.outcome = Outcome.IGNORED
    return history.drain()


def test_what_is_kept_comes_back(offence, store, tmp_path):
    store().save(noted(offence), offence().stamp)
    (entry,) = store().load()
    assert (entry.id, entry.who, entry.stamp) == (offence(1).id, KTA, offence().stamp)
    assert entry.decided == {Step.CITATION: Decided(True, "default.citation", 2)}
    assert entry.outcome is Outcome.IGNORED and entry.counts
    assert (tmp_path / "history.sqlite3").stat().st_mode & 0o777 == 0o600
    assert b"1234" not in (tmp_path / "history.sqlite3").read_bytes()


def test_an_old_runs_track_counts_against_nobody(offence, store):
    store().save(noted(offence, 1, plate="", track_id=7), offence().stamp)
    history = History()
    history.load(store().load())
    entry = history.note(minutes(offence, 2, 1, track_id=7))
    assert history.count(entry, **PLAIN) == 0
    # but what was decided is known, and a plate read now finds it
    again = history.note(offence(1, track_id=7), KTA)
    assert Step.CITATION in again.decided
    later = history.note(minutes(offence, 3, 5), KTA)
    assert history.count(later, **PLAIN) == 1


def test_saved_twice_is_one_row_and_changes_are_taken(offence, store):
    entries = noted(offence)
    one = store()
    one.save(entries, offence().stamp)
    one.save([replace(entries[0], counts=False)], offence().stamp)
    (entry,) = store().load()
    assert not entry.counts


def test_sites_of_one_state_folder_hear_of_each_other(offence, store):
    here, there = store(), store()
    here.load(), there.load()
    assert here.save(noted(offence, 1), offence().stamp) == []
    (heard,) = there.save(noted(offence, 2), offence().stamp)
    assert heard.id == offence(1).id
    assert [e.id for e in here.save([], offence().stamp)] == [offence(2).id]
    assert here.save([], offence().stamp) == []


def test_the_file_forgets_on_schedule(offence, store):
    one = store(limit=3)
    now = offence().stamp
    one.save(noted(offence, 1) + noted(offence, 2, plate="", track_id=7), now)
    one.save([], now + 2 * DAY)
    assert [e.id for e in store(limit=3).load()] == [offence(1).id]
    for n in range(3, 9):
        one.save(noted(offence, n, stamp=now + n), now)
    assert len(store(limit=3).load()) == 3
    one.save([], now + 31 * DAY)
    assert store(limit=3).load() == []


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda path: path.write_bytes(b"no database" * 100), "file is not a database"),
        (lambda path: path.mkdir(), "unable to open database file"),
    ],
)
def test_a_file_that_is_none_is_told_in_one_sentence(spoil, what, tmp_path):
    path = tmp_path / "history.sqlite3"
    spoil(path)
    with pytest.raises(HistoryError) as error:
        HistoryStore(path, 30 * DAY, 1000)
    assert str(error.value) == f"{path}: {what}; repeat offenders are not kept"


def test_a_newer_version_is_left_alone(store, tmp_path):
    store()
    with closing(sqlite3.connect(tmp_path / "history.sqlite3")) as other:
        other.execute("PRAGMA user_version = 9")
    with pytest.raises(HistoryError, match="version 9, this software writes 1"):
        store()


def test_the_secret_is_made_once_and_refused_when_others_may_read_it(tmp_path):
    path = tmp_path / "state" / "history.key"
    secret = read_secret(path)
    assert read_secret(path) == secret and len(secret) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(HistoryError, match=r"others may read it \(0640\), allowed: 0600"):
        read_secret(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(HistoryError, match="5 bytes, needs 32; remove the file"):
        read_secret(path)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HistoryError):
        read_secret(path)
    assert sorted(os.listdir(path.parent)) == ["history.key"]


def test_of_many_who_make_it_at_once_one_wins(tmp_path):
    path, found = tmp_path / "history.key", []
    threads = [threading.Thread(target=lambda: found.append(read_secret(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and len(found) == 8


# --- behind the ladder's back ---


def remembering(path, said, keep=30 * DAY):
    return Remembering(path, "demo", keep, 1000, lambda: 0, said.append)


def test_memory_survives_a_restart(offence, tmp_path):
    path, said = tmp_path / "history.sqlite3", []
    first = remembering(path, said)
    first.put(noted(offence))
    stop = threading.Event()
    stop.set()
    first.run(stop)  # writes once more on the way out
    second = remembering(path, said)
    assert [e.id for e in second.take()] == [offence(1).id]
    assert second.secret == first.secret and second.kept and said == []


def test_a_broken_file_is_said_once_and_memory_goes_on(offence, tmp_path):
    path, said = tmp_path / "history.sqlite3", []
    path.write_bytes(b"no database" * 100)
    memory = remembering(path, said)
    assert not memory.kept and memory.take() == []
    assert said == [
        f"{path}: file is not a database; repeat offenders are not kept; "
        "the ladder goes on in memory"
    ]
    memory.put(noted(offence))
    memory._write()
    assert len(memory._out) == 1  # kept for when the file is well again
    path.unlink()
    memory._write()
    assert memory.kept and len(memory._out) == 0


def test_without_a_secret_no_digest_reaches_the_file(offence, tmp_path):
    key, said = tmp_path / "history.key", []
    key.write_bytes(b"s" * 32)
    key.chmod(0o644)
    memory = remembering(tmp_path / "history.sqlite3", said)
    assert memory.secret != b"s" * 32 and not memory.kept
    memory.put(noted(offence))
    memory._write()
    assert not (tmp_path / "history.sqlite3").exists()


def test_without_a_file_there_is_this_run_only(offence):
    said = []
    memory = remembering(None, said)
    memory.put(noted(offence))
    stop = threading.Event()
    stop.set()
    memory.run(stop)
    assert said == [] and not memory.kept


def test_what_waits_survives_a_restart_and_is_decided(offence, violation, tmp_path, store):
    ladder = Ladder(ladder_rules())
    ladder.on_finding(offence(), sight(offence()))
    sealed = replace(violation(), plate="KT 1234 AB", plate_state=PlateState.READ)
    ladder.on_violation(sealed, offence().stamp + 5 * SECOND)
    assert ladder.undecided == (sealed,)
    memory = remembering(tmp_path / "history.sqlite3", [])
    memory.put(ladder.history.drain())
    memory.wait(ladder.undecided)
    memory._write()
    again = remembering(tmp_path / "history.sqlite3", [])
    second = Ladder(ladder_rules())
    second.load(again.take())
    answer = second.resume(again.undecided, offence().stamp + 10 * SECOND)
    assert Step.CITATION not in [m.step for m in answer.measures] and second.waiting == 1
    answer = second.on_time(offence().stamp + 70 * SECOND)
    (measure,) = [m for m in answer.measures if m.step is Step.CITATION]
    assert "selama 61 detik (UU 22/2009 Pasal 287(3))" in measure.reason
    # decided: nothing is left for a third run, and another site never had it
    again.wait(second.undecided)
    again._write()
    assert remembering(tmp_path / "history.sqlite3", []).undecided == []
    store().keep_undecided("elsewhere", [sealed])
    assert remembering(tmp_path / "history.sqlite3", []).undecided == []
    assert b"1234" not in (tmp_path / "history.sqlite3").read_bytes()


def test_facts_of_a_violation_are_decided_like_itself(violation):
    for each in (violation(), violation(scene=False), replace(violation(), limit=3.0)):
        read = facts.violation(facts.text(each))
        assert read.offence == each.offence and read.has_scene == each.has_scene
        assert (read.measured, str(read.limit)) == (each.measured, str(each.limit))
    with pytest.raises(ValueError, match="facts of a violation"):
        facts.violation("{}")


WRITER = """
import sys
from pathlib import Path
from dataclasses import replace
from bconnect_enforce.adapters.history_store import HistoryStore
from bconnect_enforce.core.history import Entry
from bconnect_site.kinds import ViolationType
store = HistoryStore(Path(sys.argv[1]), 10**18, 10**6)
n = len(store.load())
print("ready", flush=True)
while True:
    store.save([Entry(f"{n}-{i}", n, ViolationType.RED_LIGHT, "c", "w") for i in range(5)], n)
    n += 1
    print(n, flush=True)
"""


def test_killed_in_the_middle_of_writing_the_file_is_whole(child, store, tmp_path):
    path, written = tmp_path / "history.sqlite3", 0
    for round_ in range(4):
        process = child(WRITER, str(path))
        assert process.stdout.readline() == "ready\n"
        for _ in range(3 + 5 * round_):
            process.stdout.readline()
            written += 5
        process.kill()
        process.wait()
        # what was said to be written is there, and each write is whole
        found = len(store(limit=10**6, keep=10**18).load())
        assert found >= written and found % 5 == 0
        written = found
