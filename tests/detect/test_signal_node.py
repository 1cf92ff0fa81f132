"""The signal node over real DDS: controllers that answer, or do not, recordings, and lamps."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import yaml
from bconnect_msgs.msg import SignalState
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock as ClockMessage

from bconnect_detect.adapters import snmp_controller
from bconnect_detect.convert import time_from_msg
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, SignalReading
from bconnect_detect.signal_node import SignalNode
from bconnect_node import qos
from bconnect_node.frames import Frame, FramePublisher
from bconnect_sim.controller import Controller
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import SignalAspect, SignalSource
from bconnect_site.loader import freeze, load_site

RED, AMBER, GREEN = SignalAspect.RED, SignalAspect.AMBER, SignalAspect.GREEN
UNKNOWN = SignalAspect.UNKNOWN
HEAD = [[0.50, 0.10], [0.525, 0.10], [0.525, 0.2334], [0.50, 0.2334]]


def start(ros, folder: Path, **signals: dict[str, object]) -> SignalNode:
    """The node of a site with these signals."""
    site = {
        "site": "uji",
        "kind": "corridor",
        "title": "Uji",
        "cameras": {"utara": {"source": "file:///tmp/x.mp4"}},
        "signals": signals,
    }
    file = folder / "uji.yaml"
    file.write_text(yaml.safe_dump(site))
    frozen = str(freeze(load_site(file), folder / "frozen.yaml"))
    return ros.add(SignalNode, namespace="/uji", parameter_overrides={"site_file": frozen})


def light(port: int, phase: int = 2, **more: object) -> dict[str, object]:
    return {
        "adapter": "ntcip1202",
        "address": f"udp://127.0.0.1:{port}",
        "phase": phase,
        **more,
    }


def newest(said: list[SignalState], signal: str = "utara") -> int | None:
    return next((m.aspect for m in reversed(said) if m.signal == signal), None)


@pytest.fixture
def said(ros) -> list[SignalState]:
    return ros.collect(SignalState, "/uji/signals", qos.STREAM)


class TestController:
    def test_the_aspect_follows_and_two_phases_share_a_question(
        self, ros, wait_for, said, tmp_path
    ):
        shown = {"utara": "red", "timur": "green"}
        with Controller({"utara": 2, "timur": 12}, lambda: shown) as agent:
            node = start(ros, tmp_path, utara=light(agent.port), timur=light(agent.port, 12))
            wait_for(lambda: newest(said) == RED and newest(said, "timur") == GREEN)
            shown.update(utara="green", timur="amber")
            wait_for(lambda: newest(said) == GREEN and newest(said, "timur") == AMBER)
            assert len([w for w in node._workers if "controller" in w.name]) == 1
            message = next(m for m in reversed(said) if m.signal == "utara")
            assert message.source == SignalSource.CONTROLLER and message.confidence == 1.0
            assert time_from_msg(message.since) <= time_from_msg(message.header.stamp)
            wait_for(lambda: ("utara", "green") in _values(node))

    def test_silence_ages_to_unknown_and_is_told_and_ends(
        self, ros, wait_for, said, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(snmp_controller, "TIMEOUT", 0.1)
        with Controller({"utara": 2}, lambda: {"utara": "red"}) as agent:
            node = start(ros, tmp_path, utara=light(agent.port))
            wait_for(lambda: newest(said) == RED)
            agent.fault = "silent"
            wait_for(lambda: "says nothing since" in node.health.status().message)
            wait_for(lambda: ("utara", "unknown") in _values(node))
            assert f"127.0.0.1:{agent.port}" in node.health.status().message
            assert node.health.dropped("no answer") > 1 and node.health.errors == 0
            book = SignalBook({"utara": 2.0})
            for m in said:
                stamp, since = time_from_msg(m.header.stamp), time_from_msg(m.since)
                book.put(SignalReading(m.signal, SignalAspect(m.aspect), stamp, since))
            assert book.at("utara", stamp) and not book.at("utara", stamp + 3 * SECOND)
            heard = len(said)
            agent.fault = ""
            wait_for(lambda: len(said) > heard and newest(said) == RED)
            wait_for(lambda: node.health.status().message == "reading 1 signals")

    @pytest.mark.parametrize("fault", ["garbage", "error", "range", "text"])
    def test_garbage_is_counted_told_and_survived(
        self, ros, wait_for, said, tmp_path, monkeypatch, fault: str
    ):
        monkeypatch.setattr(snmp_controller, "TIMEOUT", 0.1)
        with Controller({"utara": 2}, lambda: {"utara": "red"}, fault=fault) as agent:
            node = start(ros, tmp_path, utara=light(agent.port))
            wait_for(lambda: node.health.dropped("bad answer") > 3)
            wait_for(lambda: "answers with" in node.health.status().message)
            assert not said and node.health.errors == 0
            agent.fault = ""
            wait_for(lambda: newest(said) == RED)

    def test_red_and_green_at_once_is_unknown(self, ros, wait_for, said, tmp_path):
        with Controller({"utara": 2}, lambda: {"utara": "red"}, fault="both") as agent:
            node = start(ros, tmp_path, utara=light(agent.port))
            wait_for(lambda: newest(said) == UNKNOWN)
            wait_for(lambda: "several colours at once" in node.health.status().message)

    def test_one_silent_controller_does_not_stop_the_other(
        self, ros, wait_for, said, tmp_path, monkeypatch
    ):
        shown = {"utara": "red", "timur": "red"}
        with (
            Controller({"utara": 2}, lambda: shown) as good,
            Controller({"timur": 2}, lambda: shown, fault="silent") as bad,
        ):
            node = start(ros, tmp_path, utara=light(good.port), timur=light(bad.port))
            wait_for(lambda: newest(said) == RED)
            wait_for(lambda: "timur unknown" in node.health.status().message)
            assert newest(said, "timur") is None

    def test_the_community_comes_from_the_environment(
        self, ros, wait_for, said, tmp_path, monkeypatch
    ):
        signal = light(0, community="${ATCS_COMMUNITY}") | {"address": "${ATCS}"}
        monkeypatch.delenv("ATCS_COMMUNITY", raising=False)
        monkeypatch.setenv("ATCS", "udp://127.0.0.1:161")
        with pytest.raises(
            ConfigError, match=r"signals\.utara\.community: the environment variable"
        ):
            start(ros, tmp_path, utara=signal)
        monkeypatch.setenv("ATCS_COMMUNITY", "rahasia")
        with Controller({"utara": 2}, lambda: {"utara": "red"}, community="rahasia") as agent:
            monkeypatch.setenv("ATCS", f"udp://127.0.0.1:{agent.port}")
            node = start(ros, tmp_path, utara=signal)
            wait_for(lambda: newest(said) == RED)
            assert "rahasia" not in str(node.health.status())
        monkeypatch.setenv("ATCS", "192.0.2.5")
        with pytest.raises(ConfigError, match=r'signals\.utara\.address: found "192\.0\.2\.5"'):
            start(ros, tmp_path, utara=signal)


class TestBoth:
    def test_a_lamp_that_shows_another_colour_makes_it_unknown(self, ros, wait_for, said, tmp_path):
        shown = {"utara": "red"}
        with Controller({"utara": 2}, lambda: shown) as agent:
            node = start(ros, tmp_path, utara=light(agent.port, camera="utara", region=HEAD))
            lamp = _Lamp(node)
            wait_for(lambda: lamp.show(RED) and newest(said) == RED, every=0.05)
            lamp.show(GREEN)
            wait_for(lambda: lamp.show(GREEN) and newest(said) == UNKNOWN, every=0.05)
            wait_for(
                lambda: lamp.show(GREEN) and "disagree" in node.health.status().message, every=0.05
            )
            message = node.health.status().message
            assert "controller red, lamp green since" in message
            shown.update(utara="green")
            wait_for(lambda: lamp.show(GREEN) and newest(said) == GREEN, every=0.05)
            assert all(m.source == SignalSource.CONTROLLER for m in said)

    def test_without_pictures_the_controller_alone_counts_less(self, ros, wait_for, said, tmp_path):
        with Controller({"utara": 2}, lambda: {"utara": "red"}) as agent:
            start(ros, tmp_path, utara=light(agent.port, camera="utara", region=HEAD))
            wait_for(lambda: newest(said) == RED)
            assert said[-1].confidence == pytest.approx(0.7)


class _Lamp:
    """Pictures of a head, stamped with the node's clock."""

    def __init__(self, node: SignalNode) -> None:
        self._node = node
        self._frames = FramePublisher(node, "utara/image_raw")

    def show(self, aspect: SignalAspect) -> bool:
        image = np.full((360, 640, 3), 40, np.uint8)
        top, colour = {RED: (40, (30, 30, 250)), GREEN: (70, (150, 240, 30))}[aspect]
        image[top : top + 8, 324:332] = colour
        self._frames.publish(Frame(self._node.now(), "f", image))
        return True


