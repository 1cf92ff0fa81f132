"""The HTTP horn, against a server that asks for logins and fails in every way a horn may."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import time
import wave
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from bconnect_enforce.adapters import g711, http_horn, wav
from bconnect_enforce.adapters.http_horn import HttpHorn
from bconnect_enforce.building import make_mouth
from bconnect_enforce.core.mouth import MouthError
from bconnect_enforce.core.sound import Sound
from bconnect_site.errors import ConfigError
from bconnect_site.horns import http_address

USER, PASSWORD = "bconnect", "rahasia"


class Desk(ThreadingHTTPServer):
    """What the horn is told to do, and what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.login = ""
        self.status = 200
        self.hold = threading.Event()
        self.hold.set()
        self.asked: list[tuple[str, str, bytes, str]] = []  # method, path, body, type
        self.came: list[float] = []  # monotonic s of each kilobyte
        self.refused = 0

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Desk
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        return

    def answer(self) -> None:
        size, body = int(self.headers.get("Content-Length", 0)), b""
        while len(body) < size and (part := self.rfile.read(min(800, size - len(body)))):
            body += part
            self.server.came.append(time.monotonic())
        self.server.hold.wait(10.0)
        if not self.allowed():
            self.server.refused += 1
            realm = 'realm="horn"'
            challenge = {
                "basic": f"Basic {realm}",
                "digest": f'Digest {realm}, nonce="n", qop="auth"',
            }
            self.send_response(401)
            self.send_header("WWW-Authenticate", challenge[self.server.login])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.server.asked.append(
            (self.command, self.path, body, self.headers.get("Content-Type", ""))
        )
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_OPTIONS = answer

    def allowed(self) -> bool:
        given = self.headers.get("Authorization", "")
        if self.server.login == "basic":
            return given == "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.server.login == "digest":
            return self.digest(dict(re.findall(r'(\w+)="?([^",]*)"?', given)))
        return not given

    def digest(self, said: dict[str, str]) -> bool:
        """RFC 7616, MD5 and qop auth."""

        def h(*parts: str) -> str:
            return hashlib.md5(":".join(parts).encode()).hexdigest()

        if not said:
            return False
        first, second = h(USER, "horn", PASSWORD), h(self.command, self.path)
        middle = (said["nonce"], said["nc"], said["cnonce"], said["qop"])
        return said["response"] == h(first, *middle, second)


@pytest.fixture
def desk():
    made = Desk()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def horn(address: str) -> HttpHorn:
    to = http_address(address)
    if to.send == "mulaw":
        return HttpHorn(to, lambda sound: g711.encode(sound, "PCMU", 8000))
    return HttpHorn(to, wav.encode)


def tone(seconds: float, rate: int = 16000) -> Sound:
    phase = 2 * np.pi * 700 * np.arange(int(seconds * rate)) / rate
    return Sound((9000 * np.sin(phase)).astype(np.int16), rate)


def play(mouth: HttpHorn, sound: Sound, stop: threading.Event | None = None) -> list[float]:
    begin, first = time.monotonic(), []
    mouth.play(
        sound, "x/stop_line_warning", lambda: first.append(time.monotonic()),
        stop or threading.Event(),
    )  # fmt: skip
    return [first[0] - begin, time.monotonic() - begin]


