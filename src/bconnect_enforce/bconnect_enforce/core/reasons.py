"""Why a step was taken, in Indonesian that a citizen understands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from bconnect_enforce.core.records import Offence
from bconnect_site.kinds import RoadUserKind, Step, ViolationType

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
}

STEPS: Mapping[Step, str] = {
    Step.REPRIMAND: "Teguran dicatat",
    Step.ANNOUNCEMENT: "Peringatan disuarakan lewat pengeras suara",
    Step.STICKER: "Stiker pelanggaran diminta",
    Step.CITATION: "Usulan tilang diajukan, menunggu pemeriksaan petugas,",
    Step.TOW: "Penderekan diminta",
}


def local_time(stamp: int, zone: ZoneInfo) -> datetime:
    """The stamp (ns) as local date and time."""
    return datetime.fromtimestamp(stamp // 1_000_000_000, timezone.utc).astimezone(zone)


def reason(offence: Offence, step: Step, history: int, zone: ZoneInfo, note: str = "") -> str:
    """One sentence: what is done, who did what, where, when, by which article, how often."""
    when = local_time(offence.stamp, zone)
    place = offence.camera.replace("_", " ")
    article = f" ({offence.article.replace('Art.', 'Pasal')})" if offence.article else ""
    count = "pelanggaran pertama" if history == 0 else f"pelanggaran ke-{history + 1}"
    return (
        f"{STEPS[step]} karena {ROAD_USERS[offence.road_user]} {OFFENCES[offence.type]}{article} "
        f"di {place} pada {when:%d-%m-%Y} pukul {when:%H.%M} {when.tzname()}; {count}"
        f"{', ' + note if note else ''}."
    )
