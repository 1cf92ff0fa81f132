"""What comes over wires: receivers of GNSS, traffic controllers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from pyasn1.codec.ber import encoder
from pyasn1.type import univ
from pysnmp.proto.api import v1, v2c
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU

from bconnect_detect.adapters.snmp_controller import answer, values
from bconnect_detect.adapters.snmp_usm import User, Usm
from bconnect_detect.core.ntcip import PolledLight, aspect_of, objects_for
from bconnect_detect.core.ntcip_talk import Conversation, Fault
from bconnect_gnss.adapters.nmea import heading_of, piece_of
from bconnect_gnss.convert import clock_to_msg, fix_to_msg, velocity_to_msg
from bconnect_gnss.listening import Listening
from fuzzing.engine import Run, Target, Wrong
from fuzzing.mutate import BINARY

SECOND = 1_000_000_000
NOW = 1_795_515_802 * SECOND

# -- GNSS ------------------------------------------------------------------------------------

_SENTENCES = (
    "GNRMC,202640.00,A,0114.77800,S,11651.37800,E,12.500,90.00,241126,,,A",
    "GNGGA,202640.00,0114.77800,S,11651.37800,E,1,08,1.00,12.0,M,60.0,M,,",
    "GNGSA,A,3,10,07,05,02,,,,,,,,,1.9,1.00,1.5",
    "GNGST,202640.00,,,,,2.0,3.0,5.0",
    "GNRMC,202641.00,A,0114.77900,S,11651.37900,E,12.500,90.00,241126,,,A",
    "GNGGA,202641.00,0114.77900,S,11651.37900,E,1,08,1.00,12.0,M,60.0,M,,",
    "GPHDT,123.456,T",
    "GNTHS,77.52,A",
)


def _sum(text: bytes) -> int:
    total = 0
    for letter in text:
        total ^= letter
    return total


def nmea(folder: Path) -> Sequence[bytes]:
    lines = [b"$%s*%02X\r\n" % (s.encode(), _sum(s.encode())) for s in _SENTENCES]
    drive = [s.replace("202640", f"20264{n}") for n in range(7) for s in _SENTENCES[:4]]
    told = [b"$%s*%02X\r\n" % (s.encode(), _sum(s.encode())) for s in drive]
    return [b"".join(told), b"".join(lines), *lines]


def mended(data: bytes, rng: Random) -> bytes:
    """Every sentence with the checksum it should have, so that more than the check is tried."""
    made = []
    for line in data.split(b"\n"):
        body = line.rstrip(b"\r").removeprefix(b"$").partition(b"*")[0]
        made.append(b"$%s*%02X\r" % (body, _sum(body)) if line else b"")
    return b"\n".join(made)


def _honest(line: bytes) -> bool:
    """Whether a sentence's last checksum is right, reckoned apart from the library."""
    body, star, told = line[line.rfind(b"$") + 1 :].rpartition(b"*")
    try:
        return bool(star) and int(told.strip()[:2], 16) == _sum(body)
    except ValueError:
        return False


def _nmea(folder: Path) -> Run:
    def run(data: bytes) -> str:
        for line in data.splitlines()[:20]:
            for read in (piece_of, heading_of):
                try:
                    told = read(line)
                except ValueError:
                    continue
                unknown = told is None or told != told  # NaN: says that it does not know
                if not unknown and not _honest(line):
                    raise Wrong(f"{read.__name__} believes {line!r}")
        return _heard("nmea+tcp", data)

    return run


def _heard(scheme: str, data: bytes) -> str:
    """What a node would send of these bytes, in pieces as a socket gives them."""
    listening = Listening(scheme)
    words = set()
    for number, start in enumerate(range(0, max(len(data), 1), 97)):
        arrived = NOW + number * SECOND // 10
        for heard in listening.put(data[start : start + 97], arrived):
            words.add(heard.refused or "fix")
            fix = fix_to_msg(heard, "gnss")
            velocity_to_msg(heard, "gnss")
            if not heard.refused and not (abs(fix.latitude) <= 90 and abs(fix.longitude) <= 180):
                raise Wrong(f"a fix at {fix.latitude}, {fix.longitude}")
            if not all(v >= 0.0 for v in fix.position_covariance):
                raise Wrong(f"variances {list(fix.position_covariance)}")
        clock_to_msg(listening.timing.look(arrived), arrived)
    if any(not 0.0 <= h <= 360.0 for h in listening.headings()):
        raise Wrong("a heading of no compass")
    if listening.talk.complaint and len(listening.talk.complaint) > 200:
        raise Wrong("a complaint without end")
    return f"{sorted(words)} {bool(listening.noise)}"


