"""The traffic controllers of a simulated corridor: NTCIP 1202 agents over SNMP v1, v2c, v3.

    python -m bconnect_sim.controller SCENARIO --seed N --port 0
    python -m bconnect_sim.controller --signals signals.jsonl --port 0

Each junction has its own, on 127.0.0.1: it serves phaseStatusGroupReds, -Yellows and -Greens
(1.3.6.1.4.1.1206.4.2.1.1.4.1.{2,3,4}.group, one bit a phase) and overlapStatusGroupReds, -Yellows
and -Greens (1.3.6.1.4.1.1206.4.2.1.9.4.1.{2,3,4}.group): overlaps that follow one light each.
Ports and numbers are printed as one line of JSON:
{"a": {"port": 40161, "phases": {"a_barat": 2}, "overlaps": {"a_barat": 1}}}.
A scenario's lights are where its live cameras are, see core.rounds. It can misbehave, for tests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal as signals
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.proto.api import v2c
from pysnmp.smi.instrum import AbstractMibInstrumController

from bconnect_sim.core.lights import aspect as shown_by
from bconnect_sim.core.rounds import Rounds, epoch_of
from bconnect_sim.wallclock import wall
from bconnect_site.errors import ConfigError

NTCIP = (1, 3, 6, 1, 4, 1, 1206)
GROUP_ENTRY = (*NTCIP, 4, 2, 1, 1, 4, 1)
OVERLAP_ENTRY = (*NTCIP, 4, 2, 1, 9, 4, 1)
COLOURS = {2: "red", 3: "amber", 4: "green"}  # column of the table: its aspect
FAULTS = ("", "silent", "slow", "garbage", "error", "both", "range", "text")
SLOWNESS = 0.8  # s
HASHES = {
    "sha": config.USM_AUTH_HMAC96_SHA,
    "sha256": config.USM_AUTH_HMAC192_SHA256,
    "sha512": config.USM_AUTH_HMAC384_SHA512,
}
HIGHEST_PHASE = 16

Aspects = Callable[[], Mapping[str, str]]
Change = tuple[float, str, str]  # s, signal, aspect


class Timeline:
    """Aspects over time from a list of changes (time_s, signal, aspect)."""

    def __init__(self, changes: Iterable[Change], clock: Callable[[], float]) -> None:
        """clock: s since the timeline's start."""
        self._clock = clock
        self._changes: dict[str, list[tuple[float, str]]] = {}
        for at, signal, aspect in sorted(changes):
            self._changes.setdefault(signal, []).append((at, aspect))

    def __call__(self) -> dict[str, str]:
        """What each signal shows now; dark before its first change."""
        now, found = self._clock(), {}
        for signal, changes in self._changes.items():
            index = bisect_right(changes, now, key=lambda change: change[0]) - 1
            found[signal] = changes[index][1] if index >= 0 else "dark"
        return found


@dataclass(frozen=True, slots=True)
class User:
    """Who may ask by SNMPv3: passphrases; hash: sha, sha256 or sha512; privacy by AES-128."""

    name: str
    auth: str
    privacy: str | None = None
    hash: str = "sha256"


