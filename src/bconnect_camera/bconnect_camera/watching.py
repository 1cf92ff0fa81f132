"""Can a camera's pictures be believed, and do they show the view its zones were drawn in?"""

from __future__ import annotations

from collections.abc import Callable

from bconnect_site.kinds import CameraState

from .adapters import view_store
from .core.guard import RATE as GUARD_RATE
from .core.guard import ViewGuard
from .core.health import HEIGHT, WIDTH, Condition, PictureHealth
from .core.pacing import Decimator
from .core.types import Picture

HEALTH_RATE = 2.0  # Hz, how often the picture's health is judged


class Watch:
    """One camera's health and, with a ``view_file``, its guarded view.

    One thread looks; ``condition`` and ``keep`` may be asked by others. ``complain`` takes a
    sentence about a file that cannot be read or written.
    """

    def __init__(self, view_file: str, complain: Callable[[str], None]) -> None:
        self._file, self._complain = view_file, complain
        self._eye = PictureHealth()
        self._eyes, self._guards = Decimator(HEALTH_RATE), Decimator(GUARD_RATE)
        self._guard = self._made() if view_file else None
        self._kept = 0

    @property
    def condition(self) -> Condition | None:
        """What the pictures say; None before the first. A bad picture comes before its view."""
        seen = self._eye.condition
        if self._guard is None or seen is None or seen.state is not CameraState.OK:
            return seen
        return self._guard.condition

    def look(self, picture: Picture) -> None:
        """Every decoded picture, in order."""
        eye, guard = self._eyes.wants(picture.stamp), self._guards.wants(picture.stamp)
        guard = guard and self._guard is not None
        if not (eye or guard):
            return
        grey = picture.grey(WIDTH, HEIGHT)
        seen = self._eye.look(picture.stamp, grey) if eye else self._eye.condition
        if self._guard is None or seen is None:
            return
        if seen.state is not CameraState.OK:
            self._guard.forget(picture.stamp)
        elif guard and not self._eye.doubtful:
            self._guard.look(picture.stamp, grey)

    def forget(self, stamp: int) -> None:
        """After an outage everything is judged afresh."""
        self._eye.forget()
        if self._guard is not None:
            self._guard.forget(stamp)

    def keep(self) -> None:
        """Writes the view when it is known better than before; may take a tenth of a second."""
        if self._guard is None or self._guard.album.added == self._kept:
            return
        self._kept = self._guard.album.added
        try:
            view_store.save(self._file, self._guard.album.pages)
        except OSError as error:
            self._complain(f"view_file: {self._file} cannot be written: {error.strerror}")

    def _made(self) -> ViewGuard:
        try:
            return ViewGuard(view_store.load(self._file))
        except ValueError as error:
            self._complain(str(error))
            return ViewGuard()
