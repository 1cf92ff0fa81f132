"""What DDS security would let through is what the nodes really do: no less, and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from bconnect_bringup.orders import make_trusted
from bconnect_node.host import build
from bconnect_node.security import dds_security, has_dds_security
from bconnect_site.access import WAYS, Access, needs
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import freeze
from bconnect_site.keys import Keyring
from bconnect_site.loader import load_site
from bconnect_site.model import Site
from bconnect_site.plan import Plan, StateLayout, plan

SITE = """
site: pintu
kind: corridor
title: Pintu
location: {latitude: -1.25, longitude: 116.86}
cameras:
  utara:
    source: "rtsp://127.0.0.1:9/live"
    zones:
      garis:
        {kind: stop_line, line: [[0.2, 0.6], [0.8, 0.6]], signal: lampu, basis: marking,
         direction: [[0.5, 0.9], [0.5, 0.3]]}
      masuk: {kind: gate, line: [[0.2, 0.5], [0.8, 0.5]], basis: sign}
    rules: [red_light]
  selatan:
    source: "rtsp://127.0.0.1:9/live"
    zones:
      keluar: {kind: gate, line: [[0.2, 0.5], [0.8, 0.5]], basis: sign}
signals:
  lampu:
    adapter: lamp_vision
    camera: utara
    region: [[0.1, 0.1], [0.2, 0.1], [0.2, 0.3], [0.1, 0.3]]
sections:
  ruas: {entry: utara/masuk, exit: selatan/keluar, length: 500.0, limit: 13.9, basis: sign}
speakers:
  tiang: {adapter: file, hears: [utara]}
ladder:
  mode: enforcement
  policies:
    default: [announcement, sticker]
    illegal_parking: [{steps: [announcement]}, {dwell: 900.0, steps: [tow]}]
"""
VEHICLE = """
site: mobil
kind: vehicle
title: Mobil
cameras:
  depan: {source: "rtsp://127.0.0.1:9/live"}