class Controller:
    """An agent in a thread of its own; ``with Controller(...) as controller: controller.port``.

    phases, overlaps: NTCIP numbers by signal. aspects: called for each request. fault: one of
    FAULTS, may be set while it runs: says nothing, answers late, with noise, with an error, with
    red and green at once, with values out of range, with text. user: SNMPv3, beside the others.
    """

    def __init__(
        self,
        phases: Mapping[str, int],
        aspects: Aspects,
        *,
        overlaps: Mapping[str, int] | None = None,
        port: int = 0,
        community: str = "public",
        fault: str = "",
        user: User | None = None,
    ) -> None:
        self.phases, self.overlaps = dict(phases), dict(overlaps or {})
        self.aspects = aspects
        self.fault = fault
        self.user = user
        self.community = community
        self.requests = 0
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._engine: Any = None
        self._ready = threading.Event()
        self._failed: OSError | None = None
        self._thread = threading.Thread(target=self._serve, name="controller", daemon=True)

    def __enter__(self) -> Controller:
        """Listens from here on. Raises OSError when the port is taken."""
        self._thread.start()
        self._ready.wait()
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(self, *_: object) -> None:
        """Lets the port go."""
        if self._failed is None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def values(self, oid: tuple[int, ...]) -> Any:
        """An object's value as SNMP has it."""
        tables: dict[tuple[int, ...], dict[str, int]] = {
            GROUP_ENTRY: self.phases,
            OVERLAP_ENTRY: self.overlaps,
        }
        driven = tables.get(oid[:-2]) if oid[-2:-1] and oid[-2] in COLOURS else None
        if driven is None or not 1 <= oid[-1] <= (HIGHEST_PHASE - 1) // 8 + 1:
            return v2c.NoSuchInstance()
        column, group = oid[-2:]
        if self.fault == "text":
            return v2c.OctetString("red")
        shown, bits = self.aspects(), 0
        for signal, phase in driven.items():
            lit = shown.get(signal) == COLOURS[column] or self.fault == "both"
            if (phase - 1) // 8 + 1 == group and lit:
                bits |= 1 << (phase - 1) % 8
        return v2c.Integer32(bits + 256 if self.fault == "range" else bits)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._listen())
        except OSError as error:
            self._failed = error
        self._ready.set()
        if self._failed is None:
            self._loop.run_forever()
            self._engine.close_dispatcher()
        self._loop.close()

    async def _listen(self) -> None:
        # datagrams that are no SNMP raise inside pysnmp; an agent drops them
        self._loop.set_exception_handler(lambda *_: None)
        self._engine = agent = engine.SnmpEngine()
        transport = _Transport(self)
        transport.open_server_mode(("127.0.0.1", self.port))
        await transport._lport  # OSError where the port is taken
        config.add_transport(agent, udp.DOMAIN_NAME, transport)
        config.add_v1_system(agent, "area", self.community)
        for model in (1, 2):  # SNMP v1 and v2c
            config.add_vacm_user(agent, model, "area", "noAuthNoPriv", NTCIP)
        if self.user is not None:
            _admit(agent, self.user)
        served = context.SnmpContext(agent)
        served.unregister_context_name(b"")
        served.register_context_name(b"", _Objects(self))
        cmdrsp.GetCommandResponder(agent, served)
        assert transport.transport is not None
        self.port = transport.transport.get_extra_info("sockname")[1]


def _admit(agent: Any, user: User) -> None:
    """Lets an SNMPv3 user read what the others read."""
    level = "authNoPriv" if user.privacy is None else "authPriv"
    private = () if user.privacy is None else (config.USM_PRIV_CFB128_AES, user.privacy)
    config.add_v3_user(agent, user.name, HASHES[user.hash], user.auth, *private)
    config.add_vacm_user(agent, 3, user.name, level, NTCIP)


class _Objects(AbstractMibInstrumController):
    """What the agent answers from."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def read_variables(self, *binds: Any, **_: Any) -> list[Any]:
        self._controller.requests += 1
        return [(name, self._controller.values(tuple(name))) for name, _value in binds]


class _Transport(udp.UdpAsyncioTransport):
    """UDP that answers as badly as the controller is told to."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(loop=controller._loop)
        self._controller = controller

    def send_message(self, outgoingMessage: bytes, transportAddress: Any) -> None:
        fault, send = self._controller.fault, super().send_message
        if fault == "silent":
            return
        if fault == "slow":
            self.loop.call_later(SLOWNESS, send, outgoingMessage, transportAddress)
            return
        if fault == "garbage":
            outgoingMessage = secrets.token_bytes(len(outgoingMessage))
        if fault == "error":
            outgoingMessage = outgoingMessage.replace(b"\x02\x01\x00\x02\x01\x00", _GEN_ERR)
        send(outgoingMessage, transportAddress)


_GEN_ERR = b"\x02\x01\x05\x02\x01\x01"  # error-status genErr, error-index 1


