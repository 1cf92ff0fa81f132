"""An officer speaks: the order, what is refused, recordings, the log."""

from __future__ import annotations

import io
import shutil
import threading
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from socket import gethostname
from typing import Any

import av
import numpy as np
import pytest

from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.adapters.recordings import BadRecording, decode
from bconnect_center.core.live import Happening, State
from bconnect_center.core.moments import SECOND
from bconnect_center.core.roles import Role
from bconnect_site.keys import publics
from bconnect_site.orders import SignedOrder, TrustedKey, check
from bconnect_site.phrases import is_recording

SITE, POLE = "beruang_madu", "tiang_beruang_madu"
PASSWORD = "kata-sandi-yang-panjang"
MORNING = 10 * 3600.0  # s after the tests' noon, which lies in the pole's quiet hours


@pytest.fixture
def centre_file(tmp_path: Any) -> Any:
    path = tmp_path / "center.yaml"
    path.write_text(
        f"title: Pusat\nroot: state\nsites: [{SITE}]\nlanguage: en\nlive: {{{SITE}: {{}}}}\n",
        encoding="utf-8",
    )
    return path


class Door:
    """Stands for a listener's door: keeps what it is given."""

    def __init__(self) -> None:
        self.orders: list[SignedOrder] = []
        self.recordings: list[bytes] = []
        self.answer = b'{"done": true, "sentence": ""}'
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/order":
                    door.orders.append(SignedOrder.from_json(data))
                else:
                    door.recordings.append(data)
                self.send_response(200)
                self.send_header("content-length", str(len(door.answer)))
                self.end_headers()
                self.wfile.write(door.answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def door(centre: Any) -> Iterator[Door]:
    made = Door()
    centre.clock.pass_(MORNING)
    now = centre.clock()
    url = f"http://127.0.0.1:{made.server.server_address[1]}"
    LiveStore(centre.house.database).write(
        now, [State(SITE, "listener", gethostname()[:96], now, {"url": url})], [], {}
    )
    yield made
    made.server.shutdown()
    made.server.server_close()


def order(**fields: Any) -> dict[str, Any]:
    return {
        "site": SITE, "speaker": POLE, "phrase": "illegal_parking_reprimand",
        "why": "angkot berhenti lama",
    } | fields  # fmt: skip


def tone(seconds: float, loud: float = 0.3, rate: int = 48_000) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return (loud * 32767 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)


def wav_of(samples: np.ndarray, rate: int = 48_000) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return stream.getvalue()


def opus_of(samples: np.ndarray, kind: str = "webm") -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format=kind) as container:
        track = container.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = 48_000
        for made in av.AudioResampler(format="s16", layout="mono", rate=48_000, frame_size=960
                                      ).resample(frame):  # fmt: skip
            container.mux(track.encode(made))
        container.mux(track.encode(None))
    return stream.getvalue()


def test_an_order_is_signed_logged_and_later_heard(centre: Any, door: Door) -> None:
    client = centre.client("operator")
    answer = client.post("/api/speak", json=order())
    assert answer.status_code == 200, answer.text
    given = door.orders[0]
    public = publics(centre.house.loaded.root / "keys")[given.key_id]
    trusted = {given.key_id: TrustedKey("pusat", public, frozenset({"announce"}))}
    assert check(given, trusted, centre.clock()).name == "pusat"
    assert given.fields["speaker"] == POLE and given.fields["finding_id"] == ""
    assert 0 < given.expires - centre.clock() <= 30 * SECOND
    acts = [a for _, a in centre.house.audit.newest() if a.what == "speak"]
    assert [(a.who, a.subject, a.site) for a in acts] == [("operator", f"{SITE}/{POLE}", SITE)]
    assert "angkot" in acts[0].detail
    log = client.get("/api/speak/log").json()
    assert (log[0]["who"], log[0]["state"]) == ("Operator", "waiting")
    now = centre.clock()
    told = {"speaker": POLE, "phrase": "x", "announcement": log[0]["id"]}
    spoken = Happening(f"spoken:{log[0]['id']}", "spoken", SITE, "", 0, now, told)
    LiveStore(centre.house.database).write(now, [], [(now, spoken)], {})
    assert client.get("/api/speak/log").json()[0]["state"] == "began"


