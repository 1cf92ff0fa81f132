"""bconnect calibrate: points or lane lines in, file and picture out; mistakes are sentences."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from ground_scenes import Street
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bconnect_detect.adapters.grid_picture import blank, draw_grid
from bconnect_detect.calibrate import main
from bconnect_detect.core.calibrating import apply, fit, hull
from bconnect_detect.core.calibrating_lanes import Lanes, fit_lanes
from bconnect_site.calibration import load_calibration
from bconnect_site.errors import ConfigError
from bconnect_site.yamlwrite import to_yaml

STREET = Street((478.0, 13.0, 6.5), (514.0, 4.0, 0.5), 40.0, (1280, 720))
GROUND = np.array(
    ((500, 2), (500, 9), (515, 2), (515, 9), (534, 2), (534, 9), (524, 5.5)), np.float64
)
IMAGE = STREET.fractions(GROUND)


def marked(seed: int = 0, pixels: float = 0.7) -> Any:
    noise = np.random.default_rng(seed).normal(size=IMAGE.shape) * pixels
    return IMAGE + noise / STREET.size


def sentence(image: Any, ground: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        fit(image, ground)
    assert len(caught.value.sentences) == 1
    return str(caught.value)


class TestFit:
    def test_a_perfect_survey(self) -> None:
        made = fit(IMAGE, GROUND)
        assert made.residuals.max() < 1e-6 and np.nanmax(made.left_out) < 1e-6
        assert apply(made.homography, IMAGE) == pytest.approx(GROUND)
        assert made.stddev > 0.03  # nobody marks better than a pixel

    def test_marking_errors_are_told_and_far_points_may_be_worse(self) -> None:
        off, said = [], []
        for seed in range(20):
            made = fit(marked(seed), GROUND)
            inner = np.array(((505.0, 4.0), (510.0, 7.0), (520.0, 5.0), (528.0, 3.0)))
            off += np.hypot(*(apply(made.homography, STREET.fractions(inner)) - inner).T).tolist()
            said.append(made.stddev)
        assert np.sqrt(np.mean(np.square(off))) < np.mean(said) < 0.3
        assert (made.left_out >= made.residuals * 0.99).all()

    @given(
        st.floats(-200, 200),
        st.floats(-200, 200),
        st.floats(0, 360),
        st.floats(4.0, 12.0),
        st.floats(35.0, 70.0),
    )
    @settings(deadline=None, max_examples=30)
    def test_any_camera_anywhere(
        self, x: float, y: float, pan: float, height: float, view: float
    ) -> None:
        turn = np.radians(pan)
        ahead, left = (
            np.array((np.cos(turn), np.sin(turn))),
            np.array((-np.sin(turn), np.cos(turn))),
        )
        street = Street((x, y, height), (*((x, y) + 25 * ahead), 0.0), view)
        local = np.array(((18, -4), (18, 4), (30, -5), (30, 5), (24, 1), (36, 0)), float)
        ground = (x, y) + local[:, :1] * ahead + local[:, 1:] * left
        image = street.fractions(ground)
        assume(((image > 0) & (image < 1)).all())
        made = fit(image, ground)
        assert apply(made.homography, image) == pytest.approx(ground, abs=1e-4)

    def test_too_few(self) -> None:
        assert (
            sentence(IMAGE[:3], GROUND[:3]) == "points: found 3, needs at least 4 and at most 200"
        )

    def test_on_one_line(self) -> None:
        line = np.array(((500.0, 5.0), (510.0, 5.0), (520.0, 5.0), (530.0, 5.0)))
        assert "all lie on one line in the image" in sentence(STREET.fractions(line), line)
        three = np.vstack((line[:3], (515.0, 9.0)))
        found = sentence(STREET.fractions(three), three)
        assert "all but number 4 lie on one line" in found
        bent = STREET.fractions(GROUND[:4])
        assert "on the ground" in sentence(bent, line)

    @pytest.mark.parametrize(("one", "other"), [(0, 3), (1, 4), (2, 5), (4, 5)])
    def test_two_swapped(self, one: int, other: int) -> None:
        ground = GROUND.copy()
        ground[[one, other]] = GROUND[[other, one]]
        said = sentence(marked(), ground)
        assert said.startswith(f"points[{one}] and points[{other}]: seem to be swapped"), said

    def test_two_of_four_swapped(self) -> None:
        ground = GROUND[[0, 1, 5, 4]]
        ground[[0, 1]] = ground[[1, 0]]
        said = sentence(IMAGE[[0, 1, 5, 4]], ground)
        assert "swapped" in said and "points" in said

    @pytest.mark.parametrize("index", range(7))
    def test_one_marked_elsewhere(self, index: int) -> None:
        ground = GROUND.copy()
        ground[index] += (9.0, -4.0)
        assert sentence(marked(), ground).startswith(f"points[{index}]: lies ")

    def test_north_before_east(self) -> None:
        assert "turn the other way round" in sentence(IMAGE, GROUND[:, ::-1])

    def test_outside_the_image(self) -> None:
        image = IMAGE.copy()
        image[2] = (1.2, 0.5)
        assert sentence(image, GROUND).startswith("points[2].image: lies outside the image")
        image[2] = (float("nan"), 0.5)
        assert sentence(image, GROUND).startswith("points[2].image: lies outside the image")

    def test_the_same_place_twice(self) -> None:
        image = IMAGE.copy()
        image[3] = image[1]
        assert sentence(image, GROUND) == "points[3].image: is the same place as points[1].image"

    @given(
        st.lists(st.tuples(*(st.floats(-0.2, 1.2) for _ in range(2))), min_size=4, max_size=8),
        st.integers(0, 2**16),
    )
    @settings(deadline=None, max_examples=60)
    def test_nonsense_is_a_sentence_or_a_fit(self, image: Any, seed: int) -> None:
        ground = np.random.default_rng(seed).uniform(-50, 50, (len(image), 2))
        try:
            made = fit(np.array(image), ground)
        except ConfigError as error:
            assert all(s.startswith("points") for s in error.sentences)
        else:
            assert np.isfinite(made.homography).all() and np.isfinite(made.residuals).all()
            assert made.stddev > 0


def test_the_region_is_the_hull_of_the_points_and_a_little_more() -> None:
    corners = hull(IMAGE, 0.1)
    assert 4 <= len(corners) <= 6 and (corners >= 0).all() and (corners <= 1).all()
    grown = np.ptp(corners, axis=0) / np.ptp(IMAGE, axis=0)
    assert grown == pytest.approx([1.1, 1.1], abs=0.05)


def lanes(street: Street = STREET, **changes: Any) -> Lanes:
    """Lines along the street's x, one at each of y = 2, 5.5, 9 (to the left of travel)."""
    offsets = np.array((0.0, 3.5, 7.0))
    ends = [street.fractions(((500.0, 2.0 + o), (530.0, 2.0 + o))) for o in offsets]
    along = street.fractions(((502.0, 5.5), (518.0, 5.5)))[None]
    keys = {
        "ends": np.array(ends),
        "offsets": offsets,
        "tall": street.size[1] / street.size[0],
        "along": along,
        "lengths": np.array((16.0,)),
    }
    return Lanes(**{**keys, **changes})


