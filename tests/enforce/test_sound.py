"""The voice, measured: what comes out is speech of the right length, loudness and format."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from bconnect_enforce.adapters import soundcard, wav
from bconnect_enforce.adapters.espeak import EspeakVoice, VoiceError
from bconnect_enforce.core.mouth import MouthError
from bconnect_enforce.core.sound import (
    Sound,
    at_volume,
    digest,
    joined,
    prepare,
    resampled,
)
from bconnect_site.phrases import load_phrases

PHRASES = sorted(load_phrases().by_name)
RATE = 22050


def tone(seconds: float = 0.5, rate: int = RATE, level: float = 0.5) -> Sound:
    phase = 2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate
    return Sound((level * 32767 * np.sin(phase)).astype(np.int16), rate)


def speech_share(sound: Sound) -> float:
    """Share of the energy between 100 and 4000 Hz: speech has nearly all of it there."""
    power = np.abs(np.fft.rfft(sound.samples.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(sound.samples), 1 / sound.rate)
    return float(power[(hertz > 100) & (hertz < 4000)].sum() / power.sum())


@pytest.mark.parametrize("name", PHRASES)
def test_every_phrase_is_spoken(name):
    text = load_phrases()[name].text
    raw = EspeakVoice("id").say(text)
    sound = prepare(raw)
    assert sound.samples.dtype == np.int16
    assert sound.rate == RATE
    # Indonesian at this pace: 8 to 16 letters a second, pauses included
    letters = sum(map(str.isalpha, text))
    assert letters / 16 < sound.duration < letters / 8 + 1.0
    assert 0.05 < sound.rms < 0.4
    assert sound.peak == pytest.approx(0.89, abs=0.01)
    assert speech_share(sound) > 0.8
    # no second-long hole: the speech runs through
    windows = np.array_split(sound.samples.astype(np.float64), int(sound.duration / 0.1))
    loud = [float(np.sqrt(np.mean(part**2))) > 300 for part in windows]
    assert "0" * 10 not in "".join("1" if is_loud else "0" for is_loud in loud)


def test_the_voice_is_indonesian_not_english():
    text = "Perhatian. Dilarang parkir di tepi jalan ini."
    indonesian, english = (EspeakVoice(voice).say(text) for voice in ("id", "en"))
    assert len(indonesian.samples) != len(english.samples)


def test_many_threads_do_not_mix_their_sentences():
    """The library has one global state; its pitch flutters a little from run to run."""
    texts = ("satu dua tiga", "empat lima enam tujuh delapan sembilan")
    expected = {text: EspeakVoice("id").say(text).duration for text in texts}
    wrong: list[tuple[str, float]] = []

    def speak(text: str) -> None:
        for _ in range(20):
            duration = EspeakVoice("id").say(text).duration
            if abs(duration - expected[text]) > 0.1 * expected[text]:
                wrong.append((text, duration))

    threads = [threading.Thread(target=speak, args=(text,)) for text in expected for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_unknown_voice():
    with pytest.raises(VoiceError, match='voice: found "klingon_x", allowed'):
        EspeakVoice("klingon_x").say("halo")


def test_silence_is_no_speech():
    with pytest.raises(VoiceError, match="made no sound"):
        EspeakVoice("id").say("   ")


def test_prepare_and_volume():
    quiet = Sound(
        np.concatenate([np.zeros(22050, np.int16), tone(level=0.1).samples]).astype(np.int16), RATE
    )
    ready = prepare(quiet)
    assert ready.duration == pytest.approx(0.6, abs=0.01)
    assert ready.peak == pytest.approx(0.89, abs=0.005)
    assert at_volume(ready, 0.5).peak == pytest.approx(0.445, abs=0.005)
    assert at_volume(ready, 0.0).peak == 0.0
    assert np.max(np.abs(at_volume(ready, 10.0).samples.astype(int))) == 32768
    empty = Sound(np.zeros(0, np.int16), RATE)
    assert (prepare(empty).rms, prepare(empty).peak) == (0.0, 0.0)


def loud_at(sound: Sound, hertz: float) -> float:
    """Level of one frequency, 0 to 1."""
    phase = np.exp(-2j * np.pi * hertz * np.arange(len(sound.samples)) / sound.rate)
    return float(2 * abs(np.mean(sound.samples * phase)) / 32768)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_another_rate_is_the_same_sound(rate):
    made = resampled(tone(0.5, level=0.5), rate)
    assert made.rate == rate
    assert made.duration == pytest.approx(0.5, abs=1e-3)
    assert loud_at(made, 440) == pytest.approx(0.5, abs=0.01)


def test_what_a_rate_cannot_carry_is_cut_off_and_not_mirrored():
    phase = 2 * np.pi * 6000 * np.arange(RATE) / RATE
    high = Sound((16000 * np.sin(phase)).astype(np.int16), RATE)
    assert resampled(high, 8000).rms < 0.01
    assert resampled(high, 16000).rms == pytest.approx(high.rms, rel=0.02)


def test_one_after_the_other():
    one, two = tone(0.2, 8000), tone(0.3, 16000)
    whole = joined([one, two], 0.1)
    assert (whole.rate, whole.duration) == (16000, pytest.approx(0.6, abs=0.001))
    assert not whole.samples[3300:4700].any()
    assert joined([one], 1.0) is one


def test_speech_is_made_for_a_horn_over_traffic():
    """Much louder at the same peak, nothing below what a horn gives, consonants raised."""
    raw = EspeakVoice("id").say("Dilarang parkir di tepi jalan ini. Silakan pindahkan kendaraan.")
    sent = prepare(raw)
    plain = at_volume(raw, sent.peak / raw.peak)
    assert 20 * np.log10(sent.rms / plain.rms) > 6.0

    def share(sound: Sound, low: float, high: float) -> float:
        power = np.abs(np.fft.rfft(sound.samples.astype(float))) ** 2
        hertz = np.fft.rfftfreq(len(sound.samples), 1 / sound.rate)
        return float(power[(hertz >= low) & (hertz < high)].sum() / power.sum())

    assert share(sent, 0, 180) < 0.01
    assert share(sent, 2000, 5000) > 1.5 * share(plain, 2000, 5000)


def test_digest_depends_on_every_part():
    assert len({digest("a", "b"), digest("ab", ""), digest("", "ab"), digest("b", "a")}) == 4


def test_wav_round_trip_is_16_bit(tmp_path):
    path = tmp_path / "new" / "tone.wav"
    wav.write(path, tone())
    with wave.open(str(path)) as file:
        assert (file.getsampwidth(), file.getnchannels(), file.getframerate()) == (2, 1, RATE)
    assert np.array_equal(wav.read(path).samples, tone().samples)
    assert [p.name for p in path.parent.iterdir()] == ["tone.wav"]


def test_stereo_recording_becomes_one_channel(tmp_path):
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.array([[100, 300], [-200, 0]], "<i2").tobytes())
    assert wav.read(path).samples.tolist() == [200, -100]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "cannot be read as WAV"), (b"RIFF....WAVEjunk", "cannot be read"), (None, "cannot be")],
)
def test_bad_recordings(tmp_path, content, sentence):
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(wav.WavError, match=rf"bad.wav: {sentence}"):
        wav.read(path)


def test_8_bit_recording(tmp_path):
    path = tmp_path / "old.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    with pytest.raises(wav.WavError, match=r"8 bits per sample, allowed: 16"):
        wav.read(path)


def play(mouth, sound: Sound, stop: threading.Event | None = None) -> tuple[str, float, float]:
    """Where it went, seconds to the first sample, seconds altogether."""
    begin = time.monotonic()
    first: list[float] = []
    where = mouth.play(
        sound, "phrase", lambda: first.append(time.monotonic() - begin), stop or threading.Event()
    )
    assert len(first) == 1
    return where, first[0], time.monotonic() - begin


def test_file_mouth_takes_its_time_and_can_be_stopped(tmp_path):
    mouth = wav.SoundFile(tmp_path)
    where, _, seconds = play(mouth, tone(0.4))
    assert 0.39 < seconds < 0.9
    assert wav.read(Path(where)).duration == pytest.approx(0.4)
    stop = threading.Event()
    stop.set()
    assert play(mouth, tone(5.0), stop)[2] < 1.0


def test_file_mouth_keeps_the_newest(tmp_path):
    mouth = wav.SoundFile(tmp_path, keep=3)
    for n in range(6):
        mouth.play(tone(0.01), f"p{n}", lambda: None, threading.Event())
        os.utime(tmp_path / f"p{n}.wav", (n, n))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p3.wav", "p4.wav", "p5.wav"]


def test_file_mouth_says_what_to_do(tmp_path):
    (tmp_path / "taken").write_text("a file, no folder")
    with pytest.raises(MouthError, match=r"cannot be written .* free or remount the disk"):
        play(wav.SoundFile(tmp_path / "taken" / "audio"), tone(0.1))
    with pytest.raises(MouthError, match="cannot be written"):
        wav.SoundFile(tmp_path / "taken" / "audio").check()
    wav.SoundFile(tmp_path / "audio").check()
    assert list((tmp_path / "audio").iterdir()) == []


CARD = """
import sys, threading, time
from pathlib import Path
from bconnect_enforce.adapters import soundcard, wav
print(soundcard.devices())
sound = wav.read(Path(sys.argv[1]))
began = []
begin = time.monotonic()
card = soundcard.SoundCard(sys.argv[2])
try:
    card.play(sound, "x", lambda: began.append(time.monotonic() - begin), threading.Event())
