"""What a node says about itself on /diagnostics each second."""

import threading
import time
from collections import deque
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType

OK, WARN, ERROR = 0, 1, 2
PERIOD = 1.0  # s between messages
FIRST, QUICK = 3.0, 0.2  # s from the start in which it speaks oftener: who was away is missed
WINDOW = 5  # messages over which a rate is taken
RECENT = 10.0  # s during which an error keeps the level at WARN
REPEAT = 5.0  # s before the same sentence is logged again
MOST_NAMES = 64
OTHER = "other"

_Total = deque[tuple[float, int]]


class Health:
    """Counters and the last error of one node. All methods may be called from any thread."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._windows: dict[str, _Total] = {}
        self._last: dict[str, float] = {}
        self._drops: dict[str, int] = {}
        self._values: dict[str, str] = {}
        self._level, self._sentence = OK, "running"
        self._errors, self._last_error, self._error_at = 0, "", float("-inf")
        self._logged: dict[str, float] = {}
        self._born = time.monotonic()
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # speaks under stopped simulated time too
        self._timer = node.create_timer(PERIOD, self.publish, clock=steady)
        self._born = time.monotonic()
        self._early = node.create_timer(QUICK, self._speak_early, clock=steady)

    def tick(self, name: str, count: int = 1) -> None:
        """Counts an input or output; each name gets its rate and age. The first is the main one."""
        with self._lock:
            name = _bounded(self._counts, name)
            self._counts[name] = self._counts.get(name, 0) + count
            self._last[name] = time.monotonic()

    def drop(self, reason: str, count: int = 1) -> None:
        """Counts something thrown away; keep the reason a word or two, without numbers."""
        with self._lock:
            reason = _bounded(self._drops, reason)
            self._drops[reason] = self._drops.get(reason, 0) + count

    def error(self, sentence: str) -> None:
        """Something went wrong and was survived: logged, counted, shown as last_error."""
        now = time.monotonic()
        with self._lock:
            self._errors += 1
            self._last_error, self._error_at = sentence, now
            said = self._logged.get(sentence, float("-inf"))
            speak = now - said >= REPEAT
            if speak:
                self._logged.pop(sentence, None)
                self._logged[sentence] = now
                while len(self._logged) > MOST_NAMES:
                    del self._logged[next(iter(self._logged))]
        if speak:
            self._node.get_logger().error(sentence)

    def set(self, key: str, value: object) -> None:
        """A value shown beside the counters; None takes it away."""
        with self._lock:
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[_bounded(self._values, key)] = _shown(value)

    def state(self, level: int, sentence: str) -> None:
        """What the node is doing: OK, WARN or ERROR and one sentence; logged when it changes."""
        with self._lock:
            changed = (level, sentence) != (self._level, self._sentence)
            self._level, self._sentence = level, sentence
        if changed:
            logger = self._node.get_logger()
            # one line per severity: rclpy refuses two severities from one line of source
            if level == OK:
                logger.info(sentence)
            elif level == WARN:
                logger.warning(sentence)
            else:
                logger.error(sentence)

    def dropped(self, reason: str | None = None) -> int:
        """How much was thrown away, for one reason or all."""
        with self._lock:
            return sum(self._drops.values()) if reason is None else self._drops.get(reason, 0)

    @property
    def errors(self) -> int:
        """How many errors were survived."""
        return self._errors

    @property
    def last_error(self) -> str:
        """The last error's sentence, or nothing."""
        return self._last_error

    def status(self) -> DiagnosticStatus:
        """The present status as a message."""
        now = time.monotonic()
        name = self._node.get_fully_qualified_name()
        with self._lock:
            values = self._numbers(now)
            level, sentence = self._level, self._sentence
            if now - self._error_at < RECENT and level == OK:
                level, sentence = WARN, self._last_error
        return DiagnosticStatus(
            level=bytes([level]),
            name=name,
            message=sentence,
            hardware_id=name.split("/")[1] if name.count("/") > 1 else "",
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )

    def publish(self) -> None:
        """Sends the status; the node's timer calls it."""
        message = DiagnosticArray(status=[self.status()])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._node.send(self._publisher, message)

    def _speak_early(self) -> None:
        """A restart is over when it is heard of, and not everybody has found us yet."""
        if time.monotonic() - self._born > FIRST:
            self._early.cancel()
        else:
            self.publish()

    def _main(self, now: float) -> str | None:
        """The first name there was, or while that is silent the one heard last."""
        first = next(iter(self._last), None)
        if first is None or now - self._last[first] <= RECENT:
            return first
        return max(self._last, key=lambda name: self._last[name])

    def _numbers(self, now: float) -> dict[str, str]:
        # Until something comes, its age is the node's own: a node that never heard anything shows.
        values = {"rate": "0", "age_of_last_input": _shown(now - self._born)}
        main = self._main(now)
        for name, count in self._counts.items():
            window = self._windows.setdefault(name, deque(maxlen=WINDOW + 1))
            window.append((now, count))
            rate, age = _shown(_rate(window)), _shown(now - self._last[name])
            if name == main:
                values |= {"rate": rate, "age_of_last_input": age}
            values |= {f"rate.{name}": rate, f"age.{name}": age, f"count.{name}": str(count)}
        values["drops"] = str(sum(self._drops.values()))
        values |= {f"drops.{reason}": str(count) for reason, count in self._drops.items()}
        values |= self._values
        values["errors"] = str(self._errors)
        values["last_error"] = self._last_error
        if self._last_error:
            values["since_error"] = _shown(now - self._error_at)
        return values


def _rate(window: _Total) -> float:
    (start, before), (end, after) = window[0], window[-1]
    return (after - before) / (end - start) if end > start else 0.0


def _bounded(known: dict[str, Any], name: str) -> str:
    return name if name in known or len(known) < MOST_NAMES else OTHER


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
