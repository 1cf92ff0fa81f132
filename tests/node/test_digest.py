"""A message's digest: the same after the wire, another after any change."""

from __future__ import annotations

import math

import pytest
from bconnect_msgs.msg import Evidence, Finding, Violation
from rclpy.serialization import deserialize_message, serialize_message

from bconnect_node.digest import digest


@pytest.fixture
def violation() -> Violation:
    m = Violation(manifest="demo/1/manifest.json", witnesses=["utara", "selatan"])
    m.finding = Finding(
        id="a", site="demo", type=5, measured=0.1, limit=math.nan, confidence=0.1,
        trail_x=[0.1, math.nan, 1e300], trail_y=[1.0, 2.0, 3.0], explanation="berdiri 61 s \"é😀\"",
    )  # fmt: skip
    m.finding.header.stamp.sec = 7
    m.evidence = [Evidence(path="scene.jpg"), Evidence(path="clip.mp4")]
    return m


def sent(m: Violation) -> Violation:
    return deserialize_message(serialize_message(m), Violation)


def test_the_wire_changes_nothing(violation):
    assert digest(sent(violation)) == digest(violation)
    assert digest(sent(sent(violation))) == digest(violation)
    assert len(digest(violation)) == 32


def test_every_nan_is_the_same(violation):
    other = sent(violation)
    other.finding.limit = -math.nan
    assert digest(other) == digest(violation)


CHANGES = {
    "a text": lambda m: setattr(m, "manifest", "demo/2/manifest.json"),
    "a number inside": lambda m: setattr(m.finding, "measured", 0.1000001),
    "a whole number inside": lambda m: setattr(m.finding, "type", 6),
    "a stamp": lambda m: setattr(m.finding.header.stamp, "sec", 8),
    "NaN to zero": lambda m: setattr(m.finding, "limit", 0.0),
    "an element": lambda m: m.finding.trail_y.__setitem__(1, 2.5),
    "one element less": lambda m: setattr(m, "witnesses", ["utara"]),
    "elements run together": lambda m: setattr(m, "witnesses", ["utaraselatan"]),
    "the order": lambda m: setattr(m, "evidence", m.evidence[::-1]),
    "something deep": lambda m: setattr(m.evidence[1], "sha256", "ab"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_is_another_digest(violation, change):
    other = sent(violation)
    change(other)
    assert digest(other) != digest(violation)


def test_the_signature_itself_is_left_out_and_only_there(violation):
    from bconnect_msgs.msg import Measure

    signed, bare = Measure(id="a", signature=[1, 2]), Measure(id="a")
    assert digest(signed) == digest(bare)
    assert digest(signed, frozenset()) != digest(bare, frozenset())
