"""One loudspeaker: announcements in, sound out."""

from __future__ import annotations

import hashlib
import os
import posixpath
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bconnect_msgs import msg as messages
from std_msgs.msg import UInt8MultiArray
from std_srvs.srv import SetBool

from bconnect_enforce import convert
from bconnect_enforce.adapters import wav
from bconnect_enforce.building import make_mouth, make_quiet, make_studio, make_zone
from bconnect_enforce.core.address import address
from bconnect_enforce.core.memory import Memory
from bconnect_enforce.core.reasons import local_time
from bconnect_enforce.core.records import Announcement
from bconnect_enforce.core.studio import NoSound
from bconnect_enforce.core.voice import Drop, VoiceQueue
from bconnect_enforce.doorway import Doorway
from bconnect_node.base import BconnectNode
from bconnect_node.parameters import field
from bconnect_node.qos import EVENT, STATE
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.kinds import SpeakerStateKind
from bconnect_site.orders import ANNOUNCE
from bconnect_site.phrases import RECORDING, is_recording, load_phrases

LONGEST_RECORDING = 30.0  # s
EARLY = 60 * 10**9  # ns an order waits for the recording it names


@dataclass(frozen=True)
class SpeakerParams:
    """Times are local, "22:00"; both empty: no quiet hours."""

    speaker: str = field(description="name in the site file")
    orders_dir: str = field(description="the site's orders: whose to follow, what was followed")
    adapter: str = field("auto", choices=("auto", "alsa", "file", "rtp", "http"))
    device: str = field("default", "ALSA name of the device")
    address: str = field("", "of a network horn: rtp:// or http://")
    volume: float = field(0.8, minimum=0.0, maximum=1.0)
    quiet_from: str = field("", 'begin of the quiet hours, "22:00"')
    quiet_to: str = field("", "their end")
    timezone: str = field("Asia/Makassar", "of the quiet hours")
    phrases_file: str = field("", "phrases.yaml; empty: the one of the config folder")
    output_dir: str = field("audio", "cache, and sound files where there is no device")
    voice: str = field("id", 'eSpeak NG voice, or "piper:PATH"')
    say_plates: bool = field(False, "read plates aloud")


