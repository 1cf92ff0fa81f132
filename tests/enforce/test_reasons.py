"""What a citizen is told: for every kind and step, complete and in plain Indonesian."""

from __future__ import annotations

import math

import pytest
from ladder_scenes import WITA

from bconnect_enforce.core.reasons import AVOID, OFFENCES, ROAD_USERS, STEPS, Facts, reason
from bconnect_site.kinds import Mode, RoadUserKind, Step, ViolationType

KINDS = list(ViolationType)
TAKEN = [step for step in Step if step]


def test_the_whole_sentence(offence):
    facts = Facts(history=2, measured=61.4, days=30, warned=True, ignored=True)
    assert reason(offence(), Step.CITATION, facts, WITA) == (
        "Usulan tilang diajukan, menunggu pemeriksaan petugas, karena mobil parkir di tempat yang "
        "dilarang selama 61 detik (UU 22/2009 Pasal 287(3)) di simpang utara pada 23-11-2026 pukul "
        "16.30 WITA; pelanggaran ke-3 yang tercatat dalam 30 hari. Peringatan lewat pengeras suara "
        "tidak diindahkan. Bila peringatan segera dituruti, langkah ini tidak diambil. "
        "Agar tidak terulang: parkir di tempat parkir yang tersedia."
    )


def test_the_first_time_and_friendly(offence):
    text = reason(offence(article=""), Step.REPRIMAND, Facts(mode=Mode.SOCIALISATION), WITA)
    assert text == (
        "Teguran dicatat karena mobil parkir di tempat yang dilarang di simpang utara pada "
        "23-11-2026 pukul 16.30 WITA; pelanggaran pertama yang tercatat. Masa sosialisasi: tanpa "
        "sanksi. Agar tidak terulang: parkir di tempat parkir yang tersedia."
    )


@pytest.mark.parametrize("step", TAKEN)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_and_step_says_all_of_it(kind, step, offence):
    for user in RoadUserKind:
        found = offence(type=kind, road_user=user, plate="KT 1234 AB")
        text = reason(found, step, Facts(history=1, measured=20.0, limit=13.9), WITA)
        assert text.startswith(STEPS[step] + " karena " + ROAD_USERS[user])
        for part in (
            OFFENCES[kind],
            "UU 22/2009 Pasal 287(3)",
            "di simpang utara",
            "pada 23-11-2026 pukul 16.30 WITA",
            "pelanggaran ke-2",
            f"Agar tidak terulang: {AVOID[kind]}.",
        ):
            assert part in text
        assert text.endswith(".") and "  " not in text and ",," not in text
        assert "KT 1234" not in text and "nan" not in text.split()
        assert "Art." not in text and "_" not in text


@pytest.mark.parametrize(
    ("kind", "measured", "limit", "told"),
    [
        (ViolationType.SPEEDING, 20.0, 13.89, "kecepatan, 72 km/jam, batas 50 km/jam, (UU"),
        (ViolationType.RACING, 30.0, math.nan, "di jalan, 108 km/jam, (UU"),
        (ViolationType.ILLEGAL_PARKING, 119.9, math.nan, "dilarang selama 119 detik (UU"),
        (ViolationType.ILLEGAL_PARKING, 901.0, math.nan, "dilarang selama 15 menit (UU"),
        (ViolationType.STOP_LINE, 4.0, 0.0, "garis henti (UU"),
        (ViolationType.SPEEDING, math.nan, 13.89, "kecepatan (UU"),
    ],
)
def test_the_numbers_that_decided(kind, measured, limit, told, offence):
    text = reason(offence(type=kind), Step.CITATION, Facts(measured=measured, limit=limit), WITA)
    assert told in text


def test_nothing_has_no_words():
    assert set(OFFENCES) == set(AVOID) == set(ViolationType)
    assert set(STEPS) == set(TAKEN) and set(ROAD_USERS) == set(RoadUserKind)
