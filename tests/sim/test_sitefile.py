"""The site file of a simulated corridor: loadable, its zones where the places are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bconnect_sim.core.heads import HEAD_HEIGHT, HEAD_WIDTH, LAMPS, signal_head
from bconnect_sim.core.world import (
    CameraView,
    Corridor,
    Picture,
    Place,
    Section,
    SignalHead,
    Window,
)
from bconnect_sim.sitefile import HEAD, Setting, chosen, head_in, write_site
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import ZoneKind
from bconnect_site.loader import load_site

PLACES = (
    Place("henti", "stop_line", line=((20.0, -3.5), (20.0, 3.5)), signal="barat", basis="marking",
          direction=((10.0, 0.0), (30.0, 0.0))),
    Place("simpang", "junction", region=((28.0, -8.0), (44.0, -8.0), (44.0, 8.0), (28.0, 8.0))),
    Place("lajur", "direction", region=((-40.0, -3.5), (90.0, -3.5), (90.0, 0.0), (-40.0, 0.0)),
          direction=((-30.0, -2.0), (-20.0, -2.0)), basis="marking"),
    Place("bahu", "no_parking", region=((15.0, 4.0), (30.0, 4.0), (30.0, 6.0), (15.0, 6.0)),
          basis="sign S-12", dwell=45.0, active=(Window("16:00", "19:00", "mon-sat"),),
          applies_to=("car", "truck")),
    Place("cepat", "speed", region=((14.0, -3.5), (50.0, -3.5), (50.0, 3.5), (14.0, 3.5)),
          limit=13.89, tolerance=1.0, basis="sign S-5"),
    Place("masuk", "gate", line=((22.0, -3.5), (22.0, 3.5))),
    Place("keluar", "gate", line=((122.0, -3.5), (122.0, 3.5))),
)  # fmt: skip
CORRIDOR = Corridor(
    "jalan", "Jalan uji", "jalan.net.xml", {}, PLACES,
    cameras=(
        CameraView("barat", (0.0, -6.0, 6.0), (22.0, 0.0, 0.5), 45.0,
                   ("henti", "simpang", "lajur", "bahu", "cepat", "masuk"),
                   ("stop_line", "wrong_way", "illegal_parking", "speeding", "section_speed")),
        CameraView("timur", (100.0, -6.0, 6.0), (122.0, 0.0, 0.5), 45.0, ("keluar",)),
    ),
    signals=(SignalHead("barat", "J", ("e",), (26.0, 5.0, 4.5), 180.0),
             SignalHead("utara", "J", ("n",), (26.0, 5.0, 4.5), 90.0)),
    sections=(Section("ruas", "masuk", "keluar", 100.0, 13.89),),
)  # fmt: skip
SETTING = Setting("uji", "Uji", CORRIDOR, CORRIDOR.cameras, Picture(), date(2026, 3, 2), seed=7)


def change(place: str, **values: object) -> Setting:
    places = tuple(replace(p, **values) if p.name == place else p for p in PLACES)  # type: ignore[arg-type]
    return replace(SETTING, corridor=replace(CORRIDOR, places=places))


def test_the_site_loads_and_says_what_the_corridor_does(tmp_path: Path) -> None:
    site = load_site(write_site(tmp_path, SETTING)).site
    assert (site.site, site.kind, site.timezone) == ("sim_uji", "corridor", "Asia/Makassar")
    assert site.location is not None and site.location.latitude == CORRIDOR.latitude
    barat = site.cameras["barat"]
    assert barat.source == "sim://uji/barat?seed=7"
    assert (barat.detect.width, barat.detect.height, barat.detect.rate) == (640, 360, 10.0)
    assert barat.rules == ("stop_line", "wrong_way", "illegal_parking", "speeding")
    assert set(barat.zones) == {"henti", "simpang", "lajur", "bahu", "cepat", "masuk"}
    assert (
        barat.zones["henti"].signal == "barat" and barat.zones["henti"].kind == ZoneKind.STOP_LINE
    )
    bahu = barat.zones["bahu"]
    assert (bahu.dwell, bahu.active[0].days, bahu.applies_to) == (45.0, "mon-sat", ("car", "truck"))
    assert (barat.zones["cepat"].limit, barat.zones["cepat"].tolerance) == (13.89, 1.0)
    assert site.sections["ruas"].entry == "barat/masuk"
    assert site.sections["ruas"].exit == "timur/keluar"
    assert site.ladder.mode == "enforcement"
    assert site.signals["barat"].adapter == "recorded"


def test_zones_lie_where_the_places_do(tmp_path: Path) -> None:
    """Back on the ground through the calibration, each zone is its place, as far as it shows."""
    loaded = load_site(write_site(tmp_path, SETTING))
    calibration = loaded.calibrations()["barat"]
    zones = loaded.site.cameras["barat"].zones
    for place in PLACES[:6]:
        points = np.array(zones[place.name].points)
        known = calibration.covers(points)
        ground = calibration.to_ground(points)[known]
        assert len(ground) >= 2 or place.name == "lajur"
        outline = np.array(place.line or place.region)
        low, high = outline.min(axis=0) - 0.05, outline.max(axis=0) + 0.05
        assert ((ground >= low) & (ground <= high)).all(), place.name
    henti = calibration.to_ground(np.array(zones["henti"].points))
    assert henti == pytest.approx(np.array(PLACES[0].line), abs=0.02)
    tail, head = calibration.to_ground(np.array(zones["lajur"].direction))
    assert head[0] - tail[0] > 0.9 and abs(head[1] - tail[1]) < 0.05


def test_calibrations_are_exact(tmp_path: Path) -> None:
    loaded = load_site(write_site(tmp_path, SETTING))
    for view in CORRIDOR.cameras:
        calibration = loaded.calibrations()[view.name]
        eye, ahead = np.array(view.position[:2]), np.subtract(view.look_at, view.position)[:2]
        away = np.random.default_rng(1).uniform(15.0, 45.0, 300)[:, None]
        ground = eye + away * ahead / np.hypot(*ahead)
        optics = SETTING.optics(view)
        fractions = optics.project(np.column_stack((ground, np.zeros(300))))[:, :2]
        inside = calibration.covers(fractions)
        assert inside.sum() > 200
        error = calibration.to_ground(fractions[inside]) - ground[inside]
        assert np.abs(error).max() < 0.01
        assert calibration.fits(640, 360) and not calibration.fits(640, 480)
        file = calibration.file
        assert file.ground is not None and file.ground.method == "simulation"
        assert len(file.ground.points) >= 6
        for point in file.ground.points:
            found = calibration.to_ground(np.array([point.image]))[0]
            assert np.hypot(*(found - point.ground)) < 1e-3
        assert file.intrinsics is not None
        assert file.intrinsics.fx == pytest.approx(640 / np.tan(np.radians(22.5)))


def test_a_picture_of_another_shape_keeps_it(tmp_path: Path) -> None:
    square = replace(SETTING, picture=Picture(width=800, height=600))
    loaded = load_site(write_site(tmp_path, square))
    assert loaded.site.cameras["barat"].detect.height == 480
    assert loaded.calibrations()["barat"].fits(640, 480)


def test_in_a_video_lamps_are_read_where_they_are_seen(tmp_path: Path) -> None:
    site = load_site(write_site(tmp_path, replace(SETTING, video=True))).site
    assert site.cameras["barat"].source == "file://barat.mp4"
    seen, away = site.signals["barat"], site.signals["utara"]
    assert (seen.adapter, seen.camera) == ("lamp_vision", "barat")
    assert away.adapter == "recorded"  # shines elsewhere
    assert seen.region is not None
    low, high = np.array(seen.region).min(axis=0), np.array(seen.region).max(axis=0)
    lamps = signal_head(CORRIDOR.signals[0]).at
    assert set(lamps) == set(LAMPS) and (2 * HEAD[0], 2 * HEAD[1]) == (HEAD_WIDTH, HEAD_HEIGHT)
    optics = SETTING.optics(CORRIDOR.cameras[0])
    for place in lamps.values():
        assert ((low <= optics.fraction(*place)) & (optics.fraction(*place) <= high)).all()


def test_a_head_too_small_or_outside_is_not_read() -> None:
    head, view = CORRIDOR.signals[0], CORRIDOR.cameras[0]
    assert head_in(SETTING, view, head)
    assert head_in(SETTING, view, replace(head, position=(300.0, 5.0, 4.5))) == ()
    assert head_in(SETTING, view, replace(head, position=(26.0, 60.0, 4.5))) == ()
    assert head_in(SETTING, view, replace(head, position=(-26.0, 0.0, 4.5))) == ()
    assert head_in(SETTING, view, replace(head, heading=0.0)) == ()


def test_a_section_needs_both_gates(tmp_path: Path) -> None:
    west = replace(SETTING, views=CORRIDOR.cameras[:1])
    assert load_site(write_site(tmp_path, west)).site.sections == {}


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (change("henti", line=((-20.0, -3.5), (-20.0, 3.5))),
         "jalan: cameras.barat.places: henti: does not lie in the camera's picture"),
        (change("simpang", name="lain"), 'places: no place is called "simpang"'),
        (change("bahu", kind="no_parkin"), 'bahu: no kind of place is called "no_parkin"'),
        (change("cepat", region=()), "cepat: a speed has a region, found none"),
        (replace(SETTING, views=(replace(CORRIDOR.cameras[1], rules=("helmet",)),)),
         'jalan: cameras.timur.rules: no rule is called "helmet"'),
        (replace(SETTING, views=(CameraView("langit", (0.0, 0.0, 6.0), (20.0, 0.0, 40.0), 40.0),)),
         "jalan: cameras.langit.look_at: it sees no ground it could measure on"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(tmp_path: Path, setting: Setting, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        write_site(tmp_path, setting)
    assert any(s.startswith(sentence) or sentence in s for s in caught.value.sentences)
    assert not (tmp_path / "site.yaml").exists()


def test_cameras_are_chosen_by_name() -> None:
    assert chosen(CORRIDOR, [], "") == CORRIDOR.cameras
    assert [v.name for v in chosen(CORRIDOR, ["timur"], "")] == ["timur"]
    with pytest.raises(ConfigError, match=r'--cameras: no camera is called "timu"; did you mean'):
        chosen(CORRIDOR, ["timu"], "--cameras")


def test_what_the_site_lacks_is_told_by_the_loader(tmp_path: Path) -> None:
    file = write_site(tmp_path, change("bahu", basis=""))
    with pytest.raises(ConfigError, match=r"zones.bahu.basis: is missing"):
        load_site(file)
