"""spool: sealed violations in, encrypted and signed, carried to the command centre.

The packer thread makes items of sealed folders; the courier thread sends them. Callbacks only
hand over. What was sealed while this node was away is found in the evidence store.
"""

import os
import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bconnect_msgs.msg import Violation

from bconnect_node import stamps
from bconnect_node.base import BconnectNode
from bconnect_node.health import ERROR, OK, WARN
from bconnect_node.parameters import field
from bconnect_node.qos import RECORD
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring, publics
from bconnect_site.sealed import ERASED, MANIFEST
from bconnect_spool.adapters.box import Box, SpoolError, SpoolFull
from bconnect_spool.adapters.tus_client import LinkError, Refused, TusClient
from bconnect_spool.core.item import Item
from bconnect_spool.core.pace import Allowance, Backoff, next_of
from bconnect_spool.courier import Courier, Packer
from bconnect_spool.keeping import Keeper, Keeping

SECOND = 1_000_000_000
DAY = 86400 * SECOND
LOOK = 0.5  # s
RESCAN = 600.0  # s between two looks through the evidence store
GLANCE = 20.0  # s between two looks at its newest days: a message may have been missed
REFUSED_PAUSE = 300 * SECOND  # ns before an item the centre refused is offered again


@dataclass(frozen=True)
class SpoolParams:
    """Where from, where to."""

    unit: str = field(description="the site's name, as the centre knows it")
    evidence_dir: str = field(description="the evidence store")
    spool_dir: str = field(description="folder of what waits")
    keys_dir: str = field(description="the site's signing keys")
    url: str = field(description="the centre's intake, https://host/intake, or ${NAME}")
    centre_key: str = field(description="the centre's public key (PEM), signs receipts")
    recipient: str = field(description='the centre\'s age public key, "age1..."')
    ca: str = field("", "certificate to trust (PEM); empty: the system's")
    rate: float = field(0.0, "bytes/s at most; 0: no cap", minimum=0.0)
    since: str = field("", "local day (ISO) from which on cases are the centre's; empty: all")
    most_bytes: int = field(20 << 30, "of what waits", minimum=1 << 20)
    remember_days: int = field(90, "receipts are kept", minimum=1)
    erase: str = field("never", "sealed folders", choices=("never", "received", "packed"))
    erase_hours: float = field(24.0, "h that they are kept after that", minimum=0.0)


