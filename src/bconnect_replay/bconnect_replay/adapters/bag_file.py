"""A bag while it is recorded: MCAP files of a bounded size, readable whenever the power fails.

Files are written with the mcap library in small chunks; ``metadata.yaml`` is written anew with
every file, so that `ros2 bag` knows all of them. A file that was cut off is read up to its last
whole chunk (adapters/bag_rescue.py).
"""

import os
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from io import BufferedWriter
from pathlib import Path
from typing import Any

import yaml
from mcap.exceptions import McapError
from mcap.writer import CompressionType, Writer
from rosbags.rosbag2.metadata import dump_qos_v9

from bconnect_replay.adapters.bag_types import BagError, offered_qos, own_types
from bconnect_replay.core.splitting import Split

CHUNK = 64 * 1024  # bytes; what a kill can cost
MOST_GROUPED = 32 << 20  # bytes of one topic kept for the next file
METADATA_VERSION = 9  # of rosbag2: Jazzy and later
DISTRO = "kilted"


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic of a bag. ``latched``: offered to late readers; ``repeat``: its last message heads
    every file; ``grouped``: so do those since the last that could be understood alone."""

    name: str
    type: str
    latched: bool = False
    repeat: bool = False
    grouped: bool = False
    told: tuple[str, str] | None = None  # another's RIHS01 hash and QoS as YAML, perhaps empty


@dataclass(slots=True)
class FileInfo:
    """One file of a bag. Stamps in ns, inclusive."""

    name: str
    start: int = 0
    end: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        return sum(self.counts.values())

    def note(self, topic: str, stamp: int) -> None:
        self.start = min(self.start, stamp) if self.messages else stamp
        self.end = max(self.end, stamp)
        self.counts[topic] = self.counts.get(topic, 0) + 1


class BagFile:
    """One MCAP file, open for writing. Raises OSError when the disk cannot take it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = FileInfo(path.name)
        self._stream: BufferedWriter = path.open("xb")
        self._writer = Writer(self._stream, chunk_size=CHUNK, compression=CompressionType.ZSTD)
        self._writer.start(profile="ros2", library="bconnect")
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Bytes written so far, without the chunk that is being filled."""
        return self._stream.tell()

    def write(self, topic: TopicInfo, data: bytes, stamp: int, sequence: int = 0) -> None:
        """Appends a CDR message received at ``stamp`` (ns)."""
        channel = self._channels.get(topic.name)
        if channel is None:
            channel = self._channels[topic.name] = self._channel(topic)
        self._writer.add_message(channel, stamp, data, stamp, sequence)
        self.info.note(topic.name, stamp)

    def flush(self) -> None:
        """Hands whole chunks to the system."""
        self._stream.flush()

    def close(self) -> None:
        """Writes the index; the file is complete."""
        try:
            self._writer.finish()
            self._stream.flush()
            os.fsync(self._stream.fileno())
        finally:
            self._stream.close()

    def _channel(self, topic: TopicInfo) -> int:
        schema = self._schemas.get(topic.type)
        if schema is None:
            types = own_types()
            text = types.generate_msgdef(topic.type, ros_version=2)[0].encode()
            schema = self._writer.register_schema(topic.type, "ros2msg", text)
            self._schemas[topic.type] = schema
        qos = yaml.safe_dump(_qos_of(topic), sort_keys=False)
        told = {"offered_qos_profiles": qos, "topic_type_hash": _digest_of(topic.type)}
        return int(self._writer.register_channel(topic.name, "cdr", schema, told))


class BagRecording:
    """A bag folder that grows: ``write`` until ``close``. Use it from one thread.

    Each file begins with what is latched, so that it can be replayed alone. Raises BagError
    when the folder exists or the disk cannot take it.
    """

    def __init__(self, folder: Path, split: Split) -> None:
        if folder.exists():
            raise BagError(f"{folder}: exists already; a bag is written into a new folder")
        self.folder, self._split = folder, split
        self._topics: dict[str, TopicInfo] = {}
        self._latched: dict[str, bytes] = {}
        self._groups: dict[str, list[bytes]] = {}
        self._done: list[FileInfo] = []
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise self._failed(error) from error
        self._file: BagFile | None = None

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self._done) + (self._file is not None)

    @property
    def messages(self) -> int:
        """How many messages were written."""
        return sum(f.messages for f in self._infos())

    def write(self, topic: TopicInfo, data: bytes, stamp: int, begins: bool = False) -> bool:
        """Appends a CDR message. The last latched one of each topic heads every later file.

        begins: of a grouped topic, it can be understood alone. One that follows nothing of the
        kind in its file is left out: False.
        """
        if topic.name not in self._topics:
            if topic.type not in own_types().types:
                raise BagError(f"{topic.name}: the definition of {topic.type} is not known here")
            self._topics[topic.name] = topic
        if begins:
            self._groups[topic.name] = []
        try:
            file = self._current(stamp)
            if topic.grouped and not begins and topic.name not in file.info.counts:
                return False
            file.write(topic, data, stamp)
        except (OSError, McapError) as error:
            raise self._failed(error) from error
        if topic.repeat:
            self._latched[topic.name] = data
        if topic.grouped:
            self._keep(topic.name, data)
        return True

    def _keep(self, name: str, data: bytes) -> None:
        group = self._groups.get(name)
        if group is None:
            return
        group.append(data)
        if sum(map(len, group)) > MOST_GROUPED:
            del self._groups[name]  # the next file begins without it

    def flush(self) -> None:
        """Hands what is written to the system and tells the metadata."""
        if self._file is None:
            return
        try:
            self._file.flush()
            self._tell()
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Completes the bag; without a message there is an empty one."""
        try:
            self._end_file()
            self._tell()
        except (OSError, McapError) as error:
            raise self._failed(error) from error

    def _current(self, stamp: int) -> BagFile:
        file = self._file
        if file is not None and self._split.due(file.size, file.info.start, stamp):
            self._end_file()
            file = None
        if file is None:
            file = BagFile(self.folder / f"{self.folder.name}_{len(self._done)}.mcap")
            self._file = file
            for name, data in self._latched.items():
                file.write(self._topics[name], data, stamp)
            for name, group in self._groups.items():
                for data in group:
                    file.write(self._topics[name], data, stamp)
            self._tell()
        return file

    def _end_file(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()
            self._done.append(file.info)

    def _infos(self) -> list[FileInfo]:
        return [*self._done, *([self._file.info] if self._file else [])]

    def _tell(self) -> None:
        write_metadata(self.folder, self._infos(), list(self._topics.values()))

    def _failed(self, error: Exception) -> BagError:
        why = getattr(error, "strerror", None) or str(error)
        return BagError(f"{self.folder}: cannot be written: {why}; free the disk or choose another")


def write_metadata(folder: Path, files: list[FileInfo], topics: list[TopicInfo]) -> None:
    """metadata.yaml of a bag folder, replaced at once."""
    held = [f for f in files if f.messages]
    start = min((f.start for f in held), default=0)
    end = max((f.end for f in held), default=0)
    counts: dict[str, int] = {}
    for file in files:
        for name, count in file.counts.items():
            counts[name] = counts.get(name, 0) + count
    told: dict[str, Any] = {
        "version": METADATA_VERSION,
        "storage_identifier": "mcap",
        "duration": {"nanoseconds": end - start},
        "starting_time": {"nanoseconds_since_epoch": start},
        "message_count": sum(counts.values()),
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": topic.name,
                    "type": topic.type,
                    "serialization_format": "cdr",
                    "offered_qos_profiles": _qos_of(topic),
                    "type_description_hash": _digest_of(topic.type)
                    if topic.told is None
                    else topic.told[0],
                },
                "message_count": counts.get(topic.name, 0),
            }
            for topic in topics
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [f.name for f in files],
        "files": [
            {
                "path": f.name,
                "starting_time": {"nanoseconds_since_epoch": f.start},
                "duration": {"nanoseconds": f.end - f.start},
                "message_count": f.messages,
            }
            for f in files
        ],
        "custom_data": None,
        "ros_distro": DISTRO,
    }
    text = yaml.safe_dump({"rosbag2_bagfile_information": told}, sort_keys=False)
    temporary = folder / ".metadata.yaml.new"
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, folder / "metadata.yaml")


@cache
def _digest_of(kind: str) -> str:
    return str(own_types().hash_rihs01(kind))


def _qos_of(topic: TopicInfo) -> Any:
    if topic.told is not None:
        try:
            found = yaml.safe_load(topic.told[1]) if topic.told[1] else None
        except (yaml.YAMLError, RecursionError, ValueError):  # another's, or spoiled
            found = None
        return found if isinstance(found, list) else []
    # A copy of its own each time: YAML would write an alias for one it has met.
    return deepcopy(_qos(topic.latched))


@cache
def _qos(latched: bool) -> Any:
    return dump_qos_v9([offered_qos(latched)])
