"""The node over real DDS: a pseudo terminal, a log, a hand-made gpsd and a real one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from math import atan2, degrees, isnan, nan, radians, sqrt
from pathlib import Path
from typing import Any

import pytest
from bconnect_msgs.msg import ClockState
from geometry_msgs.msg import TwistWithCovarianceStamped
from gnss_scenes import HOME, SECOND, Terminal, epoch, moment, off
from sensor_msgs.msg import Imu, NavSatFix

from bconnect_gnss import gnss_node
from bconnect_gnss.convert import fix_to_msg, velocity_to_msg
from bconnect_gnss.core.report import Report
from bconnect_gnss.gnss_node import Gnss
from bconnect_gnss.listening import Heard
from bconnect_node import qos, stamps
from bconnect_site.errors import ConfigError

GPSD = shutil.which("gpsd") or shutil.which("gpsd", path="/usr/sbin:/usr/local/sbin")


class House:
    """A gnss node and what it publishes."""

    def __init__(self, ros: Any, source: str, **parameters: object) -> None:
        self.fixes = ros.collect(NavSatFix, "/uji/fix", qos.STREAM)
        self.velocities = ros.collect(TwistWithCovarianceStamped, "/uji/fix_velocity", qos.STREAM)
        given = {"source": source, "frame_id": "uji/gnss", **parameters}
        self.node = ros.add(Gnss, namespace="/uji", parameter_overrides=given)

    @property
    def good(self) -> list[NavSatFix]:
        return [f for f in self.fixes if f.status.status >= 0]

    def value(self, key: str) -> str | None:
        found = {v.key: v.value for v in self.node.health.status().values}
        return found.get(key)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


class Speaker:
    """Sends one moment after another, as fast as it is asked."""

    def __init__(self, send: Callable[[bytes], None], first: float = 0.0) -> None:
        self._send = send
        self._start = moment(first)
        self._next = 0

    def say(self, count: int = 1, place: tuple[float, float] = HOME, speed: float = 0.0) -> None:
        for _ in range(count):
            self._send(epoch(self._start + timedelta(seconds=self._next), place, speed))
            self._next += 1


def test_a_serial_line_gives_fixes_with_covariance_and_velocity(
    ros: Any, wait_for: Any, terminal: Terminal
) -> None:
    house = House(ros, f"nmea://{terminal.path}?baud=9600")
    speaker = Speaker(terminal.send)

    def told() -> bool:
        speaker.say()
        return len(house.good) >= 3 and len(house.velocities) >= 3

    wait_for(told, every=0.1)
    fix = house.good[0]
    assert (fix.latitude, fix.longitude) == pytest.approx(HOME, abs=1e-6)
    assert fix.position_covariance_type == NavSatFix.COVARIANCE_TYPE_DIAGONAL_KNOWN
    assert fix.position_covariance[0] >= 9.0 and fix.position_covariance[4] >= 4.0
    assert fix.header.frame_id == "uji/gnss" and fix.altitude == 72.0
    refused = [f for f in house.fixes if f.status.status < 0]
    assert refused and all(isnan(f.latitude) for f in refused)  # the first wait to be confirmed
    assert house.node.health.dropped("not confirmed") == 4
    assert house.value("clock_offset") is not None


def test_the_line_is_pulled_and_another_one_is_found(
    ros: Any, wait_for: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gnss_node, "FIRST_PAUSE", 0.05)
    first, device = Terminal(), tmp_path / "ttyUSB0"
    device.symlink_to(first.path)
    house = House(ros, f"nmea://{device}")
    Speaker(first.send).say(8)
    wait_for(lambda: house.value("count.reports"))
    first.close()
    wait_for(lambda: house.node.health.errors > 0 and house.fixes[-1].status.status < 0)
    second = Terminal()
    device.unlink()
    device.symlink_to(second.path)
    try:
        before, speaker = len(house.good), Speaker(second.send, 9.0)

        def back() -> bool:
            speaker.say()
            return len(house.good) > before

        wait_for(back, every=0.1)
    finally:
        second.close()


def test_noise_and_a_jump_of_5_km_on_the_line(ros: Any, wait_for: Any, terminal: Terminal) -> None:
    house = House(ros, f"nmea://{terminal.path}")
    speaker = Speaker(terminal.send)
    speaker.say(7)
    wait_for(lambda: len(house.good) >= 2)
    terminal.send(b"\x00\xff$GPRMC,garbage\r\n" + os.urandom(300) + b"\n")
    speaker.say(1, off(HOME, north=5000.0))
    speaker.say(2)
    wait_for(lambda: house.node.health.dropped("jump") == 1 and len(house.good) >= 4)
    assert house.node.health.dropped("noise") > 0
    assert all(abs(f.latitude - HOME[0]) < 1e-4 for f in house.good)


def test_a_receiver_that_falls_silent_has_no_fix(
    ros: Any, wait_for: Any, terminal: Terminal
) -> None:
    house = House(ros, f"nmea://{terminal.path}", silence=0.3)
    Speaker(terminal.send).say(8)
    wait_for(lambda: house.good)
    wait_for(lambda: house.fixes[-1].status.status < 0)
    assert "reports nothing" in house.node.health.status().message


def test_a_log_is_heard_and_its_old_time_is_said(ros: Any, wait_for: Any, tmp_path: Path) -> None:
    log = tmp_path / "log.nmea"
    log.write_bytes(b"".join(epoch(moment(t / 10), off(HOME, east=t / 10)) for t in range(60)))
    house = House(ros, f"nmea+file://{log}")
    wait_for(lambda: len(house.good) >= 10, timeout=30.0)
    assert house.value("clock_agrees") == "False"
    assert float(house.value("clock_offset") or 0.0) > 3600.0
    now = house.node.now()
    assert abs(stamps.to_ns(house.good[-1].header.stamp) - now) < 20 * SECOND


class OwnGpsd:
    """A gpsd made by hand: says what the test wants, and can go away."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._clients: list[socket.socket] = []
        self.asked: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            client.sendall(b'{"class":"VERSION","release":"3.22"}\r\n')
            self.asked.append(client.recv(200))
            self._clients.append(client)

    def say(self, said: bytes) -> None:
        for client in self._clients:
            try:
                client.sendall(said)
            except OSError:
                continue

    def hang_up(self) -> None:
        for client in self._clients:
            client.close()
        self._clients.clear()

    def close(self) -> None:
        self._server.close()
        self.hang_up()


