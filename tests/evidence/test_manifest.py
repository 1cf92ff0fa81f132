"""The manifest: round trip, one form per content, every touch is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from math import inf, nan
from pathlib import Path

import pytest

from bconnect_bringup import cli
from bconnect_detect import verify
from bconnect_detect.adapters.sealed_folder import SealedFolder
from bconnect_detect.core import manifest
from bconnect_detect.core.chain import Link
from bconnect_detect.core.evidence import Case
from bconnect_detect.core.plain import (
    finding_from_dict,
    finding_to_dict,
    plate_from_dict,
    plate_to_dict,
)
from bconnect_detect.core.types import Finding, RoadUser
from bconnect_detect.core.violation import PlateReading, Violation
from bconnect_detect.sealing import Sealer
from bconnect_site.kinds import Colour, PlateColour, PlateState, RoadUserKind, ViolationType

MakeFinding = Callable[..., Finding]


@pytest.fixture
def sealed(sealer: Sealer, make_finding: MakeFinding, make_case: Callable[..., Case]) -> Path:
    violation = sealer.seal(make_case(sealer, make_finding()))
    return sealer.store.root / Path(violation.manifest).parent


def test_a_finding_survives_the_trip(make_finding: MakeFinding) -> None:
    finding = make_finding(measured_low=0.25, latitude=-1.25, longitude=116.5)
    body = json.loads(json.dumps(finding_to_dict(finding), allow_nan=False))
    back = finding_from_dict(body)
    assert repr(back) == repr(finding)  # repr: NaN is not equal to itself
    assert body["stamp"] == finding.stamp
    assert body["stamp_utc"] == "2026-11-24T10:23:22.437000Z"
    assert body["measured_high"] is None
    assert body["type"] == "stop_line" and body["signal"]["aspect"] == "red"


def test_the_bare_minimum_survives_too(make_finding: MakeFinding) -> None:
    finding = make_finding(
        type=ViolationType.UNKNOWN,
        signal=None,
        measured=nan,
        trail=(),
        started=0,
        road_user=RoadUser(RoadUserKind.UNKNOWN, 0, nan, (nan, nan, nan, inf)),
    )
    back = finding_from_dict(finding_to_dict(finding))
    assert back.signal is None and back.road_user.kind is RoadUserKind.UNKNOWN
    assert repr(back.road_user.box) == "(nan, nan, nan, nan)"


def test_every_field_of_a_finding_and_a_plate_is_kept(make_finding: MakeFinding) -> None:
    """A field added to the types and forgotten in the JSON would be lost from the evidence."""
    finding = make_finding(same_as="another", measured_low=0.25)
    user = replace(finding.road_user, emergency=0.25, colour=Colour.WHITE, riders=2.0, helmets=1.0)
    finding = replace(finding, road_user=user)
    assert repr(finding_from_dict(finding_to_dict(finding))) == repr(finding)
    plate = PlateReading(PlateState.UNREADABLE, "", 0.5, (1.0, 2.0, 3.0, 4.0), 9.0, 2, 5)
    plate = replace(plate, colour=PlateColour.YELLOW, reason="9 px high, 12 are needed")
    assert repr(plate_from_dict(plate_to_dict(plate))) == repr(plate)
    body = finding_to_dict(finding)
    assert {f.name for f in fields(Finding)} <= set(body)
    assert {f.name for f in fields(RoadUser)} <= set(body["road_user"])
    assert {f.name for f in fields(PlateReading)} <= set(plate_to_dict(plate))


def test_bytes_depend_on_content_only(make_finding: MakeFinding) -> None:
    facts, link = manifest.Facts("0.1.0", "00"), Link(1, "", "a/b")
    body = manifest.build(Violation(make_finding(), (), "", ""), (), link, facts, 5)
    assert manifest.canonical(dict(reversed(body.items()))) == manifest.canonical(body)
    assert manifest.parse(manifest.canonical(body)) == body
    with pytest.raises(ValueError, match="JSON"):
        manifest.canonical({"a": nan})


def test_a_whole_folder_passes(sealed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (sealed / "manifest.json").read_bytes()
    assert verify.main([str(sealed)]) == verify.WHOLE
    assert "whole, 13 files" in capsys.readouterr().out
    assert verify.main([str(sealed.parent.parent.parent)]) == verify.WHOLE
    assert verify.main([str(sealed), "--sha256", manifest.sha256(data).upper()]) == verify.WHOLE


@pytest.mark.parametrize(
    "name",
    [
        "scene.jpg",
        "context_before.jpg",
        "context_after.jpg",
        "clip.mp4",
        "annotated.jpg",
        "vehicle.jpg",
    ],
)
def test_one_flipped_bit_is_named(
    sealed: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray((sealed / name).read_bytes())
    data[len(data) // 2] ^= 1
    (sealed / name).write_bytes(data)
    assert verify.main([str(sealed)]) == verify.TOUCHED
    out = capsys.readouterr().out
    assert f"{name} was touched: its content is not what was sealed" in out
    assert out.count("\n") == 1


def test_every_flipped_bit_of_the_manifest_is_named(sealed: Path) -> None:
    data, signature = ((sealed / n).read_bytes() for n in ("manifest.json", "manifest.sig"))
    known = verify.keys_beside(sealed)
    assert known
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        folder = SealedFolder("x", sealed.name, bytes(changed), signature)
        verdict = verify.examine(folder, known)
        assert verdict.state == verify.TOUCHED, place
        assert verdict.sentences[0].startswith("manifest.json"), (place, verdict)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: (f / "clip.mp4").unlink(), "clip.mp4 is missing"),
        (lambda f: (f / "new.jpg").write_bytes(b"x"), "new.jpg was added after the seal"),
        (lambda f: (f / "sub").mkdir(), "sub was added after the seal"),
        (lambda f: (f / "scene.jpg").write_bytes(b""), "scene.jpg was touched: it has 0 bytes"),
        (lambda f: (f / "manifest.json").write_text("{}"), "manifest.json: format: found None"),
        (
            lambda f: (f / "manifest.json").write_text("[1]"),
            "manifest.json was touched: it is no JSON object",
        ),
        (lambda f: (f / "manifest.json").write_text("pwd"), "it is no JSON any more"),
    ],
)
def test_what_came_went_or_changed_is_named(
    sealed: Path,
    change: Callable[[Path], object],
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(sealed)
    assert verify.main([str(sealed)]) == verify.TOUCHED
    assert expected in capsys.readouterr().out


def test_an_exchanged_manifest_fits_no_key(
    sealed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any key only the ledger can tell a manifest made anew from the sealed one."""
    path = sealed / "manifest.json"
    digest = manifest.sha256(path.read_bytes())
    body = manifest.parse(path.read_bytes())
    body["sequence"] = 7
    path.write_bytes(manifest.canonical(body))
    assert verify.main([str(sealed)]) == verify.TOUCHED
    assert "manifest.json was touched: its signature does not fit" in capsys.readouterr().out
    other = sealed.parents[4] / "elsewhere"
    sealed.rename(other)
    path = other / "manifest.json"
    body["id"] = "elsewhere"
    path.write_bytes(manifest.canonical(body))
    assert verify.main([str(other)]) == verify.UNSIGNED
    assert "the seal was not checked: no public key" in capsys.readouterr().out
    assert verify.main([str(other), "--sha256", digest]) == verify.TOUCHED
    assert "manifest.json was touched" in capsys.readouterr().out


def test_the_command_line_has_it(sealed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", str(sealed)]) == verify.WHOLE
    (sealed / "clip.mp4").write_bytes(b"")
    assert cli.main(["verify", str(sealed)]) == verify.TOUCHED
    assert "clip.mp4 was touched: it has 0 bytes" in capsys.readouterr().out


def test_nothing_to_check_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(tmp_path)]) == verify.NOTHING
    assert verify.main([str(tmp_path / "absent")]) == verify.NOTHING
    assert "no sealed evidence here" in capsys.readouterr().err
