"""Bags that were cut off: what is whole in them, made readable again in another folder.

The recording itself is never touched: it may be evidence, or still growing.
"""

import errno
import os
import re
from pathlib import Path
from typing import IO

from mcap.reader import make_reader
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, Writer

from bconnect_replay.adapters.bag_file import CHUNK, FileInfo, TopicInfo, write_metadata

MAGIC = b"\x89MCAP0\r\n"
QOS = "offered_qos_profiles"
LARGEST_RECORD = 1 << 30  # bytes; a longer one is damage


def is_whole(file: Path) -> bool:
    """Whether an MCAP file was completed."""
    try:
        with file.open("rb") as stream:
            stream.seek(-len(MAGIC), os.SEEK_END)
            return stream.read() == MAGIC
    except OSError:
        return False


def needs_rescue(folder: Path) -> bool:
    """Whether a bag of MCAP files was cut off, or lost its metadata.yaml."""
    files = sorted(folder.glob("*.mcap"))
    lost = not (folder / "metadata.yaml").is_file()
    return bool(files) and (lost or any(not is_whole(file) for file in files))


def rescue(folder: Path, into: Path) -> list[str]:
    """Makes a readable copy of a cut-off bag in the new folder ``into``.

    Whole files are linked, others copied as far as they are whole. Returns what was done, one
    sentence each. Raises OSError.
    """
    into.mkdir(parents=True)
    infos: list[FileInfo] = []
    topics: dict[str, TopicInfo] = {}
    said: list[str] = []
    if not (folder / "metadata.yaml").is_file():
        said.append(f"{folder}: metadata.yaml was missing: made anew from the files")
    for file in sorted(folder.glob("*.mcap"), key=_number):
        whole = is_whole(file)
        info = _look(file, topics) if whole else None
        if info is not None:
            (into / file.name).symlink_to(file.resolve())
        else:
            info = _copy(file, into / file.name, topics)
            what = "was spoiled" if whole else "was cut off"
            said.append(f"{file}: {what}: {info.messages} messages are whole")
        infos.append(info)
    write_metadata(into, infos, list(topics.values()))
    return said


def _number(file: Path) -> tuple[int, str]:
    digits = re.search(r"_(\d+)$", file.stem)
    return (int(digits[1]) if digits else 0, file.name)


def _look(file: Path, topics: dict[str, TopicInfo]) -> FileInfo | None:
    """What a whole file holds, by its summary; None: that cannot be read."""
    info = FileInfo(file.name)
    try:
        with file.open("rb") as stream:
            summary = make_reader(stream).get_summary()
        if summary is None or summary.statistics is None:
            return info
        for number, count in summary.statistics.channel_message_counts.items():
            channel = summary.channels[number]
            info.counts[channel.topic] = info.counts.get(channel.topic, 0) + count
    except Exception as error:  # whatever a spoiled file makes of the library
        if _is_disk(error):
            raise
        return None
    for channel in summary.channels.values():
        _note(topics, channel, summary.schemas.get(channel.schema_id))
    if info.messages:
        info.start = summary.statistics.message_start_time
        info.end = summary.statistics.message_end_time
    return info


def _is_disk(error: Exception) -> bool:
    """Whether the disk is at fault, and not a place that a spoiled file names in itself."""
    return isinstance(error, OSError) and error.errno != errno.EINVAL


def _copy(file: Path, target: Path, topics: dict[str, TopicInfo]) -> FileInfo:
    """The whole records of a file as a complete file."""
    info = FileInfo(file.name)
    with file.open("rb") as source, target.open("xb") as stream:
        writer = Writer(stream, chunk_size=CHUNK, compression=CompressionType.ZSTD)
        writer.start(profile="ros2", library="bconnect")
        try:
            _copy_records(source, writer, info, topics)
        except Exception as error:  # of the library and its decompressors: as far as it is whole
            if _is_disk(error):
                raise
        writer.finish()
    return info


def _copy_records(
    source: IO[bytes], writer: Writer, info: FileInfo, topics: dict[str, TopicInfo]
) -> None:
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    written: dict[int, int] = {}
    ours: dict[int, int] = {}
    for record in StreamReader(source, record_size_limit=LARGEST_RECORD).records:
        if isinstance(record, Schema):
            schemas[record.id] = record
            if record.id not in ours:
                ours[record.id] = writer.register_schema(record.name, record.encoding, record.data)
        elif isinstance(record, Channel):
            channels[record.id] = record
            if record.id not in written:
                written[record.id] = writer.register_channel(
                    record.topic,
                    record.message_encoding,
                    ours.get(record.schema_id, 0),
                    record.metadata,
                )
            _note(topics, record, schemas.get(record.schema_id))
        elif isinstance(record, Message):
            writer.add_message(
                written[record.channel_id],
                record.log_time,
                record.data,
                record.publish_time,
                record.sequence,
            )
            info.note(channels[record.channel_id].topic, record.log_time)


def _note(topics: dict[str, TopicInfo], channel: Channel, schema: Schema | None) -> None:
    if schema is not None and channel.topic not in topics:
        # Recorders before Iron tell no hash; one that is made up would hide all messages.
        hash_, qos = (channel.metadata.get(k, "") for k in ("topic_type_hash", QOS))
        topics[channel.topic] = TopicInfo(channel.topic, schema.name, told=(hash_, qos))
