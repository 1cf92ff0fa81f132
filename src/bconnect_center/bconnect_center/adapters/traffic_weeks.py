"""Road users per camera and local week, kept in the transaction that counts them."""

from collections import Counter
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert, select

from bconnect_center.adapters.tables import traffic, traffic_weeks
from bconnect_enforce.adapters.ledger import weeks

Passed = Mapping[tuple[str, str, int, int], int]


def add(connection: Connection, zone: ZoneInfo, passed: Passed) -> None:
    """`passed`: (site, camera, hour, RoadUserKind) to how many more. hour: ns."""
    for (camera, site, week, kind), more in _sums(zone, passed).items():
        keys = {"camera": camera, "site": site, "week": week, "road_user": kind}
        weeks.add(connection, traffic_weeks, keys, more)


def count(connection: Connection, zone: ZoneInfo) -> None:
    """Counts all that `center_traffic` holds anew."""
    connection.execute(delete(traffic_weeks))
    t = traffic.c
    query = select(t.site, t.camera, t.hour, t.road_user, t.count)
    found = connection.execute(query.execution_options(yield_per=10_000))
    passed = {(site, camera, hour, kind): many for site, camera, hour, kind, many in found}
    names = [column.name for column in traffic_weeks.columns if not column.primary_key]
    rows = [
        {"camera": camera, "site": site, "week": week, "road_user": kind}
        | {name: cell[name] for name in names}
        for (camera, site, week, kind), cell in _sums(zone, passed).items()
    ]
    for begin in range(0, len(rows), 2000):
        connection.execute(insert(traffic_weeks), rows[begin : begin + 2000])


def _sums(zone: ZoneInfo, passed: Passed) -> dict[tuple[str, str, int, int], Counter[str]]:
    sums: dict[tuple[str, str, int, int], Counter[str]] = {}
    for (site, camera, hour, kind), many in passed.items():
        at = weeks.moment(hour, zone)
        for of in {camera, ""}:
            cell = sums.setdefault((of, site, at.week, kind), Counter())
            for column in ("count", at.day, at.hour):
                cell[column] += many
    return sums
