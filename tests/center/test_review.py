"""The review desk as an officer uses it, in a real browser."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from review_house import decide, maker_of, status, write_file

from bconnect_center.core.roles import Role
from bconnect_site.kinds import Colour, PlateState, RoadUserKind, ViolationType

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    return write_file(tmp_path)


@pytest.fixture
def make(tmp_path: Path, centre: Any) -> Callable[..., str]:
    """A pending case; its number."""
    made = maker_of(tmp_path)

    def case(kind: ViolationType = ViolationType.RED_LIGHT, ago: float = 3600.0, **kw: Any) -> str:
        return made.case(centre.house, centre.clock() - int(ago * SECOND), kind, **kw)

    return case


def test_the_queue_is_by_deadline_then_danger(tab: Any, centre: Any, make: Any, shot: Any) -> None:
    late = make(ViolationType.ILLEGAL_PARKING, 5 * 86400, colour=Colour.BLUE)
    parked = make(ViolationType.ILLEGAL_PARKING, 7200, colour=Colour.BLUE)
    red = make(ViolationType.RED_LIGHT, 3600)
    fast = make(ViolationType.SPEEDING, 3000, colour=Colour.RED)
    tab.enter("validator", "/review")
    rows = tab.page.locator("table.cases tbody tr")
    numbers = [rows.nth(n).locator("a").inner_text() for n in range(4)]
    assert numbers == [late, red, fast, parked]
    assert "overdue" in rows.nth(0).inner_text()
    assert "1 overdue" in tab.page.inner_text("main")
    shot(tab, "queue")
    tab.page.click("summary:has-text('Filter')")
    tab.page.check("input[name=kind][value='6']")
    tab.page.click("form[action='/review'] button")
    assert [r.inner_text() for r in rows.locator("a").all()] == [fast]


def test_a_case_by_keyboard_alone(
    tab: Any, centre: Any, make: Any, shot: Any, wait_for: Callable[..., Any]
) -> None:
    first, second = (
        make(ViolationType.RED_LIGHT),
        make(ViolationType.SPEEDING, 3000, colour=Colour.RED),
    )
    tab.enter("validator", "/review")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url(f"**/review/{first}")
    wait_for(lambda: tab.page.evaluate("document.getElementById('big').naturalWidth > 0"))
    assert "2.4 s into red" in tab.page.locator("svg.plot text.mark").text_content()
    assert "4 of 5 pictures agree" in tab.page.inner_text("main")
    assert "whole and signed" in tab.page.inner_text("main")
    shot(tab, "case_red_light")
    tab.page.keyboard.press(".")
    moment = "document.getElementById('big').dataset.frame"
    wait_for(lambda: tab.page.evaluate(moment) == "30")
    tab.page.keyboard.press(",")
    tab.page.keyboard.press(",")
    wait_for(lambda: tab.page.evaluate(moment) == "28")
    assert "0.20 s" in tab.page.inner_text("#where")
    tab.page.keyboard.press("d")
    assert tab.page.locator("#drawing").is_visible()
    tab.page.keyboard.press("m")
    wait_for(lambda: tab.page.evaluate(moment) == "30")
    shot(tab, "case_clip")
    tab.page.keyboard.press("z")
    assert "2" in tab.page.inner_text("#zoom")
    shot(tab, "case_zoom", whole=False)
    tab.page.keyboard.press("c")
    tab.page.wait_for_url(f"**/review/{second}")
    assert first in tab.page.inner_text("#undo")
    assert status(centre.house, first) == "pending_review"
    centre.clock.pass_(11)
    wait_for(lambda: status(centre.house, first) == "confirmed")
    line = centre.house.ledger.case(first).last
    assert line.reviewer == "Validator (validator)"
    wait_for(lambda: tab.page.evaluate("document.getElementById('big').naturalWidth > 0"))
    shot(tab, "case_speed")
    assert tab.page.locator("svg.fit circle.look").count() == 35
    assert tab.page.locator("svg.fit .fitted, svg.fit .band, svg.fit .limit").count() == 3
    assert "35 looks" in str(tab.page.locator("svg.fit").get_attribute("aria-label"))
    tab.page.keyboard.press("r")
    assert tab.page.locator("#reject-dialog").is_visible()
    shot(tab, "reject", whole=False)
    tab.page.keyboard.press("2")
    tab.page.wait_for_url("**/review")
    assert "Cases today: 2" in tab.page.inner_text("main")
    tab.page.keyboard.press("u")
    tab.page.wait_for_url(f"**/review/{second}")
    centre.clock.pass_(11)
    tab.page.keyboard.press("r")
    tab.page.keyboard.press("0")
    tab.page.keyboard.type("angka 5 salah")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url("**/review")
    centre.clock.pass_(11)
    wait_for(lambda: status(centre.house, second) == "rejected")
    assert centre.house.ledger.case(second).last.reason == "angka 5 salah"
    assert centre.house.ledger.broken_line() is None


def test_skip_goes_round(tab: Any, make: Any) -> None:
    first, second = make(ViolationType.RED_LIGHT), make(ViolationType.SPEEDING)
    tab.enter("validator", f"/review/{first}")
    tab.page.keyboard.press("s")
    tab.page.wait_for_url(f"**/review/{second}")
    tab.page.keyboard.press("s")
    tab.page.wait_for_url(f"**/review/{first}")


def test_help_and_keys_that_can_be_switched_off(tab: Any, make: Any, shot: Any) -> None:
    number = make()
    tab.enter("validator", f"/review/{number}")
    tab.page.keyboard.press("?")
    assert tab.page.locator("#help-dialog").is_visible()
    shot(tab, "help", whole=False)
    tab.page.uncheck("#keys-on")
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("r")
    assert not tab.page.locator("#reject-dialog").is_visible()
    tab.page.click("#reject")
    assert tab.page.locator("#reject-dialog").is_visible()


def test_warnings_come_before_the_yes(tab: Any, centre: Any, make: Any, shot: Any) -> None:
    number = make(user=RoadUserKind.MOTORCYCLE, colour=Colour.BLACK)
    tab.enter("validator", f"/review/{number}")
    assert "is not a number that motorcycle usually bears" in tab.page.inner_text(".warnings")
    tab.page.keyboard.press("c")
    assert tab.page.locator("#sure-dialog").is_visible()
    shot(tab, "sure", whole=False)
    assert _given(centre) == []
    tab.page.keyboard.press("c")
    tab.page.wait_for_url("**/review")
    assert _given(centre) == [(number, "waiting")]


def _given(centre: Any) -> list[tuple[str, str]]:
    from bconnect_center.adapters.tables import decisions

    with centre.house.database.reading() as c:
        return [(row.number, row.state) for row in c.execute(decisions.select())]


@pytest.mark.console("401")
def test_the_session_ends_in_the_middle_of_a_decision(tab: Any, centre: Any, make: Any) -> None:
    number = make()
    tab.enter("validator", f"/review/{number}")
    tab.page.keyboard.press("r")
    tab.page.check("#reject-form input[value='8']")
    tab.page.fill("#reject-note", "garis henti bergeser")
    centre.clock.pass_(1801)
    tab.page.click("#reject-now")
    tab.page.wait_for_selector("#signin-again", state="visible")
    assert tab.page.input_value("#reject-note") == "garis henti bergeser"
    with tab.page.context.expect_page() as opened:
        tab.page.click("#signin-again a")
    again = opened.value
    again.fill("input[name=name]", "validator")
    again.fill("input[name=password]", "kata-sandi-yang-panjang")
    again.click("form[action='/login'] button")
    tab.page.wait_for_selector("#signin-again", state="hidden")
    assert tab.page.input_value("#reject-note") == "garis henti bergeser"
    tab.page.click("#reject-now")
    tab.page.wait_for_url("**/review")
    assert _given(centre) == [(number, "waiting")]


def test_two_officers_on_one_case(tab: Any, centre: Any, make: Any) -> None:
    number = make()
    other = centre.account("budi", Role.VALIDATOR)
    client = centre.client("budi")
    assert client.get(f"/review/{number}").status_code == 200
    tab.enter("validator", f"/review/{number}")
    assert "Budi is looking at this case" in tab.page.inner_text("[role=alert]:not([hidden])")
    assert tab.page.locator("#confirm").is_disabled()
    answer = decide(centre.client("validator"), number, "confirm")
    assert answer.status_code == 409 and "is looking at this case" in answer.json()["detail"]
    assert decide(client, number, "confirm").status_code == 200
    answer = decide(centre.client("validator"), number, "reject", reason="1")
    assert answer.status_code == 409 and "Budi (budi) has decided" in answer.json()["detail"]
    centre.clock.pass_(200)
    assert other.name == "budi"


def test_script_in_a_plate_is_text(tab: Any, make: Any) -> None:
    number = make(plate="<script>x=1</script>")
    tab.enter("validator", f"/review/{number}")
    assert tab.page.inner_text(".plate-shown") == "<script>x=1</script>"
    assert "does not look like a plate" in tab.page.inner_text(".warnings")
    assert tab.page.evaluate("typeof x") == "undefined"


@pytest.mark.console("404")
def test_a_clip_that_cannot_be_decoded(tab: Any, make: Any) -> None:
    number = make(clip_bytes=b"a clip" * 1000)
    tab.enter("validator", f"/review/{number}")
    tab.page.keyboard.press(".")
    tab.page.wait_for_selector("#clip-fault:not([hidden])")
    assert "cannot be decoded" in tab.page.inner_text("#clip-fault")
    assert tab.page.locator("#confirm").is_enabled()


def test_a_broken_seal_cannot_be_confirmed(
    tab: Any, tmp_path: Path, centre: Any, make: Any, shot: Any
) -> None:
    number = make()
    scene = next((tmp_path / "site").rglob("scene.jpg"))
    scene.write_bytes(scene.read_bytes() + b"x")
    tab.enter("validator", f"/review/{number}")
    assert "Seal broken" in tab.page.inner_text(".warnings")
    assert tab.page.locator("#confirm").is_disabled()
    assert "no picture of this case that can be believed" in tab.page.inner_text("main")
    shot(tab, "broken")
    client = centre.client("validator")
    centre.clock.pass_(200)
    answer = decide(client, number, "confirm", sure=True)
    assert answer.status_code == 409 and "scene.jpg was touched" in answer.json()["detail"]
    assert decide(client, number, "reject", reason="8").status_code == 200


def test_a_folder_that_is_gone(tmp_path: Path, centre: Any, make: Any) -> None:
    import shutil

    number = make()
    shutil.rmtree(tmp_path / "site" / "evidence")
    client = centre.client("validator")
    page = client.get(f"/review/{number}")
    assert page.status_code == 200 and "The evidence folder is not here" in page.text
    answer = decide(client, number, "confirm", sure=True)
    assert answer.status_code == 409 and "lost" in answer.json()["detail"]


@pytest.mark.phone
def test_on_a_phone(tab: Any, make: Any, shot: Any, wait_for: Callable[..., Any]) -> None:
    number = make()
    tab.enter("validator", "/review")
    shot(tab, "queue_phone")
    tab.go(f"/review/{number}")
    wait_for(lambda: tab.page.evaluate("document.getElementById('big').naturalWidth > 0"))
    shot(tab, "case_phone")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.page.locator("#confirm").is_visible()


def test_dark_and_indonesian(tab: Any, make: Any, shot: Any, wait_for: Callable[..., Any]) -> None:
    number = make(plate_state=PlateState.UNREADABLE)
    tab.enter("validator", f"/review/{number}")
    tab.page.click(".me summary")
    tab.page.click("button[name=language][value=id]")
    tab.page.click(".me summary")
    tab.page.click("button[name=theme][value=dark]")
    wait_for(lambda: tab.page.evaluate("document.getElementById('big').naturalWidth > 0"))
    assert tab.page.locator("html").get_attribute("data-theme") == "dark"
    assert "Benarkan" in tab.page.inner_text("#confirm")
    assert "Nomor polisi tidak terbaca" in tab.page.inner_text(".warnings")
    shot(tab, "case_dark_id")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_case_by_axe(tab: Any, make: Any, theme: str) -> None:
    from test_accessible import faults

    number = make(user=RoadUserKind.MOTORCYCLE)
    tab.enter("validator", f"/review/{number}")
    tab.page.context.add_cookies([{"name": "bconnect_theme", "value": theme, "url": tab.url}])
    tab.go(f"/review/{number}")
    assert faults(tab) == []
    tab.page.keyboard.press("r")
    assert faults(tab) == []
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("c")
    assert faults(tab) == []
