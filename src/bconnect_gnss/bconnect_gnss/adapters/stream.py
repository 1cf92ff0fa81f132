"""Bytes of a receiver: gpsd's socket, a serial line, a log. Never waits longer than it is told.

gpsd is read by a socket of our own: the kept client (gpsdclient, last release in January 2023)
ends its stream at the first line that is no JSON, cannot be asked for what came so far, and
reads lines of any length.
"""

import os
import select
import socket
import stat
import termios
import tty
from typing import Protocol

from bconnect_gnss.core.gpsd import WATCH
from bconnect_site.gnss import GnssAddress

CONNECT = 5.0  # s
CHUNK = 4096


class Stream(Protocol):
    """Where bytes come from."""

    def read(self, seconds: float) -> bytes:
        """What has come, after at most so long; empty: nothing. Raises OSError, EOFError."""
        ...

    def close(self) -> None: ...


class LineStream:
    """A file descriptor that is read as it comes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, seconds: float) -> bytes:
        """See ``Stream``."""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return b""
        data = os.read(self._descriptor, CHUNK)
        if not data:
            raise EOFError
        return data

    def close(self) -> None:
        os.close(self._descriptor)


class LogStream(LineStream):
    """A file, some lines at a time as a receiver would send them."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._rest = b""

    def read(self, seconds: float) -> bytes:
        """One line; the caller keeps the pace."""
        while b"\n" not in self._rest:
            self._rest += super().read(seconds)
            if len(self._rest) > 16 * CHUNK:
                break
        line, end, self._rest = self._rest.partition(b"\n")
        return line + end


def open_stream(address: GnssAddress) -> Stream:
    """Opens a source. Raises OSError."""
    if address.scheme == "gpsd":
        made = socket.create_connection((address.host, address.port), timeout=CONNECT)
        try:
            made.sendall(WATCH)
        except OSError:
            made.close()
            raise
        return LineStream(made.detach())
    if address.scheme == "nmea":
        return LineStream(_serial(address))
    return LogStream(os.open(os.path.expanduser(address.path), os.O_RDONLY | os.O_CLOEXEC))


def _serial(address: GnssAddress) -> int:
    flags = os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(address.path, flags)
    try:
        if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
            raise OSError(f"{address.path}: is not a serial line; a log is nmea+file://")
        tty.setraw(descriptor, termios.TCSANOW)
        kept = termios.tcgetattr(descriptor)
        kept[2] |= termios.CLOCAL | termios.CREAD
        kept[4] = kept[5] = getattr(termios, f"B{address.baud}")
        termios.tcsetattr(descriptor, termios.TCSANOW, kept)
    except termios.error as error:
        os.close(descriptor)
        raise OSError(f"{address.path}: {error.args[-1]}") from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
