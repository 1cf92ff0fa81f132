"""The wire between a site and the command centre: keys, and what is kept for who comes later.

A site says its topics as they are (CDR) under ``bconnect/<site>/from/<topic>``, pictures only while
somebody watches; the centre asks under ``bconnect/<site>/to/<what>``. A site's certificate opens
its own keys and nobody else's.
"""

import struct
from collections import OrderedDict, deque
from dataclasses import dataclass, field

ROOT = "bconnect"
MOST_TOPICS = 600  # of a site that are remembered
_STAMP = struct.Struct("<q")
DONE, NOT_NOW = b"\x00", b"\x01"  # first byte of an answer: what follows is CDR, or a sentence


def everything(site: str) -> str:
    """Every key of a site."""
    return f"{ROOT}/{site}/**"


def said(site: str, topic: str = "**") -> str:
    """Under which key a site says a topic (relative to its namespace)."""
    return f"{ROOT}/{site}/from/{topic}"


def topic_of(key: str) -> str:
    """The topic that a key of `said` names."""
    return key.split("/", 3)[3]


def asked(site: str, what: str = "**") -> str:
    """Under which key the centre asks a site for something."""
    return f"{ROOT}/{site}/to/{what}"


def alive(site: str) -> str:
    """The key that is there as long as a site is joined."""
    return f"{ROOT}/{site}/alive"


def picture(site: str, camera: str) -> str:
    """The key of a camera's pictures."""
    return f"{ROOT}/{site}/picture/{camera}"


def pack_picture(stamp: int, jpeg: bytes) -> bytes:
    """A picture with its stamp [ns]."""
    return _STAMP.pack(stamp) + jpeg


def unpack_picture(data: bytes) -> tuple[int, bytes]:
    """Stamp [ns] and JPEG. Raises ValueError."""
    if len(data) <= _STAMP.size:
        raise ValueError(f"a picture of {len(data)} bytes")
    return _STAMP.unpack_from(data)[0], data[_STAMP.size :]


@dataclass(slots=True)
class Kept:
    """The last words of each topic, for a centre that comes (back) later."""

    depths: dict[str, int]  # how many of which topic; a topic's last part stands for cameras'
    most: int = MOST_TOPICS
    _held: OrderedDict[str, deque[bytes]] = field(default_factory=OrderedDict)

    def keep(self, topic: str, data: bytes) -> None:
        """Remembers a message where its topic is one to be kept."""
        depth = self.depths.get(topic.rpartition("/")[2], 0)
        if not depth:
            return
        held = self._held.setdefault(topic, deque(maxlen=depth))
        held.append(data)
        self._held.move_to_end(topic)
        while len(self._held) > self.most:
            self._held.popitem(last=False)

    def all(self) -> list[tuple[str, bytes]]:
        """Everything kept: topic and message, oldest first within a topic."""
        return [(topic, data) for topic, held in self._held.items() for data in held]
