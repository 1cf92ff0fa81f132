"""`bconnect city plan|up|status`: the sites of a city on their hosts."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from bconnect_bringup.console import Console, table
from bconnect_bringup.runner import Stop
from bconnect_bringup.state import is_running, state_root
from bconnect_bringup.supervisor import Job, Patience, Supervisor
from bconnect_site.centre import CentreSettings
from bconnect_site.city import City, find_city, load_city, site_path
from bconnect_site.city_plan import CityPlan, Row
from bconnect_site.errors import ConfigError
from bconnect_site.loader import load_site
from bconnect_site.plan import StateLayout

BCONNECT = (sys.executable, "-m", "bconnect_bringup.cli")
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
NOT_RUNNING = "not running"
LONGEST = 30.0  # s a site may take to tell how it is


def main(argv: Sequence[str] | None = None) -> int:
    """One of the commands. Returns the exit code; raises ConfigError."""
    options = _options(argv)
    city = load_city(find_city(options.city))
    run: Callable[[City, argparse.Namespace], int] = options.run
    return run(city, options)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bconnect city", description="Several sites, many hosts.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[City, argparse.Namespace], int], words: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words)
        made.set_defaults(run=run)
        made.add_argument("city", nargs="?", help="the city's file; default config/city.yaml")
        return made

    made = command("plan", show, "what runs where, what it needs, and what does not fit")
    made.add_argument("--json", action="store_true", help="for programs")
    made = command("up", up, "run one host's sites until Ctrl-C")
    made.add_argument("--host", required=True, help="which of the city's hosts this machine is")
    made.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")
    made = command("status", status, "how this host's sites are")
    made.add_argument("--host", required=True, help="which of the city's hosts this machine is")
    made.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")
    made.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args(argv)


# -- plan ------------------------------------------------------------------------------------


def show(city: City, options: argparse.Namespace) -> int:
    """Prints the plan; 1 where something does not fit."""
    plan = city.plan()
    if options.json:
        print(json.dumps(_plain(plan), indent=2, ensure_ascii=False))
    else:
        print(to_table(plan))
        cameras = sum(row.cameras for row in plan.rows)
        print(f"\n{city.file.title}: {cameras} cameras, {len(plan.rows)} sites, "
              f"{len(plan.hosts)} hosts")  # fmt: skip
        for sentence in plan.wrong:
            print(f"does not fit: {sentence}")
    return 1 if plan.wrong else 0


def to_table(plan: CityPlan) -> str:
    """For people: every site, and after each host what it carries."""
    rows: list[tuple[str, ...]] = []
    for name, sums in plan.hosts.items():
        rows += [_cells(row) for row in plan.rows if row.host == name]
        host = sums.host
        word = "does not fit" if sums.wrong else "fits"
        rows.append((name, "", "", "", f"{sums.cores:.1f} of {host.usable:.1f}",
                     f"{sums.memory / 1e9:.1f} of {host.memory / 1e9:g}", word))  # fmt: skip
    rows += [_cells(row) for row in plan.rows if not row.host]
    return table(("HOST", "SITE", "DOMAIN", "CAMERAS", "CORES", "MEMORY, GB", ""), rows)


def _cells(row: Row) -> tuple[str, ...]:
    word = row.wrong or ("proposed" if row.proposed else "" if row.exists else "no file yet")
    cores = f"{row.cores:.1f}" if row.host else "-"
    domain = "-" if row.domain is None else str(row.domain)
    return (row.host or "-", row.site, domain, str(row.cameras), cores,
            f"{row.memory / 1e9:.1f}", word)  # fmt: skip


def _plain(plan: CityPlan) -> dict[str, object]:
    sites = [
        {"site": row.site, "host": row.host or None, "domain": row.domain,
         "cameras": row.cameras, "cores": round(row.cores, 3) if row.host else None,
         "memory": row.memory, "exists": row.exists, "proposed": row.proposed}
        for row in plan.rows
    ]  # fmt: skip
    return {"sites": sites, "wrong": plan.wrong}


# -- up --------------------------------------------------------------------------------------


def up(city: City, options: argparse.Namespace) -> int:
    """Runs a host's sites until told to stop. A site that refuses stays down, the others run."""
    rows = startable(city, options.host)
    jobs = [Job(row.site, command_of(city, row, options.state)) for row in rows]
    console = Console([row.site for row in rows])
    for sentence in city.plan().hosts[options.host].wrong:
        console.say(f"{options.host}: {sentence}")
    stop = Stop()
    stop.install()
    # Each site's own runner takes up to 4.5 s to stop its processes in order.
    supervisor = Supervisor(jobs, console, patience=Patience(stop=9.0))
    stop.at_once = supervisor.hurry
    console.say(f"{options.host}: {len(jobs)} sites: {', '.join(row.site for row in rows)}")
    supervisor.start()
    refused = 0
    while not stop.reason and refused < len(jobs):
        refusal = supervisor.step()
        if refusal is not None:
            refused += 1
            console.say(f"not started, the others run on: {refusal}")
    orderly = supervisor.stop(stop.reason or "no site could be started")
    console.close()
    return 0 if orderly and refused < len(jobs) else 1