def test_quiet_hours_are_kept_with_a_sentence(centre: Any, door: Door) -> None:
    centre.clock.pass_(-MORNING)
    answer = centre.client("operator").post("/api/speak", json=order())
    assert answer.status_code == 409
    assert "keeps silent from 22:00 to 06:00" in answer.json()["detail"]
    assert door.orders == []


def test_a_muted_pole_is_not_asked(centre: Any, door: Door) -> None:
    now = centre.clock()
    state = State(SITE, "speaker", POLE, now, {"state": 3})
    LiveStore(centre.house.database).write(now, [state], [], {})
    answer = centre.client("operator").post("/api/speak", json=order())
    assert answer.status_code == 409 and "muted" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"phrase": "free text!"}, 422),
        ({"phrase": "no_such_phrase"}, 404),
        ({"phrase": "recording_" + "0" * 64}, 404),
        ({"speaker": "nobody"}, 404),
        ({"site": "elsewhere"}, 404),
        ({"why": "x"}, 422),
        ({"why": "x" * 201}, 422),
        ({"why": "nul\0inside"}, 422),
        ({"extra": 1}, 422),
    ],
)
def test_what_cannot_be_said(centre: Any, door: Door, fields: Any, status: int) -> None:
    assert centre.client("operator").post("/api/speak", json=order(**fields)).status_code == status
    assert door.orders == []


def test_who_may_not_speak(centre: Any, door: Door) -> None:
    centre.account("jauh", Role.OPERATOR, frozenset({"elsewhere"}))
    assert centre.client("viewer").post("/api/speak", json=order()).status_code == 403
    assert centre.client("admin").post("/api/speak", json=order()).status_code == 403
    assert centre.client("jauh").post("/api/speak", json=order()).status_code == 404
    assert door.orders == []


def test_a_site_that_does_not_follow_says_why(centre: Any, door: Door) -> None:
    door.answer = b'{"done": false, "sentence": "no loudspeaker of the site listens"}'
    client = centre.client("operator")
    answer = client.post("/api/speak", json=order())
    assert answer.status_code == 503 and "no loudspeaker" in answer.json()["detail"]
    assert client.get("/api/speak/log").json()[0]["state"] == "refused"
    door.server.shutdown()
    door.server.server_close()
    answer = client.post("/api/speak", json=order())
    assert answer.status_code == 503 and "does not answer" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["wav", "webm", "ogg"])
def test_a_recording_goes_to_the_pole_before_its_order(centre: Any, door: Door, kind: str) -> None:
    data = wav_of(tone(1.5)) if kind == "wav" else opus_of(tone(1.5), kind)
    client = centre.client("operator")
    answer = client.post("/api/speak/recording", content=data)
    assert answer.status_code == 200, answer.text
    name, seconds = answer.json()["name"], answer.json()["seconds"]
    assert is_recording(name) and 1.4 <= seconds <= 1.7
    heard = client.get(f"/api/speak/recording/{name}")
    assert heard.content[:4] == b"RIFF"
    assert client.post("/api/speak", json=order(phrase=name)).status_code == 200
    assert door.recordings == [heard.content]
    assert door.orders[0].fields["phrase"] == name
    assert client.get("/api/speak/log").json()[0]["recording"] == name


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no_sound"),
        (b"#EXTM3U\nfile:///etc/passwd", "no_sound"),
        (b"ffconcat version 1.0\nfile /etc/passwd", "no_sound"),
        (b"RIFF" + b"\0" * 4000, "no_sound"),
        (b"\x1aE\xdf\xa3" + b"\xff" * 4000, "no_sound"),
        (wav_of(tone(0.2)), "too_short"),
        (wav_of(tone(25.0, rate=8000), 8000), "too_long"),
        (wav_of(tone(2.0, loud=0.001)), "too_soft"),
        (b"RIFF" + b"x" * 3_000_000, "too_large"),
    ],
)
def test_what_is_no_recording(data: bytes, why: str) -> None:
    with pytest.raises(BadRecording, match=why):
        decode(data)


