"""NMEA 0183 sentences, taken apart by pynmeagps (BSD-3-Clause)."""

import datetime
from math import nan
from typing import Any

from pynmeagps import VALCKSUM, NMEAReader
from pynmeagps.exceptions import (
    NMEAMessageError,
    NMEAParseError,
    NMEAStreamError,
    NMEATypeError,
)

from bconnect_gnss.core.epoch import TIMED, Epochs, Piece
from bconnect_gnss.core.gpsd import BEYOND
from bconnect_gnss.core.report import Report

LONGEST = 120  # bytes; the standard says 82, some receivers add digits
KNOT = 1852.0 / 3600.0  # m/s
_WANTED = (*TIMED, "GSA")
_AUTONOMOUS = ("A", "D", "F", "P", "R", "")  # of RMC's mode; others are estimated or simulated
_HEADINGS = ("headingT", "headt")  # of HDT, THS
_EPOCH = datetime.date(1970, 1, 1).toordinal()


class NmeaTalk:
    """Reads a receiver's lines."""

    complaint = ""
    receivers: int | None = None

    def __init__(self) -> None:
        self.pulses: list[float] = []  # none: a serial line of sentences has no pulse
        self.headings: list[float] = []  # degrees from true north, to be taken
        self._epochs = Epochs()

    def put(self, line: bytes, arrived: int) -> list[Report]:
        """Reports complete with a line that arrived at a moment [ns]. Raises ValueError: noise."""
        heading = heading_of(line)
        if heading is not None:
            self.headings += [heading] if 0.0 <= heading <= 360.0 else []
            return []
        piece = piece_of(line)
        return [] if piece is None else self._epochs.put(piece, arrived)


def piece_of(line: bytes) -> Piece | None:
    """What a sentence says; None: a sentence that does not matter here.

    Raises ValueError: no sentence, or its checksum is missing or wrong.
    """
    line = line[max(0, line.rfind(b"$")) :]  # what was cut off, or a receiver that says it twice
    if len(line) > LONGEST or not line.startswith(b"$") or b"*" not in line[-4:]:
        raise ValueError("is no NMEA sentence with a checksum")
    if line[3:6].decode("ascii", "replace") not in _WANTED or line[1:2] == b"P":
        return None
    try:
        said = NMEAReader.parse(line + b"\r\n", validate=VALCKSUM)
        return None if said is None else _piece(said)
    except (NMEAParseError, NMEAMessageError, NMEAStreamError, NMEATypeError) as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # the library lets a few of Python's own through
        raise ValueError(f"{type(error).__name__}: {error}") from None


def heading_of(line: bytes) -> float | None:
    """Degrees from true north of an HDT or THS sentence; NaN: it does not know; None: another.

    Raises ValueError: no sentence, or its checksum is missing or wrong.
    """
    line = line[max(0, line.rfind(b"$")) :]
    if line[3:6] not in (b"HDT", b"THS") or b"*" not in line[-4:] or len(line) > LONGEST:
        return None
    try:
        said: Any = NMEAReader.parse(line + b"\r\n", validate=VALCKSUM)
    except Exception as error:  # the library lets a few of Python's own through
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if said is None or (said.msgID == "THS" and str(getattr(said, "mi", "")) not in ("A", "")):
        return nan
    return next((_number(v) for n in _HEADINGS if (v := getattr(said, n, None)) is not None), nan)


def _piece(said: Any) -> Piece:
    kind = said.msgID
    if kind == "RMC":
        mode = str(getattr(said, "posMode", ""))
        return Piece(
            kind,
            _time(said.time),
            _day(said.date),
            valid=said.status == "A" and mode in _AUTONOMOUS,
            latitude=_number(said.lat),
            longitude=_number(said.lon),
            speed=_number(said.spd) * KNOT,
            course=_number(said.cog),
        )
    if kind == "GGA":
        return Piece(
            kind,
            _time(said.time),
            quality=int(said.quality),
            latitude=_number(said.lat),
            longitude=_number(said.lon),
            altitude=_number(said.alt) + _number(said.sep),
            hdop=_number(said.HDOP),
        )
    if kind == "GST":
        north, east, up = (_number(v) for v in (said.stdLat, said.stdLong, said.stdAlt))
        return Piece(kind, _time(said.time), east=east, north=north, up=up)
    return Piece(kind, valid=said.navMode != 1, hdop=_number(said.HDOP))


def _number(value: object) -> float:
    known = isinstance(value, int | float) and abs(value) < BEYOND
    return float(value) if known else nan  # type: ignore[arg-type]


def _time(value: object) -> int | None:
    if not isinstance(value, datetime.time):
        return None
    whole = (value.hour * 60 + value.minute) * 60 + value.second
    return whole * 1_000_000_000 + value.microsecond * 1000


def _day(value: object) -> int | None:
    return value.toordinal() - _EPOCH if isinstance(value, datetime.date) else None
