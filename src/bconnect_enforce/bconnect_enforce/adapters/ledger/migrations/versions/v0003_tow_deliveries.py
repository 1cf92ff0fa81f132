"""Which states of tow jobs the towing service has acknowledged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bconnect_enforce.adapters.ledger.migrations.guards import append_only

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "tow_deliveries",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
    )
    append_only("tow_deliveries")
