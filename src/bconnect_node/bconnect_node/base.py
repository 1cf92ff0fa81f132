"""The node all our nodes are."""

import functools
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter

from bconnect_node import parameters
from bconnect_node.health import Health
from bconnect_site.errors import ConfigError

JOIN_TIME = 1.2  # s all workers together get to stop
START_TIME = 60.0  # s in which a worker may still find that the configuration is wrong
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # s before a failed worker starts again
F = TypeVar("F", bound=Callable[..., Any])


alive: weakref.WeakSet["BconnectNode"] = weakref.WeakSet()
"""Nodes not destroyed yet, half built ones too."""


class BconnectNode(Node):
    """A node with parameters from a dataclass, health, workers, and an orderly end.

    Callbacks only hand over; what takes time runs in a worker. An exception in a callback
    or worker is counted, reported as the last error, and survived. Node classes are written
    ``def __init__(self, **kw): super().__init__("name", Params, **kw)``.
    """

    def __init__(
        self,
        name: str,
        params_type: type,
        *,
        node_name: str | None = None,
        namespace: str | None = None,
        parameter_overrides: Mapping[str, Any] | Sequence[Parameter] | None = None,
        **kw: Any,
    ) -> None:
        """node_name replaces the class's own name; raises ConfigError for a bad parameter."""
        name = node_name or name
        if isinstance(parameter_overrides, Mapping):
            where = f"{(namespace or '').rstrip('/')}/{name}"
            parameter_overrides = parameters.to_overrides(params_type, parameter_overrides, where)
        self._closing = threading.Event()
        self._stops: weakref.WeakSet[threading.Event] = weakref.WeakSet((self._closing,))
        self._destroyed = False
        self._workers: list[threading.Thread] = []
        self._at_close: list[Callable[[], None]] = []
        self.left_behind: list[str] = []  # workers that did not stop in time
        self.fatal: ConfigError | None = None
        self.on_fatal: Callable[[], None] = lambda: None
        super().__init__(
            name,
            namespace=namespace,
            parameter_overrides=list(parameter_overrides or ()),
            **kw,
        )
        alive.add(self)
        try:
            self.params: Any = parameters.declare(self, params_type)
            self.health = Health(self)
        except BaseException:
            self.abandon()
            raise

    def now(self) -> int:
        """The node clock in ns; for anything seen use the message's stamp."""
        return int(self.get_clock().now().nanoseconds)

    def steady(self) -> int:
        """ns of a clock nobody sets, for how long something may take."""
        return time.monotonic_ns()

    @property
    def closing(self) -> bool:
        """Whether the node is on its way out."""
        return self._closing.is_set() or not self.context.ok()

    def send(self, publisher: Any, message: Any) -> bool:
        """Publishes from any thread. During shutdown nothing is sent and nothing is raised."""
        if self.closing:
            return False
        try:
            publisher.publish(message)
        except Exception:
            if self.closing:
                return False
            raise
        return True

    def worker(
        self,
        name: str,
        target: Callable[[threading.Event], None],
        stop: threading.Event | None = None,
    ) -> threading.Thread:
        """Runs target(stop) in a thread until it returns; it must return soon after stop is set.

        ``stop``: set by the caller to end this worker before the node ends. A worker that raises
        is reported and started again, with growing pauses. ConfigError in its first minute ends
        the process as it would in the constructor; later it is survived.
        """
        stop = stop or self._closing
        self._stops.add(stop)
        if self._closing.is_set():
            stop.set()
        thread = threading.Thread(
            target=self._work,
            args=(name, target, stop),
            name=f"{self.get_name()}.{name}",
            daemon=True,
        )
        self._workers = [known for known in self._workers if known.is_alive()]
        self._workers.append(thread)
        thread.start()
        return thread

    def leave(self) -> None:
        """Tells workers to stop, and runs no further callback; destroy_node() follows."""
        self._closing.set()
        for stop in list(self._stops):
            stop.set()

    def at_close(self, release: Callable[[], None]) -> None:
        """Has release() called when the node is destroyed, after close(), last come first."""
        self._at_close.append(release)

    def close(self) -> None:
        """Override to release things; the workers' stop event is set already. Call super last."""
        self._join()

    def refuse(self, error: ConfigError) -> None:
        """Ends the process with this sentence, as a mistake found at start would."""
        self.fatal = error
        self.on_fatal()

    def guard(self, callback: F) -> F:
        """The callback, with exceptions counted and reported instead of raised."""

        @functools.wraps(callback)
        def guarded(*args: Any, **kw: Any) -> Any:
            if self._closing.is_set():  # what is queued still must not delay the end
                return None
            try:
                return callback(*args, **kw)
            except Exception as error:
                self._failed(getattr(callback, "__name__", "callback"), error)

        return guarded  # type: ignore[return-value]

    def create_subscription(
        self, msg_type: Any, topic: str, callback: Any, *a: Any, **kw: Any
    ) -> Any:
        """As rclpy's; the callback is guarded."""
        return super().create_subscription(msg_type, topic, self.guard(callback), *a, **kw)

    def create_timer(self, timer_period_sec: float, callback: Any, *a: Any, **kw: Any) -> Any:
        """As rclpy's; the callback is guarded. Steady: a wall clock set back an hour must not
        stop it for one. In a replay it goes by the bag's time."""
        if not a and "clock" not in kw and not self.get_clock().ros_time_is_active:
            kw["clock"] = Clock(clock_type=ClockType.STEADY_TIME)
        return super().create_timer(timer_period_sec, self.guard(callback), *a, **kw)

    def create_service(
        self, srv_type: Any, srv_name: str, callback: Any, *a: Any, **kw: Any
    ) -> Any:
        """As rclpy's; a callback that raises answers with the response as it left it."""
        guarded = self.guard(callback)

        @functools.wraps(callback)
        def answer(request: Any, response: Any) -> Any:
            found = guarded(request, response)
            return response if found is None else found

        return super().create_service(srv_type, srv_name, answer, *a, **kw)

    def destroy_node(self) -> None:
        """Stops workers, releases what was taken, then destroys the ROS side. Safe to repeat."""
        self._end(self.close)

    def abandon(self) -> None:
        """destroy_node() for a node whose constructor failed half way: close() is left out."""
        self._end()

    def _end(self, *first: Callable[[], None]) -> None:
        if self._destroyed:
            return
        self._destroyed = True
        alive.discard(self)
        self.leave()
        for release in (*first, self._join, *reversed(self._at_close)):
            try:
                release()
            except Exception as error:
                self.get_logger().error(f"while closing: {_sentence(error)}")
        self._at_close.clear()
        super().destroy_node()

    def _work(
        self, name: str, target: Callable[[threading.Event], None], stop: threading.Event
    ) -> None:
        pause, born = FIRST_PAUSE, time.monotonic()
        while not stop.is_set():
            started = time.monotonic()
            try:
                return target(stop)
            except Exception as error:
                if isinstance(error, ConfigError) and time.monotonic() - born < START_TIME:
                    return self.refuse(error)
                self._failed(f"worker {name}", error)
            if time.monotonic() - started > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _failed(self, what: str, error: Exception) -> None:
        if self.closing:
            return
        sentence = f"{what}: {_sentence(error)}{_place(error)}"
        health = getattr(self, "health", None)  # rclpy itself makes callbacks before ours exists
        if health is None:
            self.get_logger().error(sentence)
        else:
            health.error(sentence)

    def _join(self) -> None:
        deadline = time.monotonic() + JOIN_TIME
        for thread in self._workers:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        late = [thread.name for thread in self._workers if thread.is_alive()]
        self._workers.clear()
        self.left_behind += late
        if late:
            self.get_logger().warning(f"still busy, left behind: {', '.join(late)}")


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _place(error: Exception) -> str:
    """Where it was raised: the innermost line, so that a last error can be found again."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f" ({trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno})"
