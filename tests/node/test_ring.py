"""Pictures in shared memory: whole or not at all, whoever is late, killed or in the way."""

from __future__ import annotations

import gc
import os
import signal
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bconnect_msgs.msg import FrameReference
from sensor_msgs.msg import Image

from bconnect_node import qos, ring, sharing, shm
from bconnect_node.images import Frame, to_image

SIZE = 4 * 6 * 3

pytestmark = pytest.mark.skipif(not ring.place(), reason="this system locks no parts of files")


def picture(value: int) -> np.ndarray:
    return np.full((4, 6, 3), value, np.uint8)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[ring.Writer]:
    made = ring.Writer(SIZE, slots=3, folder=tmp_path)
    yield made
    made.close()


@pytest.fixture
def reader(tmp_path: Path) -> ring.Reader:
    return ring.Reader(tmp_path)


def test_a_picture_is_seen_in_place_and_cannot_be_spoilt(
    writer: ring.Writer, reader: ring.Reader
) -> None:
    seen = reader.look(writer.put(picture(7)))
    assert (seen == picture(7)).all()
    assert not seen.flags.writeable and not seen.flags.owndata


def test_a_picture_somebody_looks_at_is_not_written_over(
    writer: ring.Writer, reader: ring.Reader
) -> None:
    seen = reader.look(writer.put(picture(1)))
    part = seen[1:3, 2:4]
    del seen
    used = [writer.put(picture(n)).slot for n in range(2, 9)]
    assert (part == 1).all()
    assert 0 not in used
    del part
    assert 0 in [writer.put(picture(9)).slot for _ in range(3)], "given back with the last view"


def test_a_reader_that_comes_late_drops_what_was_overwritten(
    writer: ring.Writer, reader: ring.Reader
) -> None:
    early = writer.put(picture(1))
    for n in range(2, 5):
        writer.put(picture(n))
    assert reader.look(early) is None
    late = writer.put(picture(5))
    assert reader.look(replace(late, sequence=late.sequence + 1)) is None
    assert reader.look(replace(late, height=2)) is None, "another size: not the picture meant"
    assert (reader.look(late) == 5).all()
    assert writer.put(picture(6)).slot != late.slot


def test_where_every_slot_is_looked_at_the_frame_is_dropped_and_nobody_waits(
    writer: ring.Writer, reader: ring.Reader
) -> None:
    held = [reader.look(writer.put(picture(n))) for n in range(3)]
    assert writer.put(picture(9)) is None
    assert [int(image[0, 0, 0]) for image in held] == [0, 1, 2]
    del held[1]
    gc.collect()
    assert writer.put(picture(9)).slot == 1


def test_a_reader_that_hoards_takes_no_slots_from_the_others(tmp_path: Path) -> None:
    writer, hoards = ring.Writer(SIZE, slots=5, folder=tmp_path), ring.Reader(tmp_path)
    held = [hoards.look(writer.put(picture(n))) for n in range(40)]
    assert [int(image[0, 0, 0]) for image in held] == list(range(40))
    assert [image.flags.owndata for image in held] == [False] * 3 + [True] * 37
    assert not any(image.flags.writeable for image in held)
    writer.close()


def test_the_same_reference_twice_holds_until_both_are_gone(
    writer: ring.Writer, reader: ring.Reader
) -> None:
    where = writer.put(picture(1))
    first, second = reader.look(where), reader.look(where)
    del first
    assert where.slot not in {writer.put(picture(2)).slot for _ in range(6)}
    assert (second == 1).all()


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from bconnect_node import ring
writer = ring.Writer(4 * 6 * 3, slots=2, folder=Path(sys.argv[1]))
whole = writer.put(np.full((4, 6, 3), 1, np.uint8))
real = np.copyto
def half(to, what):
    real(to[:2], what[:2])
    print(whole.ring, flush=True)
    signal.pause()
