"""A unit with sealed folders, a real centre on a real port, and a line between that breaks."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from bconnect_site.keys import Keyring
from bconnect_spool.adapters import crypt
from bconnect_spool.adapters.box import Box
from bconnect_spool.adapters.tus_client import TusClient
from bconnect_spool.core.item import Item
from bconnect_spool.courier import Courier, Packer
from bconnect_spool.intake import Intake, registered

NOW = 1_790_000_000 * 10**9
UNIT = "etle_01"


class Line:
    """A TCP proxy that closes after so many bytes towards the centre; None: it holds."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listen = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listen.getsockname()[1]
        self.cut_after: int | None = None
        self.cuts = 0
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._open = False
        self._listen.close()

    def _accept(self) -> None:
        while self._open:
            try:
                client, _ = self._listen.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, towards: bool) -> None:
        try:
            while data := source.recv(4096):
                if towards and self.cut_after is not None:
                    if len(data) > self.cut_after:
                        target.sendall(data[: self.cut_after])
                        self.cut_after = None
                        self.cuts += 1
                        break
                    self.cut_after -= len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class House:
    """The centre: an intake behind uvicorn. ``taken``: how often each item came into its place."""

    def __init__(self, root: Path, wait_for: Callable[..., Any]) -> None:
        self.root, self._wait_for = root, wait_for
        self.keys = Keyring.open(root / "keys")
        self.secret, self.recipient = crypt.new_identity()
        self.units: dict[str, Any] = {}
        self.taken: dict[str, int] = {}
        self.fail = False
        self.intake = self.new_intake()
        self.start()

    def new_intake(self) -> Intake:
        return Intake(
            self.root / "intake",
            self.keys,
            self.secret,
            self.units,
            now=lambda: NOW,
            arrived=self._arrived,
            least_free=0,
        )

    def start(self) -> None:
        app = FastAPI()
        app.include_router(self.intake.router())
        self._server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        self._wait_for(lambda: self._server.started)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10.0)

    def register(self, unit: str, keys: Keyring) -> None:
        self.units.update(registered({unit: list(keys.publics().values())}))

    def _arrived(self, item: Item, folder: Path) -> None:
        if self.fail:
            raise OSError(28, "No space left on device")
        name = f"{item.unit}/{item.id}"
        self.taken[name] = self.taken.get(name, 0) + 1


class Unit:
    """A vehicle with an evidence store and a spool."""

    def __init__(self, root: Path, house: House, port: int, name: str = UNIT, **keys: Any) -> None:
        self.root, self.name = root, name
        self.keys = Keyring.open(root / "keys")
        self.box = Box(root / "spool", keys.pop("most_bytes", 1 << 30))
        self.packer = Packer(name, self.box, self.keys, house.recipient)
        self.client = TusClient(
            f"http://127.0.0.1:{port}", lambda size: None, self.box.addresses(), timeout=5.0, **keys
        )
        centre = next(iter(house.keys.publics().values()))
        self.courier = Courier(self.box, self.client, centre)

    def seal(self, id_: str, size: int = 20_000, priority: int = 5, stamp: int = 1) -> Path:
        """A folder like a sealed one, spooled."""
        folder = self.root / "evidence" / id_
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"id": id_}))
        (folder / "release").mkdir()
        (folder / "release" / "scene.jpg").write_bytes(random.Random(id_).randbytes(size))
        assert self.packer.pack(id_, folder, stamp, priority)
        return folder
