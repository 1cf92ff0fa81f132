"""What the tests of the review share: a centre that reads a site's evidence, and its cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from case_maker import Maker

FILE = (
    "title: Pusat Kendali\nroot: state\nsites: [beruang_madu]\nlanguage: en\n"
    "evidence: [site/evidence]\n"
)


def write_file(tmp_path: Path, more: str = "") -> Path:
    path = tmp_path / "center.yaml"
    path.write_text(FILE + more, encoding="utf-8")
    return path


def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "site" / "evidence")


def decide(client: Any, number: str, verdict: str, **more: Any) -> Any:
    """An answer of the interface."""
    return client.post(f"/api/review/{number}/decision", json={"verdict": verdict, **more})


def status(house: Any, number: str) -> str:
    """What the ledger says of a case."""
    return str(house.ledger.case(number).last.status.name.lower())
