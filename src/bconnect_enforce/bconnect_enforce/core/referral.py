"""A confirmed case as the police receive it for validation: in Indonesian, never a ticket.

The same case gives the same content, whoever hands it out and whenever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_enforce.core.case import Case
from bconnect_enforce.core.citation import Refused
from bconnect_enforce.core.indonesian import (
    COLOURS,
    PLATE_COLOURS,
    SIGNALS,
    basis,
    clock,
    fine,
    jail,
    number,
)
from bconnect_enforce.core.reasons import OFFENCES, ROAD_USERS
from bconnect_enforce.core.records import EvidenceFile, Violation
from bconnect_site.kinds import (
    CitationStatus,
    Colour,
    EvidenceKind,
    PlateState,
    SignalAspect,
    ViolationType,
    word,
)
from bconnect_site.law import Article

FORMAT = "bconnect-referral/1"
TITLE = "Berkas usulan tilang untuk validasi kepolisian"
NOTICE = (
    "Berkas ini bukan surat tilang. Petugas telah memeriksa dan membenarkan temuan ini; "
    "penindakan diputuskan oleh kepolisian."
)
UNSURE = "[belum pasti]"

Row = tuple[str, str]

_SECONDS = frozenset(
    {
        ViolationType.RED_LIGHT,
        ViolationType.STOP_LINE,
        ViolationType.ILLEGAL_STOPPING,
        ViolationType.ILLEGAL_PARKING,
    }
)
_SPEEDS = frozenset({ViolationType.SPEEDING, ViolationType.SECTION_SPEED, ViolationType.RACING})
_ANGLES = frozenset({ViolationType.WRONG_WAY, ViolationType.ILLEGAL_U_TURN})
_MEASURED: Mapping[ViolationType, str] = {
    ViolationType.RED_LIGHT: "Lampu merah menyala sebelum garis dilewati",
    ViolationType.STOP_LINE: "Berhenti melewati garis henti selama",
    ViolationType.ILLEGAL_STOPPING: "Berhenti selama",
    ViolationType.ILLEGAL_PARKING: "Parkir selama",
    ViolationType.SPEEDING: "Kecepatan",
    ViolationType.SECTION_SPEED: "Kecepatan rata-rata",
    ViolationType.RACING: "Kecepatan",
    ViolationType.WRONG_WAY: "Sudut terhadap arah yang benar",
    ViolationType.ILLEGAL_U_TURN: "Sudut putaran",
}
_PLATES: Mapping[PlateState, str] = {
    PlateState.UNKNOWN: "tidak diperiksa",
    PlateState.NOT_VISIBLE: "tidak terlihat",
    PlateState.UNREADABLE: "tidak terbaca",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What the case needs from around it: the site's words, and the law; `article` None: the
    catalogue does not hold it any more, `law_note` says what it is."""

    title: str
    timezone: ZoneInfo
    article: Article | None = None
    law_title: str = ""
    law_source: str = ""
    law_note: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to be shown; `path` is relative to the evidence store."""

    caption: str
    path: str
    sha256: str
    blurred: bool


@dataclass(frozen=True, slots=True)
class Referral:
    """What is printed and what is written: the pages' sections, pictures, and plain JSON."""

    number: str
    stamp: int  # of the decision, the date of the document
    sections: tuple[tuple[str, tuple[Row, ...]], ...]
    pictures: tuple[Picture, ...]
    plain: dict[str, Any]


def refer(case: Case, setting: Setting) -> Referral:
    """The referral of a confirmed case. Raises core.citation.Refused for any other."""
    line = case.last
    if case.erased is not None:
        raise Refused(f"{case.number}: was erased on schedule; nothing is left to refer")
    if line.status is not CitationStatus.CONFIRMED:
        raise Refused(
            f"{case.number}: is {word(line.status).replace('_', ' ')}; "
            "only what an officer confirmed is referred"
        )
    pictures = choose(case.violation.evidence)
    return Referral(
        number=case.number,
        stamp=line.stamp,
        sections=(
            ("Pelanggaran", _offence(case, setting)),
            ("Dasar hukum", _law(case.violation, setting)),
            ("Pengukuran", _measured(case.violation)),
            ("Keputusan petugas", _decision(case, setting)),
            ("Bukti tersegel", _seal(case.violation)),
        ),
        pictures=pictures,
        plain=_plain(case, setting, pictures),
    )


_SHOWN: Mapping[EvidenceKind, str] = {
    EvidenceKind.SCENE: "Saat pelanggaran",
    EvidenceKind.ANNOTATED: "Saat pelanggaran, dengan zona, jejak dan waktu",
    EvidenceKind.VEHICLE: "Kendaraan",
    EvidenceKind.PLATE: "Pelat nomor",
    EvidenceKind.CONTEXT_BEFORE: "Sebelum",
    EvidenceKind.CONTEXT_AFTER: "Sesudah",
}


