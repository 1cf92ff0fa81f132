"""What is told around the moment: signal, camera, clocks, plate; bounded and honest about gaps."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import pytest

from bconnect_detect.adapters import clock
from bconnect_detect.core import facts
from bconnect_detect.core.evidence import Case
from bconnect_detect.core.facts import Circumstances
from bconnect_detect.core.history import (
    FORGET,
    MOST_RUNS,
    MOST_SIGNALS,
    CameraHistory,
    CameraLook,
    SignalHistory,
)
from bconnect_detect.core.manifest import Clock, Facts
from bconnect_detect.core.plain import finding_from_dict, finding_to_dict
from bconnect_detect.core.types import SECOND, Finding, Look, SignalReading
from bconnect_detect.core.violation import PlateReading
from bconnect_detect.looking import PlateDesk
from bconnect_detect.sealing import Sealer
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import (
    CameraState,
    PlateState,
    SignalAspect,
    SignalSource,
    ViolationType,
)

MakeFinding = Callable[..., Finding]
RED, GREEN, AMBER = SignalAspect.RED, SignalAspect.GREEN, SignalAspect.AMBER


def reading(stamp: int, aspect: SignalAspect, since: int, name: str = "utara") -> SignalReading:
    return SignalReading(name, aspect, stamp, since, SignalSource.CONTROLLER, 0.9)


def cycle(history: SignalHistory, start: int, seconds: int) -> None:
    """Ten seconds of green, then red, five times a second."""
    for tick in range(seconds * 5):
        stamp = start + tick * SECOND // 5
        red = tick >= 50
        since = start + 10 * SECOND if red else start
        history.add(reading(stamp, RED if red else GREEN, since))


def test_a_signal_is_told_in_runs() -> None:
    history = SignalHistory()
    cycle(history, 100 * SECOND, 20)
    green, red = history.around("utara", 0, 1000 * SECOND)
    assert (green.aspect, red.aspect) == (GREEN, RED)
    assert (red.since, red.first, red.readings) == (110 * SECOND, 110 * SECOND, 50)
    assert red.last == 110 * SECOND + 49 * SECOND // 5
    assert history.around("utara", 112 * SECOND, 113 * SECOND) == (red,)
    assert history.around("barat", 0, 1000 * SECOND) == ()


def test_an_old_reading_changes_nothing() -> None:
    history = SignalHistory()
    cycle(history, 100 * SECOND, 20)
    before = history.around("utara", 0, 1000 * SECOND)
    history.add(reading(50 * SECOND, AMBER, 0))
    assert history.around("utara", 0, 1000 * SECOND) == before


def test_what_is_remembered_is_forgotten() -> None:
    history = SignalHistory()
    for tick in range(100_000):
        stamp = tick * SECOND
        history.add(reading(stamp, RED if tick % 2 else GREEN, stamp, f"s{tick % 200}"))
    assert len(history) <= MOST_RUNS * MOST_SIGNALS
    assert len(history) <= MOST_SIGNALS * (FORGET // (200 * SECOND) + 2)
    cameras = CameraHistory(["a"])
    for tick in range(10_000):
        cameras.add("a", CameraLook(tick, CameraState.OK))
        cameras.add(f"stranger{tick}", CameraLook(tick, CameraState.OK))
    assert cameras.at("a", 0) == CameraLook(10_000 - 240, CameraState.OK)
    assert cameras.at("stranger1", 0) is None


def built(finding: Finding, around: Circumstances, **changes: Any) -> dict[str, Any]:
    told = Facts("0.1.0", "ab" * 32, clock=Clock(True, "adjtimex", 0.01))
    return json.loads(json.dumps(facts.build(finding, around, None, told), allow_nan=False))


def test_the_signal_around_the_moment(make_finding: MakeFinding) -> None:
    finding = make_finding()
    history = SignalHistory()
    cycle(history, finding.stamp - 13 * SECOND, 20)
    runs = history.around("utara", *facts.window(finding))
    look = CameraLook(finding.stamp, CameraState.OK, 25.0, 0.012, "rtcp")
    plain = built(finding, Circumstances(runs, look))
    assert [run["aspect"] for run in plain["signal"]["history"]] == ["green", "red"]
    assert plain["signal"]["history"][1]["since"] == finding.stamp - 3 * SECOND
    assert plain["signal"]["note"] == "" and plain["signal"]["decided"] == "red"
    assert plain["camera"]["clock_offset"] == pytest.approx(0.012)
    assert plain["camera"]["clock_source"] == "rtcp"
    assert plain["clock"] == {"synchronised": True, "source": "adjtimex", "max_error": 0.01}
    assert plain["decision"]["measured"] == 0.5 and plain["decision"]["limit"] is None
    assert plain["speed"] is None


@pytest.mark.parametrize(
    ("begins", "seconds", "expected"),
    [
        (None, 0, "nothing of this signal was heard"),
        (0.5, 5, "heard this signal only from 1.5 s after the offence began"),
        (-20.0, 18, "last heard this signal 2.2 s before the moment"),
    ],
)
def test_a_gap_in_what_was_heard_is_said(
    make_finding: MakeFinding, begins: float | None, seconds: int, expected: str
) -> None:
    finding = make_finding()
    history = SignalHistory()
    if begins is not None:
        cycle(history, finding.stamp + round(begins * SECOND), seconds)
    runs = history.around("utara", *facts.window(finding))
    assert expected in built(finding, Circumstances(runs))["signal"]["note"]


def test_unknown_is_said_as_unknown(make_finding: MakeFinding) -> None:
    plain = built(make_finding(signal=None), Circumstances())
    assert plain["signal"] is None
    assert plain["camera"] == {
        "name": "simpang_utara",
        "state": "unknown",
        "clock_offset": None,
        "clock_source": "unknown",
    }
    look = CameraLook(1, CameraState.OK, nan, nan)
    camera = built(make_finding(), Circumstances((), look))["camera"]
    assert camera["clock_offset"] is None and camera["clock_source"] == "unknown"


def test_a_speed_is_told_with_its_interval(make_finding: MakeFinding) -> None:
    finding = make_finding(
        type=ViolationType.SPEEDING,
        measured=20.0,
        measured_low=19.0,
        measured_high=21.0,
        limit=16.7,
    )
    plain = built(finding, Circumstances())
    assert plain["decision"]["unit"] == "m/s"
    assert plain["speed"]["kmh"]["measured"] == pytest.approx(72.0)
    assert plain["speed"]["mps"]["measured_low"] == 19.0
    assert plain["speed"]["fit"] is None  # a section's speed has none


def test_the_looks_a_speed_rests_on_are_told(make_finding: MakeFinding) -> None:
    finding = make_finding(type=ViolationType.SPEEDING, measured=20.0)
    looks = tuple(
        Look(finding.stamp + n * SECOND // 10, 2.0 * (n + 15), 0.25, 0.5 if n else nan)
        for n in range(-15, 6)
    )
    finding = replace(finding, looks=looks)
    fit = built(finding, Circumstances())["speed"]["fit"]
    assert (fit["from"], fit["to"]) == (finding.started, finding.stamp)
    assert [look["stamp"] for look in fit["looks"]] == [look.stamp for look in looks]
    assert fit["looks"][0]["stamp_utc"].endswith("20.937000Z")
    assert (fit["looks"][-1]["way"], fit["looks"][-1]["residual"]) == (40.0, 0.25)
    assert fit["looks"][15]["stddev"] is None  # unknown stays unknown
    whole = replace(finding, looks=looks[:15])
    assert finding_from_dict(finding_to_dict(whole)) == whole
    old = {k: v for k, v in finding_to_dict(whole).items() if k != "looks"}
    assert finding_from_dict(old).looks == ()


def test_the_clock_says_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    found = clock.state()
    assert found.source == "adjtimex" and found.synchronised in (True, False)
    assert found.max_error is None or 0 <= found.max_error < 16

    class Answers:
        """A kernel that answers as it is told to."""

        def __init__(self, result: int, status: int, error: int) -> None:
            self.answer = result, status, error

        def adjtimex(self, pointer: Any) -> int:
            pointer._obj.status, pointer._obj.maxerror = self.answer[1:]
            return self.answer[0]

    def asked(*answer: int) -> Clock:
        monkeypatch.setattr(clock.ctypes, "CDLL", lambda *a, **kw: Answers(*answer))
        return clock.state()

    assert asked(0, 0x2001, 12_000) == Clock(True, "adjtimex", 0.012)
    assert asked(5, 0x0040, 16_000_000) == Clock(False, "adjtimex", None)
    assert asked(0, 0x0040, 100) == Clock(False, "adjtimex", 0.0001)
    refused = asked(-1, 0, 0)
    assert refused.synchronised is None and "was not answered" in refused.source
    monkeypatch.setattr(clock.ctypes, "CDLL", lambda *a, **kw: object())
    assert clock.state().source == "unknown: this system has no adjtimex"


# --- the plate reader and its limit


class Hanging:
    def __init__(self) -> None:
        self.go = threading.Event()

    def read(self, stills: Any, finding: Finding) -> PlateReading:
        self.go.wait(30)
        return PlateReading(PlateState.READ, "KT 1 A")

    def find_plates(self, image: Any) -> list[Any]:
        return []


STILLS: list[Any] = [(1, None)]


def test_a_reader_that_hangs_is_not_waited_for(make_finding: MakeFinding) -> None:
    reader = Hanging()
    desk = PlateDesk(lambda: reader, 0.05)
    late = desk.read(STILLS, make_finding())
    assert late.state is PlateState.UNREADABLE and late.text == ""
    assert late.reason == "the plate reader did not answer within 0.05 s"
    again = desk.read(STILLS, make_finding())
    assert again.reason == "the plate reader still hangs on an earlier violation"
    reader.go.set()
    assert desk._busy
    desk._busy.join(5)
    assert desk.read(STILLS, make_finding()).text == "KT 1 A", "it is asked again when it is back"


def test_a_reader_that_raises_or_is_none(make_finding: MakeFinding) -> None:
    class Raising(Hanging):
        def read(self, stills: Any, finding: Finding) -> PlateReading:
            raise RuntimeError("model gone")

    found = PlateDesk(Raising, 5.0).read(STILLS, make_finding())
    assert found.state is PlateState.UNREADABLE and "RuntimeError: model gone" in found.reason
    none = PlateDesk(lambda: None, 5.0)
    assert none.read(STILLS, make_finding()) == PlateReading(
        PlateState.NOT_VISIBLE, reason="plates are not read at this site"
    )
    assert none.find_plates(None) == []  # type: ignore[arg-type]

    def broken() -> Any:
        raise ConfigError("plates.yaml: areas: is missing")

    wrong = PlateDesk(broken, 5.0).read(STILLS, make_finding())
    assert "could not be built: plates.yaml: areas: is missing" in wrong.reason
    no_stills = PlateDesk(Hanging, 5.0).read([], make_finding())
    assert no_stills.state is PlateState.NOT_VISIBLE


def test_a_ring_that_rolled_over_is_said_in_missing(
    sealer: Sealer, make_finding: MakeFinding, make_case: Callable[..., Case]
) -> None:
    """The camera's own words about what its ring does not hold any more are sealed."""
    from dataclasses import replace

    case = make_case(sealer, make_finding(), kinds=())
    gone = (
        "context_before.jpg: no picture within 1 s of the moment is kept, the ring holds +9.1 s",
        "clip: nothing of the wanted time is kept, the ring holds +9.1 s to +29.1 s around it",
    )
    violation = sealer.seal(replace(case, missing=gone))
    assert violation.missing == gone
    folder = sealer.store.root / Path(violation.manifest).parent
    told = json.loads((folder / "violation.json").read_bytes())
    assert told["missing"] == list(gone)
    assert [f["path"] for f in told["files"]] == ["facts.json"]
