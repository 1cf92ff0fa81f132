"""The cores behind pictures: roads from a net, flat geometry, what stands where, film, pacing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import render_street as town

from bconnect_sim.core import look
from bconnect_sim.core.aiming import aim, turned
from bconnect_sim.core.decor import decor
from bconnect_sim.core.film import Film, haze_rows
from bconnect_sim.core.ground import MARKS, SIGNS, ground
from bconnect_sim.core.plates import FONT, plate
from bconnect_sim.core.roadnet import RoadMap, read_net
from bconnect_sim.core.shapes import aside, finer, flat, inside, length, merge, polygon, stretch
from bconnect_sim.core.weather import Lamplight, light
from bconnect_sim.core.world import Move, Place, Weather
from bconnect_sim.live import play

# -- roads -----------------------------------------------------------------------------------


def test_a_net_gives_roads_up_to_their_junction() -> None:
    net = read_net(town.NET)
    assert [r.name for r in net.roads] == ["in", "out", "back"]
    assert net.kerb == 1 and len(net.crossings) == 1
    road = net.roads[0]
    assert tuple(road.lanes[0].line[-1]) == (20.0, 5.25)  # four metres past its stop line
    assert np.allclose(net.edge(road)[0], (-60.0, 7.0))
    assert np.allclose(net.middle(road)[0], (-60.0, 0.0))
    assert net.opposite(road) is net.roads[2]
    right = read_net(town.NET.replace(' lefthand="true"', ""))
    assert np.allclose(right.edge(right.roads[0])[0], (-60.0, 3.5))


@pytest.mark.parametrize("text", ["", "<net>", "<net/>", "no xml"])
def test_what_is_no_net_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_net(text)


def test_the_map_knows_asphalt_and_the_way() -> None:
    shoulder = ((-60.0, 7.0), (0.0, 7.0), (0.0, 9.0), (-60.0, 9.0))
    roads = RoadMap(read_net(town.NET), [shoulder])
    points = np.array(
        [(-30, 5), (-30, 8), (-30, 9.5), (25, -6), (25, -7.5), (50, 2), (10, 8)], float
    )
    assert roads.holds(points).tolist() == [True, True, False, True, False, False, False]
    assert roads.gap(np.array([(-30.0, 8.0)]))[0] == pytest.approx(1.0)
    assert roads.way(np.array((-20.0, -2.0))).tolist() == [-1.0, 0.0]


# -- geometry --------------------------------------------------------------------------------


def area(points: Any, triangle: Any) -> float:
    a, b, c = (np.asarray(points)[triangle[:, k]] for k in range(3))
    u, v = b - a, c - a
    return float(np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum() / 2)


def test_polygons_are_cut_into_ears_either_way_round() -> None:
    corner = np.array([(0, 0), (4, 0), (4, 1), (1, 1), (1, 3), (0, 3)], float)
    for points in (corner, corner[::-1]):
        triangle = polygon(points)
        assert len(triangle) == 4 and area(points, triangle) == pytest.approx(6.0)


def test_finer_and_merged_shapes_keep_their_area() -> None:
    square = flat(np.array([(-100, 0), (100, 0), (100, 60), (-100, 60)], float),
                  np.array([(0, 1, 2), (0, 2, 3)]), 0, texture="asphalt")  # fmt: skip
    fine = finer(square, 10.0)
    sides = fine.position[fine.triangle] - np.roll(fine.position[fine.triangle], 1, axis=1)
    assert np.linalg.norm(sides, axis=2).max() <= 10.0
    tiles = merge([fine, square])
    assert sum(area(t.position, t.triangle) for t in tiles) == pytest.approx(2 * 200 * 60)
    assert all(np.ptp(t.position[:, 0]) < 100 for t in merge([fine]))
    assert all(t.uv.min() >= 0.0 and t.uv.max() < 40 for t in tiles)


def test_lines() -> None:
    line = np.array([(0, 0), (10, 0), (10, 10)], float)
    assert length(line) == 20.0
    assert np.allclose(stretch(line, 8, 13), [(8, 0), (10, 0), (10, 3)])
    assert np.allclose(aside(line[:2], 2.0), [(0, 2), (10, 2)])
    assert inside(np.array([(1, 5), (9, 5)], float), line).tolist() == [False, True]


def test_a_shadow_falls_away_from_the_sun() -> None:
    cube = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 2)], float)
    outline = look.outline(cube, (-1.0, 0.0, 1.0))
    assert outline.min(axis=0).tolist() == [0, 0] and outline.max(axis=0).tolist() == [3, 1]
    assert look.outline(cube, (0.0, 0.0, 1.0)).max() == 1


# -- paint -----------------------------------------------------------------------------------


def painted(place: Place | None) -> np.ndarray:
    """Points of all that is painted for a place on top of the road."""
    corridor = replace(town.street(), places=(place,) if place else ())
    shapes = [s for s in ground(read_net(town.NET), corridor, 0) if s.layer == SIGNS]
    return np.concatenate([s.position for s in shapes]) if shapes else np.zeros((0, 3))


def test_places_are_painted_as_the_law_wants_them() -> None:
    assert not len(painted(None))
    line = painted(replace(town.PLACES[0]))
    assert line[:, 0].min() == pytest.approx(16.0)  # its near edge is where one has to stop
    assert line[:, 0].max() == pytest.approx(20.2)  # with a zebra crossing past it
    near = painted(replace(town.PLACES[0], line=((22.0, 0.0), (22.0, 7.0))))
    assert near[:, 0].max() <= 26.2
    solid = painted(town.PLACES[2])
    assert solid[:, 0].min() == 0.0 and solid[:, 0].max() == 14.0
    arrow = painted(town.PLACES[3])
    assert arrow[:, 0].max() == pytest.approx(-33.0) and abs(arrow[:, 1] - 1.75).max() < 0.4
    kerb = painted(town.PLACES[4])
    assert (kerb[:, 1] > 6.5).all() and (kerb[:, 1] < 7.0).all()
    over = tuple((x, 8.0 if y == 7.0 else y) for x, y in town.PLACES[4].region)
    assert np.allclose(painted(replace(town.PLACES[4], region=over)), kerb, atol=0.06)
    assert not len(painted(Place("cepat", "speed", region=town.PLACES[4].region)))


def test_no_zebra_where_the_junction_leaves_no_room() -> None:
    stop = replace(town.PLACES[0])
    junction = Place("simpang", "junction", region=((18, -7), (30, -7), (30, 7), (18, 7)))
    corridor = replace(town.street(), places=(stop, junction))
    shapes = [s for s in ground(read_net(town.NET), corridor, 0) if s.layer == SIGNS]
    assert len(shapes) == 1


def test_nothing_is_painted_for_ways_only_offenders_take() -> None:
    named = town.NET.replace('"back"', '"wrong_side"')
    marks = [s for s in ground(read_net(named), town.street(), 0) if s.layer == MARKS]
    assert not any((s.position[:, 1] < 0).any() for s in marks)


# -- what stands -----------------------------------------------------------------------------


def test_nothing_stands_on_the_road_nor_between_it_and_a_camera() -> None:
    net, corridor = read_net(town.NET), town.street()
    roads, made = RoadMap(net), decor(net, corridor, 3)
    assert len(made.shapes) > 20 and len(made.shadows) > 20 and len(made.lights) > 5
    eye = np.array(town.VIEW.position)
    for shape in made.shapes:
        low = shape.position[shape.position[:, 2] < 1.0]
        assert not roads.holds(low[:, :2]).any()
    rays = [(x, y, 0.0) for x in np.arange(2.0, 18.0, 2.0) for y in (1.0, 4.0, 6.0)]
    for target in rays:
        share = np.linspace(0.05, 0.98, 60)[:, None]
        ray = eye + share * (np.array(target) - eye)
        for shape in made.shapes:
            low, high = shape.position.min(axis=0), shape.position.max(axis=0)
            assert not ((ray > low) & (ray < high)).all(axis=1).any(), target


# -- plates, light, film, aim ----------------------------------------------------------------


def test_plates_are_read_by_their_dots() -> None:
    pictures = {letter: plate(letter).tobytes() for letter in FONT}
    assert len(set(pictures.values())) == len(FONT) - 1 or len(set(pictures.values())) == len(FONT)
    assert all(len(rows) == 7 and max(rows) < 32 for rows in FONT.values())
    for text in ("", "KT 1234 ABC", "kt 1", "?" * 40, "W" * 40):
        image = plate(text)
        assert image.shape == (32, 128, 3)
    dark = (plate("KT 1234 AB").max(axis=2) < 100).sum() - (plate("").max(axis=2) < 100).sum()
    assert dark > 300
    assert np.array_equal(plate("kt 1"), plate("KT 1"))


def test_lamps_light_what_is_below_them() -> None:
    lamps = Lamplight(light(Weather("night")), [(0.0, 0.0, 8.0)])
    below, beside, far = lamps.at(np.array([(0, 0), (10, 0), (60, 0)], float))
    assert 1.0 >= below > beside > far == pytest.approx(light(Weather("night")).base)
    assert Lamplight(light(Weather()), [(0.0, 0.0, 8.0)]).at(np.zeros((1, 2)))[0] == 1.0


def test_every_weather_has_a_light() -> None:
    for word in ("day", "dusk", "night"):
        for rain in (-1.0, 0.0, 0.5, 3.0):
            made = light(Weather(word, rain))
            assert all(0.0 <= c <= 1.0 for c in (*made.ambient, *made.sun, *made.sky, *made.haze))
            assert made.sight > 50 and 0.0 <= made.wet <= 1.0
    assert light(Weather("day", 0.8)).shadow == 0.0 < light(Weather()).shadow
    assert light(Weather("night")).grain > light(Weather()).grain


def test_film_is_decided_by_seed_camera_and_time() -> None:
    image = np.full((90, 160, 3), 100, np.uint8)
    rows = np.zeros(90)
    film = Film(160, 90, 2.0, light(Weather("day", 0.5)), 7)
    first = film.develop(image, 1.0, rows, 0)
    assert np.array_equal(
        first, Film(160, 90, 2.0, light(Weather("day", 0.5)), 7).develop(image, 1.0, rows)
    )
    assert not np.array_equal(first, film.develop(image, 1.1, rows))
    assert not np.array_equal(first, film.develop(image, 1.0, rows, 1))
    clear = Film(160, 90, 0.0, light(Weather()), 7).develop(image, 1.0, rows)
    assert (clear == 100).all()
    noisy = [Film(160, 90, 3.0, light(w), 7).develop(image, 1.0, rows).std()
             for w in (Weather(), Weather("night"))]  # fmt: skip
    assert 2.5 < noisy[0] < 4.5 and noisy[1] > 1.8 * noisy[0]


def test_haze_grows_with_distance() -> None:
    rows = haze_rows(360, 6.0, -15.0, 25.0, 200.0)
    assert (np.diff(rows) <= 1e-9).all() and 0.0 < rows[-1] < rows[0] <= 0.8
    assert haze_rows(360, 6.0, -15.0, 25.0, 900.0)[0] < rows[0]


def test_a_head_turns_gently_and_comes_back() -> None:
    moves = (Move("barat", 10.0, 8.0, -2.0, back=20.0), Move("timur", 0.0, 90.0))
    assert turned(moves, "barat", 9.99) == (0.0, 0.0)
    assert turned(moves, "barat", 10.25) == pytest.approx((4.0, -1.0))
    assert turned(moves, "barat", 15.0) == pytest.approx((8.0, -2.0))
    assert turned(moves, "barat", 20.5) == pytest.approx((0.0, 0.0))
    assert turned(moves[:1], "timur", 15.0) == (0.0, 0.0)
    assert turned((Move("barat", 10.0),), "barat", 1e6) == (8.0, 0.0)
    heading, pitch = aim(replace(town.VIEW, position=(0, 0, 5), look_at=(5, 5, 5)), moves, 15.0)
    assert (heading, pitch) == pytest.approx((53.0, -2.0))


# -- live ------------------------------------------------------------------------------------


class Clock:
    """A clock that only waiting and drawing move."""

    def __init__(self, cost: float) -> None:
        self.time, self.cost = 50.0, cost
        self.written: list[tuple[float, float]] = []

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds

    def draw(self, _: Any) -> np.ndarray:
        self.time += self.cost
        return np.zeros((2, 2, 3), np.uint8)

    def write(self, _: Any, time: float) -> None:
        self.written.append((time, self.time))


@pytest.mark.parametrize(("cost", "left_out"), [(0.02, 0), (0.25, 25)])
def test_a_live_street_never_runs_slow(cost: float, left_out: int) -> None:
    clock = Clock(cost)
    moments = [town.moment(time=0.1 * k) for k in range(50)]
    drawn, lost = play(moments, clock.draw, clock, rate=10.0, now=clock.now, wait=clock.wait)
    assert drawn + lost == 50 and lost >= left_out
    assert all(abs(at - 50.0 - time) <= 0.1 + cost + 1e-9 for time, at in clock.written)
    times = [time for time, _ in clock.written]
    assert times == sorted(set(times))
