"""Lamp vision on drawn signal heads: right when it is clear, UNKNOWN when it is not."""

import numpy as np
import pytest
from detect_scenes import STEP, T0
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_detect.core.lamp import Lamp, crop, read_head
from bconnect_detect.core.types import SECOND
from bconnect_site.kinds import SignalAspect, SignalSource

RED, AMBER, GREEN, UNKNOWN = (
    SignalAspect.RED,
    SignalAspect.AMBER,
    SignalAspect.GREEN,
    SignalAspect.UNKNOWN,
)
BGR = {RED: (40, 40, 240), AMBER: (40, 190, 250), GREEN: (170, 230, 40)}


def head(*lit: SignalAspect, size: int = 16, base: int = 30, noise: float = 6.0, bloom=False):
    """A vertical head of three lamps, (3 * size, size, 3) BGR."""
    rng = np.random.default_rng(7)
    image = np.full((3 * size, size, 3), base, np.float64)
    yy, xx = np.mgrid[:size, :size]
    disc = (yy - size / 2 + 0.5) ** 2 + (xx - size / 2 + 0.5) ** 2 <= (0.36 * size) ** 2
    for index, aspect in enumerate((RED, AMBER, GREEN)):
        third = image[index * size : (index + 1) * size]
        third[disc] = BGR[aspect] if aspect in lit else (base * 0.8,) * 3
        if aspect in lit and bloom:
            third[disc] = 255
    image += rng.normal(0, noise, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("aspect", [RED, AMBER, GREEN])
@pytest.mark.parametrize("size", [5, 9, 16, 36])
def test_one_lamp(aspect: SignalAspect, size: int):
    found, confidence = read_head(head(aspect, size=size))
    assert found == aspect and confidence > 0.5


@pytest.mark.parametrize("aspect", [RED, AMBER, GREEN])
def test_lying_head(aspect: SignalAspect):
    lying = np.ascontiguousarray(head(aspect).transpose(1, 0, 2))
    assert read_head(lying, horizontal=True)[0] == aspect


def test_over_exposed_lamp_is_told_by_its_place():
    assert read_head(head(GREEN, bloom=True))[0] == GREEN


@pytest.mark.parametrize(
    "image",
    [
        head(),  # all dark
        head(RED, AMBER, GREEN),  # all lit
        head(RED, GREEN),
        head(base=0, noise=0),
        np.full((48, 16, 3), 255, np.uint8),  # low sun
        np.full((48, 16, 3), 128, np.uint8),
        np.random.default_rng(1).integers(0, 255, (48, 16, 3), dtype=np.uint8),
        head(RED, size=3),  # too small to tell
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((48, 0, 3), np.uint8),
    ],
    ids=["dark", "all lit", "two lit", "black", "white", "grey", "noise", "tiny", "empty", "thin"],
)
def test_doubt_is_unknown(image: np.ndarray):
    assert read_head(image) == (UNKNOWN, 0.0)


def test_the_wrong_colour_in_a_place_is_no_lamp():
    assert read_head(head(GREEN)[::-1].copy())[0] == UNKNOWN  # green light where red belongs


def test_dim_lamp_at_night_on_a_black_head():
    dim = (head(RED, base=4, noise=1) * 0.6).astype(np.uint8)
    assert read_head(dim)[0] == RED


def test_crop_by_fractions():
    image = np.zeros((100, 200, 3), np.uint8)
    image[20:50, 100:110] = 9
    cut = crop(image, [(0.5, 0.2), (0.55, 0.2), (0.55, 0.5), (0.5, 0.5)])
    assert cut.shape[0] in (30, 31) and cut.shape[1] in (10, 11) and cut[:30, :10].min() == 9


def look(lamp: Lamp, looks: list[SignalAspect], start: int = 0):
    return [lamp.look(a, 0.9, T0 + (start + i) * STEP) for i, a in enumerate(looks)]


def test_an_aspect_counts_once_it_has_lasted_and_since_its_first_look():
    said = look(Lamp("a"), [RED] * 5)
    assert [r.aspect for r in said if r] == [UNKNOWN] * 3 + [RED] * 2
    assert said[-1].since == T0 and said[-1].source == SignalSource.LAMP_VISION


def test_one_noisy_look_is_not_reported():
    said = look(Lamp("a"), [RED] * 5 + [UNKNOWN] + [RED] * 3)
    assert said[5] is None and [r.aspect for r in said[6:] if r] == [RED] * 3
    assert said[-1].since == T0


def test_another_colour_is_doubt_until_it_lasts():
    said = look(Lamp("a"), [RED] * 5 + [GREEN] * 5)
    after = [r.aspect for r in said[5:]]
    assert after[0] == UNKNOWN and RED not in after and after[-1] == GREEN
    assert said[-1].since == T0 + 5 * STEP


def test_lasting_doubt_is_unknown():
    said = look(Lamp("a"), [RED] * 5 + [UNKNOWN] * 5)
    assert said[-1].aspect == UNKNOWN


def test_a_gap_begins_anew():
    lamp = Lamp("a")
    look(lamp, [RED] * 5)
    said = look(lamp, [RED] * 5, start=60)
    assert said[-1].since == T0 + 60 * STEP and (said[0] is None or said[0].aspect == UNKNOWN)
    assert lamp.look(RED, 0.9, T0) is not None or lamp is not None  # an old stamp does not raise


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([RED, AMBER, GREEN, UNKNOWN]), max_size=60))
def test_never_red_while_the_looks_disagree(looks):
    lamp = Lamp("a")
    for i, aspect in enumerate(looks):
        said = lamp.look(aspect, 0.9, T0 + i * STEP)
        if said is not None and said.aspect != UNKNOWN:
            assert aspect == said.aspect and said.stamp - said.since >= 0.25 * SECOND
            began = (said.since - T0) // STEP
            assert looks[began] == aspect
