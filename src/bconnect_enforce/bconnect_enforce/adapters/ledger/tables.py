"""The ledger's tables as the newest migration leaves them, for queries.

`migrations/` makes them; a test holds the two together. Stamps are int nanoseconds, kinds are
the numbers of the messages.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
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
    text,
)

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
    Column("manifest", String, nullable=False, index=True),
    Column("manifest_sha256", String, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("key_id", String, nullable=False, server_default=""),
    Column("place", String, nullable=False, server_default=""),
    Column("colour", Integer, nullable=False, server_default="0"),
    Column("plate_colour", Integer, nullable=False, server_default="0"),
    Column("signal", Integer, nullable=False, server_default="0"),
    Column("measured_low", Float),
    Column("measured_high", Float),
    Column("time_into_red", Float),
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

# A new state is a new line, linked to the one before by its hash.
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
    Column("format", Integer, nullable=False, server_default="1"),
    Column("commitment", String(64), nullable=False, server_default=""),
    Column("salt", String(64), nullable=False, server_default=""),
    Column("manifest_sha256", String(64), nullable=False, server_default=""),
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

compliance = Table(
    "compliance",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("announcement_id", String(64), nullable=False),
    Column("finding_id", String(64), nullable=False, index=True),
    Column("site", String(64), nullable=False),
    Column("camera", String(64), nullable=False),
    Column("speaker", String(64), nullable=False),
    Column("phrase", String, nullable=False),
    Column("type", Integer, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("spoken", BigInteger, nullable=False, index=True),
    Column("stamp", BigInteger, nullable=False),
    Column("delay", Float),
    Column("detail", String, nullable=False),
    Column("stored", BigInteger, nullable=False),
)

# A new state is a new revision.
stickers = Table(
    "stickers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("violation_id", String(64), nullable=False, index=True),
    Column("site", String(64), nullable=False),
    Column("camera", String(64), nullable=False),
    Column("type", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("officer", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("stored", BigInteger, nullable=False),
)

tow_jobs = Table(
    "tow_jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("violation_id", String(64), nullable=False, index=True),
    Column("site", String(64), nullable=False),
    Column("camera", String(64), nullable=False),
    Column("type", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("ordered_by", String, nullable=False),
    Column("truck", String, nullable=False),
    Column("yard", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("stored", BigInteger, nullable=False),
)

# Which states of tow jobs the towing service has acknowledged.
tow_deliveries = Table(
    "tow_deliveries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("stamp", BigInteger, nullable=False),
)

# Acts of people beside decisions, a chain of their own.
events = Table(
    "events",
    metadata,
    Column("line", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("site", String(64), nullable=False),
    Column("subject", String, nullable=False, index=True),
    Column("who", String, nullable=False),
    Column("why", String, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("detail", String, nullable=False),
    Column("previous_hash", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False, unique=True),
    sqlite_autoincrement=True,
)

# Which violations were erased, when and why. No foreign key: of some only measures were stored.
erasures = Table(
    "erasures",
    metadata,
    Column("violation_id", String(64), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("why", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("manifest", String, nullable=False),
)

# --- what pages count: derived from the tables above, kept with them, made anew by `weeks.count` --

# Which sites are counted, and in which zone their weeks and hours are.
counted = Table(
    "counted",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("zone", String(64), nullable=False),
)

DAYS = tuple(f"d{n}" for n in range(7))  # Monday first
HOURS = tuple(f"h{n}" for n in range(24))


def week_table(name: str, of: MetaData, *keys: Column[Any]) -> Table:
    """A table of counts per camera and week, with the days of the week and hours of the day.

    `camera` empty: the whole site. `week`: days from 1970-01-01 to its Monday, local time.
    """
    return Table(
        name,
        of,
        Column("camera", String(64), primary_key=True),
        Column("site", String(64), primary_key=True),
        Column("week", Integer, primary_key=True, autoincrement=False),
        *keys,
        Column("count", Integer, nullable=False, server_default="0"),
        *(Column(c, Integer, nullable=False, server_default="0") for c in DAYS + HOURS),
        # the sums that pages ask for, without the wide rows
        Index(f"ix_{name}_sums", "camera", "site", "week", *(key.name for key in keys), "count"),
        sqlite_with_rowid=False,
    )


violation_weeks = week_table(
    "violation_weeks",
    metadata,
    Column("type", Integer, primary_key=True, autoincrement=False),
    Column("road_user", Integer, primary_key=True, autoincrement=False),
)

# What became of it: citations by their present state and the week of the violation, those who
# were spoken to by the week of speaking.
OUTCOMES = (
    "pending", "confirmed", "rejected", "withdrawn", "complied", "ignored", "unclear",
)  # fmt: skip
outcome_weeks = Table(
    "outcome_weeks",
    metadata,
    Column("camera", String(64), primary_key=True),
    Column("site", String(64), primary_key=True),
    Column("type", Integer, primary_key=True, autoincrement=False),
    Column("week", Integer, primary_key=True, autoincrement=False),
    *(Column(name, Integer, nullable=False, server_default="0") for name in OUTCOMES),
    sqlite_with_rowid=False,
)

_PLATED = text("plate <> ''")
Index(
    "ix_violations_plate",
    violations.c.plate,
    violations.c.stamp,
    sqlite_where=_PLATED,
    postgresql_where=_PLATED,
)
Index("ix_violations_manifest_sha256", violations.c.manifest_sha256)
Index("ix_violations_site", violations.c.site, violations.c.stamp)
Index("ix_citations_site", citations.c.site, citations.c.line)
Index("ix_tow_jobs_stamp", tow_jobs.c.stamp)
Index("ix_stickers_stamp", stickers.c.stamp)
Index("ix_events_kind", events.c.kind, events.c.site)
