"""config/city.yaml: which host runs which sites, and where the command centre is."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from bconnect_site import domains, find
from bconnect_site.centre import CentreSettings
from bconnect_site.city_plan import CityPlan, Host, Load, plan_city
from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.fields import Name, Strict, Text
from bconnect_site.loader import load_site
from bconnect_site.plan import CAMERAS_PER_PROCESS, plan
from bconnect_site.yamlfile import read_yaml

OTHER_PROCESSES = 4  # of a site beside its cameras: detector, perception, enforcement, spool


class PlacedSite(Strict):
    """A site of the city. What its own file says counts; without one it is only planned."""

    cameras: int | None = Field(
        default=None, ge=1, le=500, description="of a site that has no file yet"
    )
    rate: float | None = Field(
        default=None, gt=0.0, le=60.0, description="looks a second, of a site without a file"
    )
    domain: int | None = Field(
        default=None, description="DDS domain, 1 to 101; none given: chosen by the name"
    )


class HostSettings(Strict):
    """A machine, and what of it is ours."""

    address: Text | None = Field(default=None, description="where people reach it")
    interface: Text | None = Field(
        default=None, description="network interface of cameras and centre, for whoever looks"
    )
    cores: float = Field(gt=0.0, le=1024.0)
    memory: float = Field(gt=0.0, le=65536.0, description="GB")
    detection: float = Field(
        default=0.097, gt=0.0, le=10.0, description="s of CPU a picture takes the detector there"
    )
    spare: float = Field(
        default=0.2, ge=0.0, lt=1.0, description="share of the cores kept free for peaks and seals"
    )
    ephemeral: int = Field(
        default=domains.EPHEMERAL, ge=10000, le=65536,
        description="first port its kernel hands out by itself (net.ipv4.ip_local_port_range)",
    )  # fmt: skip
    sites: Annotated[tuple[Name, ...], Field(strict=False)] = ()


class CityFile(Strict):
    """A city: hosts, the sites on them, and the command centre they send to."""

    city: Name
    title: Text
    centre: CentreSettings | None = Field(
        default=None,
        description="of sites that name none themselves; {site} in certificate and "
        "certificate_key is the site's name; none: they stay alone",
    )
    hosts: dict[Name, HostSettings] = Field(min_length=1)
    sites: dict[Name, PlacedSite] = Field(
        default_factory=dict,
        description="those without a file yet, pinned domains, and those that seek a host",
    )


class City:
    """A loaded city. Construct by load_city."""

    def __init__(self, file: CityFile, path: Path, loads: Mapping[str, Load]) -> None:
        self.file, self.path, self.loads = file, path, dict(loads)

    @property
    def shown(self) -> str:
        """The file's name in sentences."""
        return find.shown(self.path)

    def plan(self) -> CityPlan:
        """Where everything runs, and what does not fit."""
        hosts = [
            Host(name, h.cores, h.memory * 1e9, h.detection, h.spare, h.ephemeral, h.sites)
            for name, h in self.file.hosts.items()
        ]
        pinned = {n: s.domain for n, s in self.file.sites.items() if s.domain is not None}
        return plan_city(hosts, self.loads, pinned)

    def host(self, name: str) -> HostSettings:
        """A host by its name. Raises ConfigError."""
        if name not in self.file.hosts:
            raise ConfigError(
                f'{self.shown}: hosts: none is called "{name}"{suggest(name, self.file.hosts)}'
            )
        return self.file.hosts[name]


def find_city(name_or_path: str | None) -> Path:
    """The city's file: as given, else config/city.yaml. Raises ConfigError."""
    path = Path(name_or_path).expanduser() if name_or_path else find.find_config_dir() / "city.yaml"
    if not path.is_file():
        raise ConfigError(f"{find.shown(path)}: there is no such file")
    return path


def load_city(path: Path) -> City:
    """A city, and what each of its sites asks for. Raises ConfigError with every mistake."""
    shown = find.shown(path)
    plain, lines, _ = read_yaml(path, shown)
    file = validate(CityFile, plain, shown, lines)
    if sentences := _doubles(file):
        raise ConfigError(*(f"{shown}: {sentence}" for sentence in sentences))
    loads: dict[str, Load] = {}
    wrong: list[str] = []
    for name, key in _named(file).items():
        try:
            loads[name] = _load_of(name, file.sites.get(name, PlacedSite()), path)
        except ConfigError as error:
            wrong += [f"{shown}: {key}: {sentence}" for sentence in error.sentences]
    if wrong:
        raise ConfigError(*wrong)
    return City(file, path, loads)


def _named(file: CityFile) -> dict[str, str]:
    """Every site, and the key that names it."""
    placed = {
        site: f"hosts.{host}.sites[{i}]"
        for host, settings in file.hosts.items()
        for i, site in enumerate(settings.sites)
    }
    return placed | {site: f"sites.{site}" for site in file.sites}


def _doubles(file: CityFile) -> list[str]:
    where: dict[str, str] = {}
    found = []
    for host, settings in file.hosts.items():
        for i, site in enumerate(settings.sites):
            if site in where:
                found.append(
                    f"hosts.{host}.sites[{i}]: {site} is on {where[site]} too; a site runs once"
                )
            where.setdefault(site, host)
    return found


def site_path(name: str, city: Path) -> Path | None:
    """The file of a site of this city; None: there is none yet. Raises ConfigError."""
    folder = find.config_dir_of(city) or find.find_config_dir()
    near = [path for path in find.site_files(folder) if path.stem == name]
    return near[0] if near else None


def _load_of(name: str, said: PlacedSite, city: Path) -> Load:
    path = site_path(name, city)
    if path is None:
        if said.cameras is None:
            raise ConfigError(
                f'there is no file of a site called "{name}"; write it, or say under '
                f"sites.{name} how many cameras it will have"
            )
        processes = math.ceil(said.cameras / CAMERAS_PER_PROCESS) + OTHER_PROCESSES
        return Load(name, said.cameras, said.cameras * (said.rate or 10.0), processes, False)
    if said.cameras is not None or said.rate is not None:
        raise ConfigError(f"cameras and rate are for sites without a file; {find.shown(path)} is")
    loaded = load_site(path)
    made = plan(loaded, site_file="", state_dir="/")
    rates: list[Any] = [camera.detect.rate for camera in loaded.site.cameras.values()]
    return Load(name, len(rates), sum(rates), len(made.processes()), True)
