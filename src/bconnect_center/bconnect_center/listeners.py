"""Keeps a listener running for every live site, beside the pages and never in their way."""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence

from bconnect_bringup.console import Console
from bconnect_bringup.supervisor import Job, Patience, Supervisor
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.core.live import State
from bconnect_center.house import House
from bconnect_enforce.adapters.ledger import LedgerError

MODULE = "bconnect_center.live_node"
STEP = 0.5  # s
STOP = 3.0  # s the listeners have to end


class Listeners:
    """One thread that starts, watches and stops the listeners' processes.

    What becomes of each is told in `states` (kind "process"), as far as the database answers.
    """

    def __init__(
        self,
        house: House,
        *,
        command: Callable[[str], Sequence[str]] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._house, self._store = house, LiveStore(house.database)
        self.sites = [name for name, live in house.file.live.items() if live.url is None]
        path = str(house.loaded.path)
        make = command or (lambda site: (sys.executable, "-m", MODULE, path, site))
        folder = house.loaded.root / "log"
        folder.mkdir(parents=True, exist_ok=True)
        self._console = Console(self.sites, folder=folder, quiet=True)
        self._supervisor = Supervisor(
            [Job(site, tuple(make(site))) for site in self.sites],
            self._console,
            patience=patience or Patience(stop=STOP),
        )
        self._stop = threading.Event()
        self._told: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, name="listeners", daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        if self.sites:
            self._thread.start()

    def close(self) -> None:
        """Ends them all; waits until they have."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * STOP)
        self._console.close()

    def running(self) -> Mapping[str, int]:
        """Sites and the process that listens to each."""
        return self._supervisor.running()

    def _run(self) -> None:
        # In this thread from the start: a child ends with the thread that made it.
        self._supervisor.start()
        while not self._stop.is_set():
            refused = self._supervisor.step(STEP)
            if refused is not None:
                self._console.say(refused)
            self._tell(refused)
        self._supervisor.stop("the centre closes")

    def _tell(self, refused: str | None) -> None:
        running, now = self._supervisor.running(), self._house.now()
        news = []
        for site in self.sites:
            word = "running" if site in running else "waiting"
            if word == "waiting" and (refused or self._told.get(site, "").startswith("refused")):
                word = self._told.get(site, "") if not refused else f"refused: {refused[:300]}"
            if self._told.get(site) != word:
                self._told[site] = word
                news.append(State(site, "process", site, now, {"state": word}))
        if news:
            try:
                self._store.write(now, news, [], {})
            except LedgerError:
                for state in news:
                    self._told.pop(state.site, None)
