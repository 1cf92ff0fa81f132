"""The drawing room without a browser: who may, what is judged, written, kept and taken back."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from draw_rooms import SITE, make_rooms, still

from bconnect_center.adapters import site_files
from bconnect_center.adapters.previews import Previews, Task
from bconnect_center.core.roles import Role
from bconnect_site.loader import load_site

UTARA = "/api/draw/sites/tangan/cameras/utara"
LANE = {
    "name": "lajur", "was": "lajur", "kind": "direction", "basis": "marking",
    "region": [[0.01, 0.2], [0.99, 0.2], [0.99, 0.69], [0.01, 0.69]],
    "direction": [[0.9, 0.6], [0.1, 0.6]],
}  # fmt: skip
SHOULDER = {
    "name": "bahu", "kind": "no_parking", "dwell": 60.0, "basis": "sign S-12",
    "region": [[0.3, 0.7], [0.7, 0.7], [0.7, 0.99], [0.3, 0.99]],
}  # fmt: skip


def draft(*zones: dict[str, Any], rules: tuple[str, ...] = ("wrong_way",), **more: Any) -> Any:
    return {"zones": list(zones), "rules": list(rules), **more}


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    return make_rooms(tmp_path, bags=("parked_75_of_60", "wrong_way"))


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "corridors" / "tangan.yaml"


@pytest.fixture
def drawer(centre: Any) -> Any:
    return centre.client("supervisor")


def check(client: Any, form: Any, camera: str = UTARA) -> Any:
    answer = client.post(f"{camera}/check", json={"draft": form})
    assert answer.status_code == 200, answer.text
    return answer.json()


def save(
    client: Any, form: Any, reason: str = "Zona baru", camera: str = UTARA, **more: Any
) -> Any:
    seen = check(client, form, camera)
    body = {"draft": form, "sha256": seen["sha256"], "shown": seen["shown"], "reason": reason}
    return client.post(f"{camera}/save", json={**body, **more})


# -- who may -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "operator", "validator"])
def test_only_who_may_draw(centre: Any, role: str) -> None:
    client = centre.client(role)
    assert client.get("/draw").status_code == 403
    assert client.post(f"{UTARA}/check", json={"draft": draft(LANE)}).status_code == 403
    assert client.get("/api/draw/sites/tangan/history").status_code == 403


def test_a_site_one_is_kept_from_is_not_there(centre: Any) -> None:
    centre.account("sri", Role.SUPERVISOR, frozenset({"lain"}))
    client = centre.client("sri")
    page = client.get("/draw")
    assert page.status_code == 200 and "tangan" not in page.text
    form = {"draft": draft(LANE)}
    for answer in (
        client.get("/draw/tangan/utara"),
        client.get(f"{UTARA}/still/state"),
        client.get(f"{UTARA}/bags"),
        client.post(f"{UTARA}/still", content=still()),
        client.post(f"{UTARA}/still/take"),
        client.post(f"{UTARA}/check", json=form),
        client.post(f"{UTARA}/preview", json=form),
        client.post(f"{UTARA}/save", json={**form, "sha256": "", "shown": "", "reason": "abc"}),
        client.get("/api/draw/sites/tangan/history"),
        client.post("/api/draw/sites/tangan/revert/check", json={"file": "x", "version": "0" * 64}),
    ):
        assert answer.status_code == 404, answer.url


def test_no_token_no_change(centre: Any, drawer: Any, site_file: Path) -> None:
    drawer.headers.pop("x-csrf-token")
    assert drawer.post(f"{UTARA}/check", json={"draft": draft(LANE)}).status_code == 403
    assert site_file.read_text() == SITE


# -- judging -------------------------------------------------------------------------------


def test_what_is_in_the_file_changes_nothing(drawer: Any) -> None:
    said = check(drawer, draft(LANE))
    assert said["changed"] is False and said["diff"] == "" and said["faults"] == []


@pytest.mark.parametrize(
    ("zone", "key", "words"),
    [
        ({"region": [[0.1, 0.1], [0.2, 0.2]]}, "zones.bahu.region", "at least 3 points"),
        ({"region": [[0.3, 0.7], [1.7, 0.7], [0.7, 0.9]]}, "zones.bahu.region", "outside"),
        ({"kind": "no_parkin"}, "zones.bahu.kind", 'did you mean "no_parking"'),
        ({"basis": "tradition"}, "zones.bahu.basis", "first word must be one of"),
        ({"basis": None}, "zones.bahu.basis", "must say what makes it law"),
        ({"dwell": -1.0}, "zones.bahu.dwell", "at least 0"),
        ({"signal": "barat"}, "zones.bahu.signal", "no signal is called"),
        ({"applies_to": ["becak"]}, "zones.bahu.applies_to[0]", "no road user is called"),
        ({"active": [{"days": "besok", "from": "06:00", "to": "7"}]}, "zones.bahu.active[0].days",
         "needs days such as"),
        ({"line": [[0.1, 0.1], [0.4, 0.4]]}, "zones.bahu.line", "not a line"),
        ({"name": "Bahu Jalan"}, "zones.Bahu Jalan", "is not a name"),
        ({"name": "lajur"}, "zones.lajur.name", "two zones have this name"),
    ],
)  # fmt: skip
def test_the_loader_speaks_at_the_field(
    drawer: Any, site_file: Path, zone: dict[str, Any], key: str, words: str
) -> None:
    form = draft(LANE, {**SHOULDER, **zone}, rules=("wrong_way", "illegal_parking"))
    said = check(drawer, form)
    assert [f for f in said["faults"] if f["key"] == key and words in f["sentence"]], said["faults"]
    answer = save(drawer, form)
    assert answer.status_code == 422 and words in answer.json()["detail"]
    assert site_file.read_text() == SITE


def test_another_camera_that_needs_the_signal_is_heard(drawer: Any, site_file: Path) -> None:
    """Taking the lamp away leaves the stop line of the same site without its light."""
    zone = {
        "name": "henti", "was": "henti", "kind": "stop_line", "line": [[0.2, 0.6], [0.7, 0.6]],
        "direction": [[0.45, 0.9], [0.45, 0.3]], "signal": "selatan", "basis": "marking",
    }  # fmt: skip
    said = check(
        drawer, draft(zone, rules=("stop_line",)), "/api/draw/sites/tangan/cameras/selatan"
    )
    assert any(f["key"] == "zones.henti.signal" for f in said["faults"])
    head = {"name": "selatan", "region": [[0.6, 0.1], [0.7, 0.1], [0.7, 0.2]]}
    said = check(
        drawer,
        draft(zone, rules=("stop_line",), signals=[head]),
        "/api/draw/sites/tangan/cameras/selatan",
    )
    assert said["faults"] == [] and said["changed"] is False


# -- saving --------------------------------------------------------------------------------


def test_only_the_cameras_part_changes(centre: Any, drawer: Any, site_file: Path) -> None:
    site_file.chmod(0o640)
    answer = save(drawer, draft(LANE, SHOULDER, rules=("wrong_way", "illegal_parking")))
    assert answer.status_code == 200, answer.text
    now = site_file.read_text()
    new = [
        "      bahu:", "        kind: no_parking",
        "        region: [[0.3, 0.7], [0.7, 0.7], [0.7, 0.99], [0.3, 0.99]]",
        "        dwell: 60.0", "        basis: sign S-12",
    ]  # fmt: skip
    lines = SITE.splitlines()
    at = lines.index("    rules: [wrong_way]")
    wanted = [*lines[:at], *new, "    rules: [wrong_way, illegal_parking]", *lines[at + 1 :]]
    assert now.splitlines() == wanted
    assert load_site(site_file).site.cameras["utara"].zones["bahu"].dwell == 60.0
    assert site_file.stat().st_mode & 0o777 == 0o640
    assert "bahu" in centre.house.sites["tangan"].site.cameras["utara"].zones
    acts = [act for _, act in centre.house.audit.newest() if act.what == "zones changed"]
    assert len(acts) == 1 and "Zona baru" in acts[0].detail and acts[0].site == "tangan"
    assert centre.house.audit.broken() is None


def test_who_comes_second_is_told(drawer: Any, centre: Any, site_file: Path) -> None:
    other = centre.client("admin")
    first, second = draft(LANE, SHOULDER), draft({**LANE, "basis": "movement rule"})
    seen = check(other, second)
    assert save(drawer, first).status_code == 200
    body = {"draft": second, "sha256": seen["sha256"], "shown": seen["shown"], "reason": "Kedua"}
    answer = other.post(f"{UTARA}/save", json=body)
    assert answer.status_code == 409 and "meanwhile" in answer.json()["detail"]
    assert "movement rule" not in site_file.read_text()


def test_what_was_not_shown_is_not_written(drawer: Any, site_file: Path) -> None:
    answer = save(drawer, draft(LANE, SHOULDER), shown=check(drawer, draft(LANE))["shown"])
    assert answer.status_code == 409 and "shown" in answer.json()["detail"]
    assert save(drawer, draft(LANE, SHOULDER), reason="  ").status_code in (409, 422)
    assert save(drawer, draft(LANE)).status_code == 409
    assert site_file.read_text() == SITE


def test_a_read_only_file_is_left_alone(drawer: Any, site_file: Path) -> None:
    site_file.chmod(0o444)
    assert "read-only" in check(drawer, draft(LANE, SHOULDER))["read_only"]
    answer = save(drawer, draft(LANE, SHOULDER))
    assert answer.status_code == 409 and "read-only" in answer.json()["detail"]
    assert site_file.read_text() == SITE
    assert not site_file.with_name("tangan.history").exists()


def test_a_site_that_vanishes_is_one_sentence(drawer: Any, site_file: Path) -> None:
    site_file.unlink()
    answer = drawer.post(f"{UTARA}/check", json={"draft": draft(LANE)})
    assert answer.status_code == 409 and "no such file" in answer.json()["detail"]
    assert drawer.get("/draw").status_code == 200
    assert drawer.get("/api/draw/sites/tangan/history").status_code == 200
    site_file.write_text("site: [")
    assert drawer.get("/draw/tangan/utara").status_code == 409


def test_back_to_an_earlier_version(drawer: Any, centre: Any, site_file: Path) -> None:
    assert save(drawer, draft(LANE, SHOULDER), "Pertama").status_code == 200
    centre.clock.pass_(60)
    assert save(drawer, draft(SHOULDER | {"was": "bahu"}, rules=()), "Kedua").status_code == 200
    told = drawer.get("/api/draw/sites/tangan/history").json()
    assert [line["why"] for line in told["lines"]] == ["Kedua", "Pertama"]
    assert [line["files"][0]["current"] for line in told["lines"]] == [True, False]
    assert not any(line["by_hand"] for line in told["lines"])
    file, version = told["lines"][1]["files"][0]["file"], told["lines"][1]["files"][0]["before"]
    seen = drawer.post(
        "/api/draw/sites/tangan/revert/check", json={"file": file, "version": version}
    ).json()
    assert "-      bahu:" in seen["diff"] and seen["faults"] == []
    body = {"file": file, "version": version, "sha256": seen["sha256"], "reason": "Kembali"}
    stale = drawer.post("/api/draw/sites/tangan/revert", json={**body, "sha256": version})
    assert stale.status_code == 409
    assert drawer.post("/api/draw/sites/tangan/revert", json=body).status_code == 200
    assert site_file.read_text() == SITE
    assert "bahu" not in centre.house.sites["tangan"].site.cameras["utara"].zones
    missing = {"file": file, "version": "f" * 64}
    assert drawer.post("/api/draw/sites/tangan/revert/check", json=missing).status_code == 404
    beside = {"file": "../../center.yaml", "version": version}
    assert drawer.post("/api/draw/sites/tangan/revert/check", json=beside).status_code == 404


def test_a_version_that_was_touched_is_not_written(drawer: Any, site_file: Path) -> None:
    assert save(drawer, draft(LANE, SHOULDER)).status_code == 200
    line = drawer.get("/api/draw/sites/tangan/history").json()["lines"][0]["files"][0]
    kept = site_file.with_name("tangan.history") / "versions" / line["before"]
    kept.write_text(kept.read_text().replace("wrong_way", "red_light"))
    answer = drawer.post(
        "/api/draw/sites/tangan/revert/check",
        json={"file": line["file"], "version": line["before"]},
    )
    assert answer.status_code == 404 and "touched" in answer.json()["detail"]


def test_a_full_disk_leaves_the_file_and_says_so(
    drawer: Any, site_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(write: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site_files, "_write", full)
    answer = save(drawer, draft(LANE, SHOULDER), "Pertama")
    assert answer.status_code == 409 and "No space left" in answer.json()["detail"]
    assert site_file.read_text() == SITE
    lines = drawer.get("/api/draw/sites/tangan/history").json()["lines"]
    assert [line["why"] for line in lines] == ["not written: No space left on device", "Pertama"]
    assert [line["files"][0]["current"] for line in lines] == [True, False]
    assert not any(line["by_hand"] for line in lines)


def test_changes_by_hand_are_seen_in_the_history(drawer: Any, site_file: Path) -> None:
    assert save(drawer, draft(LANE, SHOULDER), "Pertama").status_code == 200
    site_file.write_text(site_file.read_text() + "# by hand\n")
    log = site_file.with_name("tangan.history") / "log.jsonl"
    log.write_bytes(log.read_bytes() + b'{"stamp": 1, "who"')  # the power failed here
    assert save(drawer, draft({**LANE, "basis": "movement rule"}), "Kedua").status_code == 200
    told = drawer.get("/api/draw/sites/tangan/history").json()
    assert told["broken"] == 1
    assert [(line["why"], line["by_hand"]) for line in told["lines"]] == [
        ("Kedua", False),
        ("Pertama", True),
    ]


# -- calibration ---------------------------------------------------------------------------


def marks(wrong: float = 0.0) -> dict[str, Any]:
    made = []
    for n, (x, y) in enumerate(
        ((0.1, 0.9), (0.9, 0.9), (0.25, 0.6), (0.75, 0.6), (0.5, 0.75), (0.4, 0.65))
    ):
        far = 3.0 / (y - 0.3)
        made.append(
            {"image": [x, y], "ground": [(x - 0.5) * far * 2 + (wrong if n == 4 else 0), far * 4]}
        )
    return {"width": 640, "height": 360, "marks": made}


def test_calibration_is_fitted_by_the_real_code(drawer: Any, site_file: Path) -> None:
    said = check(drawer, draft(LANE, survey=marks()))
    assert said["faults"] == [] and max(said["fit"]["residuals"]) < 0.01
    assert any(d["code"] == "outside_calibration" for d in said["doubts"])
    assert "calibration/tangan_utara.yaml" in said["diff"] and "/dev/null" in said["diff"]
    assert save(drawer, draft(LANE, survey=marks())).status_code == 200
    loaded = load_site(site_file)
    assert loaded.calibrations()["utara"].has_ground
    # Marked again: the same file, its history beside the site's.
    again = save(drawer, draft(LANE, survey=marks(0.2)), "Diukur ulang")
    assert again.status_code == 200 and again.json()["files"] == [
        "config/calibration/tangan_utara.yaml"
    ]
    lines = drawer.get("/api/draw/sites/tangan/history").json()["lines"]
    assert [len(line["files"]) for line in lines] == [1, 2]
    file = lines[0]["files"][0]
    body = {
        "file": file["file"],
        "version": file["before"],
        "sha256": file["after"],
        "reason": "Salah",
    }
    assert drawer.post("/api/draw/sites/tangan/revert", json=body).status_code == 200
    assert (
        load_site(site_file).calibrations()["utara"].stddev == loaded.calibrations()["utara"].stddev
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["marks"][3:], "at least 4"),
        (lambda m: [*m["marks"], m["marks"][0]], "is the same place as"),
        (lambda m: [{**k, "image": [k["image"][0], 0.5]} for k in m["marks"]], "on one line"),
        (lambda m: [{**k, "ground": k["ground"][::-1]} for k in m["marks"]], "other way round"),
        (lambda m: [{"image": k["image"]} for k in m["marks"]], "is no place"),
        (lambda m: [*m["marks"][:4], {"image": [0.5, 0.75], "ground": [30, 26]}, m["marks"][5]],
         "mark it anew"),
    ],
)  # fmt: skip
def test_bad_points_are_refused(
    drawer: Any, site_file: Path, change: Callable[[Any], Any], words: str
) -> None:
    survey = marks()
    said = check(drawer, draft(LANE, survey={**survey, "marks": change(survey)}))
    assert said["fit"] is None
    assert any(f["key"].startswith("survey.") and words in f["sentence"] for f in said["faults"]), (
        said
    )
    assert save(drawer, draft(LANE, survey={**survey, "marks": change(survey)})).status_code == 422
    assert site_file.read_text() == SITE


def test_degrees_count_from_the_sites_location(drawer: Any) -> None:
    from bconnect_site.wgs84 import moved

    survey = marks()
    for mark in survey["marks"]:
        east, north = mark.pop("ground")
        mark["latitude"], mark["longitude"] = moved((-1.2463, 116.8563), east, north)
    said = check(drawer, draft(LANE, survey=survey))
    assert said["faults"] == [] and max(said["fit"]["residuals"]) < 0.01
    assert "method: map" in said["diff"]


# -- previews ------------------------------------------------------------------------------


def follow(client: Any, id: str, wait_for: Any) -> Any:
    def state() -> Any:
        told = client.get(f"/api/draw/previews/{id}").json()
        return told if told["state"] != "judging" else None

    return wait_for(state, 90.0)


def test_what_goes_and_comes_is_told(drawer: Any, wait_for: Any) -> None:
    bags = drawer.get(f"{UTARA}/bags").json()
    names = {bag["name"] for bag in bags}
    assert names == {"0:parked_75_of_60/bag", "0:wrong_way/bag"}
    form = draft(SHOULDER, rules=("illegal_parking",))
    begun = drawer.post(f"{UTARA}/preview", json={"draft": form, "bag": "0:wrong_way/bag"})
    assert begun.status_code == 202
    told = follow(drawer, begun.json()["id"], wait_for)
    assert told["state"] == "done", told
    assert (told["told"]["before"], told["told"]["after"]) == (1, 0)
    (lost,) = told["told"]["findings"]
    assert lost["what"] == "lost" and lost["zone"] == "lajur" and len(lost["box"]) == 4
    assert told["told"]["judged"] == ["utara"] and lost["camera"] == "utara"


def test_a_calibration_that_is_not_written_yet_judges_too(drawer: Any, wait_for: Any) -> None:
    form = draft(LANE, survey=marks())
    begun = drawer.post(f"{UTARA}/preview", json={"draft": form, "bag": "0:wrong_way/bag"})
    told = follow(drawer, begun.json()["id"], wait_for)
    assert told["state"] == "done", told
    assert not any("not calibrated" in warning for warning in told["told"]["warnings"])


def test_a_preview_is_cancelled_and_one_takes_too_long(
    drawer: Any, centre: Any, wait_for: Any
) -> None:
    form = {"draft": draft(LANE, SHOULDER), "bag": "0:parked_75_of_60/bag"}
    begun = drawer.post(f"{UTARA}/preview", json=form).json()["id"]
    drawer.post(f"/api/draw/previews/{begun}/cancel")
    assert follow(drawer, begun, wait_for)["state"] == "cancelled"
    previews = Previews(centre.house.database, centre.clock, 0.01)  # with hardly any time
    site = centre.house.sites["tangan"].to_yaml()
    bag = centre.house.loaded.near("bags") / "parked_75_of_60" / "bag"
    id = previews.begin("tangan", "supervisor", Task(bag, "utara", site, site, 0, dict(os.environ)))
    told = follow(drawer, id, wait_for)
    assert told["state"] == "failed" and "longer than" in told["sentence"]
    previews.close()


def test_faults_are_told_before_a_preview_begins(drawer: Any) -> None:
    form = draft({**SHOULDER, "region": [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]})
    answer = drawer.post(f"{UTARA}/preview", json={"draft": form})
    assert answer.status_code == 422 and "crosses itself" in answer.json()["detail"]
    other = {"draft": draft(LANE), "bag": "../../etc"}
    assert drawer.post(f"{UTARA}/preview", json=other).status_code == 404
    assert drawer.get("/api/draw/previews/" + "0" * 32).status_code == 404


# -- stills --------------------------------------------------------------------------------


def test_an_upload_is_checked_and_written_anew(drawer: Any) -> None:
    import io

    from PIL import Image

    assert drawer.get(f"{UTARA}/still").status_code == 404
    for bad in (b"", b"GIF89a", b"\xff\xd8\xff\xe0 no picture", b"<svg/>"):
        answer = drawer.post(f"{UTARA}/still", content=bad)
        assert answer.status_code == 422, bad
    large = Image.new("RGB", (4000, 2000), "red")
    exif = Image.Exif()
    exif[0x010E] = "secret words"
    out = io.BytesIO()
    large.save(out, "JPEG", exif=exif)
    told = drawer.post(f"{UTARA}/still", content=out.getvalue()).json()
    assert (told["width"], told["height"], told["origin"]) == (1920, 960, "upload")
    kept = drawer.get(f"{UTARA}/still")
    assert kept.headers["content-type"] == "image/jpeg" and b"secret words" not in kept.content


def test_a_still_from_a_video_file(
    drawer: Any, site_file: Path, tmp_path: Path, wait_for: Any, centre: Any
) -> None:
    import av
    import numpy as np

    video = tmp_path / "jalan.mp4"
    with av.open(str(video), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for n in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((180, 320, 3), 20 * n, np.uint8), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    site_file.write_text(SITE.replace("file://utara.mp4", f"file://{video}"))
    centre.house.sites["tangan"] = load_site(site_file)
    assert drawer.post(f"{UTARA}/still/take").status_code == 202
    told = taken(drawer, wait_for)
    assert told["state"] == "there" and (told["width"], told["height"]) == (320, 180)
    assert "kept" in told["origins"]


def taken(client: Any, wait_for: Any, camera: str = UTARA) -> Any:
    def state() -> Any:
        told = client.get(f"{camera}/still/state").json()
        return told if told["state"] != "taking" else None

    return wait_for(state, 60.0)


def test_a_source_that_gives_nothing_is_one_sentence(
    drawer: Any, centre: Any, site_file: Path, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawer.post(f"{UTARA}/still/take")
    told = taken(drawer, wait_for)
    assert told["state"] == "failed" and "no such file" in told["sentence"]
    answer = drawer.post("/api/draw/sites/tangan/cameras/selatan/still/take")
    assert answer.status_code == 409 and "CAMERA_SELATAN" in answer.json()["detail"]
    monkeypatch.setenv("CAMERA_SELATAN", "rtsp://ana:rahasia1@127.0.0.1:9/stream")
    drawer.post("/api/draw/sites/tangan/cameras/selatan/still/take")
    told = taken(drawer, wait_for, "/api/draw/sites/tangan/cameras/selatan")
    assert told["state"] == "failed" and told["sentence"] and "rahasia1" not in json.dumps(told)


def test_a_source_that_hangs_is_given_up(
    centre: Any, drawer: Any, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that accepts and never speaks."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        monkeypatch.setenv("CAMERA_SELATAN", f"rtsp://127.0.0.1:{port}/stream")
        drawer.post("/api/draw/sites/tangan/cameras/selatan/still/take")
        told = taken(drawer, wait_for, "/api/draw/sites/tangan/cameras/selatan")
    assert told["state"] == "failed" and told["sentence"]


def test_pictures_of_cases_are_for_who_sees_cases(centre: Any) -> None:
    admin = centre.client("admin")
    answer = admin.get(f"{UTARA}/still", params={"origin": "case"})
    assert answer.status_code == 403
    assert centre.client("supervisor").get(f"{UTARA}/still?origin=case").status_code == 404
    assert centre.client("supervisor").get(f"{UTARA}/still?origin=live").status_code == 404


def test_a_live_picture_comes_through_the_listener(centre: Any, drawer: Any) -> None:
    """And a listener that went away, or answers garbage, is one sentence."""
    from http.server import BaseHTTPRequestHandler, HTTPServer

    from sqlalchemy import insert

    from bconnect_center.adapters.tables import states
    from bconnect_center.adapters.token import token_of

    answers, asked = [still(), b"no picture"], []

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["authorization"]))
            data = answers.pop(0)
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Door) as door:
        thread = threading.Thread(target=door.serve_forever, args=(0.05,))
        thread.start()
        now = centre.clock()
        with centre.house.database.writing() as c:
            c.execute(insert(states).values(
                site="tangan", kind="listener", name="here", stamp=now, heard=now,
                told={"port": door.server_address[1]}))  # fmt: skip
        assert "live" in drawer.get(f"{UTARA}/still/state").json()["origins"]
        live = drawer.get(f"{UTARA}/still?origin=live")
        assert live.status_code == 200 and live.content[:3] == b"\xff\xd8\xff"
        assert drawer.get(f"{UTARA}/still?origin=live").status_code == 409
        door.shutdown()
        thread.join()
    assert asked[0] == ("/still?camera=utara", f"Bearer {token_of(centre.house.loaded.root)}")
    assert drawer.get(f"{UTARA}/still?origin=live").status_code == 409
    centre.clock.pass_(60)
    assert drawer.get(f"{UTARA}/still?origin=live").status_code == 404
    seen = [act for _, act in centre.house.audit.newest() if act.what == "still seen"]
    assert [act.detail for act in seen] == ["live"]


def test_garbage_of_the_right_shape_is_answered_in_order(centre: Any, site_file: Path) -> None:
    """Schemathesis at the site and camera that are there: no 500, and only what is documented."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from test_interface import CHECKS

    client = centre.client("supervisor")
    headers = {
        "x-csrf-token": client.headers["x-csrf-token"],
        "cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items()),
    }
    schema = schemathesis.openapi.from_url(f"{centre.url}/api/openapi.json")
    tried = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.startswith("/api/draw/") or operation.path.endswith("/take"):
            continue

        @settings(
            max_examples=15,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def keeps(case: Any) -> None:
            for name, value in (("site", "tangan"), ("camera", "utara")):
                if name in (case.path_parameters or {}):
                    case.path_parameters[name] = value
            case.call_and_validate(base_url=centre.url, headers=headers, checks=list(CHECKS))

        keeps()
        tried.add(operation.path)
    assert len(tried) >= 9
    assert site_file.read_text() == SITE  # nobody guesses what was shown


def test_the_scene_of_the_last_case_as_it_was_sealed(
    centre: Any, drawer: Any, tmp_path: Path
) -> None:
    from case_maker import Maker

    maker = Maker(tmp_path / "site" / "evidence", "tangan")
    maker.case(centre.house, centre.clock() - 10**9, camera="utara")
    assert "case" in drawer.get(f"{UTARA}/still/state").json()["origins"]
    admin = centre.client("admin").get(f"{UTARA}/still/state").json()
    assert "case" not in admin["origins"]  # keeps accounts, sees no cases
    scene = drawer.get(f"{UTARA}/still?origin=case")
    assert scene.status_code == 200 and scene.content[:3] == b"\xff\xd8\xff"
    seen = [act for _, act in centre.house.audit.newest() if act.what == "still seen"]
    assert [(act.who, act.detail) for act in seen] == [("supervisor", "case")]
    for picture in (tmp_path / "site" / "evidence").rglob("scene*.jpg"):
        picture.write_bytes(still())  # another picture in its place
    assert drawer.get(f"{UTARA}/still?origin=case").status_code == 404
