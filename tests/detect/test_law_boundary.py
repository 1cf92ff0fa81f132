"""What a finding cites around the day the law changed, from the rule to the line of the ledger.

The law changed with 2 January 2026, in the site's own time: in Balikpapan that began while it
was still 16:00 on the day before in Greenwich.
"""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from detect_scenes import place, user, zone

from bconnect_detect.core.rule import Context
from bconnect_detect.core.rules.illegal_parking import IllegalParking
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, Finding, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import freeze
from bconnect_site.law import load_catalogue
from bconnect_site.loader import load_site

CONFIG = Path(__file__).parents[2] / "config"
WITA = ZoneInfo("Asia/Makassar")
REGION = [[0.2, 0.4], [0.8, 0.4], [0.8, 0.9], [0.2, 0.9]]
OLD, NEW = "uu22_2009/2009-06", "uu22_2009/2026-01"


def local(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=WITA).timestamp()) * SECOND


def parked_until(decided: int, basis: str = "sign S-12") -> Finding:
    """A car whose allowance of 10 s is over just at that moment."""
    law = load_catalogue("uu22_2009", config_dir=CONFIG)
    made = zone(kind="no_parking", region=REGION, dwell=10.0, basis=basis)
    rule, context = IllegalParking(place(made, law=law)), Context(SignalBook({}))
    found: list[Finding] = []
    for tick in range(-101, 1):
        stamp = decided + tick * SECOND // 10
        tracks = Tracks.of(stamp, "c", (640, 360), [user((300.0, 250.0))])
        found += rule.check(tracks, context)
    (one,) = found
    assert one.stamp == decided
    return one


@pytest.mark.parametrize(
    ("moment", "version"),
    [
        ("2025-06-01 12:00:00", OLD),
        ("2026-01-01 00:00:00", OLD),
        ("2026-01-01 23:59:59", OLD),  # 15:59:59 UTC
        ("2026-01-02 00:00:00", NEW),  # 16:00:00 UTC, still 1 January there
        ("2026-01-02 07:59:59", NEW),
        ("2026-01-02 08:00:00", NEW),  # 2 January in Greenwich, too
        ("2026-11-24 16:30:00", NEW),
    ],
)
def test_the_sites_own_day_decides(moment: str, version: str) -> None:
    finding = parked_until(local(moment))
    assert finding.catalogue_version == version
    assert finding.article == "UU 22/2009 Art. 287(1)"
    assert finding.basis == "sign S-12"


def test_who_parked_over_midnight_is_judged_by_the_moment_that_decided() -> None:
    finding = parked_until(local("2026-01-02 00:00:05"))
    assert finding.started < local("2026-01-02 00:00:00")
    assert finding.catalogue_version == NEW


def test_footage_older_than_the_law_cites_nothing() -> None:
    finding = parked_until(local("2009-06-21 12:00:00"))
    assert (finding.article, finding.catalogue_version) == ("", "")


@pytest.mark.parametrize("moment", ["2026-01-01 23:59:59", "2026-01-02 00:00:00"])
@pytest.mark.parametrize(
    ("basis", "number"), [("sign S-12", "287(1)"), ("movement rule", "287(3)")]
)
def test_from_the_rule_to_the_ledger(tmp_path: Path, moment: str, basis: str, number: str) -> None:
    """Article, basis and version come through every message unchanged, and can be explained."""
    messages = pytest.importorskip("bconnect_msgs.msg")
    ledger = pytest.importorskip("bconnect_enforce.adapters.ledger")
    from bconnect_detect.convert import finding_to_msg
    from bconnect_enforce.convert import violation_from

    finding = parked_until(local(moment), basis)
    violation = messages.Violation(finding=finding_to_msg(finding), manifest="1/manifest.json")
    violation.header.stamp = violation.finding.header.stamp
    book = ledger.Ledger(f"sqlite:///{tmp_path}/ledger.sqlite3", WITA)
    try:
        book.store_violation(violation_from(violation), finding.stamp)
        with book.engine.connect() as connection:
            row = connection.exec_driver_sql(
                "SELECT article, basis, catalogue_version, stamp FROM violations"
            ).one()
    finally:
        book.close()
    version = OLD if moment.startswith("2026-01-01") else NEW
    assert tuple(row) == (f"UU 22/2009 Art. {number}", basis, version, finding.stamp)
    law = load_catalogue("uu22_2009", config_dir=CONFIG)
    explained = law.explain(row[0], datetime.fromtimestamp(row[3] // SECOND, WITA).date())
    assert explained.version == version
    assert explained.version_unsure is (version == NEW)


SITE = """
site: uji
kind: corridor
title: Uji
cameras:
  c:
    source: file:///nowhere.mp4
    zones:
      bahu: {kind: no_parking, dwell: 10.0, basis: sign S-12,
             region: [[0.2, 0.4], [0.8, 0.4], [0.8, 0.9]]}
    rules: [illegal_parking]
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A config folder of its own with one site, and the folder of its state."""
    shutil.copytree(CONFIG, tmp_path / "config", ignore=shutil.ignore_patterns("*.schema.json"))
    (tmp_path / "config" / "corridors" / "uji.yaml").write_text(SITE)
    return tmp_path


def start(ros: Any, house: Path) -> Any:
    from bconnect_detect.rule_checker_node import RuleChecker

    loaded = load_site(house / "config" / "corridors" / "uji.yaml")
    frozen = freeze(loaded, house / "state" / "uji" / "site.yaml")
    return ros.add(RuleChecker, namespace="/uji", parameter_overrides={"site_file": str(frozen)})


def test_a_catalogue_edited_under_its_findings_is_refused(ros: Any, house: Path) -> None:
    ros.remove(start(ros, house))
    record = json.loads((house / "state" / "uji" / "law.json").read_text())
    assert set(record["versions"]) == {OLD, NEW}
    law = house / "config" / "law" / "uu22_2009.yaml"
    text = law.read_text()
    edited = text.replace(
        "2026-01: {fine: 500000, unsure: true, note: figure of 2009}",
        "2026-01: {fine: 10000000}",
        1,
    )
    assert edited != text
    law.write_text(edited)
    with pytest.raises(ConfigError) as refusal:
        start(ros, house)
    (sentence,) = str(refusal.value).splitlines()
    assert "articles.280: is not what uu22_2009/2026-01 said when it came into force" in sentence
    law.write_text(text)
    ros.remove(start(ros, house))


def test_a_version_that_comes_into_force_while_we_run_is_held_too(ros: Any, house: Path) -> None:
    node = start(ros, house)
    record = house / "state" / "uji" / "law.json"
    record.unlink()  # as if it had been written before the change
    node._law._known = {OLD: {}}
    node._publish(parked_until(local("2026-01-02 00:00:00")), "")
    assert set(json.loads(record.read_text())["versions"]) == {OLD, NEW}
