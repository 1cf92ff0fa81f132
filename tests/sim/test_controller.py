"""The simulated traffic controller, asked by pysnmp's own client."""

import asyncio
import json
import signal
import socket
from pathlib import Path

import pytest
from pysnmp.hlapi.v1arch.asyncio import (
    CommunityData,
    ObjectIdentity,
    ObjectType,
    SnmpDispatcher,
    UdpTransportTarget,
    get_cmd,
)

from bconnect_sim.controller import Controller, Timeline, live, main, read_changes
from bconnect_site.errors import ConfigError

REDS, YELLOWS, GREENS = (f"1.3.6.1.4.1.1206.4.2.1.1.4.1.{column}" for column in (2, 3, 4))


def ask(port: int, *oids: str, version: int = 1, community: str = "public", timeout: float = 5.0):
    """What a client of another make gets: error and values."""

    async def asked():
        with SnmpDispatcher() as dispatcher:
            error, status, _, found = await get_cmd(
                dispatcher,
                CommunityData(community, mpModel=version),
                await UdpTransportTarget.create(("127.0.0.1", port), timeout=timeout, retries=0),
                *(ObjectType(ObjectIdentity(oid)) for oid in oids),
                lookupMib=False,
            )
            return str(error or status.prettyPrint()), [value.prettyPrint() for _, value in found]

    return asyncio.run(asked())


@pytest.mark.parametrize("version", [0, 1], ids=["v1", "v2c"])
def test_bits_of_its_phases(version: int):
    shown = {"a": "red", "b": "amber", "c": "green", "d": "dark"}
    with Controller({"a": 1, "b": 2, "c": 10, "d": 3}, lambda: shown) as agent:
        oids = (f"{REDS}.1", f"{YELLOWS}.1", f"{GREENS}.1", f"{GREENS}.2")
        error, values = ask(agent.port, *oids, version=version)
        assert values == ["1", "2", "0", "2"]
        shown["a"] = "green"
        assert ask(agent.port, *oids, version=version)[1] == ["0", "2", "1", "2"]
        assert agent.requests == 2
    assert error in ("noError", "0")


def test_overlaps_have_bits_of_their_own():
    shown = {"a": "red", "b": "green"}
    reds, greens = (f"1.3.6.1.4.1.1206.4.2.1.9.4.1.{column}" for column in (2, 4))
    with Controller({"a": 1}, lambda: shown, overlaps={"b": 1, "a": 12}) as agent:
        asked = (f"{reds}.1", f"{greens}.1", f"{reds}.2", f"{REDS}.1")
        assert ask(agent.port, *asked)[1] == ["0", "1", "8", "1"]
        assert "No Such Instance" in ask(agent.port, f"{reds}.3")[1][0]


def test_objects_it_does_not_have_and_strangers():
    with Controller({"a": 1}, lambda: {"a": "red"}) as agent:
        assert "No Such Instance" in ask(agent.port, f"{REDS}.3")[1][0]
        assert "No Such Instance" in ask(agent.port, "1.3.6.1.4.1.1206.4.2.1.1.4.1.9.1")[1][0]
        assert "No Such Instance" in ask(agent.port, "1.3.6.1.2.1.1.1.0")[1][0]
        error, values = ask(agent.port, f"{REDS}.1", community="private", timeout=0.2)
        assert values == [] and "No SNMP response" in error
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
            for datagram in (b"", b"hello", b"\x30\x82\xff\xff", b"\x30\x80" * 500):
                noise.sendto(datagram, ("127.0.0.1", agent.port))
        assert ask(agent.port, f"{REDS}.1")[1] == ["1"]


@pytest.mark.parametrize("fault", ["silent", "slow", "garbage"])
def test_no_answer_worth_the_name(fault: str):
    with Controller({"a": 1}, lambda: {"a": "red"}, fault=fault) as agent:
        error, values = ask(agent.port, f"{REDS}.1", timeout=0.2)
        assert values == [] and "No SNMP response" in error


def test_wrong_answers():
    with Controller({"a": 1}, lambda: {"a": "red"}, fault="both") as agent:
        assert ask(agent.port, f"{REDS}.1", f"{GREENS}.1")[1] == ["1", "1"]
        agent.fault = "range"
        assert ask(agent.port, f"{REDS}.1")[1] == ["257"]
        agent.fault = "text"
        assert ask(agent.port, f"{REDS}.1")[1] == ["red"]
        agent.fault = "error"
        assert ask(agent.port, f"{REDS}.1")[0] == "genErr"


def test_a_port_that_is_taken():
    with (
        Controller({}, dict) as first,
        pytest.raises(OSError, match=r"in use"),
        Controller({}, dict, port=first.port),
    ):
        pass


def test_the_timeline_follows_its_clock():
    now = 0.0
    line = Timeline([(5.0, "a", "red"), (0.0, "b", "green"), (2.0, "a", "green")], lambda: now)
    assert line() == {"a": "dark", "b": "green"}
    now = 4.9
    assert line()["a"] == "green"
    now = 5.0
    assert line() == {"a": "red", "b": "green"}


def test_the_command_plays_a_recording_until_it_is_told_to_end(child, tmp_path: Path):
    file = tmp_path / "simpang.jsonl"
    file.write_text('{"signal": "utara", "aspect": "red", "stamp": 1780000000000000000}\n')
    code = "import sys; from bconnect_sim.controller import main; sys.exit(main())"
    process = child(code, "--signals", str(file))
    told = json.loads(process.stdout.readline())
    assert told["simpang"]["phases"] == told["simpang"]["overlaps"] == {"utara": 1}
    assert ask(told["simpang"]["port"], f"{REDS}.1")[1] == ["1"]
    process.send_signal(signal.SIGINT)
    assert process.wait(60.0) == 0


def test_a_running_scenario_has_a_controller_for_each_junction():
    now = 1_795_500_000.0
    junctions, aspects = live("harian", 0, "1795500000", clock=lambda: now)
    assert junctions["A"] == {"a_barat": 2, "a_timur": 6, "a_silang": 4} and len(junctions) == 2
    with Controller(junctions["A"], aspects) as agent:
        reds, greens = f"{REDS}.1", f"{GREENS}.1"
        assert ask(agent.port, reds, greens)[1] == ["8", "34"]  # the main road's 2 and 6 go
        now += 40.0
        assert ask(agent.port, reds, greens)[1] == ["34", "8"]
        now += 600.0  # a round later
        assert ask(agent.port, reds, greens)[1] == ["34", "8"]
    with pytest.raises(ConfigError, match='--epoch: found "then", needs Unix time in s, or now'):
        live("harian", 0, "then")


def test_its_lights_are_those_of_the_traffic(tmp_path: Path):
    """At every picture, whatever the seed."""
    pytest.importorskip("libsumo")
    from bconnect_sim.stage import open_stage

    stage = open_stage("harian", 200.0)
    now = 0.0
    _, aspects = live("harian", 3, "0", clock=lambda: now)
    wrong = 0
    for moment in stage.world(3).moments():
        now = moment.time
        wrong += aspects() != dict(moment.aspects)
        if now > 130.0:
            break
    assert wrong == 0


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys):
    file = tmp_path / "signals.jsonl"
    file.write_text('{"signal": "utara", "aspect": "red", "stamp": 1}\n{"signal": "utara"}\n')
    with pytest.raises(ConfigError, match=r"signals\.jsonl:2: is no line of signals; needs"):
        read_changes(file)
    assert main(["--signals", str(tmp_path / "gone")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])
