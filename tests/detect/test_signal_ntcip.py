"""NTCIP 1202: bits to aspects, aspects over time, answers from an agent and from strangers."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from detect_scenes import T0
from hypothesis import given, settings
from hypothesis import strategies as st
from pysnmp.proto.api import v1, v2c

from bconnect_detect.adapters import snmp_controller
from bconnect_detect.adapters.snmp_controller import SnmpController, Target, answer, question
from bconnect_detect.adapters.snmp_usm import User, Usm
from bconnect_detect.core.ntcip import Overlap, PolledLight, aspect_of, group_of, objects_for
from bconnect_detect.core.ntcip_talk import BAD_ANSWER, NO_ANSWER, Conversation, Fault
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND
from bconnect_sim.controller import Controller
from bconnect_sim.controller import User as AgentUser
from bconnect_site.kinds import SignalAspect, SignalSource

RED, AMBER, GREEN = SignalAspect.RED, SignalAspect.AMBER, SignalAspect.GREEN
DARK, FLASHING, UNKNOWN = SignalAspect.DARK, SignalAspect.FLASHING, SignalAspect.UNKNOWN
POLL = SECOND // 4
WIRE = 10_000_000  # ns between question and answer
REDS, YELLOWS, GREENS = ((1, 3, 6, 1, 4, 1, 1206, 4, 2, 1, 1, 4, 1, c) for c in (2, 3, 4))


def values(reds: int = 0, yellows: int = 0, greens: int = 0, group: int = 1):
    return {(*REDS, group): reds, (*YELLOWS, group): yellows, (*GREENS, group): greens}


class TestBits:
    @pytest.mark.parametrize("phase", [1, 2, 7, 8])
    def test_a_phase_is_its_bit(self, phase: int):
        bit = 1 << (phase - 1)
        assert aspect_of(phase, values(reds=bit)) == RED
        assert aspect_of(phase, values(yellows=bit)) == AMBER
        assert aspect_of(phase, values(greens=bit)) == GREEN
        others = 255 - bit
        assert aspect_of(phase, values(others, others, others)) == DARK

    def test_groups_of_eight(self):
        assert [group_of(p) for p in (1, 8, 9, 16, 17, 255)] == [1, 1, 2, 2, 3, 32]
        assert aspect_of(10, values(reds=0b10, group=2)) == RED

    def test_several_bits_contradict_each_other(self):
        assert aspect_of(3, values(reds=4, greens=4)) == UNKNOWN
        assert aspect_of(3, values(4, 4, 4)) == UNKNOWN

    def test_one_question_for_all_groups(self):
        assert objects_for([2, 6, 1]) == ((*REDS, 1), (*YELLOWS, 1), (*GREENS, 1))
        assert objects_for([9, 2])[3:] == ((*REDS, 2), (*YELLOWS, 2), (*GREENS, 2))


class TestOverlaps:
    def test_they_have_a_table_of_their_own(self):
        asked = objects_for([2, Overlap(2), Overlap(9)])
        assert asked[:3] == objects_for([2]) and len(asked) == 9
        overlaps = tuple((1, 3, 6, 1, 4, 1, 1206, 4, 2, 1, 9, 4, 1, c, 2) for c in (2, 3, 4))
        assert asked[6:] == overlaps

    def test_a_phase_and_an_overlap_of_one_number_are_two_lights(self):
        asked = objects_for([2, Overlap(2)])
        found = dict(zip(asked, (2, 0, 0, 0, 0, 2), strict=True))
        assert (aspect_of(2, found), aspect_of(Overlap(2), found)) == (RED, GREEN)

    def test_asked_of_an_agent(self):
        shown = {"utara": "red", "kanan": "green"}
        with Controller({"utara": 2}, lambda: shown, overlaps={"kanan": 2}) as agent:
            asking = asker(agent.port, (2, Overlap(2)))
            found = asking.ask()
            assert (aspect_of(2, found), aspect_of(Overlap(2), found)) == (RED, GREEN)
            shown.update(kanan="red")
            assert aspect_of(Overlap(2), asking.ask()) == RED
            asking.close()
            with pytest.raises(Fault, match=r"no overlap group 3 \(overlaps 17 to 24\)"):
                asker(agent.port, (Overlap(20),)).ask()


def poll(light: PolledLight, looks, start: int = 0):
    """Each look is a quarter of a second after the one before."""
    return [
        light.look(a, T0 + (start + i) * POLL, T0 + (start + i) * POLL + WIRE)
        for i, a in enumerate(looks)
    ]


class TestOverTime:
    def test_red_begins_with_the_answer_that_first_says_so(self):
        said = poll(PolledLight("a"), [GREEN] * 8 + [AMBER] * 4 + [RED] * 3)
        first = said[12]
        assert (first.aspect, first.since) == (RED, T0 + 12 * POLL + WIRE)
        assert first.stamp == first.since and first.source == SignalSource.CONTROLLER
        assert {r.since for r in said[12:]} == {first.since}
        assert said[14].stamp == T0 + 14 * POLL  # known when it was asked, no later

    def test_a_book_of_them_never_makes_red_longer_than_it_was_seen(self):
        book = SignalBook({"a": 2.0})
        looks = [GREEN] * 8 + [AMBER] * 4 + [RED] * 8 + [GREEN] * 4
        for reading in poll(PolledLight("a"), looks):
            if reading is not None:
                book.put(reading)
        first, last = T0 + 12 * POLL + WIRE, T0 + 19 * POLL

        def at(stamp: int) -> SignalAspect:
            reading = book.at("a", stamp)
            return reading.aspect if reading else UNKNOWN

        assert at(first - 1) != RED and at(first) == RED and at(last) == RED
        assert at(T0 + 20 * POLL + WIRE) == GREEN
        assert book.at("a", T0 + 20 * POLL + WIRE).since == T0 + 20 * POLL + WIRE

    @pytest.mark.parametrize("colour", [RED, AMBER, GREEN])
    def test_a_flash_is_told_and_no_colour_comes_out_of_it(self, colour: SignalAspect):
        said = poll(PolledLight("a"), [colour, colour, DARK, DARK] * 6)
        shown = [r.aspect if r else None for r in said]
        assert colour not in shown and shown[7:] == [FLASHING] * 17
        assert len({r.since for r in said[7:]}) == 1

    def test_after_the_flash_a_steady_colour_counts_again(self):
        said = poll(PolledLight("a"), [AMBER, AMBER, DARK, DARK] * 4 + [RED] * 12)
        assert [r.aspect for r in said[-6:] if r] == [RED] * 6
        assert said[-1].since == T0 + 16 * POLL + WIRE

    def test_a_light_switched_off_is_dark_not_flashing(self):
        said = poll(PolledLight("a"), [GREEN] * 8 + [DARK] * 20)
        assert {r.aspect for r in said[8:]} == {DARK}

    def test_a_single_dark_answer_makes_red_begin_anew(self):
        said = poll(PolledLight("a"), [RED] * 12 + [DARK] + [RED] * 8)
        assert said[12].aspect == DARK and said[13] is None
        assert said[-1].aspect == RED and said[-1].since == T0 + 13 * POLL + WIRE

    def test_silence_makes_red_begin_anew(self):
        light = PolledLight("a")
        poll(light, [GREEN] * 4 + [RED] * 12)
        said = poll(light, [RED] * 8, start=40)
        assert said[-1].since == T0 + 40 * POLL + WIRE

    def test_a_clock_set_back_is_survived(self):
        light = PolledLight("a")
        poll(light, [RED] * 12, start=1000)
        assert poll(light, [RED] * 8)[-1].since == T0 + WIRE

    def test_a_contradiction_is_unknown_at_once(self):
        said = poll(PolledLight("a"), [GREEN] * 8 + [UNKNOWN])
        assert said[-1].aspect == UNKNOWN and said[-1].confidence == 0.0

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.sampled_from(list(SignalAspect)), max_size=80))
    def test_what_is_said_was_seen(self, looks):
        said = poll(PolledLight("a"), looks)
        stamps = [r.stamp for r in said if r]
        assert stamps == sorted(stamps)
        for i, reading in enumerate(said):
            if reading and reading.aspect in (RED, GREEN):
                began = next(j for j in range(i, -1, -1) if j == 0 or looks[j - 1] != looks[i])
                assert reading.aspect == looks[i]
                assert reading.since == T0 + began * POLL + WIRE <= reading.stamp + WIRE


OBJECTS = objects_for([2])


def response(number: int = 7, version=v2c, community: str = "public", binds=None, error: int = 0):
    """A datagram an agent might send."""
    from pyasn1.codec.ber import encoder

    pdu = version.GetResponsePDU()
    version.apiPDU.set_defaults(pdu)
    version.apiPDU.set_request_id(pdu, number)
    version.apiPDU.set_error_status(pdu, error)
    version.apiPDU.set_varbinds(
        pdu, [(oid, v2c.Integer32(0)) for oid in OBJECTS] if binds is None else binds
    )
    message = version.Message()
    version.apiMessage.set_defaults(message)
    version.apiMessage.set_community(message, community)
    version.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


def bound(*found):
    return [(oid, value) for oid, value in zip(OBJECTS, found, strict=True)]


class TestAnswers:
    def test_a_good_one(self):
        binds = bound(v2c.Integer32(2), v2c.Gauge32(0), v2c.Integer32(253))
        assert list(answer(v2c, "public", 7, OBJECTS, response(binds=binds)).values()) == [
            2,
            0,
            253,
        ]
        assert answer(v1, "public", 7, OBJECTS, response(version=v1))[OBJECTS[0]] == 0

    @pytest.mark.parametrize(
        ("datagram", "says"),
        [
            (b"", "not SNMP"),
            (b"hello", "not SNMP"),
            (b"\x30\x82\xff\xff\x02", "not SNMP"),
            (b"\x30\x80" * 2000, "not SNMP"),
            (response()[:-3], "not SNMP"),
            (response(version=v1), "not SNMP of that version"),
            (response() + b"\x00", "not asked"),
            (response(number=8), "not asked"),
            (response(community="private"), "not asked"),
            (question(v2c, "public", 7, OBJECTS), "not asked"),  # an echo
            (response(error=5), "the error genErr"),
            (response(error=2), "the error noSuchName"),
            (response(binds=[]), "other objects"),
            (response(binds=[((1, 3, 6, 1), v2c.Integer32(1))] * 3), "other objects"),
            (response(binds=bound(*[v2c.Integer32(0)] * 3)[::-1]), "other objects"),
            (response(binds=bound(*[v2c.OctetString("red")] * 3)), "no number"),
            (response(binds=bound(*[v2c.Null("")] * 3)), "no number"),
            (response(binds=bound(*[v2c.Integer32(-1)] * 3)), "outside 0 to 255"),
            (response(binds=bound(*[v2c.Integer32(256)] * 3)), "outside 0 to 255"),
            (response(binds=bound(*[v2c.NoSuchInstance("")] * 3)), "no phase group 1 (phases 1 to"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )  # fmt: skip
    def test_a_bad_one_is_told(self, datagram: bytes, says: str):
        with pytest.raises(Fault, match=says.replace("(", r"\(")) as found:
            answer(v2c, "public", 7, OBJECTS, datagram)
        assert found.value.kind == BAD_ANSWER

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=300))
    def test_noise_is_a_fault_and_nothing_else(self, noise: bytes):
        with pytest.raises(Fault):
            answer(v2c, "public", 7, OBJECTS, noise)

    @settings(max_examples=300, deadline=None)
    @given(st.data())
    def test_a_damaged_answer_is_read_right_or_refused(self, data):
        """Whatever bytes change, only numbers of the objects asked for come out."""
        datagram = bytearray(response())
        for _ in range(data.draw(st.integers(1, 4))):
            datagram[data.draw(st.integers(0, len(datagram) - 1))] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            del datagram[data.draw(st.integers(0, len(datagram) - 1)) :]
        with suppress(Fault):
            found = answer(v2c, "public", 7, OBJECTS, bytes(datagram))
            assert tuple(found) == OBJECTS and all(0 <= v <= 255 for v in found.values())


def asker(port: int, phases=(2,), version: str = "v2c", community: str = "public"):
    ticks = count(T0, POLL)
    target = Target("127.0.0.1", port, community, version)
    return SnmpController(target, objects_for(phases), lambda: next(ticks))


class TestAgent:
    @pytest.mark.parametrize("version", ["v1", "v2c"])
    def test_two_phases_of_one_controller_in_one_question(self, version: str):
        shown = {"utara": "red", "timur": "green"}
        with Controller({"utara": 2, "timur": 12}, lambda: shown) as agent:
            asking = asker(agent.port, (2, 12), version)
            found = asking.ask()
            assert (aspect_of(2, found), aspect_of(12, found)) == (RED, GREEN)
            shown.update(utara="amber", timur="dark")
            found = asking.ask()
            assert (aspect_of(2, found), aspect_of(12, found)) == (AMBER, DARK)
            assert agent.requests == 2
            asking.close()

    @pytest.mark.parametrize(
        ("fault", "kind", "says"),
        [
            ("silent", NO_ANSWER, "says nothing"),
            ("slow", NO_ANSWER, "says nothing"),
            ("garbage", BAD_ANSWER, "not SNMP"),
            ("error", BAD_ANSWER, "the error genErr"),
            ("range", BAD_ANSWER, "outside"),
            ("text", BAD_ANSWER, "no number"),
        ],
    )
    def test_misbehaviour_is_told_and_survived(self, fault: str, kind: str, says: str, monkeypatch):
        monkeypatch.setattr(snmp_controller, "TIMEOUT", 0.2)
        with Controller({"utara": 2}, lambda: {"utara": "red"}, fault=fault) as agent:
            asking = asker(agent.port)
            with pytest.raises(Fault, match=says) as found:
                asking.ask()
            assert found.value.kind == kind
            agent.fault = ""
            assert aspect_of(2, asking.ask()) == RED  # no late answer is taken for this one
            asking.close()

    def test_red_and_green_at_once_is_unknown(self):
        with Controller({"utara": 2}, lambda: {"utara": "red"}, fault="both") as agent:
            asking = asker(agent.port)
            assert aspect_of(2, asking.ask()) == UNKNOWN
            asking.close()

    def test_a_wrong_community_gets_no_answer(self, monkeypatch):
        monkeypatch.setattr(snmp_controller, "TIMEOUT", 0.2)
        with Controller({"utara": 2}, dict, community="rahasia") as agent:
            with pytest.raises(Fault, match="says nothing"):
                asker(agent.port).ask()
            asker(agent.port, community="rahasia").ask()

    def test_a_phase_it_does_not_have(self):
        with (
            Controller({"utara": 2}, dict) as agent,
            pytest.raises(Fault, match="no phase group 3"),
        ):
            asker(agent.port, (20,)).ask()

    def test_nobody_on_the_port_and_no_such_host(self):
        with Controller({}, dict) as agent:
            port = agent.port
        with pytest.raises(Fault, match=r"no SNMP on that port|says nothing"):
            asker(port).ask()
        with pytest.raises(Fault, match="cannot be reached"):
            SnmpController(Target("no..host", 161), OBJECTS, lambda: 0).ask()

    def test_a_secret_is_not_printed(self):
        target = Target("192.0.2.5", 161, "rahasia")
        assert "rahasia" not in f"{target} {target!r}"


V3 = User("operator", "kata-sandi-satu", "kata-sandi-dua")


def as_user(port: int, user: User = V3, phases=(2,)) -> SnmpController:
    target = Target("127.0.0.1", port, version="v3", user=user)
    return SnmpController(target, objects_for(phases), lambda: T0)


class TestUser:
    """SNMPv3 against pysnmp's own agent."""

    @pytest.mark.parametrize("hash", ["sha", "sha256", "sha512"])
    @pytest.mark.parametrize("privacy", [None, "kata-sandi-dua"], ids=["signed", "enciphered"])
    def test_a_light_is_read(self, hash: str, privacy: str | None):
        shown = {"utara": "red"}
        known = AgentUser("operator", "kata-sandi-satu", privacy, hash)
        with Controller({"utara": 2}, lambda: shown, user=known) as agent:
            asking = as_user(agent.port, User("operator", "kata-sandi-satu", privacy, hash))
            assert aspect_of(2, asking.ask()) == RED
            shown.update(utara="green")
            assert aspect_of(2, asking.ask()) == GREEN
            assert agent.requests == 2
            asking.close()

    @pytest.mark.parametrize(
        ("user", "says"),
        [
            (User("siapa", "kata-sandi-satu", "kata-sandi-dua"), "does not know that user"),
            (User("operator", "kata-sandi-lain", "kata-sandi-dua"), "refuses the auth key"),
            (User("operator", "kata-sandi-satu", "kata-sandi-lain"), "privacy key|says nothing"),
            (User("operator", "kata-sandi-satu"), "security level|authorization|says nothing"),
            (User("operator", "kata-sandi-satu", "kata-sandi-dua", "sha"), "auth key or its hash"),
        ],
        ids=["user", "auth", "privacy", "level", "hash"],
    )
    def test_what_does_not_fit_is_told(self, user: User, says: str, monkeypatch):
        monkeypatch.setattr(snmp_controller, "TIMEOUT", 0.3)
        known = AgentUser("operator", "kata-sandi-satu", "kata-sandi-dua")
        with (
            Controller({"utara": 2}, lambda: {"utara": "red"}, user=known) as agent,
            pytest.raises(Fault, match=says),
        ):
            as_user(agent.port, user).ask()

    def test_another_engine_is_found_out(self):
        """A controller that was exchanged: the next question or the one after it is answered."""
        known = AgentUser("operator", "kata-sandi-satu", "kata-sandi-dua")
        with Controller({"utara": 2}, lambda: {"utara": "red"}, user=known) as agent:
            asking = as_user(agent.port)
            asking.ask()
            engine = asking._usm.engine
        asking.close()
        with Controller({"utara": 2}, lambda: {"utara": "green"}, user=known) as other:
            asking.target = Target("127.0.0.1", other.port, version="v3", user=V3)
            assert aspect_of(2, asking.ask()) == GREEN
            assert other.requests == 1 and engine
            asking.close()

    @pytest.mark.parametrize("fault", ["silent", "garbage"])
    def test_misbehaviour_is_told_and_survived(self, fault: str, monkeypatch):
        monkeypatch.setattr(snmp_controller, "TIMEOUT", 0.2)
        known = AgentUser("operator", "kata-sandi-satu", "kata-sandi-dua")
        with Controller({"utara": 2}, lambda: {"utara": "red"}, user=known, fault=fault) as agent:
            asking = as_user(agent.port)
            with pytest.raises(Fault):
                asking.ask()
            agent.fault = ""
            assert aspect_of(2, asking.ask()) == RED
            asking.close()

    def exchange(self) -> tuple[Usm, int, bytes]:
        """A client that has had an answer, the next question's number, its answer."""
        known = AgentUser("operator", "kata-sandi-satu", "kata-sandi-dua")
        with Controller({"utara": 2}, lambda: {"utara": "red"}, user=known) as agent:
            asking = as_user(agent.port)
            asking.ask()
            asking._open().send(asking._usm.question(77, OBJECTS))
            return asking._usm, 77, asking._socket.recv(4096)

    def test_every_byte_is_signed(self):
        usm, number, datagram = self.exchange()
        assert snmp_controller.values(v2c, usm.answer(number, datagram), number, OBJECTS)
        for place in range(len(datagram)):
            spoiled = bytearray(datagram)
            spoiled[place] ^= 0x04
            with pytest.raises(Fault):
                usm.answer(number, bytes(spoiled))
        with pytest.raises(Fault, match="not asked"):
            usm.answer(number + 1, datagram)  # said before, to another question

    def test_an_answer_of_long_ago_is_refused(self):
        usm, number, datagram = self.exchange()
        late = usm._clock() + 1000.0
        usm._clock = lambda: late
        with pytest.raises(Fault, match="an old message"):
            usm.answer(number, datagram)
        assert usm.engine == b""  # and everything is found out anew

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=300))
    def test_noise_is_a_fault_and_nothing_else(self, noise: bytes):
        usm = Usm(V3)
        with pytest.raises(Fault):
            usm.discovered(1, noise)

    def test_secrets_are_not_printed(self):
        assert "sandi" not in f"{V3!r} {Target('192.0.2.5', 161, version='v3', user=V3)!r}"


