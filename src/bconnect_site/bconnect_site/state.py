"""Where a running site keeps its files."""

from dataclasses import dataclass
from pathlib import Path

LAW_FILE = "law.json"  # beside the frozen site


@dataclass(frozen=True, slots=True)
class StateLayout:
    """Where a site's running graph keeps its files, under one state folder."""

    root: Path

    @classmethod
    def of(cls, state_dir: str | Path, site: str) -> "StateLayout":
        """The layout of a site under the state folder of all sites."""
        return cls(Path(state_dir).absolute() / site)

    @property
    def site_file(self) -> Path:
        """The frozen site."""
        return self.root / "site.yaml"

    @property
    def plan_file(self) -> Path:
        """The plan as JSON."""
        return self.root / "plan.json"

    @property
    def log_dir(self) -> Path:
        """Logs of the processes."""
        return self.root / "log"

    @property
    def evidence_dir(self) -> Path:
        """The evidence store."""
        return self.root / "evidence"

    @property
    def keys_dir(self) -> Path:
        """The site's signing keys; nobody else may read it."""
        return self.root / "keys"

    @property
    def orders_dir(self) -> Path:
        """Who may give orders here, the site's own keys for them, and which were followed."""
        return self.root / "orders"

    @property
    def spool_dir(self) -> Path:
        """What waits to be sent to the command centre."""
        return self.root / "spool"

    @property
    def audio_dir(self) -> Path:
        """Spoken phrases, and what was spoken where there is no device."""
        return self.root / "audio"

    @property
    def view_dir(self) -> Path:
        """The known view of each guarded camera."""
        return self.root / "view"

    @property
    def switch_dir(self) -> Path:
        """Which cameras an operator switched off, a file each."""
        return self.root / "switched_off"

    @property
    def law_file(self) -> Path:
        """What the versions of the law said when they came into force here."""
        return self.root / LAW_FILE

    @property
    def history_file(self) -> Path:
        """What the ladder remembers of repeat offenders, over all sites of the state folder."""
        return self.root.parent / "history.sqlite3"

    @property
    def database(self) -> str:
        """URL of the ledger."""
        return f"sqlite:///{self.root / 'ledger.sqlite3'}"
