"""The pages of numbers as people and programs read them."""

from __future__ import annotations

import csv
import io
import re
import sys
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # street_numbers
from street_numbers import Street

from bconnect_center.adapters import traffic_weeks
from bconnect_center.adapters.kept import Kept
from bconnect_center.adapters.tables import traffic
from bconnect_center.core.roles import Role
from bconnect_center.web.charts import Bar, columns, strip
from bconnect_center.web.figures import Figures
from bconnect_center.web.spreadsheet import harmless
from bconnect_site.kinds import CitationStatus, Outcome, RoadUserKind, ViolationType

HOURS = (7, 12, 17)


@pytest.fixture
def street(house: Any) -> Street:
    return Street(house)


def fill(street: Street) -> None:
    """Six weeks before 21.09.2026 and its Monday: 6, 5, 4, ... violations a day."""
    for week in range(7):
        monday = date(2026, 8, 10) + timedelta(7 * week)
        for day in range(7 if week < 6 else 1):
            when = (monday + timedelta(day)).isoformat()
            for hour in HOURS:
                at = f"{when} {hour:02d}:00:00"
                street.passed(at, 300 + 10 * day, more={RoadUserKind.MOTORCYCLE: 200})
            for n in range(max(1, 6 - week)):
                kind = ViolationType.ILLEGAL_PARKING if n % 2 else ViolationType.RED_LIGHT
                user = RoadUserKind.CAR if n % 3 else RoadUserKind.MOTORCYCLE
                at = f"{when} {HOURS[n % 3]:02d}:20:00"
                number = street.violate(at, kind, user, cite=n == 0)
                if number:
                    status = CitationStatus.REJECTED if day == 3 else CitationStatus.CONFIRMED
                    street.decide(number, status, 60.0 + 10 * day)
                street.warn(f"{when} 17:30:00", Outcome.COMPLIED if n else Outcome.IGNORED)


# --- what stands there --------------------------------------------------------------------


def test_the_numbers_by_hand(centre: Any, street: Street) -> None:
    fill(street)
    told = centre.client("viewer").get("/api/numbers").json()
    assert (told["first"], told["last"]) == ("2026-07-06", "2026-09-27")
    # 7 days of 6 + 5 + 4 + 3 + 2 + 1, and one on the Monday
    assert told["total"]["violations"] == 7 * 21 + 1
    users = sum(3 * (500 + 10 * day) for day in range(7)) * 6 + 1500
    assert told["total"]["rate"]["users"] == users
    assert told["total"]["rate"]["value"] == pytest.approx(1000 * 148 / users)
    weeks = {w["key"]: w["violations"] for w in told["weeks"]}
    assert weeks["2026-08-10"] == 42 and weeks["2026-09-14"] == 7 and weeks["2026-07-06"] == 0
    assert len(weeks) == 12
    assert {h["key"] for h in told["hours"] if h["violations"]} == {"7", "12", "17"}
    kinds = {k["key"]: k["violations"] for k in told["kinds"]}
    assert sum(kinds.values()) == 148 and set(kinds) == {"car", "motorcycle"}
    assert (told["heeding"]["complied"], told["heeding"]["ignored"]) == (148 - 43, 43)
    # one citation a day, the Thursdays' rejected
    assert (told["precision"]["part"], told["precision"]["of"]) == (43 - 6, 43)
    assert (told["seconds_per_case"], told["cases"]) == (90.0, 43)


def test_no_road_users_no_rate(centre: Any, street: Street) -> None:
    street.violate("2026-09-15 08:00:00")
    told = centre.client("viewer").get("/api/numbers").json()
    assert told["total"]["rate"]["value"] is None
    assert told["uncounted"] == 1
    page = centre.client("viewer").get("/numbers").text
    assert "Road users not counted" in page and "counts are shown, not rates" in page


