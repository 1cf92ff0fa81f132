"""The node itself: it survives, reports, and ends in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import String
from std_srvs.srv import Trigger

from bconnect_node import health
from bconnect_node.base import alive
from bconnect_node.qos import STREAM
from bconnect_site.errors import ConfigError


def test_a_callback_that_raises_is_survived_and_reported(
    ros: Any, nodes: Any, wait_for: Callable[..., Any]
) -> None:
    node = ros.add(nodes.Faulty, namespace="/demo")
    words = ros.node("talker", "/demo").create_publisher(String, "words", STREAM)
    wait_for(lambda: words.get_subscription_count() == 1)
    words.publish(String(data="bad"))
    words.publish(String(data="good"))
    wait_for(lambda: node.seen == ["bad", "good"])
    assert "on_word: ValueError: a bad word (sample_nodes.py:" in node.health.last_error


def test_a_service_that_raises_still_answers(
    ros: Any, nodes: Any, wait_for: Callable[..., Any]
) -> None:
    node = ros.add(nodes.Faulty)
    client = ros.node().create_client(Trigger, "ask")
    assert client.wait_for_service(15.0)
    answer = client.call_async(Trigger.Request())
    wait_for(answer.done)
    assert not answer.result().success
    assert "no answer" in node.health.last_error


def test_a_worker_that_raises_is_started_again(
    ros: Any, nodes: Any, wait_for: Callable[..., Any]
) -> None:
    node = ros.add(nodes.Faulty)
    wait_for(lambda: node.runs == 2)
    assert "worker stumble: OSError: stumbled" in node.health.last_error
    ros.remove(node)
    assert node.closed == ["worker", "close", "released"]
    assert not [t for t in threading.enumerate() if "stumble" in t.name]
    node.destroy_node()  # safe to repeat
    assert node not in alive


def test_a_mistake_in_a_message_is_no_mistake_at_start(
    ros: Any, nodes: Any, wait_for: Callable[..., Any]
) -> None:
    def stumble(*_: Any) -> None:
        raise ConfigError("x.yaml: a: found 1")

    node = ros.add(nodes.Plain)
    node.guard(stumble)()
    assert node.fatal is None
    assert "x.yaml: a: found 1" in node.health.last_error


def test_nothing_is_sent_or_raised_once_the_node_is_gone(ros: Any, nodes: Any) -> None:
    node = ros.add(nodes.Plain)
    assert node.send(node.hello, String(data="x"))
    ros.remove(node)
    assert not node.send(node.hello, String(data="x"))


def test_namespace_name_and_parameters_are_given_in_code(ros: Any, nodes: Any) -> None:
    one = ros.add(nodes.Sample, namespace="/a", parameter_overrides={"name": "x"})
    two = ros.add(
        nodes.Sample, namespace="/b/c", node_name="other", parameter_overrides={"name": "y"}
    )
    assert one.get_fully_qualified_name() == "/a/sample"
    assert two.get_fully_qualified_name() == "/b/c/other"
    assert (one.params.name, two.params.name) == ("x", "y")


def test_diagnostics(ros: Any, nodes: Any, wait_for: Callable[..., Any]) -> None:
    node = ros.add(nodes.Plain, namespace="/demo/utara")
    found = ros.collect(DiagnosticArray, "/diagnostics", 10)
    for _ in range(7):
        node.health.tick("frames")
    node.health.tick("tracks")
    node.health.drop("stale")
    node.health.set("source", "rtsp://x")
    node.health.state(health.WARN, "dark")
    node.health.error("one thing went wrong")

    def mine() -> Any:
        for array in found:
            for status in array.status:
                values = {v.key: v.value for v in status.values}
                if values.get("drops") == "1":
                    return status, values
        return None

    status, values = wait_for(mine)
    assert (status.name, status.hardware_id) == ("/demo/utara/plain", "demo")
    assert (status.level, status.message) == (b"\x01", "dark")
    assert values["count.frames"] == "7"
    assert float(values["age_of_last_input"]) >= 0
    assert values["drops.stale"] == "1"
    assert values["source"] == "rtsp://x"
    assert values["last_error"] == "one thing went wrong"
    wait_for(
        lambda: (
            node.health.tick("frames")
            or any(
                float(v.value) > 1
                for a in found
                for s in a.status
                for v in s.values
                if v.key == "rate"
            )
        ),
        every=0.05,
    )


def test_health_stays_small(ros: Any, nodes: Any) -> None:
    node = ros.add(nodes.Plain)
    for n in range(1000):
        node.health.tick(f"name {n}")
        node.health.drop(f"reason {n}")
        node.health.set(f"key {n}", n)
        node.health.error(f"sentence {n}")
    assert node.health.dropped() == 1000
    assert len(node.health.status().values) < 5 * health.MOST_NAMES + 20
    assert len(node.health._logged) <= health.MOST_NAMES
