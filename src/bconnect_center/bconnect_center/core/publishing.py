"""What may be shown to everybody: no count below five, none that others give away.

Only weeks that are over are published, or two looks a minute apart would tell of one road user.
Sums are of the shown cells alone: whoever subtracts finds nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bconnect_center.core.rates import Rate, Share, rate, share

LEAST = 5


@dataclass(frozen=True, slots=True)
class PublicCell:
    """`count` None: fewer than five, or hidden."""

    count: int | None
    rate: Rate


@dataclass(frozen=True, slots=True)
class PublicTable:
    """Rows are weeks, columns corridors; `sums`: of the shown cells of each row."""

    weeks: tuple[int, ...]
    sites: tuple[str, ...]
    cells: Mapping[tuple[int, str], PublicCell]
    sums: Mapping[int, PublicCell]
    total: PublicCell
    hidden: int


def table(
    weeks: Sequence[int],
    sites: Sequence[str],
    violations: Mapping[tuple[str, int], int],
    users: Mapping[tuple[str, int], int],
) -> PublicTable:
    """Given by (site, week); `users` has only what was counted throughout."""
    cells = {
        (week, site): _cell(violations.get((site, week), 0), users.get((site, week), 0))
        for week in weeks
        for site in sites
    }
    return PublicTable(
        tuple(weeks),
        tuple(sites),
        cells,
        {week: _sum(cells[week, site] for site in sites) for week in weeks},
        _sum(cells.values()),
        sum(cell.count is None for cell in cells.values()),
    )


def _cell(count: int, users: int) -> PublicCell:
    shown = count >= LEAST
    return PublicCell(count if shown else None, rate(count if shown else 0, users if shown else 0))


def _sum(cells: Iterable[PublicCell]) -> PublicCell:
    shown = [cell for cell in cells if cell.count is not None]
    if not shown:
        return PublicCell(None, rate(0, 0))
    # road users without a count of violations, or the other way round, make no rate
    rated = [cell.rate for cell in shown if cell.rate.users]
    return PublicCell(
        sum(cell.count or 0 for cell in shown),
        rate(sum(r.violations for r in rated), sum(r.users for r in rated)),
    )


def public_share(part: int, of: int) -> Share | None:
    """None: those who did or those who did not are fewer than five."""
    return share(part, of) if min(part, of - part) >= LEAST else None
