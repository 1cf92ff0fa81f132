"""The guard of the view: every move is noticed, and nothing else is."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
import cv2
from view_scenes import CLIP, Grey, Watcher, lit, seen, small, street, traffic

from bconnect_camera.adapters import view_store
from bconnect_camera.core.guard import VOID, ViewGuard
from bconnect_camera.core.health import WIDTH
from bconnect_camera.core.view import View, field_of
from bconnect_camera.core.view_album import PAGES
from bconnect_camera.core.view_match import AGREED, SAME, compare, search
from bconnect_site.kinds import CameraState

OK, MOVED, UNKNOWN = CameraState.OK, CameraState.MOVED, CameraState.UNKNOWN
STREET = street()


def view(image: Grey) -> View:
    return View(field_of(small(image)))


def learned(image: Grey = STREET) -> Watcher:
    watcher = Watcher()
    assert watcher.show([image] * 12).state == OK
    watcher.mark()
    return watcher


@pytest.mark.parametrize(
    ("move", "x", "y", "zoom", "turn"),
    [
        ({}, 0, 0, 0, 0),
        ({"x": 0.01}, 3.2, 0, 0, 0),
        ({"x": -0.02, "y": 0.01}, -6.4, 3.2, 0, 0),
        ({"zoom": 1.03}, 0, 0, 0.03, 0),
        ({"turn": 2.0}, 0, 0, 0, 2.0),
    ],
)
def test_a_small_move_is_measured(move, x, y, zoom, turn):
    found = compare(view(STREET), view(seen(STREET, **move)))
    assert found.agrees and found.agreed >= 30
    assert found.shift.move == pytest.approx(complex(x, y), abs=0.3)
    assert found.shift.bend.real == pytest.approx(zoom, abs=0.004)
    assert np.degrees(found.shift.bend.imag) == pytest.approx(turn, abs=0.2)


def test_a_large_move_is_measured_with_its_zoom_and_turn():
    found = search(view(STREET), view(seen(STREET, x=-0.2, y=0.05, zoom=1.03, turn=1.0)))
    assert found is not None
    words = found.shift.words()
    assert words.startswith("moved by 6") and "px left, 1" in words
    assert "zoomed in by 3 %" in words and "deg clockwise" in words
    assert search(view(STREET), view(STREET)) is None


def test_views_with_nothing_in_common_do_not_match():
    most = [compare(view(street(a)), view(street(b))) for a in range(6) for b in range(6) if a != b]
    assert max(m.same for m in most) < SAME and max(m.agreed for m in most) < AGREED
    assert not any(m.stays or m.agrees for m in most)


def test_the_view_is_learned_in_two_seconds():
    watcher = Watcher()
    watcher.show(traffic(STREET, i) for i in range(20))
    assert [(when, c.state) for when, c in watcher.changes] == [(0.0, UNKNOWN), (2.0, OK)]


def test_a_head_that_turns_is_not_learned():
    watcher = Watcher()
    made = watcher.show(seen(STREET, x=0.02 * i) for i in range(30))
    assert made.state == UNKNOWN and "learning" in made.detail


@pytest.mark.parametrize(
    "move",
    [
        {"x": 0.01},
        {"x": -0.01},
        {"y": 0.01},
        {"zoom": 1.02},
        {"zoom": 0.98},
        {"turn": 1.0},
        {"x": 0.05},
        {"x": 0.4, "y": 0.2},
        {"zoom": 2.0},
        {"turn": 20.0},
    ],
    ids=str,
)
def test_every_move_is_noticed_within_two_seconds(move):
    watcher = learned()
    made = watcher.show(traffic(seen(STREET, **move), i) for i in range(8))
    assert made.state == MOVED and made.detail.endswith(VOID)
    assert watcher.changes[-1][0] <= 1.75
    assert made.since <= watcher.stamp - 1_000_000_000
    watcher.mark()
    assert watcher.show([STREET] * 10).state == OK  # it is back
    assert 1.0 <= watcher.changes[-1][0] <= 2.0


@pytest.mark.parametrize("move", [{}, {"x": 0.002}, {"zoom": 1.004}, {"turn": 0.2}], ids=str)
def test_what_a_pole_does_in_the_wind_is_no_move(move):
    watcher = learned()
    watcher.show(seen(STREET, **(move if i % 3 else {})) for i in range(60))
    assert [c.state for _, c in watcher.changes] == [OK]


def test_the_operator_reads_how_far():
    made = learned().show([seen(STREET, x=12 / 320, y=3 / 320)] * 8)
    assert made.detail == f"the view moved by 12 px right, 3 px down (of 320 x 180); {VOID}"
    made = learned().show([street(9)] * 8)
    assert made.detail == f"nothing known is in view; {VOID}"


def test_traffic_light_and_noise_are_no_move():
    rng = np.random.default_rng(1)
    watcher = learned()
    watcher.show(traffic(STREET, i, share=0.7) for i in range(120))
    watcher.show(lit(STREET, 1.0 - i / 100, i / 8, rng) for i in range(96))
    watcher.show(cv2.convertScaleAbs(STREET, alpha=a, beta=b) for a, b in [(0.4, 90), (1.6, 0)] * 8)
    assert [c.state for _, c in watcher.changes] == [OK]


def test_text_in_the_picture_does_not_hold_the_view():
    def written(image: Grey) -> Grey:
        image = image.copy()
        for y in (24, 350):
            text = "2026-11-24 18:20:31 SIMPANG UTARA CAMERA 03"
            cv2.putText(image, text, (8, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
        return image

    watcher = learned(written(STREET))
    assert watcher.show([written(street(7))] * 8).state == MOVED


def test_marks_that_repeat_do_not_hide_a_move_by_one_of_them():
    zebra = STREET.copy()
    for x in range(180, 480, 22):  # 11 px of 320
        zebra[250:330, x : x + 11] = 230
    watcher = learned(zebra)
    assert watcher.show([seen(zebra, x=22 / 640)] * 8).state == MOVED


def test_a_creeping_move_is_noticed():
    watcher = learned()
    made = watcher.show(seen(STREET, x=i * 0.00004) for i in range(260))  # 1 px in 20 s
    assert made.state == MOVED
    assert 150 <= watcher.changes[-1][0] * 4 <= 190  # 2 px


def faded(old: Grey, new: Grey, share: float) -> Grey:
    return cv2.addWeighted(old, 1 - share, new, share, 0)


class TestAlbum:
    """A night that looks like another place: pages are added, the anchor stays the measure."""

    def night(self, drift: float = 0.0, looks: int = 1300) -> Watcher:
        """Falls within 300 s, ever slower; ``drift`` in px of 320 per look."""
        watcher, day, night = learned(), small(STREET), small(street(3))
        for i in range(looks):
            picture = faded(day, night, 1 - (1 - min(1.0, i / 1200)) ** 2)
            made = watcher.show([seen(picture, x=i * drift / WIDTH) if drift else picture])
            if made.state != OK:
                break
        return watcher

    def test_a_night_is_learned_and_kept(self, tmp_path: Path):
        watcher = self.night()
        assert [c.state for _, c in watcher.changes] == [OK]
        pages = watcher.guard.album.pages
        assert 2 <= len(pages) <= PAGES and max(p.offset.reach for p in pages) < 0.3
        file = tmp_path / "deep" / "x.npz"
        view_store.save(str(file), pages)
        assert file.stat().st_size < 1_500_000
        again = view_store.load(str(file))
        assert [(p.offset, p.depth) for p in again] == [(p.offset, p.depth) for p in pages]
        for picture in (STREET, street(3)):
            assert Watcher(ViewGuard(again)).show([picture] * 4).state == OK
            turned = Watcher(ViewGuard(again)).show([seen(picture, x=0.012)] * 8)
            assert turned.state == MOVED

    def test_no_creeping_move_hides_behind_the_dusk(self):
        watcher = self.night(drift=0.0012, looks=1900)
        assert len(watcher.guard.album.pages) > 1
        assert watcher.guard.condition.state == MOVED
        assert watcher.changes[-1][0] * 4 == pytest.approx(2.0 / 0.0012, rel=0.1)

    def test_pages_are_bounded_and_the_anchor_stays(self):
        watcher = learned()
        album = watcher.guard.album
        anchor = album.pages[0].view
        for i in range(20):
            album.add(field_of(small(street(10 + i))), album.current.offset)
        assert len(album.pages) == PAGES and album.pages[0].view is anchor


def test_too_little_in_the_picture_is_no_move_and_no_ok():
    fog = np.random.default_rng(1).normal(150, 2, (20, 180, 320)).clip(0, 255).astype(np.uint8)
    watcher = learned()
    made = watcher.show(fog)
    assert made.state == UNKNOWN and "too little" in made.detail
    assert watcher.show([STREET] * 4).state == OK
    assert Watcher().show(fog).state == UNKNOWN


def test_after_an_outage_the_view_is_looked_for_again():
    watcher = learned()
    watcher.guard.forget(watcher.stamp)
    assert watcher.guard.condition.state == UNKNOWN
    assert watcher.show([STREET]).state == UNKNOWN
    assert watcher.show([STREET] * 3).state == OK
    watcher.show([street(2)] * 8)
    watcher.guard.forget(watcher.stamp)
    assert watcher.guard.condition.state == MOVED  # nobody has seen it return


def test_a_gap_and_a_clock_set_back_do_not_count_as_time():
    watcher = learned()
    watcher.show([street(2)] * 2)
    watcher.stamp += 3600 * 10**9
    assert watcher.show([street(2)] * 2).state == OK
    watcher.stamp -= 7200 * 10**9
    assert watcher.show([street(2)] * 2).state == OK
    assert watcher.show([street(2)] * 6).state == MOVED


class TestStore:
    def test_no_file_is_no_view_and_a_damaged_one_says_so(self, tmp_path: Path):
        assert view_store.load(str(tmp_path / "none.npz")) == ()
        file = tmp_path / "a.npz"
        view_store.save(str(file), learned().guard.album.pages)
        whole = file.read_bytes()
        for damaged in (b"", whole[:100], whole[: len(whole) // 2], b"PK" + bytes(200)):
            file.write_bytes(damaged)
            with pytest.raises(ValueError, match=r"view_file: .*a\.npz cannot be read as a view"):
                view_store.load(str(file))
        np.savez(file, format=1, fields=np.zeros((1, 3, 3), np.int8), numbers=[[0] * 5], used=[0])
        with pytest.raises(ValueError):
            view_store.load(str(file))

    def test_old_views_of_a_camera_are_removed(self, tmp_path: Path):
        pages = learned().guard.album.pages
        for i in range(6):
            file = tmp_path / f"{i}.npz"
            view_store.save(str(file), pages)
            import os

            os.utime(file, (i, i))
        view_store.save(str(tmp_path / "now.npz"), pages)
        assert sorted(f.stem for f in tmp_path.iterdir()) == ["3", "4", "5", "now"]


def test_a_look_is_cheap():
    watcher, pictures = learned(), [small(traffic(STREET, i)) for i in range(40)]
    took = []
    for i, picture in enumerate(pictures):
        begin = time.process_time()
        watcher.guard.look(watcher.stamp + i * 250_000_000, picture)
        took.append(time.process_time() - begin)
    assert np.median(took) < 0.005  # 1.2 ms where nothing else runs


@pytest.mark.skipif(not CLIP.is_file(), reason="var/footage/vtest.avi is not there (opencv-doc)")
class TestFootage:
    @pytest.fixture(scope="class")
    def film(self) -> list[Grey]:
        av = pytest.importorskip("av")
        with av.open(str(CLIP)) as file:
            pictures = file.decode(video=0)
            return [f.to_ndarray(format="gray") for i, f in enumerate(pictures) if i % 3 == 0]

    def test_ten_minutes_of_it_raise_no_alarm(self, film):
        watcher = Watcher()
        for _ in range(9):  # 9 x 66 s as it is looked at
            watcher.show(film)
        assert [c.state for _, c in watcher.changes] == [UNKNOWN, OK]

    @pytest.mark.parametrize(
        "move", [{"x": 0.01}, {"y": -0.01}, {"zoom": 1.02}, {"turn": -1.0}, {"x": 0.3}], ids=str
    )
    def test_moves_of_it_are_noticed(self, film, move):
        watcher = Watcher()
        watcher.show(film[:16])
        watcher.mark()
        assert watcher.show(seen(f, **move) for f in film[16:24]).state == MOVED
        assert watcher.changes[-1][0] <= 1.75
