"""Who is meant, in words, and that it costs no time when it is needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bconnect_enforce.core.address import address, every_piece
from bconnect_enforce.core.records import Announcement
from bconnect_enforce.core.sound import Sound
from bconnect_enforce.core.studio import Line, NoSound, Studio
from bconnect_site.kinds import Colour, RoadUserKind
from bconnect_site.phrases import Vocabulary, load_phrases

WORDS = load_phrases().vocabulary
ORDER = Announcement("a", "tiang_1", "illegal_parking_reprimand", "f", 1, 0, 0)
CAR, WALKER, NOBODY = RoadUserKind.CAR, RoadUserKind.PEDESTRIAN, RoadUserKind.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "colour", "place", "said"),
    [
        (CAR, Colour.WHITE, "lajur_kiri", "Mobil putih, di lajur kiri."),
        (RoadUserKind.MOTORCYCLE, Colour.RED, "", "Sepeda motor merah,"),
        (CAR, Colour.UNKNOWN, "bahu_jalan", "Mobil, di bahu jalan."),
        (NOBODY, Colour.GREY, "", "Kendaraan abu-abu,"),
        (NOBODY, Colour.UNKNOWN, "simpang", "Kendaraan, di tengah simpang."),
        # whoever is not told apart is not addressed
        (CAR, Colour.UNKNOWN, "", ""),
        (NOBODY, Colour.UNKNOWN, "", ""),
        # people have no body colour
        (WALKER, Colour.RED, "", ""),
        (WALKER, Colour.RED, "zebra_cross", "Pejalan kaki, di zebra cross."),
        # a place that the vocabulary lacks is left out, never read
        (CAR, Colour.BLACK, "rm -rf", "Mobil hitam,"),
    ],
)
def test_who_is_meant(kind, colour, place, said):
    order = replace(ORDER, road_user=kind, colour=colour, place=place)
    assert " ".join(address(order, WORDS)) == said


def test_a_plate_is_read_only_where_that_is_switched_on():
    order = replace(ORDER, road_user=CAR, plate="KT 1204 ab")
    assert address(order, WORDS) == ()
    assert address(order, WORDS, say_plates=True) == (
        "Mobil,", "nomor polisi", "ka", "te", "satu", "dua", "nol", "empat", "a", "be",
    )  # fmt: skip


@pytest.mark.parametrize("plate", ["KT-1204", "KT 1204 É", "", "  ", "K\u0660"])
def test_what_is_no_plate_is_not_read(plate):
    assert address(replace(ORDER, road_user=CAR, plate=plate), WORDS, say_plates=True) == ()


def test_a_file_without_words_addresses_nobody():
    order = replace(ORDER, road_user=CAR, colour=Colour.RED, plate="KT 1 A")
    assert address(order, Vocabulary(), True) == ()
    assert list(every_piece(Vocabulary(), True)) == []


def test_every_piece_of_every_address_is_prepared():
    ready = set(every_piece(WORDS, say_plates=True))
    assert len(ready) < 200
    for kind in RoadUserKind:
        for colour in Colour:
            for place in ("", *WORDS.places):
                order = replace(ORDER, road_user=kind, colour=colour, place=place, plate="KT 19 X")
                assert set(address(order, WORDS, say_plates=True)) <= ready


def tone(level: int, seconds: float = 0.2, rate: int = 8000) -> Sound:
    count = np.arange(int(seconds * rate))
    return Sound((level * np.sin(2 * np.pi * 700 * count / rate)).astype(np.int16), rate)


def studio(said: list[str], rate: int = 0) -> Studio:
    def say(text: str) -> Sound:
        said.append(text)
        if text == "stumm":
            raise NoSound("nothing to say")
        return tone(9000)

    lines = {"a": Line("satu"), "b": Line("dua", "b.wav")}
    read = {"b.wav": tone(9000, 0.5, 16000)}.__getitem__
    pieces = ("Mobil putih,", "stumm", "di sini.")
    return Studio(lines, "id", 1.0, say, read, lambda key: None, lambda k, s: None, rate, pieces)


def test_an_address_that_is_not_ready_makes_nobody_wait():
    said: list[str] = []
    made = studio(said)
    plain = made.sound("a", ("Mobil putih,",))
    assert said == ["satu"]  # the phrase alone was made
    assert [s for s in made.prepare_all() if s] == ["nothing to say"]
    assert said == ["satu", "Mobil putih,", "stumm", "di sini."]
    whole = made.sound("a", ("Mobil putih,", "di sini."))
    assert said[4:] == []  # nothing is made any more
    assert whole.duration == pytest.approx(3 * plain.duration + 2 * 0.12, abs=0.01)
    assert np.array_equal(whole.samples[-len(plain.samples) :], plain.samples)
    # a piece that could not be made leaves the phrase as it is
    assert made.sound("a", ("stumm",)).duration == plain.duration


def test_a_recording_of_another_rate_follows_its_address():
    made = studio([])
    list(made.prepare_all())
    whole = made.sound("b", ("Mobil putih,",))
    assert whole.rate == 16000
    assert whole.duration == pytest.approx(0.3 + 0.12 + 0.6, abs=0.01)


def test_all_sounds_have_the_rate_of_the_mouth():
    made = studio([], rate=16000)
    list(made.prepare_all())
    assert {made.sound(name, ("di sini.",)).rate for name in "ab"} == {16000}
