"""Triggers that let a table grow and nothing else, on SQLite and PostgreSQL.

A table may have columns that an erasure blanks: an update is let through when every other
column stays as it is, these hold their blank, and the table `erasures` says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alembic import op


def append_only(
    table: str,
    columns: Sequence[str] = (),
    blanks: Mapping[str, str] | None = None,
    owner: str = "violation_id",
    also: str = "TRUE",
) -> None:
    """Guards `table`. `blanks`: the columns that may become this SQL literal; `owner`: the column
    with the violation's id; `also`: a further condition on OLD and NEW."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    lawful = _lawful(columns, blanks, owner, also, postgresql) if blanks else "FALSE"
    if postgresql:
        _postgresql(table, lawful)
    else:
        _sqlite(table, lawful)


def _lawful(
    columns: Sequence[str], blanks: Mapping[str, str], owner: str, also: str, postgresql: bool
) -> str:
    # JSON knows no equality in PostgreSQL.
    same = 'NEW."{0}"::text IS NOT DISTINCT FROM OLD."{0}"::text'
    same, is_ = (same, "IS NOT DISTINCT FROM") if postgresql else ('NEW."{0}" IS OLD."{0}"', "IS")
    terms = [same.format(name) for name in columns if name not in blanks]
    terms += [f'NEW."{name}" {is_} {blank}' for name, blank in blanks.items()]
    terms += [f'EXISTS (SELECT 1 FROM erasures WHERE violation_id = OLD."{owner}")', also]
    return " AND ".join(terms)


def _sqlite(table: str, lawful: str) -> None:
    for verb, allowed in (("UPDATE", lawful), ("DELETE", "FALSE")):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"WHEN NOT ({allowed}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
        )


def _postgresql(table: str, lawful: str) -> None:
    refuse = f"RAISE EXCEPTION '{table} are append-only';"
    for verb, each, body in (
        ("UPDATE", "ROW", f"IF NOT ({lawful}) THEN {refuse} END IF; RETURN NEW;"),
        ("DELETE", "ROW", refuse),
        ("TRUNCATE", "STATEMENT", refuse),
    ):
        name = f"{table}_no_{verb.lower()}"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {verb} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION {name}()"
        )
