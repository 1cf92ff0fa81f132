"""SNMPv3 with a user and keys (RFC 3414): questions signed, and enciphered where both keys are
given; answers believed only when they are, too.

The keys are made for each agent's engine, which the first question finds out, with its clock
(boots and seconds): an answer more than 150 s behind it is an old one, sent again.
"""

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha1, sha256, sha512
from typing import Any

from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import univ
from pysnmp.proto import rfc1905
from pysnmp.proto.api import v2c
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message
from pysnmp.proto.secmod.rfc3414.localkey import hash_passphrase, localize_key
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters
from pysnmp.proto.secmod.rfc3826.priv.aes import Aes

from bconnect_detect.core.ntcip import Oid
from bconnect_detect.core.ntcip_talk import BAD_ANSWER, Fault

HASHES: dict[str, tuple[Any, int]] = {
    "sha": (sha1, 12),
    "sha256": (sha256, 24),
    "sha512": (sha512, 48),
}
WINDOW = 150  # s
SHORTEST = 8  # characters of a passphrase
LARGEST = 8192  # bytes of a message
_AUTH, _PRIVATE, _REPORT = 1, 2, 4  # flags
_USM = 3  # security model
_STATS: Oid = (1, 3, 6, 1, 6, 3, 15, 1, 1)
_REPORTS = {
    1: "asks for another security level; check auth and privacy",
    2: "says its clock has gone on",
    3: "does not know that user",
    4: "has another engine than before",
    5: "refuses the auth key or its hash",
    6: "cannot read the question; check the privacy key",
}
_NOT_V3 = "answers with what is not SNMPv3"


@dataclass(frozen=True, slots=True)
class User:
    """Who asks; passphrases of 8 characters or more. Without privacy anybody may read along."""

    name: str = field(repr=False)
    auth: str = field(repr=False)
    privacy: str | None = field(default=None, repr=False)
    hash: str = "sha256"


class Unsynchronised(Fault):
    """The agent's engine or clock is not what it was taken for; asking again may do."""


