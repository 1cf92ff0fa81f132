"""Pictures of a simulated street: what stands, shines, hides and moves in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import render_street as town

from bconnect_detect.core.lamp import crop, read_head
from bconnect_sim.adapters.render import Renderer
from bconnect_sim.core.heads import HEAD_HEIGHT, HEAD_WIDTH
from bconnect_sim.core.optics import Optics
from bconnect_sim.core.traffic import SimError
from bconnect_sim.core.world import CameraView, Move, Pole, Weather

Open = Callable[..., Renderer]


@pytest.fixture
def draws(tmp_path: Path) -> Iterator[Open]:
    """``draws(weather=…, moves=…, corridor=…)`` opens a renderer; closed at the end."""
    opened: list[Renderer] = []

    def open_one(
        corridor: Any = None, seed: int = 1, camera: str = "barat", **how: Any
    ) -> Renderer:
        stage = town.Stage(
            town.write_net(tmp_path), town.Described(**how), corridor or town.street()
        )
        opened.append(Renderer(stage, camera, seed))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def pixels(view: CameraView, *places: tuple[float, float, float]) -> np.ndarray:
    """Where places [m] are in a small picture, (n, 2) px."""
    return Optics.of(view, 640 / 360).project(np.array(places, float))[:, :2] * (640, 360)


def around(
    image: np.ndarray, view: CameraView, place: tuple[float, float, float], reach: int
) -> Any:
    x, y = pixels(view, place)[0].round().astype(int)
    return image[y - reach : y + reach + 1, x - reach : x + reach + 1].astype(int)


@pytest.mark.parametrize("weather", [Weather(), Weather("night"), Weather("day", rain=0.7)])
def test_a_lit_lamp_reads_as_its_aspect(draws: Open, weather: Weather) -> None:
    renderer = draws(weather=weather)
    x, y, z = town.HEAD.position
    half, up = HEAD_WIDTH / 2, HEAD_HEIGHT / 2
    box = [(x, y - half, z - up), (x, y + half, z + up)]
    region = [tuple(p) for p in pixels(town.VIEW, *box) / (640, 360)]
    for aspect in ("red", "amber", "green"):
        image = renderer.draw(town.moment(aspect=aspect))[:, :, ::-1]
        assert read_head(crop(image, region))[0].name.lower() == aspect
    dark = renderer.draw(town.moment(aspect="off"))[:, :, ::-1]
    assert read_head(crop(dark, region))[0].name == "UNKNOWN"


def test_a_pole_hides_what_is_behind_it(draws: Open) -> None:
    behind = (12.0, 4.0)
    eye = town.VIEW.position
    at = [eye[i] + 0.4 * (behind[i] - eye[i]) for i in range(2)]
    spot = (*behind, 1.0)
    seen = [
        np.abs(around(r.draw(town.moment(town.car(*behind))), town.VIEW, spot, 1)
               - around(r.draw(town.moment()), town.VIEW, spot, 1)).max()
        for r in (draws(), draws(town.street(poles=(Pole(*at, 0.15, 8.0),))))
    ]  # fmt: skip
    assert seen[0] > 30
    assert seen[1] == 0


def test_night_is_darker_and_lamps_shine_in_it(draws: Open) -> None:
    shown = town.moment(town.car(14.0, 2.0, heading=180.0))
    day, dusk, night = (draws(weather=Weather(w)).draw(shown) for w in ("day", "dusk", "night"))
    assert night.mean() < 0.75 * dusk.mean() < 0.75 * day.mean()
    lamp = (14.0 - 2.13, 2.0 + 0.36 * 2.13, 0.75)
    assert around(night, town.VIEW, lamp, 2).max() > 220
    assert around(day, town.VIEW, lamp, 2).max() < 220


def test_rain_takes_contrast_and_streaks_the_picture(draws: Open) -> None:
    shown = town.moment(town.car(14.0, 2.0))
    dry, wet = draws().draw(shown), draws(weather=Weather("day", 0.9)).draw(shown)
    assert wet[100:].std() < 0.95 * dry[100:].std()
    later = draws(weather=Weather("day", 0.9)).draw(replace(shown, time=9.7))
    assert (later != wet).mean() > 0.02


def test_a_turned_head_shifts_the_picture_and_comes_back(draws: Open) -> None:
    renderer = draws(moves=(Move("barat", at=10.0, pan=8.0, back=20.0),))
    before, turned, after = (renderer.draw(town.moment(time=t)) for t in (9.9, 11.0, 21.0))
    assert (before == after).mean() > 0.999
    assert np.abs(before.astype(int) - turned).mean() > 8
    # a turn to the left moves things to the right, by the width of eight degrees
    shift = round(320 / np.tan(np.radians(22.5)) * np.tan(np.radians(8.0)))
    moved = np.abs(before[60:200, : 640 - shift].astype(int) - turned[60:200, shift:]).mean()
    assert moved < np.abs(before[60:200].astype(int) - turned[60:200]).mean()
    other = renderer.draw(town.moment(time=11.0), "timur")
    assert np.array_equal(other, renderer.draw(town.moment(time=9.9), "timur"))


def test_equal_moments_give_equal_pictures(draws: Open) -> None:
    noisy = replace(town.SMALL, noise=3.0)
    first, second = draws(picture=noisy), draws(picture=noisy)
    shown = town.moment(town.car(14.0, 2.0), town.bike(9.0, 5.0))
    image = first.draw(shown)
    second.draw(town.moment(town.car(40.0, 5.0), time=4.0), "timur")
    assert np.array_equal(image, second.draw(shown))
    assert not np.array_equal(image, draws(picture=noisy, seed=2).draw(shown))


def test_a_plate_can_be_seen_at_the_rear_and_at_the_front(draws: Open) -> None:
    near = CameraView("dekat", (-6.0, 5.25, 1.5), (0.0, 5.25, 0.6), 30.0)
    renderer = draws(town.street(cameras=(near,)), camera="dekat")
    for heading, height in ((0.0, 0.60), (180.0, 0.52)):
        spot = (-2.15, 5.25, height)
        one, other, none = (
            around(renderer.draw(town.moment(town.car(0.0, 5.25, heading, plate=p))), near, spot, 5)
            for p in ("KT 1234 AB", "KT 8080 ZZ", "")
        )
        assert one.max() > 200 and one.min() < 90
        assert np.abs(one - other).max() > 60
        assert np.abs(one - none).max() > 60


def test_heads_wear_helmets_and_riders_take_room(draws: Open) -> None:
    renderer = draws()
    pictures = [
        renderer.draw(town.moment(town.bike(4.0, 5.0, riders, helmets, id=f"m{riders}{helmets}")))
        for riders, helmets in ((1, 1), (1, 0), (2, 0), (3, 0))
    ]
    assert len({p.tobytes() for p in pictures}) == 4
    covered = [(p != pictures[1]).any(axis=2).sum() for p in pictures]
    assert covered[3] > covered[2] > covered[0] > 20


def test_an_ambulance_is_white_and_blinks(draws: Open) -> None:
    renderer = draws()
    van = dict(model="van", id="ambulans", paint=0.9)
    plain = renderer.draw(town.moment(town.car(10.0, 2.0, **van)))
    one, two = (
        renderer.draw(town.moment(town.car(10.0, 2.0, emergency=True, **van), time=t))
        for t in (5.0, 5.3)
    )
    assert (one != plain).any(axis=2).mean() > 0.005
    assert (one != two).any()


def test_the_sun_throws_shadows_where_it_is_asked_to(draws: Open) -> None:
    shown, beside = town.moment(town.car(40.0, 2.0)), (40.0, 0.6, 0.0)
    sunny, overcast, bare = (
        draws(weather=weather).draw(m, "timur")
        for weather, m in (
            (Weather(), shown), (Weather(shadows=False), shown), (Weather(), town.moment()),
        )
    )  # fmt: skip
    dark, lit, road = (around(i, town.FAR, beside, 1).mean() for i in (sunny, overcast, bare))
    assert dark < 0.75 * road
    assert lit > 0.9 * road


def test_vehicles_that_left_are_gone(draws: Open) -> None:
    renderer = draws()
    empty = renderer.draw(town.moment())
    assert (renderer.draw(town.moment(town.car(12.0, 2.0))) != empty).any()
    assert np.array_equal(renderer.draw(town.moment()), empty)


def test_what_cannot_be_drawn_is_one_sentence(draws: Open, tmp_path: Path) -> None:
    with pytest.raises(SimError, match='no camera is called "utara", there are barat, timur'):
        draws(camera="utara")
    stage = town.Stage(tmp_path)
    (tmp_path / "uji.net.xml").write_text("<net>")
    with pytest.raises(SimError, match="is not a SUMO network"):
        Renderer(stage)
    (tmp_path / "uji.net.xml").unlink()
    with pytest.raises(SimError, match="cannot be read"):
        Renderer(stage)
