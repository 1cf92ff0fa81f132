"""The noise model: what it states is what it does, and nothing but seed and names decides it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from bconnect_sim.core.detections import Detections
from bconnect_sim.core.draws import key, normals, uniforms
from bconnect_sim.core.errs import LEAST, RUN, Errors
from bconnect_sim.core.gates import STDDEV, Gates, misread
from bconnect_sim.core.hardship import check_noise, worsened
from bconnect_sim.core.phantoms import Phantoms
from bconnect_sim.core.seen import Eyes, Seen
from bconnect_sim.core.world import CameraView, Moment, NoiseModel, Place, VehicleState, Weather
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind

SIZE = (640, 360)
RATE = 10.0
QUIET = NoiseModel(
    miss=0.0, miss_small=0.0, break_rate=0.0, jitter=0.0, drift=0.0, false_boxes=0.0,
    confusion=0.0, riders_wrong=0.0, cut=0.0, emergency_missed=0.0,
)  # fmt: skip


def user(name: str, kind: str = "car", **more: object) -> VehicleState:
    return VehicleState(name, kind, kind, 30.0, 0.0, 0.0, 8.0, 4.0, 1.7, 1.5, **more)  # type: ignore[arg-type]


def crowd(n: int, kind: str = "car", **more: object) -> tuple[VehicleState, ...]:
    return tuple(user(f"v{i}", kind, **more) for i in range(n))


def rows(n: int, box: tuple[float, float, float, float], visible: float = 1.0) -> Seen:
    """n road users with the same box in the only camera."""
    boxes = np.tile(np.array(box, float), (n, 1))
    cut = boxes.copy()
    cut[:, 2] = (boxes[:, 0] + boxes[:, 2]) / 2
    return Seen(np.zeros(n, int), np.arange(n), boxes, np.full(n, visible), cut)


def play(
    noise: NoiseModel,
    users: tuple[VehicleState, ...],
    seen: Seen,
    images: int,
    seed: int = 1,
) -> list[Detections]:
    errors = Errors(noise, seed, ["jalan"], SIZE, RATE)
    return [errors.detect(seen, Moment(i / RATE, users, {}))[0] for i in range(images)]


def test_without_errors_everything_is_exact() -> None:
    seen = rows(3, (100.0, 100.0, 180.0, 160.0))
    for found in play(QUIET, crowd(3), seen, 20):
        assert len(found) == 3
        assert found.boxes == pytest.approx(seen.boxes)
        assert (found.kind == RoadUserKind.CAR).all()


@pytest.mark.parametrize(
    ("height", "visible", "share"),
    [(100.0, 1.0, 0.05), (80.0, 1.0, 0.05), (50.0, 1.0, 0.20), (20.0, 1.0, 0.35),
     (16.0, 1.0, 0.35), (100.0, 0.3, 1 - 0.95 * 0.5)],
)  # fmt: skip
def test_misses_hang_on_height_and_on_what_is_visible(
    height: float, visible: float, share: float
) -> None:
    noise = replace(QUIET, miss=0.05, miss_small=0.35)
    seen = rows(50, (100.0, 50.0, 200.0, 50.0 + height), visible)
    found = sum(len(d) for d in play(noise, crowd(50), seen, 400))
    assert 1 - found / 20000 == pytest.approx(share, abs=0.012)


def test_longer_gaps_begin_and_last_as_stated() -> None:
    noise = replace(QUIET, break_rate=0.05, break_length=0.8)
    errors = Errors(noise, 3, ["jalan"], SIZE, RATE)
    users, seen = crowd(60), rows(60, (100.0, 100.0, 180.0, 190.0))
    gone = np.array([
        60 - len(errors.detect(seen, Moment(i / RATE, users, {}))[0]) for i in range(4000)
    ])  # fmt: skip
    # a gap lasts a whole number of images: the mean is half an image longer than break_length
    expected = 0.05 * 0.85 / (1 + 0.05 * 0.85)
    assert gone.mean() / 60 == pytest.approx(expected, rel=0.1)


def test_edges_are_off_by_jitter_and_drift() -> None:
    """Standard deviation over all, and how alike two images 1 s apart are."""
    noise = replace(QUIET, jitter=0.015, drift=0.01)
    boxes = np.array([(5.0 + 30 * i, 100.0, 45.0 + 30 * i, 200.0) for i in range(19)])
    seen = replace(rows(19, (0.0, 0.0, 1.0, 1.0)), boxes=boxes, cut=boxes)
    errors, users, images = Errors(noise, 1, ["jalan"], SIZE, RATE), crowd(19), []
    for i in range(1500):
        found = errors.detect(seen, Moment(i / RATE, users, {}))[0].boxes
        images.append(found[found[:, 0].argsort()])  # surest first, as they come
    off = (np.array(images) - boxes) / [40.0, 100.0, 40.0, 100.0]
    flat = off.reshape(-1, 4)
    assert np.abs(flat.mean(axis=0)).max() < 0.001
    assert flat.std(axis=0) == pytest.approx(np.full(4, np.hypot(0.015, 0.01)), rel=0.03)
    alike = (off[:-10] * off[10:]).mean(axis=(0, 1))
    assert alike == pytest.approx(np.full(4, 0.01**2 * np.exp(-1.0)), abs=1.2e-5)
    across = np.corrcoef(flat.T) - np.eye(4)
    assert np.abs(across).max() < 0.06  # edges err on their own


def test_edges_on_the_border_stay_there() -> None:
    noise = replace(QUIET, jitter=0.05)
    found = play(noise, crowd(1), rows(1, (0.0, 100.0, 100.0, 360.0)), 200)
    boxes = np.array([d.boxes[0] for d in found])
    assert (boxes[:, 0] == 0).all() and (boxes[:, 3] == 360).all()
    assert boxes[:, 1].std() > 5


def test_classes_are_confused_in_runs_and_with_their_like() -> None:
    noise = replace(QUIET, confusion=0.2)
    found = play(noise, crowd(40), rows(40, (100.0, 100.0, 180.0, 190.0)), 2000)
    kinds = np.concatenate([d.kind for d in found])
    assert (kinds != RoadUserKind.CAR).mean() == pytest.approx(0.2, abs=0.02)
    taken = kinds[kinds != RoadUserKind.CAR]
    assert set(taken) == {RoadUserKind.MINIBUS, RoadUserKind.TRUCK}
    assert (taken == RoadUserKind.MINIBUS).mean() == pytest.approx(0.7, abs=0.05)
    (one,) = zip(*[d.kind for d in play(noise, crowd(1), rows(1, (99, 99, 200, 200)), 3000)],
                 strict=True)  # fmt: skip
    changes = (np.diff(np.array(one, int)) != 0).mean()
    assert changes < 2 * 0.2 / (RUN * RATE)  # at most one begin and one end per wrong run


def test_wrong_counts_are_off_by_one_and_possible() -> None:
    noise = replace(QUIET, riders_wrong=0.2)
    for riders, helmets in ((1, 1), (2, 2), (2, 1), (3, 0)):
        users = crowd(40, "motorcycle", riders=riders, helmets=helmets)
        found = play(noise, users, rows(40, (100.0, 100.0, 140.0, 160.0)), 1000)
        r = np.concatenate([d.riders for d in found])
        h = np.concatenate([d.helmets for d in found])
        wrong = (r != riders) | (h != helmets)
        assert wrong.mean() == pytest.approx(0.2, abs=0.03)
        assert (r >= 1).all() and (h >= 0).all() and (h <= r).all()
        assert np.abs(r - riders).max() <= 1 and np.abs(h - helmets).max() <= 1


def test_nobody_counts_heads_on_a_small_motorcycle_or_a_car() -> None:
    users = crowd(1, "motorcycle", riders=2, helmets=1)
    near = play(QUIET, users, rows(1, (100.0, 100.0, 120.0, 124.0)), 1)[0]
    far = play(QUIET, users, rows(1, (100.0, 100.0, 115.0, 123.0)), 1)[0]
    assert (near.riders[0], near.helmets[0]) == (2.0, 1.0)
    assert np.isnan(far.riders[0]) and np.isnan(far.helmets[0])
    car = play(QUIET, crowd(1), rows(1, (100.0, 100.0, 180.0, 190.0)), 1)[0]
    assert np.isnan(car.riders[0])


def test_warning_lights_are_noticed_most_of_the_time() -> None:
    noise = replace(QUIET, emergency_missed=0.1)
    seen = rows(20, (100.0, 100.0, 180.0, 190.0))
    lit = np.concatenate([d.emergency for d in play(noise, crowd(20, emergency=True), seen, 1000)])
    assert (lit < 0.5).mean() == pytest.approx(0.1, abs=0.02)
    dark = np.concatenate([d.emergency for d in play(noise, crowd(20), seen, 1000)])
    assert dark.max() < 0.3 and dark.min() >= 0.0 and lit.max() <= 1.0


def test_half_covered_boxes_are_cut_half_of_the_time() -> None:
    noise = replace(QUIET, cut=0.5)
    found = play(noise, crowd(40), rows(40, (100.0, 100.0, 200.0, 200.0), 0.7), 1000)
    right = np.concatenate([d.boxes[:, 2] for d in found])
    assert set(right.round(3)) == {150.0, 200.0}
    assert (right == 150.0).mean() == pytest.approx(0.5, abs=0.04)
    whole = play(noise, crowd(40), rows(40, (100.0, 100.0, 200.0, 200.0), 0.9), 100)
    assert {float(x) for d in whole for x in d.boxes[:, 2]} == {200.0}


def test_confidence_grows_with_size_and_shrinks_when_covered() -> None:
    def mean(height: float, visible: float) -> float:
        seen = rows(30, (100.0, 100.0, 200.0, 100.0 + height), visible)
        found = play(QUIET, crowd(30), seen, 100)
        values = np.concatenate([d.confidence for d in found])
        assert values.min() >= np.float32(LEAST) and values.max() <= 0.981
        return float(values.mean())

    assert mean(20, 1.0) + 0.1 < mean(50, 1.0) < mean(90, 1.0) - 0.1
    assert mean(90, 0.4) < mean(90, 1.0) - 0.1


def test_false_boxes_are_as_many_as_stated_and_some_stay() -> None:
    phantoms = Phantoms(0.2, 1, ["a", "b"], SIZE)
    images = [phantoms.at(i) for i in range(20000)]
    many = np.concatenate([camera for _, camera in images])
    for camera in (0, 1):
        assert (many == camera).sum() / 20000 == pytest.approx(0.2, rel=0.06)
    boxes = np.concatenate([d.boxes for d, _ in images])
    assert (boxes >= 0).all() and (boxes <= [*SIZE, *SIZE]).all()
    assert np.unique(boxes.round(3), axis=0).shape[0] > 0.9 * len(boxes)
    there = np.array([(camera == 0).any() for _, camera in images])
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate(([0], there.view(np.int8), [0])))))[::2]
    assert 0.5 < (runs == 1).mean() < 0.7 and runs.max() >= 4


def test_night_and_rain_make_it_worse_and_shares_stay_shares() -> None:
    day, night = NoiseModel(), worsened(NoiseModel(), Weather("night"))
    assert worsened(day, Weather()) == day
    rain = worsened(day, Weather(rain=1.0))
    for field in fields(NoiseModel):
        dry, wet, dark = (getattr(n, field.name) for n in (day, rain, night))
        assert dry <= wet <= dark, field.name
    assert night.miss == pytest.approx(0.10) and night.riders_wrong == pytest.approx(0.15)
    blind = worsened(NoiseModel(miss=1.0, miss_small=0.9), Weather("night", 1.0))
    assert (blind.miss, blind.miss_small) == (1.0, 0.95)


@pytest.mark.parametrize(
    ("noise", "sentence"),
    [
        (NoiseModel(miss=-0.1), "uji: noise.miss: found -0.1, allowed 0 to 1"),
        (NoiseModel(jitter=float("nan")), "uji: noise.jitter: found nan, allowed 0 to 1"),
        (NoiseModel(false_boxes=2.0), "uji: noise.false_boxes: found 2, allowed 0 to 1.5"),
    ],
)
def test_impossible_noise_is_one_sentence(noise: NoiseModel, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_noise(noise, "uji")
    assert caught.value.sentences == (sentence,) or list(caught.value.sentences) == [sentence]
    check_noise(NoiseModel(), "uji")


# -- nothing but seed and names decides --------------------------------------------------------


def scene() -> tuple[list[CameraView], list[tuple[VehicleState, ...]]]:
    views = [
        CameraView("utara", (0.0, -8.0, 6.0), (25.0, 0.0, 0.0), 50.0),
        CameraView("selatan", (60.0, 8.0, 6.0), (30.0, 0.0, 0.0), 50.0),
    ]
    steps = []
    for step in range(60):
        users = [
            replace(user(f"v{i}"), x=4.0 * i + 0.8 * step, y=-2.0 if i % 2 else 2.0)
            for i in range(-8, 14)
        ]
        steps.append(tuple(u for u in users if 0 < u.x < 70))
    return views, steps


def told(
    views: list[CameraView], steps: list[tuple[VehicleState, ...]], seed: int = 5
) -> dict[str, list[list[bytes]]]:
    eyes = Eyes(views, 16 / 9, SIZE)
    errors = Errors(NoiseModel(), seed, [v.name for v in views], SIZE, RATE)
    out: dict[str, list[list[bytes]]] = {v.name: [] for v in views}
    for i, users in enumerate(steps):
        moment = Moment(i / RATE, users, {})
        for view, found in zip(views, errors.detect(eyes.look(moment), moment), strict=True):
            out[view.name].append([found.boxes.tobytes(), found.confidence.tobytes()])
    return out


def test_order_of_cameras_and_road_users_does_not_matter() -> None:
    views, steps = scene()
    first = told(views, steps)
    assert sum(len(boxes) for camera in first.values() for boxes, _ in camera) > 10000
    assert told(views[::-1], steps) == first
    assert told(views, [users[::-1] for users in steps]) == first
    assert told(views[:1], steps)["utara"] == first["utara"]
    assert told(views, steps, seed=6) != first


def test_others_do_not_change_ones_errors() -> None:
    """Who drives alone is seen with the same errors as among others far away."""
    view = [CameraView("utara", (0.0, -8.0, 6.0), (25.0, 0.0, 0.0), 50.0)]
    alone = [(replace(user("a"), x=15.0 + i * 0.3),) for i in range(50)]
    away = [(*users, *(replace(user(f"z{i}"), x=500.0 + i) for i in range(20))) for users in alone]
    assert told(view, alone) == told(view, away)


def test_a_million_road_users_are_forgotten() -> None:
    errors = Errors(NoiseModel(), 1, ["a"], SIZE, RATE)
    eyes = Eyes([CameraView("a", (0.0, 0.0, 6.0), (20.0, 0.0, 0.0))], 16 / 9, SIZE)
    for i in range(2000):
        moment = Moment(i / RATE, tuple(user(f"v{i + k}") for k in range(20)), {})
        errors.detect(eyes.look(moment), moment)
    assert len(errors) == 20
    assert errors._state.keys.size <= 128


def test_draws_are_even_and_tell_their_names_apart() -> None:
    keys = np.array([key(1, "a", f"v{i}") for i in range(300)], np.uint64)
    u = uniforms(keys, 7, 40)
    assert u.min() > 0.0 and u.max() < 1.0
    assert u.mean() == pytest.approx(0.5, abs=0.01)
    assert np.abs(np.corrcoef(u.T) - np.eye(40)).max() < 0.3
    assert np.abs((u[1:] - 0.5) * (u[:-1] - 0.5)).mean() == pytest.approx(1 / 16, abs=0.005)
    n = normals(u)
    assert n.std() == pytest.approx(1.0, abs=0.02)
    assert (uniforms(keys, 8, 40) != u).all()
    assert (uniforms(keys[3:4], 7, 40)[0] == u[3]).all()


# -- plates -----------------------------------------------------------------------------------

GATE = Place(
    "gerbang", "gate", line=((20.0, -4.0), (20.0, 4.0)), direction=((10.0, 0.0), (30.0, 0.0))
)
LOOK = CameraView("utara", (0.0, 0.0, 6.0), (20.0, 0.0, 0.0), 50.0, ("gerbang",))


def pass_gate(
    gates: Gates,
    users: list[VehicleState],
    speed: float = 10.0,
    place: tuple[float, float] = (15, 0),
) -> list:
    eyes, found = Eyes([LOOK], 16 / 9, SIZE), []
    for i in range(20):
        there = tuple(replace(u, x=place[0] + speed * i / RATE, y=place[1]) for u in users)
        moment = Moment(i / RATE, there, {})
        found += gates.watch(moment, eyes.look(moment))
    return found


def test_a_plate_is_read_when_the_front_crosses() -> None:
    (found,) = pass_gate(Gates([LOOK], [GATE], "garam"), [user("a", plate="KT 1 A")])
    assert found.time == pytest.approx((20 - 15 - 2) / 10.0)  # 2 m from its middle to its front
    assert (found.gate, found.camera, found.confidence) == ("gerbang", 0, 1.0)
    import hashlib

    assert found.digest == hashlib.sha256(b"garam/KT 1 A").hexdigest()


def test_no_plate_is_read_beside_the_gate_against_it_or_unseen() -> None:
    a = user("a", plate="KT 1 A")
    assert pass_gate(Gates([LOOK], [GATE], ""), [a], place=(15.0, 4.5)) == []
    assert pass_gate(Gates([LOOK], [GATE], ""), [a], -10.0, (30.0, 0.0)) == []
    assert pass_gate(Gates([LOOK], [GATE], ""), [user("a")]) == []  # has no plate
    away = replace(LOOK, look_at=(-20.0, 0.0, 0.0))
    eyes, gates = Eyes([away], 16 / 9, SIZE), Gates([away], [GATE], "")
    for i in range(20):
        moment = Moment(i / RATE, (replace(a, x=15.0 + i),), {})
        assert gates.watch(moment, eyes.look(moment)) == []


def test_plates_are_missed_and_misread_as_stated() -> None:
    noise = replace(QUIET, plate_missed=0.2, plate_wrong=0.1)
    users = [user(f"v{i}", plate=f"KT {1000 + i} AB") for i in range(1)]
    read, wrong, off = 0, 0, []
    for seed in range(1500):
        gates = Gates([LOOK], [GATE], "s", seed, noise)
        for found in _one_crossing(gates, users[0]):
            read += 1
            wrong += found.digest != gates._digest(users[0].plate)
            off.append(found.time - 0.3)
    assert read / 1500 == pytest.approx(0.8, abs=0.035)
    assert wrong / read == pytest.approx(0.1, abs=0.03)
    assert np.std(off) == pytest.approx(STDDEV, rel=0.1)
    assert abs(np.mean(off)) < 0.003


def _one_crossing(gates: Gates, vehicle: VehicleState) -> list:
    seen = Seen(np.zeros(1, int), np.zeros(1, int), np.zeros((1, 4)), np.ones(1), np.zeros((1, 4)))
    found = []
    for i in (2, 3):
        moment = Moment(i / RATE, (replace(vehicle, x=15.0 + i * 1.0),), {})
        found += gates.watch(moment, seen)
    return found


def test_a_misread_plate_differs_in_one_character() -> None:
    for which in np.linspace(0, 0.999, 40):
        made = misread("KT 1234 AB", which, 0.7)
        assert sum(a != b for a, b in zip(made, "KT 1234 AB", strict=True)) == 1
        assert made[2] == made[7] == " "
    assert misread("", 0.5, 0.5) == ""


def test_gates_forget_who_left() -> None:
    gates = Gates([LOOK], [GATE], "")
    eyes = Eyes([LOOK], 16 / 9, SIZE)
    for i in range(500):
        moment = Moment(i / RATE, (user(f"v{i}", plate="KT 1 A"),), {})
        gates.watch(moment, eyes.look(moment))
    assert len(gates) == 1
