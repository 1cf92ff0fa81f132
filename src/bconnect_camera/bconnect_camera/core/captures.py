"""Capture jobs: requests that wait until the stream has passed their last moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from bconnect_site.kinds import EvidenceKind
from bconnect_site.leaps import Leaps

from .types import SECOND

MAX_STILLS = 8
MAX_CLIP = 120 * SECOND
AHEAD = 120 * SECOND  # a moment further off than this is another clock's
REORDER = SECOND // 2  # pictures arrive out of capture order by at most this


@dataclass(frozen=True, slots=True)
class CaptureJob:
    """One request. Times in ns; ``received`` on the clock that ``CaptureDesk`` is asked with."""

    id: str
    stills: tuple[int, ...]
    clip_start: int
    clip_end: int
    directory: str
    received: int

    def named_stills(self) -> Iterator[tuple[str, int, int]]:
        """(file name, EvidenceKind, stamp): first before, last after, the rest the scene.

        One still is the scene, two are before and scene.
        """
        count, scenes = len(self.stills), 0
        for index, stamp in enumerate(self.stills):
            if count > 1 and index == 0:
                yield "context_before.jpg", int(EvidenceKind.CONTEXT_BEFORE), stamp
            elif count > 2 and index == count - 1:
                yield "context_after.jpg", int(EvidenceKind.CONTEXT_AFTER), stamp
            else:
                scenes += 1
                name = "scene.jpg" if scenes == 1 else f"scene_{scenes}.jpg"
                yield name, int(EvidenceKind.SCENE), stamp

    @property
    def last(self) -> int:
        """The latest moment wanted [ns]."""
        return max((*self.stills, self.clip_end))


def refusal(job: CaptureJob) -> str | None:
    """Why a request cannot be served, as one sentence; None when it can."""
    path = PurePosixPath(job.directory)
    if not job.directory or path.is_absolute() or ".." in path.parts:
        return (
            f"directory: found {job.directory!r}, allowed is a path below the evidence store "
            "without '..'"
        )
    if len(job.stills) > MAX_STILLS:
        return f"stills: found {len(job.stills)}, allowed are at most {MAX_STILLS}"
    if job.clip_end - job.clip_start > MAX_CLIP:
        return (
            f"clip: found {(job.clip_end - job.clip_start) / SECOND:.0f} s, allowed are at "
            f"most {MAX_CLIP // SECOND} s"
        )
    if not job.stills and job.clip_end <= job.clip_start:
        return "request: found neither stills nor a clip, at least one is needed"
    return None


class CaptureDesk:
    """Holds jobs until they can be cut; bounded in number and in time.

    Not thread-safe: one thread adds and takes.
    """

    def __init__(self, limit: int = 32, patience: float = 20.0, down_patience: float = 2.0) -> None:
        self._limit = limit
        self._patience = round(patience * SECOND)
        self._down_patience = round(down_patience * SECOND)
        self._jobs: dict[str, CaptureJob] = {}
        self._since: dict[str, int] = {}  # ns, when a job's patience begins
        self._leaps = Leaps()

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: CaptureJob) -> str | None:
        """Accepts a job or says in one sentence why not. The same id again replaces it."""
        sentence = refusal(job)
        if sentence is None and job.id not in self._jobs and len(self._jobs) >= self._limit:
            sentence = f"{len(self._jobs)} captures are waiting already, no more are taken"
        if sentence is None:
            self._jobs[job.id] = job
            ahead = min(max(job.last - job.received, 0), AHEAD)
            self._since[job.id] = job.received + ahead
        return sentence

    def take(self, now: int, latest: int | None, flowing: bool) -> list[CaptureJob]:
        """Jobs to cut now, oldest first.

        ``now`` [ns]: clock; ``latest`` [ns]: stamp of the newest picture kept; ``flowing``: more
        pictures may come (False: the file ended or the camera is away).
        """
        if leap := self._leaps(now):
            self._since = {id_: since + leap for id_, since in self._since.items()}
        ready = [j for j in self._jobs.values() if self._is_ready(j, now, latest, flowing)]
        for job in ready:
            del self._jobs[job.id], self._since[job.id]
        return ready

    def _is_ready(self, job: CaptureJob, now: int, latest: int | None, flowing: bool) -> bool:
        if latest is not None and latest >= job.last + REORDER:
            return True
        waited = now - self._since[job.id]
        return waited > (self._patience if flowing else self._down_patience)
