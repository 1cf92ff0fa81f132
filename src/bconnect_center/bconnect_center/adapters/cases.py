"""Everything an officer needs to decide one case, gathered from ledger, folder and site."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bconnect_center.adapters.folders import Folder, Folders
from bconnect_center.core import crosschecks
from bconnect_center.core.crosschecks import Looked, Warning_
from bconnect_center.core.fit_plot import FitPlot, fit_plot
from bconnect_center.core.live import SiteCitation
from bconnect_center.core.moments import SECOND
from bconnect_center.core.plots import Drawing, SignalPlot, SpeedPlot, drawing, signal_plot
from bconnect_center.core.plots import speed_plot as plot_speed
from bconnect_center.core.roles import Person
from bconnect_detect.core.speed import forgiven
from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.adapters.ledger.tables import citations, violations
from bconnect_enforce.core.case import Case
from bconnect_enforce.core.citation import line_hash
from bconnect_enforce.core.records import EvidenceFile, Violation
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CitationStatus, EvidenceKind, PlateState, ViolationType
from bconnect_site.loader import LoadedSite
from bconnect_site.plates import PlateRules, load_plates

EARLIER = 20  # cases of a plate that are shown
OPEN_AROUND = 200  # violations of a plate looked at for other open cases


@dataclass(frozen=True, slots=True)
class Earlier:
    """A case of the same plate."""

    number: str
    site: str
    type: ViolationType
    stamp: int
    status: CitationStatus


@dataclass(frozen=True, slots=True)
class Dossier:
    """One case, complete. `previous`: whether the seal before it in the chain is known here."""

    case: Case
    title: str
    folder: Folder
    warnings: tuple[Warning_, ...]
    signal: SignalPlot | None
    speed: SpeedPlot | None
    fit: FitPlot | None
    drawing: Drawing | None
    earlier: tuple[Earlier, ...]
    previous: bool | None
    ledger_holds: bool
    site_number: str = ""  # what the site's own ledger calls it, where that is another

    @property
    def number(self) -> str:
        return self.case.number

    @property
    def violation(self) -> Violation:
        return self.case.violation

    @property
    def pending(self) -> bool:
        return self.case.last.status is CitationStatus.PENDING_REVIEW

    @property
    def plate(self) -> Mapping[str, Any]:
        """The reading with its votes, of the sealed violation."""
        told = self.folder.told.get("violation")
        plate = told.get("plate") if isinstance(told, dict) else None
        return plate if isinstance(plate, dict) else {}

    @property
    def synchronised(self) -> bool | None:
        """Whether the sealing machine's clock was; None: not known."""
        clock = self.folder.facts.get("clock")
        told = clock.get("synchronised") if isinstance(clock, dict) else None
        return told if isinstance(told, bool) else None

    def files(self, *kinds: EvidenceKind) -> list[EvidenceFile]:
        """The originals of some kinds, in that order; nothing where the seal does not stand."""
        if not self.folder.seal.stands:
            return []
        return [f for kind in kinds for f in self.violation.evidence if f.kind is kind]

    @property
    def stopped(self) -> bool:
        """Whether it cannot be confirmed as it is."""
        return any(warning.stops for warning in self.warnings)


