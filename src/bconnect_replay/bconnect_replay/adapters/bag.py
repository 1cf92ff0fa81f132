"""rosbag2 folders (MCAP) written and read with rosbags: no ROS, no clock.

The same messages written in the same order give the same bytes. A bag is decoded by the
definitions it carries; what this version has added since is filled with "unknown".
"""

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rosbags.interfaces import (
    Connection,
    MessageDefinitionFormat,
    Nodetype,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from bconnect_site.errors import ConfigError, suggest

PACKAGE = "bconnect_msgs"
_NEVER = QosTime(0, 0)  # unspecified: the middleware's default


class BagError(ConfigError):
    """A bag cannot be read or written; one sentence."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of a bag."""

    name: str
    type: str  # "bconnect_msgs/msg/SignalState"
    count: int


@cache
def own_types() -> Typestore:
    """ROS's common messages and ours, in this version."""
    store = get_typestore(Stores.ROS2_KILTED)
    types: dict[str, Any] = {}
    for file in sorted(definitions().glob("*.msg")):
        text = file.read_text(encoding="utf-8")
        types.update(get_types_from_msg(text, f"{PACKAGE}/msg/{file.stem}"))
    store.register(types)
    return store


def definitions() -> Path:
    """Folder of our .msg files: the source tree's, else the installed share's.

    Raises BagError when there is neither.
    """
    for above in Path(__file__).resolve().parents:
        if (source := above / "src" / PACKAGE / "msg").is_dir():
            return source
    try:
        from ament_index_python.packages import get_package_share_directory

        share = Path(get_package_share_directory(PACKAGE)) / "msg"
    except (ImportError, LookupError):
        share = Path()
    if not share.name or not share.is_dir():
        raise BagError(f"{PACKAGE}: its message definitions are neither installed nor in src/")
    return share


def _qos(latched: bool) -> Qos:
    return Qos(
        QosHistory.KEEP_LAST,
        1 if latched else 10,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _NEVER,
        _NEVER,
        QosLiveliness.AUTOMATIC,
        _NEVER,
        False,
    )


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
        return _type(self.types, name)

    def make(self, name: str, **fields: Any) -> Any:
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
            _type(self.types, type_name)
            connection = self._writer.add_connection(
                topic, type_name, typestore=self.types, offered_qos_profiles=[_qos(latched)]
            )
            self._topics[topic] = connection
        elif connection.msgtype != type_name:
            raise BagError(
                f"{self.folder}: {topic}: found {type_name}, the topic holds {connection.msgtype}"
            )
        self._writer.write(connection, stamp_ns, data)


class BagReader:
    """Reads a bag: ``with BagReader(folder) as bag: for topic, message, stamp in bag.messages()``.

    Raises BagError when it cannot be read, or speaks another version of our messages.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise BagError(f"{self.folder}: there is no such bag (a folder with metadata.yaml)")
        if not (self.folder / "metadata.yaml").is_file():
            raise BagError(
                f"{self.folder}: metadata.yaml is missing: not a bag, or its recording was cut off"
            )
        self.topics: dict[str, Topic] = {}
        self._types = get_typestore(Stores.EMPTY)
        self._filled: dict[str, dict[str, Any]] = {}
        self._stack = ExitStack()
        try:
            self._reader = self._stack.enter_context(Reader(self.folder))
            self._open()
        except ConfigError:
            self.close()
            raise
        except Exception as error:  # whatever a damaged file makes of the library
            self.close()
            raise self._damaged(error) from error

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
        """The files of the bag, metadata.yaml last."""
        held = (f for f in self.folder.iterdir() if f.suffix in (".mcap", ".db3", ".zstd"))
        return [*sorted(held), self.folder / "metadata.yaml"]

    def messages(self, topics: Collection[str] | None = None) -> Iterator[tuple[str, Any, int]]:
        """(topic, message, stamp in ns) by rising stamp; sequences are numpy arrays."""
        for topic, data, stamp in self.raw(topics):
            yield topic, self.decode(topic, data), stamp

    def raw(self, topics: Collection[str] | None = None) -> Iterator[tuple[str, bytes, int]]:
        """(topic, CDR bytes, stamp in ns) by rising stamp."""
        for name in topics or ():
            if name not in self.topics:
                raise BagError(f'{self.folder}: no topic "{name}"{suggest(name, self.topics)}')
        chosen = [c for c in self._reader.connections if topics is None or c.topic in topics]
        if not chosen:
            return
        try:
            for connection, stamp, data in self._reader.messages(connections=chosen):
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
        for field, description in self._filled.get(name, {}).items():
            setattr(message, field, _nothing(own_types(), description))
        return message

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


def _type(types: Typestore, name: str) -> Any:
    if name not in types.types:
        known = [n for n in types.types if n.startswith(name.partition("/")[0])]
        raise BagError(f'no message is called "{name}"{suggest(name, known)}')
    return types.types[name]


def make(types: Typestore, name: str, **fields: Any) -> Any:
    """A message of a type store; fields not given are empty or 0, sequences become arrays."""
    made = _type(types, name)
    described = dict(types.fielddefs[name][1])
    for field in fields:
        if field not in described:
            raise BagError(f'{name} has no field "{field}"{suggest(field, described)}')
    return made(
        **{
            field: _fit(description, fields[field])
            if field in fields
            else _nothing(types, description)
            for field, description in described.items()
        }
    )


def _fit(description: Any, value: Any) -> Any:
    kind, what = description
    if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE) and what[0][0] == Nodetype.BASE:
        base = what[0][1][0]
        return list(value) if base == "string" else np.ascontiguousarray(value, _dtype(base))
    return value


def _nothing(types: Typestore, description: Any) -> Any:
    kind, what = description
    if kind == Nodetype.NAME:
        return make(types, what)
    if kind == Nodetype.BASE:
        zero: Any = {"string": "", "bool": False}
        return zero.get(what[0], 0.0 if what[0].startswith("float") else 0)
    inner, size = what
    if inner[0] != Nodetype.BASE or inner[1][0] == "string":
        return [_nothing(types, inner) for _ in range(size if kind == Nodetype.ARRAY else 0)]
    return np.zeros(size if kind == Nodetype.ARRAY else 0, _dtype(inner[1][0]))


def _dtype(base: str) -> Any:
    return {"bool": np.bool_, "byte": np.uint8, "char": np.uint8, "octet": np.uint8}.get(base, base)
