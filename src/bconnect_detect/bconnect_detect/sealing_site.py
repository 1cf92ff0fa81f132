"""The sealer of a site with all it needs: keys, store, plate reader, releaser, what was heard."""

from dataclasses import replace
from pathlib import Path
from threading import Lock

from bconnect_detect.adapters import access_log, chain_file, clock
from bconnect_detect.adapters.evidence_store import EvidenceStore
from bconnect_detect.adapters.sealed_folder import StoreError
from bconnect_detect.core import facts as told
from bconnect_detect.core.evidence import CaseSettings
from bconnect_detect.core.facts import Circumstances
from bconnect_detect.core.history import (
    CameraHistory,
    CameraLook,
    ClockHistory,
    GnssClock,
    SignalHistory,
)
from bconnect_detect.core.manifest import Facts
from bconnect_detect.core.plate import PlateReader
from bconnect_detect.core.sheet import zone_shape
from bconnect_detect.core.types import SECOND, Finding, SignalReading
from bconnect_detect.looking import PlateDesk
from bconnect_detect.releasing import Releaser, default_detector
from bconnect_detect.sealing import Sealer
from bconnect_site import sealed
from bconnect_site.keys import Keyring
from bconnect_site.loaded import LoadedSite
from bconnect_site.settings import PlateSettings

PLATE_PATIENCE = 10.0  # s over the reader's own limit, which it keeps only between stills


class Surroundings:
    """What was heard of signals and cameras, and what is asked when a case is sealed.

    Callbacks add, the sealer asks: any thread.
    """

    def __init__(self, root: Path, cameras: list[str]) -> None:
        self._root = root
        self._lock = Lock()
        self._signals = SignalHistory()
        self._cameras = CameraHistory(cameras)
        self._clock = ClockHistory()

    def signal(self, reading: SignalReading) -> None:
        """Notes what a signal shows."""
        with self._lock:
            self._signals.add(reading)

    def camera(self, name: str, look: CameraLook) -> None:
        """Notes what a camera says of itself."""
        with self._lock:
            self._cameras.add(name, look)

    def clock(self, look: GnssClock) -> None:
        """Notes how a vehicle's clock stands to GNSS time."""
        with self._lock:
            self._clock.add(look)

    def circumstances(self, finding: Finding) -> Circumstances:
        """What was heard around a finding."""
        with self._lock:
            runs = (
                self._signals.around(finding.signal.signal, *told.window(finding))
                if finding.signal
                else ()
            )
            camera = self._cameras.at(finding.camera, finding.stamp)
            return Circumstances(runs, camera, self._clock.at(finding.stamp))

    def facts(self, facts: Facts) -> Facts:
        """The facts with the clock's state and the log of accesses as they are now."""
        try:
            accesses = access_log.read(self._root)
        except OSError as error:
            raise StoreError(f"evidence store {self._root}: {error}", error.errno or 0) from None
        return replace(
            facts,
            clock=clock.state(),
            access_lines=len(accesses.lines),
            access_sha256=accesses.head,
        )


def make_sealer(loaded: LoadedSite, root: Path, keys: Path) -> tuple[Sealer, Surroundings]:
    """The sealer of a site. Raises ConfigError: its keys are not to be trusted."""
    site = loaded.site
    zones = {
        (camera, name): zone_shape(name, zone)
        for camera, seen in site.cameras.items()
        for name, zone in seen.zones.items()
    }
    store = EvidenceStore(root, Keyring.open(keys), site.evidence.min_free_bytes)
    around = Surroundings(root, list(site.cameras))
    limit = site.plates.timeout + PLATE_PATIENCE
    plates = PlateDesk(lambda: _reader(site.plates, loaded.config_dir), limit)
    sealer = Sealer(
        store,
        Facts(loaded.software, loaded.sha256, site.title, site.timezone),
        zones,
        extras=around,
        plates=plates,
        releaser=Releaser(default_detector, plates.find_plates),
        map_zones=loaded.map_zones(),
    )
    return sealer, around


def key_sentences(sealer: Sealer, site: str) -> list[str]:
    """What the operator should know about the keys; empty: nothing."""
    ring = sealer.store.ring
    if ring is None:
        return []
    sentences = [ring.note] if ring.note else []
    unknown = chain_file.key_ids(sealer.store.root, site) - set(ring.publics())
    if unknown:
        sentences.append(
            f"keys: {ring.folder}: does not hold {', '.join(sorted(unknown))}, with which the "
            f"newest evidence was sealed; {ring.key_id} signs from now on, bring the old public "
            f"keys ({sealed.MANIFEST} names them) back to verify the old seals"
        )
    return sentences


def case_settings(loaded: LoadedSite) -> CaseSettings:
    """The site's evidence settings in nanoseconds."""
    evidence = loaded.site.evidence
    return CaseSettings(
        before=round(evidence.before * SECOND),
        after=round(evidence.after * SECOND),
        patience=round(evidence.timeout * SECOND),
    )


def _reader(settings: PlateSettings, config_dir: Path | None) -> PlateReader | None:
    from bconnect_detect.adapters.plate_reader import make_reader

    rules = config_dir / "plates.yaml" if config_dir else None
    return make_reader(settings, rules if rules and rules.is_file() else None)
