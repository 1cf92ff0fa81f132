"""The centre's database: SQLite or PostgreSQL, opened as the ledger is."""

from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, insert, inspect, select

from bconnect_center.adapters.tables import metadata, version
from bconnect_enforce.adapters.ledger.engine import LedgerError, Store

VERSION = 2
UTC = ZoneInfo("UTC")
BUSY = 5.0  # s: a page may wait that long for a lock; a node of the street may not
_WRITER = int.from_bytes(b"bcenter1", "big")


class Database(Store):
    """`with reading()` and `with writing()`, from any thread. Raises LedgerError, LedgerBusy.

    `zone`: in which road users are counted by week.
    """

    def __init__(self, url: str, zone: ZoneInfo = UTC) -> None:
        self.zone = zone
        super().__init__(url, sole=False, writer=_WRITER, pool=8, busy=BUSY)

    def _upgrade(self, connection: Connection) -> None:
        found = 0
        if inspect(connection).has_table(version.name):
            found = connection.scalar(select(version.c.version)) or 0
        if found > VERSION:
            raise LedgerError(
                f"{self.shown}: the centre's tables are of version {found}, this software knows "
                f"up to {VERSION}; use the software that wrote them"
            )
        if found < VERSION:
            metadata.create_all(connection)  # what is there stays
            connection.execute(delete(version))
            connection.execute(insert(version).values(version=VERSION))
