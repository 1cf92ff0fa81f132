"""What pages of a command centre look things up by, and the weeks they count in.

The weeks are counted by the first software that knows the site's time zone, not here.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_INDEXES = {
    "ix_violations_manifest_sha256": ("violations", ["manifest_sha256"]),
    "ix_violations_site": ("violations", ["site", "stamp"]),
    "ix_citations_site": ("citations", ["site", "line"]),
    "ix_tow_jobs_stamp": ("tow_jobs", ["stamp"]),
    "ix_stickers_stamp": ("stickers", ["stamp"]),
    "ix_events_kind": ("events", ["kind", "site"]),
}
_DAYS = [f"d{n}" for n in range(7)]
_HOURS = [f"h{n}" for n in range(24)]
_OUTCOMES = ["pending", "confirmed", "rejected", "withdrawn", "complied", "ignored", "unclear"]


def upgrade() -> None:
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)
    plated = sa.text("plate <> ''")
    op.create_index(
        "ix_violations_plate",
        "violations",
        ["plate", "stamp"],
        sqlite_where=plated,
        postgresql_where=plated,
    )
    op.create_table(
        "counted",
        sa.Column("site", sa.String(64), primary_key=True),
        sa.Column("zone", sa.String(64), nullable=False),
    )
    _weeks("violation_weeks", ["week", "type", "road_user"], ["count", *_DAYS, *_HOURS])
    op.create_index(
        "ix_violation_weeks_sums",
        "violation_weeks",
        ["camera", "site", "week", "type", "road_user", "count"],
    )
    _weeks("outcome_weeks", ["type", "week"], _OUTCOMES)


def _weeks(table: str, keys: list[str], counts: list[str]) -> None:
    op.create_table(
        table,
        sa.Column("camera", sa.String(64), primary_key=True),
        sa.Column("site", sa.String(64), primary_key=True),
        *(sa.Column(key, sa.Integer, primary_key=True, autoincrement=False) for key in keys),
        *(sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in counts),
        sqlite_with_rowid=False,
    )