@pytest.fixture
def own_gpsd() -> Iterator[OwnGpsd]:
    made = OwnGpsd()
    yield made
    made.close()


def test_gpsd_hangs_up_and_comes_back(
    ros: Any, wait_for: Any, own_gpsd: OwnGpsd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gnss_node, "FIRST_PAUSE", 0.05)
    house = House(ros, f"gpsd://127.0.0.1:{own_gpsd.port}")
    count = 0

    def fixed(wanted: int) -> bool:
        nonlocal count
        at = moment(count)
        count += 1
        said = {
            **{"class": "TPV", "mode": 3, "time": f"{at:%Y-%m-%dT%H:%M:%S.000Z}"},
            **{"lat": HOME[0], "lon": HOME[1], "epx": 2, "epy": 2, "speed": 0, "eps": 0.1},
        }
        own_gpsd.say(b'{"class":"DEVICES","devices":[]}\n{oops\n' + json.dumps(said).encode())
        own_gpsd.say(b"\r\n")
        return len(house.good) >= wanted

    wait_for(lambda: own_gpsd.asked)
    assert own_gpsd.asked[0].startswith(b"?WATCH=")
    wait_for(lambda: fixed(2), every=0.1)
    own_gpsd.hang_up()
    wait_for(lambda: "ended" in house.node.health.last_error)
    wait_for(lambda: len(own_gpsd.asked) >= 2)
    good = len(house.good)
    wait_for(lambda: fixed(good + 1), every=0.1)
    assert house.node.health.dropped("noise") > 0 and house.value("receivers") == "0"


