"""A referral as pages (fpdf2). The same content gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from io import BytesIO
from typing import cast

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos
from PIL import Image

from bconnect_enforce.core.referral import NOTICE, TITLE, Picture, Referral

MARGIN = 16.0  # mm
LABEL = 46.0
LINE = 4.6
GREY = (90, 90, 90)
LARGEST = 90.0  # mm, height of a picture
LARGEST_PIXEL = 0.5  # mm; a small crop is not blown up to the page's width
_SMALL = 1400  # pixels; larger pictures are printed smaller, the files lie in the zip


class UnreadablePicture(ValueError):
    """A picture that cannot be opened; str() names it."""


class _Pages(FPDF):
    def __init__(self, number: str, seal: str) -> None:
        super().__init__(format="A4")
        self._number, self._seal = number, seal
        self.set_margin(MARGIN)
        self.set_auto_page_break(True, margin=20.0)

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("helvetica", size=7)
        self.set_text_color(*GREY)
        self.cell(0, 4, latin(f"{self._number}   SHA-256 manifes {self._seal}"),
                  new_x=XPos.LMARGIN, new_y=YPos.NEXT)  # fmt: skip
        self.cell(0, 4, f"Halaman {self.page_no()} dari {{nb}}")


def render(referral: Referral, pictures: Mapping[str, bytes]) -> bytes:
    """The pages; `pictures` holds the file of each picture by path. Raises UnreadablePicture."""
    seal = str(referral.plain["evidence"]["manifest_sha256"])
    pages = _Pages(referral.number, seal)
    pages.set_creation_date(datetime.fromtimestamp(referral.stamp // 10**9, timezone.utc))
    pages.set_title(f"{TITLE} {referral.number}")
    pages.set_lang("id-ID")
    pages.set_producer("B-Connect")
    pages.add_page()
    _head(pages, referral)
    for title, rows in referral.sections:
        _section(pages, title)
        for label, text in rows:
            _row(pages, label, text)
    _pictures(pages, referral.pictures, pictures)
    return bytes(pages.output())


def latin(text: str) -> str:
    """The text in the letters that the standard fonts have; others become "?"."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _head(pages: _Pages, referral: Referral) -> None:
    pages.set_font("helvetica", "B", 15)
    pages.multi_cell(0, 7, TITLE, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pages.set_font("helvetica", "B", 12)
    pages.cell(0, 7, latin(referral.number), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pages.set_font("helvetica", size=9)
    pages.set_text_color(*GREY)
    pages.multi_cell(0, 4.5, NOTICE, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
    pages.set_text_color(0)


def _section(pages: _Pages, title: str) -> None:
    if pages.will_page_break(18):
        pages.add_page()
    pages.ln(2.5)
    pages.set_font("helvetica", "B", 10.5)
    pages.cell(0, 6, title, border="B", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pages.ln(1)


def _row(pages: _Pages, label: str, text: str) -> None:
    pages.set_font("helvetica", size=9)
    width = pages.epw - LABEL
    if pages.will_page_break(
        LINE * max(_lines(pages, LABEL - 2, label), _lines(pages, width, text))
    ):
        pages.add_page()
    top = pages.get_y()
    pages.set_text_color(*GREY)
    _text(pages, LABEL - 2, label)
    below = pages.get_y()
    pages.set_text_color(0)
    pages.set_xy(pages.l_margin + LABEL, top)
    _text(pages, width, text)
    pages.set_y(max(below, pages.get_y()))


def _lines(pages: _Pages, width: float, text: str) -> int:
    lines = pages.multi_cell(width, LINE, latin(text), dry_run=True, output=MethodReturnValue.LINES)
    return len(cast("list[str]", lines))


def _text(pages: _Pages, width: float, text: str) -> None:
    pages.multi_cell(width, LINE, latin(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")


def _pictures(pages: _Pages, shown: tuple[Picture, ...], files: Mapping[str, bytes]) -> None:
    if not shown:
        return
    pages.add_page()
    _section(pages, "Gambar")
    for picture in shown:
        data, width, height = _fitted(picture, files[picture.path])
        scale = min(pages.epw / width, LARGEST / height, LARGEST_PIXEL)
        wide, high = width * scale, height * scale
        if pages.will_page_break(high + 14):
            pages.add_page()
        pages.image(BytesIO(data), w=wide, h=high)
        pages.set_font("helvetica", "B", 9)
        pages.cell(0, 5, picture.caption, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pages.set_font("helvetica", size=7)
        pages.set_text_color(*GREY)
        kind = "wajah dan pelat pihak lain disamarkan" if picture.blurred else "gambar asli"
        words = latin(f"{picture.path} ({kind}), SHA-256 {picture.sha256}")
        pages.multi_cell(0, 3.5, words, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
        pages.set_text_color(0)
        pages.ln(2.5)


def _fitted(picture: Picture, data: bytes) -> tuple[bytes, int, int]:
    """The picture as JPEG of a printable size, its width and height in pixels."""
    try:
        with Image.open(BytesIO(data)) as opened:
            image = opened.convert("RGB")
    # ImportError: ultralytics, once imported, has PIL look for a HEIF plug-in first.
    except (OSError, ValueError, ImportError, Image.DecompressionBombError) as error:
        raise UnreadablePicture(f"{picture.path}: is no picture ({error})") from None
    if max(image.size) > _SMALL:
        image.thumbnail((_SMALL, _SMALL))
    out = BytesIO()
    image.save(out, "JPEG", quality=88)
    return out.getvalue(), *image.size
