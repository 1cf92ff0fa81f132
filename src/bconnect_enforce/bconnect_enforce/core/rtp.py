"""RTP packets of one audio stream (RFC 3550, payload types of RFC 3551)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

VERSION = 2
PACKET = 0.02  # s of sound in a packet, RFC 3551 section 4.2
MOST = 1400  # bytes of sound in a packet: larger ones are cut up on their way and lost sooner
_HEADER = struct.Struct("!BBHII")


@dataclass(slots=True)
class RtpStream:
    """Numbers the packets of one source. `rate` is samples per second, `width` bytes a sample.

    `sequence` (16 bit) and `timestamp` (32 bit) begin anywhere and go on for as long as the
    source lives, over silence too, so that a receiver never takes two phrases for one.
    """

    payload_type: int
    rate: int
    width: int
    ssrc: int
    sequence: int = 0
    timestamp: int = 0

    @property
    def samples(self) -> int:
        """Samples in a packet: 20 ms, 10 ms where those would be too large."""
        whole = round(PACKET * self.rate)
        return whole if whole * self.width <= MOST else whole // 2

    @property
    def spacing(self) -> float:
        """Seconds between two packets."""
        return self.samples / self.rate

    def silence(self, seconds: float) -> None:
        """Nothing is sent for a while; the clock of the source goes on."""
        self.timestamp = (self.timestamp + round(seconds * self.rate)) & 0xFFFFFFFF

    def spurt(self, sound: bytes, quiet: bytes) -> Iterator[bytes]:
        """The packets of one phrase, the first one marked; `quiet` fills up the last one."""
        size = self.samples * self.width
        sound += quiet * (-len(sound) % size // self.width)
        for at in range(0, len(sound), size):
            yield self._packet(sound[at : at + size], first=at == 0)

    def _packet(self, sound: bytes, first: bool) -> bytes:
        header = _HEADER.pack(
            VERSION << 6,
            first << 7 | self.payload_type,
            self.sequence,
            self.timestamp,
            self.ssrc,
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.silence(len(sound) / self.width / self.rate)
        return header + sound