class Cases:
    """Safe from any thread."""

    def __init__(
        self,
        ledger: Ledger,
        folders: Folders,
        sites: Mapping[str, LoadedSite],
        zone: ZoneInfo,
        there: Callable[[str], SiteCitation | None],
    ) -> None:
        """`there`: what a site's own ledger says of a violation, where that was heard."""
        self._ledger, self.folders, self._sites, self._zone = ledger, folders, sites, zone
        self._there = there

    def read(self, number: str) -> Case | None:
        """What the ledger holds. Raises LedgerError."""
        return self._ledger.case(number)

    def dossier(self, case: Case, person: Person, open_numbers: Any) -> Dossier:
        """`open_numbers(violation ids)`: those that wait, by number. Raises LedgerError."""
        seen = case.violation
        folder = self.folders.find(seen)
        same = self._same_plate(seen, person)
        others = [n for n in open_numbers([id_ for id_ in same if id_ != seen.id])]
        tolerance = self._tolerance(seen)
        looked = self._elsewhere(
            case,
            Looked(
                seen, folder.seal, folder.facts, tolerance, self._active(seen),
                tuple(n for n in others if n != case.number)[:3],
                handed=self.folders.handed_over(folder),
            ),
        )  # fmt: skip
        speed = fit = None
        if seen.offence.type in crosschecks.SPEEDS:
            speed = plot_speed(
                seen.measured, seen.measured_low, seen.measured_high, seen.limit, tolerance
            )
            fit = fit_plot(
                folder.facts, seen.measured_low, seen.measured_high, seen.limit, tolerance
            )
        return Dossier(
            case,
            self.title(seen.offence.site),
            folder,
            tuple(crosschecks.warnings(looked, _plates())),
            signal_plot(folder.facts),
            speed,
            fit,
            drawing(folder.facts),
            tuple(self._earlier(same, seen.id)),
            self._previous(folder.manifest),
            all(line.hash == line_hash(line) for line in case.lines),
            looked.site_number,
        )

    def stops(self, case: Case) -> str:
        """Why it cannot be confirmed, as a sentence; empty: it can."""
        if why := self.decided_there(case.number):
            return why
        seal = self.folders.find(case.violation).seal
        if seal.stands:
            return ""
        told = "; ".join(seal.sentences)[:200]
        return f"{case.number}: its evidence is {seal.state} ({told}); it cannot be confirmed"

    def decided_there(self, number: str) -> str:
        """That the site decides a case itself, as a sentence; empty: it is ours."""
        case = self.read(number)
        if case is None or self._there(case.violation.id) is None:
            return ""
        folder = self.folders.find(case.violation)
        handed = self.folders.handed_over(folder)
        looked = self._elsewhere(case, Looked(case.violation, folder.seal, handed=handed))
        if not any(one.stops for one in crosschecks.there(looked)):
            return ""
        return f"{number}: its site decides it itself, as {looked.site_number}"

    def _elsewhere(self, case: Case, looked: Looked) -> Looked:
        """With what the site's own ledger says, where that is another than ours."""
        found = self._there(case.violation.id)
        if found is None or found.number == case.number:
            return looked
        known = found.status in CitationStatus._value2member_map_
        status = CitationStatus(found.status) if known else CitationStatus.UNKNOWN
        return replace(looked, site_number=found.number, site_status=status)

    def title(self, site: str) -> str:
        found = self._sites.get(site)
        return found.site.title if found else site.replace("_", " ").title()

    def _tolerance(self, seen: Violation) -> float | None:
        zone = self._zone_of(seen)
        if seen.offence.type not in crosschecks.SPEEDS or seen.limit != seen.limit:
            return None
        return forgiven(seen.limit, zone.tolerance if zone is not None else None)

    def _active(self, seen: Violation) -> bool | None:
        zone = self._zone_of(seen)
        if zone is None:
            return None
        local = datetime.fromtimestamp(seen.offence.stamp // SECOND, self._zone)
        return bool(zone.is_active(local))

    def _zone_of(self, seen: Violation) -> Any:
        site = self._sites.get(seen.offence.site)
        camera = site.site.cameras.get(seen.offence.camera) if site else None
        return camera.zones.get(seen.offence.zone) if camera else None

    def _same_plate(self, seen: Violation, person: Person) -> list[str]:
        """Ids of the newest violations of that plate, of sites this person sees."""
        if seen.plate_state is not PlateState.READ or not seen.plate:
            return []
        query = (
            select(violations.c.id)
            .where(violations.c.plate == seen.plate, violations.c.plate != "")
            .order_by(violations.c.stamp.desc())
            .limit(OPEN_AROUND)
        )
        if person.sites:
            query = query.where(violations.c.site.in_(sorted(person.sites)))
        with self._ledger.reading() as c:
            return list(c.scalars(query))

    def _earlier(self, ids: Sequence[str], mine: str) -> list[Earlier]:
        wanted = [id_ for id_ in ids if id_ != mine][:EARLIER]
        if not wanted:
            return []
        query = (
            select(citations).where(citations.c.violation_id.in_(wanted)).order_by(citations.c.line)
        )
        with self._ledger.reading() as c:
            last = {row.number: row for row in c.execute(query)}
        found = [
            Earlier(
                row.number, row.site, ViolationType(row.type), row.violation_stamp,
                CitationStatus(row.status),
            )
            for row in last.values()
        ]  # fmt: skip
        return sorted(found, key=lambda e: -e.stamp)

    def _previous(self, manifest: Mapping[str, Any]) -> bool | None:
        """Whether the ledger knows the seal before; None: it is the first, or tells nothing."""
        digest = manifest.get("previous")
        if not isinstance(digest, str) or not digest:
            return None
        query = select(violations.c.id).where(violations.c.manifest_sha256 == digest).limit(1)
        with self._ledger.reading() as c:
            return c.scalar(query) is not None


@lru_cache(maxsize=1)
def _plates() -> PlateRules:
    try:
        return load_plates()
    except ConfigError:
        return PlateRules(frozenset())


def decided(
    ledger: Ledger, person: Person, before: int | None, most: int = 50
) -> list[tuple[int, Any]]:
    """(line, row) of what officers decided, newest first; `before` a line."""
    query = select(citations).where(citations.c.status > int(CitationStatus.PENDING_REVIEW))
    if person.sites:
        query = query.where(citations.c.site.in_(sorted(person.sites)))
    if before is not None:
        query = query.where(citations.c.line < before)
    with ledger.reading() as c:
        found = c.execute(query.order_by(citations.c.line.desc()).limit(most))
        return [(row.line, row) for row in found]
