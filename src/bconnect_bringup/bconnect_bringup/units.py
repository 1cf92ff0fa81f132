"""`bconnect units SITE|CENTRE.yaml --out DIR`: systemd units, watched, hardened, egress shut.

Written are a service that runs the site or the centre and, for a site, one that serves its
metrics and a daily timer that erases what may be kept no longer. Copy them to /etc/systemd/system.
"""

import argparse
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bconnect_bringup import egress
from bconnect_bringup.metrics import PORT
from bconnect_bringup.prepare import load
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError
from bconnect_site.loaded import LoadedSite
from bconnect_site.yamlfile import read_yaml

ENVIRONMENT = "/etc/bconnect/{}.env"
STATE = "/var/lib/bconnect"
WATCHDOG = 60  # s; the supervisor itself starts a process again within these
START = 600  # s until every process has given a sign of life; a model may be optimised first
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

HARDENING = """\
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=no
CapabilityBoundingSet=
AmbientCapabilities=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
LimitCORE=0
"""


def main(argv: Sequence[str]) -> int:
    """Writes the units. Raises ConfigError."""
    options = _options(argv)
    env = {**os.environ, **read_environment(options.environment)}
    extra = [egress.network(text) for text in options.allow]
    how = How(options.program or program(), options.user, options.environment, extra, options.port)
    if _is_centre(options.what):
        units, told = centre_units(Path(options.what), how, env)
    else:
        units, told = site_units(load(options.what), how, env)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for name, text in units.items():
            (options.out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{options.out}: cannot be written ({error.strerror})") from None
    for sentence in told.unknown:
        print(f"not reachable by these units: {sentence}")
    print(f"{options.out}: {', '.join(units)}")
    print(f"copy them to /etc/systemd/system, then: systemctl enable --now {next(iter(units))}")
    return 0


class How:
    """What all units of one call share."""

    def __init__(
        self, program: str, user: str, environment: str, allow: Sequence[str], port: int = PORT
    ) -> None:
        self.program, self.user, self.port = program, user, port
        self.environment, self.allow = environment, list(allow)

    @property
    def home(self) -> str:
        """ProtectHome= as far as the program itself allows it."""
        inside = self.program.startswith(("/home/", "/root/"))
        return "read-only" if inside else "yes"


def site_units(
    loaded: LoadedSite, how: How, env: Mapping[str, str]
) -> tuple[dict[str, str], egress.Egress]:
    """The units of a corridor or a vehicle, and what is known of its addresses."""
    site = loaded.site
    plain = site.model_dump(mode="json")
    known = egress.egress(plain, env, egress.resolve)
    path, name = loaded.path.resolve(), site.site
    environment = how.environment or ENVIRONMENT.format(name)
    common = [
        f"User={how.user}",
        f"EnvironmentFile=-{environment}",
        f"Environment=BCONNECT_STATE={STATE} HOME={STATE} XDG_CACHE_HOME=/var/cache/bconnect",
        "StateDirectory=bconnect",
        "StateDirectoryMode=0700",
        "CacheDirectory=bconnect",
        *_hardening(how),
    ]
    run = [
        *_watched(f"{_word(how.program)} up {_word(path)}"),
        *common,
        *_devices(plain, env),
        *_egress(known, how, discovery=True),
    ]
    metrics = [
        "Type=exec",
        f"ExecStart={_word(how.program)} metrics {name} --port {how.port}",
        *_for_ever(),
        *common,
        "DevicePolicy=closed",
        *_egress(egress.Egress(), How("", "", "", []), discovery=True),
    ]
    database = egress.egress({"ledger": plain.get("ledger", {})}, env, egress.resolve)
    retain = [
        "Type=oneshot",
        f"ExecStart={_word(how.program)} retain {name}",
        *common,
        "DevicePolicy=closed",
        *_egress(database, how, discovery=False),
    ]
    unit = f"bconnect-{name}"
    return {
        f"{unit}.service": _unit(f"B-Connect {site.kind} {name}: {site.title}", run, network=True),
        f"{unit}-metrics.service": _unit(
            f"B-Connect {name}: figures for Prometheus", metrics, after=f"{unit}.service"
        ),
        f"{unit}-retain.service": _unit(
            f"B-Connect {name}: erases what may be kept no longer", retain, install=False
        ),
        f"{unit}-retain.timer": _timer(f"B-Connect {name}: daily retention"),
    }, known


def centre_units(
    path: Path, how: How, env: Mapping[str, str]
) -> tuple[dict[str, str], egress.Egress]:
    """The unit of a command centre. Raises ConfigError."""
    from bconnect_center.settings import load as load_centre

    centre = load_centre(path)
    known = egress.egress(_told(centre.file), env, egress.resolve)
    listen = centre.file.listen
    if listen.host not in ("127.0.0.1", "::1", "localhost") and not how.allow:
        raise ConfigError(
            f"{path}: listen.host: {listen.host} takes visitors from elsewhere; say from where "
            "with --allow NETWORK, e.g. --allow 10.0.0.0/8"
        )
    environment = how.environment or ENVIRONMENT.format("center")
    drawn = sorted({str(centre.near(text).resolve()) for text in _writable(centre.file)})
    lines = [
        *_watched(f"{_word(how.program)} center {_word(path.resolve())}"),
        f"User={how.user}",
        f"EnvironmentFile=-{environment}",
        f"Environment=HOME={STATE} BCONNECT_STATE={STATE}",
        "StateDirectory=bconnect",
        "StateDirectoryMode=0700",
        f"ReadWritePaths={' '.join(_word(one) for one in drawn)}",
        *_hardening(how),
        "DevicePolicy=closed",
        *_egress(known, how, discovery=True),
    ]
    return {"bconnect-center.service": _unit(
        f"B-Connect command centre: {centre.file.title}", lines, network=True
    )}, known  # fmt: skip


def program() -> str:
    """How `bconnect` is started on this machine, absolute. Raises ConfigError."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "bconnect").is_file() and os.access(folder / "bconnect", os.X_OK):
            return str(folder / "bconnect")
    found = shutil.which("bconnect")
    if found is None:
        raise ConfigError("bconnect: not found on the path; say where it is with --program")
    return os.path.abspath(found)


def read_environment(path: str) -> dict[str, str]:
    """The assignments of an EnvironmentFile. Raises ConfigError."""
    if not path:
        return {}
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"--environment: {path}: {(error.strerror or '').lower()}") from None
    pairs = [line.partition("=") for line in lines if line.strip() and line.strip()[0] not in "#;"]
    return {
        key.strip(): value.strip().strip("\"'")
        for key, equals, value in pairs
        if equals and KEY.fullmatch(key.strip())
    }


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bconnect units", description=__doc__)
    parser.add_argument("what", help="a site (name or file), or a centre's file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where they go")
    parser.add_argument("--user", default="bconnect", help="account they run as")
    parser.add_argument(
        "--environment",
        default="",
        metavar="FILE",
        help="the units' EnvironmentFile; read now for the addresses in it",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NET",
        help="one more network, e.g. browsers",
    )
    parser.add_argument("--port", type=int, default=PORT, help="of the site's metrics")
    parser.add_argument("--program", default="", help="absolute path of bconnect")
    options = parser.parse_args(argv)
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,30}", options.user):
        raise ConfigError(f'--user: found "{options.user}"; needs the name of an account')
    if options.program and not options.program.startswith("/"):
        raise ConfigError(f'--program: found "{options.program}"; needs an absolute path')
    return options


def _is_centre(what: str) -> bool:
    path = Path(what)
    if not path.is_file():
        return False
    plain, _, _ = read_yaml(path, str(path))
    return isinstance(plain, Mapping) and "root" in plain and "site" not in plain


def _told(file: Any) -> dict[str, Any]:
    """What of a centre's file the server itself opens; browsers fetch the map's tiles."""
    plain: dict[str, Any] = file.model_dump(mode="json")
    plain.pop("tiles", None)
    return plain


def _writable(file: Any) -> Iterator[str]:
    yield file.root
    yield from file.sites
    yield from file.evidence
    for url in (file.database, file.ledger):
        if url and url.startswith("sqlite:///"):
            yield str(Path(url.removeprefix("sqlite:///")).parent)


def _unit(
    title: str, service: Sequence[str], *, network: bool = False, after: str = "",
    install: bool = True,
) -> str:  # fmt: skip
    clean = " ".join(title.replace("%", "%%").split())
    head = [f"Description={clean}"]
    if network:
        head += ["After=network-online.target time-sync.target", "Wants=network-online.target"]
    if after:
        head += [f"After={after}", f"PartOf={after}"]
    head.append("StartLimitIntervalSec=0")
    text = "[Unit]\n" + "\n".join(head) + "\n\n[Service]\n" + "\n".join(service) + "\n"
    target = f"{after} multi-user.target" if after else "multi-user.target"
    return text + (f"\n[Install]\nWantedBy={target}\n" if install else "")


def _word(path: str | Path) -> str:
    """A path as systemd reads it back as one word."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if re.search(r"[\s'\"\\;]", text) else text


def _timer(title: str) -> str:
    return (
        f"[Unit]\nDescription={title}\n\n[Timer]\nOnCalendar=daily\nRandomizedDelaySec=1h\n"
        "Persistent=yes\n\n[Install]\nWantedBy=timers.target\n"
    )


def _watched(command: str) -> list[str]:
    """A service that says itself when it is up and that it is alive."""
    return [
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={command}",
        f"WatchdogSec={WATCHDOG}",
        f"TimeoutStartSec={START}",
        *_for_ever(),
    ]


def _for_ever() -> list[str]:
    return [
        "Restart=always",
        "RestartSec=10",
        "KillMode=mixed",
        "TimeoutStopSec=20",
        "OOMPolicy=continue",
    ]


def _hardening(how: How) -> list[str]:
    return [*HARDENING.splitlines(), f"ProtectHome={how.home}"]


def _egress(known: egress.Egress, how: How, *, discovery: bool) -> list[str]:
    allowed = {address: "this machine" for address in egress.LOOPBACK}
    if discovery:
        allowed[egress.DISCOVERY] = "discovery of DDS, on the loopback interface"
    allowed |= known.allowed
    if known.named:
        allowed |= {server: "name server" for server in egress.name_servers()}
    allowed |= dict.fromkeys(how.allow, "--allow")
    lines = ["IPAddressDeny=any"]
    for address, why in allowed.items():
        lines += [f"# {' '.join(why.split())}", f"IPAddressAllow={address}"]
    return lines


def _devices(plain: Mapping[str, Any], env: Mapping[str, str]) -> list[str]:
    """Which devices the site file speaks of."""
    cameras = plain.get("cameras", {}).values()
    sources = [_known(camera["source"], env) for camera in cameras]
    gnss = _known((plain.get("gnss") or {}).get("source", ""), env)
    lines, groups = ["DevicePolicy=closed"], set()
    if any(camera.get("hardware") for camera in cameras):
        lines.append("DeviceAllow=char-drm rw")
        groups |= {"render", "video"}
    if any(source.startswith(("v4l2:", "/dev/video")) for source in sources):
        lines.append("DeviceAllow=char-video4linux rw")
        groups.add("video")
    if any(s.get("adapter") in ("auto", "alsa") for s in plain.get("speakers", {}).values()):
        lines.append("DeviceAllow=char-alsa rw")
        groups.add("audio")
    if str(plain.get("detector", {}).get("device", "")).startswith("cuda"):
        lines += [f"DeviceAllow=char-nvidia{kind} rw" for kind in ("", "ctl", "-uvm", "-frontend")]
        groups.add("video")
    if gnss.startswith("nmea://"):
        lines.append(f"DeviceAllow={gnss.removeprefix('nmea://').partition('?')[0]} r")
        groups.add("dialout")
    there = sorted(group for group in groups if _is_group(group))
    return [*lines, *([f"SupplementaryGroups={' '.join(there)}"] if there else [])]


def _known(text: str, env: Mapping[str, str]) -> str:
    try:
        return expand_env(text, env, "")
    except ConfigError:
        return ""


def _is_group(name: str) -> bool:
    import grp

    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
