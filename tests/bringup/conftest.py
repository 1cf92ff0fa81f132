"""A small site whose nodes are probes: real processes, real ROS, nothing heavy."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
SITE = """
site: probe_site
kind: corridor
title: Probe
timezone: Asia/Makassar
cameras:
  utara: {source: "${PROBE_UTARA}"}
speakers:
  tiang: {adapter: file, hears: [utara]}
"""

# Puts small nodes in the place of the real ones, then goes on as the program in argv[1].
PROGRAM = """
import sys
from dataclasses import replace
from bconnect_bringup import prepare
real = prepare.plan
picky = {picky!r}
def small(loaded, **kw):
    made = real(loaded, **kw)
    def probe(node):
        kind = "Picky" if node.name == picky else "Probe"
        return replace(node, target=f"probe_nodes:{{kind}}", parameters={{}})
    return replace(made, nodes=tuple(probe(node) for node in made.nodes))
prepare.plan = small
{then}
"""


@dataclass(frozen=True)
class Probes:
    """A site file, the folders of a run, and the environment of its processes."""

    folder: Path
    site_file: Path
    state: Path
    notes: Path
    env: dict[str, str]

    def program(self, then: str, picky: str = "") -> list[str]:
        """A command that runs `then` with probes for nodes; one of them may be picky."""
        return [sys.executable, "-c", PROGRAM.format(then=then, picky=picky)]

    def up(self, picky: str = "") -> list[str]:
        """`bconnect up` of the site."""
        then = (
            "from bconnect_bringup.cli import main\n"
            f"sys.exit(main(['up', {str(self.site_file)!r}, '--state', {str(self.state)!r}]))"
        )
        return self.program(then, picky)

    def ended(self) -> list[str]:
        """Full names of the nodes that closed, in order."""
        return self.notes.read_text().split() if self.notes.exists() else []


@pytest.fixture
def probes(tmp_path: Path) -> Iterator[Probes]:
    site_file = tmp_path / "probe.yaml"
    site_file.write_text(SITE)
    notes = tmp_path / "notes"
    paths = [str(HERE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "PROBE_NOTES": str(notes),
        "PROBE_UTARA": "file:///nowhere.mp4",
    }
    made = Probes(tmp_path, site_file, tmp_path / "state", notes, env)
    yield made
    for process in psutil.process_iter():  # what a failed test left behind
        with contextlib.suppress(psutil.Error):
            if any(str(made.state) in word for word in process.cmdline()):
                process.kill()
