"""What the towing service is told, how it knows that it is us, and when to try again.

Every state of an ordered job is delivered at least once, a job's states in order. The same
state always has the same idempotency key, however often it is sent.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from bconnect_enforce.core.records import TowJob
from bconnect_enforce.core.roadside import SECOND
from bconnect_enforce.core.tow import is_ordered

FORMAT = "bconnect-tow/1"
FIRST_PAUSE = SECOND
LONGEST_PAUSE = 300 * SECOND


@dataclass(frozen=True, slots=True)
class Place:
    """Where a camera stands, for the driver. Degrees; None: not known."""

    title: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What the driver looks for, so that no other is taken. Words; empty: not known or not told."""

    kind: str = ""
    colour: str = ""
    zone: str = ""
    plate: str = ""


UNKNOWN = Vehicle()


@dataclass(frozen=True, slots=True)
class Letter:
    """One state on its way. `headers` hold the key and the signature."""

    job: TowJob
    body: bytes
    headers: Mapping[str, str]


def letter(job: TowJob, place: Place, secret: bytes, vehicle: Vehicle = UNKNOWN) -> Letter:
    """The letter for one state. Raises ValueError where no officer said yes: none may go out."""
    if not is_ordered(job):
        raise ValueError(f"tow job {job.id}: no officer said yes; nobody outside is told")
    plain = {
        "format": FORMAT,
        "id": job.id,
        "revision": job.revision,
        "status": job.status.name.lower(),
        "at": _iso(job.stamp),
        "site": job.site,
        "camera": job.camera,
        "place": {
            "title": place.title,
            "latitude": place.latitude,
            "longitude": place.longitude,
        },
        "vehicle": asdict(vehicle),
        "violation": job.violation_id,
        "violation_type": job.type.name.lower(),
        "ordered_by": job.ordered_by,
        "truck": job.truck,
        "yard": job.yard,
        "detail": job.detail,
    }
    body = json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()
    return Letter(job, body, _headers(job, body, secret))


def _headers(job: TowJob, body: bytes, secret: bytes) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "Idempotency-Key": f"{job.id}-{job.revision}",
        "X-Bconnect-Signature": signature(body, secret),
    }


def signature(body: bytes, secret: bytes) -> str:
    """``sha256=`` and the hex HMAC-SHA256 of the body."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def _iso(stamp: int) -> str:
    return datetime.fromtimestamp(stamp // SECOND, timezone.utc).isoformat()


def next_of_each(waiting: Iterable[TowJob]) -> list[TowJob]:
    """The oldest waiting state of each job, oldest first: later ones wait for it."""
    first: dict[str, TowJob] = {}
    for job in sorted(waiting, key=lambda j: (j.stamp, j.id, j.revision)):
        if job.id not in first or job.revision < first[job.id].revision:
            first[job.id] = job
    return sorted(first.values(), key=lambda j: (j.stamp, j.id))


class Pauses:
    """When each job's letter may be tried again: later after each failure, never given up."""

    def __init__(self) -> None:
        self._failed: dict[str, tuple[int, int]] = {}  # job: failures, not before

    def is_due(self, job_id: str, now: int) -> bool:
        return now >= self._failed.get(job_id, (0, 0))[1]

    def failed(self, job_id: str, now: int) -> int:
        """Notes a failure; ns until the next attempt."""
        tries = self._failed.get(job_id, (0, 0))[0] + 1
        pause = min(FIRST_PAUSE << min(tries - 1, 20), LONGEST_PAUSE)
        # Spread, so that a service that comes back is not met by all at once.
        spread = hashlib.sha256(f"{job_id}/{tries}".encode()).digest()[0] / 255
        pause = int(pause * (0.8 + 0.4 * spread))
        self._failed[job_id] = (tries, now + pause)
        return pause

    def wait(self, now: int) -> int:
        """ns until the first pause is over; long where there is none."""
        left = [until - now for _, until in self._failed.values()]
        return max(0, min(left, default=LONGEST_PAUSE))

    def forget(self, job_id: str) -> None:
        """Notes a success."""
        self._failed.pop(job_id, None)

    def keep(self, waiting: Iterable[str]) -> None:
        """Forgets every job that no longer waits."""
        ids = frozenset(waiting)
        self._failed = {id_: held for id_, held in self._failed.items() if id_ in ids}

    def __len__(self) -> int:
        return len(self._failed)