@pytest.mark.parametrize("login", ["", "basic", "digest"])
def test_a_wav_is_posted_whole(desk, login):
    desk.login = login
    who = f"{USER}:{PASSWORD}@" if login else ""
    mouth, sound = horn(f"http://{who}{desk.at}/play?x=1"), tone(0.4)
    mouth.check()
    assert desk.refused == bool(login)
    first, seconds = play(mouth, sound)
    method, path, body, kind = desk.asked[-1]
    assert [a[0] for a in desk.asked] == ["OPTIONS", "POST"]
    assert desk.refused == bool(login)  # the look had logged in: the phrase is sent once
    assert (method, path, kind) == ("POST", "/play?x=1", "audio/wav")
    with wave.open(io.BytesIO(body)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (16000, 2, 1)
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.array_equal(heard, sound.samples)
    assert first < 0.2
    assert seconds == pytest.approx(0.4, abs=0.2)  # what comes next waits until it has ended


def test_mulaw_goes_out_in_real_time_and_can_be_cut(desk):
    mouth, sound = horn(f"http://{desk.at}/transmit.cgi#mulaw"), tone(1.0, 8000)
    assert mouth.rate == 8000
    play(mouth, sound)
    _, path, body, kind = desk.asked[-1]
    assert (path, kind, len(body)) == ("/transmit.cgi", "audio/basic", 8000)
    assert body == g711.encode(sound, "PCMU", 8000)
    assert desk.came[-1] - desk.came[0] == pytest.approx(0.7, abs=0.2)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert play(mouth, tone(5.0, 8000), stop)[1] < 1.0


def test_a_clip_of_the_horns_own(desk):
    mouth = horn(f"http://{desk.at}/playclip.cgi?location={{phrase}}.au")
    play(mouth, tone(0.1))
    assert desk.asked[-1][:3] == ("GET", "/playclip.cgi?location=stop_line_warning.au", b"")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (503, "answered 503; look into its log, or restart it"),
        (403, 'user "bconnect" may not play sound; give it the right in the horn'),
        (404, "has no /play; check the address"),
        (302, "answered 302; look"),
    ],
)
def test_a_horn_that_refuses(desk, status, sentence):
    desk.status = status
    mouth = horn(f"http://{USER}:{PASSWORD}@{desk.at}/play")
    with pytest.raises(MouthError) as fault:
        play(mouth, tone(0.1))
    assert str(fault.value).startswith(f"horn {desk.at}: {sentence}")
    assert PASSWORD not in str(fault.value)
    if status in (503, 403):
        with pytest.raises(MouthError, match=f"horn {desk.at}: "):
            mouth.check()
    desk.status = 200
    mouth.check()


@pytest.mark.parametrize("login", ["basic", "digest"])
def test_a_wrong_password_is_said_and_not_shown(desk, login):
    desk.login = login
    mouth = horn(f"http://{USER}:salah@{desk.at}/play")
    with pytest.raises(MouthError) as fault:
        mouth.check()
    assert str(fault.value) == (
        f'horn {desk.at}: refuses user "{USER}"; check user and password in the environment'
    )


def test_a_login_is_not_given_to_who_does_not_ask(desk):
    horn(f"http://{USER}:{PASSWORD}@{desk.at}/play").check()
    assert desk.asked  # the server answers 401 to an Authorization nobody asked for


def test_nobody_there(desk):
    mouth = horn("http://127.0.0.1:9/play")
    with pytest.raises(
        MouthError, match=r"horn 127.0.0.1:9: cannot be reached .*; check its power"
    ):
        mouth.check()
    with pytest.raises(MouthError, match="cannot be reached"):
        mouth.play(tone(0.1), "x/y", lambda: None, threading.Event())


def test_a_horn_that_hangs(desk, monkeypatch):
    monkeypatch.setattr(http_horn, "_TIMEOUT", 0.3)
    mouth = horn(f"http://{desk.at}/play")
    desk.hold.clear()
    try:
        with pytest.raises(MouthError, match=r"gives no answer; check its power, the network"):
            mouth.check()
    finally:
        desk.hold.set()
    mouth.check()


def test_a_password_of_the_environment_may_hold_any_character(tmp_path):
    given = {"HORN_USER": "satpam", "HORN_PASSWORD": "p@ss:w/o#rd?"}
    address = "http://${HORN_USER}:${HORN_PASSWORD}@192.0.2.7/play"
    made = make_mouth("http", "", address, tmp_path, lambda: 0, given).mouth
    assert isinstance(made, HttpHorn)
    assert made.output == "http://192.0.2.7/play"
    assert (made._address.user, made._address.password) == ("satpam", "p@ss:w/o#rd?")
    with pytest.raises(ConfigError, match="address: the environment variable HORN_PASSWORD is not"):
        make_mouth("http", "", address, tmp_path, lambda: 0, {"HORN_USER": "satpam"})