def read_changes(path: Path) -> list[Change]:
    """Changes from a signals.jsonl; times count from its first line. Raises ConfigError."""
    found: list[tuple[int, str, str]] = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                values = json.loads(line)
                found.append((int(values["stamp"]), str(values["signal"]), str(values["aspect"])))
            except (ValueError, KeyError, TypeError):
                raise ConfigError(
                    f"{path}:{number}: is no line of signals; needs signal, aspect, stamp"
                ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    start = min((stamp for stamp, _, _ in found), default=0)
    return [((stamp - start) / 1e9, signal, aspect) for stamp, signal, aspect in found]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point. Serves until it is interrupted."""
    parser = argparse.ArgumentParser(
        prog="bconnect_sim.controller", description="A simulated corridor's traffic controllers."
    )
    parser.add_argument("scenario", nargs="?", help="a scenario's name or file")
    parser.add_argument("--signals", type=Path, help="play a signals.jsonl instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0, help="the first one's; 0: free ones")
    parser.add_argument("--user", help="an SNMPv3 user; passphrases in SIM_AUTH and SIM_PRIVACY")
    parser.add_argument("--epoch", default="0", help="as in the cameras' addresses")
    parser.add_argument("--fault", choices=FAULTS, default="", help="misbehave")
    given = parser.parse_args(argv)
    for number in (signals.SIGINT, signals.SIGTERM):
        # Asked for by name: a shell's background job inherits SIGINT as ignored.
        signals.signal(number, signals.default_int_handler)
    if (given.scenario is None) == (given.signals is None):
        parser.error("needs a scenario or --signals")
    try:
        junctions, aspects = (
            live(given.scenario, given.seed, given.epoch)
            if given.scenario
            else played(given.signals)
        )
        user = _user(given.user, os.environ) if given.user else None
        with ExitStack() as stack:
            agents = {
                name: stack.enter_context(
                    Controller(
                        phases,
                        aspects,
                        overlaps={signal: n for n, signal in enumerate(phases, 1)},
                        port=given.port and given.port + place,
                        fault=given.fault,
                        user=user,
                    )
                )
                for place, (name, phases) in enumerate(junctions.items())
            }
            told = {
                n: {"port": a.port, "phases": a.phases, "overlaps": a.overlaps}
                for n, a in agents.items()
            }
            print(json.dumps(told), flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    except ConfigError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"bconnect_sim.controller: --port {given.port}: {error.strerror}", file=sys.stderr)
    return 2


def _user(name: str, env: Mapping[str, str]) -> User:
    """Raises ConfigError."""
    auth, private = env.get("SIM_AUTH", ""), env.get("SIM_PRIVACY")
    for key, value in (("SIM_AUTH", auth), ("SIM_PRIVACY", private)):
        if value is not None and len(value) < 8:
            raise ConfigError(f"--user: {key} needs a passphrase of 8 characters or more")
    return User(name, auth, private)


def played(path: Path) -> tuple[dict[str, dict[str, int]], Aspects]:
    """One controller that plays a recording from now on; phases count up. Raises ConfigError."""
    changes = read_changes(path)
    names = dict.fromkeys(signal for _, signal, _ in changes)
    begun = time.monotonic()
    phases = {name: number for number, name in enumerate(names, 1)}
    return {path.stem: phases}, Timeline(changes, lambda: time.monotonic() - begun)


def live(
    scenario: str, seed: int = 0, epoch: str = "0", clock: Callable[[], float] = wall
) -> tuple[dict[str, dict[str, int]], Aspects]:
    """Phases by junction, and aspects of a scenario that its cameras play at the same time.

    seed: changes nothing, the lights run by the clock; clock: Unix time [s]. Raises ConfigError.
    """
    from bconnect_sim.stage import open_stage

    stage = open_stage(scenario)
    junctions: dict[str, dict[str, int]] = {}
    for head in stage.corridor.signals:
        junctions.setdefault(head.light, {})[head.name] = head.phase
    try:
        rounds = Rounds(stage.scenario.duration, epoch_of(epoch, clock()))
    except ValueError as error:
        raise ConfigError(f"--epoch: {error}") from None

    def aspects() -> dict[str, str]:
        at = rounds.position(clock())
        return {
            head.name: shown_by(stage.scenario.program(head.light), head.phase, at).word
            for head in stage.corridor.signals
        }

    return junctions, aspects


if __name__ == "__main__":
    sys.exit(main())