class TestLanes:
    def check(self, made: Any, slack: float) -> None:
        places = np.array(((505.0, 3.0), (512.0, 8.0), (528.0, 4.0)))
        at = apply(made.homography, STREET.fractions(places))
        assert at == pytest.approx(places - (500.0, 2.0), abs=slack)

    def test_with_a_measured_length(self) -> None:
        made = fit_lanes(lanes())
        self.check(made, 1e-4)
        assert made.focal * STREET.size[0] == pytest.approx(STREET.focal, rel=1e-5)
        assert made.residuals.max() < 1e-6

    def test_with_a_field_of_view(self) -> None:
        focal = STREET.focal / STREET.size[0]
        none = np.zeros((0, 2, 2)), np.zeros(0)
        made = fit_lanes(lanes(along=none[0], lengths=none[1], focal=focal))
        self.check(made, 1e-4)
        assert made.stddev > 0.3  # a stated view says little about lengths

    def test_marks_off_by_a_pixel(self) -> None:
        noise = np.random.default_rng(1).normal(size=(3, 2, 2)) / STREET.size
        made = fit_lanes(lanes(ends=lanes().ends + noise))
        self.check(made, 0.6)
        assert made.residuals.max() > 0 and made.stddev < 1.0

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"offsets": np.array((0.0, 0.0, 0.0))}, "needs at least two lines at different"),
            ({"along": np.zeros((0, 2, 2)), "lengths": np.zeros(0)}, "needs field_of_view, or"),
            ({"offsets": np.array((7.0, 3.5, 0.0))}, "offsets run the wrong way"),
            ({"lengths": np.array((400.0,))}, "no lens shows these lines"),
            ({"ends": lanes().ends[:, :1].repeat(2, axis=1)}, "too short to have a direction"),
            (
                {"ends": np.array([[[x, 0.9], [x, 0.5]] for x in (0.3, 0.5, 0.7)])},
                "do not converge",
            ),
        ],
    )
    def test_mistakes(self, changes: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            fit_lanes(lanes(**changes))


def survey(folder: Path, name: str = "survey.yaml", **changes: Any) -> Path:
    image = (marked() * STREET.size).round(1)
    plain: dict[str, Any] = {
        "calibration": "putaran",
        "author": "Uji",
        "date": date(2026, 11, 24),
        "image": {"width": 1280, "height": 720},
        "points": [
            {"image": i, "ground": g} for i, g in zip(image.tolist(), GROUND.tolist(), strict=True)
        ],
    }
    plain.update(changes)
    file = folder / name
    file.write_text(to_yaml({k: v for k, v in plain.items() if v is not None}))
    return file


class TestCommand:
    def test_a_survey_becomes_a_file_and_a_picture(self, tmp_path: Path, capsys: Any) -> None:
        still = tmp_path / "still.png"
        cv2.imwrite(str(still), blank(1280, 720))
        out = tmp_path / "calibration" / "putaran.yaml"
        assert main([str(survey(tmp_path)), "--still", str(still), "--out", str(out)]) == 0
        made = load_calibration(out)
        assert (made.file.author, str(made.file.date)) == ("Uji", "2026-11-24")
        assert made.file.ground is not None and made.file.ground.method == "survey"
        assert made.to_ground(STREET.fractions((510.0, 5.0))) == pytest.approx(
            np.array(((510.0, 5.0),)), abs=0.15
        )
        said = capsys.readouterr().out
        assert len(re.findall(r"^ +\d ", said, re.M)) == 7 and "standard deviation" in said
        picture = cv2.imread(str(out.with_suffix(".png")))
        assert picture.shape == (720, 1280, 3)
        assert (picture != 96).any(axis=2).mean() > 0.02

    def test_csv_with_options(self, tmp_path: Path) -> None:
        rows = [
            f"{x:.6f},{y:.6f},{e},{n}"
            for (x, y), (e, n) in zip(IMAGE, GROUND.tolist(), strict=True)
        ]
        file = tmp_path / "points.csv"
        file.write_text("x, y,east,north\n" + "\n".join(rows) + "\n")
        still = tmp_path / "still.png"
        cv2.imwrite(str(still), blank(640, 360))
        out = tmp_path / "a.yaml"
        options = ["--camera", "a", "--author", "Uji", "--date", "2026-11-24"]
        main([str(file), *options, "--still", str(still), "--out", str(out)])
        made = load_calibration(out)
        assert made.fits(1920, 1080) and made.file.calibration == "a"

    def test_degrees_count_from_the_sites_location(self, tmp_path: Path) -> None:
        site = tmp_path / "x.yaml"
        site.write_text(
            "site: x\nkind: corridor\ntitle: X\nlocation: {latitude: -1.25, longitude: 116.85}\n"
            "cameras:\n  a: {source: 'rtsp://192.0.2.1/a'}\n"
        )
        # A degree of latitude here is 110573.6 m, of longitude 111291.8 m.
        points = [
            {"image": i, "latitude": -1.25 + n / 110573.6, "longitude": 116.85 + e / 111291.8}
            for i, (e, n) in zip(IMAGE.tolist(), GROUND.tolist(), strict=True)
        ]
        file, out = survey(tmp_path, points=points), tmp_path / "a.yaml"
        with pytest.raises(ConfigError, match="are in degrees; give --site"):
            main([str(file), "--out", str(out)])
        main([str(file), "--out", str(out), "--site", str(site)])
        made = load_calibration(out)
        assert made.file.ground is not None and made.file.ground.method == "map"
        at = made.to_ground(STREET.fractions((510.0, 5.0)))
        assert at == pytest.approx(np.array(((510.0, 5.0),)), abs=0.05)

    def test_lane_lines_turned_onto_the_map(self, tmp_path: Path) -> None:
        given, scale = lanes(), np.array(STREET.size)
        plain = {
            "lines": [
                {"offset": o, "ends": (e * scale).tolist()}
                for o, e in zip(given.offsets.tolist(), given.ends, strict=True)
            ],
            "along": [{"ends": (given.along[0] * scale).tolist(), "length": 16.0}],
            "origin": [100.0, 50.0],
            "heading": 90.0,
        }
        out = tmp_path / "a.yaml"
        main([str(survey(tmp_path, points=None, lanes=plain)), "--out", str(out)])
        made = load_calibration(out)
        assert made.file.ground is not None and made.file.ground.method == "lane_width"
        # 10 m along and 3 m to the left, turned to the north.
        at = made.to_ground(STREET.fractions((510.0, 5.0)))
        assert at == pytest.approx(np.array(((97.0, 60.0),)), abs=1e-2)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"author": None}, "author: is missing; write it there or give --author"),
            ({"date": None}, "date: is missing; write it there or give --date"),
            ({"calibration": None}, "calibration: is missing; write it there or give --camera"),
            ({"image": None}, "image: is missing; write width and height or give --still"),
            ({"points": None}, "needs either points or lanes"),
            ({"punkte": 3}, "punkte: is not a key here"),
            ({"points": [{"image": [1, 2]}] * 4}, r"points\[0\]: needs either ground, or latitude"),
            (
                {"points": [{"image": [1400 + i, 2], "ground": [i, 2]} for i in range(4)]},
                r"points\[0\]\.image: lies outside the image",
            ),
            ({"intrinsics": {
                "width": 1280.0, "height": 720.0, "fx": 900.0, "fy": 900.0, "cx": 640.0,
                "cy": 360.0, "model": "bent", "distortion": [0.1]}}, "no lens model is called"),
        ],
    )  # fmt: skip
    def test_mistakes(self, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words) as caught:
            main([str(survey(tmp_path, **changes)), "--out", str(tmp_path / "x.yaml")])
        assert caught.value.sentences[0].startswith(str(tmp_path / "survey.yaml"))
        assert not (tmp_path / "x.yaml").exists()

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a,b\n1,2\n", "found the columns a, b; needs x, y and"),
            ("x,y,east,north\n1,2,3,vier\n", 'line 2: north: found "vier", needs a number'),
            ("", "found the columns none"),
        ],
    )
    def test_mistakes_in_csv(self, tmp_path: Path, text: str, words: str) -> None:
        (tmp_path / "p.csv").write_text(text)
        with pytest.raises(ConfigError, match=words):
            main([str(tmp_path / "p.csv")])

    def test_a_still_of_another_camera(self, tmp_path: Path) -> None:
        still = tmp_path / "still.png"
        cv2.imwrite(str(still), blank(640, 480))
        with pytest.raises(
            ConfigError, match="640 x 480 pixels, another aspect ratio than the 1280"
        ):
            main([str(survey(tmp_path)), "--still", str(still)])
        with pytest.raises(ConfigError, match="is no picture"):
            main([str(survey(tmp_path)), "--still", str(tmp_path / "none.png")])


def test_the_grid_lies_where_the_street_does() -> None:
    """A pixel on a 5 m line is coloured, one between lines is not."""
    made = STREET.calibration(((0.1, 0.4), (0.9, 0.4), (0.9, 0.95), (0.1, 0.95)))
    picture = draw_grid(blank(1280, 720), made)
    x, y = (round(v) for v in STREET.pixels(((505.0, 5.2, 0.0),))[0])
    assert (picture[y - 1 : y + 2, x - 1 : x + 2] != 96).any()
    x, y = (round(v) for v in STREET.pixels(((497.5, 6.5, 0.0),))[0])
    assert (picture[y - 1 : y + 2, x - 1 : x + 2] == 96).all()
