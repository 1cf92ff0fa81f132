"""Drawing in a real browser: by mouse, by keyboard alone, looked at before it is written."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from draw_rooms import make_rooms, still

from bconnect_site.loader import load_site

DRAW = "/draw/tangan/utara"


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    return make_rooms(tmp_path)


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "corridors" / "tangan.yaml"


def with_still(centre: Any, camera: str = "utara") -> None:
    answer = centre.client("supervisor").post(
        f"/api/draw/sites/tangan/cameras/{camera}/still",
        content=still(),
        headers={"content-type": "image/jpeg"},
    )
    assert answer.status_code == 201, answer.text


def checked(tab: Any) -> None:
    """Until the server has said what it thinks of the newest drawing."""
    tab.page.wait_for_selector("#checks:not([aria-busy]) > *")


def click(tab: Any, x: float, y: float) -> None:
    box = tab.page.locator("#stage").bounding_box()
    tab.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def save(tab: Any, why: str) -> None:
    tab.page.wait_for_selector("#save:not([disabled])")
    tab.page.click("#save")
    tab.page.wait_for_selector("#savebox[open]")
    tab.page.fill("#reason", why)
    with tab.page.expect_navigation():
        tab.page.click("#write")


def test_a_zone_by_mouse_previewed_saved_and_loaded(
    tab: Any, centre: Any, shot: Any, site_file: Path
) -> None:
    with_still(centre)
    before = site_file.read_text()
    tab.enter("supervisor", DRAW)
    page = tab.page
    page.wait_for_selector("#still:not([hidden])")
    page.select_option("#newkind", "no_parking")
    page.fill("#newname", "bahu")
    page.click("#drawzone")
    for x, y in ((0.3, 0.7), (0.7, 0.7), (0.7, 0.99), (0.3, 0.99)):
        click(tab, x, y)
    page.keyboard.press("Enter")
    assert page.locator(".handle").count() == 5  # four points and the whole
    page.fill("[data-key='zones.bahu.basis']", "sign S-12")
    page.check("[data-key='rules.illegal_parking']")
    page.wait_for_selector("#save:not([disabled])")
    checked(tab)
    shot(tab, "draw_light")
    page.click("#previewstart")
    page.wait_for_selector("#previewcounts", timeout=100_000)
    assert "Now 0, then 1: 1 new" in page.locator("#previewcounts").inner_text()
    assert page.locator(".found li[data-what=new] svg rect").count() == 1
    assert "judged alone" in page.locator("#previewjudged").inner_text()
    shot(tab, "draw_preview")
    page.click("#save")
    page.wait_for_selector("#savebox[open]")
    assert "+      bahu:" in page.locator("#savediff").inner_text()
    shot(tab, "draw_save", whole=False)
    page.click("#savebox [data-close]")
    assert site_file.read_text() == before  # nothing was written by looking
    save(tab, "Bahu depan toko, rapat 12 November")
    assert "bahu" in page.locator("#panel-zones").inner_text()
    zone = load_site(site_file).site.cameras["utara"].zones["bahu"]
    assert zone.region is not None and len(zone.region) == 4 and zone.basis == "sign S-12"
    assert zone.region[0] == pytest.approx((0.3, 0.7), abs=0.01)
    page.wait_for_selector(".historylist li")
    text = page.locator("#history").inner_text()
    assert "Bahu depan toko" in text and "Supervisor" in text
    kept = before.splitlines()
    now = site_file.read_text().splitlines()
    assert [line for line in kept if line not in now] == ["    rules: [wrong_way]"]
    page.click("#history summary")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(tab, "draw_history")
    page.click("#history button:has-text('the version before')")
    page.wait_for_selector("#savebox[open]")
    assert "-      bahu:" in page.locator("#savediff").inner_text()
    page.fill("#reason", "Ternyata salah")
    with page.expect_navigation():
        page.click("#write")
    assert site_file.read_text() == before


def test_a_zone_by_keyboard_alone(tab: Any, centre: Any, site_file: Path) -> None:
    tab.enter("supervisor", DRAW)
    page = tab.page

    def tab_to(selector: str) -> None:
        """By the Tab key, from where the focus is."""
        for _ in range(200):
            if page.evaluate("s => document.activeElement.matches(s)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{selector} is not reached by Tab")

    tab_to("#newkind")
    page.keyboard.type("No parking")
    tab_to("#newname")
    page.keyboard.type("bahu")
    tab_to("#placezone")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.id") == "point.0"
    at = page.evaluate("document.activeElement.style.left")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.id") == "point.0"  # still there
    assert float(page.evaluate("parseFloat(document.activeElement.style.left)")) == pytest.approx(
        float(at[:-1]) - 10 + 0.2, abs=0.01
    )
    page.keyboard.press("Insert")
    assert page.locator(".handle.point").count() == 5
    page.keyboard.press("Delete")
    assert page.locator(".handle.point").count() == 4
    tab_to("[data-cell='region.2.0']")
    page.keyboard.press("Control+a")
    page.keyboard.type("0.655")
    tab_to("[data-key='zones.bahu.basis']")
    page.keyboard.type("sign S-12")
    tab_to("[data-key='rules.illegal_parking']")
    page.keyboard.press("Space")
    page.keyboard.press("Control+s")
    page.wait_for_selector("#savebox[open]")
    page.keyboard.type("Dengan papan ketik saja")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    zone = load_site(site_file).site.cameras["utara"].zones["bahu"]
    assert zone.region is not None and zone.region[2][0] == pytest.approx(0.655)
    assert zone.region[0][0] == pytest.approx(0.302, abs=0.001)


def test_undo_redo_and_moving_a_line_with_its_arrow(tab: Any, centre: Any) -> None:
    tab.enter("supervisor", "/draw/tangan/selatan")
    page = tab.page
    page.click("button[data-zone=henti]")
    page.focus(".handle.body")
    y = "parseFloat(document.querySelector('[data-id=\"{}\"]').style.top)"
    line, tip = (page.evaluate(y.format(i)) for i in ("point.0", "arrow.1"))
    for _ in range(3):
        page.keyboard.press("Shift+ArrowDown")
    assert page.evaluate(y.format("point.0")) == pytest.approx(line + 6)
    assert page.evaluate(y.format("arrow.1")) == pytest.approx(tip + 6)
    page.keyboard.press("Control+z")  # one step, not three
    assert page.evaluate(y.format("point.0")) == pytest.approx(line)
    assert page.locator("#undo").is_disabled()
    page.click("#redo")
    assert page.evaluate(y.format("point.0")) == pytest.approx(line + 6)


def test_a_shape_that_crosses_itself_is_said_at_once_and_at_its_field(
    tab: Any, centre: Any, shot: Any
) -> None:
    with_still(centre)
    tab.enter("supervisor", DRAW)
    page = tab.page
    page.fill("#newname", "silang")
    page.click("#drawzone")
    for x, y in ((0.2, 0.2), (0.8, 0.8), (0.8, 0.2), (0.2, 0.8)):
        click(tab, x, y)
    page.keyboard.press("Enter")
    assert "crosses itself (edges 1 and 3)" in page.locator("#checks").inner_text()
    page.wait_for_selector(".faultlist")
    assert page.locator("#save").is_disabled()
    says = page.locator("[data-key='zones.silang.region'] .says")
    assert "crosses itself: edge 1-2 meets edge 3-4" in says.inner_text()
    page.fill("[data-key='zones.silang.name']", "Bukan Nama")
    page.keyboard.press("Tab")
    page.wait_for_selector(".faultlist:has-text('is not a name')")
    shot(tab, "draw_faults")


@pytest.mark.console("409")
def test_somebody_else_saved_meanwhile(tab: Any, centre: Any, site_file: Path) -> None:
    tab.enter("supervisor", DRAW)
    page = tab.page
    page.click("button[data-zone=lajur]")
    page.focus("[data-id='point.0']")
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_selector("#save:not([disabled])")
    page.click("#save")
    page.fill("#reason", "Saya dulu")
    other = site_file.read_text() + "# somebody's line\n"
    site_file.write_text(other)
    page.click("#write")
    page.wait_for_selector("#savefault:not(:empty)")
    assert "changed by somebody else" in page.locator("#savefault").inner_text()
    assert site_file.read_text() == other
    page.click("#savebox [data-close]")
    assert page.locator(".handle").count() > 0  # nothing drawn is lost


def test_calibration_points_show_their_residuals_and_are_written(
    tab: Any, centre: Any, shot: Any, site_file: Path
) -> None:
    with_still(centre)
    tab.enter("supervisor", DRAW)
    page = tab.page
    page.click("[data-mode=marks]")
    page.click("#calibrate")
    # A camera 6 m up that looks north: x = east, the rows by hand of a plain perspective.
    places = [(0.1, 0.9), (0.9, 0.9), (0.25, 0.6), (0.75, 0.6), (0.5, 0.75), (0.4, 0.65)]

    def ground(x: float, y: float) -> tuple[float, float]:
        far = 3.0 / (y - 0.3)
        return (x - 0.5) * far * 2, far * 4

    for n, (x, y) in enumerate(places):
        click(tab, x, y)
        for axis, value in zip(("East", "North"), ground(x, y), strict=True):
            page.fill(f"[aria-label='calibration point {n + 1} {axis} (m)']", f"{value:.3f}")
            page.keyboard.press("Tab")
        if n == 1:
            page.wait_for_selector(".faultlist")
            assert "needs at least 4" in page.locator("#checks").inner_text()
    page.wait_for_selector("#fit:not([hidden])")
    assert float(page.locator("[data-residual='4']").inner_text()) < 0.3
    checked(tab)
    shot(tab, "draw_calibration")
    page.fill("[aria-label='calibration point 5 East (m)']", "40")
    page.keyboard.press("Tab")
    page.wait_for_selector("[data-key='survey.points'] .says, .scroll + .says")
    assert page.locator("#save").is_disabled()
    page.fill("[aria-label='calibration point 5 East (m)']", f"{ground(0.5, 0.75)[0]:.3f}")
    page.keyboard.press("Tab")
    save(tab, "Titik diukur dengan pita")
    loaded = load_site(site_file)
    assert loaded.site.cameras["utara"].calibration == "calibration/tangan_utara.yaml"
    assert loaded.calibrations()["utara"].has_ground
    page.click("[data-mode=marks]")
    assert "Supervisor" in page.locator("#panel-marks").inner_text()


def test_every_part_by_axe(tab: Any, centre: Any) -> None:
    from test_accessible import faults

    with_still(centre)
    tab.enter("supervisor", "/draw")
    for theme in ("light", "dark"):
        tab.page.context.add_cookies([{"name": "bconnect_theme", "value": theme, "url": tab.url}])
        tab.go("/draw")
        assert faults(tab) == []
        tab.go(DRAW)
        tab.page.wait_for_selector("#still:not([hidden])")
        tab.page.click("button[data-zone=lajur]")
        tab.page.click("#removezone")
        tab.page.wait_for_selector(".faultlist")
        assert faults(tab) == []
        tab.page.click("#undo")
        tab.page.click("button[data-zone=lajur]")
        checked(tab)
        assert faults(tab) == []
        for mode in ("signals", "marks"):
            tab.page.click(f"[data-mode={mode}]")
            assert faults(tab) == []
        tab.page.click("#calibrate")
        tab.page.click("#addmark")
        tab.page.wait_for_selector(".faultlist")
        assert faults(tab) == []
        tab.page.on("dialog", lambda dialog: dialog.accept())


@pytest.mark.console("401")
def test_the_session_ends_while_drawing_and_nothing_is_lost(
    tab: Any, centre: Any, site_file: Path
) -> None:
    """The other tab signs in again; the drawing goes on here."""
    tab.enter("supervisor", DRAW)
    page = tab.page
    page.click("button[data-zone=lajur]")
    page.focus("[data-id='point.0']")
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_selector("#save:not([disabled])")
    page.click("#save")
    page.fill("#reason", "Sesi berakhir di tengah")
    centre.clock.pass_(1801)
    page.click("#write")
    page.wait_for_selector("#signin-again[open]")
    with page.context.expect_page() as opened:
        page.click("#signin-again a")
    other = opened.value
    other.fill("input[name=name]", "supervisor")
    other.fill("input[name=password]", "kata-sandi-yang-panjang")
    other.click("form[action='/login'] button")
    page.wait_for_selector("#signin-again:not([open])", state="attached")
    assert page.input_value("#reason") == "Sesi berakhir di tengah"
    with page.expect_navigation():
        page.click("#write")
    assert "0.22" in site_file.read_text()


def test_script_in_names_stays_text(tab: Any, centre: Any, site_file: Path, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    site_file.write_text(
        site_file.read_text()
        .replace("Jalan Tangan", f"'{evil}'")
        .replace("marking", f'"sign {evil}"')
    )
    log = site_file.with_name("tangan.history")
    log.mkdir()
    line = {
        "stamp": 1, "who": evil, "shown": evil, "why": f"<script>{evil}</script>", "camera": evil,
        "files": [{"file": "tangan.yaml", "before": "", "after": "0" * 64, "diff": f"+{evil}\n"}],
    }  # fmt: skip
    (log / "log.jsonl").write_text(json.dumps(line) + "\nno JSON\n")
    tab.enter("supervisor", DRAW)
    tab.page.wait_for_selector(".historylist li")
    assert evil in tab.page.locator("#history").inner_text()
    assert "1 lines of the history cannot be read" in tab.page.locator("#history").inner_text()
    tab.page.click("button[data-zone=lajur]")
    assert tab.page.input_value("[data-key='zones.lajur.basis']") == f"sign {evil}"
    assert tab.page.locator("img[src=x]").count() == 0


def test_a_read_only_file_says_so(tab: Any, centre: Any, site_file: Path) -> None:
    site_file.chmod(0o444)
    tab.enter("supervisor", DRAW)
    page = tab.page
    assert "is read-only" in page.locator("#readonly").inner_text()
    page.click("button[data-zone=lajur]")
    page.click("#removezone")
    page.wait_for_selector(".faultlist, #checks .warn")
    checked(tab)
    assert page.locator("#save").is_disabled()


def test_dark_and_indonesian(tab: Any, centre: Any, shot: Any) -> None:
    with_still(centre)
    tab.enter("supervisor", "/draw")
    tab.page.context.add_cookies([
        {"name": "bconnect_theme", "value": "dark", "url": tab.url},
        {"name": "bconnect_language", "value": "id", "url": tab.url},
    ])  # fmt: skip
    tab.go("/draw")
    shot(tab, "draw_sites_dark")
    tab.go(DRAW)
    tab.page.wait_for_selector("#still:not([hidden])")
    tab.page.click("button[data-zone=lajur]")
    tab.page.focus("[data-id='point.3']")
    checked(tab)
    shot(tab, "draw_dark")
    assert "Sama dengan berkas" in tab.page.locator("#checks").inner_text()
    tab.page.fill("[data-key='zones.lajur.name']", "Bukan Nama")
    tab.page.keyboard.press("Tab")
    says = tab.page.locator(".says:has-text('bukan nama yang sah')")
    says.wait_for()
    assert "is not a name; needs" in says.locator(".original[lang=en]").inner_text()
    checked(tab)
    shot(tab, "draw_faults_id")


@pytest.mark.phone
def test_on_a_phone(tab: Any, centre: Any, shot: Any) -> None:
    with_still(centre)
    tab.enter("supervisor", DRAW)
    tab.page.wait_for_selector("#still:not([hidden])")
    checked(tab)
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(tab, "draw_phone")
