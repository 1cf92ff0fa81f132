"""Accounts are kept by administrators; everything done is in a log that shows changes."""

from __future__ import annotations

from typing import Any

import pytest

from bconnect_center.core.roles import RIGHTS, Person, Right, Role


def test_an_account_from_the_link_to_the_first_page(tab: Any, centre: Any, shot: Any) -> None:
    tab.sign_in("admin", "/accounts")
    form = tab.page.locator("form[action='/accounts']")
    form.locator("input[name=name]").fill("budi")
    form.locator("input[name=shown]").fill("Budi <script>alert(1)</script>")
    form.locator("select[name=role]").select_option("operator")
    form.locator("input[name=sites]").fill("beruang_madu")
    form.locator("button").click()
    link = tab.page.locator("code.link").inner_text()
    shot(tab, "accounts")
    assert "/invitation/" in link
    tab.page.context.clear_cookies()
    tab.page.goto(link)
    tab.page.fill("input[name=password]", "sandi-budi-yang-panjang")
    tab.page.fill("input[name=again]", "sandi-budi-yang-panjang")
    tab.page.click("form button")
    tab.page.wait_for_url(lambda url: "invitation" not in url)
    people = {person.name: person for person in centre.house.people.all()}
    assert people["budi"].role is Role.OPERATOR
    assert people["budi"].sites == {"beruang_madu"}
    acts = [(act.who, act.what) for _, act in centre.house.audit.newest()]
    assert ("admin", "account invited") in acts and ("budi", "password set") in acts


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "Budi Santoso", 'name: found "Budi Santoso"; allowed: a-z'),
        ("role", "god", 'role: found "god"; allowed: viewer'),
        ("sites", "../etc", 'sites: found "../etc"'),
    ],
)
def test_bad_input_is_one_sentence(centre: Any, field: str, value: str, said: str) -> None:
    client = centre.client("admin")
    answer = client.post("/accounts", data={"name": "budi", "role": "viewer"} | {field: value})
    assert answer.status_code == 422
    assert said.replace('"', "&#34;") in answer.text
    assert "budi" not in {person.name for person in centre.house.people.all()}


def test_who_loses_a_role_is_out_at_once(centre: Any) -> None:
    admin, operator = centre.client("admin"), centre.client("operator")
    assert admin.post("/accounts/operator", data={"role": "viewer"}).status_code == 303
    answer = operator.get("/signed-in", headers={"accept": "application/json"})
    assert answer.status_code == 401
    assert admin.post("/accounts/viewer", data={"close": "yes"}).status_code == 303
    assert "viewer" not in {person.name for person in centre.house.people.all()}
    assert admin.post("/accounts/admin", data={"close": "yes"}).status_code == 422
    assert admin.post("/accounts/nobody", data={"close": "yes"}).status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if Right.ACCOUNTS not in RIGHTS[role]])
def test_only_administrators_keep_accounts(centre: Any, role: Role) -> None:
    client = centre.client(role.value)
    assert client.get("/accounts").status_code == 403
    assert client.post("/accounts", data={"name": "x", "role": "admin"}).status_code == 403


def test_an_administrator_decides_no_cases() -> None:
    admin = Person("a", Role.ADMIN)
    assert not admin.may(Right.DECIDE) and not admin.may(Right.CASES)
    assert Person("s", Role.SUPERVISOR, sites=frozenset({"a"})).may(Right.DECIDE, "a")
    assert not Person("s", Role.SUPERVISOR, sites=frozenset({"a"})).may(Right.DECIDE, "b")


def test_the_audit_log_is_read_and_verified(tab: Any, centre: Any, shot: Any) -> None:
    tab.sign_in("supervisor", "/audit")
    assert "signed in" in tab.page.locator("table").inner_text()
    tab.page.click("#verify")
    tab.page.locator(".toast").wait_for()
    assert tab.page.locator(".toast").inner_text() == "The log is whole"
    shot(tab, "audit")
    with tab.page.expect_download() as download:
        tab.page.click("a[download]")
    text = download.value.path().read_text()
    assert text.splitlines()[0].startswith("line,utc,who") and "supervisor" in text


def test_metrics_and_health(centre: Any) -> None:
    client = centre.client()
    assert client.get("/healthz").json() == {"status": "ok"}
    assert "bconnect_center_ledger_lines 0.0" in client.get("/metrics").text
    strange = client.get("/metrics", headers={"x-forwarded-for": "10.0.0.9"})
    assert strange.status_code == 403
    (centre.house.loaded.root / "metrics.token").write_text("sesame\n")
    headers = {"x-forwarded-for": "10.0.0.9", "authorization": "Bearer sesame"}
    assert client.get("/metrics", headers=headers).status_code == 200
