"""What tests share: a ROS domain of their own, the shipped profile, and waiting on conditions."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
PATIENCE = 15.0  # s: discovery on a busy machine

# No test asserts how fast a machine is.
settings.register_profile("bconnect", deadline=None)
settings.load_profile("bconnect")


def _free_domain() -> tuple[int, socket.socket]:
    """A domain id nobody else on this machine tests in, and the socket that reserves it."""
    for step in range(100):
        domain = 1 + (os.getpid() + step) % 100
        reservation = socket.socket(socket.AF_UNIX)
        try:
            reservation.bind(f"\0bconnect-test-domain-{domain}")
        except OSError:
            reservation.close()
            continue
        return domain, reservation
    raise RuntimeError("every ROS domain from 1 to 100 is taken by another test run")


@pytest.fixture(scope="session", autouse=True)
def ros_domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """This run's own ROS domain, log folder and middleware profile, for its children too."""
    domain, reservation = _free_domain()
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    os.environ["ROS_LOG_DIR"] = str(tmp_path_factory.mktemp("ros_log"))
    os.environ["BCONNECT_SELFTEST"] = "off"
    try:
        from bconnect_node import environment, shm
    except ImportError:  # a room without ROS is tested alone
        yield domain
    else:
        for name in (
            environment.PROFILE_VARIABLE,
            environment.OLD_PROFILE_VARIABLE,
            environment.DISCOVERY_VARIABLE,
        ):
            os.environ.pop(name, None)
        environment.apply()
        yield domain
        shm.remove_stale()
    reservation.close()


def wait_for(condition: Callable[[], Any], timeout: float = PATIENCE, every: float = 0.01) -> Any:
    """The first true value of condition(); fails the test after timeout [s]."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout} s in vain for {condition}")
        time.sleep(every)


@pytest.fixture(name="wait_for", scope="session")
def wait_for_fixture() -> Callable[..., Any]:
    """``wait_for(condition, timeout)``: the first true value, or the test fails."""
    return wait_for


class Ros:
    """A ROS context with our executor spinning in a thread. Nodes added here are destroyed."""

    def __init__(self) -> None:
        import rclpy

        from bconnect_node.run import Runner

        rclpy.init()
        self._runner = Runner()
        self._thread: threading.Thread | None = None

    def add(self, make: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        """Makes a node, spins it, destroys it at the end of the test."""
        node = make(*args, **kw)
        self._runner.add(node)
        if self._thread is None:
            self._thread = threading.Thread(target=self._runner.spin, name="spin", daemon=True)
            self._thread.start()
        return node

    def node(self, name: str = "probe", namespace: str = "") -> Any:
        """A plain node for looking at others from outside."""
        from rclpy.node import Node

        return self.add(Node, name, namespace=namespace)

    def remove(self, node: Any) -> None:
        """Destroys one node before the end of the test."""
        self._runner.remove(node)

    def collect(self, msg_type: Any, topic: str, qos: Any, node: Any = None) -> list[Any]:
        """A list that fills with the messages of a topic."""
        found: list[Any] = []
        (node or self.node(f"probe_{id(found)}")).create_subscription(
            msg_type, topic, found.append, qos
        )
        return found

    def close(self) -> None:
        """Stops and destroys everything."""
        self._runner.stop()
        if self._thread is not None:
            self._thread.join(10.0)
        self._runner.close()


@pytest.fixture
def ros() -> Iterator[Ros]:
    """A running ROS context: ``ros.add(NodeClass, namespace=..., parameter_overrides={...})``."""
    up = Ros()
    yield up
    up.close()


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``child("code or file", *args, env={...})``: Python in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(
        code: str | Path, *args: str, env: dict[str, str] | None = None, **kw: Any
    ) -> subprocess.Popen[str]:
        what = [str(code)] if isinstance(code, Path) else ["-c", code]
        process = subprocess.Popen(
            [sys.executable, *what, *args],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            text=True,
            stdout=kw.pop("stdout", subprocess.PIPE),
            stderr=kw.pop("stderr", subprocess.PIPE),
            **kw,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
