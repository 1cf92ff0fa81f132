"""Sentences of one moment become one report.

A receiver sends several sentences for each measurement. Which comes last is learned from the
moment before, so that a report need not wait for the next one.
"""

from dataclasses import dataclass
from math import isfinite, nan, sqrt

from bconnect_gnss.core.report import DOPPLER, SECOND, UERE, Report

DAY = 86_400 * SECOND
KEPT = 5 * SECOND  # ns for which what a sentence without position said holds

TIMED = ("RMC", "GGA", "GST")
_TRUSTED = frozenset({1, 2, 3, 4, 5, 9})  # of GGA: not estimated, typed in or simulated
_AUGMENTED = frozenset({2, 4, 5, 9})


@dataclass(frozen=True, slots=True)
class Piece:
    """One sentence's numbers; NaN or None: it does not say."""

    kind: str  # RMC, GGA, GST, GSA
    time: int | None = None  # ns since midnight
    day: int | None = None  # days since 1970
    valid: bool | None = None
    quality: int | None = None  # GGA's
    latitude: float = nan
    longitude: float = nan
    altitude: float = nan  # m above the ellipsoid
    speed: float = nan  # m/s
    course: float = nan  # degrees
    hdop: float = nan
    east: float = nan  # m, standard deviations
    north: float = nan
    up: float = nan


class Epochs:
    """Collects pieces; ``put`` gives the reports that are complete."""

    def __init__(self) -> None:
        self._pieces: dict[str, Piece] = {}
        self._time: int | None = -1  # of no sentence
        self._arrived = 0
        self._told = True
        self._order: list[str] = []
        self._ender = ""
        self._day: int | None = None
        self._last_time: int | None = None
        self._hdop: tuple[float, int] = (nan, 0)
        self._lost: tuple[bool, int] = (False, 0)  # by GSA

    def put(self, piece: Piece, arrived: int) -> list[Report]:
        """Takes a sentence that arrived at a moment [ns]."""
        if piece.kind == "GSA":
            self._hdop = (piece.hdop, arrived)
            self._lost = (piece.valid is False, arrived)
            return []
        if piece.kind not in TIMED:
            return []
        if piece.kind in self._pieces and piece.time == self._time is not None:
            return []  # of a second constellation
        made: list[Report] = []
        # A receiver without time sends the same empty time over and over.
        if piece.time != self._time or piece.kind in self._pieces:
            made += self._close()
            self._pieces, self._order = {}, []
            self._time, self._arrived, self._told = piece.time, arrived, False
        self._pieces[piece.kind] = piece
        self._order.append(piece.kind)
        if piece.kind == self._ender:
            made += self._tell()
        return made

    def _close(self) -> list[Report]:
        made = self._tell()
        self._ender = self._order[-1] if self._order else ""
        return made

    def _tell(self) -> list[Report]:
        rmc, gga = self._pieces.get("RMC"), self._pieces.get("GGA")
        if self._told or (rmc is None and gga is None):
            return []
        self._told = True
        gst = self._pieces.get("GST", Piece("GST"))
        place = gga if gga is not None and isfinite(gga.latitude) else rmc
        place = place or Piece("RMC")
        hdop = gga.hdop if gga is not None else nan
        if not isfinite(hdop) and self._arrived - self._hdop[1] <= KEPT:
            hdop = self._hdop[0]
        measured = isfinite(gst.east) and isfinite(gst.north)
        each = hdop * UERE / sqrt(2.0)
        return [
            Report(
                arrived=self._arrived,
                utc=self._utc(rmc),
                fixed=self._fixed(rmc, gga),
                latitude=place.latitude,
                longitude=place.longitude,
                altitude=gga.altitude if gga is not None else nan,
                east_stddev=gst.east if measured else each,
                north_stddev=gst.north if measured else each,
                up_stddev=gst.up if measured else 2.0 * each,
                measured=measured,
                augmented=gga is not None and gga.quality in _AUGMENTED,
                speed=rmc.speed if rmc is not None else nan,
                course=rmc.course if rmc is not None else nan,
                speed_stddev=hdop * DOPPLER,
            )
        ]

    def _fixed(self, rmc: Piece | None, gga: Piece | None) -> bool:
        lost = self._lost[0] and self._arrived - self._lost[1] <= KEPT
        by_rmc = rmc is None or rmc.valid is True
        return by_rmc and (gga is None or gga.quality in _TRUSTED) and not lost

    def _utc(self, rmc: Piece | None) -> int:
        """ns since 1970; the day is RMC's, and goes on at midnight where only GGA speaks."""
        if self._time is None or self._time < 0:
            return 0
        if rmc is not None and rmc.day is not None:
            self._day = rmc.day
        elif (
            self._day is not None
            and self._last_time is not None
            and self._last_time - self._time > DAY // 2
        ):
            self._day += 1
        self._last_time = self._time
        return 0 if self._day is None else self._day * DAY + self._time
