"""`bconnect city`: real runners side by side, each in its domain; one that fails stays alone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pytest

from bconnect_bringup import city
from bconnect_bringup.cli import _settings, main
from bconnect_bringup.prepare import change, load
from bconnect_site.city import load_city
from bconnect_site.errors import ConfigError

CONFIG = Path(__file__).parents[2] / "config"
SITE = """
site: {name}
kind: corridor
title: {name}
timezone: Asia/Makassar
cameras:
  utara: {{source: "${{{source}}}"}}
"""
CITY = """
city: kota
title: Kota
centre: {centre}
hosts:
  sini: {{cores: 8, memory: 16.0, sites: [satu, dua, kelak]}}
sites:
  kelak: {{cameras: 2}}
  satu: {{domain: {satu}}}
  dua: {{domain: {dua}}}
"""
CENTRE = (
    '{url: "https://pusat.example.org", key: pusat.pub, certificate: "keys/{site}.pem", '
    "since: 2026-11-24, recipient: age1" + "q" * 58 + "}"
)
# Words of a site's own runner, with probes for nodes.
THEN = "from bconnect_bringup.cli import main; sys.exit(main(sys.argv[1:]))"
OUTER = """
import sys
from bconnect_bringup import city
from bconnect_bringup.cli import main
city.BCONNECT = tuple({inner!r})
sys.exit(main(["city", {what!r}, {file!r}, "--host", "sini", "--state", {state!r}, *{more!r}]))
"""


@pytest.fixture
def file(probes: Any, ros_domain: int) -> Iterator[Path]:
    """A city of two sites with files and one without, in domains of this run's own."""
    config = probes.folder / "config"
    (config / "corridors").mkdir(parents=True)
    for name in ("fleet.yaml", "phrases.yaml", "law", "regions"):
        (config / name).symlink_to(CONFIG / name)
    for name, source in (("satu", "PROBE_UTARA"), ("dua", "PROBE_MISSING")):
        text = SITE.format(name=name, source=source)
        (config / "corridors" / f"{name}.yaml").write_text(text)
    made = config / "city.yaml"
    other = ros_domain % 101 + 1
    made.write_text(CITY.format(centre="null", satu=ros_domain, dua=other))
    yield made


def words(probes: Any, file: Path, what: str, *more: str) -> list[str]:
    inner = probes.program(THEN)
    text = OUTER.format(
        inner=inner, what=what, file=str(file), state=str(probes.state), more=list(more)
    )
    return [sys.executable, "-c", text]


def below(process: subprocess.Popen[str]) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def test_a_hosts_sites_run_side_by_side_and_one_that_refuses_takes_none_down(
    probes: Any, file: Path, ros_domain: int, wait_for: Callable[..., Any]
) -> None:
    out = probes.folder / "out"
    with out.open("w") as stream:
        process = subprocess.Popen(
            words(probes, file, "up"), env=probes.env, stdout=stream, stderr=stream, text=True
        )
    try:
        wait_for(lambda: out.read_text().count("probe is up") == 7, 60.0)
        wait_for(lambda: "not started, the others run on" in out.read_text(), 30.0)
        said = out.read_text()
        assert "dua.yaml: cameras.utara.source: the environment" in said
        (runner,) = [p for p in below(process) if "up" in p.cmdline()]
        assert runner.environ()["ROS_DOMAIN_ID"] == str(ros_domain)
        told = subprocess.run(
            words(probes, file, "status", "--json"), env=probes.env, capture_output=True, text=True
        )
        assert json.loads(told.stdout) == {"satu": "7 ok", "dua": "not running"}
        assert told.returncode == 1
        ours = below(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert "everything has stopped" in out.read_text()
        assert not [p for p in ours if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        assert len(probes.ended()) == 7, "every node closed in order"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_the_plan_is_a_table_and_tells_what_does_not_fit(
    file: Path, ros_domain: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["city", "plan", str(file)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split()[:4] == ["HOST", "SITE", "DOMAIN", "CAMERAS"]
    assert said[1].split()[:4] == ["sini", "satu", str(ros_domain), "1"]
    assert said[3].endswith("no file yet")
    assert said[-1] == "Kota: 4 cameras, 3 sites, 1 hosts"
    file.write_text(file.read_text().replace("cores: 8", "cores: 1"))
    assert main(["city", "plan", str(file)]) == 1
    (last,) = capsys.readouterr().out.splitlines()[-1:]
    assert last.startswith("does not fit: sini: needs 4.4 cores, may use 0.8 of 1;")
    assert main(["city", "plan", str(file), "--json"]) == 1
    plain = json.loads(capsys.readouterr().out)
    assert [site["host"] for site in plain["sites"]] == ["sini"] * 3
    assert len(plain["wrong"]) == 1


def test_the_citys_centre_is_for_sites_that_name_none(file: Path) -> None:
    file.write_text(file.read_text().replace("centre: null", f"centre: {CENTRE}"))
    site = file.parent / "corridors" / "dua.yaml"
    site.write_text(site.read_text() + f"centre: {CENTRE.replace('pusat', 'sendiri')}\n")
    loaded = load_city(file)
    satu, dua = (city.command_of(loaded, row, None) for row in loaded.plan().of("sini")[:2])
    assert satu[:2] == ("/usr/bin/env", f"ROS_DOMAIN_ID={loaded.file.sites['satu'].domain}")
    assert satu[-2] == "--set" and satu[-1].startswith("centre=")
    # as `bconnect up` takes it up
    there = change(load(satu[-3]), _settings([satu[-1]])).site.centre
    assert there is not None
    assert (there.url, there.certificate) == ("https://pusat.example.org", "keys/satu.pem")
    assert there.since == date(2026, 11, 24)
    assert "--set" not in dua


def test_what_cannot_start_is_said_before_anything_starts(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal() -> str:
        with pytest.raises(ConfigError) as error:
            city.startable(load_city(file), "sini")
        return str(error.value)

    monkeypatch.setattr(city, "first_own_port", lambda: 20000)
    assert "hosts.sini.ephemeral: found 32768; this machine's kernel hands out ports" in refusal()
    monkeypatch.setattr(city, "first_own_port", lambda: 32768)
    assert [row.site for row in city.startable(load_city(file), "sini")] == ["satu", "dua"]
    text = file.read_text()
    domain = load_city(file).file.sites["satu"].domain
    file.write_text(text.replace(f"dua: {{domain: {domain % 101 + 1}}}",
                                 f"dua: {{domain: {domain}}}"))  # fmt: skip
    assert f"hosts.sini: satu: domain {domain} belongs to dua on this host" in refusal()
    file.write_text(text.replace("sites: [satu, dua, kelak]", "sites: [kelak]"))
    assert "none of its sites has a file yet" in refusal()


def test_the_kernels_own_ports_are_read() -> None:
    assert 1024 <= city.first_own_port() <= 65536
    assert os.path.exists(city.PORTS)
