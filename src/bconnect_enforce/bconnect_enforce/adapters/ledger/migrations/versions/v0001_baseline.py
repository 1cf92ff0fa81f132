"""The tables as the first ledgers had them, before there were migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("schema", sa.Column("version", sa.Integer, primary_key=True))
    op.execute("INSERT INTO schema (version) VALUES (1)")
    _violations()
    _measures()
    _citations()


def _violations() -> None:
    op.create_table(
        "violations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("type", sa.Integer, nullable=False),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("camera", sa.String(64), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False, index=True),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("track_id", sa.BigInteger, nullable=False),
        sa.Column("road_user", sa.Integer, nullable=False),
        sa.Column("article", sa.String, nullable=False),
        sa.Column("basis", sa.String, nullable=False),
        sa.Column("catalogue_version", sa.String, nullable=False),
        sa.Column("confidence", sa.Float),
        sa.Column("explanation", sa.String, nullable=False),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("measured", sa.Float),
        sa.Column("limit", sa.Float),
        sa.Column("plate_state", sa.Integer, nullable=False),
        sa.Column("plate", sa.String, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("witnesses", sa.JSON, nullable=False),
        sa.Column("missing", sa.JSON, nullable=False),
        sa.Column("manifest", sa.String, nullable=False),
        sa.Column("manifest_sha256", sa.String, nullable=False),
        sa.Column("stored", sa.BigInteger, nullable=False),
    )


def _measures() -> None:
    op.create_table(
        "measures",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("violation_id", sa.String(64), nullable=False, index=True),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("camera", sa.String(64), nullable=False),
        sa.Column("type", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("mode", sa.Integer, nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("policy", sa.String, nullable=False),
        sa.Column("history", sa.Integer, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("stored", sa.BigInteger, nullable=False),
    )


def _citations() -> None:
    op.create_table(
        "citations",
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("number", sa.String(128), nullable=False, index=True),
        sa.Column(
            "violation_id",
            sa.String(64),
            sa.ForeignKey("violations.id"),
            nullable=False,
            index=True,
        ),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("camera", sa.String(64), nullable=False),
        sa.Column("type", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("reviewer", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("violation_stamp", sa.BigInteger, nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("serial", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    pending = sa.text("status = 1")
    for name, columns in (
        ("one_citation_per_violation", ["violation_id"]),
        ("one_citation_per_number", ["site", "year", "serial"]),
    ):
        op.create_index(
            name,
            "citations",
            columns,
            unique=True,
            sqlite_where=pending,
            postgresql_where=pending,
        )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER citations_no_{verb.lower()} BEFORE {verb} ON citations "
                "BEGIN SELECT RAISE(ABORT, 'citations are append-only'); END"
            )
