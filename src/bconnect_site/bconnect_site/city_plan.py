"""What a city's sites cost its hosts, where they fit, and in which DDS domain. Pure.

The figures are those of docs/capacity.md: measured on one machine, so a plan, no promise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bconnect_site import domains

DECODING = 0.065  # s of CPU a second: H.264, 1080p at 25 Hz
CONVERTING = 0.0013  # s of CPU a picture looked at
JUDGING = 0.004  # s of CPU a picture: hand-over, tracker, rules
SITE_MEMORY = 560e6  # bytes of a site without cameras
CAMERA_MEMORY = 36e6  # bytes


@dataclass(frozen=True, slots=True)
class Load:
    """What a site asks for."""

    site: str
    cameras: int
    looks: float  # pictures a second, of all cameras
    processes: int
    exists: bool = True  # its file is there; else it is only planned

    def cores(self, detection: float) -> float:
        """Cores, where the detector takes so many s of CPU a picture."""
        return self.cameras * DECODING + self.looks * (CONVERTING + JUDGING + detection)

    @property
    def memory(self) -> float:
        """bytes"""
        return SITE_MEMORY + self.cameras * CAMERA_MEMORY


@dataclass(frozen=True, slots=True)
class Host:
    """A machine: cores, bytes, s of CPU a picture takes its detector, share kept free."""

    name: str
    cores: float
    memory: float
    detection: float
    spare: float
    ephemeral: int
    sites: tuple[str, ...]

    @property
    def usable(self) -> float:
        """Cores that may be planned with."""
        return self.cores * (1.0 - self.spare)


@dataclass(frozen=True, slots=True)
class Row:
    """One site in its place. host "": nowhere."""

    host: str
    site: str
    domain: int | None
    cameras: int
    cores: float
    memory: float  # bytes
    exists: bool
    proposed: bool = False  # nobody placed it: this is where it would fit
    wrong: str = ""  # why it cannot run like this


@dataclass(frozen=True, slots=True)
class HostSum:
    """What a host carries; wrong: what is too much."""

    host: Host
    cores: float
    memory: float
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CityPlan:
    """Everything in its place."""

    rows: tuple[Row, ...]
    hosts: dict[str, HostSum] = field(default_factory=dict)

    def of(self, host: str) -> list[Row]:
        """The sites that were placed on a host, in its order."""
        return [row for row in self.rows if row.host == host and not row.proposed]

    @property
    def wrong(self) -> list[str]:
        """Everything that does not fit, one sentence each."""
        sites = [f"{row.host or 'no host'}: {row.site}: {row.wrong}" for row in self.rows]
        told = [s for s, row in zip(sites, self.rows, strict=True) if row.wrong]
        return told + [f"{name}: {w}" for name, sums in self.hosts.items() for w in sums.wrong]


def plan_city(
    hosts: Sequence[Host], loads: Mapping[str, Load], pinned: Mapping[str, int]
) -> CityPlan:
    """Places every site: where it was put, else where it fits best, as a proposal."""
    placed = {site: host for host in hosts for site in host.sites}
    proposed = _propose(hosts, [load for site, load in loads.items() if site not in placed], loads)
    where = placed | proposed
    wishes = [
        domains.Wish(site, host.name, loads[site].processes + domains.TOOLS, pinned.get(site),
                     host.ephemeral)
        for site, host in where.items()
    ]  # fmt: skip
    numbers, refused = domains.assign(wishes)
    rows = []
    for host in hosts:
        here = [site for site, at in where.items() if at is host]
        for site in here:
            row = _row(loads[site], host, numbers.get(site))
            rows.append(replace(row, proposed=site in proposed, wrong=refused.get(site, "")))
    rows += [
        replace(_row(loads[site], None, None), wrong="no host has room for it")
        for site in sorted(set(loads) - set(where))
    ]
    return CityPlan(tuple(rows), {host.name: _sum(host, loads) for host in hosts})


def _row(load: Load, host: Host | None, domain: int | None) -> Row:
    cores = load.cores(host.detection) if host else float("nan")
    name = host.name if host else ""
    return Row(name, load.site, domain, load.cameras, cores, load.memory, load.exists)


def _sum(host: Host, loads: Mapping[str, Load]) -> HostSum:
    cores = sum(loads[site].cores(host.detection) for site in host.sites)
    memory = sum(loads[site].memory for site in host.sites)
    wrong = []
    if cores > host.usable:
        wrong.append(
            f"needs {cores:.1f} cores, may use {host.usable:.1f} of {host.cores:g}; move a site, "
            "look less often, or quicken the detector (int8, GPU)"
        )
    if memory > host.memory:
        wrong.append(f"needs {memory / 1e9:.1f} GB of memory, has {host.memory / 1e9:g}")
    return HostSum(host, cores, memory, tuple(wrong))


def _propose(
    hosts: Sequence[Host], seeking: Sequence[Load], loads: Mapping[str, Load]
) -> dict[str, Host]:
    """The largest first, each where least is left over."""
    cores = {h.name: h.usable - sum(loads[s].cores(h.detection) for s in h.sites) for h in hosts}
    memory = {h.name: h.memory - sum(loads[s].memory for s in h.sites) for h in hosts}
    found: dict[str, Host] = {}
    for load in sorted(seeking, key=lambda x: (-x.looks, x.site)):
        fits = [
            h
            for h in hosts
            if load.cores(h.detection) <= cores[h.name] and load.memory <= memory[h.name]
        ]
        if not fits:
            continue
        best = min(fits, key=lambda h: (cores[h.name] - load.cores(h.detection), h.name))
        cores[best.name] -= load.cores(best.detection)
        memory[best.name] -= load.memory
        found[load.site] = best
    return found
