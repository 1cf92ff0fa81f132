"""systemd units: what systemd itself says of them; only a site's own addresses are open."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bconnect_bringup import egress
from bconnect_bringup.cli import main
from bconnect_bringup.units import How, _word, program, read_environment, site_units
from bconnect_site.errors import ConfigError
from bconnect_site.loader import load_site

SITE = """
site: uji
kind: corridor
title: "Uji 100 % terang"
cameras:
  utara: {source: "rtsp://10.1.0.11:554/live"}
  selatan: {source: "${CAMERA_SELATAN}"}
  film: {source: "file:///srv/film.mp4"}
  simulasi: {source: "sim://harian/utara?seed=1"}
signals:
  lampu: {adapter: ntcip1202, address: "udp://10.1.0.20:161", phase: 2}
speakers:
  tiang: {adapter: rtp, address: "rtp://239.1.2.3:5004?codec=L16&rate=16000", hears: [utara]}
  corong: {adapter: http, address: "http://corong.example/play", hears: [utara]}
ledger: {database: "postgresql://bconnect@10.1.0.30/bconnect"}
"""
VEHICLE = """
site: mobil
kind: vehicle
title: Mobil
cameras: {depan: {source: "v4l2:///dev/video0", hardware: false}}
gnss: {source: "nmea:///dev/ttyUSB0?baud=9600"}
"""


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "uji.yaml"
    path.write_text(SITE)
    return path


def resolved(monkeypatch: pytest.MonkeyPatch, **known: list[str]) -> None:
    monkeypatch.setattr(egress, "resolve", lambda host: known.get(host.partition(".")[0], []))
    monkeypatch.setattr(egress, "name_servers", lambda: ["10.9.9.9"])


def parsed(text: str) -> dict[str, list[str]]:
    """Keys of [Service], each with all its values, in order."""
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)  # its sections are sound
    assert parser.has_section("Service") and parser.has_section("Unit")
    found: dict[str, list[str]] = {}
    for line in text.partition("[Service]")[2].splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def test_only_the_addresses_of_the_site_are_open(
    site_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved(monkeypatch, corong=["10.1.0.40"])
    how = How("/opt/bconnect/bconnect", "bconnect", "", ["10.200.0.0/16"])
    env = {"CAMERA_SELATAN": "rtsp://u:rahasia@[fd00::12]/live"}
    units, known = site_units(load_site(site_file), how, env)
    service = parsed(units["bconnect-uji.service"])
    assert service["IPAddressDeny"] == ["any"]
    assert set(service["IPAddressAllow"]) == {
        "127.0.0.0/8", "::1", "239.255.0.1",  # ourselves
        "10.1.0.11", "fd00::12", "10.1.0.20", "239.1.2.3", "10.1.0.30",
        "10.1.0.40", "10.9.9.9",  # a host by its name, and who knows names
        "10.200.0.0/16",
    }  # fmt: skip
    assert known.unknown == []
    assert not any("rahasia" in text for text in units.values())
    metrics = parsed(units["bconnect-uji-metrics.service"])
    assert set(metrics["IPAddressAllow"]) == {"127.0.0.0/8", "::1", "239.255.0.1"}
    retain = parsed(units["bconnect-uji-retain.service"])
    assert "10.1.0.30" in retain["IPAddressAllow"] and "10.1.0.11" not in retain["IPAddressAllow"]


def test_what_cannot_be_told_stays_shut_and_is_said(
    site_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    resolved(monkeypatch)
    how = How("/opt/bconnect/bconnect", "bconnect", "", [])
    units, known = site_units(load_site(site_file), how, {})
    assert len(known.unknown) == 2
    assert "CAMERA_SELATAN is not set" in known.unknown[0]
    assert "corong.example has no address now" in known.unknown[1]
    assert "10.1.0.11" in units["bconnect-uji.service"]


def test_the_watchdog_and_what_keeps_it_running(
    site_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved(monkeypatch)
    how = How("/opt/b connect/bconnect", "etle", "/etc/b.env", [])
    units, _ = site_units(load_site(site_file), how, {})
    service = parsed(units["bconnect-uji.service"])
    assert service["Type"] == ["notify"] and int(service["WatchdogSec"][0]) > 0
    assert service["Restart"] == ["always"] and service["User"] == ["etle"]
    assert service["EnvironmentFile"] == ["-/etc/b.env"]
    assert service["ExecStart"] == [f'"/opt/b connect/bconnect" up {site_file}']
    assert "Description=B-Connect corridor uji: Uji 100 %% terang" in units["bconnect-uji.service"]
    for key in ("NoNewPrivileges", "PrivateTmp", "RestrictSUIDSGID", "ProtectKernelModules"):
        assert service[key] == ["yes"], key
    assert service["ProtectSystem"] == ["strict"] and service["CapabilityBoundingSet"] == [""]
    assert service["LimitCORE"] == ["0"]  # a dump would hold keys and faces


def test_a_vehicle_gets_its_devices_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "mobil.yaml"
    path.write_text(VEHICLE)
    how = How("/home/x/bconnect", "bconnect", "", [])
    units, _ = site_units(load_site(path), how, {})
    service = parsed(units["bconnect-mobil.service"])
    assert service["DevicePolicy"] == ["closed"]
    assert service["DeviceAllow"] == ["char-video4linux rw", "/dev/ttyUSB0 r"]
    assert service["ProtectHome"] == ["read-only"]  # the program itself lies there
    assert set(service["IPAddressAllow"]) == {"127.0.0.0/8", "::1", "239.255.0.1"}


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    path = tmp_path / "center.yaml"
    path.write_text(
        "root: state\nledger: postgresql://bconnect@10.1.0.30/bconnect\n"
        'tiles: "https://tiles.example/{z}/{x}/{y}.png"\nlisten: {host: 0.0.0.0, port: 8080}\n'
    )
    return path


def test_a_centre_says_from_where_visitors_may_come(
    centre_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["units", str(centre_file), "--out", str(out)]) == 2
    assert "say from where with --allow NETWORK" in capsys.readouterr().err
    assert main(["units", str(centre_file), "--out", str(out), "--allow", "10.0.0.0/8"]) == 0
    service = parsed((out / "bconnect-center.service").read_text())
    assert "10.0.0.0/8" in service["IPAddressAllow"] and "10.1.0.30" in service["IPAddressAllow"]
    assert str(tmp_path / "state") in service["ReadWritePaths"][0]
    assert service["Type"] == ["notify"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--allow", "everybody"], '--allow: found "everybody"'),
        (["--user", "Root!"], '--user: found "Root!"'),
        (["--program", "bconnect"], '--program: found "bconnect"'),
        (["--environment", "/no/such.env"], "--environment: /no/such.env: no such file"),
    ],
)
def test_mistakes_are_one_sentence(
    site_file: Path, tmp_path: Path, capsys: Any, words: list[str], says: str
) -> None:
    assert main(["units", str(site_file), "--out", str(tmp_path / "o"), *words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_finds_no_fault_in_them(site_file: Path, centre_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "units"
    for words in ([str(site_file)], [str(centre_file), "--allow", "10.0.0.0/8"]):
        assert main(["units", *words, "--out", str(out), "--program", "/bin/true"]) == 0
    files = sorted(str(path) for path in out.iterdir())
    assert len(files) == 5
    verify = ["systemd-analyze", "verify", "--man=no", *files]
    done = subprocess.run(verify, capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "bconnect" in line]
    assert done.returncode == 0 and ours == []
    for name in ("bconnect-uji.service", "bconnect-center.service"):
        look = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(out / name)]
        done = subprocess.run(look, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout[-300:]  # exposed by 2.5 of 10 at most


def test_hosts_of_urls() -> None:
    assert egress.host_of("rtsp://u:p@cam.example:554/x") == "cam.example"
    assert egress.host_of("postgresql+psycopg://u@[fd00::1]/db") == "fd00::1"
    assert egress.host_of("tls/centre.example:7447") == "centre.example"
    assert egress.host_of("tls/[fd00::1]:7447") == "fd00::1"
    for text in (
        "",
        "demo",
        "utara/camera",
        "sqlite:////x",
        "sim://harian/utara",
        "file:///x",
        "nmea:///dev/x",
    ):
        assert egress.host_of(text) == ""
    assert egress.network("10.1.2.3/16") == "10.1.0.0/16"
    with pytest.raises(ConfigError):
        egress.network("10.1.2.3/99")


def test_name_servers_and_environment_files(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nsearch example\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\n")
    assert egress.name_servers(file) == ["10.0.0.2", "fe80::1"]
    assert egress.name_servers(tmp_path / "none") == []
    file.write_text("# a comment\nCAMERA_A=rtsp://10.0.0.1/x\n;x=y\n\nB='two words'\nnonsense\n")
    assert read_environment(str(file)) == {"CAMERA_A": "rtsp://10.0.0.1/x", "B": "two words"}


def test_paths_are_one_word() -> None:
    assert _word("/opt/bconnect") == "/opt/bconnect"
    assert _word('/opt/a "b" 5%') == '"/opt/a \\"b\\" 5%%"'
    assert Path(program()).is_absolute()
