"""Ears for the tests: sockets that listen for RTP and know nothing of how it was sent."""

from __future__ import annotations

import itertools
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass

import numpy as np

_RECVTTL = 12  # IP_RECVTTL


@dataclass(frozen=True)
class Packet:
    """One RTP packet as it came: RFC 3550 section 5.1."""

    at: float  # monotonic s
    ttl: int
    version: int
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class Ear:
    """Hears what is sent to a port of loopback, or to a group on it."""

    def __init__(self, group: str = "", port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.IPPROTO_IP, _RECVTTL, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((group or "127.0.0.1", port))
        if group:
            member = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        self.port: int = self._socket.getsockname()[1]
        self.packets: list[Packet] = []
        self.empty = 0  # datagrams without content
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gone: from now on the port answers that nobody listens."""
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            if not select.select([self._socket], [], [], 0.05)[0]:
                continue
            data, extra, *_ = self._socket.recvmsg(4096, 64)
            if len(data) < 12:
                self.empty += 1
                continue
            first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
            ttl = next((struct.unpack("i", value)[0] for _, _, value in extra), 0)
            self.packets.append(
                Packet(
                    time.monotonic(), ttl, first >> 6, bool(second & 0x80), second & 0x7F,
                    sequence, timestamp, ssrc, data[12:],
                )
            )  # fmt: skip

    def l16(self) -> np.ndarray:
        """What was heard, as int16."""
        return np.frombuffer(b"".join(p.payload for p in self.packets), ">i2").astype(np.int16)


def likeness(heard: np.ndarray, said: np.ndarray) -> float:
    """Greatest correlation of two sounds over all shifts, 0 to 1."""
    a, b = heard.astype(float), said.astype(float)
    n = len(a) + len(b)
    cross = np.fft.irfft(np.fft.rfft(a, n) * np.conj(np.fft.rfft(b, n)), n)
    return float(cross.max() / np.sqrt((a @ a) * (b @ b)))


def decibels(samples: np.ndarray) -> float:
    """Level of a sound, dB of full scale."""
    return float(20 * np.log10(np.sqrt(np.mean(samples.astype(float) ** 2)) / 32768))


def loudest(samples: np.ndarray, rate: int) -> float:
    """Hz of the half octave that holds most of a sound."""
    power = np.abs(np.fft.rfft(samples.astype(float))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    edges = 100.0 * 2.0 ** (np.arange(14) / 2)
    bands = [
        power[(hertz >= low) & (hertz < high)].sum() for low, high in itertools.pairwise(edges)
    ]
    return float(edges[int(np.argmax(bands))])