def test_a_huge_upload_is_cut_off(centre: Any, door: Door) -> None:
    client = centre.client("operator")
    answer = client.post("/api/speak/recording", content=b"RIFF" + b"x" * 4_000_000)
    assert answer.status_code == 413
    assert client.post("/api/speak/recording", content=b"#EXTM3U").status_code == 422
    assert client.get("/api/speak/recording/..%2f..%2fkeys").status_code == 404


def test_speaking_as_a_person_would(tab: Any, centre: Any, door: Door, shot: Any) -> None:
    tab.enter("operator", "/speak")
    tab.go(f"/speak?site={SITE}&speaker={POLE}")
    tab.page.locator("#line-state.good").wait_for()
    assert tab.page.locator("input[name=pole]:checked").get_attribute("value") == f"{SITE}/{POLE}"
    tab.page.fill("#search", "derek parkir")
    assert tab.page.locator(".phrases label[data-words]:visible").count() == 1
    tab.page.locator(".phrases label[data-words]:visible input").check()
    tab.page.fill("input[name=why]", "<script>document.title='owned'</script>")
    tab.page.click("#say")
    tab.page.locator("#answer", has_text="on its way").wait_for()
    tab.page.locator("#log tr", has_text="<script>").wait_for()
    assert tab.page.title() != "owned"
    assert door.orders[0].fields["phrase"] == "illegal_parking_warning"
    tab.page.set_input_files(
        "#file", {"name": "a.wav", "mimeType": "audio/wav", "buffer": wav_of(tone(1.2))}
    )
    tab.page.locator("#own .said", has_text="1.2").wait_for()
    tab.page.fill("#search", "")
    shot(tab, "speak-light")
    tab.page.emulate_media(color_scheme="dark")
    shot(tab, "speak-dark", whole=False)


@pytest.mark.phone
def test_speak_on_a_phone(tab: Any, centre: Any, door: Door, shot: Any) -> None:
    tab.enter("operator", "/speak")
    tab.page.locator("#line-state.good").wait_for()
    shot(tab, "speak-phone")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_message_recorded_in_the_browser(
    chromium: Any, centre: Any, door: Door, wait_for: Any
) -> None:
    """By MediaRecorder, from the browser's own make-believe microphone."""
    args = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    browser = chromium.browser_type.launch(executable_path=path, args=args)
    try:
        page = browser.new_context(permissions=["microphone"]).new_page()
        said: list[str] = []
        page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{centre.url}/login?next=/speak")
        page.fill("input[name=name]", "operator")
        page.fill("input[name=password]", PASSWORD)
        page.click("form[action='/login'] button")
        page.locator("#line-state.good").wait_for()
        page.click("#record")
        page.locator("#record[aria-pressed=true]").wait_for()
        wait_for(lambda: float((page.locator("#seconds").inner_text() or "0").split()[0]) > 2.2)
        page.click("#record")
        page.locator("#own:not([hidden])").wait_for()
        page.locator(f"input[value='{SITE}/{POLE}']").check()
        page.fill("input[name=why]", "latihan pengumuman")
        page.click("#say")
        page.locator("#answer", has_text="on its way").wait_for()
        page.locator("#log audio").wait_for()
        assert is_recording(str(door.orders[0].fields["phrase"]))
        assert 2.0 < decode(door.recordings[0]).duration < 6.0
        assert said == []
    finally:
        browser.close()
