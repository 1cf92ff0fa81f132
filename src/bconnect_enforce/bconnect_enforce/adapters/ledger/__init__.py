"""The citations ledger in a database."""

from bconnect_enforce.adapters.ledger.database import (
    Ledger,
    LedgerBusy,
    LedgerError,
    read_summary,
)

__all__ = ["Ledger", "LedgerBusy", "LedgerError", "read_summary"]
