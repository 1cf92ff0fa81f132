"""Every node says how much comes in, how old it is, what it throws away, what went wrong."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bconnect_node import health
from bconnect_node.base import BconnectNode

SOURCES = Path(__file__).parents[2] / "src"
FILES = sorted(SOURCES.glob("*/*/*_node.py"))
NOTHING_TO_DROP = {
    "Ladder": "what it does not act on it says in a measure",
    "Spool": "a full spool refuses and says so; what was sealed stays in the store",
    "Player": "reads as fast as it is asked to",
}


def node_classes(path: Path) -> Iterator[type]:
    module = importlib.import_module(f"{path.parent.name}.{path.stem}")
    for found in vars(module).values():
        if isinstance(found, type) and found.__module__ == module.__name__:
            yield found


def said(node: type) -> str:
    """The source of a node and of what it stands on, but not of BconnectNode itself."""
    ours = [
        c for c in node.__mro__ if c.__module__.startswith("bconnect_") and c is not BconnectNode
    ]
    return "\n".join(inspect.getsource(inspect.getmodule(c) or c) for c in ours)


def test_there_are_nodes() -> None:
    assert len(FILES) >= 13


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_node_tells_what_it_takes_in_and_what_it_loses(path: Path) -> None:
    nodes = [c for c in node_classes(path) if issubclass(c, BconnectNode)]
    assert len(nodes) == 1, "a node file holds one node, and it is one of ours"
    (node,) = nodes
    text = said(node)
    assert "health.tick(" in text, "counts nothing that comes in: no rate and no age"
    speaks = re.search(r"health\.(error|state\(\s*(WARN|ERROR))", text)
    assert speaks, "whatever goes wrong, nobody is told"
    assert "health.drop" in text or node.__name__ in NOTHING_TO_DROP, (
        "throws things away without a word?"
    )


def test_the_main_input_is_one_that_still_comes(ros: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracker whose first camera is switched off still shows the rate of the others."""
    node = ros.node("probe", "/uji")
    now = 0.0
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: now))
    made = health.Health(node)

    def told() -> dict[str, str]:
        return {value.key: value.value for value in made.status().values}

    now = 3.0
    assert (told()["rate"], told()["age_of_last_input"]) == ("0", "3")  # nothing ever came
    made.tick("utara")
    now = 4.0
    made.tick("selatan")
    assert told()["age_of_last_input"] == "1"
    now = 3.0 + health.RECENT + 2.0
    made.tick("selatan")
    assert told()["age_of_last_input"] == "0"
    assert float(told()["age.utara"]) == health.RECENT + 2.0
