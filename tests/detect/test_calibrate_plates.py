"""bconnect calibrate from number plates, and lane lines a known width apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detect_scenes import place as spot
from detect_scenes import zone
from ground_scenes import Street

from bconnect_detect.calibrate import main
from bconnect_detect.core.calibrating import apply
from bconnect_detect.core.calibrating_plates import (
    HANGS,
    MOST_DOUBT,
    SIZES,
    Plate,
    Plates,
    fit_plates,
)
from bconnect_detect.core.rule import RuleOff
from bconnect_detect.core.speed_needs import ground_of
from bconnect_site.calibration import Calibration, load_calibration
from bconnect_site.errors import ConfigError
from bconnect_site.yamlwrite import to_yaml

STREET = Street((0.0, 0.0, 6.5), (36.0, 0.0, 0.5), 40.0, (1280, 720))
PLACES = ((19, 0.5, 3), (22, 2, -2), (26, -1, 4), (31, 3, 0), (36, 1, 5), (42, 2, 2))
CHECKED = np.array(((20.0, 1.0), (28.0, 2.0), (36.0, -1.0)))


def corners(x: float, y: float, turned: float, size: Any = SIZES["car"], z: float = 0.55) -> Any:
    """A plate's corners, fractions; ``turned``: degrees off the camera's axis."""
    turn = np.radians(turned)
    right = np.array((np.sin(turn), -np.cos(turn))) * size[0] / 2
    at = np.array((x, y))
    ends = [at - right, at + right, at + right, at - right]
    tops = (1, 1, -1, -1)
    points = [(*p, z + top * size[1] / 2) for p, top in zip(ends, tops, strict=True)]
    return STREET.pixels(points) / STREET.size


def plates(count: int = 6, noise: float = 0.7, seed: int = 0, **changes: Any) -> Plates:
    """``count`` of PLACES, marked ``noise`` px off."""
    random = np.random.default_rng(seed)
    size, hangs = changes.pop("size", SIZES["car"]), changes.pop("spread", 0.0)
    made = []
    for index in np.linspace(0, len(PLACES) - 1, count).astype(int):
        at = corners(*PLACES[index], size, HANGS["car"] + hangs * random.normal())
        marked = at + random.normal(size=(4, 2)) * noise / STREET.size
        made.append(Plate(marked, SIZES["car"], HANGS["car"]))
    keys = {"plates": tuple(made), "focal": STREET.focal / 1280, "tall": 720 / 1280}
    return Plates(**{**keys, **changes})


def errors(matrix: Any) -> Any:
    """Of places on the road, shares of their distance."""
    at = apply(matrix, STREET.fractions(CHECKED))
    return np.hypot(*(at - CHECKED).T) / np.hypot(*CHECKED.T)


class TestFit:
    def test_faultless_marks(self) -> None:
        made = fit_plates(plates(noise=0.0))
        assert errors(made.homography).max() < 0.002
        assert made.height == pytest.approx(6.5, abs=0.02) and made.residuals.max() < 0.05
        assert made.doubt > 0.04  # a plate's size is not known better

    @pytest.mark.parametrize("count", [2, 3, 6])
    @pytest.mark.parametrize("height", [None, 6.5])
    @pytest.mark.parametrize(
        "changes",
        [{}, {"size": (0.430, 0.135)}, {"focal": STREET.focal / 1280 * 1.03}, {"spread": 0.12}],
        ids=["as assumed", "a longer plate", "another view", "hung elsewhere"],
    )
    def test_errors_stay_within_what_is_stated(
        self, count: int, height: float | None, changes: dict[str, Any]
    ) -> None:
        found = [fit_plates(plates(count, seed=s, height=height, **changes)) for s in range(5)]
        off = np.array([errors(made.homography).max() for made in found])
        doubt = np.array([made.doubt for made in found])
        assert (off < 2 * doubt).all() and (doubt < MOST_DOUBT).all()
        assert all(0.3 < made.stddev < 4.0 for made in found)

    def test_more_plates_and_measured_sizes_leave_less_doubt(self) -> None:
        few, many = fit_plates(plates(2)), fit_plates(plates(6))
        assert many.doubt < few.doubt
        assert fit_plates(plates(6, height=6.5, measured=True)).doubt < 0.8 * many.doubt

    def test_one_plate_is_not_enough(self) -> None:
        with pytest.raises(ConfigError, match="found 1; one plate alone says too little"):
            fit_plates(plates(1))

    def test_two_side_by_side_leave_too_much_doubt(self) -> None:
        given = plates(2, noise=0.0)
        pair = [Plate(corners(34, y, 0), SIZES["car"], 0.55) for y in (0.0, 2.0)]
        with pytest.raises(ConfigError, match=r"known to \d+ % of its distance only"):
            fit_plates(Plates(tuple(pair), given.focal, given.tall))
        fit_plates(Plates(tuple(pair), given.focal, given.tall, 6.5, measured=True))


def changed(index: int, at: Any) -> Plates:
    given = list(plates(noise=0.3).plates)
    given[index] = Plate(at, SIZES["car"], HANGS["car"])
    return Plates(tuple(given), STREET.focal / 1280, 720 / 1280)


class TestMistakes:
    def refused(self, given: Plates, words: str) -> None:
        with pytest.raises(ConfigError, match=words) as caught:
            fit_plates(given)
        assert len(caught.value.sentences) == 1

    def test_a_plate_in_the_sky(self) -> None:
        up = corners(*PLACES[2]) - (0.0, 0.5)
        assert (up > 0).all()
        self.refused(changed(2, up), r"plates\.seen\[2\]: .*is it in the sky")

    def test_corners_swapped(self) -> None:
        at = corners(*PLACES[1])
        self.refused(changed(1, at[[1, 0, 2, 3]]), r"seen\[1\]\.corners: must go clockwise")
        self.refused(changed(1, at[::-1]), r"seen\[1\]\.corners: must go clockwise")

    def test_three_corners_on_one_line(self) -> None:
        at = corners(*PLACES[1])
        at[2] = (at[1] + at[3]) / 2
        self.refused(changed(1, at), r"plates\.seen\[1\]")

    def test_a_motorcycles_plate_called_a_cars(self) -> None:
        at = corners(*PLACES[3], SIZES["motorcycle"], HANGS["motorcycle"])
        self.refused(changed(3, at), r"plates\.seen\[3\]: .*check its corners and its kind")

    def test_outside_the_image_and_too_small(self) -> None:
        self.refused(changed(0, corners(*PLACES[0]) + 1.0), r"seen\[0\]\.corners: lie outside")
        far = (0.5, 0.5) + 0.1 * (corners(*PLACES[5]) - (0.5, 0.5))
        self.refused(changed(5, far), r"seen\[5\]\.corners: a plate less than 8")


def survey(folder: Path, given: Plates, **changes: Any) -> Path:
    seen = [
        {"kind": "car", "corners": (p.corners * STREET.size).round(2).tolist()}
        for p in given.plates
    ]
    keys: dict[str, Any] = {"field_of_view": 40.0, "height": 6.5, "seen": seen}
    plain = {
        "calibration": "a",
        "author": "Uji",
        "date": "2026-11-24",
        "image": {"width": 1280, "height": 720},
        "plates": {k: v for k, v in {**keys, **changes}.items() if v is not None},
    }
    file = folder / "survey.yaml"
    file.write_text(to_yaml(plain))
    return file


class TestAgreement:
    @pytest.mark.parametrize("height", [4.0, 11.0])
    def test_a_height_the_plates_contradict(self, height: float) -> None:
        with pytest.raises(ConfigError, match=r"plates\.height: found \d+ m; by the plates"):
            fit_plates(plates(noise=0.3, height=height, measured=True))

    def test_no_speeding_by_plates(self) -> None:
        made = STREET.calibration().file
        assert made.ground is not None
        plate = made.model_copy(
            update={"ground": made.ground.model_copy(update={"method": "plate"})}
        )
        made_zone = zone(kind="speed", region=[[0, 0], [1, 0.5], [1, 1]], limit=9.0)
        place = replace(spot(made_zone), calibration=Calibration(plate))
        with pytest.raises(RuleOff, match=r"made from number plates, .* for speeding"):
            ground_of(place, "speeding")


class TestCommand:
    def test_plates_become_a_file_that_says_what_it_is_worth(
        self, tmp_path: Path, capsys: Any
    ) -> None:
        out = tmp_path / "a.yaml"
        file = survey(tmp_path, plates(), origin=[100.0, 50.0], heading=90.0)
        assert main([str(file), "--out", str(out)]) == 0
        made = load_calibration(out)
        assert made.file.ground is not None and made.file.ground.method == "plate"
        at = made.to_ground(STREET.fractions((28.0, 1.0)), anywhere=True)
        assert at == pytest.approx(np.array(((99.0, 78.0),)), abs=2.0)
        said = capsys.readouterr().out
        assert "not for how fast" in said and "residual" in said
        assert 0.3 < made.stddev < 4.0

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"field_of_view": None}, r"plates\.field_of_view: is missing"),
            ({"seen": []}, r"plates\.seen"),
            ({"height": -2.0}, r"plates\.height"),
            ({"seen": [{"kind": "bus", "corners": [[0, 0]] * 4}]}, r"seen\[0\]\.kind"),
            ({"seen": [{"kind": "car", "corners": [[0, 0]] * 3}]}, r"seen\[0\]\.corners"),
        ],
    )
    def test_mistakes(self, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
        out = tmp_path / "a.yaml"
        with pytest.raises(ConfigError, match=words):
            main([str(survey(tmp_path, plates(), **changes)), "--out", str(out)])
        assert not out.exists()

    def test_the_kind_may_come_from_the_command(self, tmp_path: Path) -> None:
        given = plates()
        bare = [{"corners": (p.corners * STREET.size).round(2).tolist()} for p in given.plates]
        file, out = survey(tmp_path, given, seen=bare), tmp_path / "a.yaml"
        with pytest.raises(ConfigError, match=r"kind: is missing; write it or give --plate"):
            main([str(file), "--out", str(out)])
        assert main([str(file), "--out", str(out), "--plate", "car"]) == 0

    def test_lane_lines_a_width_apart(self, tmp_path: Path, capsys: Any) -> None:
        sides = (-3.5, 0.0, 3.5)
        ends = [STREET.fractions(((20.0, y), (40.0, y))) * STREET.size for y in sides]
        plain = {
            "calibration": "a",
            "author": "Uji",
            "date": "2026-11-24",
            "image": {"width": 1280, "height": 720},
            "lanes": {"lines": [{"ends": e.tolist()} for e in ends], "field_of_view": 40.0},
        }
        file, out = tmp_path / "survey.yaml", tmp_path / "a.yaml"
        file.write_text(to_yaml(plain))
        with pytest.raises(ConfigError, match=r"lines\[0\]\.offset: is missing; .*--lane-width"):
            main([str(file), "--out", str(out)])
        assert main([str(file), "--out", str(out), "--lane-width", "3.5"]) == 0
        at = load_calibration(out).to_ground(STREET.fractions((30.0, 1.0)))
        assert at == pytest.approx(np.array(((10.0, 4.5),)), abs=0.01)
        with pytest.raises(SystemExit):
            main([str(file), "--lane-width", "wide"])
        assert "needs m from 1.5 to 10" in capsys.readouterr().err