def startable(city: City, host: str) -> list[Row]:
    """The sites to start on a host, in its order. Raises ConfigError where one has no place."""
    settings = city.host(host)
    rows = city.plan().of(host)
    wrong = [f"{city.shown}: hosts.{host}: {row.site}: {row.wrong}" for row in rows if row.wrong]
    first = first_own_port()
    if first < settings.ephemeral:
        wrong.append(
            f"{city.shown}: hosts.{host}.ephemeral: found {settings.ephemeral}; this machine's "
            f"kernel hands out ports from {first} on"
        )
    if wrong:
        raise ConfigError(*wrong)
    rows = [row for row in rows if row.exists]
    if not rows:
        raise ConfigError(f"{city.shown}: hosts.{host}: none of its sites has a file yet")
    return rows


def first_own_port() -> int:
    """The first port this kernel hands out by itself."""
    try:
        return int(PORTS.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 65536


def command_of(city: City, row: Row, state: str | None) -> tuple[str, ...]:
    """What runs a site in its domain: `bconnect up`, with the city's centre where it has none."""
    path = path_of(city, row)
    words = [*in_domain(row.domain or 0), *BCONNECT, "up", path]
    if state:
        words += ["--state", state]
    if city.file.centre is not None and load_site(path).site.centre is None:
        centre = centre_of(city.file.centre, row.site)
        text = yaml.safe_dump(centre, default_flow_style=True, width=1 << 20, sort_keys=False)
        words += ["--set", f"centre={text.strip()}"]
    return tuple(words)


def centre_of(centre: CentreSettings, site: str) -> dict[str, Any]:
    """The city's centre as a site's own: each has its certificate."""
    told = centre.model_dump(exclude_defaults=True)
    papers = ("certificate", "certificate_key")
    return told | {key: told[key].replace("{site}", site) for key in papers if key in told}


def path_of(city: City, row: Row) -> str:
    """The file of a site that has one."""
    path = site_path(row.site, city.path)
    assert path is not None
    return str(path)


def in_domain(domain: int) -> tuple[str, ...]:
    """Words before a command that put it into a DDS domain."""
    return ("/usr/bin/env", f"ROS_DOMAIN_ID={domain}")


# -- status ----------------------------------------------------------------------------------


def status(city: City, options: argparse.Namespace) -> int:
    """Prints how each site of this host is; 1 where one is not well."""
    city.host(options.host)
    rows = [row for row in city.plan().of(options.host) if row.exists and row.domain is not None]
    root = state_root(options.state)
    env = {**os.environ, "BCONNECT_STATE": str(root)}
    asked = {
        row.site: subprocess.Popen(
            [*in_domain(row.domain or 0), *BCONNECT, "status", path_of(city, row), "--json"],
            env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for row in rows
        if is_running(StateLayout.of(root, row.site))
    }  # fmt: skip
    told = {row.site: NOT_RUNNING for row in rows}
    told |= {site: _answer(process) for site, process in asked.items()}
    if options.json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print(table(("SITE", "DOMAIN", "STATE"),
                    [(row.site, str(row.domain), told[row.site]) for row in rows]))  # fmt: skip
    return 0 if all(word.endswith(" ok") for word in told.values()) else 1


def _answer(process: "subprocess.Popen[str]") -> str:
    try:
        out, err = process.communicate(timeout=LONGEST)
        nodes = json.loads(out)["nodes"]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"no answer within {LONGEST:g} s"
    except (ValueError, KeyError):
        return (err.strip().splitlines() or ["no answer"])[-1].removeprefix("bconnect: ")
    levels = [node["level"] for node in nodes]
    if nodes and all(level == "missing" for level in levels):
        return NOT_RUNNING
    return ", ".join(
        f"{levels.count(level)} {level}" for level in ("missing", "error", "stale", "warning", "ok")
        if level in levels
    )  # fmt: skip
