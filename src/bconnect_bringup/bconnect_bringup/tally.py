"""Counts what a running graph says: frames, road users, findings, citations. No ROS."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bconnect_site.kinds import ViolationType

Value = TypeVar("Value")
REMEMBERED = 10_000


class Recent(Generic[Value]):
    """The latest entries by key, and how many different ones were ever put."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._entries: OrderedDict[str | int, Value] = OrderedDict()
        self._limit = limit
        self.total = 0

    def put(self, key: str | int, value: Value) -> bool:
        """Remembers the value; whether the key is new."""
        new = key not in self._entries
        self.total += new
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)
        return new

    def __contains__(self, key: str | int) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Value]:
        return iter(self._entries.values())

    def keys(self) -> Iterable[str | int]:
        """Remembered keys, oldest first."""
        return self._entries.keys()


@dataclass(slots=True)
class Seen:
    """One camera: frames judged, road users by track id, its state."""

    frames: int = 0
    road_users: Recent[None] = field(default_factory=Recent)
    state: str = "unknown"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A violation: its annotated stills, relative to the evidence store, and what is missing."""

    camera: str
    type: ViolationType
    annotated: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """An announcement that left a speaker."""

    speaker: str
    phrase: str
    output: str


class Tally:
    """What was seen of one site since we began to look."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self.cameras = {name: Seen() for name in cameras}
        self.findings: Recent[ViolationType] = Recent()
        self.by_type: dict[ViolationType, int] = {}
        self.violations: Recent[Sealed] = Recent()
        self.referred: Recent[None] = Recent()  # violation ids that the ladder sent to the ledger
        self.cited: Recent[str] = Recent()  # violation id to number
        self.spoken: Recent[Said] = Recent()
        self.said: dict[str, int] = {}  # speaker to announcements finished, as it counts them
        self.speaking: set[str] = set()  # speakers, as many as the site has
        self.changes = 0  # grows with everything but frames

    def on_tracks(self, camera: str, track_ids: Iterable[int]) -> None:
        """A frame was judged; zero is a detection without a track."""
        seen = self.cameras[camera]
        seen.frames += 1
        for track_id in track_ids:
            if track_id:
                seen.road_users.put(track_id, None)

    def on_camera(self, camera: str, state: str, detail: str) -> None:
        """A camera's state."""
        self.cameras[camera].state = state
        self.cameras[camera].detail = detail

    def on_finding(self, key: str, kind: ViolationType) -> bool:
        """A rule was seen broken; whether that is news."""
        new = self.findings.put(key, kind)
        if new:
            self.by_type[kind] = self.by_type.get(kind, 0) + 1
            self.changes += 1
        return new

    def on_violation(self, key: str, sealed: Sealed) -> None:
        """A finding was sealed with its evidence."""
        self.changes += self.violations.put(key, sealed)

    def on_referral(self, violation_id: str) -> None:
        """The ladder chose a citation."""
        self.changes += self.referred.put(violation_id, None)

    def on_citation(self, violation_id: str, number: str) -> bool:
        """A line of the ledger; whether the citation is new."""
        new = self.cited.put(violation_id, number)
        self.changes += new
        return new

    def on_speaker(
        self, speaker: str, speaking: bool, announcement: str, said: Said, count: int
    ) -> bool:
        """A speaker's state and count; whether an announcement just ended."""
        self.said[speaker] = count
        if speaking:
            self.speaking.add(speaker)
            return False
        self.speaking.discard(speaker)
        new = bool(announcement and said.output) and self.spoken.put(announcement, said)
        self.changes += new
        return new

    def ended(self) -> bool:
        """Whether every camera has come to the end of its file."""
        return all(seen.state == "ended" for seen in self.cameras.values())

    def in_flight(self) -> list[str]:
        """What is under way still, one sentence each; empty when all is in the ledger."""
        unsealed = sum(key not in self.violations for key in self.findings.keys())  # noqa: SIM118
        uncited = sum(key not in self.cited for key in self.referred.keys())  # noqa: SIM118
        return [
            *([f"{unsealed} findings without sealed evidence"] if unsealed else []),
            *([f"{uncited} citations not in the ledger yet"] if uncited else []),
            *(f"{speaker} is speaking" for speaker in sorted(self.speaking)),
        ]

    def announcements(self) -> int:
        """How many announcements were spoken to their end."""
        return sum(self.said.values())

    def complete(self) -> bool:
        """Whether the whole path was walked: violation, announcement and citation."""
        return bool(self.violations.total and self.announcements() and self.cited.total)

    def line(self) -> str:
        """Progress in one line."""
        cameras = ", ".join(
            f"{name} {seen.frames} frames {seen.road_users.total} tracked"
            for name, seen in self.cameras.items()
        )
        return (
            f"{cameras} | findings {self.findings.total} | violations {self.violations.total} | "
            f"announcements {self.announcements()} | citations {self.cited.total}"
        )
