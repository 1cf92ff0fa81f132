"""A speaker node with a network horn, heard at the horn's end."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from bconnect_msgs import msg as messages
from horns import Ear, likeness
from std_msgs.msg import UInt8MultiArray
from std_srvs.srv import SetBool

from bconnect_enforce import convert
from bconnect_enforce.adapters import wav
from bconnect_enforce.core.records import Announcement
from bconnect_enforce.core.sound import Sound
from bconnect_enforce.core.studio import NoSound
from bconnect_node.qos import EVENT, STATE
from bconnect_site.kinds import Colour, RoadUserKind, SpeakerStateKind
from bconnect_site.phrases import RECORDING

S = 1_000_000_000
SHORT, LONG = "speaker_test", "illegal_parking_warning"


class Pole:
    """One speaker node, its states, its orders, and the ear at its horn."""

    def __init__(self, graph, wait_for, ear, **params):
        address = f"rtp://127.0.0.1:{ear.port}?codec=L16&rate=16000"
        self.graph, self.ear, self.wait_for = graph, ear, wait_for
        self.node = graph.speaker(adapter="rtp", address=address, **params)
        self.states = graph.listen(messages.SpeakerState, "speaker_state", STATE)
        self.orders = graph.publisher(messages.Announcement, "announcements", EVENT)
        wait_for(lambda: self.states and not self.node._studio.unready)

    def order(self, n: int, phrase: str = SHORT, priority: int = 5, **who) -> None:
        now = self.graph.probe.get_clock().now().nanoseconds
        made = Announcement(
            f"id-{n}", "tiang_1", phrase, f"f{n}", priority, now, now + 30 * S, **who
        )
        self.orders.publish(convert.announcement_to(made))

    def until(self, kind: SpeakerStateKind, seconds: float = 20.0) -> messages.SpeakerState:
        self.wait_for(lambda: self.states[-1].state == kind, seconds)
        return self.states[-1]

    def spoken(self, count: int) -> None:
        self.wait_for(lambda: self.states[-1].spoken == count, 60.0)

    def spurts(self) -> list[list]:
        """Packets heard, a list for each phrase."""
        starts = [i for i, p in enumerate(self.ear.packets) if p.marker]
        return [self.ear.packets[a:b] for a, b in zip(starts, [*starts[1:], None], strict=False)]


@pytest.fixture
def ear():
    with Ear() as made:
        yield made


@pytest.fixture
def pole(graph, wait_for, ear):
    return Pole(graph, wait_for, ear)


def samples(spurt) -> np.ndarray:
    return np.frombuffer(b"".join(p.payload for p in spurt), ">i2").astype(np.int16)


def test_the_horn_gets_what_the_studio_made_and_the_state_says_when(pole):
    pole.order(1)
    said = pole.until(SpeakerStateKind.SPEAKING)
    pole.spoken(1)
    studio = pole.node._studio.sound(SHORT)
    heard = pole.ear.l16()
    assert len(heard) / 16000 == pytest.approx(studio.duration, abs=0.02)
    assert likeness(heard, studio.samples) > 0.95
    assert said.announcement_id == "id-1"
    # finding to first sample: the stamp of SPEAKING is the first packet's
    assert pole.node._latencies[0] < 300.0
    assert (convert.ns(said.header.stamp) - pole.node._last.stamp) / 1e6 == pytest.approx(
        pole.node._latencies[0], abs=50.0
    )


def test_who_is_meant_is_spoken_first(pole, wait_for):
    wait_for(lambda: len(pole.node._studio._said) == len(pole.node._studio.pieces), 60.0)
    who = {"road_user": RoadUserKind.CAR, "colour": Colour.WHITE, "place": "lajur_kiri"}
    pole.order(1, **who)
    pole.spoken(1)
    studio = pole.node._studio
    heard = pole.ear.l16()
    for piece in ("Mobil putih,", "di lajur kiri."):
        assert piece in studio._said
        part = studio._said[piece].samples
        assert likeness(heard[: len(heard) // 2], part) > 0.4
    phrase = studio.sound(SHORT).samples
    assert likeness(heard, phrase) > 0.6
    assert len(heard) > len(phrase) + 16000


def test_two_orders_at_once_do_not_talk_over_each_other(pole):
    pole.order(1, SHORT, 1)
    pole.order(2, "stop_line_reprimand", 1)
    pole.order(3, "wrong_way_warning", 9)
    pole.spoken(3)
    spurts = pole.spurts()
    assert len(spurts) == 3
    assert {p.ssrc for p in pole.ear.packets} == {pole.ear.packets[0].ssrc}
    phrases = [s.phrase for s in pole.states if s.state == SpeakerStateKind.SPEAKING]
    # what was begun is finished; then the urgent one, then the other
    assert phrases.index("wrong_way_warning") <= 1
    assert len(phrases) == 3
    for spurt, phrase in zip(spurts, phrases, strict=True):
        said = pole.node._studio.sound(phrase).samples
        assert np.array_equal(samples(spurt)[: len(said)], said)
    assert all(b[0].at - a[-1].at > 0.0 for a, b in itertools.pairwise(spurts))


def test_mute_in_the_middle_ends_the_packets(pole, wait_for):
    pole.order(1, LONG)
    wait_for(lambda: len(pole.ear.packets) > 25, 20.0)
    pole.graph.call(SetBool, "tiang_1/speaker/mute", SetBool.Request(data=True))
    state = pole.until(SpeakerStateKind.MUTED)
    wait_for(lambda: pole.states[-1].dropped == 1)
    assert pole.states[-1].spoken == state.spoken == 0
    whole = len(pole.node._studio.sound(LONG).samples) // 320
    assert len(pole.ear.packets) < whole / 2
    pole.order(2)
    wait_for(lambda: pole.states[-1].dropped == 2)


def test_a_horn_that_goes_and_comes_back(pole, wait_for):
    port = pole.ear.port
    pole.node._mouth.look = pole.node._mouth.patience = S // 5
    pole.order(1, LONG)
    wait_for(lambda: len(pole.ear.packets) > 25, 20.0)
    pole.ear.close()
    fault = pole.until(SpeakerStateKind.FAULT)
    assert f"nobody listens on port {port}; switch RTP on in the horn" in fault.detail
    wait_for(lambda: pole.states[-1].dropped == 1)
    assert pole.states[-1].spoken == 0
    assert pole.node.health.dropped("mouth at fault") == 1
    # what nobody heard is kept as a file
    assert pole.states[-1].output.endswith(f"{LONG}.wav")
    with Ear(port=port) as back:
        state = pole.until(SpeakerStateKind.IDLE)
        assert state.detail == ""
        pole.order(2)
        wait_for(lambda: pole.states[-1].spoken == 1, 20.0)
        assert len(back.packets) > 25
    # noticed while nobody speaks
    pole.until(SpeakerStateKind.FAULT)
    assert pole.states[-1].dropped == 1


def test_an_order_of_a_later_version_is_survived(pole, wait_for):
    m = messages.Announcement(id="id-1", speaker="tiang_1", phrase=SHORT, road_user_kind=99)
    pole.orders.publish(m)
    wait_for(lambda: "99 is not a valid RoadUserKind" in pole.node.health.last_error)
    pole.order(2)
    pole.spoken(1)


def test_a_broken_phrases_file_is_one_sentence(graph):
    from bconnect_site.errors import ConfigError

    file = graph.tmp_path / "phrases.yaml"
    file.write_text("phrases: {halo: {text: Halo}}\n")
    with pytest.raises(ConfigError) as refusal:
        graph.speaker(phrases_file=str(file))
    assert str(refusal.value) == f"{file}: phrases.halo.title: is missing"
    file.write_text("phrases: [\n")
    with pytest.raises(ConfigError) as refusal:
        graph.speaker(phrases_file=str(file))
    assert str(refusal.value).startswith(f"{file}: ")


def spoken_word(seconds: float = 1.0) -> bytes:
    t = np.arange(int(seconds * 16000)) / 16000
    wave = np.sin(2 * np.pi * (300 + 400 * t) * t) * (0.5 + 0.4 * np.sin(2 * np.pi * 5 * t))
    return wav.encode(Sound((wave * 12000).astype(np.int16), 16000))


@pytest.mark.parametrize("first", ["recording", "order"])
def test_a_recording_is_said_where_an_order_names_its_digest(pole, wait_for, first):
    data = spoken_word()
    name = RECORDING + hashlib.sha256(data).hexdigest()
    recordings = pole.graph.publisher(UInt8MultiArray, "recordings", EVENT)
    wait_for(lambda: recordings.get_subscription_count())
    if first == "order":
        pole.order(1, name)
        wait_for(lambda: name in pole.node._early)
    recordings.publish(UInt8MultiArray(data=list(data)))
    if first == "recording":
        wait_for(lambda: name in pole.node._studio)
        pole.order(1, name)
    pole.spoken(1)
    expected = pole.node._studio.sound(name).samples
    assert likeness(pole.ear.l16(), expected) > 0.9
    assert pole.states[-1].phrase == name


def test_a_recording_alone_says_nothing_and_garbage_is_survived(pole, wait_for):
    recordings = pole.graph.publisher(UInt8MultiArray, "recordings", EVENT)
    wait_for(lambda: recordings.get_subscription_count())
    for data in (b"RIFFgarbage", b"", spoken_word(31.0), spoken_word()):
        recordings.publish(UInt8MultiArray(data=list(data)))
    name = RECORDING + hashlib.sha256(spoken_word()).hexdigest()
    wait_for(lambda: name in pole.node._studio)
    assert pole.node.health.dropped("recording too long") == 1
    pole.order(1, RECORDING + "0" * 64)  # none of that digest ever came
    pole.order(2)
    pole.spoken(1)
    assert pole.states[-1].announcement_id == "id-2"
    sound = pole.node._studio.sound(name)
    for i in range(9):
        pole.node._studio.keep(f"{i}", sound)
    assert name not in pole.node._studio
    with pytest.raises(NoSound, match="forgotten"):
        pole.node._studio.sound(name)
