"""The ledger's tables. Stamps are int nanoseconds, kinds are the numbers of the messages."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    event,
    text,
)

VERSION = 1

metadata = MetaData()

schema = Table("schema", metadata, Column("version", Integer, primary_key=True))

violations = Table(
    "violations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("type", Integer, nullable=False),
    Column("site", String(64), nullable=False),
    Column("camera", String(64), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("stamp", BigInteger, nullable=False, index=True),
    Column("started", BigInteger, nullable=False),
    Column("track_id", BigInteger, nullable=False),
    Column("road_user", Integer, nullable=False),
    Column("article", String, nullable=False),
    Column("basis", String, nullable=False),
    Column("catalogue_version", String, nullable=False),
    Column("confidence", Float),
    Column("explanation", String, nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("measured", Float),
    Column("limit", Float),
    Column("plate_state", Integer, nullable=False),
    Column("plate", String, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("witnesses", JSON, nullable=False),
    Column("missing", JSON, nullable=False),
    Column("manifest", String, nullable=False),
    Column("manifest_sha256", String, nullable=False),
    Column("stored", BigInteger, nullable=False),
)

# No foreign key: a measure may be delivered before its violation.
measures = Table(
    "measures",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("violation_id", String(64), nullable=False, index=True),
    Column("site", String(64), nullable=False),
    Column("camera", String(64), nullable=False),
    Column("type", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("mode", Integer, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("reason", String, nullable=False),
    Column("policy", String, nullable=False),
    Column("history", Integer, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
)

# Append-only: a new state is a new line, linked to the one before by its hash.
citations = Table(
    "citations",
    metadata,
    Column("line", Integer, primary_key=True, autoincrement=True),
    Column("number", String(128), nullable=False, index=True),
    Column("violation_id", ForeignKey("violations.id"), nullable=False, index=True),
    Column("site", String(64), nullable=False),
    Column("camera", String(64), nullable=False),
    Column("type", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("reviewer", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("violation_stamp", BigInteger, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("previous_hash", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("year", Integer, nullable=False),
    Column("serial", Integer, nullable=False),
    sqlite_autoincrement=True,
)

# The first line of a citation is the pending one: one per violation, one per number.
_PENDING = text("status = 1")
Index(
    "one_citation_per_violation",
    citations.c.violation_id,
    unique=True,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)
Index(
    "one_citation_per_number",
    citations.c.site,
    citations.c.year,
    citations.c.serial,
    unique=True,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)

for _verb in ("UPDATE", "DELETE"):
    event.listen(
        citations,
        "after_create",
        DDL(
            f"CREATE TRIGGER citations_no_{_verb.lower()} BEFORE {_verb} ON citations "
            "BEGIN SELECT RAISE(ABORT, 'citations are append-only'); END"
        ).execute_if(dialect="sqlite"),
    )
