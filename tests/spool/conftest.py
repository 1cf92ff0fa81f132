"""Lets the tests of this room share spool_house.py."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from spool_house import UNIT, House, Line, Unit


@pytest.fixture
def house(tmp_path: Path, wait_for: Callable[..., Any]) -> Iterator[House]:
    made = House(tmp_path / "house", wait_for)
    yield made
    made.stop()


@pytest.fixture
def line(house: House) -> Iterator[Line]:
    made = Line(house.port)
    yield made
    made.close()


@pytest.fixture
def unit(tmp_path: Path, house: House, line: Line) -> Iterator[Unit]:
    made = Unit(tmp_path / "unit", house, line.port, chunk=4096)
    house.register(UNIT, made.keys)
    yield made
    made.client.close()