class Spool(BconnectNode):
    """One per site."""

    params: SpoolParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("spool", SpoolParams, **kw)
        p = self.params
        self._store = Path(p.evidence_dir)
        keys = Keyring.open(Path(p.keys_dir))
        known = publics(Path(p.centre_key))
        if len(known) != 1:
            raise ConfigError(f"centre_key: {p.centre_key}: found {len(known)} keys, needs one")
        try:
            self._box = Box(Path(p.spool_dir), p.most_bytes)
        except SpoolError as error:
            raise ConfigError(str(error)) from None
        for sentence in self._box.broken:
            self.health.error(sentence)
        self._packer = Packer(p.unit, self._box, keys, p.recipient)
        self._allowance = Allowance(p.rate)
        self._client = TusClient(
            expand_env(p.url, os.environ, "url"),
            self._hold_back,
            self._box.addresses(),
            verify=p.ca or True,
        )
        self.at_close(self._client.close)
        centre = next(iter(known.values()))
        self._courier = Courier(self._box, self._client, centre)
        keeping = Keeping(p.erase, p.erase_hours)
        self._keeper = Keeper(self._store, self._box, keys, p.unit, centre, keeping)
        self._inbox: queue.Queue[tuple[str, str, int]] = queue.Queue(10_000)
        self._news = threading.Event()
        self._refused: dict[str, int] = {}  # item to when; as many as wait
        self.create_subscription(Violation, names.VIOLATIONS, self.on_violation, RECORD)
        self.worker("packer", self._pack_all)
        self.worker("courier", self._send_all)

    def on_violation(self, m: Violation) -> None:
        self.health.tick(names.VIOLATIONS)
        stamp = stamps.to_ns(m.finding.header.stamp)
        with suppress(queue.Full):  # the evidence store keeps it; the next look finds it
            self._inbox.put_nowait((m.finding.id, m.manifest, stamp))

    # -- packer ----------------------------------------------------------------------------

    def _pack_all(self, stop: threading.Event) -> None:
        looked = glanced = float("-inf")
        while not stop.is_set():
            if time.monotonic() - glanced > GLANCE:
                glanced = time.monotonic()
                days = sorted(self._store.glob("*/????-??-??"), key=lambda day: day.name)
                self._look_through(stop, days[-2:])
            if time.monotonic() - looked > RESCAN:
                looked = time.monotonic()
                self._look_through(stop, [self._store])
                self._erase(stop)
                self._box.forget(self.now() - self.params.remember_days * DAY)
            with suppress(queue.Empty):
                self._pack(*self._inbox.get(timeout=LOOK))

    def _look_through(self, stop: threading.Event, folders: list[Path]) -> None:
        """What was sealed and never spooled; its folder is called as its violation."""
        # not rglob: it raises where a folder is sealed, and so renamed, while it looks
        walks = [walk for folder in folders for walk in os.walk(folder)]
        for manifest in sorted(Path(at) / MANIFEST for at, _, files in walks if MANIFEST in files):
            if stop.is_set():
                return
            id_ = manifest.parent.name
            fresh = not self._box.knows(id_) and not (manifest.parent / ERASED).exists()
            if fresh and ".partial" not in id_:
                stamp = int(manifest.stat().st_mtime_ns)
                self._pack(id_, str(manifest.relative_to(self._store)), stamp)

    def _erase(self, stop: threading.Event) -> None:
        """What the centre has, or what lies encrypted, need not lie here too."""
        for told in self._keeper.sweep(self.now(), stop.is_set):
            if ": " in told:
                self.health.error(told)
            else:
                self.health.tick("erased")

    def _pack(self, id_: str, manifest: str, stamp: int) -> None:
        folder = (self._store / manifest).resolve().parent
        if self._store.resolve() not in folder.parents or not (folder / MANIFEST).is_file():
            self.health.error(f"violation {id_[:64]}: {manifest[:128]}: is not in the store")
            return
        if folder.parent.name < self.params.since:  # <site>/<local day>/<id>: this site decides it
            return
        try:
            if self._packer.pack(id_, folder, stamp):
                self.health.tick("spooled")
                self._news.set()
        except SpoolFull as error:
            self.health.drop("spool full")
            self.health.error(str(error))
        except (OSError, ValueError) as error:
            self.health.error(f"violation {id_}: {error}; it is tried again")
        self._tell()

    # -- courier ---------------------------------------------------------------------------

    def _send_all(self, stop: threading.Event) -> None:
        backoff = Backoff()
        while not stop.is_set():
            self._news.clear()
            try:
                sent = self._courier.step(self._rests)
            except Refused as error:
                self._refuse(str(error))
            except (LinkError, OSError) as error:
                self.health.error(str(error))
                self.health.state(WARN, f"{len(self._box)} wait: {error}")
                stop.wait(backoff.failed())
            else:
                backoff.worked()
                if sent is not None:
                    self.health.tick("sent")
                    self.health.state(OK, "running")
                    continue
                self._news.wait(LOOK)
            self._tell()

    def _refuse(self, sentence: str) -> None:
        """The item the centre refused rests a while, so that the others go."""
        self.health.error(sentence)
        self.health.state(ERROR, sentence)
        waiting = [item for item in self._box.items() if not self._rests(item)]
        known = {item.id for item in self._box.items()}
        self._refused = {i: at for i, at in self._refused.items() if i in known}
        item = next_of(waiting)
        if item is not None:
            self._refused[item.id] = self.now()

    def _rests(self, item: Item) -> bool:
        at = self._refused.get(item.id)
        return at is not None and 0 <= self.now() - at < REFUSED_PAUSE

    def _hold_back(self, size: int) -> None:
        while not self.closing:
            left = self._allowance.wait(size, time.monotonic_ns())
            if left <= 0.0:
                return
            self._closing.wait(min(left, LOOK))

    def _tell(self) -> None:
        self.health.set("waiting", len(self._box))
        self.health.set("waiting_bytes", self._box.size)


def main() -> int:
    """Entry point of the executable."""
    return run(Spool)
