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
BRIDGE = "bridge"  # the process for all sites that dial the bridge
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
        command: Callable[..., Sequence[str]] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._house, self._store = house, LiveStore(house.database)
        self.sites = [name for name, live in house.file.live.items() if live.url is None]
        path = str(house.loaded.path)
        far = tuple(site for site in self.sites if house.file.live[site].bridge)
        jobs: dict[str, tuple[str, ...]] = {site: (site,) for site in self.sites if site not in far}
        jobs |= {BRIDGE: far} if far else {}
        self._job_of = {site: name for name, sites in jobs.items() for site in sites}
        make = command or (lambda *sites: (sys.executable, "-m", MODULE, path, *sites))
        folder = house.loaded.root / "log"
        folder.mkdir(parents=True, exist_ok=True)
        self._console = Console(list(jobs), folder=folder, quiet=True)
        self._supervisor = Supervisor(
            [Job(name, tuple(make(*sites))) for name, sites in jobs.items()],
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
        """Sites and the process that listens to each; one for all that come over the bridge."""
        return self._running()

    def _running(self) -> dict[str, int]:
        found = self._supervisor.running()
        return {site: found[job] for site, job in self._job_of.items() if job in found}

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
        running, now = self._running(), self._house.now()
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
