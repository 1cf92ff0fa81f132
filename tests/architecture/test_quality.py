"""Every test that docs/quality.md names is there, and is a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.findall(
    r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "docs/quality.md").read_text(encoding="utf-8")
)


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 20


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_it_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    (test,) = [node for node in found if node.name == name]
    asserts = any(isinstance(node, (ast.Assert, ast.With, ast.Call)) for node in ast.walk(test))
    assert asserts, f"{path}::{name} checks nothing"
