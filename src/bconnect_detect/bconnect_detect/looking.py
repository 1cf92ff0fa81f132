"""Asks the plate reader, and does not wait for ever: a hung model must not hold up the seal."""

from collections.abc import Callable, Sequence
from threading import Thread

from bconnect_detect.core.plate import Image, PlateReader, Still
from bconnect_detect.core.types import Box, Finding
from bconnect_detect.core.violation import PlateReading
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import PlateState


class PlateDesk:
    """A reader with a time limit. ``make`` is called when a plate is first asked for.

    ``limit``: s, longer than the reader's own, which it keeps between stills.
    """

    def __init__(self, make: Callable[[], PlateReader | None], limit: float) -> None:
        self._make: Callable[[], PlateReader | None] | None = make
        self._limit = limit
        self._reader: PlateReader | None = None
        self._why = "plates are not read at this site"
        self._busy: Thread | None = None

    def read(self, stills: Sequence[Still], finding: Finding) -> PlateReading:
        """The offender's plate. Never raises; why it was not read is in the reading."""
        reader = self._ready()
        if reader is None:
            return PlateReading(PlateState.NOT_VISIBLE, reason=self._why)
        if not stills:
            why = "there was no still to look at"
            return PlateReading(PlateState.NOT_VISIBLE, reason=why)
        if self._busy is not None and self._busy.is_alive():
            return _unreadable("the plate reader still hangs on an earlier violation")
        answers: list[PlateReading] = []
        self._busy = Thread(
            target=lambda: answers.append(_safely(reader, stills, finding)),
            name="plate",
            daemon=True,
        )
        self._busy.start()
        self._busy.join(self._limit)
        if not answers:
            return _unreadable(f"the plate reader did not answer within {self._limit:g} s")
        return answers[0]

    def find_plates(self, image: Image) -> Sequence[Box]:
        """Every plate in a picture; none where there is no reader."""
        reader = self._ready()
        return reader.find_plates(image) if reader else []

    def _ready(self) -> PlateReader | None:
        if self._make is not None:
            try:
                self._reader = self._make()
            except (ConfigError, ImportError) as error:
                self._why = f"the plate reader could not be built: {error}"
            self._make = None
        return self._reader


def _safely(reader: PlateReader, stills: Sequence[Still], finding: Finding) -> PlateReading:
    try:
        return reader.read(stills, finding)
    except Exception as error:  # whatever a model does, the evidence is sealed
        return _unreadable(f"the plate reader failed: {type(error).__name__}: {error}"[:200])


def _unreadable(reason: str) -> PlateReading:
    return PlateReading(PlateState.UNREADABLE, reason=reason)
