"""What other nodes may send: pictures, road users, requests, announcements, whatever CDR holds."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from bconnect_msgs import msg as messages
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from bconnect_camera.convert import job_from_msg
from bconnect_camera.core.captures import CaptureDesk
from bconnect_detect import convert as detect
from bconnect_detect.adapters.bytetrack import ByteTrack
from bconnect_detect.core.ground import Ground
from bconnect_detect.core.judge import Judge
from bconnect_enforce import convert as enforce
from bconnect_enforce.convert_orders import order_from
from bconnect_enforce.core.address import address
from bconnect_enforce.core.voice import VoiceQueue
from bconnect_node.images import ImageError, from_image
from bconnect_replay.adapters.bag_types import own_types
from bconnect_site.calibration import Calibration, CalibrationFile
from bconnect_site.kinds import CameraState
from bconnect_site.model import Site
from bconnect_site.orders import ANNOUNCE
from bconnect_site.phrases import load_phrases
from fuzzing.engine import Run, Target, Wrong
from fuzzing.files import CALIBRATION
from fuzzing.mutate import BINARY, Supply

SECOND = 1_000_000_000
NOW = 1_795_515_802 * SECOND
ENCODINGS = (
    "bgr8",
    "rgb8",
    "bgra8",
    "rgba8",
    "mono8",
    "8UC1",
    "8UC3",
    "mono16",
    "bayer_rggb8",
    "yuv422",
)


def _random(folder: Path) -> Sequence[bytes]:
    from random import Random

    rng = Random("seeds")
    return [rng.randbytes(n) for n in (0, 40, 200, 600, 1200)]


# -- pictures --------------------------------------------------------------------------------


def _image(folder: Path) -> Run:
    def run(data: bytes) -> str:
        supply, message = Supply(data), Image()
        sides = (0, 1, 2, 7, 16, 63, 16384, 16385, (1 << 32) - 1)
        message.width, message.height = supply.pick(sides), supply.pick(sides)
        message.encoding = supply.text(ENCODINGS)
        channels = 1 + supply.whole(4)
        exact = message.width * channels
        message.step = supply.pick(
            (exact & 0xFFFFFFFF, exact + 5 & 0xFFFFFFFF, 0, 3, (1 << 32) - 1)
        )
        message.is_bigendian = supply.whole(3)
        message.header.stamp.sec = supply.integer(32, signed=True)
        message.header.stamp.nanosec = supply.integer(32)
        message.header.frame_id = supply.text(("s/utara",))
        wanted = message.step * message.height
        size = wanted if wanted <= 1 << 20 and supply.whole(4) else supply.whole(4000)
        message._data = array("B", supply.take(min(size, 4000)) + bytes(max(0, size - 4000)))
        return _taken(message)

    return run


def _taken(message: Image) -> str:
    try:
        frame = from_image(message)
    except ImageError as error:
        return str(error)
    shape = (message.height, message.width, 3)
    if frame.image.shape != shape or frame.image.dtype != np.uint8 or frame.stamp < 0:
        raise Wrong(f"{frame.image.shape} of {shape}")
    if frame.image.flags.writeable:
        raise Wrong("a frame that can be written to")
    return f"taken {message.encoding}"


def _read(data: bytes, kind: Any) -> Any:
    """A message as the player of bags makes it of bytes; None: they are none.

    Fast CDR itself ends the process at four bytes with a wrong padding, so whatever does not come
    from the middleware is read by rosbags first (BagReader.current).
    """
    package = kind.__module__.partition(".")[0]
    try:
        own_types().deserialize_cdr(data, f"{package}/msg/{kind.__name__}")
    except Exception:  # rosbags raises what it likes
        return None
    try:
        return deserialize_message(data, kind)
    except Exception:  # so does rclpy
        return None


def _image_cdr(folder: Path) -> Run:
    def run(data: bytes) -> str:
        message = _read(data, Image)
        return "no message" if message is None else _taken(message)

    return run


def _image_cdrs(folder: Path) -> Sequence[bytes]:
    made = []
    for encoding, channels in (("bgr8", 3), ("mono8", 1), ("rgba8", 4)):
        message = Image(width=8, height=4, step=8 * channels, encoding=encoding)
        message.header.stamp.sec, message.header.frame_id = 5, "s/utara"
        message.data = bytes(32 * channels)
        made.append(bytes(serialize_message(message)))
    return made


# -- road users ------------------------------------------------------------------------------

REGION = [[0.0, 0.4], [1.0, 0.4], [1.0, 1.0], [0.0, 1.0]]
SITE = {
    "site": "s", "kind": "corridor", "title": "S",
    "signals": {"lampu": {"adapter": "recorded", "address": "file:///x.jsonl"}},
    "cameras": {"utara": {
        "source": "file:///x.mp4",
        "rules": ["speeding", "wrong_way", "red_light", "stop_line", "illegal_parking", "no_helmet",
                  "illegal_stopping", "overloaded_motorcycle"],
        "zones": {
            "cepat": {"kind": "speed", "region": REGION, "limit": 11.1, "basis": "sign S-5"},
            "arah": {"kind": "direction", "region": REGION, "basis": "marking",
                     "direction": [[0.5, 0.9], [0.5, 0.5]]},
            "henti": {"kind": "stop_line", "line": [[0.0, 0.6], [1.0, 0.6]], "signal": "lampu",
                      "direction": [[0.5, 0.9], [0.5, 0.5]], "basis": "marking"},
            "simpang": {"kind": "junction", "region": [[0, 0.2], [1, 0.2], [1, 0.5], [0, 0.5]]},
            "parkir": {"kind": "no_parking", "region": REGION, "dwell": 2.0, "basis": "sign S-12"},
            "henti2": {"kind": "no_stopping", "region": REGION, "dwell": 1.0, "basis": "sign S-13"},
        },
    }},
}  # fmt: skip


def _plain_calibration() -> Calibration:
    import yaml

    plain = yaml.safe_load(CALIBRATION)
    plain["image"] = {"width": 640, "height": 360}
    del plain["intrinsics"]
    plain["date"] = str(plain["date"])
    return Calibration(CalibrationFile.model_validate(plain))


def _users(supply: Supply, tick: int, tracked: bool) -> messages.RoadUserArray:
    """One image's road users: cars that drive as real ones do, among them what none does."""
    m = messages.RoadUserArray(image_width=640, image_height=360)
    if supply.whole(24) == 0:
        m.image_width = supply.integer(32) & 0xFFFF
    stamp = NOW + tick * SECOND // 5
    if supply.whole(12) == 0:
        stamp += (supply.whole(1 << 16) - 32768) * SECOND // 10
    stamp = max(0, stamp)
    m.header.stamp.sec, m.header.stamp.nanosec = stamp // SECOND % (1 << 31), stamp % SECOND
    m.header.frame_id = "s/utara"
    n = supply.whole(5)
    y = 100.0 + 14.0 * tick
    boxes = []
    for row in range(n):
        x = 60.0 + 120.0 * row
        box = [x, y - 40.0, x + 60.0, y]
        if supply.whole(4) == 0:
            box = [supply.real(-50, 700) for _ in range(4)]
        boxes.append(box)
    m.kind = array("B", [supply.whole(10) if supply.whole(5) == 0 else 4 for _ in range(n)])
    ids = [supply.integer(64, signed=True) if supply.whole(8) == 0 else r + 1 for r in range(n)]
    m.track_id = array("q", ids if tracked else [0] * n)
    m.confidence = array(
        "f", [supply.real(0, 1) if supply.whole(3) == 0 else 0.9 for _ in range(n)]
    )
    for i, side in enumerate(("x_min", "y_min", "x_max", "y_max")):
        setattr(m, side, array("f", [b[i] for b in boxes]))
    for name in ("riders", "helmets", "emergency", "belted", "phone"):
        if supply.whole(3) == 0:
            long = n if supply.whole(9) else supply.whole(4)
            setattr(m, name, array("f", [supply.real(-1, 4) for _ in range(long)]))
    for base in ("position", "velocity"):
        if supply.whole(6) == 0:
            for field in (f"{base}_x", f"{base}_y", f"{base}_x_stddev", f"{base}_y_stddev"):
                setattr(m, field, array("f", [supply.real(-30, 30) for _ in range(n)]))
    if supply.whole(5) == 0:
        m.colour = array("B", [supply.whole(256) for _ in range(n)])
    if supply.whole(6) == 0:
        m.motion = array("f", [supply.real(-2, 2) for _ in range(supply.pick((6, 6, 0, 5)))])  # type: ignore[call-overload]
    return m