def choose(files: tuple[EvidenceFile, ...]) -> tuple[Picture, ...]:
    """The pictures to show, the blurred copy of each where there is one."""
    copies = {_stem(f.path): f for f in files if f.kind is EvidenceKind.RELEASE}
    found = []
    for kind, caption in _SHOWN.items():
        for original in files:
            if original.kind is kind and original.path.lower().endswith((".jpg", ".jpeg", ".png")):
                shown = copies.get(_stem(original.path), original)
                blurred = shown is not original
                found.append(Picture(caption, shown.path, shown.sha256, blurred))
    return tuple(found)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def left_out(files: tuple[EvidenceFile, ...]) -> tuple[EvidenceFile, ...]:
    """What stays in the house because blurred copies go out instead: every original.

    Without copies nothing is left out: the police receive what there is.
    """
    if not any(f.kind is EvidenceKind.RELEASE for f in files):
        return ()
    return tuple(f for f in files if f.kind not in (EvidenceKind.RELEASE, EvidenceKind.FACTS))


def _offence(case: Case, setting: Setting) -> tuple[Row, ...]:
    seen, offence = case.violation, case.violation.offence
    place = [setting.title, f"kamera {offence.camera.replace('_', ' ')}"]
    place += [offence.place.replace("_", " ")] if offence.place else []
    rows = [
        ("Nomor", case.number),
        ("Jenis", OFFENCES[offence.type].capitalize()),
        ("Waktu", clock(offence.stamp, setting.timezone)),
        ("Mulai", clock(seen.started, setting.timezone)),
        ("Tempat", ", ".join(place)),
    ]
    if not (math.isnan(seen.latitude) or math.isnan(seen.longitude)):
        rows.append(("Koordinat (WGS 84)", f"{seen.latitude:.6f}, {seen.longitude:.6f}"))
    vehicle = ROAD_USERS[offence.road_user]
    if offence.colour is not Colour.UNKNOWN:
        vehicle += f", warna {COLOURS[offence.colour]}"
    rows += [("Kendaraan", vehicle.capitalize()), ("Nomor polisi", _plate(seen))]
    if seen.witnesses:
        rows.append(("Dilihat juga oleh kamera", ", ".join(seen.witnesses)))
    return tuple(rows)


def _plate(seen: Violation) -> str:
    if seen.plate_state is not PlateState.READ:
        return _PLATES[seen.plate_state]
    colour = PLATE_COLOURS.get(seen.plate_colour, "")
    base = f" (dasar {colour})" if colour else ""
    return f"{seen.plate}{base}, dibaca mesin; mohon dicocokkan dengan gambar"


def _law(seen: Violation, setting: Setting) -> tuple[Row, ...]:
    rows = [
        ("Pasal", seen.offence.article.replace("Art.", "Pasal") or "tidak disebut"),
        ("Dasar di lokasi", basis(seen.basis) or "tidak disebut"),
        ("Versi katalog hukum", seen.catalogue_version or "tidak disebut"),
    ]
    article = setting.article
    if article is not None:
        threat = [jail(article.penalty.jail), fine(article.penalty.fine)]
        text = " atau ".join(part for part in threat if part)
        mark = f" {UNSURE}" if article.penalty.unsure else ""
        rows.append(("Ancaman", f"paling banyak: {text}{mark}" if text else "tidak disebut"))
        rows.append(("Mengacu pada", f"Pasal {article.refers_to}"))
    if setting.law_source:
        rows.append(("Sumber", setting.law_source))
    uncertain = _uncertain(article)
    if uncertain:
        rows.append(("Yang belum pasti", uncertain))
    if setting.law_note:
        rows.append(("Catatan", setting.law_note))
    return tuple(rows)


def _uncertain(article: Article | None) -> str:
    if article is None or not (article.version_unsure or article.penalty.unsure):
        return ""
    return (
        "Penyesuaian ancaman pidana setelah 2 Januari 2026 (UU 1/2023, UU 1/2026) belum "
        "dipastikan; angka di atas adalah angka UU 22/2009 sampai bagian hukum menggantinya."
    )


def _measured(seen: Violation) -> tuple[Row, ...]:
    kind = seen.offence.type
    rows: list[Row] = []
    if kind in _MEASURED and not math.isnan(seen.measured):
        rows.append((_MEASURED[kind], _interval(seen)))
        if not math.isnan(seen.limit):
            rows.append(("Batas", _quantity(kind, seen.limit)))
    if seen.signal is not SignalAspect.UNKNOWN:
        text = f"{SIGNALS[seen.signal]}"
        if not math.isnan(seen.time_into_red):
            text += f", {number(seen.time_into_red, 1)} detik sejak merah"
        rows.append(("Lampu lalu lintas", text))
    if not math.isnan(seen.confidence):
        rows.append(("Keyakinan mesin", f"{number(100 * seen.confidence, 0)} %"))
    rows.append(("Catatan mesin (Inggris)", seen.explanation or "tidak ada"))
    return tuple(rows)


