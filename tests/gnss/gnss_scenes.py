"""A receiver made by hand: its sentences, and a pseudo terminal it speaks through."""

from __future__ import annotations

import os
import tty
from datetime import datetime, timedelta, timezone
from math import cos, radians

SECOND = 1_000_000_000
T0 = 1_780_000_000 * SECOND  # 2026-05-28 20:26:40 UTC
START = datetime(2026, 5, 28, 20, 26, 40, tzinfo=timezone.utc)
HOME = (-1.24630, 116.85630)  # degrees
METRE = 1 / 111_195.0  # degrees of latitude


def checked(text: str) -> bytes:
    """A sentence with its checksum."""
    total = 0
    for letter in text.encode():
        total ^= letter
    return f"${text}*{total:02X}\r\n".encode()


def angle(value: float, digits: int) -> str:
    """Degrees as NMEA writes them, ddmm.mmmmm."""
    whole, rest = divmod(abs(value), 1.0)
    return f"{int(whole):0{digits}d}{rest * 60:08.5f}"


def moment(seconds: float) -> datetime:
    """UTC so many seconds after T0."""
    return START + timedelta(seconds=seconds)


def rmc(at: datetime, place: tuple[float, float] = HOME, speed: float = 0.0, ok: bool = True):
    """RMC; speed in m/s."""
    north, east = place
    return checked(
        f"GNRMC,{at:%H%M%S}.{at.microsecond // 10000:02d},{'A' if ok else 'V'},"
        f"{angle(north, 2)},{'S' if north < 0 else 'N'},{angle(east, 3)},E,"
        f"{speed * 3600 / 1852:.3f},90.00,{at:%d%m%y},,,{'A' if ok else 'N'}"
    )


def gga(at: datetime, place: tuple[float, float] = HOME, quality: int = 1, hdop: float = 1.0):
    """GGA."""
    north, east = place
    return checked(
        f"GNGGA,{at:%H%M%S}.{at.microsecond // 10000:02d},{angle(north, 2)},"
        f"{'S' if north < 0 else 'N'},{angle(east, 3)},E,{quality},08,{hdop:.2f},12.0,M,60.0,M,,"
    )


def gst(at: datetime, north: float = 2.0, east: float = 3.0):
    """GST; standard deviations in m."""
    return checked(
        f"GNGST,{at:%H%M%S}.{at.microsecond // 10000:02d},,,,,{north:.1f},{east:.1f},5.0"
    )


def gsa(mode: int = 3, hdop: float = 1.0):
    """GSA."""
    return checked(f"GNGSA,A,{mode},10,07,05,02,,,,,,,,,1.9,{hdop:.2f},1.5")


def epoch(at: datetime, place: tuple[float, float] = HOME, speed: float = 0.0) -> bytes:
    """All sentences of one moment, as most receivers order them."""
    return rmc(at, place, speed) + gga(at, place) + gsa() + gst(at)


def off(place: tuple[float, float], north: float = 0.0, east: float = 0.0) -> tuple[float, float]:
    """A place so many metres further."""
    return place[0] + north * METRE, place[1] + east * METRE / cos(radians(place[0]))


class Terminal:
    """A serial line: ``path`` for the reader, ``send`` for the receiver."""

    def __init__(self) -> None:
        self._mine, self._theirs = os.openpty()
        tty.setraw(self._mine)
        self.path = os.ttyname(self._theirs)

    def send(self, data: bytes) -> None:
        os.write(self._mine, data)

    def close(self) -> None:
        """The line is pulled."""
        for descriptor in (self._mine, self._theirs):
            if descriptor >= 0:
                os.close(descriptor)
        self._mine = self._theirs = -1