def _signal(supply: Supply, tick: int) -> messages.SignalState:
    m = messages.SignalState(signal=supply.text(("lampu",)), aspect=supply.whole(9))
    stamp = NOW + tick * SECOND // 5
    m.header.stamp.sec, m.header.stamp.nanosec = stamp // SECOND, stamp % SECOND
    m.since.sec = max(0, stamp // SECOND - supply.whole(60))
    m.source, m.confidence = supply.whole(6), supply.real(0, 1)
    return m


def _judged(tracked: bool) -> Callable[[Path], Run]:
    def make(folder: Path) -> Run:
        site, calibration = Site.model_validate(SITE), _plain_calibration()

        def run(data: bytes) -> str:
            judge = Judge(site, None, None, {"utara": calibration})
            judge.on_camera_status("utara", CameraState.OK)
            tracker, ground = ByteTrack(5.0), Ground(calibration)
            supply, words = Supply(data), set()
            for tick in range(30):
                if supply.left <= 0 and tick > 12:
                    break
                try:
                    if supply.whole(6) == 0:
                        judge.on_signal(detect.signal_from_msg(_signal(supply, tick)))
                    tracks = detect.tracks_from_msg(_users(supply, tick, tracked), "utara")
                except ValueError as error:
                    words.add(str(error)[:24])
                    continue
                if not tracked:
                    tracks = ground.place(tracker.update(tracks))
                for finding in judge.on_tracks(tracks):
                    words.add(_accused(finding, tracks))
            return str(sorted(words))

        return run

    return make


def _accused(finding: Any, tracks: Any) -> str:
    """A finding that could be carried before a person."""
    box = finding.road_user.box
    if not all(map(isfinite, box)) or not (box[0] < box[2] and box[1] < box[3]):
        raise Wrong(f"{finding.type.name} of a road user with the box {box}")
    numbers = {
        n: getattr(finding, n) for n in ("measured", "measured_low", "measured_high", "limit")
    }
    if any(v in (float("inf"), -float("inf")) for v in numbers.values()):
        raise Wrong(f"{finding.type.name} with {numbers}")
    if finding.type.name == "SPEEDING" and not finding.measured_low > finding.limit:
        raise Wrong(f"speeding with {numbers}")
    if not 0.0 <= finding.confidence <= 1.0:
        raise Wrong(f"{finding.type.name} with the confidence {finding.confidence}")
    shown = "RED" if finding.signal is None else finding.signal.aspect.name
    if finding.type.name in ("RED_LIGHT", "STOP_LINE") and shown != "RED":
        raise Wrong(f"{finding.type.name} at {shown}")
    back = detect.finding_from_msg(detect.finding_to_msg(finding))
    if back.id != finding.id or not all(isfinite(x) and isfinite(y) for x, y in back.trail):
        raise Wrong(f"{finding.type.name}: a trail {finding.trail[:3]}")
    json.dumps(str(back))
    return finding.type.name


# -- requests and announcements --------------------------------------------------------------


def _capture(folder: Path) -> Run:
    root = (folder / "evidence").resolve()
    parts = ("s/2026-11-24/x", "a", "../x", "/etc", "a/../../b", "", ".", "a//b", "~")

    def run(data: bytes) -> str:
        supply, desk = Supply(data), CaptureDesk()
        words = set()
        for _ in range(4):
            m = messages.CaptureRequest(id=supply.text(("a", "b")), directory=supply.text(parts))
            for t in (m.clip_start, m.clip_end, m.header.stamp):
                t.sec, t.nanosec = supply.integer(32, signed=True), supply.integer(32)
            m.stills = [messages.Evidence().stamp for _ in range(supply.whole(12))]
            for t in m.stills:
                t.sec = supply.integer(32, signed=True)
            job = job_from_msg(m, NOW)
            told = desk.add(job)
            words.add((told or "added")[:24])
            if told is None:
                place = (root / job.directory).resolve()
                if root not in (place, *place.parents):
                    raise Wrong(f"would write into {job.directory!r}")
                names = [name for name, _, _ in job.named_stills()]
                if len(set(names)) != len(names):
                    raise Wrong(f"stills of one name: {names}")
        desk.take(NOW, supply.integer(64, signed=True), bool(supply.whole(2)))
        if desk.take(NOW + 10**19, None, False) and len(desk):
            raise Wrong("holds a request for ever")
        return str(sorted(words))

    return run


def _announcement(folder: Path) -> Run:
    phrases = load_phrases()
    words = phrases.vocabulary
    zone, known = ZoneInfo("Asia/Makassar"), list(phrases.by_name)[:4]

    def run(data: bytes) -> str:
        from datetime import time

        from bconnect_enforce.core.voice import Quiet

        supply = Supply(data)
        queue = VoiceQueue(phrases, Quiet(time(22), time(5), zone))
        told = set()
        for _ in range(6):
            m = messages.Announcement(
                id=supply.text(("a", "b")), speaker=supply.text(("tiang",)),
                place=supply.text(("simpang",)), plate=supply.text(("KT 1234 AB",)),
                phrase=supply.text(known),
                finding_id=supply.text(), priority=supply.whole(256), colour=supply.whole(256),
                road_user_kind=supply.whole(256), key_id=supply.text(), counter=supply.integer(64),
            )  # fmt: skip
            m.header.stamp.sec = supply.integer(32, signed=True)
            m.expires.sec = supply.integer(32, signed=True)
            m.signature = array("B", supply.take(supply.whole(80)))
            order_from(ANNOUNCE, m, "s")
            try:
                order = enforce.announcement_from(m)
            except ValueError as error:
                told.add(str(error)[:20])
                continue
            for drop in queue.add(order, NOW):
                told.add(drop[1].name)
            pieces = address(order, words, say_plates=True)
            spoken = " ".join(pieces)
            if len(spoken) > 400 or not spoken.isprintable():
                raise Wrong(f"would say {spoken[:80]!r}")
        queue.take(NOW)
        return str(sorted(told))

    return run


# -- anything --------------------------------------------------------------------------------

_TAKEN: dict[Any, Callable[[Any], Any]] = {
    messages.RoadUserArray: lambda m: detect.tracks_from_msg(m, "utara"),
    messages.Finding: detect.finding_from_msg,
    messages.Violation: lambda m: (detect.violation_from_msg(m), enforce.violation_from(m)),
    messages.SignalState: detect.signal_from_msg,
    messages.Capture: detect.capture_from_msg,
    messages.CaptureRequest: lambda m: job_from_msg(m, NOW),
    messages.Announcement: enforce.announcement_from,
    messages.Measure: enforce.measure_from,
    messages.Compliance: enforce.compliance_from,
    messages.TowJob: enforce.tow_from,
    messages.StickerTask: enforce.sticker_from,
    messages.RuleTrust: enforce.trust_from,
    messages.CameraStatus: detect.camera_look_from_msg,
    messages.ClockState: detect.clock_from_msg,
    messages.PlateSighting: detect.sighting_from_msg,
}


def _cdr(folder: Path) -> Run:
    """The first byte says as which message the rest is read."""
    kinds = list(_TAKEN)

    def run(data: bytes) -> str:
        kind = kinds[(data or b"\0")[0] % len(kinds)]
        message = _read(data[1:], kind)
        if message is None:
            return f"{kind.__name__} none"
        try:
            _TAKEN[kind](message)
        except ValueError as error:
            return f"{kind.__name__} {error}"
        return f"{kind.__name__} taken"

    return run


def _cdrs(folder: Path) -> Sequence[bytes]:
    made = []
    for number, kind in enumerate(_TAKEN):
        message = kind()
        for name, of in kind.get_fields_and_field_types().items():
            if of == "string":
                setattr(message, name, "abc")
            elif of.startswith("sequence<float"):
                setattr(message, name, array("f", [0.5, 0.25]))
            elif of == "sequence<string>":
                setattr(message, name, ["ab", "c"])
        made.append(bytes([number]) + bytes(serialize_message(message)))
    return made


TARGETS = (
    Target("image messages", _image, _random, 6, BINARY),
    Target("image messages, raw", _image_cdr, _image_cdrs, 4, BINARY),
    Target("detections", _judged(False), _random, 0.5, BINARY),
    Target("tracks", _judged(True), _random, 0.7, BINARY),
    Target("capture requests", _capture, _random, 4, BINARY),
    Target("announcements", _announcement, _random, 4, BINARY),
    Target("messages, raw", _cdr, _cdrs, 8, BINARY),
)