def _interval(seen: Violation) -> str:
    kind = seen.offence.type
    text = _quantity(kind, seen.measured)
    if math.isnan(seen.measured_low) or math.isnan(seen.measured_high):
        return f"{text} (tanpa selang kepercayaan)"
    low, high = _quantity(kind, seen.measured_low), _quantity(kind, seen.measured_high)
    return f"{text} (selang 95 %: {low} sampai {high})"


def _quantity(kind: ViolationType, value: float) -> str:
    if kind in _SPEEDS:
        return f"{number(value * 3.6, 1)} km/jam"
    if kind in _ANGLES:
        return f"{number(math.degrees(value), 0)} derajat"
    return f"{number(value, 1)} detik" if kind in _SECONDS else number(value, 2)


def _decision(case: Case, setting: Setting) -> tuple[Row, ...]:
    opened, line = case.lines[0], case.last
    rows = [
        ("Diusulkan", f"{clock(opened.stamp, setting.timezone)}: {opened.reason}"),
        ("Keputusan", "dibenarkan"),
        ("Petugas", line.reviewer),
        ("Waktu keputusan", clock(line.stamp, setting.timezone)),
    ]
    rows += [("Catatan petugas", line.reason)] if line.reason else []
    return (*rows, ("Baris buku besar (SHA-256)", line.hash))


def _seal(seen: Violation) -> tuple[Row, ...]:
    rows = [
        ("Manifes", seen.manifest),
        ("SHA-256 manifes", seen.manifest_sha256),
        ("Kunci penanda tangan", seen.key_id or "tidak ditandatangani"),
    ]
    rows += [("Tidak tersedia (Inggris)", text) for text in seen.missing]
    return tuple(rows)


def _plain(case: Case, setting: Setting, pictures: tuple[Picture, ...]) -> dict[str, Any]:
    seen, offence, article = case.violation, case.violation.offence, setting.article
    return {
        "format": FORMAT,
        "number": case.number,
        "notice": NOTICE,
        "site": offence.site,
        "site_title": setting.title,
        "timezone": str(setting.timezone),
        "violation": {
            "id": seen.id,
            "type": word(offence.type),
            "camera": offence.camera,
            "zone": offence.zone,
            "place": offence.place,
            "stamp": offence.stamp,
            "started": seen.started,
            "local_time": clock(offence.stamp, setting.timezone),
            "latitude": _known(seen.latitude),
            "longitude": _known(seen.longitude),
            "road_user": word(offence.road_user),
            "colour": word(offence.colour),
            "plate_state": word(seen.plate_state),
            "plate": seen.plate if seen.plate_state is PlateState.READ else "",
            "plate_colour": word(seen.plate_colour),
            "measured": _known(seen.measured),
            "measured_low": _known(seen.measured_low),
            "measured_high": _known(seen.measured_high),
            "limit": _known(seen.limit),
            "signal": word(seen.signal),
            "time_into_red": _known(seen.time_into_red),
            "confidence": _known(seen.confidence),
            "explanation": seen.explanation,
            "witnesses": list(seen.witnesses),
            "missing": list(seen.missing),
        },
        "law": {
            "article": offence.article,
            "basis": seen.basis,
            "catalogue_version": seen.catalogue_version,
            "source": setting.law_source,
            "jail": article.penalty.jail if article else None,
            "fine": article.penalty.fine if article else None,
            "unsure": bool(article and (article.penalty.unsure or article.version_unsure)),
            "note": _uncertain(article) or setting.law_note,
        },
        "evidence": {
            "manifest": seen.manifest,
            "manifest_sha256": seen.manifest_sha256,
            "key_id": seen.key_id,
            "files": [
                {"kind": word(f.kind), "path": f.path, "sha256": f.sha256, "stamp": f.stamp}
                for f in seen.evidence
            ],
            "shown": [p.path for p in pictures],
        },
        "history": [
            {
                "status": word(line.status),
                "reviewer": line.reviewer,
                "reason": line.reason,
                "stamp": line.stamp,
                "hash": line.hash,
                "previous_hash": line.previous_hash,
            }
            for line in case.lines
        ],
        "measures": [
            {"step": word(m.step), "stamp": m.stamp, "policy": m.policy, "reason": m.reason}
            for m in case.measures
        ],
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