except soundcard.MouthError as error:
    print(card.output, len(began), round(began[0], 3))
    print(error)
"""


@pytest.fixture
def alsa_home(tmp_path):
    """A home whose ALSA devices write into files: the real libasound, no sound card."""
    (tmp_path / ".asoundrc").write_text(
        "".join(
            f"pcm.{name} {{ type file; slave.pcm null; format wav; file {tmp_path}/{out}.wav }}\n"
            for name, out in (("!default", "default"), ("tiang", "tiang"))
        )
    )
    return tmp_path


@pytest.mark.parametrize("device", ["default", "tiang"])
def test_a_real_alsa_device_receives_every_sample_and_a_null_one_is_noticed(alsa_home, device):
    """Behind both files lies ALSA's null, which takes sound faster than it can be heard."""
    source = alsa_home / "phrase.wav"
    sound = prepare(EspeakVoice("id").say("Dilarang parkir di sini."))
    wav.write(source, sound)
    result = subprocess.run(
        [sys.executable, "-c", CARD, str(source), device],
        env=os.environ | {"HOME": str(alsa_home)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    if "[]" in result.stdout:
        pytest.skip("libasound2 is not installed")
    listed, played, said = result.stdout.splitlines()
    assert said.startswith(f'sound device "{device}" is silent: it took')
    assert f"'{device}'" in listed
    where, began, first = played.split()
    assert (where, began) == (f"alsa:{device}", "1")
    assert float(first) < 0.3
    data = np.frombuffer((alsa_home / f"{device}.wav").read_bytes()[44:], "<i2")
    channels = next(c for c in (1, 2) if abs(heard_rate(data, c, sound) - 1) < 0.02)
    heard = data[::channels]
    at = int(np.argmax(np.abs(heard) > 0)) - int(np.argmax(np.abs(sound.samples) > 0))
    same = heard[at : at + len(sound.samples)]
    assert np.array_equal(same, sound.samples)


def heard_rate(data: np.ndarray, channels: int, sound: Sound) -> float:
    """Length of the loud part of what was heard, over that of what was said."""
    heard = np.flatnonzero(np.abs(data[::channels].astype(int)) > 500)
    said = np.flatnonzero(np.abs(sound.samples.astype(int)) > 500)
    return float((heard[-1] - heard[0]) / (said[-1] - said[0]))


def test_a_missing_device_is_said(capfd):
    with pytest.raises(MouthError, match=r'sound device "hw:77,0" cannot be opened .* check the'):
        play(soundcard.SoundCard("hw:77,0"), tone(0.1))
    with pytest.raises(MouthError, match="cannot be opened"):
        soundcard.SoundCard("hw:77,0").check()
    capfd.readouterr()


class Cut:
    """A device that asks for `count` buffers and then no more: unplugged in mid-phrase."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def start(self, samples):
        for _ in range(self.count):
            samples.send(1000)


@pytest.mark.parametrize(("buffers", "played"), [(0, "0.0"), (11, "0.5")])
def test_a_device_that_goes_in_the_middle_is_said(monkeypatch, buffers, played):
    monkeypatch.setattr(soundcard, "_PATIENCE", 0.2)
    card = soundcard.SoundCard("default")
    monkeypatch.setattr(card, "_open", lambda rate: Cut(buffers))
    with pytest.raises(MouthError, match=rf"has stopped: {played} of 2\.0 s were played; check"):
        card.play(tone(2.0), "x", lambda: None, threading.Event())


def test_a_device_that_swallows_is_no_loudspeaker(monkeypatch):
    card = soundcard.SoundCard("null")
    monkeypatch.setattr(card, "_open", lambda rate: Cut(60))
    with pytest.raises(MouthError, match=r"is silent: it took 2\.0 s of sound in 0\.\d s"):
        card.play(tone(2.0), "x", lambda: None, threading.Event())
