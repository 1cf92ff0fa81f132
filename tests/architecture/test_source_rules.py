"""House rules that an import contract cannot express, read off the source itself."""

from __future__ import annotations

import ast
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from ament_index_python.resources import get_resource

ROOT = Path(__file__).parents[2]
SOURCES = sorted(p for p in (ROOT / "src").rglob("*.py") if "build" not in p.parts)
CORES = [p for p in SOURCES if "core" in p.parts]
PACKAGES = sorted(p.parent for p in (ROOT / "src").glob("*/package.xml"))


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names of everything called in a file, with line numbers."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def offences(paths: list[Path], banned: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in paths
        for name, line in calls(path)
        if name in banned
    ]


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 30
    assert len(CORES) > 10
    assert len(PACKAGES) >= 8


def test_nobody_asks_the_wall_clock() -> None:
    """Time comes from message stamps or the node clock."""
    banned = {
        "time.time",
        "time.time_ns",
        "datetime.now",
        "datetime.utcnow",
        "datetime.today",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "date.today",
        "datetime.date.today",
    }
    assert offences(SOURCES, banned) == []


def test_cores_neither_wait_nor_read_nor_print() -> None:
    banned = {
        "open",
        "print",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.sleep",
        "input",
        "Path.cwd",
        "os.environ.get",
        "os.getenv",
    }
    assert offences(CORES, banned) == []


def test_nobody_sleeps_in_tests() -> None:
    """Tests wait on conditions; the one polling helper lives in conftest.py."""
    tests = [p for p in (ROOT / "tests").rglob("*.py") if p.name != "conftest.py"]
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in tests
        for name, line in calls(path)
        if name in {"time.sleep", "asyncio.sleep"}
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_package_is_a_ros_package(package: Path) -> None:
    tree = ElementTree.parse(package / "package.xml").getroot()
    assert tree.findtext("name") == package.name
    assert tree.findtext("license") == "AGPL-3.0-or-later"
    assert tree.findtext("version")
    build_type = tree.findtext("export/build_type")
    if build_type == "ament_python":
        assert (package / "resource" / package.name).exists()
        assert f"lib/{package.name}" in (package / "setup.cfg").read_text()
    else:
        assert build_type == "ament_cmake"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_package_is_found_through_the_ament_index(package: Path) -> None:
    """The built workspace carries the marker and the manifest `ros2 pkg` and launch look for."""
    _, prefix = get_resource("packages", package.name)
    assert (Path(prefix) / "share" / package.name / "package.xml").exists()


def test_colcon_crawls_below_the_root() -> None:
    for name in ("package.xml", "setup.py", "CMakeLists.txt"):
        assert not (ROOT / name).exists(), f"{name} at the root stops colcon's crawl"
    meta = json.loads((ROOT / "colcon.meta").read_text())
    assert "bconnect_msgs" in meta["names"]


def test_one_version_everywhere() -> None:
    versions = {
        p.name: ElementTree.parse(p / "package.xml").getroot().findtext("version") for p in PACKAGES
    }
    assert len(set(versions.values())) == 1, versions


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.name.endswith("_node.py")], ids=lambda p: p.stem
)
def test_node_files_stay_wiring_diagrams(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= 330, f"{path.name} has {lines} lines: move decisions into core/"


@pytest.mark.parametrize("path", CORES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_cores_stay_small(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= 400, f"{path.name} has {lines} lines: split it"