def test_filters_are_the_address(centre: Any, street: Street) -> None:
    street.violate("2026-09-15 08:00:00", ViolationType.RED_LIGHT, RoadUserKind.BUS)
    street.violate("2026-09-15 08:00:00", ViolationType.SPEEDING, camera="barat")
    street.violate("2026-09-08 08:00:00", ViolationType.SPEEDING, site="lain", camera="barat")
    street.passed("2026-09-15 08:00:00", 10, RoadUserKind.BUS)
    street.passed("2026-09-15 08:00:00", 90)
    client = centre.client("viewer")

    def total(query: str) -> tuple[int, int]:
        told = client.get(f"/api/numbers?{query}").json()["total"]
        return told["violations"], told["rate"]["users"]

    assert total("")[0] == 3
    assert total("kind=bus") == (1, 10)
    assert total("rule=speeding")[0] == 2
    assert total("site=beruang_madu") == (2, 100)
    assert total("site=beruang_madu&camera=timur") == (1, 100)
    assert total("site=beruang_madu&camera=barat")[0] == 1
    assert total("from=2026-09-14&to=2026-09-20")[0] == 2
    assert total("from=2025-01-01&to=2025-02-01") == (0, 0)


def test_who_is_kept_to_a_site_sees_that_site(centre: Any, street: Street) -> None:
    street.violate("2026-09-15 08:00:00")
    for _ in range(3):
        street.violate("2026-09-15 08:00:00", site="lain", camera="barat", cite=True)
    centre.account("tamu", Role.VIEWER, frozenset({"lain"}))
    client = centre.client("tamu")
    assert client.get("/api/numbers").json()["total"]["violations"] == 3
    assert client.get("/api/numbers?site=beruang_madu").status_code == 404
    assert client.get("/numbers?site=beruang_madu").status_code == 404
    assert [c["site"] for c in client.get("/api/numbers/cameras").json()] == ["lain"]
    assert "timur" not in client.get("/api/numbers/rows.csv").text
    page = client.get("/numbers").text
    assert "Beruang" not in page and "beruang_madu" not in page


@pytest.mark.parametrize(
    "query",
    ["from=x", "to=2026-13-01", "from=2026-09-01&to=2026-01-01", "site=%3Cscript%3E",
     "rule=nothing", "kind=tank", "camera=timur", "from=2000-01-01&to=2026-01-01",
     "around=0&date=2026-09-01", "date=never"],
)  # fmt: skip
def test_what_means_nothing_is_refused_in_a_sentence(centre: Any, query: str) -> None:
    client = centre.client("viewer")
    for path in ("/numbers", "/numbers/cameras", "/api/numbers/change?x=y"):
        answer = client.get(f"{path}{'&' if '?' in path else '?'}{query}")
        if path != "/numbers" and ("date" in query):
            continue
        assert answer.status_code in (404, 422), (path, answer.text)
        assert len(answer.json()["detail"]) > 10


def test_nobody_without_a_session(centre: Any) -> None:
    client = centre.client()
    for path in ("/api/numbers", "/api/numbers/rows.csv", "/api/numbers/cameras"):
        assert client.get(path).status_code == 401


# --- before and after ---------------------------------------------------------------------


def test_before_and_after_a_date(centre: Any, street: Street) -> None:
    fill(street)
    client = centre.client("viewer")
    told = client.get("/api/numbers/change?date=2026-08-31&around=3").json()
    # 6 + 5 + 4 a day before, 3 + 2 + 1 after, as much traffic
    assert (told["before"]["violations"], told["after"]["violations"]) == (7 * 15, 7 * 6)
    assert told["before"]["users"] == told["after"]["users"]
    assert told["by"] == "users" and told["ratio"] == pytest.approx(0.4)
    assert told["clear"] and told["low"] < 0.4 < told["high"] < 1
    assert client.get("/api/numbers/change?date=2026-09-20").json() is None
    page = client.get("/numbers?date=2026-08-31&around=3").text
    assert "Fewer: 0.400 times what it was" in page
    assert "no proof of its cause" in page


