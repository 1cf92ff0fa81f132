"""From a site's name to a plan on disk: the one way in for runner and launch files."""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bconnect_bringup.orders import make_trusted
from bconnect_bringup.state import create, lock, set_aside, state_root
from bconnect_bringup.supervisor import Job
from bconnect_site import lawbook
from bconnect_site.checks import check
from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError
from bconnect_site.find import check_unique_sites, config_dir_of, find_config_dir, resolve_site
from bconnect_site.loader import LoadedSite, check_environment, freeze, load_site
from bconnect_site.model import Site
from bconnect_site.plan import Plan, StateLayout, plan
from bconnect_site.yamlfile import dotted

COMMAND_LINE = "command line"  # the layer above the site file


@dataclass(frozen=True, slots=True)
class Prepared:
    """A site that may start: checked, locked, frozen and planned."""

    loaded: LoadedSite
    plan: Plan
    layout: StateLayout
    lock: int  # descriptor; closing it frees the site
    set_aside: Path | None = None  # where an earlier run's state went

    def local_processes(self) -> list[str]:
        """Processes of the plan that belong on this machine, in the plan's order."""
        here = {None, "localhost", socket.gethostname()}
        return [
            name
            for name, nodes in self.plan.processes().items()
            if any(node.host in here for node in nodes)
        ]

    def jobs(self, command: Sequence[str]) -> list[Job]:
        """One job per local process. Upstream stops first: stages follow the plan's order."""
        order = {node.executable: i for i, node in reversed(list(enumerate(self.plan.nodes)))}
        processes = self.plan.processes()
        return [
            Job(
                name=name,
                command=(*command, "--plan", str(self.layout.plan_file), "--process", name),
                stage=max(order[node.executable] for node in processes[name]),
            )
            for name in self.local_processes()
        ]


def load(name_or_path: str, changes: Mapping[str, Any] | None = None) -> LoadedSite:
    """The site, valid and with a name of its own. Raises ConfigError."""
    path = resolve_site(name_or_path)
    check_unique_sites(config_dir_of(path) or find_config_dir(), also=path)
    loaded = load_site(path)
    return change(loaded, changes) if changes else loaded


def prepare(
    loaded: LoadedSite,
    *,
    state: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    fresh: bool = False,
) -> Prepared:
    """Checks the environment, locks, freezes and plans a site.

    state: folder of all sites' state. fresh: an earlier run's state is set aside first.
    Raises ConfigError.
    """
    check_environment(loaded, os.environ if env is None else env)
    root = state_root(os.fspath(state) if state else None)
    layout = StateLayout.of(root, loaded.site.site)
    descriptor = lock(layout, str(loaded.path))
    try:
        aside = set_aside(layout) if fresh else None
        create(layout)
        lawbook.check(loaded.catalogue(), layout.law_file)
        make_trusted(loaded, layout)
        freeze(loaded, layout.site_file)
        made = plan(loaded, site_file=str(layout.site_file), state_dir=str(root))
        layout.plan_file.write_text(made.to_json(), encoding="utf-8")
    except OSError as error:
        os.close(descriptor)
        raise ConfigError(f"{layout.root}: cannot be written ({error.strerror})") from None
    except ConfigError:
        os.close(descriptor)
        raise
    return Prepared(loaded, made, layout, descriptor, aside)


def change(loaded: LoadedSite, changes: Mapping[str, Any]) -> LoadedSite:
    """The site with values laid over it: dotted key to value, None removes the key.

    Their origin is the command line. Raises ConfigError.
    """
    plain = loaded.to_plain()
    for key, value in changes.items():
        _lay(plain, key, value)
    site = validate(Site, plain, COMMAND_LINE, {})
    found = check(plain, loaded.catalogue())
    if found:
        raise ConfigError(*(f"{COMMAND_LINE}: {dotted(key)}: {text}" for key, text in found))
    removed = {key for key, value in changes.items() if value is None}
    origins = {
        key: layer
        for key, layer in loaded.origins.items()
        if not any(key == gone or key.startswith(f"{gone}.") for gone in removed)
    }
    origins.update({key: COMMAND_LINE for key in changes if key not in removed})
    return replace(loaded, site=site, origins=origins)


def _lay(plain: dict[str, Any], key: str, value: Any) -> None:
    *way, last = key.split(".")
    here: Any = plain
    for part in way:
        if not isinstance(here, dict) or part not in here:
            raise ConfigError(f"{COMMAND_LINE}: {key}: there is no {part} in this site")
        here = here[part]
    if not isinstance(here, dict):
        raise ConfigError(f"{COMMAND_LINE}: {key}: has no keys below it")
    if value is None:
        here.pop(last, None)
    else:
        here[last] = value
