"""One loudspeaker: announcements in, sound out."""

from __future__ import annotations

import posixpath
import threading
from collections import deque
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_msgs import msg as messages
from std_srvs.srv import SetBool

from bconnect_enforce import convert
from bconnect_enforce.adapters import soundcard, wav
from bconnect_enforce.adapters.espeak import EspeakVoice, VoiceError
from bconnect_enforce.core.mouth import Fallback, Mouth, MouthError
from bconnect_enforce.core.reasons import local_time
from bconnect_enforce.core.records import Announcement
from bconnect_enforce.core.sound import Sound
from bconnect_enforce.core.studio import Line, NoSound, Studio
from bconnect_enforce.core.voice import Drop, Quiet, VoiceQueue
from bconnect_node.base import BconnectNode
from bconnect_node.parameters import field
from bconnect_node.qos import EVENT, STATE
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import SpeakerStateKind
from bconnect_site.phrases import load_phrases


@dataclass(frozen=True)
class SpeakerParams:
    """Times are local, "22:00"; both empty: no quiet hours."""

    speaker: str = field(description="name in the site file")
    adapter: str = field("auto", choices=("auto", "alsa", "file"))
    device: str = field("default", "ALSA name of the device")
    volume: float = field(0.8, minimum=0.0, maximum=1.0)
    quiet_from: str = field("", 'begin of the quiet hours, "22:00"')
    quiet_to: str = field("", "their end")
    timezone: str = field("Asia/Makassar", "of the quiet hours")
    phrases_file: str = field("", "phrases.yaml; empty: the one of the config folder")
    output_dir: str = field("audio", "cache, and sound files where there is no device")
    voice: str = field("id", "eSpeak NG voice")