def gpsd(folder: Path) -> Sequence[bytes]:
    tpv = {"class": "TPV", "mode": 3, "time": "2026-11-24T10:23:22.000Z", "lat": -1.2463,
           "lon": 116.8563, "altHAE": 72.0, "epx": 3.1, "epy": 3.2, "epv": 8.0, "eps": 0.4,
           "speed": 11.5, "track": 90.0, "status": 1}  # fmt: skip
    others = (
        {"class": "SKY", "hdop": 0.9},
        {"class": "GST", "lat": 2.0, "lon": 3.0, "alt": 5.0},
        {"class": "ATT", "heading": 87.0},
        {"class": "PPS", "clock_sec": 5, "clock_nsec": 10, "real_sec": 5, "real_nsec": 0},
        {"class": "DEVICES", "devices": [{"path": "/dev/ttyUSB0"}]},
        {"class": "ERROR", "message": "unrecognized"},
    )
    drive = [tpv | {"time": f"2026-11-24T10:23:2{n}.000Z"} for n in range(2, 9)]
    lines = [json.dumps(one).encode() + b"\n" for one in (*others, *drive)]
    return [b"".join(lines), b"".join(lines[-2:]), *lines[:7]]


def _gpsd(folder: Path) -> Run:
    return lambda data: _heard("gpsd", data)


# -- traffic controllers ---------------------------------------------------------------------

OBJECTS = objects_for([2])
NUMBER = 77


def _response(version: Any, bits: Sequence[int], number: int = NUMBER, error: int = 0) -> Any:
    pdu = version.GetResponsePDU()
    version.apiPDU.set_defaults(pdu)
    version.apiPDU.set_request_id(pdu, number)
    version.apiPDU.set_error_status(pdu, error)
    binds = [(oid, version.Integer(bit)) for oid, bit in zip(OBJECTS, bits, strict=True)]
    version.apiPDU.set_varbinds(pdu, binds)
    return pdu


def _datagram(version: Any, **more: Any) -> bytes:
    message = version.Message()
    version.apiMessage.set_defaults(message)
    version.apiMessage.set_community(message, "public")
    version.apiMessage.set_pdu(message, _response(version, (2, 0, 0), **more))
    return bytes(encoder.encode(message))


def _lit(found: dict[Any, int]) -> str:
    """Checks an answer that was believed and shows it to a light."""
    if tuple(found) != OBJECTS or any(not 0 <= v <= 255 for v in found.values()):
        raise Wrong(f"believed {found}")
    light = PolledLight("utara")
    first = light.look(aspect_of(2, found), NOW, NOW + 1)
    later = light.look(aspect_of(2, found), NOW + 2 * SECOND, NOW + 2 * SECOND + 1)
    return f"{first and first.aspect} {later and later.aspect}"


def _snmp(version: Any) -> Callable[[Path], Run]:
    def make(folder: Path) -> Run:
        from zoneinfo import ZoneInfo

        talk = Conversation("atcs:161", ("utara",), ZoneInfo("UTC"))

        def run(data: bytes) -> str:
            try:
                found = answer(version, "public", NUMBER, OBJECTS, data)
            except Fault as fault:
                talk.failed(fault, NOW)
                return f"{fault.kind} {fault}"
            talk.answered()
            return _lit(found)

        return run

    return make


