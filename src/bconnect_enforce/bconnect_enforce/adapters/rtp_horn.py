"""A network horn that listens for RTP, alone or in a multicast group.

FFmpeg's RTP muxer sets no marker at a phrase's begin and does not tell when nobody listens, so
packets are ours (`core/rtp.py`) and the socket too.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable

from bconnect_enforce.core.mouth import MouthError
from bconnect_enforce.core.rtp import RtpStream
from bconnect_enforce.core.sound import Sound
from bconnect_site.horns import RtpAddress

_ANSWER = 0.05  # s in which a host on the spot says that nobody listens
_LATE = 0.2  # s behind its schedule from which on a phrase is shifted instead of hurried
_VOICE = 0xB8  # DSCP EF
_IP_RECVERR = 11  # Linux: a host that is gone is an error too, not only a closed port


class RtpHorn:
    """Sends 20 ms of sound every 20 ms. The socket stays open between phrases.

    `encode` gives the sound's bytes, `width` is the bytes of a sample, `quiet` a silent one.
    """

    def __init__(
        self, address: RtpAddress, encode: Callable[[Sound], bytes], width: int, quiet: bytes
    ) -> None:
        self._address = address
        self._encode, self._quiet = encode, quiet
        ssrc, sequence, timestamp = struct.unpack("!IHI", os.urandom(10))
        self._stream = RtpStream(
            address.payload_type, address.rate, width, ssrc, sequence, timestamp
        )
        self._socket: socket.socket | None = None
        self._ended = time.monotonic()

    @property
    def output(self) -> str:
        a = self._address
        return f"rtp://{a.host}:{a.port} ({a.codec} {a.rate} Hz)"

    @property
    def rate(self) -> int:
        return self._address.rate

    def check(self) -> None:
        """Says whether somebody listens; of a multicast group only whether it can be sent to."""
        try:
            opened = self._open()
            if not self._address.multicast:
                opened.send(b"")  # RFC 6263 4.1: an empty packet, which no receiver plays
                poller = select.poll()
                poller.register(opened, select.POLLERR)
                poller.poll(1000 * _ANSWER)
            _raise_pending(opened)
        except OSError as error:
            raise self._fault(error) from error

    def play(
        self, sound: Sound, name: str, began: Callable[[], None], stop: threading.Event
    ) -> str:
        data = self._encode(sound)
        try:
            self._send(self._open(), data, began, stop)
        except OSError as error:
            raise self._fault(error) from error
        finally:
            self._ended = time.monotonic()
        return self.output

    def _send(
        self, opened: socket.socket, data: bytes, began: Callable[[], None], stop: threading.Event
    ) -> None:
        stream = self._stream
        due = time.monotonic()
        stream.silence(due - self._ended)
        _raise_pending(opened)
        for number, packet in enumerate(stream.spurt(data, self._quiet)):
            if stop.wait(max(0.0, due - time.monotonic())):
                return
            opened.send(packet)
            if number == 0:
                began()
            due += stream.spacing
            due = max(due, time.monotonic() - _LATE)
        stop.wait(max(0.0, due - time.monotonic()))
        _raise_pending(opened)

    def _open(self) -> socket.socket:
        if self._socket is None:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._set_up(made)
            except BaseException:
                made.close()
                raise
            self._socket = made
        return self._socket

    def _set_up(self, made: socket.socket) -> None:
        a = self._address
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _VOICE)
        made.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, a.ttl)
        if a.interface and a.interface[0].isdigit():
            made.bind((a.interface, 0))
            local = socket.inet_aton(a.interface)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, local)
        elif a.interface:
            index = _index(a.interface)
            request = struct.pack("4s4si", bytes(4), bytes(4), index)  # struct ip_mreqn
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
            if not a.multicast:
                name = a.interface.encode() + b"\0"
                made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        made.connect((a.host, a.port))

    def _fault(self, error: OSError) -> MouthError:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        a = self._address
        where = f"horn rtp://{a.host}:{a.port}"
        if isinstance(error, socket.gaierror):
            return MouthError(f"{where}: no address is known for {a.host}; check name and DNS")
        if error.errno == errno.ECONNREFUSED:
            return MouthError(
                f"{where}: nobody listens on port {a.port}; switch RTP on in the horn"
            )
        if error.errno in (errno.ENODEV, errno.ENXIO, errno.EADDRNOTAVAIL) and a.interface:
            return MouthError(
                f"{where}: there is no network interface {a.interface} here; see `ip address`"
            )
        why = error.strerror or str(error)
        return MouthError(
            f"{where}: cannot be reached ({why}); check its power, the network and the address"
        )


def _index(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        raise OSError(errno.ENODEV, f"no interface {interface}") from None


def _raise_pending(opened: socket.socket) -> None:
    """Raises the error that came back for an earlier packet."""
    pending = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    try:
        while True:  # the queue of details must not fill up
            opened.recvmsg(0, 512, socket.MSG_ERRQUEUE)
    except BlockingIOError:
        pass
    if pending:
        raise OSError(pending, os.strerror(pending))
