"""What all pages of one centre share. One per process; the state is in the databases."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from bconnect_center.adapters.audit_log import AuditLog
from bconnect_center.adapters.database import Database
from bconnect_center.adapters.people import People
from bconnect_center.settings import CenterFile, Loaded
from bconnect_enforce.adapters.ledger import Ledger
from bconnect_site.errors import ConfigError
from bconnect_site.find import resolve_site
from bconnect_site.loader import LoadedSite, load_site
from bconnect_site.regions import Region, load_region


@dataclass(slots=True)
class House:
    """`now()`: ns since 1970 UTC, the only clock of the pages."""

    loaded: Loaded
    database: Database
    ledger: Ledger
    people: People
    audit: AuditLog
    region: Region
    zone: ZoneInfo
    sites: dict[str, LoadedSite]
    now: Callable[[], int]
    faults: list[str] = field(default_factory=list)

    @property
    def file(self) -> CenterFile:
        return self.loaded.file

    def close(self) -> None:
        self.ledger.close()
        self.database.close()


def open_house(loaded: Loaded, now: Callable[[], int]) -> House:
    """Opens or makes the databases. Raises ConfigError, LedgerError."""
    loaded.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    zone = ZoneInfo(loaded.file.timezone)
    database = Database(loaded.database, zone)
    sites: dict[str, LoadedSite] = {}
    faults: list[str] = []
    for given in loaded.file.sites:
        try:
            beside = loaded.near(given)
            site = load_site(beside if Path(beside).is_file() else resolve_site(given))
            sites[site.site.site] = site
        except ConfigError as error:
            faults.append(str(error))  # one site's mistake must not close the house
    return House(
        loaded,
        database,
        _ledger(loaded, zone),
        People(database),
        AuditLog(database),
        load_region(loaded.file.region),
        zone,
        sites,
        now,
        faults,
    )


def _ledger(loaded: Loaded, zone: ZoneInfo) -> Ledger:
    """The ledger with the weeks of all its sites counted."""
    ledger = Ledger(loaded.ledger, zone, sole=False, pool=8)
    try:
        ledger.count_weeks()
    except BaseException:
        ledger.close()
        raise
    return ledger