class Agent:
    """Signs answers as a controller's agent would, with the client's own arithmetic."""

    ENGINE = b"\x80\x00\x1f\x88\x04atcs"

    def __init__(self, privacy: str | None) -> None:
        self.user = User("dishub", "kata-sandi-panjang", privacy)
        self.usm = self.client()
        self.usm.discovered(NUMBER, self.hello())

    def client(self) -> Usm:
        return Usm(self.user, clock=lambda: 0.0)

    def hello(self) -> bytes:
        usm = getattr(self, "usm", None) or self.client()
        scoped = ScopedPDU()
        scoped["contextEngineId"], scoped["contextName"] = self.ENGINE, b""
        report = v2c.ReportPDU()
        v2c.apiPDU.set_defaults(report)
        v2c.apiPDU.set_varbinds(report, [((1, 3, 6, 1, 6, 3, 15, 1, 1, 4, 0), v2c.Counter32(1))])
        scoped["data"]["report"] = report
        return usm._message(NUMBER, 0, usm._parameters(self.ENGINE, b"", b"", 1, 100), scoped)

    def answer(self, bits: Sequence[int], boots: int = 3, seconds: int = 500) -> bytes:
        usm, flags, salt = self.usm, 1, b""
        inside: Any = ScopedPDU()
        inside["contextEngineId"], inside["contextName"] = self.ENGINE, b""
        inside["data"]["response"] = _response(v2c, bits)
        if usm._private_hash is not None:
            flags |= 2
            plain = bytes(encoder.encode(inside))
            coded, made = usm._cipher.encrypt_data(usm._private_key, (boots, seconds, b""), plain)
            inside, salt = univ.OctetString(coded), bytes(made)
        zeros = bytes(usm._digest)
        told = usm._parameters(self.ENGINE, zeros, salt, boots, seconds)
        whole = usm._message(NUMBER, flags, told, inside)
        return whole.replace(zeros, usm._signature(whole), 1)


def _usm(privacy: str | None) -> tuple[Callable[[Path], Run], Callable[[Path], Sequence[bytes]]]:
    agents: list[Agent] = []

    def agent() -> Agent:
        if not agents:
            agents.append(Agent(privacy))
        return agents[0]

    genuine: set[bytes] = set()

    def seeds(folder: Path) -> Sequence[bytes]:
        made = [agent().answer(bits) for bits in ((2, 0, 0), (0, 0, 2), (0, 2, 0))]
        genuine.update(made)
        return [*made, agent().hello(), agent().answer((2, 0, 0), boots=1)]

    def make(folder: Path) -> Run:
        seeds(folder)
        usm = agent().client()
        old = agent().answer((2, 0, 0), boots=1)
        usm.discovered(NUMBER, agent().hello())
        known = {name: getattr(usm, name) for name in ("engine", "_boots", "_time", "_begun")}
        known |= {"_boots": 3, "_time": 480}

        def run(data: bytes) -> str:
            for name, value in known.items():
                setattr(usm, name, value)
            try:
                pdu = usm.answer(NUMBER, data)
                if data not in genuine:
                    raise Wrong("believes an answer that the agent did not sign so")
                found = values(v2c, pdu, NUMBER, OBJECTS)
            except Fault as fault:
                if data in genuine or (data == old and "old" not in str(fault)):
                    raise Wrong(f"refuses an answer: {fault}") from None
                told = str(fault)
            else:
                return _lit(found)
            try:
                usm.discovered(NUMBER, data)
            except Fault:
                return told
            return f"{told}; another engine"

        return run

    return make, seeds


_SIGNED, _SECRET = _usm(None), _usm("sandi-rahasia-panjang")

TARGETS = (
    Target("NMEA", _nmea, nmea, 8, mend=mended),
    Target("gpsd", _gpsd, gpsd, 8),
    Target("SNMP v1", _snmp(v1), lambda f: [_datagram(v1), _datagram(v1, error=5)], 2, BINARY),
    Target("SNMP v2c", _snmp(v2c), lambda f: [_datagram(v2c), _datagram(v2c, error=5)], 3, BINARY),
    Target("SNMPv3 signed", _SIGNED[0], _SIGNED[1], 1, BINARY),
    Target("SNMPv3 enciphered", _SECRET[0], _SECRET[1], 1, BINARY),
)
