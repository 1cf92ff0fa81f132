"""Compliance, stickers, tow jobs, events, erasures; texts that can be erased; guards everywhere.

A line of the chain written from here on commits to its reason by a salted hash; the reason and
the salt may be blanked, and the chain still verifies. The table `schema` says 2, so that the
first software refuses the file with its own sentence.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bconnect_enforce.adapters.ledger.migrations.guards import append_only

revision = "0002"
down_revision = "0001"

_WHERE = (
    ("violation_id", sa.String(64)),
    ("site", sa.String(64)),
    ("camera", sa.String(64)),
    ("type", sa.Integer),
)
# Of each table, what an erasure blanks; format 1 hashes its reason in clear, so it has no salt.
_BLANKS = {
    "violations": {
        "plate": "''", "explanation": "''", "latitude": "NULL", "longitude": "NULL",
        "colour": "0", "plate_colour": "0",
    },
    "measures": {"reason": "''"},
    "citations": {"reason": "''", "salt": "''"},
    "stickers": {"detail": "''"},
    "tow_jobs": {"detail": "''"},
}  # fmt: skip


def upgrade() -> None:
    _violations()
    _citations()
    _compliance()
    _jobs()
    _events()
    _erasures()
    _guards()
    op.execute("UPDATE schema SET version = 2")


def _violations() -> None:
    for name, kind in (
        ("key_id", sa.String),
        ("place", sa.String),
    ):
        op.add_column("violations", sa.Column(name, kind, nullable=False, server_default=""))
    for name in ("colour", "plate_colour", "signal"):
        op.add_column("violations", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    for name in ("measured_low", "measured_high", "time_into_red"):
        op.add_column("violations", sa.Column(name, sa.Float))
    op.create_index("ix_violations_manifest", "violations", ["manifest"])


def _citations() -> None:
    op.add_column("citations", sa.Column("format", sa.Integer, nullable=False, server_default="1"))
    for name, kind in (
        ("commitment", sa.String(64)),
        ("salt", sa.String(64)),
        ("manifest_sha256", sa.String(64)),
    ):
        op.add_column("citations", sa.Column(name, kind, nullable=False, server_default=""))


def _compliance() -> None:
    op.create_table(
        "compliance",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("announcement_id", sa.String(64), nullable=False),
        sa.Column("finding_id", sa.String(64), nullable=False, index=True),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("camera", sa.String(64), nullable=False),
        sa.Column("speaker", sa.String(64), nullable=False),
        sa.Column("phrase", sa.String, nullable=False),
        sa.Column("type", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Integer, nullable=False),
        sa.Column("spoken", sa.BigInteger, nullable=False, index=True),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.Column("delay", sa.Float),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("stored", sa.BigInteger, nullable=False),
    )


def _jobs() -> None:
    own = {
        "stickers": (
            sa.Column("due", sa.BigInteger, nullable=False),
            sa.Column("officer", sa.String, nullable=False),
        ),
        "tow_jobs": (
            sa.Column("ordered_by", sa.String, nullable=False),
            sa.Column("truck", sa.String, nullable=False),
            sa.Column("yard", sa.String, nullable=False),
        ),
    }
    for table, columns in own.items():
        op.create_table(
            table,
            sa.Column("id", sa.String(64), primary_key=True),
            sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
            *(sa.Column(name, kind, nullable=False) for name, kind in _WHERE),
            sa.Column("status", sa.Integer, nullable=False),
            sa.Column("stamp", sa.BigInteger, nullable=False),
            *columns,
            sa.Column("detail", sa.String, nullable=False),
            sa.Column("stored", sa.BigInteger, nullable=False),
        )
        op.create_index(f"ix_{table}_violation_id", table, ["violation_id"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("subject", sa.String, nullable=False, index=True),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sqlite_autoincrement=True,
    )


def _erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("violation_id", sa.String(64), primary_key=True),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("manifest", sa.String, nullable=False),
    )


def _guards() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(f"DROP TRIGGER citations_no_{verb}")
    tables = (
        "violations", "measures", "citations", "compliance", "stickers", "tow_jobs", "events",
        "erasures",
    )  # fmt: skip
    inspector = sa.inspect(op.get_bind())
    for table in tables:
        columns = [column["name"] for column in inspector.get_columns(table)]
        owner = "id" if table == "violations" else "violation_id"
        also = 'OLD."format" > 1' if table == "citations" else "TRUE"
        append_only(table, columns, _BLANKS.get(table), owner, also)
