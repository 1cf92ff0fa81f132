"""A vehicle's clock against GNSS time: told in every seal, a wrong one in words, none changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bconnect_msgs.msg import ClockState

from bconnect_detect.convert import clock_from_msg, time_to_msg
from bconnect_detect.core import facts
from bconnect_detect.core.evidence import Case
from bconnect_detect.core.facts import Circumstances
from bconnect_detect.core.history import ClockHistory, GnssClock
from bconnect_detect.core.manifest import Facts
from bconnect_detect.core.types import SECOND, Finding
from bconnect_detect.sealing import Sealer
from bconnect_detect.sealing_site import Surroundings
from bconnect_site.kinds import ZoneKind
from bconnect_site.mapzones import MapZone

STAMP = 1_795_515_802_437_000_000
MakeFinding = Callable[..., Finding]


def look(offset: float | None, at: float = 0.0, **keys: Any) -> GnssClock:
    """A look so many seconds after STAMP."""
    told = {"uncertainty": 0.6, "age": 0.4, "source": "gnss messages"} | keys
    return GnssClock(STAMP + round(at * SECOND), offset, **told)


def sealed(
    root: Path,
    make_sealer: Callable[..., Sealer],
    finding: Finding,
    make_case: Callable[..., Case],
    *looks: GnssClock,
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    around = Surroundings(root, ["simpang_utara"])
    for one in looks:
        around.clock(one)
    sealer = make_sealer(root, extras=around)
    violation = sealer.seal(make_case(sealer, finding), STAMP)
    folder = root / sealer.directory(finding)
    plain = [json.loads((folder / name).read_text()) for name in ("manifest.json", "facts.json")]
    assert sealer.load(sealer.directory(finding)).finding.stamp == finding.stamp
    return violation, *plain  # type: ignore[return-value]


def test_the_state_at_the_moment_is_sealed(
    tmp_path: Path, make_sealer: Any, make_finding: MakeFinding, make_case: Any
) -> None:
    violation, manifest, facts = sealed(
        tmp_path / "evidence",
        make_sealer,
        make_finding(),
        make_case,
        look(9.0, -60.0),
        look(0.1, -2.0),
        look(9.0, 60.0),
    )
    told = {"offset": 0.1, "uncertainty": 0.6, "age": 2.4, "source": "gnss messages"}
    assert manifest["clock"]["gnss"] == facts["clock"]["gnss"] == told
    assert not any("clock" in sentence for sentence in violation.missing)


@pytest.mark.parametrize(("offset", "way"), [(12.5, "12.5 s ahead of"), (-3600.0, "behind")])
def test_a_wrong_clock_is_said_and_no_stamp_is_changed(
    tmp_path: Path,
    make_sealer: Any,
    make_finding: MakeFinding,
    make_case: Any,
    offset: float,
    way: str,
) -> None:
    finding = make_finding()
    violation, manifest, _ = sealed(
        tmp_path / "evidence", make_sealer, finding, make_case, look(offset)
    )
    (said,) = (sentence for sentence in violation.missing if sentence.startswith("clock: "))
    assert way in said and "none was changed" in said
    assert violation.finding.stamp == STAMP and manifest["clock"]["gnss"]["offset"] == offset


def test_nobody_told_is_not_a_wrong_clock(
    tmp_path: Path, make_sealer: Any, make_finding: MakeFinding, make_case: Any
) -> None:
    violation, manifest, _ = sealed(
        tmp_path / "evidence",
        make_sealer,
        make_finding(),
        make_case,
        look(None, uncertainty=None, age=None, source=""),
    )
    assert manifest["clock"]["gnss"]["source"] == "none"
    assert not any("clock" in sentence for sentence in violation.missing)


def test_a_corridor_says_nothing_of_gnss(
    tmp_path: Path, make_sealer: Any, make_finding: MakeFinding, make_case: Any
) -> None:
    _, manifest, _ = sealed(tmp_path / "evidence", make_sealer, make_finding(), make_case)
    assert "gnss" not in manifest["clock"]


@pytest.mark.parametrize(
    ("one", "wrong"),
    [(look(1.0), False), (look(1.2), True), (look(-1.2), True), (look(5.0, 300.0), False)],
)
def test_wrong_is_what_surely_is(one: GnssClock, wrong: bool) -> None:
    assert bool(one.fault(STAMP)) is wrong


def test_looks_are_few_but_a_clock_that_is_set_is_not_missed() -> None:
    kept = ClockHistory()
    for second in range(5000):
        kept.add(look(0.1, second))
    assert len(kept._looks) == 240
    kept.add(look(-7.0, 5000.0))
    found = kept.at(STAMP + 5000 * SECOND)
    assert found is not None and found.offset == -7.0


def test_a_message_says_unknown_as_nan() -> None:
    msg = ClockState(offset=float("nan"), uncertainty=0.5, age=float("inf"), source="x")
    msg.header.stamp = time_to_msg(STAMP)
    assert clock_from_msg(msg) == GnssClock(STAMP, None, 0.5, None, "x")


def test_a_zone_of_the_map_is_told_with_its_corners(make_finding: MakeFinding) -> None:
    zone = MapZone("bahu", ZoneKind.NO_PARKING, ((-1.24, 116.85), (-1.24, 116.86)), "sign S-12")
    finding = make_finding(latitude=-1.24, longitude=116.85, position_stddev=0.4)
    told = facts.build(finding, Circumstances(), None, Facts("0.1.0", "ab" * 32), zone)
    assert told["map_zone"]["coordinates"] == [[116.85, -1.24], [116.86, -1.24]]
    assert told["map_zone"]["kind"] == "no_parking" and told["place"]["stddev"] == 0.4