class Speaker(BconnectNode):
    """The callbacks fill the queue; one worker makes sounds, one is the mouth."""

    params: SpeakerParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("speaker", SpeakerParams, **kw)
        p, folder = self.params, Path(self.params.output_dir)
        self._zone = make_zone(p.timezone)
        phrases = load_phrases(p.phrases_file or None)
        self._words = phrases.vocabulary
        self._mouth = make_mouth(p.adapter, p.device, p.address, folder, self.now, os.environ)
        self._studio = make_studio(
            phrases, p.voice, p.volume, folder / "cache", self._mouth.mouth.rate, p.say_plates
        )
        quiet = make_quiet(p.quiet_from, p.quiet_to, self._zone)
        self._queue = VoiceQueue(self._studio, quiet)
        self._where = self._mouth.mouth.output
        self.get_logger().info(f"{p.speaker} speaks by {self._where}")
        self._early: Memory[str, Announcement] = Memory(EARLY, 8)  # before their recording came
        self._wake = threading.Condition()
        self._hush = threading.Event()
        self._speaking = False
        self._spoken = self._dropped = 0
        self._last: Announcement | None = None
        self._latencies: deque[float] = deque(maxlen=200)
        site = posixpath.dirname(self.get_namespace())
        own = f"{p.speaker}.speaker"
        self._door = Doorway(p.orders_dir, site.strip("/"), own, self.health, self.now)
        self._state = self.create_publisher(
            messages.SpeakerState, posixpath.join(site, names.SPEAKER_STATE), STATE
        )
        self.create_subscription(
            messages.Announcement,
            posixpath.join(site, names.ANNOUNCEMENTS),
            self.on_announcement,
            EVENT,
        )
        self.create_subscription(
            UInt8MultiArray, posixpath.join(site, names.RECORDINGS), self.on_recording, EVENT
        )
        self.create_service(SetBool, "~/mute", self.on_mute)
        self._publish()
        self.worker("studio", self._prepare_all)
        self.worker("mouth", self._speak_all)

    def on_announcement(self, m: messages.Announcement) -> None:
        if m.speaker != self.params.speaker:
            return
        self.health.tick(names.ANNOUNCEMENTS)
        if not self._door.admit(ANNOUNCE, m):
            return
        try:
            order = convert.announcement_from(m)
        except ValueError as error:
            self.health.error(f"announcement {m.id}: {error}; was it sent by another version?")
            return
        if is_recording(order.phrase) and order.phrase not in self._studio:
            self._early.put(order.phrase, order, self.now())
            return
        self._add(order)

    def on_recording(self, m: UInt8MultiArray) -> None:
        """Anybody may send one; it is said only where a signed order names its digest."""
        data = bytes(m.data)
        try:
            sound = wav.decode(data)
        except wav.WavError as error:
            self.health.error(str(error))
            return
        if sound.duration > LONGEST_RECORDING:
            self.health.drop("recording too long")
            return
        name = RECORDING + hashlib.sha256(data).hexdigest()
        self._studio.keep(name, sound)
        early = self._early.get(name)
        if early is not None:
            self._add(early)

    def _add(self, order: Announcement) -> None:
        with self._wake:
            dropped = self._queue.add(order, self.now())
            self._wake.notify()
        self._count(dropped)

    def on_mute(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self._wake:
            dropped = self._queue.mute(request.data)
        if request.data:
            self._hush.set()
        self._count(dropped)
        self._publish()
        response.success = True
        response.message = "muted" if request.data else "speaks again"
        return response

    def close(self) -> None:
        with self._wake:
            self._wake.notify()
        self._hush.set()
        super().close()

    def _prepare_all(self, stop: threading.Event) -> None:
        for sentence in self._studio.prepare_all():
            if sentence:
                self.health.error(sentence)
            if stop.is_set():
                return

    def _speak_all(self, stop: threading.Event) -> None:
        self._look(always=True)
        while not stop.is_set():
            with self._wake:
                order, dropped = self._queue.take(self.now())
                if order is not None:
                    self._hush.clear()
                elif not dropped and not stop.is_set():
                    self._wake.wait(0.5)
            self._count(dropped)
            if order is not None:
                self._speak(order)
            else:
                self._look()

    def _look(self, always: bool = False) -> None:
        """While nobody speaks: is the mouth still there?"""
        if self._mouth.check(always):
            if self._mouth.fault:
                self.health.error(self._mouth.fault)
            else:
                self.get_logger().info(f"{self._mouth.mouth.output} works again")
            self._publish()

    def _speak(self, order: Announcement) -> None:
        self._last = order
        when = local_time(self.now(), self._zone)
        name = f"{self.params.speaker}_{when:%Y%m%d_%H%M%S}_{order.id[:8]}/{order.phrase}"
        before = self._mouth.fault
        try:
            pieces = address(order, self._words, self.params.say_plates)
            sound = self._studio.sound(order.phrase, pieces)
        except NoSound as error:
            self.health.error(f"phrase {order.phrase}: {error}")
            self._count([(order, Drop.UNHEARD)])
            return
        heard, where = self._mouth.play(sound, name, lambda: self._began(order), self._hush)
        self._speaking, self._where = False, where
        if self._mouth.fault and self._mouth.fault != before:
            self.health.error(self._mouth.fault)
        if not heard or self._hush.is_set():
            self._count([(order, Drop.MUTED if heard else Drop.UNHEARD)])
            return
        self._spoken += 1
        self.get_logger().info(f"spoke {order.phrase}: {where}")
        self._publish()

    def _began(self, order: Announcement) -> None:
        """The first sample is on its way: the state's stamp is this moment."""
        latency = (self.now() - order.stamp) / 1e6
        self._speaking = True
        self._publish()
        self._latencies.append(latency)
        ordered = sorted(self._latencies)
        self.health.set("finding_to_sound_ms", round(latency, 1))
        self.health.set("finding_to_sound_p95_ms", round(ordered[int(0.95 * len(ordered))], 1))

    def _count(self, dropped: list[tuple[Announcement, Drop]]) -> None:
        for order, why in dropped:
            self._dropped += 1
            self.health.drop(why.value)
            self.get_logger().info(f"not spoken: {order.phrase} ({why.value})")
        if dropped:
            self._publish()

    def _publish(self) -> None:
        state = SpeakerStateKind.IDLE
        if self._speaking:
            state = SpeakerStateKind.SPEAKING
        elif self._queue.muted:
            state = SpeakerStateKind.MUTED
        elif self._mouth.fault:
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


def main() -> int:
    return run(Speaker)
