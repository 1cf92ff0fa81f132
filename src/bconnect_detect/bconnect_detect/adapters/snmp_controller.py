"""One traffic controller asked over SNMP for what its phases show.

pysnmp's messages on a socket of our own: its engine raises inside the event loop at a datagram
that is not SNMP, and here every bad answer is to be counted and told.
"""

import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import univ
from pysnmp.proto import rfc1902, rfc1905
from pysnmp.proto.api import v1, v2c

from bconnect_detect.adapters.snmp_usm import Unsynchronised, User, Usm
from bconnect_detect.core.ntcip import HIGHEST, OVERLAP_ENTRY, Oid
from bconnect_detect.core.ntcip_talk import BAD_ANSWER, NO_ANSWER, Fault

PERIOD = 0.25  # s between questions
TIMEOUT = 0.5  # s
LARGEST = 8192  # bytes of a datagram; an answer has at most some 3000
MOST_DATAGRAMS = 20  # looked at for one question

_VERSIONS = {v1: 0, v2c: 1}  # as a message says it
_NUMBERS = (univ.Integer.tagSet, rfc1902.Gauge32.tagSet)
_ABSENT = (
    rfc1905.NoSuchObject.tagSet,
    rfc1905.NoSuchInstance.tagSet,
    rfc1905.EndOfMibView.tagSet,
)


_NOT_SNMP = "answers with what is not SNMP of that version"
_NOT_ASKED = "answers something that was not asked"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a controller listens, and how it wants to be asked."""

    host: str
    port: int
    community: str = field(default="public", repr=False)
    version: str = "v2c"
    user: User | None = None  # for v3

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class SnmpController:
    """Asks for objects, again and again. Use from one thread."""

    def __init__(self, target: Target, objects: tuple[Oid, ...], now: Callable[[], int]) -> None:
        self.target = target
        self.objects = objects
        self._now = now
        self._socket: socket.socket | None = None
        self._version: Any = v1 if target.version == "v1" else v2c
        self._usm = None if target.user is None else Usm(target.user)

    def run(
        self,
        stop: threading.Event,
        on_answer: Callable[[Mapping[Oid, int], int, int], None],
        on_fault: Callable[[Fault, int], None],
    ) -> None:
        """Asks every PERIOD until stop: on_answer(values, asked, answered) or on_fault(f, asked).

        Both stamps are ns of the clock given.
        """
        try:
            while not stop.is_set():
                begun, asked = time.monotonic(), self._now()
                try:
                    values = self.ask()
                except Fault as fault:
                    on_fault(fault, asked)
                else:
                    on_answer(values, asked, self._now())
                stop.wait(max(0.0, PERIOD - (time.monotonic() - begun)))
        finally:
            self.close()

    def ask(self) -> dict[Oid, int]:
        """The objects' values. Raises Fault after TIMEOUT, or at what is no answer."""
        try:
            return self._ask_plainly() if self._usm is None else self._ask_as_user(self._usm)
        except Fault:
            self.close()  # a late answer to this question finds nobody
            raise
        except ConnectionRefusedError:
            self.close()
            raise Fault(NO_ANSWER, "has no SNMP on that port") from None
        except (OSError, UnicodeError) as error:  # UnicodeError: no name of a host
            self.close()
            why = getattr(error, "strerror", None) or error
            raise Fault(NO_ANSWER, f"cannot be reached ({why})") from None

    def _ask_plainly(self) -> dict[Oid, int]:
        number, community = secrets.randbelow(1 << 31), self.target.community
        self._open().send(question(self._version, community, number, self.objects))
        return self._listen(
            lambda said: answer(self._version, community, number, self.objects, said)
        )

    def _ask_as_user(self, usm: Usm) -> dict[Oid, int]:
        """SNMPv3: finds the agent's engine and clock first, and again where they have changed."""
        for last in (False, False, True):
            number = secrets.randbelow(1 << 31)
            try:
                if not usm.engine:
                    self._open().send(usm.discovery(number))
                    self._listen(partial(usm.discovered, number))
                self._open().send(usm.question(number, self.objects))
                return self._listen(partial(self._read_signed, usm, number))
            except Unsynchronised:
                if last:
                    raise
        raise AssertionError

    def _read_signed(self, usm: Usm, number: int, datagram: bytes) -> dict[Oid, int]:
        return values(v2c, usm.answer(number, datagram), number, self.objects)

    def close(self) -> None:
        """Lets the socket go. The next question opens another."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is None:
            host, port = self.target.host, self.target.port
            family, kind, protocol, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_DGRAM
            )[0]
            made = socket.socket(family, kind, protocol)
            self._socket = made
            made.connect(address)  # answers of others do not come through
        return self._socket

    def _listen(self, read: Callable[[bytes], T]) -> T:
        """The first good answer in time; a bad one may be somebody else's, so listen on."""
        deadline = time.monotonic() + TIMEOUT
        fault = Fault(NO_ANSWER, "says nothing")
        assert self._socket is not None
        for _ in range(MOST_DATAGRAMS):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._socket.settimeout(left)
            try:
                datagram = self._socket.recv(LARGEST)
            except TimeoutError:
                break
            try:
                return read(datagram)
            except Unsynchronised:
                raise
            except Fault as found:
                fault = found
        raise fault


