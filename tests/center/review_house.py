"""What the tests of the review share: a centre that reads a site's evidence, and its cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from case_maker import Maker

FILE = """\
title: Pusat Kendali
root: state
sites: [{sites}]
language: en
evidence: [site/evidence]
"""


def write_file(tmp_path: Path, more: str = "", sites: str = "beruang_madu") -> Path:
    path = tmp_path / "center.yaml"
    path.write_text(FILE.format(sites=sites) + more, encoding="utf-8")
    return path


def maker_of(tmp_path: Path) -> Maker:
    """Seals into the store that the file above names."""
    return Maker(tmp_path / "site" / "evidence")


def decide(client: Any, number: str, verdict: str, **more: Any) -> Any:
    """An answer of the interface."""
    return client.post(f"/api/review/{number}/decision", json={"verdict": verdict, **more})


def status(house: Any, number: str) -> str:
    """What the ledger says of a case."""
    return str(house.ledger.case(number).last.status.name.lower())
