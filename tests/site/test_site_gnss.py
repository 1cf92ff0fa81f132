"""A vehicle's gnss: its addresses, its node in the plan, and what a vehicle cannot have."""

from __future__ import annotations

from pathlib import Path

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.gnss import GnssAddress, gnss_address
from bconnect_site.loader import load_site
from bconnect_site.plan import Plan, plan
from bconnect_site.replayed import replayed

SITE = """
site: uji
kind: {kind}
title: Uji
cameras: {{depan: {{source: "file://depan.mp4"}}}}
"""


def planned(tmp_path: Path, more: str = "", kind: str = "vehicle") -> Plan:
    file = tmp_path / "uji.yaml"
    file.write_text(SITE.format(kind=kind) + more)
    return plan(load_site(file), site_file=str(file), state_dir=str(tmp_path / "state"))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("gpsd://localhost:2947", GnssAddress("gpsd", "localhost", 2947)),
        ("gpsd://192.0.2.7", GnssAddress("gpsd", "192.0.2.7", 2947)),
        ("gpsd://[::1]:3000/", GnssAddress("gpsd", "::1", 3000)),
        ("nmea:///dev/ttyUSB0?baud=115200", GnssAddress("nmea", path="/dev/ttyUSB0", baud=115200)),
        ("nmea:///dev/ttyACM0", GnssAddress("nmea", path="/dev/ttyACM0")),
        ("nmea+file:///tmp/a?b.nmea", GnssAddress("nmea+file", path="/tmp/a?b.nmea")),
    ],
)
def test_an_address(text: str, made: GnssAddress) -> None:
    assert gnss_address(text) == made


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gpsd", "needs gpsd://"),
        ("gpds://localhost", 'no source is called "gpds".*gpsd'),
        ("gpsd://localhost:99999", "its port"),
        ("gpsd://localhost/x", "needs gpsd://host"),
        ("nmea:///dev/ttyUSB0?baud=9601", 'found baud "9601"; allowed: 4800'),
        ("nmea:///dev/ttyUSB0?speed=9600", 'found "speed".*allowed: baud'),
        ("nmea://ttyUSB0", "needs the path of a device"),
    ],
)
def test_a_wrong_address_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        planned(tmp_path, f"gnss: {{source: '{text}'}}")
    assert len(error.value.sentences) == 1 and "gnss" in str(error.value)


def test_a_vehicle_with_gnss_has_its_node_and_may_regroup_it(tmp_path: Path) -> None:
    assert "gnss" not in {node.name for node in planned(tmp_path).nodes}
    more = "gnss: {source: '${GNSS}'}\nprocesses: {gnss: mobil}"
    (node,) = (n for n in planned(tmp_path, more).nodes if n.name == "gnss")
    assert node.target == "bconnect_gnss.gnss_node:Gnss" and node.process == "mobil"
    assert node.parameters == {
        "source": "${GNSS}",
        "frame_id": "uji/gnss",
        "base_frame": "uji/base_link",
        "heading_offset": 0.0,
        "heading_stddev": 0.5,
    }


def test_a_log_counts_from_the_site_files_folder(tmp_path: Path) -> None:
    made = planned(tmp_path, "gnss: {source: 'nmea+file://log.nmea'}")
    (node,) = (n for n in made.nodes if n.name == "gnss")
    assert node.parameters["source"] == f"nmea+file://{tmp_path / 'log.nmea'}"


def test_a_replay_hears_the_past_not_the_receiver(tmp_path: Path) -> None:
    made = planned(tmp_path, "gnss: {source: 'gpsd://localhost'}")
    again = replayed(made, site_file="s", bag="b", day="2026-11-24", images=False, signals=False)
    assert "gnss" not in {node.name for node in again.nodes}


@pytest.mark.parametrize(
    ("kind", "more", "says"),
    [
        ("corridor", "gnss: {source: 'gpsd://localhost'}", "gnss: has no meaning for a corridor"),
        ("vehicle", "speakers: {atap: {adapter: file}}", "speakers: has no meaning for a vehicle"),
        ("vehicle", "gnss: {source: 'gpsd://x', max_age: 0.0}", "max_age"),
        ("vehicle", "gnss: {source: 'gpsd://x', max_stddev: .nan}", "max_stddev"),
    ],
)
def test_what_has_no_meaning(tmp_path: Path, kind: str, more: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        planned(tmp_path, more, kind)
