"""`bconnect center`: serves the command centre; keeps its accounts."""

import argparse
import getpass
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bconnect_center.adapters.people import Denied
from bconnect_center.core.audit import Act
from bconnect_center.core.roles import Person, Role
from bconnect_center.house import House, open_house
from bconnect_center.settings import Loaded, load
from bconnect_enforce.adapters.ledger import LedgerError
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.notify import Systemd

CENTRE = "pusat"  # what the bridge's own certificate is called
EXAMPLE = """\
# A command centre. `bconnect center FILE` serves it.
title: Pusat Kendali
root: centre-state            # its accounts, audit log and what arrives; keep it private
# ledger: postgresql://bconnect@host/bconnect
# evidence: [/var/lib/bconnect/demo/evidence]
sites: [{site}]
live: {{}}
listen: {{host: 127.0.0.1, port: 8080}}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until told to stop, or does one thing with an account. Raises ConfigError."""
    options = _options(argv)
    if options.init:
        return _init(options.config)
    loaded = load(options.config)
    if options.papers is not None:
        return _papers(loaded, options)
    try:
        house = open_house(loaded, _clock())
    except LedgerError as error:
        raise ConfigError(str(error)) from error
    try:
        if options.user is not None:
            return _user(house, options)
        if options.check_audit:
            return _check_audit(house)
        return _serve(house, loaded)
    finally:
        house.close()


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bconnect center", description="The command centre: watch, decide, speak."
    )
    parser.add_argument("config", type=Path, help="the centre's file (YAML)")
    parser.add_argument("--init", action="store_true", help="write an example of it, and stop")
    parser.add_argument("--user", metavar="NAME", help="make or change this account, and stop")
    parser.add_argument("--role", choices=[role.value for role in Role], default=Role.VIEWER.value)
    parser.add_argument("--sites", default="", help="with --user: only these, by commas")
    parser.add_argument("--shown", default="", help="with --user: the name people see")
    parser.add_argument("--remove", action="store_true", help="with --user: close the account")
    parser.add_argument("--password", action="store_true", help="with --user: ask for it here")
    parser.add_argument(
        "--papers", metavar="NAME",
        help="certificate of the bridge for this site, or for pusat itself, and stop",
    )  # fmt: skip
    parser.add_argument(
        "--host", action="append", default=[], help="with --papers pusat: where sites dial it"
    )
    parser.add_argument("--check-audit", action="store_true", help="verify the audit log, and stop")
    return parser.parse_args(argv)


def _clock():  # type: ignore[no-untyped-def]
    from rclpy.clock import Clock, ClockType

    clock = Clock(clock_type=ClockType.SYSTEM_TIME)
    return lambda: int(clock.now().nanoseconds)


def _init(path: Path) -> int:
    if path.exists():
        raise ConfigError(f"{path}: is there already; remove it first, or choose another name")
    path.write_text(EXAMPLE.format(site="beruang_madu"), encoding="utf-8")
    print(f"{path}: written; then  bconnect center {path} --user NAME --role admin")
    return 0


def address(loaded: Loaded, port: int | None = None) -> str:
    """Where browsers find it."""
    listen = loaded.file.listen
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"http{'s' if listen.secure else ''}://{host}:{port or listen.port}"


def _papers(loaded: Loaded, options: argparse.Namespace) -> int:
    from bconnect_center.adapters.papers import issue

    name = options.papers
    if name != CENTRE and name not in loaded.file.live:
        raise ConfigError(f'--papers: found "{name}"; allowed: {CENTRE}, and the sites of live')
    hosts = tuple(options.host or ("localhost", "127.0.0.1")) if name == CENTRE else ()
    folder = loaded.root / "bridge"
    try:
        pem, key = issue(folder, name, _clock()(), hosts)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder}: {error}") from None
    print(f"{name}: certificate {pem}, certificate_key {key}, ca {folder / 'ca.pem'}")
    return 0


def _user(house: House, options: argparse.Namespace) -> int:
    name = options.user
    if not names.is_name(name):
        raise ConfigError(f'--user: found "{name}"; allowed: a-z, 0-9 and _, at most 48')
    now = house.now()
    if options.remove:
        house.people.remove(name)
        house.audit.note(Act(now, "console", "account closed", name))
        return 0
    sites = frozenset(site for site in options.sites.split(",") if site)
    person = Person(name, Role(options.role), options.shown or name, sites)
    secret = house.people.invite(person, now)
    house.audit.note(Act(now, "console", "account", name, detail=options.role))
    if options.password:
        try:
            house.people.set_password(secret, getpass.getpass(f"password of {name}: "), now)
        except Denied as error:
            raise ConfigError(str(error)) from error
        return 0
    print(f"{name}: sets a password within 72 h at {address(house.loaded)}/invitation/{secret}")
    return 0


def _check_audit(house: House) -> int:
    act = house.audit.broken()
    if act is None:
        print("audit log: whole")
        return 0
    print(f"audit log: broken at {act.stamp} ({act.who}: {act.what})", file=sys.stderr)
    return 1


def _serve(house: House, loaded: Loaded) -> int:
    import uvicorn

    from bconnect_center.listeners import Listeners
    from bconnect_center.web import arriving
    from bconnect_center.web.app import create_app

    app = create_app(house)
    recipient = arriving.mount(app, house)
    listen = loaded.file.listen
    door = _bound(loaded)
    url = address(loaded, door.getsockname()[1])
    for fault in house.faults:
        print(f"bconnect: {fault}; the centre opens without it", file=sys.stderr)
    if not house.people.all():
        secret = house.people.invite(Person("admin", Role.ADMIN), house.now())
        print(f"first account: {url}/invitation/{secret}", flush=True)
    if not listen.secure and listen.host not in ("127.0.0.1", "::1", "localhost"):
        print(f"bconnect: {loaded.path}: listen.certificate: none given; passwords travel in the "
              "clear", file=sys.stderr)  # fmt: skip
    config = uvicorn.Config(
        app,
        ssl_certfile=str(loaded.near(listen.certificate)) if listen.certificate else None,
        ssl_keyfile=str(loaded.near(listen.certificate_key)) if listen.certificate_key else None,
        log_level="warning",
        server_header=False,
        proxy_headers=listen.behind_tls,
        timeout_graceful_shutdown=3,
    )
    print(f"{loaded.file.title}: {url}", flush=True)
    if recipient:
        print(f"units send to {url}{arriving.PATH}, recipient: {recipient}", flush=True)
    systemd = Systemd(time.monotonic)

    class Server(uvicorn.Server):
        """Feeds systemd's watchdog as long as its event loop turns."""

        async def on_tick(self, counter: int) -> bool:
            systemd.tend("")
            return await super().on_tick(counter)

    server = Server(config)
    listeners = Listeners(house)
    listeners.start()
    try:
        server.run(sockets=[door])
    finally:
        listeners.close()
    return 0 if server.started else 1


def _bound(loaded: Loaded) -> socket.socket:
    """The socket to serve on. Raises ConfigError."""
    listen = loaded.file.listen
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    door = socket.socket(family)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((listen.host, listen.port))
    except OSError as error:
        door.close()
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"{loaded.path}: listen: {listen.host}:{listen.port}: {reason}; choose another port"
        ) from None
    return door