def test_a_thin_comparison_says_so(centre: Any, street: Street) -> None:
    street.violate("2026-09-01 08:00:00")
    street.violate("2026-09-10 08:00:00")
    page = centre.client("viewer").get("/numbers?date=2026-09-07&around=2").text
    for words in ("Data are thin", "not counted every day", "No change that is certain"):
        assert words in page, words


# --- cameras and rules --------------------------------------------------------------------


def test_precision_by_camera_and_rule(centre: Any, street: Street) -> None:
    for n in range(4):
        number = street.violate(f"2026-09-1{n} 08:00:00", ViolationType.RED_LIGHT, cite=True)
        street.decide(number, CitationStatus.REJECTED if n else CitationStatus.CONFIRMED)
    number = street.violate("2026-09-11 08:00:00", ViolationType.SPEEDING, cite=True)
    street.decide(number, CitationStatus.CONFIRMED)
    street.violate("2026-09-11 08:00:00", ViolationType.WRONG_WAY, cite=True)
    street.observe_only("timur", "red_light")
    worst, best = centre.client("viewer").get("/api/numbers/precision").json()
    assert (worst["violation"], worst["observe_only"]) == ("red_light", True)
    assert (worst["upheld"]["part"], worst["upheld"]["of"]) == (1, 4)
    assert (best["violation"], best["observe_only"]) == ("speeding", False)
    assert worst["upheld"]["high"] == pytest.approx(0.6994, abs=1e-4)


# --- files --------------------------------------------------------------------------------


def test_csv_and_json_say_the_same(centre: Any, street: Street) -> None:
    fill(street)
    client = centre.client("viewer")
    answer = client.get("/api/numbers/rows.csv?rule=red_light")
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="bconnect-2026-07-06-2026-09-27.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    told = client.get("/api/numbers/rows.json?rule=red_light").json()
    assert [{k: str(v) for k, v in row.items()} for row in told] == rows
    assert sum(int(row["violations"]) for row in rows) == 85
    assert {row["violation"] for row in rows} == {"red_light"}
    assert client.get("/api/numbers/rows.json?from=2025-01-01&to=2025-01-02").json() == []
    assert client.get("/api/numbers/rows.csv?from=2025-01-01&to=2025-01-02").text.count("\n") == 1


def test_a_long_export_comes_in_portions(centre: Any, street: Street, monkeypatch: Any) -> None:
    from bconnect_center.adapters import counts

    fill(street)
    whole = centre.client("viewer").get("/api/numbers/rows.json").json()
    monkeypatch.setattr(counts, "PORTION", 3)
    assert centre.client("viewer").get("/api/numbers/rows.json").json() == whole
    assert len(whole) > 9


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\t=1", "  =1", "\r\n=1"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(text: str) -> None:
    assert harmless(text) == "'" + text


def test_plain_cells_stay_plain() -> None:
    assert [harmless(cell) for cell in ("timur", "", 7, "a=b")] == ["timur", "", 7, "a=b"]


def test_a_hostile_camera_name_stays_text(tab: Any, centre: Any, street: Street) -> None:
    name = '=<script>alert("1")</script>'
    street.violate("2026-09-15 08:00:00", camera=name)
    text = centre.client("viewer").get("/api/numbers/rows.csv").text
    assert f"'{name}" in next(csv.reader(io.StringIO(text.splitlines()[1])))
    tab.enter("viewer", "/numbers/cameras")
    assert name in tab.page.locator("main").inner_text()


