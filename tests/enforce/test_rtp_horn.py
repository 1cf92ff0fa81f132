"""The RTP horn heard: packets by a parser of our own, sound by FFmpeg's receiver."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from horns import Ear, decibels, likeness, loudest

from bconnect_enforce.adapters import g711
from bconnect_enforce.adapters.espeak import EspeakVoice
from bconnect_enforce.adapters.rtp_horn import RtpHorn
from bconnect_enforce.core.mouth import MouthError
from bconnect_enforce.core.rtp import RtpStream
from bconnect_enforce.core.sound import Sound, at_volume, prepare
from bconnect_site.horns import rtp_address

GROUP = "239.255.77.3"
SENTENCE = "Dilarang parkir di sini."


@pytest.fixture(scope="module")
def raw() -> Sound:
    return EspeakVoice("id").say(SENTENCE)


def horn(address: str) -> RtpHorn:
    to = rtp_address(address)
    return RtpHorn(
        to,
        lambda sound: g711.encode(sound, to.codec, to.rate),
        g711.WIDTH[to.codec],
        g711.QUIET[to.codec],
    )


def play(mouth: RtpHorn, sound: Sound, stop: threading.Event | None = None) -> list[float]:
    """Plays; when the first packet went out, and how long all took, s."""
    begin, first = time.monotonic(), []
    mouth.play(sound, "x/y", lambda: first.append(time.monotonic()), stop or threading.Event())
    return [first[0], time.monotonic() - begin]


@pytest.mark.parametrize(
    ("query", "kind", "samples", "size"),
    [
        ("codec=PCMU", 0, 160, 160),
        ("codec=PCMA", 8, 160, 160),
        ("codec=L16&rate=16000", 96, 320, 640),
        ("codec=L16&rate=8000&pt=101", 101, 160, 320),
        ("codec=L16&rate=44100", 11, 441, 882),  # 10 ms: 20 would not fit an Ethernet frame
    ],
)
def test_packets_follow_rfc_3550_and_3551(raw, wait_for, query, kind, samples, size):
    with Ear() as ear:
        mouth = horn(f"rtp://127.0.0.1:{ear.port}?{query}")
        sound = prepare(raw, mouth.rate)
        began, seconds = play(mouth, sound)
        count = -(-len(sound.samples) // samples)
        wait_for(lambda: len(ear.packets) == count)
        packets = list(ear.packets)
    assert {(p.version, p.payload_type, p.ssrc) for p in packets} == {(2, kind, packets[0].ssrc)}
    assert {len(p.payload) for p in packets} == {size}
    assert [p.marker for p in packets] == [True] + [False] * (count - 1)
    steps = {(b.sequence - a.sequence) & 0xFFFF for a, b in itertools.pairwise(packets)}
    assert steps == {1}
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(packets)}
    assert steps == {samples}
    assert packets[0].at - began < 0.1
    assert seconds == pytest.approx(count * samples / mouth.rate, abs=0.15)


def test_packets_are_paced(raw, wait_for):
    """Neither all at once nor with holes: each within reach of a receiver's small buffer."""
    with Ear() as ear:
        play(horn(f"rtp://127.0.0.1:{ear.port}?codec=PCMU"), prepare(raw, 8000))
        due = ear.packets[0].at + 0.02 * np.arange(len(ear.packets))
        late = np.array([p.at for p in ear.packets]) - due
    assert np.percentile(np.abs(late), 90) < 0.02
    assert late.max() < 0.25


def test_the_clock_of_the_stream_goes_on_in_silence(raw, wait_for):
    with Ear() as ear:
        mouth = horn(f"rtp://127.0.0.1:{ear.port}?codec=PCMU")
        short = Sound(prepare(raw, 8000).samples[:1600], 8000)
        begins = [play(mouth, short)[0]]
        first = len(ear.packets)
        assert not threading.Event().wait(0.3)
        begins.append(play(mouth, short)[0])
        wait_for(lambda: len(ear.packets) == 20)
        one, other = ear.packets[0], ear.packets[first]
        last = ear.packets[first - 1]
    assert (one.marker, other.marker, one.ssrc) == (True, True, other.ssrc)
    assert (other.sequence - last.sequence) & 0xFFFF == 1
    passed = ((other.timestamp - one.timestamp) & 0xFFFFFFFF) / 8000
    assert passed == pytest.approx(begins[1] - begins[0], abs=0.05)


def test_sequence_and_timestamp_wrap():
    stream = RtpStream(0, 8000, 1, 7, sequence=0xFFFF, timestamp=0xFFFFFFFF - 100)
    packets = list(stream.spurt(bytes(300), b"\xff"))
    numbers = [int.from_bytes(p[2:4]) for p in packets]
    stamps = [int.from_bytes(p[4:8]) for p in packets]
    assert (numbers, stamps) == ([0xFFFF, 0], [0xFFFFFF9B, 59])
    assert packets[1][12:] == bytes(140) + b"\xff" * 20  # the last packet is filled with silence


