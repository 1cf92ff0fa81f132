"""Brings a database to the newest schema, inside the caller's transaction and lock.

A ledger of the first software (table `schema`, no `alembic_version`) is taken over as it is.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0004"
BASELINE = "0001"
_FIRST = 1  # what `schema` says in a ledger from before the migrations


class WrongSchema(RuntimeError):
    """The database was written by other software; str() says what it holds and what is known."""


def revision(connection: Connection) -> str | None:
    """The revision the database is at; None: it is empty. Raises WrongSchema."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        if found is not None:
            return str(found)
    if "schema" not in tables:
        return None
    version = connection.scalar(text("SELECT max(version) FROM schema"))
    if version != _FIRST:
        raise WrongSchema(f"schema version {version}, this software takes over {_FIRST}")
    return BASELINE


def upgrade(connection: Connection) -> tuple[str | None, str]:
    """Upgrades where needed; the revisions before and after. Raises WrongSchema."""
    before = revision(connection)
    if before == HEAD:
        return before, HEAD
    _run(connection, before)
    return before, HEAD


def check_readable(connection: Connection) -> None:
    """For who only reads. Raises WrongSchema where newer software wrote it."""
    found = revision(connection)
    if found is not None and found > HEAD:  # revisions are numbered, with leading zeros
        raise WrongSchema(_newer(found))


def _newer(found: str | None) -> str:
    return (
        f"schema revision {found}, this software knows up to {HEAD}; use the software that wrote it"
    )


def _run(connection: Connection, before: str | None) -> None:
    # Imported here: a start that needs no migration does not pay for it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        if before is not None:
            ScriptDirectory.from_config(config).get_revision(before)
            if "alembic_version" not in inspect(connection).get_table_names():
                command.stamp(config, before)
        command.upgrade(config, HEAD)
    except CommandError:
        raise WrongSchema(_newer(before)) from None
