"""What everybody may see."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # street_numbers
from street_numbers import Street

from bconnect_site.kinds import CitationStatus, Outcome


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    path = tmp_path / "center.yaml"
    path.write_text(
        "title: Pusat Kendali\nroot: state\nsites: [beruang_madu]\nlanguage: id\n"
        "notice: Dinas Perhubungan Kota, Jl. Contoh 1, pdp@dishub.example\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def street(house: Any) -> Street:
    return Street(house)


def fill(street: Street) -> None:
    """Weeks of 12, 8, 4 violations before the week under way, which has 9; another corridor."""
    for week, many in enumerate((12, 8, 4, 9)):
        monday = date(2026, 8, 31) + timedelta(7 * week)
        for n in range(many):
            street.violate(f"{monday.isoformat()} 08:{n:02d}:00")
            street.warn(f"{monday.isoformat()} 08:{n:02d}:00",
                        Outcome.COMPLIED if n % 2 else Outcome.IGNORED)  # fmt: skip
        street.passed(f"{monday.isoformat()} 08:00:00", 4000)
    for n in range(6):
        street.violate(f"2026-09-14 09:{n:02d}:00", site="lain", camera="barat")


def test_anybody_may_look_and_nobody_is_told(tab: Any, centre: Any, street: Street, shot: Any
                                             ) -> None:  # fmt: skip
    fill(street)
    tab.go("/public")
    text = tab.page.locator("main").inner_text()
    assert "Dinas Perhubungan Kota" in text and "pdp@dishub.example" in text
    for words in ("Apa yang direkam", "Untuk apa", "90 hari", "Hak Anda", "Cara mengajukan"):
        assert words in text, words
    rows = [row.inner_text().split("\t") for row in tab.page.locator("tbody tr").all()]
    assert [row[0] for row in rows] == ["14.09.2026", "07.09.2026", "31.08.2026"]
    assert [row[1:4] for row in rows] == [
        ["< 5", "6", "6"], ["8", "< 5", "8"], ["12", "< 5", "12"],
    ]  # fmt: skip
    assert rows[2][4].startswith("3,00")
    shot(tab, "public_id")
    tab.page.click("text=English")
    assert tab.page.locator("h1").inner_text() == "Orderly traffic in numbers"
    assert tab.page.locator("html").get_attribute("lang") == "en"
    tab.page.emulate_media(color_scheme="dark")
    shot(tab, "public_dark")


@pytest.mark.phone
def test_on_a_phone(tab: Any, centre: Any, street: Street, shot: Any) -> None:
    fill(street)
    tab.go("/public")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
    shot(tab, "public_phone")


def test_four_are_not_told_and_the_week_under_way_neither(centre: Any, street: Street) -> None:
    fill(street)
    told = centre.client().get("/api/public").json()
    cells = {(c["week"], c["site"]): c["violations"] for c in told["cells"]}
    assert cells[("2026-09-14", "beruang_madu")] is None
    assert cells[("2026-09-07", "beruang_madu")] == 8
    assert all(week < "2026-09-21" for week, _ in cells)
    for word in ("timur", "barat", "camera", "plate", "BC-"):
        assert word not in centre.client().get("/api/public").text


def test_shares_of_few_are_not_told(centre: Any, street: Street) -> None:
    for n in range(6):
        number = street.violate(f"2026-09-14 08:{n:02d}:00", cite=True)
        street.decide(number, CitationStatus.CONFIRMED if n else CitationStatus.REJECTED)
    told = centre.client().get("/api/public").json()
    assert told["upheld_by_officers"] is None, "one was not upheld: that is somebody"


def test_it_may_be_kept_and_is_the_same_for_everybody(centre: Any, street: Street) -> None:
    fill(street)
    officer, stranger = centre.client("supervisor"), centre.client()
    officer.cookies.set("bconnect_language", "en")
    for path in ("/public", "/public?language=en", "/api/public"):
        mine, theirs = officer.get(path), stranger.get(path)
        assert mine.text == theirs.text
        assert "Supervisor" not in mine.text
        assert theirs.headers["cache-control"] == "public, max-age=60"
        assert "set-cookie" not in theirs.headers


def test_it_is_computed_once_a_minute(centre: Any, street: Street, monkeypatch: Any) -> None:
    from bconnect_center import counting

    looked = []
    real = counting.published
    monkeypatch.setattr(counting, "published", lambda house: looked.append(1) or real(house))
    for _ in range(20):
        centre.client().get("/public")
        centre.client().get("/api/public")
    assert len(looked) == 1
    centre.clock.pass_(29)
    centre.client().get("/public")
    assert len(looked) == 1
    centre.clock.pass_(31)
    centre.client().get("/public?language=en")
    assert len(looked) == 2


def test_an_unknown_language_is_refused(centre: Any) -> None:
    assert centre.client().get("/public?language=%3Cscript%3E").status_code == 422


def test_without_a_named_answerer_it_says_so(tmp_path: Path, centre: Any) -> None:
    object.__setattr__(centre.house.file, "notice", None)
    assert "belum mencantumkan penanggung jawab" in centre.client().get("/public").text
