"""Detections, signals and camera states of a site in, findings out: the graph without the graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bconnect_detect.core.ego import Fix, Heading, Velocity
from bconnect_detect.core.judge import Judge
from bconnect_detect.core.tracker import Tracker
from bconnect_detect.core.types import SECOND, Finding, PlateSighting, SignalReading, Tracks
from bconnect_site.kinds import CameraState

_LONGEST = SECOND  # ns between two images that count as having been watched


class Placer(Protocol):
    """Puts tracks on the ground."""

    def place(self, tracks: Tracks, /) -> Tracks: ...


@dataclass(slots=True)
class Watched:
    """What one camera had to give."""

    images: int = 0
    tracks: int = 0
    seconds: float = 0.0  # between its images
    believed: float = 0.0  # of those, with rules that might judge
    dropped: int = 0
    last: int = 0


class Pipeline:
    """One site: each camera's tracker and ground, one judge. Time is the messages'."""

    def __init__(
        self, judge: Judge, trackers: Mapping[str, Tracker], grounds: Mapping[str, Placer]
    ) -> None:
        self.judge = judge
        self.watched = {camera: Watched() for camera in judge.books}
        self._trackers, self._grounds = trackers, grounds

    def on_detections(self, found: Tracks) -> list[Finding]:
        """Bare detections of one image."""
        return self.on_tracks(self._trackers[found.camera].update(found))

    def on_tracks(self, tracks: Tracks) -> list[Finding]:
        """Road users with ids of one image."""
        ground = self._grounds.get(tracks.camera)
        if ground is not None:
            tracks = ground.place(tracks)
        self._count(tracks)
        self.judged(tracks)
        return self.judge.on_tracks(tracks)

    def judged(self, tracks: Tracks) -> None:
        """Override to look at what the rules are about to see."""

    def on_signal(self, reading: SignalReading) -> None:
        """What a signal shows."""
        self.judge.on_signal(reading)

    def on_camera_status(self, camera: str, state: CameraState) -> None:
        """How far a camera may be believed."""
        self.judge.on_camera_status(camera, state)

    def on_fix(self, fix: Fix) -> None:
        """Where a vehicle is."""
        self.judge.on_fix(fix)

    def on_velocity(self, velocity: Velocity) -> None:
        """How a vehicle moves."""
        self.judge.on_velocity(velocity)

    def on_heading(self, heading: Heading) -> None:
        """Which way a vehicle's front looks."""
        self.judge.on_heading(heading)

    def on_plate(self, sighting: PlateSighting) -> list[Finding]:
        """A plate passed a gate."""
        return self.judge.on_plate(sighting)

    def _count(self, tracks: Tracks) -> None:
        watched = self.watched[tracks.camera]
        gap = tracks.stamp - watched.last if watched.last else 0
        if 0 < gap <= _LONGEST:
            watched.seconds += gap / SECOND
            if self.judge.books[tracks.camera].armed:
                watched.believed += gap / SECOND
        watched.last = tracks.stamp
        watched.images += 1
        watched.tracks += len(tracks)
