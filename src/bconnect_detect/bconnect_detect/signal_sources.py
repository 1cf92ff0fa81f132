"""Whom the signal node listens to beside cameras: a site's controllers and recordings."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bconnect_detect.core.ntcip import Oid, Overlap, PolledLight, aspect_of, objects_for
from bconnect_detect.core.ntcip_talk import Conversation, Fault
from bconnect_detect.core.recorded import Playback, Recording
from bconnect_detect.core.types import SignalReading
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.lights import PUBLIC, controller_address, record_address
from bconnect_site.loaded import LoadedSite, resolve_path
from bconnect_site.model import Signal

if TYPE_CHECKING:
    from bconnect_detect.adapters.snmp_controller import SnmpController
    from bconnect_detect.adapters.snmp_usm import User


class Controller:
    """One controller, asked for all of its lights together."""

    def __init__(self, asker: "SnmpController", phases: Mapping[str, int], zone: ZoneInfo) -> None:
        self.name = str(asker.target)
        self.talk = Conversation(self.name, tuple(phases), zone)
        self._asker = asker
        self._phases = dict(phases)
        self._lights = [PolledLight(signal) for signal in phases]

    def listen(
        self,
        stop: threading.Event,
        take: Callable[[SignalReading], None],
        drop: Callable[[str], None],
    ) -> None:
        """Hands over readings until stop, and the kind of fault of each question in vain."""

        def answered(values: Mapping[Oid, int], asked: int, at: int) -> None:
            self.talk.answered()
            for light in self._lights:
                aspect = aspect_of(self._phases[light.signal], values)
                reading = light.look(aspect, asked, at)
                if reading is not None:
                    take(reading)

        def failed(fault: Fault, asked: int) -> None:
            self.talk.failed(fault, asked)
            drop(fault.kind)

        self._asker.run(stop, answered, failed)


def controllers(
    loaded: LoadedSite, env: Mapping[str, str], now: Callable[[], int]
) -> list[Controller]:
    """The controllers of a site, each with every light it drives. Raises ConfigError."""
    signals = {n: s for n, s in loaded.site.signals.items() if s.adapter == "ntcip1202"}
    if not signals:
        return []
    from bconnect_detect.adapters.snmp_controller import SnmpController, Target

    phases: dict[Target, dict[str, int]] = {}
    mistakes: list[str] = []
    for name, signal in signals.items():
        key = f"{loaded.shown}: signals.{name}"
        try:
            address = expand_env(signal.address or "", env, f"{key}.address")
            community = expand_env(signal.community or PUBLIC, env, f"{key}.community")
            host, port = controller_address(address)
            user = _user(signal, env, key)
        except ConfigError as error:
            mistakes += error.sentences
            continue
        except ValueError as error:
            mistakes.append(f"{key}.address: {error}")
            continue
        target = Target(host, port, community, signal.version or "v2c", user)
        driven = Overlap(signal.overlap) if signal.overlap else signal.phase or 1
        phases.setdefault(target, {})[name] = driven
    if mistakes:
        raise ConfigError(*mistakes)
    zone = ZoneInfo(loaded.site.timezone)
    return [
        Controller(SnmpController(target, objects_for(lights.values()), now), lights, zone)
        for target, lights in phases.items()
    ]


def _user(signal: Signal, env: Mapping[str, str], key: str) -> "User | None":
    """Who asks by SNMPv3. Raises ConfigError."""
    if signal.version != "v3":
        return None
    from bconnect_detect.adapters.snmp_usm import SHORTEST, User

    found: dict[str, str] = {}
    for part in ("user", "auth", "privacy"):
        written = getattr(signal, part)
        if written is not None:
            found[part] = expand_env(written, env, f"{key}.{part}")
    for part in ("auth", "privacy"):
        if len(found.get(part, " " * SHORTEST)) < SHORTEST:
            raise ConfigError(f"{key}.{part}: needs a passphrase of {SHORTEST} characters or more")
    return User(found["user"], found["auth"], found.get("privacy"), signal.hash or "sha256")


class Recordings:
    """The recorded lights of a site."""

    def __init__(self, loaded: LoadedSite, env: Mapping[str, str]) -> None:
        """Raises ConfigError, with a sentence for each bad line."""
        self._playbacks: dict[str, Playback] = {}
        files: dict[str, Recording] = {}
        mistakes: list[str] = []
        for name, signal in loaded.site.signals.items():
            if signal.adapter != "recorded":
                continue
            key = f"{loaded.shown}: signals.{name}.address"
            try:
                address = expand_env(signal.address or "", env, key)
                self._playbacks[name] = _playback(loaded, address, name, key, files)
            except ConfigError as error:
                mistakes += error.sentences
        if mistakes:
            raise ConfigError(*dict.fromkeys(mistakes))

    def __len__(self) -> int:
        return len(self._playbacks)

    def at(self, now: int) -> Iterator[SignalReading]:
        """What each shows now; nothing where its recording is silent."""
        for signal, playback in self._playbacks.items():
            reading = playback.at(signal, now)
            if reading is not None:
                yield reading


def _playback(
    loaded: LoadedSite, address: str, name: str, key: str, files: dict[str, Recording]
) -> Playback:
    from bconnect_detect.adapters.recorded_signals import load_recording

    try:
        record = record_address(address)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None
    if record.path not in files:
        files[record.path] = load_recording(resolve_path(loaded, record.path), record.path)
    recording = files[record.path]
    if name not in recording.runs:
        raise ConfigError(
            f'{key}: {record.path} has no line of "{name}"{suggest(name, recording.runs)}'
        )
    return Playback(recording, record.from_start)
