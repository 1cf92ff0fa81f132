"""The citations ledger in a database."""

from bconnect_enforce.adapters.ledger.database import Ledger, read_summary
from bconnect_enforce.adapters.ledger.engine import LedgerBusy, LedgerError
from bconnect_enforce.adapters.ledger.jobs import Outdated

__all__ = ["Ledger", "LedgerBusy", "LedgerError", "Outdated", "read_summary"]
