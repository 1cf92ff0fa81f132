"""The benchmark of the moved view: what it counts, on a film made here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("cv2")
import cv2
from view_scenes import seen, street, traffic

FILE = Path(__file__).parents[2] / "benchmarks" / "moved_view.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("moved_view", FILE)
    assert spec is not None and spec.loader is not None
    made = sys.modules["moved_view"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


FILM = [traffic(street(), step) for step in range(80)]


def test_a_quiet_film_raises_no_alarm_and_a_moved_one_does(bench: ModuleType) -> None:
    assert bench.alarms(FILM) == ({}, 2.25)
    moved = FILM[:40] + [seen(picture, x=0.02) for picture in FILM[40:]]
    found, _ = bench.alarms(moved)
    assert found == {"moved": 1}


def test_a_move_is_timed_from_its_first_picture_on(bench: ModuleType) -> None:
    tried = bench.trial(FILM, 20, bench.slid(6.0, 0.0))
    assert 0.5 <= tried.noticed <= 2.0 and 1.0 <= tried.returned <= 2.5
    assert bench.trial(FILM, 20, bench.slid(0.3, 0.0)) == bench.Trial(None, None)
    fog = [np.full_like(FILM[0], 120)] * 80
    assert bench.trial(fog, 20, bench.slid(6.0, 0.0)) is None  # nothing learned, nothing tried


def test_matrices_are_what_they_say(bench: ModuleType) -> None:
    point = np.array([[[320.0, 180.0]], [[420.0, 180.0]]])
    assert cv2.transform(point, bench.slid(5.0, -2.0))[0, 0] == pytest.approx((330.0, 176.0))
    turned = cv2.transform(point, bench.bent(1.1, 90.0))
    assert turned[0, 0] == pytest.approx((320.0, 180.0))
    assert turned[1, 0] == pytest.approx((320.0, 290.0))  # right becomes down: clockwise


def test_the_table_says_from_where_on_all_are_noticed(bench: ModuleType) -> None:
    cells = {}
    for name, _, _, sizes in bench.KINDS:
        for size in sizes:
            late = 1.0 if size >= sizes[4] else None
            cells[name, size] = bench.Cell([bench.Trial(late, 1.75)] * 3)
    rows = bench.move_rows(cells)
    assert rows[2].startswith("| pan | 2.5 px (0.33 deg at 40 deg) | 2 px | ")
    assert rows[5].startswith("| roll | 1 deg | 0.75 deg | 15 | 1.00 / 1.00 | 1.75 / 1.75 |")
    cells["roll", 30].trials.append(bench.Trial(None, None))
    assert bench.move_rows(cells)[5].startswith("| roll | none | ")


def test_a_head_that_turns_is_followed(bench: ModuleType) -> None:
    film = []
    for step in range(320):
        at = step / bench.RATE
        gone = any(begin <= at < begin + bench.AWAY for begin, _, _ in bench.HEAD)
        film.append(seen(street(), x=0.1) if gone else street())
    tried = bench.head(film)
    assert len(tried) == 2 and all(t.noticed <= 2.0 and t.returned <= 2.0 for t in tried)