class Usm:
    """Messages to one agent. Use from one thread."""

    def __init__(self, user: User, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: s, steady."""
        self._user, self._clock = user, clock
        self._make, self._digest = HASHES[user.hash]
        self._auth_hash = hash_passphrase(user.auth, self._make)
        private = user.privacy
        self._private_hash = None if private is None else hash_passphrase(private, self._make)
        self._cipher = Aes()
        self.engine = b""  # empty: not found yet
        self._boots = self._time = 0
        self._begun = 0.0

    def forget(self) -> None:
        """The next question has to find the engine first."""
        self.engine = b""

    def discovery(self, number: int) -> bytes:
        """A question without a name, which an agent answers with its engine's."""
        scoped = self._scoped(number, (), b"")
        return self._message(number, _REPORT, self._parameters(b"", b"", b"", 0, 0), scoped)

    def discovered(self, number: int, datagram: bytes) -> None:
        """Learns the engine. Its clock is learned later, from a signed message."""
        message, parameters = _opened(datagram)
        if int(message["msgGlobalData"]["msgID"]) != number:
            raise Fault(BAD_ANSWER, "answers something that was not asked")
        engine = bytes(parameters["msgAuthoritativeEngineId"])
        if not 5 <= len(engine) <= 32:
            raise Fault(BAD_ANSWER, "does not say which SNMPv3 engine it is")
        self.engine = engine
        self._key = bytes(localize_key(self._auth_hash, univ.OctetString(engine), self._make))
        if self._private_hash is not None:
            key = localize_key(self._private_hash, univ.OctetString(engine), self._make)
            self._private_key = key[: Aes.KEY_SIZE]
        self._boots = self._time = 0
        self._begun = self._clock()

    def question(self, number: int, objects: tuple[Oid, ...]) -> bytes:
        """A GetRequest; the engine must be known."""
        scoped, flags, salt = self._scoped(number, objects, self.engine), _AUTH | _REPORT, b""
        boots, seconds = self._boots, self._now()
        if self._private_hash is not None:
            flags |= _PRIVATE
            plain = bytes(encoder.encode(scoped))
            coded, made = self._cipher.encrypt_data(self._private_key, (boots, seconds, b""), plain)
            scoped, salt = univ.OctetString(coded), bytes(made)
        zeros = bytes(self._digest)
        parameters = self._parameters(self.engine, zeros, salt, boots, seconds)
        whole = self._message(number, flags, parameters, scoped)
        return whole.replace(zeros, self._signature(whole), 1)

    def answer(self, number: int, datagram: bytes) -> Any:
        """The PDU of a signed answer to question ``number``. Raises Fault, and only that."""
        try:
            return self._answer(number, datagram)
        except Fault:
            raise
        except Exception:  # pyasn1 and pysnmp raise what they like at bytes of a stranger
            raise Fault(BAD_ANSWER, _NOT_V3) from None

    def _answer(self, number: int, datagram: bytes) -> Any:
        message, parameters = _opened(datagram)
        head = message["msgGlobalData"]
        flags = bytes(head["msgFlags"])[0]
        if int(head["msgID"]) != number:
            raise Fault(BAD_ANSWER, "answers something that was not asked")
        if not flags & _AUTH:
            raise self._report(message)
        said = bytes(parameters["msgAuthenticationParameters"])
        whole = datagram.replace(said, bytes(self._digest), 1)
        if len(said) != self._digest or not hmac.compare_digest(said, self._signature(whole)):
            raise Fault(BAD_ANSWER, "answers without the right signature")
        if bytes(parameters["msgAuthoritativeEngineId"]) != self.engine:
            raise Fault(BAD_ANSWER, "answers as another engine")
        self._check_time(parameters)
        pdu = self._plain(message, parameters, flags)
        if pdu.tagSet == rfc1905.ReportPDU.tagSet:
            raise self._told(pdu)
        if bool(flags & _PRIVATE) != (self._private_hash is not None):
            raise Fault(BAD_ANSWER, "answers less secretly than it was asked")
        return pdu

    def _check_time(self, parameters: Any) -> None:
        boots = int(parameters["msgAuthoritativeEngineBoots"])
        seconds = int(parameters["msgAuthoritativeEngineTime"])
        if (boots, seconds) < (self._boots, self._now() - WINDOW):
            self.forget()  # an agent that began anew and does not count how often
            raise Unsynchronised(BAD_ANSWER, "answers with an old message")
        if (boots, seconds) > (self._boots, self._now()):
            self._boots, self._time, self._begun = boots, seconds, self._clock()

    def _now(self) -> int:
        """s on the agent's clock."""
        return self._time + int(self._clock() - self._begun) if self._boots else 0

    def _plain(self, message: Any, parameters: Any, flags: int) -> Any:
        inside = message["msgData"].getComponent()  # by name would make one that is not there
        if flags & _PRIVATE:
            if self._private_hash is None:
                raise Fault(BAD_ANSWER, "answers in a cipher that was not asked for")
            boots = int(parameters["msgAuthoritativeEngineBoots"])
            seconds = int(parameters["msgAuthoritativeEngineTime"])
            salt = list(bytes(parameters["msgPrivacyParameters"]))
            plain = self._cipher.decrypt_data(self._private_key, (boots, seconds, salt), inside)
            inside, _ = decoder.decode(plain, asn1Spec=ScopedPDU())
        return inside["data"].getComponent()

    def _report(self, message: Any) -> Fault:
        """Of a message that is not signed, which can only be a report."""
        pdu = message["msgData"].getComponent()["data"].getComponent()
        if pdu.tagSet != rfc1905.ReportPDU.tagSet:
            return Fault(BAD_ANSWER, "answers without a signature")
        return self._told(pdu)

    def _told(self, pdu: Any) -> Fault:
        for oid, _ in v2c.apiPDU.get_varbinds(pdu):
            number = tuple(oid)[len(_STATS)] if tuple(oid)[: len(_STATS)] == _STATS else 0
            if number in (3, 4):  # what an agent says that was exchanged for another
                self.forget()
            if number in (2, 3, 4):
                return Unsynchronised(BAD_ANSWER, _REPORTS[number])
            if number in _REPORTS:
                return Fault(BAD_ANSWER, _REPORTS[number])
        return Fault(BAD_ANSWER, "answers with a report of something else")

    def _scoped(self, number: int, objects: tuple[Oid, ...], engine: bytes) -> Any:
        pdu = v2c.GetRequestPDU()
        v2c.apiPDU.set_defaults(pdu)
        v2c.apiPDU.set_request_id(pdu, number)
        v2c.apiPDU.set_varbinds(pdu, [(oid, v2c.Null("")) for oid in objects])
        scoped = ScopedPDU()
        scoped["contextEngineId"], scoped["contextName"] = engine, b""
        scoped["data"]["get-request"] = pdu
        return scoped

    def _parameters(
        self, engine: bytes, signature: bytes, salt: bytes, boots: int, seconds: int
    ) -> bytes:
        made = UsmSecurityParameters()
        made["msgAuthoritativeEngineId"] = engine
        made["msgAuthoritativeEngineBoots"], made["msgAuthoritativeEngineTime"] = boots, seconds
        made["msgUserName"] = self._user.name.encode() if engine else b""
        made["msgAuthenticationParameters"], made["msgPrivacyParameters"] = signature, salt
        return bytes(encoder.encode(made))

    def _message(self, number: int, flags: int, parameters: bytes, scoped: Any) -> bytes:
        made = SNMPv3Message()
        made["msgVersion"] = 3
        head = made["msgGlobalData"]
        head["msgID"], head["msgMaxSize"] = number, LARGEST
        head["msgFlags"], head["msgSecurityModel"] = bytes([flags]), _USM
        made["msgSecurityParameters"] = parameters
        made["msgData"]["encryptedPDU" if flags & _PRIVATE else "plaintext"] = scoped
        return bytes(encoder.encode(made))

    def _signature(self, whole: bytes) -> bytes:
        return hmac.new(self._key, whole, self._make).digest()[: self._digest]


def _opened(datagram: bytes) -> tuple[Any, Any]:
    """A message and its security parameters. Raises Fault."""
    try:
        message, rest = decoder.decode(datagram, asn1Spec=SNMPv3Message())
        inner = bytes(message["msgSecurityParameters"])
        parameters, more = decoder.decode(inner, asn1Spec=UsmSecurityParameters())
        model = int(message["msgGlobalData"]["msgSecurityModel"])
        right = int(message["msgVersion"]) == 3 and model == _USM and not rest and not more
        right = right and len(bytes(message["msgGlobalData"]["msgFlags"])) == 1
    except Exception:  # as above
        right = False
    if not right:
        raise Fault(BAD_ANSWER, _NOT_V3)
    return message, parameters
