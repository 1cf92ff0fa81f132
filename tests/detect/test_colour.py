"""Body colours: from painted boxes, voted over a track, unknown in every doubt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detect_scenes import SIZE, STEP, T0, place, play, user, zone

from bconnect_detect.adapters.bytetrack import ByteTrack
from bconnect_detect.core.colour import ColourVotes, body_colours, brightness, coloured
from bconnect_detect.core.plain import finding_from_dict, finding_to_dict
from bconnect_detect.core.rules.illegal_parking import IllegalParking
from bconnect_detect.core.types import SECOND, Tracks
from bconnect_site.kinds import Colour, RoadUserKind

CAR, MOTOR = RoadUserKind.CAR, RoadUserKind.MOTORCYCLE
BOX = (200.0, 100.0, 300.0, 170.0)


def street(mean: float = 110.0, grey: bool = False) -> np.ndarray:
    """A road, trees and sky, BGR."""
    image = np.empty((360, 640, 3), np.float32)
    image[:] = (0.95, 0.98, 1.0)
    image[:80] = (1.3, 1.1, 0.9)
    image[80:140, :200] = (0.5, 0.9, 0.6)
    if grey:
        image[:] = image.mean(axis=2, keepdims=True)
    noise = np.random.default_rng(3).normal(0, 4, (360, 640, 1 if grey else 3))
    return np.clip(mean * image / image.mean() + noise, 0, 255).astype(np.uint8)


def park(image: np.ndarray, paint: tuple[int, int, int], box=BOX) -> np.ndarray:
    """A car seen from behind: body, dark window, tyres, plate; paint is RGB."""
    x0, y0, x1, y1 = (int(v) for v in box)
    w, h = x1 - x0, y1 - y0
    image[y0:y1, x0:x1] = paint[::-1]
    image[y0 + h // 8 : y0 + 3 * h // 8, x0 + w // 8 : x1 - w // 8] = (60, 50, 45)
    image[y1 - h // 8 :, x0:x1] = (25, 25, 25)
    image[y0 + h // 2 : y0 + h // 2 + h // 8, x0 + 2 * w // 5 : x0 + 3 * w // 5] = 230
    return image


def look(image: np.ndarray, kind: RoadUserKind = CAR, box=BOX) -> Colour:
    boxes = np.array([box], np.float32)
    return Colour(int(body_colours(image, boxes, np.array([kind], np.uint8))[0]))


@pytest.mark.parametrize(
    ("paint", "colour"),
    [
        ((225, 225, 225), Colour.WHITE),
        ((22, 22, 24), Colour.BLACK),
        ((90, 92, 95), Colour.GREY),
        ((170, 25, 25), Colour.RED),
        ((225, 110, 25), Colour.ORANGE),
        ((225, 185, 40), Colour.YELLOW),
        ((30, 110, 50), Colour.GREEN),
        ((25, 60, 150), Colour.BLUE),
        ((75, 45, 25), Colour.BROWN),
    ],
)
@pytest.mark.parametrize("kind", [CAR, RoadUserKind.BUS, RoadUserKind.TRUCK])
def test_painted_bodies(paint, colour, kind):
    assert look(park(street(), paint), kind) is colour


def test_of_a_motorcycle_the_clothes_are_seen_so_nothing_is_said():
    image = park(street(), (170, 25, 25))
    for kind in (MOTOR, RoadUserKind.BICYCLE, RoadUserKind.PEDESTRIAN, RoadUserKind.UNKNOWN):
        assert look(image, kind) is Colour.UNKNOWN


@pytest.mark.parametrize(
    "image",
    [
        park(street(45.0), (170, 25, 25)),  # night
        park(street(grey=True), (170, 170, 170)),  # an infrared picture has no colours
        np.zeros((360, 640, 3), np.uint8),
        np.full((360, 640, 3), 255, np.uint8),
    ],
    ids=["night", "infrared", "black", "white"],
)
def test_by_night_nothing_is_said(image):
    assert brightness(image) == 0.0
    assert look(image) is Colour.UNKNOWN


def test_in_doubt_nothing_is_said():
    assert look(park(street(), (170, 25, 25), (200, 100, 220, 115)), box=(200, 100, 220, 115)) is (
        Colour.UNKNOWN
    )  # too small
    assert look(park(street(), (116, 117, 117))) is Colour.UNKNOWN  # silver in the sun, or white
    two = park(street(), (170, 25, 25))
    two[100:170, 250:300] = (150, 60, 25)
    assert look(two) is Colour.UNKNOWN  # half red, half blue
    assert look(park(street(), (130, 40, 140))) is Colour.UNKNOWN  # purple has no word


def test_a_box_beyond_the_image_is_survived():
    image = street()
    for box in ((-50.0, -50.0, 30.0, 30.0), (600.0, 300.0, 900.0, 700.0), (1e6, 1e6, 2e6, 2e6)):
        look(image, box=box)
    assert len(body_colours(image, np.zeros((0, 4), np.float32), np.zeros(0, np.uint8))) == 0


def tracks(stamp: int, *colours: Colour) -> Tracks:
    users = [replace(user((50.0 + 90 * i, 300.0), i + 1), colour=c) for i, c in enumerate(colours)]
    return Tracks.of(stamp, "c", SIZE, users)


def test_looks_vote_and_one_look_says_nothing():
    votes = ColourVotes()
    said = [votes.settle(tracks(T0 + i * STEP, Colour.RED))[0].colour for i in range(4)]
    assert said == [Colour.UNKNOWN, Colour.UNKNOWN, Colour.RED, Colour.RED]
    for i in range(4, 6):
        assert votes.settle(tracks(T0 + i * STEP, Colour.BROWN))[0].colour is not Colour.BROWN
    # what it once was is remembered where nothing is seen
    assert votes.settle(tracks(T0 + 7 * STEP, Colour.RED))[0].colour is Colour.RED
    assert votes.settle(tracks(T0 + 8 * STEP, Colour.UNKNOWN))[0].colour is Colour.RED


def test_looks_that_disagree_say_nothing():
    votes = ColourVotes()
    for i in range(40):
        found = votes.settle(tracks(T0 + i * STEP, (Colour.WHITE, Colour.GREY)[i % 2]))
        assert found[0].colour is Colour.UNKNOWN


def test_colours_are_forgotten_and_never_change_hands():
    votes = ColourVotes()
    for i in range(5):
        found = votes.settle(tracks(T0 + i * STEP, Colour.RED, Colour.WHITE))
    assert [u.colour for u in found] == [Colour.RED, Colour.WHITE]
    later = votes.settle(tracks(T0 + 60 * SECOND, Colour.UNKNOWN))
    assert later.colour is None
    assert len(votes) <= 1
    assert votes.settle(replace(later, stamp=T0 + 200 * SECOND, colour=None)).colour is None


def test_a_tracker_settles_the_colour_of_what_it_follows():
    tracker, image = ByteTrack(10.0), park(street(), (170, 25, 25))
    found = Tracks.of(T0, "c", SIZE, [user((250.0, 170.0), 0, size=(100.0, 70.0))])
    assert coloured(found, image)[0].colour is Colour.RED
    for i in range(8):
        followed = tracker.update(coloured(replace(found, stamp=T0 + i * STEP), image))
    assert [(u.track_id > 0, u.colour) for u in followed] == [(True, Colour.RED)]


def test_a_finding_says_the_colour_and_its_file_too():
    region = [[0.2, 0.4], [0.8, 0.4], [0.8, 0.9], [0.2, 0.9]]
    keys = {"kind": "no_parking", "region": region, "dwell": 10.0, "basis": "sign S-12"}
    parked = replace(user((300.0, 250.0)), colour=Colour.WHITE)
    (found,) = play(IllegalParking(place(zone(**keys))), 20, lambda t: [parked])
    assert found.road_user.colour is Colour.WHITE
    plain = finding_to_dict(found)
    assert plain["road_user"]["colour"] == "white"
    assert finding_from_dict(plain).road_user.colour is Colour.WHITE
    del plain["road_user"]["colour"]  # sealed before colours were known
    assert finding_from_dict(plain).road_user.colour is Colour.UNKNOWN
