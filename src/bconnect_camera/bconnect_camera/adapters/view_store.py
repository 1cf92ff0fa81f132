"""What is known of a camera's view, on disk: one npz file, written whole or not at all."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from ..core.view import HEIGHT, WIDTH, View
from ..core.view_album import PAGES, Page
from ..core.view_match import Shift
from .store import write

FORMAT = 1
KEPT = 4  # files of one camera: redrawing its zones begins a new one


def load(file: str) -> tuple[Page, ...]:
    """The pages of a file; none when there is no such file.

    Raises ValueError with a sentence when it is damaged or of another version.
    """
    try:
        with np.load(file) as data:
            if int(data["format"]) != FORMAT:
                raise KeyError("format")
            return tuple(_pages(data["fields"], data["numbers"], data["used"]))
    except FileNotFoundError:
        return ()
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        raise ValueError(
            f"view_file: {file} cannot be read as a view; it is learned anew"
        ) from None


def save(file: str, pages: tuple[Page, ...]) -> None:
    """Writes the pages and removes this camera's oldest other files. Raises OSError."""
    path = Path(file)
    numbers = [
        (p.offset.move.real, p.offset.move.imag, p.offset.bend.real, p.offset.bend.imag, p.depth)
        for p in pages
    ]
    fields = np.stack([page.view.field for page in pages]).view(np.float32)
    out = io.BytesIO()
    np.savez_compressed(
        out,
        format=FORMAT,
        fields=np.rint(fields * 127.0).astype(np.int8),
        numbers=np.array(numbers, np.float64),
        used=np.array([page.used for page in pages], np.int64),
    )
    write(path.parent, path.name, out.getvalue())
    files = sorted(path.parent.glob("*.npz"), key=lambda f: f.stat().st_mtime)
    for old in files[:-KEPT]:
        old.unlink(missing_ok=True)


def _pages(fields: np.ndarray, numbers: np.ndarray, used: np.ndarray) -> list[Page]:
    if not 0 < len(fields) <= PAGES or fields.shape[1:] != (HEIGHT, 2 * WIDTH):
        raise ValueError("fields")
    if numbers.shape != (len(fields), 5) or not np.isfinite(numbers).all():
        raise ValueError("numbers")
    plain = np.ascontiguousarray(fields.astype(np.float32) / 127.0).view(np.complex64)
    return [
        Page(View(field), Shift(complex(n[0], n[1]), complex(n[2], n[3])), int(n[4]), int(when))
        for field, n, when in zip(plain, numbers, used, strict=True)
    ]
