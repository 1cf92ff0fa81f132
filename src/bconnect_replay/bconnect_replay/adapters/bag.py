"""rosbag2 folders (MCAP) written and read with rosbags: no ROS, no clock.

The same messages written in the same order give the same bytes. A bag is decoded by the
definitions it carries; what this version has added since is filled with "unknown".
"""

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from rosbags.interfaces import Connection, MessageDefinitionFormat, Nodetype
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from bconnect_replay.adapters.bag_rescue import needs_rescue, rescue
from bconnect_replay.adapters.bag_types import (
    BagError,
    definitions,
    make,
    message_type,
    nothing,
    offered_qos,
    own_types,
    renewed,
)
from bconnect_site.errors import ConfigError, suggest

__all__ = ["BagError", "BagReader", "BagWriter", "Topic", "definitions", "make", "own_types"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of a bag."""

    name: str
    type: str  # "bconnect_msgs/msg/SignalState"
    count: int


class BagWriter:
    """Writes a new bag: ``with BagWriter(folder) as bag: bag.write(topic, message, stamp)``.

    Raises BagError when the folder exists already.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if self.folder.exists():
            raise BagError(f"{self.folder}: exists already; a bag is written into a new folder")
        self.types = own_types()
        self._writer = Writer(self.folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._topics: dict[str, Connection] = {}

    def __enter__(self) -> "BagWriter":
        self._writer.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    def type(self, name: str) -> Any:
        """Class of a message, e.g. "bconnect_msgs/msg/SignalState"; it needs every field."""
        return message_type(self.types, name)

    def make(self, name: str, /, **fields: Any) -> Any:
        """A message; fields not given are empty or 0, sequences become arrays."""
        return make(self.types, name, **fields)

    def header(self, stamp_ns: int, frame_id: str = "") -> Any:
        """A std_msgs Header."""
        return self.make("std_msgs/msg/Header", stamp=self.time(stamp_ns), frame_id=frame_id)

    def time(self, stamp_ns: int) -> Any:
        """A builtin_interfaces Time; a stamp before 1970 becomes 0."""
        sec, nanosec = divmod(max(0, int(stamp_ns)), 10**9)
        return self.make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)

    def write(self, topic: str, message: Any, stamp_ns: int, latched: bool = False) -> None:
        """Appends a message. The first one of a topic says whether it is latched."""
        name = message.__msgtype__
        self.write_raw(topic, name, self.types.serialize_cdr(message, name), stamp_ns, latched)

    def write_raw(
        self, topic: str, type_name: str, data: Any, stamp_ns: int, latched: bool = False
    ) -> None:
        """Appends a message that is CDR already."""
        if stamp_ns < 0:
            raise BagError(f"{self.folder}: {topic}: found stamp {stamp_ns}, needs 0 or more")
        connection = self._topics.get(topic)
        if connection is None:
            message_type(self.types, type_name)
            connection = self._writer.add_connection(
                topic, type_name, typestore=self.types, offered_qos_profiles=[offered_qos(latched)]
            )
            self._topics[topic] = connection
        elif connection.msgtype != type_name:
            raise BagError(
                f"{self.folder}: {topic}: found {type_name}, the topic holds {connection.msgtype}"
            )
        self._writer.write(connection, stamp_ns, data)


class BagReader:
    """Reads a bag: ``with BagReader(folder) as bag: for topic, message, stamp in bag.messages()``.

    A bag whose recording was cut off is read as far as it is whole, from a copy; ``warnings``
    says so. Raises BagError when it cannot be read, or speaks another version of our messages.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise BagError(f"{self.folder}: there is no such bag (a folder with metadata.yaml)")
        self.warnings: list[str] = []
        self._stack = ExitStack()
        readable = self._readable()
        if not (readable / "metadata.yaml").is_file():
            raise BagError(
                f"{self.folder}: metadata.yaml is missing: not a bag, or its recording was cut off"
            )
        self.topics: dict[str, Topic] = {}
        self._types = get_typestore(Stores.EMPTY)
        self._filled: dict[str, dict[str, Any]] = {}
        self._same: dict[str, bool] = {}  # whether a type is as in this version
        try:
            self._reader = self._stack.enter_context(Reader(readable))
            self._open()
        except ConfigError:
            self.close()
            raise
        except Exception as error:  # whatever a damaged file makes of the library
            self.close()
            raise self._damaged(error) from error

    def _readable(self) -> Path:
        """The bag's folder, or a copy of what is whole in it."""
        if not needs_rescue(self.folder):
            return self.folder
        copy = Path(self._stack.enter_context(TemporaryDirectory(prefix="bconnect-bag-"))) / "bag"
        try:
            self.warnings += rescue(self.folder, copy)
        except Exception as error:  # of the disk, or of what a damaged file makes of the library
            self.close()
            raise self._damaged(error) from error
        return copy

    def _open(self) -> None:
        types: dict[str, Any] = {}
        for connection in self._reader.connections:
            types.update(_definitions_of(connection))
        for name, definition in types.items():
            self._check(name, definition)
        self._types.register(types)
        for connection in self._reader.connections:
            known = self.topics.get(connection.topic)
            count = connection.msgcount + (known.count if known else 0)
            self.topics[connection.topic] = Topic(connection.topic, connection.msgtype, count)
        self.start = self._reader.start_time if self._reader.message_count else 0
        self.end = self._reader.end_time if self._reader.message_count else 0

    def _check(self, name: str, definition: Any) -> None:
        """Notes fields of ours the bag lacks; refuses those that mean something else."""
        ours = own_types().fielddefs.get(name)
        if ours is None:
            return
        theirs = dict(definition[1])
        for field, description in ours[1]:
            if field not in theirs:
                self._filled.setdefault(name, {})[field] = description
            elif theirs[field] != description:
                raise BagError(
                    f"{self.folder}: {name}: field {field} is another than in this version; "
                    "replay the bag with the version that recorded it"
                )

    def __enter__(self) -> "BagReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the files."""
        self._stack.close()

    def files(self) -> list[Path]:
        """The files of the bag, metadata.yaml last where it is there."""
        held = (f for f in self.folder.iterdir() if f.suffix in (".mcap", ".db3", ".zstd"))
        about = self.folder / "metadata.yaml"
        return [*sorted(held), *([about] if about.is_file() else [])]

    def messages(self, topics: Collection[str] | None = None) -> Iterator[tuple[str, Any, int]]:
        """(topic, message, stamp in ns) by rising stamp; sequences are numpy arrays."""
        for topic, data, stamp in self.raw(topics):
            yield topic, self.decode(topic, data), stamp

    def raw(
        self,
        topics: Collection[str] | None = None,
        start: int | None = None,
        stop: int | None = None,
    ) -> Iterator[tuple[str, bytes, int]]:
        """(topic, CDR bytes, stamp in ns) by rising stamp, from ``start`` to before ``stop``."""
        for name in topics or ():
            if name not in self.topics:
                raise BagError(f'{self.folder}: no topic "{name}"{suggest(name, self.topics)}')
        chosen = [c for c in self._reader.connections if topics is None or c.topic in topics]
        if not chosen:
            return
        try:
            for connection, stamp, data in self._reader.messages(
                connections=chosen, start=start, stop=stop
            ):
                yield connection.topic, data, stamp
        except ConfigError:
            raise
        except Exception as error:
            raise self._damaged(error) from error

    def decode(self, topic: str, data: bytes) -> Any:
        """One message of a topic."""
        name = self.topics[topic].type
        try:
            message = self._types.deserialize_cdr(data, name)
        except KeyError:
            raise BagError(
                f"{self.folder}: {topic}: the bag holds no definition of {name}"
            ) from None
        except Exception as error:
            raise self._damaged(error) from error
        if self._filled:
            self._fill(message, name)
        return message

    def current(self, topic: str, data: bytes) -> bytes:
        """A message of a topic as CDR of this version: what the bag lacks is unknown."""
        name, ours = self.topics[topic].type, own_types()
        if name not in self._same:
            known = name in ours.fielddefs and name in self._types.fielddefs
            self._same[name] = not known or ours.hash_rihs01(name) == self._types.hash_rihs01(name)
        message = self.decode(topic, data)  # Fast CDR itself would end the process at some damage
        if self._same[name]:
            return data
        return bytes(ours.serialize_cdr(renewed(ours, name, message), name))

    def _fill(self, message: Any, name: str) -> None:
        """Gives a message of an older version what this one has added, its parts too."""
        for field, description in self._types.fielddefs[name][1]:
            part = _named(description)
            if part in self._types.fielddefs:
                value = getattr(message, field)
                for one in value if isinstance(value, list) else (value,):
                    self._fill(one, part)
        for field, description in self._filled.get(name, {}).items():
            setattr(message, field, nothing(own_types(), description))

    def _damaged(self, error: Exception) -> BagError:
        why = " ".join(str(error).split()) or type(error).__name__
        return BagError(f"{self.folder}: the bag is damaged or cut off: {why[:200].rstrip('.')}")


def _definitions_of(connection: Connection) -> dict[str, Any]:
    """Types a connection defines; ours where the bag says nothing; none where it speaks oddly."""
    text = connection.msgdef.data
    try:
        if connection.msgdef.format == MessageDefinitionFormat.MSG:
            return dict(get_types_from_msg(text, connection.msgtype))
        if connection.msgdef.format == MessageDefinitionFormat.IDL:
            return dict(get_types_from_idl(text))
    except Exception:  # a message we do not need may be written in ways we cannot read
        return {}
    store = own_types()
    found: dict[str, Any] = {}
    waiting = [connection.msgtype]
    while waiting:
        name = waiting.pop()
        if name in found or name not in store.fielddefs:
            continue
        found[name] = store.fielddefs[name]
        waiting += [t for _, d in store.fielddefs[name][1] if (t := _named(d))]
    return found


def _named(description: Any) -> str:
    kind, what = description
    if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE):
        kind, what = what[0]
    return what if kind == Nodetype.NAME else ""