def test_road_users_counted_anew_are_the_same(house: Any, street: Street) -> None:
    passed = {}
    for hour in range(300):
        key = ("a", f"c{hour % 3}", (1_789_999_200 + hour * 3600) * 10**9, 3 + hour % 2)
        passed[key] = 1 + hour % 7
    with house.database.writing() as c:
        for key, many in passed.items():
            traffic_weeks.add(c, house.zone, {key: many})
            row = dict(zip(("site", "camera", "hour", "road_user"), key, strict=True))
            c.execute(traffic.insert().values(count=many, **row))

    def cells() -> list[Any]:
        with house.database.reading() as c:
            return sorted(map(tuple, c.execute(traffic_weeks.traffic_weeks.select())))

    kept = cells()
    assert sum(row[4] for row in kept if row[0] == "") == sum(passed.values())
    with house.database.writing() as c:
        traffic_weeks.count(c, house.zone)
    assert cells() == kept


# --- kept for some seconds ----------------------------------------------------------------


def test_many_who_ask_at_once_cost_one_look() -> None:
    kept, looked, begin = Kept(20), [], threading.Barrier(8)

    def ask() -> None:
        begin.wait()
        kept.of("a", 5, lambda: looked.append(1))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looked) == 1


def test_what_is_kept_grows_old_and_few() -> None:
    kept = Kept(20, most=2)
    assert [kept.of("a", now, lambda now=now: now) for now in (0, 9, 20, 10)] == [0, 0, 20, 10]
    for key in "bcd":
        kept.of(key, 10, lambda key=key: key)
    assert kept.of("a", 11, lambda: "anew") == "anew"
    with pytest.raises(ZeroDivisionError):
        kept.of("x", 0, lambda: 1 / 0)
    assert kept.of("x", 0, lambda: "well") == "well"


def test_past_half_its_time_it_is_made_anew_while_the_old_is_given_out(
    wait_for: Callable[..., Any],
) -> None:
    kept, may, done = Kept(20), threading.Event(), threading.Event()
    made: list[str] = []

    def slow() -> str:
        assert may.wait(30)
        made.append("new")
        return "new"

    def fails() -> str:
        try:
            raise OSError("away")
        finally:
            done.set()

    kept.of("a", 0, lambda: "old")
    assert [kept.of("a", now, slow) for now in (10, 11, 19)] == ["old"] * 3
    may.set()
    wait_for(lambda: kept.of("a", 19, lambda: "never") == "new")
    assert made == ["new"]  # one at a time
    # a store that cannot answer: the old one stands to its end, then whoever asks is told
    assert kept.of("a", 29, fails) == "new" and done.wait(30)
    with pytest.raises(OSError, match="away"):
        kept.of("a", 41, fails)


# --- charts and figures -------------------------------------------------------------------


def test_charts_are_shapes_and_classes() -> None:
    bars = [Bar("<b>", 3.0, 2.0, 9.0), Bar("x", float("nan")), Bar("y", 0.0)]
    for svg in (columns(bars, 'a "name"'), strip(bars[0], 4.0)):
        assert "style" not in svg and "<b>" not in svg and "nan" not in svg
    assert 'aria-label="a &#34;name&#34;"' in columns(bars, 'a "name"')
    assert columns(bars, "n").count('class="rod"') == 2
    # nothing, zeros and one huge interval still make a picture
    assert "<svg" in columns([], "n") and "<svg" in columns([Bar("a", 0.0, 0.0, 5.0)], "n")


def test_a_bar_is_as_tall_as_its_number() -> None:
    svg = columns([Bar("a", 1.0), Bar("b", 2.0)], "n")
    one, two = (float(h) for h in re.findall(r'class="rod".*?height="([\d.]+)"', svg))
    assert two == pytest.approx(2 * one, abs=0.2)


def test_numbers_as_each_language_writes_them() -> None:
    english, indonesian = Figures("en"), Figures("id")
    assert (english.whole(1234567), indonesian.whole(1234567)) == ("1,234,567", "1.234.567")
    assert (english.few(0.05432), indonesian.few(0.05432)) == ("0.054", "0,054")
    assert (english.few(12.345), english.few(1234.5), english.few(0)) == ("12.3", "1,234", "0")
    assert (english.few(float("nan")), english.few(float("inf"))) == ("\N{EN DASH}", "∞")
    assert english.duration(102.4) == "1:42"
    assert indonesian.rule(9999) == "Tidak diketahui"


