"""The ledger's migrations; Alembic runs them, `migrate.py` asks it to."""
