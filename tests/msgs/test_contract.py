"""The messages keep the house rules, and the words of bconnect_site match their enums."""

from __future__ import annotations

import importlib
import re
from enum import IntEnum
from pathlib import Path

import pytest
from rclpy.serialization import deserialize_message, serialize_message

from bconnect_site import kinds

MSGS = Path(__file__).parents[2] / "src" / "bconnect_msgs"
MESSAGES = sorted(p.stem for p in (MSGS / "msg").glob("*.msg"))
SERVICES = sorted(p.stem for p in (MSGS / "srv").glob("*.srv"))

# Messages that are parts of others, or carry a header inside what they carry.
PARTS = {"RoadUser", "PlateReading", "Evidence", "Zone"}

DESIGNED = {
    "RoadUser",
    "RoadUserArray",
    "SignalState",
    "CameraStatus",
    "Violation",
    "Finding",
    "PlateReading",
    "PlateSighting",
    "Evidence",
    "Measure",
    "Announcement",
    "SpeakerState",
    "Citation",
    "TowJob",
    "SiteInfo",
    "Zone",
    "CaptureRequest",
    "Compliance",
    "RuleTrust",
    "StickerTask",
    "Capture",
    "FrameReference",
}

ENUMS: list[tuple[type[IntEnum], str, str]] = [
    (kinds.RoadUserKind, "RoadUser", "KIND_"),
    (kinds.ViolationType, "Finding", "TYPE_"),
    (kinds.ZoneKind, "Zone", "KIND_"),
    (kinds.SignalAspect, "SignalState", "ASPECT_"),
    (kinds.SignalSource, "SignalState", "SOURCE_"),
    (kinds.CameraState, "CameraStatus", "STATE_"),
    (kinds.Step, "Measure", "STEP_"),
    (kinds.Mode, "Measure", "MODE_"),
    (kinds.PlateState, "PlateReading", "STATE_"),
    (kinds.EvidenceKind, "Evidence", "KIND_"),
    (kinds.CitationStatus, "Citation", "STATUS_"),
    (kinds.SpeakerStateKind, "SpeakerState", "STATE_"),
    (kinds.Colour, "RoadUser", "COLOUR_"),
    (kinds.PlateColour, "PlateReading", "COLOUR_"),
    (kinds.TowStatus, "TowJob", "STATUS_"),
    (kinds.StickerStatus, "StickerTask", "STATUS_"),
    (kinds.Outcome, "Compliance", "OUTCOME_"),
]


def message_class(name: str) -> type:
    return getattr(importlib.import_module("bconnect_msgs.msg"), name)


def constants(name: str) -> dict[str, int]:
    text = (MSGS / "msg" / f"{name}.msg").read_text()
    return {n: int(v) for n, v in re.findall(r"^uint8 ([A-Z][A-Z0-9_]*)=(\d+)", text, re.M)}


def test_every_designed_message_exists() -> None:
    assert set(MESSAGES) >= DESIGNED
    assert set(SERVICES) >= {"ReviewCitation", "UpdateTowJob"}


@pytest.mark.parametrize("name", MESSAGES)
def test_message_survives_the_wire(name: str) -> None:
    cls = message_class(name)
    first = cls()
    assert deserialize_message(serialize_message(first), cls) == first


@pytest.mark.parametrize("name", sorted(set(MESSAGES) - PARTS))
def test_header_comes_first(name: str) -> None:
    fields = list(message_class(name).get_fields_and_field_types().items())
    assert fields[0] == ("header", "std_msgs/Header")


@pytest.mark.parametrize("name", MESSAGES)
def test_zero_means_unknown(name: str) -> None:
    by_prefix: dict[str, dict[str, int]] = {}
    for constant, value in constants(name).items():
        prefix = constant.split("_")[0]
        by_prefix.setdefault(prefix, {})[constant] = value
    for prefix, values in by_prefix.items():
        assert values.get(f"{prefix}_UNKNOWN") == 0, f"{name}: {prefix}_UNKNOWN=0 is missing"
        assert sorted(values.values()) == list(range(len(values))), f"{name}: gaps in {prefix}_"


@pytest.mark.parametrize(
    ("enum", "message", "prefix"), ENUMS, ids=lambda x: getattr(x, "__name__", x)
)
def test_words_match_the_message(enum: type[IntEnum], message: str, prefix: str) -> None:
    in_message = {
        n.removeprefix(prefix): v for n, v in constants(message).items() if n.startswith(prefix)
    }
    assert {e.name: e.value for e in enum} == in_message


def test_every_enum_of_a_message_has_its_words() -> None:
    covered = {(message, prefix) for _, message, prefix in ENUMS}
    for name in MESSAGES:
        for constant in constants(name):
            prefix = constant.split("_")[0] + "_"
            assert (name, prefix) in covered, (
                f"{name}.{constant} has no enum in bconnect_site.kinds"
            )


@pytest.mark.parametrize("name", MESSAGES)
def test_pictures_and_json_stay_out_of_events(name: str) -> None:
    """No image bytes, no JSON in strings; only the signature is raw bytes."""
    fields = message_class(name).get_fields_and_field_types()
    for field, kind in fields.items():
        assert "json" not in field
        if kind in ("sequence<uint8>", "sequence<octet>"):
            assert (name, field) in {
                ("Announcement", "signature"),
                ("Measure", "signature"),
                ("Violation", "signature"),
                ("RoadUserArray", "kind"),
                ("RoadUserArray", "colour"),
            }


@pytest.mark.parametrize("name", SERVICES)
def test_service_answers_with_success_and_message(name: str) -> None:
    service = getattr(importlib.import_module("bconnect_msgs.srv"), name)
    fields = list(service.Response.get_fields_and_field_types())
    assert fields[:2] == ["success", "message"]


def test_columns_of_road_users_match_the_single_one() -> None:
    single = message_class("RoadUser").get_fields_and_field_types()
    columns = message_class("RoadUserArray").get_fields_and_field_types()
    for field, kind in single.items():
        wire = {"float": "sequence<float>", "uint8": "sequence<uint8>", "int64": "sequence<int64>"}
        assert columns[field] == wire[kind], field