@contextmanager
def stranger(*datagrams: bytes, echo: bool = False) -> Iterator[int]:
    """A plain socket that answers every datagram with these bytes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as served:
        served.bind(("127.0.0.1", 0))
        served.settimeout(0.05)
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                with suppress(TimeoutError):
                    asked, sender = served.recvfrom(4096)
                    for datagram in (asked,) if echo else datagrams:
                        served.sendto(datagram, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        yield served.getsockname()[1]
        stop.set()
        thread.join()


class TestStranger:
    def test_a_flood_of_noise_ends_the_question_and_not_the_worker(self, monkeypatch):
        monkeypatch.setattr(snmp_controller, "TIMEOUT", 0.2)
        noise = [b"x" * 1400, b"", b"\x30\x84\x7f\xff\xff\xff", bytes(range(256))] * 10
        with stranger(*noise) as port, pytest.raises(Fault, match="not SNMP"):
            asker(port).ask()

    def test_its_own_question_back_is_no_answer(self, monkeypatch):
        monkeypatch.setattr(snmp_controller, "TIMEOUT", 0.2)
        with stranger(echo=True) as port, pytest.raises(Fault, match="not asked"):
            asker(port).ask()

    def test_the_loop_goes_on_through_faults_to_answers(self, wait_for, monkeypatch):
        monkeypatch.setattr(snmp_controller, "TIMEOUT", 0.1)
        monkeypatch.setattr(snmp_controller, "PERIOD", 0.01)
        heard, faults, stop = [], [], threading.Event()
        with Controller({"utara": 2}, lambda: {"utara": "red"}, fault="garbage") as agent:
            asking = asker(agent.port)
            thread = threading.Thread(
                target=asking.run,
                args=(stop, lambda *a: heard.append(a), lambda *a: faults.append(a)),
            )
            thread.start()
            wait_for(lambda: len(faults) >= 2)
            agent.fault = ""
            wait_for(lambda: len(heard) >= 2)
            stop.set()
            thread.join(5.0)
        assert not thread.is_alive()
        (_, asked, answered), *_ = heard
        assert answered > asked


class TestConversation:
    def talk(self) -> Conversation:
        return Conversation("192.0.2.5:161", ("utara", "timur"), ZoneInfo("Asia/Makassar"))

    def test_silence_is_told_with_its_beginning_and_what_to_do(self):
        talk = self.talk()
        for step in range(8):
            talk.failed(Fault(NO_ANSWER, "says nothing"), T0 + step * POLL)
        assert talk.trouble(T0 + 2 * SECOND) == (
            "controller 192.0.2.5:161 says nothing since 2026-05-29 04:26:40: utara, timur "
            "unknown, nothing is decided by it; check its power, the network, and its SNMP port "
            "and community"
        )

    def test_one_lost_answer_is_no_trouble_and_an_answer_ends_it(self):
        talk = self.talk()
        talk.failed(Fault(NO_ANSWER, "says nothing"), T0)
        assert talk.trouble(T0 + SECOND // 2) == ""
        assert talk.trouble(T0 + 3 * SECOND) != ""
        talk.answered()
        assert talk.trouble(T0 + 3 * SECOND) == ""
