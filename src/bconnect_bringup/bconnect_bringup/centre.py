"""A command centre beside a running demonstration."""

import os
import socket
import sys
import time
from pathlib import Path

import yaml

from bconnect_bringup.child import Child
from bconnect_bringup.console import Console
from bconnect_bringup.prepare import Prepared
from bconnect_center.adapters.listener import KEYS
from bconnect_center.core.roles import Person, Role
from bconnect_center.house import open_house
from bconnect_center.settings import load
from bconnect_node.environment import middleware_env
from bconnect_site.disk import replace
from bconnect_site.doors import TRUSTED
from bconnect_site.keys import Keyring
from bconnect_site.ledger import database_url
from bconnect_site.orders import ANNOUNCE, REVIEW, STICKER, TOW_ORDER, TrustedKey
from bconnect_site.trusted import read_trusted, write_trusted

USUAL = 8080
PEOPLE = (Person("petugas", Role.SUPERVISOR, "Petugas"), Person("admin", Role.ADMIN, "Admin"))


class Centre:
    """Runs until `close`. `links` set each account's password, once; `url` is the door."""

    def __init__(self, prepared: Prepared, console: Console) -> None:
        self._console = console
        folder = prepared.layout.root / "center"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        port = _free(USUAL)
        self.url = f"http://127.0.0.1:{port}"
        file = _write(folder, prepared, port)
        self.links = _invite(file, self.url)
        _trust(folder / KEYS, prepared)
        self._child = Child(
            [sys.executable, "-m", "bconnect_bringup.cli", "center", str(file)],
            {**os.environ, **middleware_env(), "ROS_LOG_DIR": str(prepared.layout.log_dir)},
        )
        console.say(f"the command centre is at {self.url}; to sign in, choose a password first:")
        for name, link in self.links.items():
            console.say(f"  {name}: {link}")

    def step(self) -> bool:
        """Passes on what it says; whether it still runs."""
        lines, _ = self._child.read_lines()
        for line in lines:
            if line.startswith("bconnect:"):
                self._console.say(line)
        return self._child.exit_code() is None

    def close(self) -> None:
        """Asks it to stop, and sees to it."""
        if self._child.exit_code() is None:
            self._child.ask_to_stop()
            for _ in range(100):
                if not self.step():
                    break
                time.sleep(0.1)
            else:
                self._child.kill()
        self._child.close()


def _write(folder: Path, prepared: Prepared, port: int) -> Path:
    site, layout = prepared.loaded.site, prepared.layout
    told = {
        "title": f"Pusat Kendali {site.title}",
        "root": str(folder),
        "ledger": database_url(site.ledger, layout),
        "region": site.ledger.region,
        "evidence": [str(layout.evidence_dir)],
        "sites": [site.site],
        "live": {site.site: {}},
        "listen": {"port": port},
    }
    file = folder / "center.yaml"
    replace(file, yaml.safe_dump(told, allow_unicode=True, sort_keys=False).encode())
    return file


def _trust(folder: Path, prepared: Prepared) -> None:
    """The site follows this centre's orders, before its nodes read whose they follow."""
    file = prepared.layout.orders_dir / TRUSTED
    ring = Keyring.open(folder)
    rights = frozenset({ANNOUNCE, REVIEW, STICKER, TOW_ORDER})
    held = read_trusted(file) | {
        ring.key_id: TrustedKey("pusat", ring.publics()[ring.key_id], rights)
    }
    write_trusted(file, held.values())


def _invite(file: Path, url: str) -> dict[str, str]:
    from rclpy.clock import Clock, ClockType

    now = int(Clock(clock_type=ClockType.SYSTEM_TIME).now().nanoseconds)
    house = open_house(load(file), lambda: now)
    try:
        held = {person.name for person in house.people.all()}
        return {
            person.name: f"{url}/invitation/{house.people.invite(person, now)}"
            for person in PEOPLE
            if person.name not in held
        }
    finally:
        house.close()


def _free(usual: int) -> int:
    """The usual port where nobody has it, else one the system chooses."""
    for port in (usual, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return usual
