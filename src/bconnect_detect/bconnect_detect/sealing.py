"""Makes a sealed folder and a Violation out of a closed case: checks, draws, reads, blurs, seals.

Stands between core and adapters, knows no ROS: the evidence node and the tests
use it alike.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isfinite
from typing import Protocol
from zoneinfo import ZoneInfo

from bconnect_detect.adapters import drawing
from bconnect_detect.adapters.evidence_store import PARTIAL, EvidenceStore, StoreError
from bconnect_detect.core import facts as told
from bconnect_detect.core import manifest
from bconnect_detect.core.chain import Link
from bconnect_detect.core.evidence import FOREIGN_SCENE, Case, doubts, moments, unique
from bconnect_detect.core.facts import Circumstances
from bconnect_detect.core.manifest import Facts
from bconnect_detect.core.plain import finding_from_dict, finding_to_dict
from bconnect_detect.core.sheet import Sheet, ZoneShape, local_date, make_sheet
from bconnect_detect.core.types import SECOND, Box, Finding
from bconnect_detect.core.violation import EvidenceFile, PlateReading, Violation, file_fault
from bconnect_detect.looking import PlateDesk
from bconnect_detect.releasing import Releaser
from bconnect_site import sealed
from bconnect_site.kinds import EvidenceKind, PlateState
from bconnect_site.letter import signature_fault
from bconnect_site.mapzones import MapZone

CASE_FORMAT = "bconnect-case/1"
ANNOTATED, VEHICLE, PLATE = "annotated.jpg", "vehicle.jpg", "plate.jpg"
NO_READER = PlateReading(PlateState.NOT_VISIBLE, reason="no plate reader is installed")
CONTEXTS = (EvidenceKind.CONTEXT_BEFORE, EvidenceKind.CONTEXT_AFTER)


class Extras(Protocol):
    """What is known around a seal beyond the case itself."""

    def circumstances(self, finding: Finding) -> Circumstances:
        """What was heard of the signal and the camera."""
        ...

    def facts(self, facts: Facts) -> Facts:
        """The facts with what is known only now: the clock, the log of accesses."""
        ...


class Sealer:
    """Seals cases into one store. Slow (disk, JPEG, models): belongs on a worker thread.

    ``zones`` by (camera, zone). ``facts`` may be replaced when more is known. ``plates`` and
    ``releaser`` None: plates are not read, no copies for outside are made.
    """

    def __init__(
        self,
        store: EvidenceStore,
        facts: Facts,
        zones: Mapping[tuple[str, str], ZoneShape],
        *,
        extras: Extras | None = None,
        plates: PlateDesk | None = None,
        releaser: Releaser | None = None,
        map_zones: Iterable[MapZone] = (),
    ) -> None:
        self.store = store
        self.facts = facts
        self._zones = zones
        self._local = ZoneInfo(facts.timezone)
        self._extras = extras
        self._plates = plates
        self._releaser = releaser
        self._on_map = {zone.name: zone for zone in map_zones}

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
        folder = self.store.load(directory)
        try:
            plain = manifest.parse(folder.manifest)
            faults = manifest.faults(plain, folder.found)
            if plain["format"] != manifest.OLD_FORMAT and self.store.ring:
                publics = self.store.ring.publics()
                key = str(plain.get("key_id"))
                fault = signature_fault(folder.manifest, folder.signature or b"", key, publics)
                faults += [f"{sealed.MANIFEST} {fault}"] if fault else []
            if faults:
                raise ValueError("; ".join(faults))
            digest = manifest.sha256(folder.manifest)
            return manifest.to_violation(plain, folder.violation, directory, digest)
        except ValueError as error:
            raise StoreError(f"{directory}: {error}; it is not published") from error

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
            if finding is None and self.store.complete(directory):
                sentences.append(f"{directory}: was complete, now sealed")
                continue
            if finding is None and self.store.whole(directory):  # another took its number
                finding = _finding_told(self.store, directory)
            if finding is None or self.directory(finding) != directory:
                place = self.store.set_aside(directory)
                sentences.append(
                    f"{directory}: left over by an earlier run and not complete, moved to {place}"
                )
            elif self.store.is_sealed(directory):
                place = self.store.set_aside(directory)
                sentences.append(f"{directory}: was sealed already, its rest moved to {place}")
            else:
                findings.append(finding)
        return findings, sentences

    def seal(self, case: Case, now: int = 0) -> Violation:
        """Seals a closed case; a folder already sealed is returned as it stands.

        ``now``: ns, this machine's clock; 0: not told. Raises StoreError when the disk does not
        take it, ConfigError when the keys are not to be trusted; then nothing is sealed and the
        same case can be tried again.
        """
        if violation := self.existing(case.finding):
            return violation
        assert self.store.ring is not None, "a store to seal into has keys"
        key_id = self.store.ring.refresh()
        self.begin(case.finding)
        directory = self.directory(case.finding)
        draft = self._draft(case, directory, key_id)
        facts = self._extras.facts(self.facts) if self._extras else self.facts
        around = self._around(case.finding)
        facts, wrong = _with_clock(facts, around, case.finding.stamp)
        draft = self._with_facts(draft, directory, facts, around)
        strangers = self.store.strangers(directory, {file.path for file in draft.files})
        missing = [f"{name}: nobody vouches for it, it was set aside" for name in strangers]
        draft = replace(draft, missing=unique((*draft.missing, *missing, *doubts(case), *wrong)))
        plain = manifest.canonical(manifest.violation_to_plain(draft, facts))
        beside = self._put(directory, EvidenceKind.UNKNOWN, 0, sealed.VIOLATION, plain)

        def make(link: Link) -> tuple[bytes, bytes]:
            data = manifest.canonical(manifest.build(draft, (beside,), link, facts, now))
            return data, self.store.ring.sign(data) if self.store.ring else b""

        names = {file.path for file in (*draft.files, beside)}
        return manifest.placed(draft, directory, self.store.seal(directory, make, names))

    def _draft(self, case: Case, directory: str, key_id: str) -> Violation:
        """The violation with all its pictures; paths count from the folder."""
        files, missing = self._vouched(case, directory)
        files, missing = self._drawn(case, directory, files, missing)
        plate = self._read(case.finding, directory, files)
        files, missing = self._plate(directory, files, missing, plate)
        files, missing = self._released(case.finding, directory, files, missing, plate)
        return Violation(
            finding=case.finding,
            files=tuple(files),
            manifest="",
            manifest_sha256="",
            missing=unique((*case.missing, *missing)),
            plate=plate,
            witnesses=case.witnesses,
            key_id=key_id,
        )

    def _around(self, finding: Finding) -> Circumstances:
        return self._extras.circumstances(finding) if self._extras else Circumstances()

    def _with_facts(
        self, draft: Violation, directory: str, facts: Facts, around: Circumstances
    ) -> Violation:
        finding = draft.finding
        zone = self._zones.get((finding.camera, finding.zone))
        on_map = self._on_map.get(finding.zone) if zone is None else None
        data = manifest.canonical(told.build(finding, around, zone, facts, on_map))
        file = self._put(directory, EvidenceKind.FACTS, finding.stamp, sealed.FACTS, data)
        return replace(draft, files=(*draft.files, file))

    def _read(self, finding: Finding, directory: str, files: list[EvidenceFile]) -> PlateReading:
        """The plate, looked for in every still of right around the moment."""
        if self._plates is None:
            return NO_READER
        stills = []
        for file in files:
            if file.kind == EvidenceKind.SCENE:
                try:
                    image = drawing.decode(self.store.read(directory, file.path))
                except drawing.PictureError:
                    continue
                stills.append((file.stamp, image))
        return self._plates.read(stills, finding)

    def _plate(
        self,
        directory: str,
        files: list[EvidenceFile],
        missing: list[str],
        plate: PlateReading,
    ) -> tuple[list[EvidenceFile], list[str]]:
        """Adds the plate, cut from the still it was seen in."""
        still = _still_of(plate, files)
        if still is None:
            return files, missing
        try:
            data = drawing.crop_plate(self.store.read(directory, still.path), plate.box)
        except drawing.PictureError as error:
            return files, [*missing, f"{PLATE}: {error}"]
        return [
            *files,
            self._put(directory, EvidenceKind.PLATE, still.stamp, PLATE, data),
        ], missing

    def _released(
        self,
        finding: Finding,
        directory: str,
        files: list[EvidenceFile],
        missing: list[str],
        plate: PlateReading,
    ) -> tuple[list[EvidenceFile], list[str]]:
        """Adds the copies for outside: stills with everybody else made illegible, no clip."""
        if self._releaser is None or not any(file.kind == EvidenceKind.SCENE for file in files):
            return files, missing
        if why := self._releaser.ready():
            return files, [*missing, f"{sealed.RELEASE}: {why}"]
        made: list[EvidenceFile] = []

        def keep(of: EvidenceFile, name: str, data: bytes | None) -> None:
            if data is not None:
                path = f"{sealed.RELEASE}/{name}"
                made.append(self._put(directory, EvidenceKind.RELEASE, of.stamp, path, data))

        scene = next(file for file in files if file.kind == EvidenceKind.SCENE)
        still = _still_of(plate, files)
        for file in files:
            try:
                picture = self.store.read(directory, file.path)
                if file is scene:
                    box = plate.box if still is scene else None
                    parts = self._release_scene(finding, file, picture, box)
                    for name, data in zip((scene.path, ANNOTATED, VEHICLE), parts, strict=True):
                        keep(file, name, data)
                elif file.kind in CONTEXTS:
                    keep(file, file.path, self._releaser.context(picture))
                elif file.kind == EvidenceKind.PLATE:
                    keep(file, file.path, picture)
            except drawing.PictureError as error:
                missing = [*missing, f"{sealed.RELEASE}/{file.path}: {error}"]
        return [*files, *made], missing

    def _release_scene(
        self, finding: Finding, file: EvidenceFile, picture: bytes, plate: Box | None
    ) -> tuple[bytes, bytes, bytes | None]:
        assert self._releaser is not None
        exact = abs(file.stamp - finding.stamp) <= FOREIGN_SCENE
        sheet = self._sheet(finding, f"{sealed.RELEASE}/{file.path}")
        return self._releaser.scene(picture, sheet, finding.road_user.kind, plate, exact=exact)

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
        wanted = moments(case.request)
        had = {file.name for file in case.files}
        return [
            EvidenceFile(*wanted[stem], name, "")
            for name in self.store.names(directory)
            if (stem := name.partition(".")[0]) in wanted
            and name not in had
            and not file_fault(name, directory)
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
        files = [
            *files,
            self._put(directory, EvidenceKind.ANNOTATED, scene.stamp, ANNOTATED, drawn),
        ]
        try:
            vehicle = drawing.crop_vehicle(picture, sheet.box)
        except drawing.PictureError as error:
            return files, [*missing, f"{VEHICLE}: {error}"]
        files.append(self._put(directory, EvidenceKind.VEHICLE, scene.stamp, VEHICLE, vehicle))
        return files, missing

    def _put(
        self, directory: str, kind: EvidenceKind, stamp: int, name: str, data: bytes
    ) -> EvidenceFile:
        self.store.put(directory, name, data)
        return EvidenceFile(kind, stamp, name, manifest.sha256(data), len(data))

    def _sheet(self, finding: Finding, original: str) -> Sheet:
        zone = self._zones.get((finding.camera, finding.zone))
        return make_sheet(finding, zone, self.facts.title, self._local, original)


def _with_clock(facts: Facts, around: Circumstances, stamp: int) -> tuple[Facts, list[str]]:
    """The facts with how the clock stood to GNSS time, and a sentence if it was surely wrong."""
    look = around.clock
    if look is None:
        return facts, []
    fault = look.fault(stamp)
    told = replace(facts, clock=replace(facts.clock, gnss=look.to_plain(stamp)))
    return told, [f"clock: {fault}"] if fault else []


def _finding(kept: bytes | None) -> Finding | None:
    try:
        body = json.loads(kept or b"")
        return finding_from_dict(body["finding"])
    except (ValueError, KeyError, TypeError):
        return None


def _finding_told(store: EvidenceStore, directory: str) -> Finding | None:
    """The finding of a folder whose case was given up for the seal, and the seal failed."""
    try:
        return manifest.finding_of(store.read(directory, sealed.VIOLATION))
    except (StoreError, ValueError, KeyError, TypeError):
        return None


def _still_of(plate: PlateReading, files: list[EvidenceFile]) -> EvidenceFile | None:
    """The still that the plate's box lies in; None: no plate was seen."""
    if not all(isfinite(v) for v in plate.box):
        return None
    scenes = [file for file in files if file.kind == EvidenceKind.SCENE]
    return next((file for file in scenes if file.stamp == plate.stamp), None)
