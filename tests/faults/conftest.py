"""A whole graph for the tests of this room, in a folder of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from street import Street, Ways
from traffic import Traffic


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Callable[..., tuple[Street, Traffic]]]:
    """``street(ways)``: (a graph that is whole, the traffic that goes into it)."""
    made: list[Any] = []

    def start(ways: Ways | None = None, seed: int = 0) -> tuple[Street, Traffic]:
        one = Street(tmp_path / f"street_{len(made)}", ways)
        made.append(one)
        one.start()
        traffic = Traffic(one, seed)
        made.append(traffic)
        return one, traffic

    yield start
    for one in reversed(made):
        one.stop() if isinstance(one, Traffic) else one.close()
