"""Short conversations with a running graph: listen to diagnostics, call a service."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from bconnect_msgs.srv import ReviewCitation
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from bconnect_bringup.health import LEVELS, NodeHealth
from bconnect_bringup.orders import desk, sign
from bconnect_enforce.convert_orders import REQUESTS
from bconnect_node import environment, shm
from bconnect_node.heartbeat import NO_LOG_FILE
from bconnect_node.run import make_executor
from bconnect_site import names
from bconnect_site.orders import REVIEW
from bconnect_site.state import StateLayout

DECISIONS = {
    "confirm": ReviewCitation.Request.DECISION_CONFIRM,
    "reject": ReviewCitation.Request.DECISION_REJECT,
    "withdraw": ReviewCitation.Request.DECISION_WITHDRAW,
}


class Visit:
    """A node of ours for a short while; `wait` runs its callbacks."""

    def __init__(self, name: str) -> None:
        environment.apply()
        shm.remove_stale()
        rclpy.init(args=list(NO_LOG_FILE), signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(name, enable_rosout=False, start_parameter_services=False)
        self._executor = make_executor()
        self._executor.add_node(self.node)

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Runs callbacks until the condition holds, at most `timeout` s. Whether it holds."""
        until = time.monotonic() + timeout
        while not condition():
            left = until - time.monotonic()
            if left <= 0.0:
                return False
            # spin() without a timeout hangs in the wheels.
            future = Future()
            self._executor.spin_until_future_complete(future, timeout_sec=min(0.1, left))
        return True

    def close(self) -> None:
        """In the order that leaves no shared memory behind."""
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()


@contextmanager
def visit(name: str) -> Iterator[Visit]:
    """A Visit that is closed at the end."""
    guest = Visit(name)
    try:
        yield guest
    finally:
        guest.close()


def from_diagnostics(message: Any) -> list[NodeHealth]:
    """Every status of a DiagnosticArray."""
    return [
        NodeHealth(
            node=status.name,
            site=status.hardware_id,
            level=LEVELS.get(ord(status.level), "error"),
            message=status.message,
            values={pair.key: pair.value for pair in status.values},
        )
        for status in message.status
    ]


def listen(
    enough: Callable[[dict[str, NodeHealth]], bool], *, first: float = 8.0, quiet: float = 4.0
) -> dict[str, NodeHealth]:
    """Node name to its last word, as soon as it is enough.

    At the latest when the `first` seconds passed in silence (two to three are usual until
    processes find each other), or `quiet` seconds without a node not heard before.
    """
    heard: dict[str, NodeHealth] = {}
    until = 0.0

    def remember(message: Any) -> None:
        nonlocal until
        for health in from_diagnostics(message):
            if health.node not in heard:
                until = time.monotonic() + quiet
            heard[health.node] = health

    with visit("bconnect_status") as guest:
        guest.node.create_subscription(DiagnosticArray, "/diagnostics", remember, 100)
        until = time.monotonic() + first
        guest.wait(lambda: enough(heard) or time.monotonic() > until, 60.0)
    return heard


def review(
    layout: StateLayout,
    number: str,
    decision: str,
    reviewer: str,
    reason: str,
    patience: float = 5.0,
) -> tuple[bool, str]:
    """Sends an officer's decision to the site's ledger. Whether it was taken, and a sentence."""
    request = ReviewCitation.Request(
        number=number, decision=DECISIONS[decision], reviewer=reviewer, reason=reason
    )
    return call(layout, names.REVIEW_CITATION, REVIEW, request, patience)


def call(
    layout: StateLayout, name: str, order: str, request: Any, patience: float = 5.0
) -> tuple[bool, str]:
    """Signs an officer's order and calls a service of the site with it.

    Whether it was taken, and a sentence. Raises ConfigError.
    """
    site, signer = layout.root.name, desk(layout)
    service = f"{names.site_ns(site)}/{name}"
    with visit(f"bconnect_{name}") as guest:
        client = guest.node.create_client(REQUESTS[order], service)
        if not guest.wait(client.service_is_ready, patience):
            return False, f'nobody answers at {service}: is site "{site}" running?'
        sign(signer, order, request, site, int(guest.node.get_clock().now().nanoseconds))
        future = client.call_async(request)
        if not guest.wait(future.done, patience):
            return False, f"{service} did not answer within {patience:g} s"
        answer = future.result()
        return answer.success, answer.message
