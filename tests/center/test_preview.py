"""What a drawing would have found, with the site's other cameras and without."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "replay"))

from replay_scenes import SECOND, SITE_FILE, T0, cars, write_info, write_status, write_users

from bconnect_center.judge_preview import compare, judge
from bconnect_replay.adapters.bag import BagWriter


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bag in which two cameras see one car each against the arrow."""
    folder = tmp_path_factory.mktemp("street")
    with BagWriter(folder / "bag") as bag:
        write_info(bag)
        for n in range(80):
            stamp = T0 + n * SECOND // 10
            if n % 10 == 0:
                write_status(bag, stamp)
            for camera in ("utara", "selatan"):
                write_users(bag, stamp, cars(n / 10, -60.0, 60.0), camera=camera)
    return folder


def site(folder: Path, name: str, changed: dict[str, Any] | None = None) -> str:
    """A site file of two cameras; ``changed``: of utara."""
    plain = copy.deepcopy(SITE_FILE)
    plain["cameras"]["selatan"] = copy.deepcopy(plain["cameras"]["utara"])
    plain["cameras"]["utara"].update(changed or {})
    path = folder / name / "site.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    return str(path)


def test_alone_or_with_the_others(street: Path) -> None:
    none = {"rules": [], "zones": {}}
    task = {
        "bag": str(street / "bag"), "camera": "utara", "since": 0, "together": False,
        "before": site(street, "before"), "after": site(street, "after", none),
    }  # fmt: skip
    shares: list[float] = []
    alone = compare(judge(task, "before", shares.append), judge(task, "after", shares.append),
                    "utara")  # fmt: skip
    assert alone["judged"] == ["utara"] and (alone["before"], alone["after"]) == (1, 0)
    assert shares and shares[-1] == 1.0
    task["together"] = True
    both = compare(judge(task, "before", shares.append), judge(task, "after", shares.append),
                   "utara")  # fmt: skip
    # One incident seen by both: it does not go away when utara no longer looks.
    assert both["judged"] == ["selatan", "utara"] and (both["before"], both["after"]) == (1, 1)
    assert {(f["camera"], f["what"]) for f in both["findings"]} == {
        ("utara", "lost"), ("selatan", "changed"),
    }  # fmt: skip
    same = compare(judge(task, "before", shares.append), judge(task, "before", shares.append),
                   "utara")  # fmt: skip
    assert [f["camera"] for f in same["findings"]] == ["utara"]  # the others' are not listed