def listen_by_ffmpeg(tmp_path: Path, port: int, line: str, count: int, heard: list) -> None:
    sdp = tmp_path / "horn.sdp"
    sdp.write_text(
        f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {line}\r\n"
    )
    options = {"protocol_whitelist": "file,udp,rtp", "fflags": "nobuffer", "probesize": "64"}
    with av.open(str(sdp), format="sdp", options=options, timeout=(20.0, 20.0)) as container:
        total = 0
        for frame in container.decode(audio=0):
            heard.append(frame.to_ndarray().reshape(-1))
            total += frame.samples
            if total >= count:
                return


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("codec=PCMU", "0"),
        ("codec=PCMA", "8"),
        ("codec=L16&rate=16000", "96\r\na=rtpmap:96 L16/16000/1"),
    ],
)
def test_ffmpeg_hears_the_sound_of_the_studio(raw, wait_for, tmp_path, query, line):
    with Ear() as ear:
        port = ear.port
    mouth = horn(f"rtp://127.0.0.1:{port}?{query}")
    sound = prepare(raw, mouth.rate)
    count = len(sound.samples) // (mouth.rate // 50) * (mouth.rate // 50)
    heard: list[np.ndarray] = []
    receiver = threading.Thread(
        target=listen_by_ffmpeg, args=(tmp_path, port, line, count, heard), daemon=True
    )
    receiver.start()
    wait_for(lambda: listens(mouth), 20.0)
    play(mouth, sound)
    receiver.join(20.0)
    got = np.concatenate(heard)
    assert len(got) / mouth.rate == pytest.approx(sound.duration, abs=0.03)
    assert likeness(got, sound.samples) > 0.99
    assert decibels(got) == pytest.approx(decibels(sound.samples), abs=0.3)
    assert 250 < loudest(got, mouth.rate) < 3500
    # no hole in the middle of the sentence
    windows = np.array_split(got.astype(float), int(len(got) / mouth.rate / 0.1))
    silent = [float(np.sqrt(np.mean(w**2))) < 200 for w in windows[1:-1]]
    assert sum(silent) <= 4


def listens(mouth: RtpHorn) -> bool:
    try:
        mouth.check()
    except MouthError:
        return False
    return True


def test_a_group_hears_it_with_its_time_to_live(raw, wait_for):
    with Ear(GROUP) as ear:
        mouth = horn(f"rtp://{GROUP}:{ear.port}?codec=L16&rate=16000&ttl=4&interface=127.0.0.1")
        sound = prepare(raw, 16000)
        mouth.check()
        play(mouth, sound)
        wait_for(lambda: len(ear.packets) * 320 >= len(sound.samples))
        assert {p.ttl for p in ear.packets} == {4}
        assert ear.empty == 0  # a group is not disturbed by looks
        heard = ear.l16()
    assert np.array_equal(heard[: len(sound.samples)], sound.samples)
    assert not heard[len(sound.samples) :].any()


def test_an_interface_by_name(raw, wait_for):
    with Ear(GROUP) as ear:
        mouth = horn(f"rtp://{GROUP}:{ear.port}?codec=PCMU&interface=lo")
        play(mouth, Sound(prepare(raw, 8000).samples[:1600], 8000))
        wait_for(lambda: len(ear.packets) == 10)


def test_half_the_volume_is_six_decibels_less(raw, wait_for):
    heard = []
    for volume in (0.8, 0.4):
        with Ear() as ear:
            mouth = horn(f"rtp://127.0.0.1:{ear.port}?codec=L16&rate=16000")
            play(mouth, at_volume(prepare(raw, 16000), volume))
            heard.append(ear.l16())
    assert decibels(heard[0]) - decibels(heard[1]) == pytest.approx(6.02, abs=0.1)


def test_nobody_listens(raw):
    with Ear() as ear:
        port = ear.port
    mouth = horn(f"rtp://127.0.0.1:{port}")
    sentence = rf"horn rtp://127.0.0.1:{port}: nobody listens on port {port}; switch RTP on"
    with pytest.raises(MouthError, match=sentence):
        mouth.check()
    with Ear(port=port):
        mouth.check()  # it is back
    with pytest.raises(MouthError, match=sentence):
        mouth.check()


def test_a_horn_that_goes_in_the_middle(raw, wait_for):
    ear = Ear()
    mouth = horn(f"rtp://127.0.0.1:{ear.port}")
    gone = threading.Thread(target=lambda: (wait_for(lambda: len(ear.packets) > 20), ear.close()))
    gone.start()
    with pytest.raises(MouthError, match="nobody listens"):
        play(mouth, prepare(raw, 8000))
    gone.join()


def test_silence_in_the_middle(raw, wait_for):
    with Ear() as ear:
        mouth, stop = horn(f"rtp://127.0.0.1:{ear.port}"), threading.Event()
        hush = threading.Thread(
            target=lambda: (wait_for(lambda: len(ear.packets) > 20), stop.set())
        )
        hush.start()
        _, seconds = play(mouth, prepare(raw, 8000), stop)
        hush.join()
        assert len(ear.packets) < 60
    assert seconds < 1.2


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("rtp://no-such-horn.invalid", "no address is known for no-such-horn.invalid; check name"),
        (f"rtp://{GROUP}?interface=eth77", "there is no network interface eth77 here"),
        ("rtp://127.0.0.1?interface=192.0.2.99", "there is no network interface 192.0.2.99 here"),
    ],
)
def test_what_is_wrong_is_said(address, sentence):
    with pytest.raises(MouthError) as fault:
        horn(address).check()
    assert sentence in str(fault.value)
    assert len(str(fault.value).splitlines()) == 1
