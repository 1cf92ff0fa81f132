"""The sample nodes, for tests and for processes that tests start."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

SAMPLES = Path(__file__).with_name("sample_nodes.py")


def _load() -> ModuleType:
    if "sample_nodes" not in sys.modules:
        spec = importlib.util.spec_from_file_location("sample_nodes", SAMPLES)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["sample_nodes"] = module
        spec.loader.exec_module(module)
    return sys.modules["sample_nodes"]


@pytest.fixture(scope="session")
def nodes() -> ModuleType:
    """The module of sample nodes."""
    return _load()


@pytest.fixture(scope="session", autouse=True)
def importable() -> Iterator[None]:
    """Lets started processes import the sample nodes."""
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{SAMPLES.parent}:{before}"
    yield
    os.environ["PYTHONPATH"] = before


class Output:
    """What a process has said so far, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def starting(self, word: str) -> list[str]:
        """The lines that begin so."""
        return [line for line in list(self.lines) if line.startswith(word)]


@pytest.fixture
def sample(child: Callable[..., subprocess.Popen[str]]) -> Callable[..., Output]:
    """``sample("Busy", *args, env={...})``: a sample node in its own process."""

    def start(name: str, *args: str, env: dict[str, str] | None = None) -> Output:
        return Output(child(SAMPLES, name, *args, env=env, stderr=subprocess.STDOUT))

    return start