def test_no_gpsd_is_said_and_waited_for(ros: Any, wait_for: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    house = House(ros, f"gpsd://127.0.0.1:{port}")
    wait_for(lambda: "cannot be opened" in house.node.health.last_error)
    assert "no fix" in house.node.health.status().message


@pytest.mark.skipif(GPSD is None, reason="gpsd is not installed (requirements/apt-test.txt)")
def test_a_real_gpsd_reads_the_line_dies_and_is_found_again(
    ros: Any, wait_for: Any, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gnss_node, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(gnss_node, "LONGEST_PAUSE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def started() -> subprocess.Popen[bytes]:
        command = [str(GPSD), "-N", "-n", "-S", str(port), terminal.path]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    house = House(ros, f"gpsd://127.0.0.1:{port}")
    speaker = Speaker(terminal.send)
    daemon = started()
    try:

        def fixed(wanted: int) -> bool:
            speaker.say()
            return len(house.good) >= wanted

        wait_for(lambda: fixed(3), timeout=40.0, every=0.25)
        fix = house.good[-1]
        assert (fix.latitude, fix.longitude) == pytest.approx(HOME, abs=1e-5)
        assert fix.position_covariance[0] >= 9.0 and fix.position_covariance[4] >= 4.0
        daemon.kill()
        daemon.wait(10)
        wait_for(lambda: "no fix" in house.node.health.status().message)
        daemon, good = started(), len(house.good)
        wait_for(lambda: fixed(good + 1), timeout=40.0, every=0.25)
        variances = [v.twist.covariance[0] for v in house.velocities]
        assert any(0.0 <= v <= 0.25 for v in variances)  # so it can be known to stand
    finally:
        daemon.kill()
        daemon.wait(10)


def test_the_heading_of_two_antennas_is_the_front_s(
    ros: Any, wait_for: Any, terminal: Terminal
) -> None:
    told = ros.collect(Imu, "/uji/heading", qos.STREAM)
    House(ros, f"nmea://{terminal.path}", heading_offset=90.0, heading_stddev=0.2)

    def known() -> list[Imu]:
        terminal.send(b"$GPHDT,90.000,T*00\r\n$GPHDT,90.000,T*0C\r\n")
        return list(told)

    first = wait_for(known)[0]
    # The line across the car looks east, so the car looks north: 90 degrees from east.
    yaw = 2 * atan2(first.orientation.z, first.orientation.w)
    assert degrees(yaw) == pytest.approx(90.0)
    assert sqrt(first.orientation_covariance[8]) == pytest.approx(radians(0.2))


def test_the_clock_is_told_and_never_set(ros: Any, wait_for: Any, terminal: Terminal) -> None:
    told = ros.collect(ClockState, "/uji/clock_state", qos.STATE)
    house = House(ros, f"nmea://{terminal.path}")
    wait_for(lambda: told)
    assert isnan(told[0].offset) and told[0].source == ""
    an_hour_ago = house.node.now() // SECOND - 3600
    speaker = Speaker(terminal.send)
    speaker._start = datetime.fromtimestamp(an_hour_ago, timezone.utc)

    def known() -> bool:
        speaker.say()
        return bool(told[-1].source)

    wait_for(known)
    last = told[-1]
    assert last.source == "gnss messages" and last.uncertainty == pytest.approx(0.6)
    # The scene goes faster than the clock, so the hour shrinks while it is told.
    assert 1000.0 < last.offset <= 3601.0 and 0.0 <= last.age < 5.0


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("tcp://x", "no source is called"),
        ("nmea:///dev/ttyUSB0?baud=9601", "found baud"),
        ("${BCONNECT_NO_SUCH_NAME}", "BCONNECT_NO_SUCH_NAME"),
        ("gpsd://", "needs gpsd://host"),
    ],
)
def test_a_wrong_source_is_refused_at_start(ros: Any, source: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        ros.add(Gnss, namespace="/uji", parameter_overrides={"source": source})


def test_a_file_is_no_serial_line(ros: Any, wait_for: Any, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"")
    house = House(ros, f"nmea://{tmp_path / 'log'}")
    wait_for(lambda: "is not a serial line" in house.node.health.last_error)


def test_unknown_spread_has_no_covariance_and_unknown_speed_no_velocity() -> None:
    report = Report(SECOND, SECOND, True, *HOME, augmented=True)
    made = fix_to_msg(Heard(report, SECOND, "", 0.0), "x")
    assert made.position_covariance_type == NavSatFix.COVARIANCE_TYPE_UNKNOWN
    assert made.status.status == 1 and velocity_to_msg(Heard(report, SECOND, "", 0.0), "x") is None
    moving = Report(SECOND, SECOND, True, *HOME, speed=2.0, course=0.0, speed_stddev=nan)
    velocity = velocity_to_msg(Heard(moving, SECOND, "", 0.0), "x")
    assert velocity is not None and velocity.twist.covariance[0] == -1.0
    assert velocity.twist.twist.linear.y == pytest.approx(2.0)
