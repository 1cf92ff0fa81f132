"""Every page by axe-core: WCAG 2.2 A and AA, light and dark, on a desk and on a phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bconnect_center.web.render import MENU
from bconnect_center.web.words import LANGUAGES, catalogue

ROOT = Path(__file__).parents[2]
WEB = ROOT / "src/bconnect_center/bconnect_center/web"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PATHS = [path for path, _, _ in MENU]


@pytest.fixture
def centre(standing: Any) -> Any:
    return standing


def faults(tab: Any) -> list[str]:
    """What axe-core finds, one line each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(tab.page, options={"runOnly": {"type": "tag", "values": RULES}})
    return [
        f"{fault['id']}: {node['target']}: {node['failureSummary']}"
        for fault in found.response["violations"]
        for node in fault["nodes"][:3]
    ]


def check(tab: Any, path: str, theme: str) -> None:
    tab.page.context.add_cookies([{"name": "bconnect_theme", "value": theme, "url": tab.url}])
    tab.go(path)
    tab.page.locator("h1").first.wait_for()
    assert faults(tab) == []
    wide = tab.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 1, f"{path}: scrolls sideways by {wide} px"


def who_sees(path: str) -> str:
    return "admin" if path in ("/accounts", "/audit") else "supervisor"


@pytest.mark.parametrize("path", PATHS)
def test_on_a_desk(tab: Any, path: str) -> None:
    tab.enter(who_sees(path), "/signed-in")
    for theme in ("light", "dark"):
        check(tab, path, theme)


@pytest.mark.phone
@pytest.mark.parametrize("path", PATHS)
def test_on_a_phone(tab: Any, path: str) -> None:
    tab.enter(who_sees(path), "/signed-in")
    check(tab, path, "light")


@pytest.mark.parametrize("path", ["/login", "/public"])
def test_without_an_account(tab: Any, path: str) -> None:
    for theme in ("light", "dark"):
        check(tab, path, theme)


def test_both_languages_say_the_same_with_the_same_values() -> None:
    names = re.compile(r"\{(\w+)[^}]*\}")
    for key, texts in catalogue().items():
        held = {language: set(names.findall(texts[language])) for language in LANGUAGES}
        assert held["id"] == held["en"], key


def test_every_word_that_is_asked_for_is_there() -> None:
    asked = re.compile(r"""\bt\(\s*['"]([a-z_]+\.[a-z0-9_]+)['"]\s*[,)]""")
    for path in WEB.rglob("*.html"):
        for key in asked.findall(path.read_text(encoding="utf-8")):
            assert key in catalogue(), f"{path.name}: {key}"


def test_no_page_holds_what_its_policy_forbids() -> None:
    """Inline script and style are refused by browsers; found here, not in the console."""
    for path in WEB.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text), path.name
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text), path.name
