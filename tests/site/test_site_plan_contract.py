"""What plan() promises exists: classes, entry points, and every parameter of every node."""

from __future__ import annotations

import ast
import dataclasses
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bconnect_site.find import site_files
from bconnect_site.kinds import ViolationType
from bconnect_site.loader import load_site
from bconnect_site.model import RULE_ZONES
from bconnect_site.plan import NodeSpec, plan

ROOT = Path(__file__).parents[2]


def one_of_each() -> dict[str, NodeSpec]:
    """One node of every kind that the shipped sites plan."""
    return {
        node.name: node
        for path in site_files(ROOT / "config")
        for node in plan(load_site(path), site_file="/s/site.yaml", state_dir="/s").nodes
    }


NODES = one_of_each()


def load(node: NodeSpec) -> tuple[ModuleType, Any]:
    pytest.importorskip("rclpy", reason="the nodes need ROS 2")
    module = importlib.import_module(node.target.partition(":")[0])
    return module, getattr(module, node.target.partition(":")[2])


def test_the_shipped_sites_plan_every_kind_of_node() -> None:
    assert set(NODES) == {
        *("camera", "gnss", "detector", "signal", "tracker", "rule_checker", "evidence"),
        *("ladder", "speaker", "citation", "sticker", "tow"),
    }


@pytest.mark.parametrize("node", NODES.values(), ids=NODES.keys())
def test_node_takes_its_parameters(node: NodeSpec) -> None:
    module, node_class = load(node)
    assert isinstance(node_class, type)
    declared = [
        {field.name: field.type for field in dataclasses.fields(item)}
        for item in vars(module).values()
        if isinstance(item, type) and dataclasses.is_dataclass(item)
    ]
    assert any(set(node.parameters) <= set(fields) for fields in declared), node.parameters
    fields = next(fields for fields in declared if set(node.parameters) <= set(fields))
    for name, value in node.parameters.items():
        kind = (
            fields[name] if isinstance(fields[name], str) else getattr(fields[name], "__name__", "")
        )
        given = "list" if isinstance(value, list) else type(value).__name__
        assert str(kind).startswith(given), f"{name}: {kind}, plan gives {given}"


@pytest.mark.parametrize("node", NODES.values(), ids=NODES.keys())
def test_node_has_an_entry_point_of_its_executable(node: NodeSpec) -> None:
    setup = (ROOT / "src" / node.package / "setup.py").read_text()
    module = node.target.partition(":")[0]
    strings = {n.value for n in ast.walk(ast.parse(setup)) if isinstance(n, ast.Constant)}
    assert f"{node.executable} = {module}:main" in strings


def test_rules_of_detect_stand_on_the_zones_that_sites_are_checked_for() -> None:
    rules = pytest.importorskip("bconnect_detect.core.rules").RULES
    assert {kind: rule.zone_kinds for kind, rule in rules.items()} == {
        kind: RULE_ZONES[kind] for kind in rules
    }
    assert ViolationType.UNKNOWN not in rules
