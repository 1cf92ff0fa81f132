"""The one way nodes run: EventsExecutor, signals, an orderly end within two seconds."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from bconnect_node import base, environment, selftest, shm
from bconnect_node.heartbeat import NO_LOG_FILE, Heartbeat, is_supervised
from bconnect_node.interfaces import check_messages
from bconnect_node.security import check_security
from bconnect_site.errors import ConfigError

REFUSED = 2  # exit code: the configuration is wrong, starting again does not help
WAKE = 1.0  # s the executor spins at most before it looks around
SECOND_SIGNAL = 0.5  # s after which another signal means: at once
LAST_WORD = 1.6  # s after the signal: say that something hangs, and leave
LAST_RESORT = 1.9  # s after the signal: the kernel ends the process
MOST_FAILURES = 100  # exceptions out of the executor before the process gives up

Factory = Callable[[], Any]


def run(node_class: Callable[..., Any], argv: Sequence[str] | None = None) -> int:
    """Runs one node until it is told to stop. Returns the exit code."""
    return run_nodes([node_class], argv)


def run_nodes(factories: Sequence[Factory], argv: Sequence[str] | None = None) -> int:
    """Runs the nodes these make in one process. Returns 0, or 2 for a wrong configuration."""
    try:
        environment.apply()
        check_security()
        check_messages()
    except ConfigError as error:
        return refused(error)
    shm.remove_stale()
    images_pass = selftest.check()
    arguments = list(sys.argv if argv is None else argv)
    if is_supervised():
        arguments += NO_LOG_FILE
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    runner = Runner()
    signals = Signals(runner.stop)
    try:
        runner.build(factories)
        runner.warn(images_pass or selftest.segment())
        runner.spin()
    except ConfigError as error:
        return refused(error)
    finally:
        left_behind = runner.close()
        signals.restore()
    if left_behind and signals.received:
        # The interpreter's own end may crash under a thread that still runs in C++.
        sys.stdout.flush()
        os._exit(0)
    return 0


class Runner:
    """Nodes and their executor in the default context."""

    def __init__(self) -> None:
        self._executor = make_executor()
        self._nodes: list[Any] = []
        self._stop = threading.Event()
        self._waiting: Any = None  # the future spin() waits for
        self._heart = Heartbeat()

    def build(self, factories: Sequence[Factory]) -> None:
        """Makes the nodes, in order. Raises ConfigError."""
        for factory in factories:
            self.add(factory())
            if self._stop.is_set():
                return

    def add(self, node: Any) -> None:
        """Runs a node from now on, and destroys it at the end."""
        node.on_fatal = self.stop
        if not self._nodes:
            # Not in spin()'s loop: an executor that never rests does not come back to it.
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            node.create_timer(WAKE, self._heart.beat, clock=steady)
        self._nodes.append(node)
        self._executor.add_node(node)
        if getattr(node, "fatal", None) is not None:  # a worker was quicker than we
            self.stop()

    def remove(self, node: Any) -> None:
        """Destroys a node now."""
        self._nodes.remove(node)
        self._executor.remove_node(node)
        node.destroy_node()

    def warn(self, sentence: str | None) -> None:
        """Has every node report something that concerns the process, if there is anything."""
        if sentence:
            for node in self._nodes:
                node.health.error(sentence)

    def stop(self) -> None:
        """Ends spin(); from any thread."""
        self._stop.set()
        for node in list(self._nodes):
            if isinstance(node, base.BconnectNode):
                node.leave()
        future = self._waiting
        if future is not None and not future.done():
            future.set_result(None)

    def spin(self) -> None:
        """Runs callbacks until stop(). Raises the ConfigError a node ended itself with."""
        failures = 0
        while rclpy.ok() and not self._stop.is_set():
            # spin() without a timeout hangs in some builds, at full load and deaf to signals.
            self._waiting = Future()
            if self._stop.is_set():
                break
            try:
                self._executor.spin_until_future_complete(self._waiting, timeout_sec=WAKE)
            except (ExternalShutdownException, KeyboardInterrupt):
                break
            except Exception as error:
                failures += 1
                get_logger("bconnect").error(f"{type(error).__name__}: {error}")
                if failures >= MOST_FAILURES:
                    raise
        for node in self._nodes:
            if getattr(node, "fatal", None) is not None:
                raise node.fatal

    def close(self) -> list[str]:
        """Executor, nodes, context, in this order: any other leaves shared memory behind.

        Returns the workers that did not stop.
        """
        late: list[str] = []
        self._executor.shutdown()
        for node in reversed(self._nodes):
            node.destroy_node()
            late += getattr(node, "left_behind", [])
        self._nodes.clear()
        context = rclpy.get_default_context()
        for node in [n for n in base.alive if n.context is context]:
            node.abandon()
        rclpy.try_shutdown()
        return late


class Signals:
    """SIGTERM, SIGINT and SIGHUP end the process in order; within two seconds in any case.

    Python runs signal handlers only between two bytecodes of the main thread, which may sit
    in a callback or in C++. A thread that reads the wake-up descriptor is told at once.
    """

    NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._before: dict[int, Any] = {}
        self.received = False
        if threading.current_thread() is not threading.main_thread():
            return
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        for number in self.NUMBERS:
            self._before[number] = signal.signal(number, _heard_elsewhere)
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def restore(self) -> None:
        """Gives the signals back."""
        if not self._before:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._before.clear()
        self._write.close()

    def _listen(self) -> None:
        first = 0.0
        while True:
            try:
                data = self._read.recv(1)
            except OSError:
                return
            if not data:
                return
            if data[0] not in self.NUMBERS:
                continue
            if self.received:
                # A dying parent with many threads sends its signal once for each of them.
                if time.monotonic() - first > SECOND_SIGNAL:
                    os._exit(128 + data[0])
                continue
            self.received, first = True, time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, LAST_RESORT)
            threading.Thread(target=_leave_late, name="last word", daemon=True).start()
            self._stop()


def _heard_elsewhere(number: int, frame: Any) -> None:
    """The thread on the wake-up descriptor has it."""


def _leave_late() -> None:
    time.sleep(LAST_WORD)
    busy = [t.name for t in threading.enumerate() if "." in t.name]
    print(
        f"bconnect: still busy {LAST_WORD} s after the signal, left at once"
        f"{': ' + ', '.join(busy) if busy else ''}",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)


def make_executor() -> Any:
    """The executor all our processes use."""
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:  # an older ROS
        from rclpy.executors import SingleThreadedExecutor

        return SingleThreadedExecutor()
    return EventsExecutor()


def refused(error: ConfigError) -> int:
    for sentence in str(error).splitlines():
        print(f"bconnect: {sentence}", file=sys.stderr, flush=True)
    return REFUSED


def services_may_await() -> bool:
    """Whether a service callback may be a coroutine: Jazzy's EventsExecutor never resumes one."""
    from rclpy.executors import Executor

    return hasattr(Executor, "create_future")
