"""Sites on hosts of their own (network namespaces): DDS stays there, the centre hears all."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "city_hosts.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("city_hosts", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if why := module.possible():
        pytest.skip(why)
    monkeypatch.setattr(module, "SITES_PER_HOST", 1)
    monkeypatch.setattr(module, "SETTLE", 1.0)
    monkeypatch.setattr(module, "IDLE", 0.1)
    return module


def test_hosts_are_joined_by_the_wire_and_dds_does_not_leave_them(
    bench: ModuleType, tmp_path: Path
) -> None:
    ours = bench.measure("ours", 2, 2, tmp_path)
    one = bench.measure("one", 2, 2, tmp_path)
    assert max(ours["whole"], one["whole"]) < bench.LONGEST, "each became whole"
    assert 0 < ours["host_bytes"] < one["host_bytes"] / 2
    assert bench.possible() is None, "nothing of the network is left behind"


def test_the_report_says_how_traffic_grows(bench: ModuleType) -> None:
    def found(bytes_: float) -> dict[str, float]:
        return {
            "whole": 1.0, "cpu": 1.0, "host_bytes": bytes_, "host_packets": 1.0,
            "centre_bytes": 1.0, "all_bytes": bytes_, "idle_bytes": 1.0, "idle_packets": 1.0,
        }  # fmt: skip

    told = {("ours", 5): found(10), ("ours", 10): found(20), ("one", 5): found(10),
            ("one", 10): found(40)}  # fmt: skip
    text = bench.report(told, [5, 10], 10)
    assert "- ours: 2 times the sites, 2.0 times the bytes of all hosts (sites to the power" in text
    assert "power of 1.00" in text and "power of 2.00" in text