gnss: {source: "gpsd://127.0.0.1:9"}
"""


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Plan, Site]]:
    """The plans of a corridor and a vehicle that have one of everything, prepared."""
    found = {}
    for name, text in (("pintu", SITE), ("mobil", VEHICLE)):
        folder = tmp_path_factory.mktemp(name)
        path = folder / f"{name}.yaml"
        path.write_text(text)
        loaded = load_site(path)
        layout = StateLayout.of(folder / "state", name)
        layout.evidence_dir.mkdir(parents=True)
        freeze(loaded, layout.site_file)
        make_trusted(loaded, layout)
        Keyring.open(layout.keys_dir)
        made = plan(loaded, site_file=str(layout.site_file), state_dir=str(folder / "state"))
        found[name] = (made, loaded.site)
    return found


def does(node: Any) -> Access:
    """What a node really publishes, hears, serves and calls."""
    made_by_rcl = {f"{node.get_fully_qualified_name()}/transition_event"}
    there = node.get_publisher_names_and_types_by_node(node.get_name(), node.get_namespace())
    return Access(
        frozenset(p.topic_name for p in node.publishers)
        | {name for name, _ in there if name in made_by_rcl},
        frozenset(s.topic_name for s in node.subscriptions),
        frozenset(s.service_name for s in node.services),
        frozenset(c.service_name for c in node.clients),
    )


ALWAYS = {"rate", "age_of_last_input", "drops", "errors", "last_error"}  # of every node
KINDS = [("pintu", kind) for kind in sorted(set(WAYS) - {"spool", "relay", "gnss"})]
KINDS += [("mobil", kind) for kind in ("gnss", "rule_checker", "evidence", "camera")]


def test_every_kind_of_node_is_in_the_table(houses):
    planned = {node.executable for made, _ in houses.values() for node in made.nodes}
    assert planned == set(WAYS) - {"spool", "relay"} == {kind for _, kind in KINDS}


@pytest.mark.parametrize(("site_name", "kind"), KINDS)
def test_a_node_does_what_it_may_and_may_what_it_does(houses, ros, site_name, kind):
    made, site = houses[site_name]
    spec = next(node for node in made.nodes if node.executable == kind)
    alone = Plan(made.site, (spec,))
    allowed = needs(alone, site)[spec.process]
    try:
        node = build(spec)
    except ConfigError as error:
        if kind == "detector":
            pytest.skip(f"the detector needs its weights: {error}")
        raise
    try:
        done = does(node)
        status = node.health.status()
    finally:
        node.destroy_node()
    told = {value.key: value.value for value in status.values}
    assert told.keys() >= ALWAYS and status.message and float(told["age_of_last_input"]) >= 0.0
    self_test = {"/bconnect/self_test/*"}
    assert done.says <= allowed.says
    assert done.hears <= allowed.hears
    assert done.serves <= allowed.serves
    assert done.calls == allowed.calls == set()
    # pictures and tracks are subscribed to while somebody wants them; what rclpy itself serves
    # depends on its version
    later = {n for n in allowed.hears if n.endswith(("/image_raw", "/tracks", "/plate_sightings"))}
    later |= {n for n in allowed.hears if n.endswith("/image_raw/shared")}
    later |= {
        n
        for n in allowed.hears
        if n.endswith(("/fix", "/fix_velocity", "/heading", "/clock_state"))
    }
    assert allowed.hears - done.hears <= later | self_test
    always = {n for n in allowed.says if not n.endswith(("/rosout", "/parameter_events"))}
    assert always - done.says <= self_test
    assert {
        n for n in allowed.serves if "parameter" not in n and "get_type" not in n
    } <= done.serves


def test_no_process_may_do_what_another_is_there_for(houses):
    made, site = houses["pintu"]
    found = needs(made, site)
    for process, access in found.items():
        if process not in ("enforcement", "centre"):
            assert "/pintu/announcements" not in access.says
        if process != "enforcement":
            assert "/pintu/measures" not in access.says
            assert "/pintu/citations" not in access.says
        if process not in ("desk", "centre"):
            assert access.calls == frozenset()
    assert not any(fnmatchcase("/lain/findings", name) for a in found.values() for name in a.says)


# --- where DDS security is found

TALK = """
import sys
import rclpy
from rclpy.node import Node
from std_msgs.msg import String
rclpy.init(args=["--ros-args", "--enclave", sys.argv[1]])
node = Node("pintu_test", start_parameter_services=False, enable_rosout=False)
node.create_publisher(String, sys.argv[2], 1)
print("may")
"""


@pytest.mark.skipif(has_dds_security() is not True, reason=dds_security())
def test_fast_dds_lets_through_what_is_granted_and_nothing_else(tmp_path):
    """With security compiled in: the right enclave may, another may not, none may not join."""
    from datetime import datetime, timezone

    from rclpy.clock import Clock

    from bconnect_site.keystore import make_keystore

    now = datetime.fromtimestamp(Clock().now().nanoseconds // 10**9, timezone.utc)
    now = now.replace(tzinfo=None)
    domain = int(os.environ.get("ROS_DOMAIN_ID") or 0)
    granted = Access(frozenset({"/pintu/boleh"}), frozenset(), frozenset(), frozenset())
    services = frozenset({"/pintu_test/get_type_description"})
    granted = Access(granted.says | {"/parameter_events"}, frozenset(), services, frozenset())
    make_keystore(tmp_path, "pintu", {"tiang": granted}, domain, now, 10)

    def may(enclave: str, topic: str) -> bool:
        env = {
            **os.environ,
            "ROS_SECURITY_ENABLE": "true",
            "ROS_SECURITY_STRATEGY": "Enforce",
            "ROS_SECURITY_KEYSTORE": str(tmp_path),
        }
        command = [sys.executable, "-c", TALK, enclave, topic]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        return done.stdout == "may\n"

    assert may("/pintu/tiang", "/pintu/boleh")
    assert not may("/pintu/tiang", "/pintu/announcements")
    assert not may("/pintu/tetangga", "/pintu/boleh")


def test_the_sentence_for_the_doctor(monkeypatch):
    from bconnect_node import security

    assert dds_security().startswith("DDS security (SROS2): ")
    monkeypatch.setattr(security, "has_dds_security", lambda: True)
    monkeypatch.delenv("ROS_SECURITY_ENABLE", raising=False)
    assert "can be had here and is off" in dds_security()
    monkeypatch.setenv("ROS_SECURITY_ENABLE", "true")
    monkeypatch.setenv("ROS_SECURITY_KEYSTORE", "/etc/bconnect/keystore")
    assert dds_security() == "DDS security (SROS2): on, keystore /etc/bconnect/keystore"
    monkeypatch.setattr(security, "has_dds_security", lambda: None)
    assert "cannot be told here" in dds_security()


def test_a_process_speaks_by_its_own_enclave(monkeypatch, tmp_path: Path):
    from bconnect_node import security

    monkeypatch.setenv(security.ENCLAVE, "")
    monkeypatch.delenv(security.ENCLAVE)
    monkeypatch.delenv("ROS_SECURITY_ENABLE", raising=False)
    security.take_enclave("demo", "perception")
    assert security.ENCLAVE not in os.environ
    monkeypatch.setenv("ROS_SECURITY_ENABLE", "true")
    security.take_enclave("demo", "perception")
    assert os.environ[security.ENCLAVE] == "/demo/perception"
    monkeypatch.delenv(security.ENCLAVE)
