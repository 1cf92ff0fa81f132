"""Where a vehicle hears its position, and how good that must be."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field

from bconnect_site.errors import suggest
from bconnect_site.fields import ENV, Reference, Strict, fault

SCHEMES = ("gpsd", "nmea", "nmea+file")
BAUDS = (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800)
GPSD_PORT = 2947


@dataclass(frozen=True, slots=True)
class GnssAddress:
    """A source of fixes: gpsd by host and port, a serial line by path and baud, a log by path."""

    scheme: str
    host: str = ""
    port: int = GPSD_PORT
    path: str = ""
    baud: int = 9600


def gnss_address(text: str) -> GnssAddress:
    """The parts of an address. Raises ValueError, one sentence."""
    scheme, separator, rest = text.partition("://")
    if not separator or not rest:
        raise ValueError(
            f'found "{text}"; needs gpsd://host:{GPSD_PORT}, nmea:///dev/ttyUSB0?baud=9600 or '
            "nmea+file://log.nmea"
        )
    if scheme not in SCHEMES:
        raise ValueError(f'no source is called "{scheme}"{suggest(scheme, SCHEMES)}')
    if scheme == "nmea+file":
        return GnssAddress(scheme, path=rest)
    parts = urlsplit(text)
    if scheme == "nmea":
        return _serial(text, parts.netloc + parts.path, dict(parse_qsl(parts.query, True)))
    try:
        port = parts.port or GPSD_PORT
    except ValueError:
        raise ValueError(f'found "{text}"; its port must be from 1 to 65535') from None
    if not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(f'found "{text}"; needs gpsd://host:{GPSD_PORT}')
    return GnssAddress(scheme, host=parts.hostname, port=port)


def _serial(text: str, path: str, query: dict[str, str]) -> GnssAddress:
    baud = query.pop("baud", "9600")
    if query:
        raise ValueError(f'found "{next(iter(query))}" in "{text}"; allowed: baud')
    if not baud.isascii() or not baud.isdecimal() or int(baud) not in BAUDS:
        raise ValueError(f'found baud "{baud}"; allowed: {", ".join(map(str, BAUDS))}')
    if not path.startswith("/"):
        raise ValueError(f'found "{text}"; needs the path of a device, nmea:///dev/ttyUSB0')
    return GnssAddress("nmea", path=path, baud=int(baud))


def _source(value: str) -> str:
    if ENV.search(value) is None:
        try:
            gnss_address(value)
        except ValueError as error:
            raise fault(str(error)) from None
    return value


class GnssSettings(Strict):
    """The position of a vehicle."""

    source: Annotated[Reference, AfterValidator(_source)] = Field(
        description="gpsd://host:2947, nmea:///dev/ttyUSB0?baud=9600, nmea+file://log.nmea or "
        "${NAME}"
    )
    max_age: float = Field(
        default=2.0, ge=0.1, le=60.0, description="s after which a fix says nothing any more"
    )
    max_stddev: float = Field(
        default=10.0, gt=0.0, le=1000.0, description="m, east or north, up to which it is believed"
    )
    antenna: Annotated[tuple[float, float], Field(strict=False)] = Field(
        default=(0.0, 0.0),
        description="m ahead and to the left of the point the cameras' calibrations count from",
    )
    heading_offset: float = Field(
        default=0.0,
        ge=-360.0,
        le=360.0,
        description="of a receiver with two antennas: degrees from the vehicle's front to their "
        "line, clockwise",
    )
    heading_stddev: float = Field(
        default=0.5, ge=0.01, le=45.0, description="degrees, of that line's direction"
    )
