"""Calibration files: image to ground and back, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bconnect_site.calibration import Calibration, CalibrationFile, load_calibration
from bconnect_site.errors import ConfigError
from bconnect_site.yamlwrite import to_yaml

REGION = [[0.0, 0.45], [1.0, 0.45], [1.0, 1.0], [0.0, 1.0]]


def camera(height: float, tilt: float, pan: float, focal: float) -> Any:
    """Fractions to metres of a pinhole above the origin, by its rays; angles in degrees."""
    t, p = np.radians(tilt), np.radians(pan)
    ahead = np.array((np.cos(p) * np.cos(t), np.sin(p) * np.cos(t), -np.sin(t)))
    right = np.array((np.sin(p), -np.cos(p), 0.0))
    down = np.cross(ahead, right)

    def ground(x: float, y: float) -> Any:
        ray = ahead + (x - 0.5) / focal * right + (y - 0.5) * 9 / 16 / focal * down
        return ray[:2] * (height / -ray[2])

    # w = -ray z, X = h * ray x, Y = h * ray y: all linear in (x, y, 1).
    columns = [right / focal, down * 9 / 16 / focal]
    rest = ahead - 0.5 * columns[0] - 0.5 * columns[1]
    rays = np.column_stack((*columns, rest))
    matrix = np.vstack((height * rays[0], height * rays[1], -rays[2]))
    return matrix, ground


def plain(matrix: Any, **changes: Any) -> dict[str, Any]:
    marks = np.array(REGION)
    made = np.column_stack((marks, np.ones(4))) @ np.asarray(matrix).T
    points = [
        {"image": m, "ground": (g[:2] / g[2]).tolist(), "residual": 0.02}
        for m, g in zip(REGION, made, strict=True)
    ]
    ground = {
        "homography": np.asarray(matrix).tolist(),
        "region": REGION,
        "stddev": 0.05,
        "points": points,
        "method": "survey",
    }
    ground.update(changes.pop("ground", {}))
    return {
        "calibration": "utara",
        "date": "2026-11-01",
        "author": "Uji",
        "image": {"width": 1280, "height": 720},
        "ground": ground,
        **changes,
    }


def calibration(matrix: Any, **changes: Any) -> Calibration:
    return Calibration(CalibrationFile.model_validate(plain(matrix, **changes)))


MATRIX, GROUND = camera(6.0, 12.0, 30.0, 1.2)
poses = st.tuples(
    st.floats(3.0, 30.0), st.floats(15.0, 60.0), st.floats(-180.0, 180.0), st.floats(0.6, 3.0)
)
places = st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0.46, 0.99)), min_size=1, max_size=8)


@given(poses, places)
def test_there_and_back_by_any_camera(pose: Any, fractions: Any) -> None:
    height, tilt, pan, focal = pose
    matrix, ground = camera(height, tilt, pan, focal)
    assume(tilt - np.degrees(np.arctan(0.05 * 9 / 16 / focal)) > 8.0)
    made = calibration(matrix)
    at = made.to_ground(np.array(fractions))
    assert at == pytest.approx(np.array([ground(x, y) for x, y in fractions]), rel=1e-6, abs=1e-6)
    assert made.to_image(at) == pytest.approx(np.array(fractions), abs=1e-7)


@given(poses, places, st.floats(0.1, 50.0), st.booleans())
def test_the_scale_and_the_sign_of_a_homography_say_nothing(
    pose: Any, fractions: Any, scale: float, turned: bool
) -> None:
    matrix, _ = camera(*pose)
    assume(pose[1] - np.degrees(np.arctan(0.05 * 9 / 16 / pose[3])) > 8.0)
    other = calibration(matrix * (-scale if turned else scale))
    one = calibration(matrix)
    expected = pytest.approx(one.to_ground(np.array(fractions)), rel=1e-6, abs=1e-6)
    assert other.to_ground(np.array(fractions)) == expected


def test_slopes_are_those_of_the_map() -> None:
    for keys in ({}, {"intrinsics": lens([-0.25, 0.08, 0.001, 0.002])}):
        made = calibration(MATRIX, **keys, ground={"points": far(MATRIX, **keys)})
        at = np.array([[0.3, 0.6], [0.8, 0.9], [0.5, 0.5]])
        slopes = made.jacobian(at)
        for axis in range(2):
            step = np.eye(2)[axis] * 1e-5
            moved = (made.to_ground(at + step) - made.to_ground(at - step)) / 2e-5
            assert slopes[:, :, axis] == pytest.approx(moved, rel=1e-4, abs=1e-4)


def lens(distortion: list[float], model: str = "plumb_bob") -> dict[str, Any]:
    return {
        "width": 1280.0, "height": 720.0, "fx": 1000.0, "fy": 1000.0, "cx": 639.5, "cy": 359.5,
        "model": model, "distortion": distortion,
    }  # fmt: skip


def far(matrix: Any, **keys: Any) -> list[dict[str, Any]]:
    """Points of a bent image that agree with it."""
    loose = plain(matrix, **keys)
    for point in loose["ground"]["points"]:
        point["residual"] = 1e6
    made = Calibration(CalibrationFile.model_validate(loose))
    at = made.to_ground(np.array(REGION), anywhere=True).tolist()
    return [{"image": m, "ground": g, "residual": 0.0} for m, g in zip(REGION, at, strict=True)]


@pytest.mark.parametrize(
    ("model", "numbers"),
    [
        ("plumb_bob", [-0.28, 0.09, 0.001, -0.0008, -0.01]),
        ("rational_polynomial", [0.2, -0.1, 0.0005, 0.0004, 0.01, 0.3, -0.05, 0.01]),
        ("equidistant", [0.02, -0.01, 0.002, -0.0003]),
    ],
)
def test_a_bent_image_is_straightened_first(model: str, numbers: list[float]) -> None:
    keys = {"intrinsics": lens(numbers, model)}
    made = calibration(MATRIX, **keys, ground={"points": far(MATRIX, **keys)})
    straight = calibration(MATRIX)
    at = np.array([[0.2, 0.55], [0.5, 0.7], [0.9, 0.95]])
    assert made.has_distortion and not straight.has_distortion
    assert np.abs(made.to_ground(at) - straight.to_ground(at)).max() > 0.05
    assert made.to_image(made.to_ground(at)) == pytest.approx(at, abs=1e-6)
    # The middle of the lens bends nothing.
    middle = np.array([[0.5, 0.5]])
    assert made.to_ground(middle) == pytest.approx(straight.to_ground(middle), abs=1e-3)


def test_nothing_is_said_outside_the_region_or_above_the_horizon() -> None:
    made = calibration(MATRIX)
    below, beside, sky = [0.5, 0.7], [0.5, 0.3], [0.5, 0.0]
    assert np.isfinite(made.to_ground(np.array([below, beside, sky]))).all(axis=1).tolist() == [
        True, False, False,
    ]  # fmt: skip
    anywhere = made.to_ground(np.array([below, beside, sky]), anywhere=True)
    assert np.isfinite(anywhere).all(axis=1).tolist() == [True, True, False]
    behind = -made.to_ground(np.array([below]))
    assert np.isnan(made.to_image(behind)).all()
    assert made.covers(np.array([[-0.1, 0.7], [0.5, 1.1], [np.nan, 0.7]])).tolist() == [False] * 3


def test_a_file_without_ground_knows_no_place() -> None:
    body = plain(MATRIX, intrinsics=lens([]))
    body.pop("ground")
    made = Calibration(CalibrationFile.model_validate(body))
    at = np.array([[0.5, 0.7]])
    assert not made.has_ground and np.isnan(made.stddev)
    for answer in (made.to_ground(at), made.to_image(at), made.jacobian(at), made.homography):
        assert np.isnan(answer).all()
    assert not made.covers(at).any()


def test_it_fits_every_size_of_its_picture_and_no_other() -> None:
    made = calibration(MATRIX)
    assert made.fits(640, 360) and made.fits(1920, 1080)
    assert not made.fits(640, 480) and not made.fits(704, 576) and not made.fits(0, 0)


COLLINEAR = np.array(((1.0, 2.0, 0.5), (2.0, 4.0, 1.0), (0.1, 0.3, 1.0)))
FAR = [{"image": mark, "ground": [9000.0, 0.0], "residual": 0.1} for mark in REGION]
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a homography of collinear points": (
        {"ground": {"homography": COLLINEAR.tolist()}},
        "ground.homography: maps the image onto a line, not a plane",
    ),
    "a homography of zeros": (
        {"ground": {"homography": [[0.0] * 3] * 3}},
        "ground.homography: maps the image onto a line, not a plane",
    ),
    "a region in the sky": (
        {"ground": {"region": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]}},
        "ground.region: corner 1 lies at or above the horizon",
    ),
    "points that are not where the homography puts them": (
        {"ground": {"points": FAR}},
        "ground.points[0]: lies ",
    ),
    "a lens nobody knows": (
        {"intrinsics": lens([0.1], "plum_bob")},
        'intrinsics.model: no lens model is called "plum_bob"; did you mean "plumb_bob"?',
    ),
    "too many numbers for a lens": (
        {"intrinsics": lens([0.1] * 6)},
        "intrinsics.distortion: found 6 numbers, plumb_bob takes at most 5",
    ),
    "three points": (
        {"ground": {"points": plain(MATRIX)["ground"]["points"][:3]}},
        "ground.points: needs at least 4, found 3",
    ),
    "a region outside the image": (
        {"ground": {"region": [[0.0, 0.5], [1.2, 0.5], [1.0, 1.0]]}},
        "ground.region: point 2 is [1.2, 0.5], outside the image",
    ),
    "no author": ({"author": ""}, "author: must not be empty"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_sentence(tmp_path: Path, changes: Any, words: str) -> None:
    file = tmp_path / "utara.yaml"
    file.write_text(to_yaml(plain(MATRIX, **changes)))
    with pytest.raises(ConfigError) as caught:
        load_calibration(file)
    first = caught.value.sentences[0]
    assert first.startswith(f"{file}: {words}"), first


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "utara.yaml"
    file.write_text(to_yaml(plain(MATRIX)))
    made = load_calibration(file)
    assert made.has_ground and made.stddev == 0.05
    assert made.to_ground(np.array([[0.5, 0.7]])) == pytest.approx(GROUND(0.5, 0.7)[None])


def test_a_broken_file_of_one_camera_leaves_the_others(write: Any, house: Path) -> None:
    from bconnect_site.loader import load_site

    (house / "config" / "calibration").mkdir()
    good, bad = (house / "config" / "calibration" / n for n in ("a.yaml", "b.yaml"))
    good.write_text(to_yaml(plain(MATRIX)))
    bad.write_text(to_yaml(plain(MATRIX, **MISTAKES["a homography of zeros"][0])))
    text = "site: x\nkind: corridor\ntitle: X\ncameras:\n" + "".join(
        f"  {n}: {{source: 'rtsp://192.0.2.1/{n}', calibration: calibration/{n}.yaml}}\n"
        for n in ("a", "b")
    )
    loaded = load_site(write(text))
    wrong: list[str] = []
    assert list(loaded.calibrations(wrong)) == ["a"]
    assert len(wrong) == 1 and wrong[0].startswith("camera b: ") and "not a plane" in wrong[0]
    with pytest.raises(ConfigError):
        loaded.calibrations()
