"""The citations ledger in a database."""

from bconnect_enforce.adapters.ledger.database import Ledger, read_summary, revision_of
from bconnect_enforce.adapters.ledger.engine import LedgerBusy, LedgerError
from bconnect_enforce.adapters.ledger.jobs import Outdated
from bconnect_enforce.adapters.ledger.migrate import HEAD

__all__ = [
    "HEAD",
    "Ledger",
    "LedgerBusy",
    "LedgerError",
    "Outdated",
    "read_summary",
    "revision_of",
]
