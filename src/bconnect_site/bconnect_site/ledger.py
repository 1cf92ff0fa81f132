"""Settings of the ledger: where it is, whose deadlines hold, what is asked of every rule."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bconnect_site.fields import Name, Reference, Rule, Strict, fault
from bconnect_site.state import StateLayout

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
SCHEMES = ("postgresql://", "postgresql+psycopg://", "sqlite:///", "${")


def _database(value: str) -> str:
    if not value.startswith(SCHEMES):
        raise fault(
            f'found "{value}"; allowed: postgresql://user@host/database, sqlite:///path '
            "or ${NAME} of the environment"
        )
    return value


Database = Annotated[Reference, AfterValidator(_database)]


class TrustSettings(Strict):
    """What officers must uphold of a rule at a camera; below it the pair only observes."""

    mark: Share = Field(default=0.7, description="share of decisions upheld that a rule must keep")
    marks: dict[Rule, Share] = Field(default_factory=dict, description="mark of single rules")
    bound: Literal["high", "low"] = Field(
        default="high",
        description="which end of the 95 % interval must keep the mark; high: back off only when "
        "it is proven missed, low: as soon as it is not proven kept",
    )
    least: int = Field(default=10, ge=1, le=10_000, description="decisions before anything follows")
    window: int = Field(default=200, ge=1, le=100_000, description="last decisions that count")
    days: int = Field(default=90, ge=1, le=3650, description="days a decision counts")


class LedgerSettings(Strict):
    """Where violations and citations are kept, and by which deadlines."""

    database: Database | None = Field(
        default=None,
        description="postgresql://user@host/database, or ${NAME}; none given: SQLite in the "
        "site's state folder",
    )
    region: Name = Field(default="nasional", description="police region in config/regions")
    trust: TrustSettings = TrustSettings()


def database_url(settings: LedgerSettings, layout: StateLayout) -> str:
    """The ledger's URL; it may hold ``${NAME}``, which whoever opens it looks up."""
    return settings.database or layout.database
