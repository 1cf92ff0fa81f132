"""An officer's decision reaches the ledger also while the site does not run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bconnect_bringup.ask import review
from bconnect_bringup.console import Console
from bconnect_bringup.runner import HOST
from bconnect_bringup.state import is_running, lock
from bconnect_bringup.supervisor import Job, Supervisor
from bconnect_node.environment import middleware_env
from bconnect_site.errors import ConfigError
from bconnect_site.plan import Plan, StateLayout

ALONE = "ledger"
PATIENCE = 20.0  # s until the service must answer: a process starts and is found


def decide(
    layout: StateLayout, number: str, decision: str, reviewer: str, reason: str
) -> tuple[bool, str]:
    """Sends the decision to the site's citation node. Whether it was taken, and a sentence.

    Where the site does not run, its citation node runs alone for the moment: one writer,
    one way in. Raises ConfigError.
    """
    if is_running(layout) or not layout.plan_file.is_file():
        return review(layout, number, decision, reviewer, reason)
    with alone(layout, "citation"):
        return review(layout, number, decision, reviewer, reason, PATIENCE)


@contextmanager
def alone(layout: StateLayout, executable: str) -> Iterator[None]:
    """Runs one node of a site that does not run, for the moment. Raises ConfigError."""
    made = Plan.from_json(layout.plan_file.read_text(encoding="utf-8"))
    nodes = tuple(replace(n, process=ALONE) for n in made.nodes if n.executable == executable)
    descriptor = lock(layout, str(layout.site_file))
    plan_file = layout.root / "review.json"
    plan_file.write_text(replace(made, nodes=nodes).to_json(), encoding="utf-8")
    with open(os.devnull, "w") as nowhere:
        console = Console([ALONE], folder=layout.log_dir, stream=nowhere)
        supervisor = Supervisor(
            [Job(ALONE, (*HOST, "--plan", str(plan_file), "--process", ALONE))],
            console,
            env={**middleware_env(), "ROS_LOG_DIR": str(layout.log_dir)},
            keep_open=(descriptor,),
        )
        supervisor.start()
        try:
            yield
            refusal = supervisor.step(0.0)
        finally:
            supervisor.stop("decided")
            console.close()
            plan_file.unlink(missing_ok=True)
            os.close(descriptor)
    if refusal is not None:
        raise ConfigError(refusal)