# --- in a browser -------------------------------------------------------------------------


def test_filtering_as_a_person_does(tab: Any, centre: Any, street: Street, shot: Any) -> None:
    fill(street)
    street.observe_only("timur", "red_light")
    tab.enter("viewer", "/numbers")
    page = tab.page
    assert page.locator("h1").inner_text() == "Is behaviour changing?"
    assert page.locator(".tile b").first.inner_text() == "148"
    shot(tab, "numbers_light")
    page.click("details.card > summary")
    page.select_option("select[name=rule]", "red_light")
    page.fill("input[name=date]", "2026-08-31")
    page.fill("input[name=around]", "3")
    page.click(".filters button")
    page.wait_for_url("**rule=red_light**")
    assert page.locator(".tile b").first.inner_text() == "85"
    assert page.locator(".change .said").inner_text().startswith("Fewer")
    shot(tab, "numbers_change")
    page.click("nav.tabs a:has-text('Cameras')")
    page.wait_for_url("**/numbers/cameras?**rule=red_light**")
    assert page.locator(".tag.warn").inner_text() == "Observe only"
    shot(tab, "numbers_cameras")
    # every chart has a name and a table beside it
    tab.go("/numbers")
    for chart in page.locator("svg.chart").all():
        assert chart.get_attribute("aria-label")
        assert chart.locator("xpath=..").locator("table").count() == 1


def test_dark_and_in_indonesian(tab: Any, centre: Any, street: Street, shot: Any) -> None:
    fill(street)
    tab.enter("viewer", "/numbers")
    tab.page.emulate_media(color_scheme="dark")
    tab.page.context.add_cookies([
        {"name": "bconnect_language", "value": "id", "url": tab.url},
    ])  # fmt: skip
    tab.go("/numbers?date=2026-08-31&around=3")
    assert tab.page.locator("h1").inner_text() == "Apakah perilaku berubah?"
    assert "0,400 kali" in tab.page.locator(".said").inner_text()
    shot(tab, "numbers_dark")


def too_wide(tab: Any) -> list[str]:
    """What reaches beyond the screen and does not scroll by itself."""
    found: list[str] = tab.page.evaluate("""[...document.querySelectorAll("main *")]
        .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
        .filter((e) => !e.parentElement.closest(".scroll"))
        .map((e) => `${e.tagName} ${e.className} ${e.getBoundingClientRect().right}`)""")
    return found


@pytest.mark.phone
def test_on_a_phone(tab: Any, centre: Any, street: Street, shot: Any) -> None:
    fill(street)
    tab.enter("viewer", "/numbers?date=2026-08-31")
    assert too_wide(tab) == [], "the page itself must not scroll sideways"
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
    shot(tab, "numbers_phone")
    tab.go("/numbers/cameras")
    assert too_wide(tab) == []
    shot(tab, "numbers_cameras_phone")


def test_on_paper(tab: Any, centre: Any, street: Street, shot: Any, tmp_path: Path) -> None:
    import pypdfium2

    fill(street)
    tab.enter("viewer", "/numbers?date=2026-08-31&around=3")
    path = tmp_path / "numbers.pdf"
    tab.page.pdf(path=str(path), format="A4", prefer_css_page_size=True)
    document = pypdfium2.PdfDocument(path)
    text = "".join(page.get_textpage().get_text_bounded() for page in document)
    assert "Is behaviour changing?" in text
    assert "10.08.2026" in text, "tables that were closed are printed"
    assert "Download CSV" not in text and "Filters" not in text
    folder = shot(tab, "numbers_screen").parent
    for number, page in enumerate(document):
        page.render(scale=1.5).to_pil().save(folder / f"numbers_paper_{number + 1}.png")
    assert len(document) <= 4
    document.close()
