"""All nodes of one process of a plan: ``python -m bconnect_node.host --plan P --process NAME``."""

import argparse
import functools
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rclpy.utilities import remove_ros_args

from bconnect_node import run, security
from bconnect_site import names
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.plan import NodeSpec, Plan

_PROCESS_WIDE = ("__node:=", "__name:=", "__ns:=")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the nodes of one process. Returns the exit code, 2 for a wrong configuration."""
    argv = list(sys.argv[1:] if argv is None else argv)
    options = _options(argv)
    try:
        _refuse_remaps(argv)
        specs = read_process(Path(options.plan), options.process)
        security.take_enclave(names.site_of(specs[0].namespace), options.process)
    except ConfigError as error:
        return run.refused(error)
    return run.run_nodes([functools.partial(build, spec) for spec in specs], ["host", *argv])


def read_process(path: Path, process: str) -> list[NodeSpec]:
    """The nodes of one process of a plan file. Raises ConfigError."""
    try:
        plan = Plan.from_json(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    processes = plan.processes()
    if process not in processes:
        raise ConfigError(f"{path}: has no process {process!r}{suggest(process, processes)}")
    return processes[process]


def build(spec: NodeSpec) -> Any:
    """The node of a spec. Raises ConfigError."""
    node_class = find_class(spec.target)
    return node_class(
        node_name=spec.name,
        namespace=spec.namespace,
        parameter_overrides=spec.parameters,
    )


def find_class(target: str) -> Any:
    """The class that ``module:Class`` names. Raises ConfigError when there is none."""
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if module == missing or module.startswith(f"{missing}."):
            raise ConfigError(
                f"{target}: there is no module {missing}; build the workspace and source it"
            ) from None
        raise ConfigError(
            f"{target}: needs the Python package {missing}, which is not installed;"
            " run `make setup`"
        ) from None
    except AttributeError:
        raise ConfigError(f"{target}: {module} has no {name}") from None


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="host", description=__doc__)
    parser.add_argument("--plan", required=True, help="plan.json of the site")
    parser.add_argument("--process", required=True, help="which of its processes to run")
    return parser.parse_args(remove_ros_args(["host", *argv])[1:])


def _refuse_remaps(argv: Sequence[str]) -> None:
    for word in argv:
        if word.startswith(_PROCESS_WIDE):
            raise ConfigError(
                f"host: {word}: would rename every node of the process; names come from the plan"
            )


if __name__ == "__main__":
    sys.exit(main())
