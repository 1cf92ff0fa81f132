"""`bconnect metrics SITE`: a site's diagnostics and ledger for Prometheus, on this machine only.

Runs beside the site, also while that is down (its nodes are then not up), and asks nobody anything.
"""

import argparse
import math
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric

from bconnect_bringup.ask import from_diagnostics, visit
from bconnect_bringup.figures import Books, Picture, families
from bconnect_bringup.health import NodeHealth
from bconnect_bringup.ledger import layout_of, url_of
from bconnect_bringup.runner import Stop
from bconnect_enforce.adapters.ledger import LedgerError
from bconnect_enforce.adapters.ledger.counting import read_counts
from bconnect_site import __version__
from bconnect_site.errors import ConfigError
from bconnect_site.plan import Plan, StateLayout

PORT = 9464
BOOKS = 60.0  # s between two looks into the ledger
MOST_NODES = 1000  # remembered, of this site's name


class Exporter:
    """A collector of prometheus_client; `hear` may be called from any thread."""

    def __init__(self, layout: StateLayout) -> None:
        self._layout, self._site = layout, layout.root.name
        self._lock = threading.Lock()
        self._heard: dict[str, tuple[NodeHealth, int]] = {}
        self._books: Books | None = None
        self._read = -math.inf
        self._planned: tuple[int, list[str]] = (0, [])
        self.now: Any = lambda: 0

    def hear(self, message: Any) -> None:
        """Remembers the last word of every node of this site."""
        stamp = self.now()
        with self._lock:
            for health in from_diagnostics(message):
                ours = health.node.startswith(f"/{self._site}/")
                if ours and (health.node in self._heard or len(self._heard) < MOST_NODES):
                    self._heard[health.node] = (health, stamp)

    def collect(self) -> Iterator[Metric]:
        """What Prometheus is given."""
        with self._lock:
            heard = dict(self._heard)
            books = self._look()
            nodes = self._nodes()
        return families(
            Picture(self._site, __version__, nodes, heard, self.now(), self._free(), books)
        )

    def _look(self) -> Books | None:
        if time.monotonic() - self._read < BOOKS:
            return self._books
        try:
            found = read_counts(url_of(self._layout), self._site)
            self._books = Books(found.violations, found.lines, found.newest)
        except (LedgerError, ConfigError):
            self._books = None
        self._read = time.monotonic()
        return self._books

    def _nodes(self) -> list[str]:
        """Of the last plan; read anew when that has changed."""
        try:
            changed = self._layout.plan_file.stat().st_mtime_ns
            if changed != self._planned[0]:
                made = Plan.from_json(self._layout.plan_file.read_text(encoding="utf-8"))
                self._planned = changed, [node.full_name for node in made.nodes]
        except (OSError, ConfigError):
            pass  # the site was never started here, or is being started now
        return self._planned[1]

    def _free(self) -> float:
        try:
            return float(shutil.disk_usage(self._layout.root).free)
        except OSError:
            return math.nan


def main(argv: Sequence[str]) -> int:
    """Serves until told to stop. Raises ConfigError."""
    parser = argparse.ArgumentParser(prog="bconnect metrics", description=__doc__)
    parser.add_argument("site", help="name of the site, or its file")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--host", default="127.0.0.1", help="whoever reaches it may read it")
    parser.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")
    options = parser.parse_args(argv)
    if not 0 <= options.port <= 65535:
        raise ConfigError(f"--port: found {options.port}, allowed 0 to 65535")
    exporter = Exporter(layout_of(options.site, options.state))
    stop = Stop()
    stop.install()
    with visit("bconnect_metrics") as guest:
        exporter.now = lambda: int(guest.node.get_clock().now().nanoseconds)
        guest.node.create_subscription(DiagnosticArray, "/diagnostics", exporter.hear, 100)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(exporter)
        server = _serve(registry, options.host, options.port)
        print(f"http://{options.host}:{server.server_port}/metrics", flush=True)
        while not guest.wait(lambda: bool(stop.reason), 60.0):
            pass
        server.shutdown()
    return 0


def _serve(registry: CollectorRegistry, host: str, port: int) -> Any:
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"--port: {host}:{port}: {reason}; choose another port") from None
    return server
