"""Makes a sealed folder and a Violation out of a closed case: checks, draws, seals.

Stands between core and adapters, knows no ROS: the evidence node and the tests
use it alike.
"""

import json
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from bconnect_detect.adapters import drawing
from bconnect_detect.adapters.evidence_store import PARTIAL, EvidenceStore, StoreError
from bconnect_detect.core import manifest
from bconnect_detect.core.evidence import WANTED, Case, doubts, unique
from bconnect_detect.core.manifest import Facts
from bconnect_detect.core.plain import finding_from_dict, finding_to_dict
from bconnect_detect.core.sheet import Sheet, ZoneShape, local_date, make_sheet
from bconnect_detect.core.types import SECOND, Finding
from bconnect_detect.core.violation import EvidenceFile, Violation, file_fault
from bconnect_site.kinds import EvidenceKind, word
from bconnect_site.model import Zone

CASE_FORMAT = "bconnect-case/1"
ANNOTATED, VEHICLE = "annotated.jpg", "vehicle.jpg"
_OWN = {ANNOTATED, VEHICLE, manifest.NAME}


class Sealer:
    """Seals cases into one store. Slow (disk, JPEG): belongs on a worker thread.

    ``zones`` by (camera, zone). ``facts`` may be replaced when more is known.
    """

    def __init__(
        self, store: EvidenceStore, facts: Facts, zones: Mapping[tuple[str, str], ZoneShape]
    ) -> None:
        self.store = store
        self.facts = facts
        self._zones = zones
        self._local = ZoneInfo(facts.timezone)

    def directory(self, finding: Finding) -> str:
        """The finding's sealed folder, relative to the store. The same for the same finding."""
        return f"{finding.site}/{local_date(finding.stamp, self._local)}/{finding.id}"

    def begin(self, finding: Finding) -> None:
        """Keeps the finding on disk, so that the next run can take it up. Raises StoreError."""
        case = {"format": CASE_FORMAT, "finding": finding_to_dict(finding)}
        self.store.begin(self.directory(finding), manifest.canonical(case))

    def existing(self, finding: Finding) -> Violation | None:
        """The violation already sealed for this finding, or None. Raises StoreError if touched."""
        directory = self.directory(finding)
        return self.load(directory) if self.store.is_sealed(directory) else None

    def load(self, directory: str) -> Violation:
        """A sealed violation, checked. Raises StoreError naming the file that was touched."""
        data, found = self.store.load(directory)
        if faults := manifest.faults(data, found):
            raise StoreError(f"{directory}: {'; '.join(faults)}; it is not published")
        try:
            return manifest.to_violation(manifest.parse(data), directory, manifest.sha256(data))
        except ValueError as error:
            raise StoreError(str(error)) from error

    def recent(
        self, site: str, now: int, age: float, most: int = 100
    ) -> tuple[list[Violation], list[str]]:
        """What was sealed last of findings of the last ``age`` seconds, oldest first.

        Also sentences about folders that are not whole any more.
        """
        first = now - round(age * SECOND)
        dates = {local_date(moment, self._local) for moment in (first, now)}
        violations, sentences = [], []
        for directory in self.store.sealed(site, dates)[-most:] if age > 0 else []:
            try:
                violations.append(self.load(directory))
            except StoreError as error:
                sentences.append(str(error))
        return [v for v in violations if v.finding.stamp >= first], sentences

    def sweep(self, finding_id: str, directory: str) -> str:
        """Moves what a camera wrote after the seal aside; a sentence, or empty for nothing.

        ``directory``: the partial folder of its request.
        """
        directory = directory.removesuffix(PARTIAL)
        if not self.store.is_sealed(directory):
            return ""
        place = self.store.set_aside(directory)
        return place and f"case {finding_id}: the camera answered after the seal, see {place}"

    def left_over(self, site: str) -> tuple[list[Finding], list[str]]:
        """Findings of an earlier run to take up again, and sentences about the other folders."""
        findings, sentences = [], []
        for directory, kept in self.store.left_over(site):
            finding = _finding(kept)
            if finding is None or self.directory(finding) != directory:
                sentences.append(self.store.recover(directory))
            elif self.store.is_sealed(directory):
                place = self.store.set_aside(directory)
                sentences.append(f"{directory}: was sealed already, its rest moved to {place}")
            else:
                findings.append(finding)
        return findings, sentences

    def seal(self, case: Case) -> Violation:
        """Seals a closed case; a folder already sealed is returned as it stands.

        Raises StoreError when the disk does not take it; then nothing is sealed and the
        same case can be tried again.
        """
        if violation := self.existing(case.finding):
            return violation
        self.begin(case.finding)
        directory = self.directory(case.finding)
        files, missing = self._vouched(case, directory)
        files, missing = self._drawn(case, directory, files, missing)
        strangers = self.store.strangers(directory, {file.name for file in files} | _OWN)
        missing += [f"{name}: nobody vouches for it, it was set aside" for name in strangers]
        sentences = unique((*case.missing, *missing, *doubts(case)))
        body = manifest.build(
            case.finding, tuple(files), sentences, self.facts, witnesses=case.witnesses
        )
        data = manifest.canonical(body)
        self.store.seal(directory, data, {file.name for file in files})
        return manifest.to_violation(body, directory, manifest.sha256(data))

    def _vouched(self, case: Case, directory: str) -> tuple[list[EvidenceFile], list[str]]:
        """The camera's files that are on disk as the camera said, and what is wrong with others."""
        files, missing = [], []
        for file in (*case.files, *self._unanswered(case, directory)):
            found = self.store.measure(directory, file.name)
            if found is None:
                missing.append(f"{file.name}: the camera named it, but it is not on disk")
            elif file.sha256 and found[0] != file.sha256.lower():
                missing.append(f"{file.name}: changed after the camera wrote it")
            else:
                if not file.sha256:
                    missing.append(
                        f"{file.name}: the camera's answer was lost; digest and time "
                        "are those of the evidence node"
                    )
                files.append(EvidenceFile(file.kind, file.stamp, file.name, *found))
        return files, missing

    def _unanswered(self, case: Case, directory: str) -> list[EvidenceFile]:
        """Files the camera left although its answer never came (a restart in between)."""
        moments = dict(zip(WANTED, (*case.request.stills, case.request.clip_start), strict=True))
        had = {file.kind for file in case.files}
        kinds = {word(kind): kind for kind in WANTED if kind not in had}
        return [
            EvidenceFile(kinds[stem], moments[kinds[stem]], name, "")
            for name in self.store.names(directory)
            if (stem := name.partition(".")[0]) in kinds and not file_fault(name, directory)
        ]

    def _drawn(
        self, case: Case, directory: str, files: list[EvidenceFile], missing: list[str]
    ) -> tuple[list[EvidenceFile], list[str]]:
        """Adds the annotated copy and the vehicle; drops a scene that is no picture."""
        scene = next((file for file in files if file.kind == EvidenceKind.SCENE), None)
        if scene is None:
            return files, missing
        picture = self.store.read(directory, scene.name)
        sheet = self._sheet(case.finding, scene.name)
        try:
            drawn = drawing.annotate(picture, sheet)
        except drawing.PictureError as error:
            return [f for f in files if f is not scene], [*missing, f"{scene.name}: {error}"]
        files = [*files, self._put(directory, EvidenceKind.ANNOTATED, scene, ANNOTATED, drawn)]
        try:
            vehicle = drawing.crop_vehicle(picture, sheet.box)
        except drawing.PictureError as error:
            return files, [*missing, f"{VEHICLE}: {error}"]
        files.append(self._put(directory, EvidenceKind.VEHICLE, scene, VEHICLE, vehicle))
        return files, missing

    def _put(
        self, directory: str, kind: EvidenceKind, scene: EvidenceFile, name: str, data: bytes
    ) -> EvidenceFile:
        self.store.put(directory, name, data)
        return EvidenceFile(kind, scene.stamp, name, manifest.sha256(data), len(data))

    def _sheet(self, finding: Finding, original: str) -> Sheet:
        zone = self._zones.get((finding.camera, finding.zone))
        return make_sheet(finding, zone, self.facts.title, self._local, original)


def zone_shape(name: str, zone: Zone) -> ZoneShape:
    """A zone of the site file as it is drawn."""
    label = f"{word(zone.kind).replace('_', ' ')} · {name}"
    arrow = (zone.direction[0], zone.direction[1]) if zone.direction else None
    return ZoneShape(name, tuple(zone.points), arrow, label)


def _finding(kept: bytes | None) -> Finding | None:
    try:
        body = json.loads(kept or b"")
        return finding_from_dict(body["finding"])
    except (ValueError, KeyError, TypeError):
        return None
