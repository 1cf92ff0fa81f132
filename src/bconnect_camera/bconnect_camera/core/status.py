"""One verdict about a camera out of its link, its pictures and the time of the last one."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from bconnect_site.kinds import CameraState

from .feed import Link, LinkState
from .health import Condition
from .types import SECOND

STALE_AFTER = 2.0  # s without a new picture
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``since`` in ns; ``detail`` is one sentence for the operator, empty when all is well."""

    state: CameraState
    since: int
    detail: str


def judge(link: Link, condition: Condition | None, last: int | None, now: int, url: str) -> Verdict:
    """``last``: when the last picture was decoded [ns on the clock of ``now``]; ``url`` redacted.

    Worse news first: an ended file, no connection, no pictures, a picture not to be believed.
    """
    if link.state is LinkState.ENDED:
        return Verdict(CameraState.ENDED, link.since, f"{url}: {link.reason}")
    if link.state is LinkState.DOWN:
        return Verdict(
            CameraState.STALE,
            link.since,
            f"no connection to {url} since {clock_time(link.since)}: {link.reason}, "
            f"trying again in {max(1, round(link.retry_in))} s",
        )
    if link.state is LinkState.CONNECTING:
        return Verdict(CameraState.UNKNOWN, link.since, f"connecting to {url}")
    seen = link.since if last is None else max(last, link.since)
    if now - seen > STALE_AFTER * SECOND:
        what = "connected, but no picture can be decoded" if last is None else "no new picture"
        return Verdict(CameraState.STALE, seen, f"{url}: {what} since {clock_time(seen)}")
    if condition is None:
        return Verdict(CameraState.UNKNOWN, link.since, f"{url}: waiting for the first picture")
    return Verdict(condition.state, condition.since, condition.detail)


def switched_off(since: int, sentence: str) -> Verdict:
    """No fault, and not to be believed either: ``sentence`` says who did it and why."""
    return Verdict(CameraState.OFF, since, f"{sentence}, since {clock_time(since)}")


def clock_time(stamp: int) -> str:
    """hh:mm UTC of a stamp [ns since 1970]."""
    return (_EPOCH + timedelta(microseconds=stamp // 1000)).strftime("%H:%M UTC")


class RateMeter:
    """Pictures per second over the last seconds; forgets what is older."""

    def __init__(self, seconds: float = 5.0, limit: int = 2000) -> None:
        self._span = round(seconds * SECOND)
        self._times: deque[int] = deque(maxlen=limit)

    def tick(self, now: int) -> None:
        self._times.append(now)
        while self._times and self._times[0] < now - self._span:
            self._times.popleft()

    def rate(self, now: int) -> float:
        """Hz; 0 when nothing came, NaN before the second picture."""
        if not self._times:
            return math.nan
        recent = [t for t in tuple(self._times) if t >= now - self._span]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) * SECOND / max(1, max(recent[-1], now - SECOND // 2) - recent[0])
