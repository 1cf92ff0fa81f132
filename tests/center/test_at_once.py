"""Many at once: nobody is turned away because others write too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from bconnect_center.core.roles import Role
from bconnect_enforce.adapters.ledger.engine import LedgerBusy, Store

MANY = 12


def test_twelve_sign_in_at_once(centre: Any) -> None:
    names = [f"petugas{n}" for n in range(MANY)]
    for name in names:
        centre.account(name, Role.VALIDATOR)
    ready = threading.Barrier(MANY)

    def sign_in(name: str) -> str:
        with centre.client() as client:
            client.get("/login")  # connected
            ready.wait(20.0)
            form = {"name": name, "password": "kata-sandi-yang-panjang"}
            return f"{client.post('/login', data=form).status_code}"

    with ThreadPoolExecutor(MANY) as pool:
        assert list(pool.map(sign_in, names)) == ["303"] * MANY
    assert centre.house.audit.broken() is None
    came = [act.who for _, act in centre.house.audit.newest() if act.what == "signed in"]
    assert sorted(came) == sorted(names)


class _Plain(Store):
    def _upgrade(self, connection: Any) -> None:
        connection.execute(text("CREATE TABLE IF NOT EXISTS t (n INTEGER)"))


@pytest.fixture
def store(tmp_path: Any) -> Any:
    made = _Plain(f"sqlite:///{tmp_path / 'x.db'}", sole=False, busy=5.0)
    yield made
    made.close()


def test_who_waits_is_next_and_does_not_look_in_vain(
    store: Any, wait_for: Callable[..., Any]
) -> None:
    """None of them ever meets SQLite's own lock, which would have it look again by chance."""
    with store.engine.connect() as c:
        c.connection.driver_connection.execute("PRAGMA busy_timeout = 0")  # the pool's first
    inside, most = 0, []

    def write(n: int) -> None:
        nonlocal inside
        with store.writing() as c:
            # A connection that does not wait at all: it fails where another still writes.
            c.connection.driver_connection.execute("PRAGMA busy_timeout = 0")
            inside += 1
            most.append(inside)
            c.execute(text("INSERT INTO t VALUES (:n)"), {"n": n})
            inside -= 1

    with ThreadPoolExecutor(MANY) as pool:
        list(pool.map(write, range(20 * MANY)))
    with store.reading() as c:
        assert c.scalar(text("SELECT count(*) FROM t")) == 20 * MANY
    assert set(most) == {1}


def test_one_that_hangs_holds_up_nobody_for_ever(tmp_path: Any) -> None:
    store = _Plain(f"sqlite:///{tmp_path / 'x.db'}", sole=False, busy=0.05)
    with ThreadPoolExecutor(1) as pool, store.writing():
        late = pool.submit(lambda: store.writing().__enter__())
        with pytest.raises(LedgerBusy, match="too many write at once"):
            late.result(20.0)
    with store.writing():  # and it is free again
        pass
    store.close()
