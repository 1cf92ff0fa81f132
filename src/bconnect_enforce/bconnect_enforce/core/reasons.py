"""Why a step was taken, in Indonesian that a citizen understands.

What was done, by which kind of vehicle, against which article, where, when, how often before,
and what would have avoided it. Never a plate: the register knows it, a sentence need not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from bconnect_enforce.core.records import Offence
from bconnect_site.kinds import Mode, RoadUserKind, Step, ViolationType

ROAD_USERS: Mapping[RoadUserKind, str] = {
    RoadUserKind.UNKNOWN: "pengguna jalan",
    RoadUserKind.PEDESTRIAN: "pejalan kaki",
    RoadUserKind.BICYCLE: "sepeda",
    RoadUserKind.MOTORCYCLE: "sepeda motor",
    RoadUserKind.CAR: "mobil",
    RoadUserKind.MINIBUS: "minibus",
    RoadUserKind.BUS: "bus",
    RoadUserKind.TRUCK: "truk",
}

OFFENCES: Mapping[ViolationType, str] = {
    ViolationType.UNKNOWN: "melanggar aturan lalu lintas",
    ViolationType.RED_LIGHT: "melewati lampu merah",
    ViolationType.STOP_LINE: "berhenti melewati garis henti",
    ViolationType.WRONG_WAY: "melawan arah",
    ViolationType.ILLEGAL_STOPPING: "berhenti di tempat yang dilarang",
    ViolationType.ILLEGAL_PARKING: "parkir di tempat yang dilarang",
    ViolationType.SPEEDING: "melebihi batas kecepatan",
    ViolationType.SECTION_SPEED: "melebihi batas kecepatan rata-rata",
    ViolationType.RACING: "balapan di jalan",
    ViolationType.NO_HELMET: "berkendara tanpa helm",
    ViolationType.OVERLOADED_MOTORCYCLE: "membawa penumpang melebihi batas",
    ViolationType.LANE_MARKING: "melanggar marka jalan",
    ViolationType.ILLEGAL_U_TURN: "putar balik di tempat yang dilarang",
    ViolationType.NO_SEAT_BELT: "mengemudi tanpa sabuk keselamatan",
    ViolationType.PHONE_USE: "memakai telepon saat mengemudi",
}

AVOID: Mapping[ViolationType, str] = {
    ViolationType.UNKNOWN: "patuhi rambu, marka, dan petunjuk petugas",
    ViolationType.RED_LIGHT: "berhenti di belakang garis henti selama lampu merah menyala",
    ViolationType.STOP_LINE: "berhenti sebelum garis henti selama lampu merah menyala",
    ViolationType.WRONG_WAY: "ikuti arah lajur dan berbalik hanya di tempat yang diizinkan",
    ViolationType.ILLEGAL_STOPPING: "jangan berhenti di sini walaupun hanya sebentar",
    ViolationType.ILLEGAL_PARKING: "parkir di tempat parkir yang tersedia",
    ViolationType.SPEEDING: "berkendara tidak lebih cepat dari batas kecepatan",
    ViolationType.SECTION_SPEED: "berkendara tidak lebih cepat dari batas di sepanjang ruas ini",
    ViolationType.RACING: "jangan beradu kecepatan dengan kendaraan lain di jalan umum",
    ViolationType.NO_HELMET: "pengendara dan penumpang memakai helm berstandar SNI",
    ViolationType.OVERLOADED_MOTORCYCLE: "sepeda motor hanya untuk dua orang",
    ViolationType.LANE_MARKING: "tetap di lajur dan jangan melintasi garis utuh",
    ViolationType.ILLEGAL_U_TURN: "putar balik hanya di tempat yang diizinkan",
    ViolationType.NO_SEAT_BELT: "kenakan sabuk keselamatan selama berkendara",
    ViolationType.PHONE_USE: "menepi dan berhenti dahulu sebelum memakai telepon",
}

STEPS: Mapping[Step, str] = {
    Step.REPRIMAND: "Teguran dicatat",
    Step.ANNOUNCEMENT: "Peringatan disuarakan lewat pengeras suara",
    Step.STICKER: "Petugas diminta menempelkan stiker pelanggaran",
    Step.CITATION: "Usulan tilang diajukan, menunggu pemeriksaan petugas,",
    Step.TOW: "Penderekan diusulkan, menunggu persetujuan petugas,",
}
_SPEEDS = frozenset({ViolationType.SPEEDING, ViolationType.SECTION_SPEED, ViolationType.RACING})
_DWELLS = frozenset({ViolationType.ILLEGAL_STOPPING, ViolationType.ILLEGAL_PARKING})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a sentence needs besides the offence. `measured` and `limit` in the finding's unit.

    `days`: how far back was counted; 0: only while the vehicle was in sight. `warned`: it was
    told aloud, and obeying would have spared it this step; `ignored`: it was seen not to obey.
    `late`: this system was away when it should have been decided.
    """

    history: int = 0
    mode: Mode = Mode.ENFORCEMENT
    measured: float = math.nan
    limit: float = math.nan
    days: float = 0.0
    warned: bool = False
    ignored: bool = False
    late: bool = False


def local_time(stamp: int, zone: ZoneInfo) -> datetime:
    """The stamp (ns) as local date and time."""
    return datetime.fromtimestamp(stamp // 1_000_000_000, timezone.utc).astimezone(zone)


def reason(offence: Offence, step: Step, facts: Facts, zone: ZoneInfo) -> str:
    """The whole reason, two to five sentences."""
    when = local_time(offence.stamp, zone)
    article = f" ({offence.article.replace('Art.', 'Pasal')})" if offence.article else ""
    what = (
        f"{STEPS[step]} karena {ROAD_USERS[offence.road_user]} {OFFENCES[offence.type]}"
        f"{_numbers(offence.type, facts)}{article} di {_place(offence)} pada {when:%d-%m-%Y} "
        f"pukul {when:%H.%M} {when.tzname()}; {_often(facts)}."
    )
    notes = [what]
    if facts.mode is Mode.SOCIALISATION:
        notes.append("Masa sosialisasi: tanpa sanksi.")
    if facts.ignored:
        notes.append("Peringatan lewat pengeras suara tidak diindahkan.")
    if facts.warned:
        notes.append("Bila peringatan segera dituruti, langkah ini tidak diambil.")
    if facts.late:
        notes.append("Diputuskan terlambat karena sistem sempat tidak bekerja.")
    notes.append(f"Agar tidak terulang: {AVOID[offence.type]}.")
    return " ".join(notes)


def _place(offence: Offence) -> str:
    return offence.camera.replace("_", " ")


def _often(facts: Facts) -> str:
    if not facts.history:
        return "pelanggaran pertama yang tercatat"
    span = f" dalam {facts.days:.0f} hari" if facts.days >= 1 else ""
    return f"pelanggaran ke-{facts.history + 1} yang tercatat{span}"


def _numbers(kind: ViolationType, facts: Facts) -> str:
    if not math.isfinite(facts.measured):
        return ""
    if kind in _DWELLS:
        seconds = int(facts.measured)
        return f" selama {seconds} detik" if seconds < 120 else f" selama {seconds // 60} menit"
    if kind not in _SPEEDS:
        return ""
    limit = f", batas {facts.limit * 3.6:.0f} km/jam" if math.isfinite(facts.limit) else ""
    return f", {facts.measured * 3.6:.0f} km/jam{limit},"
