"""Number plates are read inside an opened finding only: nobody but the sealer asks the reader."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
READER = "bconnect_detect.adapters.plate_reader"
MODELS = {
    *("plate_detector", "plate_hunt", "plate_ocr", "plate_patch", "plate_session"),
    "plate_reader",
}
SEALER = {
    # opens the reader, asks it about the stills of an opened finding
    "src/bconnect_detect/bconnect_detect/sealing.py",
    "src/bconnect_detect/bconnect_detect/sealing_site.py",
    "src/bconnect_detect/bconnect_detect/evidence_node.py",
}


def imports(path: Path) -> set[str]:
    """Modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value.partition(":")[0])  # import_module("...")
    return found


def users() -> dict[str, set[str]]:
    """File: models of the plate reader it imports, outside of the reader itself."""
    found = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        if path.stem in MODELS and path.parent.name == "adapters":
            continue
        names = {f"bconnect_detect.adapters.{model}" for model in MODELS}
        if hit := imports(path) & names:
            found[str(path.relative_to(ROOT))] = hit
    return found


def test_only_the_sealer_imports_the_plate_reader() -> None:
    assert set(users()) <= SEALER


def test_the_sealer_imports_the_reader_and_none_of_its_models() -> None:
    for file, modules in users().items():
        assert modules == {READER}, file


def test_the_reader_is_where_this_test_looks_for_it() -> None:
    adapters = ROOT / "src/bconnect_detect/bconnect_detect/adapters"
    assert {p.stem for p in adapters.glob("plate_*.py")} == MODELS
