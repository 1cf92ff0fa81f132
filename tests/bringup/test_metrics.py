"""Figures for Prometheus, read back by the parser of its own client."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bconnect_bringup.cli import main
from bconnect_bringup.figures import MOST_NAMES, Books, Picture, families
from bconnect_bringup.health import NodeHealth
from bconnect_enforce.adapters.ledger import Ledger
from bconnect_node.base import BconnectNode
from bconnect_site.kinds import CameraState, CitationStatus
from bconnect_site.plan import NodeSpec, Plan, StateLayout

S = 1_000_000_000
NAMES = ["/uji/utara/camera", "/uji/detector", "/uji/rule_checker", "/uji/citation"]


def scraped(picture: Picture) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Name of a sample to its labels and value, the way a server reads them."""

    class Once:
        def collect(self) -> Any:
            return families(picture)

    registry = CollectorRegistry()
    registry.register(Once())
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def heard(**nodes: dict[str, str]) -> dict[str, tuple[NodeHealth, int]]:
    made = {}
    for name, values in nodes.items():
        full = f"/uji/{name.replace('__', '/')}"
        level = values.pop("level", "ok")
        made[full] = (NodeHealth(full, "uji", level, "words", values), 100 * S)
    return made


def street(**more: Any) -> Picture:
    nodes = heard(
        utara__camera={
            "count.pictures": "1200", "age.pictures": "0.04", "drops": "3", "errors": "2",
            "drops.broken": "3", "reconnects": "4", "clock_offset": "nan", "ring_bytes": "2097152",
            "lifecycle": "active",
        },
        detector={"inference_ms": "45", "count.utara": "7", "level": "warning"},
        rule_checker={"camera utara": "off", "errors": "0"},
    )  # fmt: skip
    told = {"site": "uji", "version": "0.1.0", "nodes": NAMES, "heard": nodes, "now": 101 * S}
    return Picture(**{**told, **more})


def test_what_nodes_say_is_told_in_base_units() -> None:
    found = scraped(street(free_bytes=5e9))
    up = {labels["node"]: value for labels, value in found["bconnect_node_up"]}
    assert up == {"utara/camera": 1, "detector": 1, "rule_checker": 1, "citation": 0}
    assert ({"node": "detector"}, 1.0) in found["bconnect_node_level"]
    assert found["bconnect_detector_inference_seconds"] == [({"node": "detector"}, 0.045)]
    events = found["bconnect_node_events_total"]
    assert ({"node": "utara/camera", "name": "pictures"}, 1200.0) in events
    assert found["bconnect_node_event_age_seconds"][0][1] == 0.04
    drop = {"node": "utara/camera", "reason": "broken"}
    assert found["bconnect_node_drops_total"] == [(drop, 3.0)]
    assert found["bconnect_camera_reconnects_total"] == [({"node": "utara/camera"}, 4.0)]
    assert found["bconnect_camera_ring_bytes"][0][1] == 2_097_152
    assert "bconnect_camera_clock_offset_seconds" not in found  # unknown is not zero
    states = {labels["state"]: value for labels, value in found["bconnect_camera_state"]}
    assert states["off"] == 1 and sum(states.values()) == 1 and len(states) == len(CameraState)
    assert found["bconnect_state_free_bytes"] == [({}, 5e9)]


def test_a_node_that_fell_silent_is_down_and_its_old_figures_are_gone() -> None:
    found = scraped(street(now=111 * S))
    assert {value for _, value in found["bconnect_node_up"]} == {0.0}
    assert "bconnect_node_level" not in found and "bconnect_node_events_total" not in found


def test_the_ledger_counts_lines_by_status_and_says_when_it_is_away() -> None:
    found = scraped(street(books=Books(12, {"pending_review": 9, "confirmed": 2}, 50 * S)))
    lines = {labels["status"]: value for labels, value in found["bconnect_ledger_lines_total"]}
    assert lines == {"pending_review": 9, "confirmed": 2, "rejected": 0, "withdrawn": 0}
    assert len(lines) == len(CitationStatus) - 1
    assert found["bconnect_ledger_newest_violation_timestamp_seconds"] == [({}, 50.0)]
    assert found["bconnect_ledger_up"] == [({}, 1.0)]
    found = scraped(street(books=None))
    assert found["bconnect_ledger_up"] == [({}, 0.0)]
    assert "bconnect_ledger_violations" not in found
    newest = scraped(street(books=Books()))["bconnect_ledger_newest_violation_timestamp_seconds"]
    assert math.isnan(newest[0][1])


def test_strangers_are_counted_and_get_no_labels() -> None:
    nodes = street().heard | heard(**{f"stranger{i}": {"errors": "1"} for i in range(500)})
    wild = {f'drops.{"x" * i}\n"{i}': "1" for i in range(300)}
    nodes |= heard(citation=wild)
    found = scraped(street(heard=nodes))
    assert found["bconnect_unplanned_nodes"] == [({}, 500.0)]
    assert len(found["bconnect_node_up"]) == len(NAMES)
    mine = [la for la, _ in found["bconnect_node_drops_total"] if la["node"] == "citation"]
    assert 0 < len(mine) <= MOST_NAMES and all(len(la["reason"]) <= 64 for la in mine)
    assert not any("stranger" in str(labels) for rows in found.values() for labels, _ in rows)


def test_values_that_are_no_numbers_are_left_out() -> None:
    found = scraped(
        street(heard=heard(detector={"inference_ms": "fast", "errors": "", "age.x": "-"}))
    )
    for name in ("bconnect_detector_inference_seconds", "bconnect_node_errors_total"):
        assert name not in found


def test_names_follow_prometheus_conventions() -> None:
    for family in families(street(books=Books(1, {}, 1))):
        assert re.fullmatch(r"bconnect_[a-z][a-z_]*[a-z]", family.name), family.name
        assert not re.search(r"_(ms|mb|minutes|hours|percent|total)$", family.name)
        assert family.type in ("gauge", "counter")


# --- the whole command


@dataclass(frozen=True)
class Nothing:
    pass


class Busy(BconnectNode):
    def __init__(self, **kw: Any) -> None:
        super().__init__("detector", Nothing, **kw)
        self.health.tick("utara", 5)


def test_the_command_serves_a_running_site(ros: Any, wait_for: Any, tmp_path: Path) -> None:
    layout = StateLayout.of(tmp_path, "uji")
    layout.root.mkdir()
    spec = NodeSpec("p", "detector", "p.m:C", "detector", "/uji", {}, "detector")
    away = NodeSpec("p", "tracker", "p.m:C", "tracker", "/uji", {}, "perception")
    layout.plan_file.write_text(Plan("uji", (spec, away)).to_json())
    Ledger(layout.database, ZoneInfo("Asia/Makassar"), "uji").close()
    ros.add(Busy, namespace="/uji")
    command = [sys.executable, "-m", "bconnect_bringup.cli", "metrics", "uji", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--state", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")

    def up() -> dict[str, float]:
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = list(text_string_to_metric_families(answer.read().decode()))
        samples = [s for family in told for s in family.samples]
        assert any(s.name == "bconnect_ledger_up" and s.value == 1 for s in samples)
        return {s.labels["node"]: s.value for s in samples if s.name == "bconnect_node_up"}

    wait_for(lambda: up() == {"detector": 1.0, "tracker": 0.0}, 30, every=0.2)
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_port_that_is_no_port(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "uji").mkdir()
    assert main(["metrics", "uji", "--state", str(tmp_path), "--port", "99999"]) == 2
    assert "--port: found 99999" in capsys.readouterr().err