np.copyto = half
writer.put(np.full((4, 6, 3), 2, np.uint8))
"""


def test_a_writer_killed_half_way_leaves_no_half_picture_and_its_ring_goes(
    tmp_path: Path, child: Callable[..., Any], reader: ring.Reader
) -> None:
    process = child(KILLED, str(tmp_path))
    name = process.stdout.readline().strip()
    whole = ring.Reference(name, 0, 1, 4, 6)
    half = ring.Reference(name, 1, 2, 4, 6)
    assert reader.look(half) is None, "being written"
    old = 1.0
    os.utime(tmp_path / name, (old, old))
    assert shm.remove_stale(tmp_path) == 0, "its owner lives"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert reader.look(half) is None, "never finished"
    seen = reader.look(whole)
    assert shm.remove_stale(tmp_path) == 1
    assert (seen == 1).all(), "who looks keeps it"
    assert ring.Reader(tmp_path).look(whole) is None


def test_a_reader_killed_while_looking_gives_its_slots_back(
    tmp_path: Path, writer: ring.Writer, child: Callable[..., Any]
) -> None:
    where = [writer.put(picture(n)) for n in range(3)]
    words = [f"{w.ring},{w.slot},{w.sequence},4,6" for w in where]
    process = child(
        "import sys, signal; from pathlib import Path; from bconnect_node import ring\n"
        "reader = ring.Reader(Path(sys.argv[1])); held = []\n"
        "for word in sys.argv[2:]:\n"
        "    name, *numbers = word.split(','); numbers = map(int, numbers)\n"
        "    held.append(reader.look(ring.Reference(name, *numbers)))\n"
        "print(all(h is not None for h in held), flush=True); signal.pause()",
        str(tmp_path),
        *words,
    )
    assert process.stdout.readline().strip() == "True"
    assert writer.put(picture(9)) is None
    process.kill()
    process.wait()
    assert writer.put(picture(9)) is not None


def test_what_is_no_ring_of_ours_is_not_looked_at(tmp_path: Path, writer: ring.Writer) -> None:
    good = writer.put(picture(1))
    other = tmp_path / f"bconnect_ring_1_{'0' * 16}"
    other.write_bytes(b"x" * 10_000)
    for bad in (
        replace(good, ring="../../etc/passwd"),
        replace(good, ring=other.name),
        replace(good, slot=3),
        replace(good, height=1 << 31, width=1 << 31),
        replace(good, height=0),
    ):
        with pytest.raises(ring.NotHere):
            ring.Reader(tmp_path).look(bad)


def test_no_ring_where_memory_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shm, "free_bytes", lambda folder: 1 << 20)
    with pytest.raises(ring.NoRoom, match="has 1 MiB left, a ring needs 64"):
        ring.Writer(SIZE, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_torn_header_is_not_believed(
    tmp_path: Path, writer: ring.Writer, reader: ring.Reader
) -> None:
    where = writer.put(picture(1))
    with open(tmp_path / where.ring, "r+b") as file:
        file.seek(4096)
        file.write(struct.pack("=Q", 0))
    assert reader.look(where) is None


# -- over topics ------------------------------------------------------------------------------


def test_two_processes_share_and_go_back_to_messages_when_the_offer_ends(
    ros: Any, nodes: Any, sample: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    looks = ros.add(nodes.Looks)
    shows = sample("ShowsAlways")
    wait_for(lambda: looks.seen and not looks.seen[-1].image.flags.owndata)
    wait_for(lambda: looks.count_subscribers("/image_raw") == 0)
    stamps = [frame.stamp for frame in looks.seen]
    assert stamps == sorted(set(stamps)), "each picture once, though both ways brought it"
    shows.process.terminate()
    foreign = ros.node("foreign").create_publisher(Image, "image_raw", qos.SENSOR)
    wait_for(lambda: foreign.get_subscription_count() == 1, 30.0)
    looks.seen.clear()
    again = to_image(Frame(1, "c", picture(5)))
    wait_for(lambda: foreign.publish(again) or looks.seen, every=0.05)


def test_a_reader_on_another_host_takes_messages(
    ros: Any, nodes: Any, wait_for: Callable[..., Any]
) -> None:
    looks = ros.add(nodes.Looks)
    far = ros.node("far")
    offer = far.create_publisher(FrameReference, "image_raw/shared", qos.SENSOR)
    wait_for(lambda: offer.get_subscription_count() == 1)
    wait_for(
        lambda: (
            offer.publish(FrameReference(place="elsewhere")) or offer.get_subscription_count() == 0
        ),
        every=0.05,
    )
    assert far.count_subscribers("/image_raw") == 1
    assert looks.seen == []


def test_a_publisher_without_room_says_so_and_sends_messages(
    ros: Any,
    nodes: Any,
    sample: Callable[..., Any],
    wait_for: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_room(size: int) -> None:
        raise ring.NoRoom("/dev/shm: No space left on device")

    monkeypatch.setattr(sharing.ring, "Writer", no_room)
    shows = ros.add(nodes.Shows)
    looks = sample("LooksAndTells")
    wait_for(lambda: shows.show() and len(looks.starting("frame")) > 2, 30.0, every=0.05)
    assert shows.health.last_error == "frames go as messages: /dev/shm: No space left on device"
    assert shows.count_publishers("/image_raw/shared") == 0


def test_the_ring_goes_with_the_last_reader(
    ros: Any, nodes: Any, sample: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    shows = ros.add(nodes.Shows)
    looks = sample("LooksAndTells")
    wait_for(lambda: shows.show() and looks.starting("frame"), 30.0, every=0.05)
    mine = [p for p in shm.FOLDER.glob(f"{shm.RING_PREFIX}{os.getpid()}_*")]
    assert len(mine) == 1
    looks.process.terminate()
    wait_for(lambda: not shows.frames.wanted(), 30.0, every=0.05)
    assert not mine[0].exists()
