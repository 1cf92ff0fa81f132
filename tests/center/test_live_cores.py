"""What the listener decides without a middleware."""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "enforce"))

from cluster import cluster, programs

from bconnect_center.adapters.database import Database
from bconnect_center.adapters.filing import Filing
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.adapters.pictures import Gallery, interleaved
from bconnect_center.adapters.token import token_of
from bconnect_center.adapters.writing import Writing
from bconnect_center.core.live import (
    HOUR,
    SECOND,
    Happening,
    Passing,
    State,
    Throttle,
    clean,
    is_silent,
    skew,
)
from bconnect_center.core.showing import BAD, GONE, GOOD, look
from bconnect_center.core.sites import places, speaker_place
from bconnect_center.core.speech import Objection, objection
from bconnect_enforce.adapters.ledger import LedgerBusy
from bconnect_site.errors import ConfigError

NOON = 1_790_000_000 * SECOND


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A server of our own, or None where none is installed."""
    if programs() is None:
        yield None
        return
    with cluster() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, postgres: Any) -> Iterator[LiveStore]:
    url = f"sqlite:///{tmp_path}/center.sqlite3"
    if request.param == "postgresql":
        if postgres is None:
            pytest.skip("no PostgreSQL here; as root: apt-get install postgresql")
        url = postgres.database()
    database = Database(url)
    yield LiveStore(database)
    database.close()


def happening(n: int, kind: str = "finding", stamp: int = NOON) -> Happening:
    return Happening(f"{kind}:{n}", kind, "demo", "kamera", 5, stamp, {})


# -- clocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "late", "seconds"),
    [
        ("finding", 0, 0),
        ("finding", -4 * SECOND, 0),
        ("finding", -HOUR, 3600),
        ("violation", -HOUR, 3600),
        ("finding", HOUR, -3600),
        ("violation", HOUR, 0),  # told again after a restart: old, and right
        ("finding", 100 * SECOND, 0),
    ],
)
def test_whose_clock_is_off(kind: str, late: int, seconds: int) -> None:
    assert skew(kind, NOON, NOON + late) == seconds


def test_silence_begins_after_fifteen_seconds() -> None:
    assert not is_silent(NOON, NOON + 15 * SECOND)
    assert is_silent(NOON, NOON + 16 * SECOND)
    assert not is_silent(NOON + HOUR, NOON)  # our own clock went back: no reason for alarm


def test_nothing_is_good_at_a_silent_site() -> None:
    assert look("camera", {"state": 1}, False) == (GOOD, "camera_ok")
    assert look("camera", {"state": 1}, True) == (GONE, "silent")
    assert look("camera", {"state": 2}, False)[0] == BAD
    assert look("camera", {"state": 77}, False) == (GONE, "camera_unknown")
    assert look("speaker", {"state": 77}, False)[0] == GONE
    assert look("node", {"level": 9}, False)[0] == BAD


# -- counting -----------------------------------------------------------------------------------


def test_a_road_user_counts_at_its_fifth_sight_as_what_it_was_mostly() -> None:
    passing = Passing()
    for i, kind in enumerate((3, 4, 4, 4)):
        passing.see("a", NOON + i, [1], [kind])
    assert passing.take() == {}
    for i in range(20):
        passing.see("a", NOON + 4 + i, [1], [3])
    assert passing.take() == {("a", NOON // HOUR * HOUR, 4): 1}
    assert passing.take() == {}


def test_the_same_id_at_two_cameras_is_two() -> None:
    passing = Passing()
    for i in range(5):
        passing.see("a", NOON + i, [1], [3])
        passing.see("b", NOON + i, [1], [3])
    assert sum(passing.take().values()) == 2


@given(st.lists(st.tuples(st.integers(0, 10**15), st.integers(1, 10**6)), max_size=300))
def test_memory_of_passers_is_bounded(sights: list[tuple[int, int]]) -> None:
    passing = Passing(most=20)
    for stamp, id_ in sights:
        passing.see("a", stamp, [id_], [3])
        assert len(passing) <= 20


def test_who_was_gone_for_a_minute_is_forgotten() -> None:
    passing = Passing()
    passing.see("a", NOON, range(1, 500), [3] * 499)
    passing.see("a", NOON + 61 * SECOND, [1000], [3])
    assert len(passing) == 1


# -- states -------------------------------------------------------------------------------------


def test_a_state_is_passed_on_when_it_changed_or_is_old() -> None:
    throttle = Throttle()

    def state(rate: float, word: int = 1) -> State:
        return State("demo", "camera", "a", NOON, {"state": word, "rate": rate})

    assert throttle.passes(state(10.0), NOON, ["rate"])
    assert not throttle.passes(state(9.9), NOON + SECOND, ["rate"])
    assert throttle.passes(state(9.9, 2), NOON + SECOND, ["rate"])
    assert throttle.passes(state(9.9, 2), NOON + 7 * SECOND, ["rate"])
    assert throttle.passes(state(9.9, 2), NOON, ["rate"])  # a clock set back must not silence it


@given(st.floats() | st.lists(st.floats()) | st.dictionaries(st.text(), st.floats()))
def test_whatever_is_kept_is_json(value: Any) -> None:
    json.dumps(clean(value), allow_nan=False)  # raises at what JSON has no number for
    assert clean(math.nan) is None and clean([math.inf, 1.0]) == [None, 1.0]


# -- the map ------------------------------------------------------------------------------------


def test_cameras_without_a_place_are_sketched_in_order_and_say_so() -> None:
    told = {"latitude": -1.25, "longitude": 116.85,
            "cameras": {"a": None, "b": [-1.3, 116.9], "c": None}}  # fmt: skip
    found = places(told)
    assert found["b"] == (-1.3, 116.9, True)
    assert found["a"][1] < 116.85 < found["c"][1] and not found["a"][2]
    assert places({"cameras": {"a": None}}) == {}
    assert places({}) == {}
    assert speaker_place(["nobody"], found) is None


def test_who_may_speak_when() -> None:
    told = {"timezone": "Asia/Makassar", "speakers": {"a": {"quiet": ["22:00", "06:00"]}, "b": {}}}
    assert objection(told, "a", None, NOON) is Objection.QUIET  # 22:13 there
    assert objection(told, "a", None, NOON + 10 * HOUR) is None
    assert objection(told, "b", None, NOON) is None
    assert objection(told, "b", {"state": 3}, NOON) is Objection.MUTED
    assert objection(told, "c", None, NOON) is Objection.SPEAKER
    assert objection({**told, "timezone": "Mars/Olympus"}, "b", None, NOON) is None


# -- the tables ---------------------------------------------------------------------------------


def test_old_lines_and_too_many_lines_go(store: LiveStore) -> None:
    store.write(NOON, [], [(NOON + i, happening(i)) for i in range(5000)], {})
    assert store.forget(NOON + 2500, 0) == 2500
    assert [x.id for x in store.after(0, 1)] == ["finding:2500"]
    assert store.forget(0, 0, most=100) == 2400
    assert store.forget(0, 0, most=100) == 0
    assert len(store.newest(500)) == 100


def test_names_of_any_length_do_not_cost_the_batch(store: LiveStore) -> None:
    long = Happening("finding:" + "x" * 300, "finding", "demo", "k" * 300, 255, NOON, {})
    store.write(NOON, [State("demo", "node", "n" * 300, NOON, {})],
                [(NOON, long), (NOON, happening(1))], {})  # fmt: skip
    assert len(store.newest()) == 2 and len(store.cells()) == 1


def test_counts_add_up_over_restarts(store: LiveStore) -> None:
    from sqlalchemy import select

    from bconnect_center.adapters.tables import traffic

    for count in (3, 4):
        store.write(NOON, [], [], {("demo", "a", 0, 3): count})
    with store._database.reading() as c:
        assert [row.count for row in c.execute(select(traffic))] == [7]


def test_what_cannot_be_written_waits(store: LiveStore, monkeypatch: Any) -> None:
    writing = Writing(store, "demo", "here", lambda: NOON)
    said: list[str] = []
    write = store.write

    def busy(*_: Any) -> None:
        raise LedgerBusy("locked")

    monkeypatch.setattr(LiveStore, "write", busy)
    writing.add(happening(1))
    writing.say(State("demo", "camera", "a", NOON, {"state": 1}))
    writing._write(said.append)
    assert "locked" in said[0]
    writing.add(happening(2))
    monkeypatch.setattr(LiveStore, "write", lambda self, *a: write(*a))
    writing._write(said.append)
    assert [x.id for x in store.after(0)] == ["finding:1", "finding:2"]
    assert [c.name for c in store.cells(kinds=["camera"])] == ["a"]


def test_of_two_listeners_one_counts(store: LiveStore) -> None:
    for host in ("a", "b"):
        state = State("demo", "listener", host, NOON, {})
        store.write(NOON, [state], [], {})
    now = [NOON]
    first, second = (Writing(store, "demo", host, lambda: now[0]) for host in ("a", "b"))
    assert first._leads(NOON) and not second._leads(NOON)
    assert second._leads(NOON + 60 * SECOND)  # the other was not heard of for a minute


def test_cases_wait_for_the_sites_own_node() -> None:
    now, stored = [NOON], []
    filing = Filing(None, lambda: now[0])  # type: ignore[arg-type]
    filing._store = lambda record, at: stored.append(record)  # type: ignore[method-assign]
    filing.put("case")  # type: ignore[arg-type]
    stop = threading.Event()
    filing.work(stop, print)
    assert stored == []
    now[0] += 16 * SECOND
    filing.work(stop, print)
    assert stored == ["case"]
    filing.put("next")  # type: ignore[arg-type]
    now[0] -= HOUR  # set back: it must not wait an hour
    filing.work(stop, print)
    assert stored == ["case", "next"]


def test_the_token_is_private_and_stays(tmp_path: Path) -> None:
    token = token_of(tmp_path)
    path = tmp_path / "listener.token"
    assert token == token_of(tmp_path) and len(token) >= 32
    assert path.stat().st_mode & 0o077 == 0
    path.write_text("short")
    with pytest.raises(ConfigError, match="no token"):
        token_of(tmp_path)


# -- pictures -----------------------------------------------------------------------------------


def test_one_encoder_for_all_who_watch(wait_for: Any) -> None:
    deliver: dict[str, Any] = {}
    closed: list[str] = []

    def subscribe(camera: str, each: Any) -> Any:
        deliver[camera] = each
        return lambda: closed.append(camera)

    gallery, stop = Gallery(subscribe), threading.Event()
    worker = threading.Thread(target=gallery.encode_all, args=(stop,))
    worker.start()
    image = np.zeros((90, 2000, 3), np.uint8)
    with gallery.watching("a") as one, gallery.watching("a") as two:
        deliver["a"](7, image)
        first, second = one(0, 5.0), two(0, 5.0)
        assert first is not None and first is second  # the same bytes, encoded once
        assert first[:2] == (1, 7)
        assert one(first[0], 0.0) is None
        streams = [interleaved(gallery, ["x", "a"], {"a"}) for _ in range(2)]
        assert next(streams[0]) == next(streams[1])
        for stream in streams:
            stream.close()
    stop.set()
    worker.join(5.0)
    assert closed == ["a"] and gallery.watched() == []
    deliver["a"](8, image)  # a late frame finds nobody