def question(version: Any, community: str, number: int, objects: tuple[Oid, ...]) -> bytes:
    """A GetRequest as bytes; version is pysnmp's v1 or v2c."""
    pdu = version.GetRequestPDU()
    version.apiPDU.set_defaults(pdu)
    version.apiPDU.set_request_id(pdu, number)
    version.apiPDU.set_varbinds(pdu, [(oid, version.Null("")) for oid in objects])
    message = version.Message()
    version.apiMessage.set_defaults(message)
    version.apiMessage.set_community(message, community)
    version.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


def answer(
    version: Any, community: str, number: int, objects: tuple[Oid, ...], datagram: bytes
) -> dict[Oid, int]:
    """The values of a datagram that answers question ``number``. Raises Fault, and only that."""
    try:
        message, rest = decoder.decode(datagram, asn1Spec=version.Message())
        pdu = version.apiMessage.get_pdu(message)
        said = bytes(version.apiMessage.get_community(message))
        right_version = int(version.apiMessage.get_version(message)) == _VERSIONS[version]
    except Exception:  # pyasn1 raises what it likes at bytes of a stranger
        right_version = False
    if not right_version:
        raise Fault(BAD_ANSWER, _NOT_SNMP)
    if rest or said != community.encode():
        raise Fault(BAD_ANSWER, _NOT_ASKED)
    return values(version, pdu, number, objects)


def values(version: Any, pdu: Any, number: int, objects: tuple[Oid, ...]) -> dict[Oid, int]:
    """The values of a PDU that answers question ``number``. Raises Fault, and only that."""
    try:
        number_said, kind = int(version.apiPDU.get_request_id(pdu)), pdu.tagSet
        error = int(version.apiPDU.get_error_status(pdu))
        found = [(tuple(oid), value) for oid, value in version.apiPDU.get_varbinds(pdu)]
    except Exception:  # as above
        raise Fault(BAD_ANSWER, _NOT_SNMP) from None
    if kind != version.GetResponsePDU.tagSet or number_said != number:
        raise Fault(BAD_ANSWER, _NOT_ASKED)
    if error:
        word = rfc1905.errorStatus.namedValues.getName(error) if error < 19 else str(error)
        raise Fault(BAD_ANSWER, f"answers with the error {word}")
    if [oid for oid, _ in found] != list(objects):
        raise Fault(BAD_ANSWER, "answers about other objects than asked")
    return {oid: _value(oid, value) for oid, value in found}


def _value(oid: Oid, value: Any) -> int:
    if value.tagSet in _ABSENT:
        word, group = ("overlap" if oid[:-2] == OVERLAP_ENTRY else "phase"), oid[-1]
        which = f"({word}s {8 * group - 7} to {8 * group})"
        raise Fault(BAD_ANSWER, f"has no {word} group {group} {which}")
    if value.tagSet not in _NUMBERS:
        raise Fault(BAD_ANSWER, "answers with a value that is no number")
    if not 0 <= int(value) <= HIGHEST:
        raise Fault(BAD_ANSWER, f"answers with a value outside 0 to {HIGHEST}")
    return int(value)
