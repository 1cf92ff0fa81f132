"""Tables for spreadsheets, in portions as they are read."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

PORTION = 500  # rows written at a time


def csv_of(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The table as CSV, part by part; no cell is a formula."""
    rows = iter(rows)
    yield _written([columns])
    while portion := list(islice(rows, PORTION)):
        yield _written([[harmless(cell) for cell in row] for row in portion])


def harmless(cell: Any) -> Any:
    """A text that no spreadsheet takes for a formula."""
    if isinstance(cell, str) and cell.lstrip()[:1] in ("=", "+", "-", "@", "|", "%"):
        return "'" + cell
    if isinstance(cell, str) and cell[:1] in ("\t", "\r", "\n"):
        return "'" + cell
    return cell


def _written(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