class TestRecorded:
    def record(self, folder: Path, begin: int) -> None:
        lines = [
            {"signal": "utara", "aspect": aspect, "stamp": begin + int(at * SECOND)}
            for at, aspect in ((0, "green"), (1, "red"), (3600, "red"))
        ]
        (folder / "signals.jsonl").write_text("\n".join(map(json.dumps, lines)))

    def test_from_its_start(self, ros, wait_for, said, tmp_path):
        self.record(tmp_path, 5)
        address = "file://signals.jsonl?from_start=true"
        start(ros, tmp_path, utara={"adapter": "recorded", "address": address})
        wait_for(lambda: newest(said) == GREEN)
        wait_for(lambda: newest(said) == RED)
        red = next(m for m in said if m.aspect == RED)
        green = next(m for m in said if m.aspect == GREEN)
        assert red.source == SignalSource.RECORDED
        assert time_from_msg(red.since) - time_from_msg(green.since) == SECOND

    def test_by_its_stamps_on_the_nodes_clock(self, ros, wait_for, said, tmp_path):
        now = ros.node("jam").get_clock().now().nanoseconds
        self.record(tmp_path, now - 1000 * SECOND)
        node = start(ros, tmp_path, utara=_recorded())
        wait_for(lambda: newest(said) == RED)
        assert time_from_msg(said[-1].since) == now - 999 * SECOND
        wait_for(lambda: node.health.status().message == "reading 1 signals")

    def test_a_replay_moves_it_by_the_simulated_clock(self, ros, wait_for, said, tmp_path):
        self.record(tmp_path, 1_000 * SECOND)
        node = start(ros, tmp_path, utara=_recorded())
        node.set_parameters([Parameter("use_sim_time", value=True)])
        clock = ros.node("jam").create_publisher(ClockMessage, "/clock", 10)

        def at(seconds: float):
            message = ClockMessage()
            message.clock.sec, message.clock.nanosec = divmod(int(seconds * SECOND), SECOND)
            clock.publish(message)
            return True

        wait_for(lambda: at(1_000.5) and newest(said) == GREEN, every=0.05)
        wait_for(lambda: at(1_020.0) and newest(said) == RED, every=0.05)
        assert time_from_msg(said[-1].header.stamp) == 1_020 * SECOND
        assert time_from_msg(said[-1].since) == 1_001 * SECOND
        wait_for(lambda: at(1_000.5) and newest(said) == GREEN, every=0.05)  # wound back
        wait_for(lambda: at(1_000.5) and "reading 1" in node.health.status().message, every=0.05)

    def test_one_of_another_day_is_over_and_that_is_told(self, ros, wait_for, said, tmp_path):
        self.record(tmp_path, 5)
        node = start(ros, tmp_path, utara=_recorded())
        wait_for(lambda: "its recording says nothing since" in node.health.status().message)
        assert not said

    def test_mistakes_are_told_at_the_start(self, ros, tmp_path):
        with pytest.raises(ConfigError, match=r"signals\.jsonl: No such file"):
            start(ros, tmp_path, utara=_recorded())
        (tmp_path / "signals.jsonl").write_text("{}\nx\n")
        with pytest.raises(ConfigError) as found:
            start(ros, tmp_path, utara=_recorded(), timur=_recorded())
        assert [s[:16] for s in found.value.sentences] == ["signals.jsonl:1:", "signals.jsonl:2:"]
        self.record(tmp_path, 5)
        with pytest.raises(ConfigError, match=r'timur\.address: .* has no line of "timur"'):
            start(ros, tmp_path, timur=_recorded())


def _recorded() -> dict[str, object]:
    return {"adapter": "recorded", "address": "file://signals.jsonl"}


def _values(node: SignalNode) -> list[tuple[str, str]]:
    return [(pair.key, pair.value) for pair in node.health.status().values]


def test_it_ends_at_once_while_a_controller_is_silent(ros, wait_for, tmp_path):
    with Controller({"utara": 2}, dict, fault="silent") as agent:
        node = start(ros, tmp_path, utara=light(agent.port))
        wait_for(lambda: agent.requests)
        ros.remove(node)
        assert node.left_behind == []
        assert not [t for t in threading.enumerate() if t.name.startswith("signal.controller")]