class Speaker(BconnectNode):
    """The callbacks fill the queue; one worker is the mouth."""

    params: SpeakerParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("speaker", SpeakerParams, **kw)
        self._zone = _zone(self.params.timezone)
        self._studio = _studio(self.params)
        self._queue = VoiceQueue(frozenset(self._studio.lines), _quiet(self.params, self._zone))
        self._mouth = self._open_mouth()
        self._wake = threading.Condition()
        self._hush = threading.Event()
        self._spoken = self._dropped = 0
        self._last: Announcement | None = None
        self._where = self._mouth.output
        self._latencies: deque[float] = deque(maxlen=200)
        site = posixpath.dirname(self.get_namespace())
        self._state = self.create_publisher(
            messages.SpeakerState, posixpath.join(site, names.SPEAKER_STATE), STATE
        )
        self.create_subscription(
            messages.Announcement,
            posixpath.join(site, names.ANNOUNCEMENTS),
            self.on_announcement,
            EVENT,
        )
        self.create_service(SetBool, "~/mute", self.on_mute)
        self._publish(SpeakerStateKind.IDLE)
        self.worker("mouth", self._speak_all)

    def on_announcement(self, m: messages.Announcement) -> None:
        if m.speaker != self.params.speaker:
            return
        self.health.tick(names.ANNOUNCEMENTS)
        with self._wake:
            dropped = self._queue.add(convert.announcement_from(m), self.now())
            self._wake.notify()
        self._count(dropped)

    def on_mute(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self._wake:
            dropped = self._queue.mute(request.data)
        if request.data:
            self._hush.set()
        self._count(dropped)
        self._publish(SpeakerStateKind.IDLE)
        response.success = True
        response.message = "muted" if request.data else "speaks again"
        return response

    def close(self) -> None:
        with self._wake:
            self._wake.notify()
        self._hush.set()
        super().close()

    def _open_mouth(self) -> Fallback:
        folder = wav.SoundFile(Path(self.params.output_dir))
        adapter = self.params.adapter
        if adapter == "auto":
            adapter = "alsa" if soundcard.devices() else "file"
        first: Mouth = soundcard.SoundCard(self.params.device) if adapter == "alsa" else folder
        self.get_logger().info(f"{self.params.speaker} speaks by {first.output}")
        return Fallback(first, folder, self.now)

    def _speak_all(self, stop: threading.Event) -> None:
        for sentence in self._studio.prepare_all():
            self.health.error(sentence)
        while not stop.is_set():
            with self._wake:
                order, dropped = self._queue.take(self.now())
                if order is not None:
                    self._hush.clear()
                if stop.is_set():
                    return
                if order is None and not dropped:
                    self._wake.wait(0.5)
            self._count(dropped)
            if order is not None:
                self._speak(order)

    def _speak(self, order: Announcement) -> None:
        self._last = order
        when = local_time(self.now(), self._zone)
        name = f"{self.params.speaker}_{when:%Y%m%d_%H%M%S}_{order.phrase}_{order.id[:8]}"
        try:
            sound = self._studio.sound(order.phrase)
            self._where = self._mouth.play(sound, name, lambda: self._began(order), self._hush)
        except (MouthError, NoSound) as error:
            self._mouth.fault = str(error)
            self._dropped += 1
        else:
            self._spoken += 1
            self.get_logger().info(f"spoke {order.phrase}: {self._where}")
        if self._mouth.fault:
            self.health.error(self._mouth.fault)
        self._publish(SpeakerStateKind.IDLE)

    def _began(self, order: Announcement) -> None:
        latency = (self.now() - order.stamp) / 1e6
        self._latencies.append(latency)
        ordered = sorted(self._latencies)
        self.health.set("finding_to_sound_ms", round(latency, 1))
        self.health.set("finding_to_sound_p95_ms", round(ordered[int(0.95 * len(ordered))], 1))
        self._publish(SpeakerStateKind.SPEAKING)

    def _count(self, dropped: list[tuple[Announcement, Drop]]) -> None:
        for order, why in dropped:
            self._dropped += 1
            self.health.drop(why.value)
            self.get_logger().info(f"not spoken: {order.phrase} ({why.value})")
        if dropped:
            self._publish(SpeakerStateKind.IDLE)

    def _publish(self, state: SpeakerStateKind) -> None:
        """The state, or what overrules it at rest: mute, then fault."""
        if state is SpeakerStateKind.IDLE and self._queue.muted:
            state = SpeakerStateKind.MUTED
        elif state is SpeakerStateKind.IDLE and self._mouth.fault:
            state = SpeakerStateKind.FAULT
        m = messages.SpeakerState(
            speaker=self.params.speaker,
            state=int(state),
            announcement_id=self._last.id if self._last else "",
            phrase=self._last.phrase if self._last else "",
            output=self._where,
            spoken=self._spoken,
            dropped=self._dropped,
            detail=self._mouth.fault,
        )
        m.header.stamp = convert.time(self.now())
        self.send(self._state, m)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        sentence = f'timezone: found "{name}", allowed: a name such as Asia/Makassar'
        raise ConfigError(sentence) from None


def _quiet(params: SpeakerParams, zone: ZoneInfo) -> Quiet | None:
    if not params.quiet_from and not params.quiet_to:
        return None
    try:
        start, end = (time.fromisoformat(text) for text in (params.quiet_from, params.quiet_to))
    except ValueError:
        found = f'"{params.quiet_from}" and "{params.quiet_to}"'
        sentence = f'quiet_from, quiet_to: found {found}, allowed: times such as "22:00"'
        raise ConfigError(sentence) from None
    return Quiet(start, end, zone)


def _studio(params: SpeakerParams) -> Studio:
    phrases = load_phrases(params.phrases_file or None)
    voice = EspeakVoice(params.voice)
    try:
        voice.say("satu")
    except VoiceError as error:
        raise ConfigError(str(error)) from error
    cache = Path(params.output_dir) / "cache"

    def say(text: str) -> Sound:
        try:
            return voice.say(text)
        except VoiceError as error:
            raise NoSound(str(error)) from error

    def read(path: str) -> Sound:
        try:
            return wav.read(Path(path))
        except wav.WavError as error:
            raise NoSound(str(error)) from error

    def load(key: str) -> Sound | None:
        try:
            return wav.read(cache / f"{key}.wav")
        except wav.WavError:
            return None

    def save(key: str, sound: Sound) -> None:
        try:
            wav.write(cache / f"{key}.wav", sound)
        except OSError:
            return

    lines = {name: Line(p.text, p.recording) for name, p in phrases.by_name.items()}
    return Studio(lines, voice.name, params.volume, say, read, load, save)


def main() -> int:
    return run(Speaker)
