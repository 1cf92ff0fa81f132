"""Who comes in, and what the door tells strangers."""

from __future__ import annotations

from typing import Any

import pytest

from bconnect_center.adapters.people import Denied
from bconnect_center.core.roles import Role
from bconnect_center.web.pages.door import inside


def test_sign_in_and_out(tab: Any, centre: Any, shot: Any) -> None:
    tab.go("/signed-in")
    assert "/login?next=/signed-in" in tab.page.url
    shot(tab, "login")
    tab.sign_in("validator", "/signed-in")
    assert tab.page.locator("h1").inner_text() == "You are signed in"
    tab.page.click(".me summary")
    tab.page.click("form[action='/logout'] button")
    tab.page.wait_for_url("**/login")
    tab.go("/signed-in")
    assert "/login" in tab.page.url


@pytest.mark.console("401")
def test_wrong_password_is_one_sentence_and_counted(tab: Any, centre: Any) -> None:
    tab.go("/login")
    tab.page.fill("input[name=name]", "validator")
    tab.page.fill("input[name=password]", "salah")
    tab.page.click("form[action='/login'] button")
    assert "wrong" in tab.page.locator("[role=alert]").inner_text()
    acts = [act.what for _, act in centre.house.audit.newest()]
    assert "sign-in refused" in acts


def test_five_wrong_ones_close_the_door_for_a_while(centre: Any) -> None:
    people, clock = centre.house.people, centre.clock
    for _ in range(5):
        with pytest.raises(Denied, match="wrong"):
            people.check("viewer", "no", "10.0.0.1", clock())
    with pytest.raises(Denied, match="too many"):
        people.check("viewer", "kata-sandi-yang-panjang", "10.0.0.1", clock())
    clock.pass_(901)
    assert people.check("viewer", "kata-sandi-yang-panjang", "10.0.0.1", clock()).name == "viewer"


def test_sessions_end_idle_and_old(centre: Any) -> None:
    client = centre.client("viewer")
    assert client.get("/signed-in").status_code == 200
    for _ in range(3):
        centre.clock.pass_(1500)
        assert client.get("/signed-in").status_code == 200
    centre.clock.pass_(1801)
    assert client.get("/signed-in", headers={"accept": "application/json"}).status_code == 401


def test_another_site_cannot_ask_in_my_name(centre: Any) -> None:
    client = centre.client("viewer")
    assert client.post("/logout", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.post("/logout", headers={"origin": "https://evil.example"}).status_code == 403
    assert client.post("/logout", headers={"x-csrf-token": "other"}).status_code == 403
    assert client.post("/logout").status_code == 303


def test_nobody_has_a_password_before_the_link(centre: Any) -> None:
    house = centre.house
    from bconnect_center.core.roles import Person

    secret = house.people.invite(Person("budi", Role.OPERATOR), centre.clock())
    with pytest.raises(Denied):
        house.people.check("budi", "", "10.0.0.2", centre.clock())
    with pytest.raises(Denied, match="12"):
        house.people.set_password(secret, "pendek", centre.clock())
    client = centre.client()
    answer = client.post(
        f"/invitation/{secret}",
        data={"password": "sandi-budi-yang-panjang", "again": "sandi-budi-yang-panjang"},
    )
    assert answer.status_code == 303
    assert client.get(f"/invitation/{secret}").status_code == 404


def test_no_page_without_the_headers(centre: Any) -> None:
    answer = centre.client().get("/login")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_the_way_on_stays_here(path: str) -> None:
    assert inside(path) == "/"


def test_the_audit_log_shows_a_changed_line(centre: Any) -> None:
    from sqlalchemy import text

    centre.client("viewer")
    assert centre.house.audit.broken() is None
    with centre.house.database.writing() as c:
        c.execute(text("UPDATE center_audit SET who = 'admin' WHERE line = 1"))
    assert centre.house.audit.broken().stamp == centre.house.audit.newest()[-1][1].stamp


def test_any_server_answers_any_request(
    centre: Any, centre_file: Any, clock: Any, serve: Any
) -> None:
    """Two servers over one database: a session, its end and a closed door hold on both."""
    from bconnect_center.house import open_house
    from bconnect_center.settings import load

    other = open_house(load(centre_file), clock)
    try:
        with serve(other) as url:
            client = centre.client("validator")
            client.base_url = url
            assert client.get("/review").status_code == 200
            assert client.post("/logout").status_code == 303
            client.base_url = centre.url
            there = client.get("/review", headers={"accept": "application/json"})
            assert there.status_code == 401
            for n in range(5):
                people = (other if n % 2 else centre.house).people
                with pytest.raises(Denied, match="wrong"):
                    people.check("viewer", "no", "10.0.0.1", clock())
            with pytest.raises(Denied, match="too many"):
                other.people.check("viewer", "kata-sandi-yang-panjang", "10.0.0.1", clock())
    finally:
        other.close()
