"""Numbers, times and words as Indonesian paper writes them."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from bconnect_enforce.core.reasons import local_time
from bconnect_site.kinds import Colour, PlateColour, SignalAspect

MONTHS = (
    "Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus", "September",
    "Oktober", "November", "Desember",
)  # fmt: skip
COLOURS: Mapping[Colour, str] = {
    Colour.UNKNOWN: "tidak diketahui",
    Colour.WHITE: "putih",
    Colour.BLACK: "hitam",
    Colour.GREY: "abu-abu",
    Colour.RED: "merah",
    Colour.ORANGE: "oranye",
    Colour.YELLOW: "kuning",
    Colour.GREEN: "hijau",
    Colour.BLUE: "biru",
    Colour.BROWN: "cokelat",
}
PLATE_COLOURS: Mapping[PlateColour, str] = {
    PlateColour.WHITE: "putih",
    PlateColour.BLACK: "hitam",
    PlateColour.YELLOW: "kuning",
    PlateColour.RED: "merah",
    PlateColour.GREEN: "hijau",
}
SIGNALS: Mapping[SignalAspect, str] = {
    SignalAspect.UNKNOWN: "tidak diketahui",
    SignalAspect.RED: "merah",
    SignalAspect.AMBER: "kuning",
    SignalAspect.GREEN: "hijau",
    SignalAspect.FLASHING: "berkedip",
    SignalAspect.DARK: "padam",
}
_BASES = {"sign": "rambu", "marking": "marka", "signal": "APILL", "movement": "aturan gerakan"}
_SPANS = {"day": "hari", "month": "bulan", "year": "tahun"}


def clock(stamp: int, zone: ZoneInfo) -> str:
    """ "24 November 2026 pukul 16.30.05 WITA"."""
    when = local_time(stamp, zone)
    day = f"{when.day} {MONTHS[when.month - 1]} {when.year}"
    return f"{day} pukul {when:%H.%M.%S} {when.tzname()}"


def number(value: float, digits: int) -> str:
    """With a decimal comma: 61,5."""
    return f"{value:.{digits}f}".replace(".", ",")


def fine(rupiah: int | None) -> str:
    """ "denda Rp500.000"; empty for none."""
    return "" if rupiah is None else f"denda Rp{rupiah:,}".replace(",", ".")


def jail(span: str | None) -> str:
    """ "2 months" as "kurungan 2 bulan"; other words stay; empty for none."""
    if not span:
        return ""
    count, _, unit = span.partition(" ")
    return f"kurungan {count} {_SPANS.get(unit.rstrip('s'), unit)}".strip()


def basis(text: str) -> str:
    """ "sign S-12" as "rambu S-12", "movement rule" as "aturan gerakan"."""
    kind, _, rest = text.partition(" ")
    rest = "" if rest == "rule" else rest
    return f"{_BASES.get(kind, kind)} {rest}".strip()
