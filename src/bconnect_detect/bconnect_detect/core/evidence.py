"""Cases: from an opened finding over the camera's answer to what is to be sealed.

A case is opened once per finding id. It asks one camera for stills and a clip and is
closed by the answer that accounts for all of them, or by its deadline. A case that got no
pictures at all is closed and sealed like any other: its list of what is missing says so, so
that no finding vanishes in silence and nobody can take a bare claim for proof. Whoever decides
about it (ladder, officer) sees the empty evidence; doubt protects the road user.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bconnect_detect.core.types import SECOND, Finding
from bconnect_detect.core.violation import (
    Capture,
    CaptureRequest,
    EvidenceFile,
    file_fault,
)
from bconnect_site.kinds import EvidenceKind, word
from bconnect_site.leaps import Leaps

WANTED = (
    EvidenceKind.CONTEXT_BEFORE,
    EvidenceKind.SCENE,
    EvidenceKind.CONTEXT_AFTER,
    EvidenceKind.CLIP,
)
RING_MARGIN = 2 * SECOND  # a request reaches the ring this late at most
# A plate hidden or blurred in one picture is legible in the next; the vehicle is still near.
PLATE_STILLS = (-2 * SECOND // 5, -SECOND // 5, SECOND // 5, 2 * SECOND // 5)
FOREIGN_SCENE = SECOND // 5  # a scene further from the deciding image may misplace the box


@dataclass(frozen=True, slots=True)
class CaseSettings:
    """Times in ns."""

    before: int = 5 * SECOND  # clip before the offence began
    after: int = 5 * SECOND  # clip after the deciding image
    patience: int = 25 * SECOND  # for the camera's answer, after the clip's end
    max_open: int = 100  # cases waiting for cameras at once
    remember: int = 5000  # closed ids kept to know a finding that comes again


@dataclass(frozen=True, slots=True)
class Case:
    """One finding on its way to a sealed violation."""

    finding: Finding
    request: CaptureRequest
    deadline: int  # ns, on the clock that the book is asked with
    asked: bool = False
    answered: bool = False
    files: tuple[EvidenceFile, ...] = ()
    missing: tuple[str, ...] = ()
    width: int = 0  # pixels of the full-size pictures; 0: unknown
    height: int = 0
    witnesses: tuple[str, ...] = ()  # other cameras that saw the same incident

    @property
    def complete(self) -> bool:
        """Whether everything asked for has come, or the camera said what has not."""
        kinds = {file.kind for file in self.files}
        return self.answered and (bool(self.missing) or kinds.issuperset(WANTED))

    def file(self, kind: EvidenceKind) -> EvidenceFile | None:
        """The first file of a kind."""
        return next((f for f in self.files if f.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of a finding: a case that waits, one to seal at once, or none: it is known."""

    case: Case | None = None
    waiting: bool = False


class CaseBook:
    """Open cases and the ids of closed ones, both bounded. One thread only."""

    def __init__(self, settings: CaseSettings) -> None:
        self.settings = settings
        self._open: dict[str, Case] = {}
        self._closed: OrderedDict[str, str] = OrderedDict()
        self._leaps = Leaps()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def remembered(self) -> int:
        """How many closed ids are remembered."""
        return len(self._closed)

    def open(self, finding: Finding, directory: str, ring: int, now: int) -> Opened:
        """Opens a case. ``ring``: ns the camera keeps; ``now``: ns, the caller's clock.

        Whether the finding's names may become paths (``path_fault``) is asked before.
        """
        if finding.id in self._open or finding.id in self._closed:
            return Opened()
        case = new_case(finding, directory, ring, now, self.settings)
        if len(self._open) < self.settings.max_open:
            self._open[finding.id] = case
            return Opened(case, waiting=True)
        self._remember(case)
        sentence = f"no pictures: {len(self._open)} cases were open already, none was asked for"
        return Opened(replace(case, missing=(sentence,)))

    def reopen(self, case: Case) -> bool:
        """Takes up a case that an earlier run left open; False when it is known."""
        if case.finding.id in self._open or case.finding.id in self._closed:
            return False
        self._open[case.finding.id] = case
        return True

    def witness(self, finding_id: str, camera: str) -> bool:
        """Notes that another camera saw an open case's incident; False: no such case is open."""
        case = self._open.get(finding_id)
        if case is None or camera == case.finding.camera:
            return False
        self._open[finding_id] = replace(case, witnesses=unique((*case.witnesses, camera)))
        return True

    def to_ask(self) -> list[CaptureRequest]:
        """Requests not yet sent, oldest case first."""
        return [case.request for case in self._open.values() if not case.asked]

    def asked(self, finding_id: str) -> None:
        """Notes that the request was handed to a camera that listens."""
        if case := self._open.get(finding_id):
            self._open[finding_id] = replace(case, asked=True)

    def answer(self, camera: str, capture: Capture) -> Case | None:
        """Merges an answer. Returns the case when that completed it.

        An answer to no open case, or from another camera, is ignored.
        """
        case = self._open.get(capture.id)
        if case is None or case.request.camera != camera:
            return None
        case = merge(case, capture)
        self._open[capture.id] = case
        return self._close(case) if case.complete else None

    def due(self, now: int) -> list[Case]:
        """Cases whose deadline has passed, closed with a sentence for what never came.

        A clock that was set anew takes no camera its time to answer, and gives it no hour more.
        """
        if leap := self._leaps(now):
            for id_, case in self._open.items():
                self._open[id_] = replace(case, deadline=case.deadline + leap)
        late = [case for case in self._open.values() if now >= case.deadline]
        return [self._close(_timed_out(case)) for case in late]

    def closed(self, finding_id: str) -> str:
        """The folder a remembered case was given; empty: not remembered, or still open."""
        return self._closed.get(finding_id, "")

    def _close(self, case: Case) -> Case:
        self._open.pop(case.finding.id, None)
        self._remember(case)
        return case

    def _remember(self, case: Case) -> None:
        self._closed[case.finding.id] = case.request.directory
        while len(self._closed) > self.settings.remember:
            self._closed.popitem(last=False)


def new_case(finding: Finding, directory: str, ring: int, now: int, settings: CaseSettings) -> Case:
    """A case with its request. The deadline counts on ``now``'s clock, whatever the stamps say."""
    request = plan_request(finding, directory, ring, settings)
    return Case(finding, request, now + settings.after + settings.patience)


def plan_request(
    finding: Finding, directory: str, ring: int, settings: CaseSettings
) -> CaptureRequest:
    """Which moments to ask for.

    The clip runs from ``before`` ahead of the offence to ``after`` behind the
    deciding image; the contexts stand halfway into both, where the road user is
    still likely in view; more stills right around it are for the plate. What began longer
    ago than the camera's ring reaches is asked for from the ring's far end.
    """
    started = min(finding.started or finding.stamp, finding.stamp)
    reach = max(ring - settings.after - RING_MARGIN, SECOND)
    oldest = finding.stamp - reach
    return CaptureRequest(
        id=finding.id,
        camera=finding.camera,
        stamp=finding.stamp,
        stills=(
            max(started - settings.before // 2, oldest),
            finding.stamp,
            *(finding.stamp + offset for offset in PLATE_STILLS),
            finding.stamp + settings.after // 2,
        ),
        clip_start=max(started - settings.before, oldest),
        clip_end=finding.stamp + settings.after,
        directory=directory,
    )


def moments(request: CaptureRequest) -> dict[str, tuple[EvidenceKind, int]]:
    """Kind and wanted moment [ns] of each file asked for, by its name without the ending."""
    before, *scenes, after = request.stills
    found = {"context_before": (EvidenceKind.CONTEXT_BEFORE, before)}
    for number, stamp in enumerate(scenes, 1):
        found["scene" if number == 1 else f"scene_{number}"] = (EvidenceKind.SCENE, stamp)
    found["context_after"] = (EvidenceKind.CONTEXT_AFTER, after)
    return found | {"clip": (EvidenceKind.CLIP, request.clip_start)}


def merge(case: Case, capture: Capture) -> Case:
    """The case with an answer added: a file again replaces the file of that name."""
    files = {file.name: file for file in case.files}
    missing = [*case.missing, *capture.missing]
    for file in capture.files:
        if fault := file_fault(file.path, case.request.directory):
            missing.append(f"a file of the camera was refused: {fault}")
        else:
            files[file.name] = file
    return replace(
        case,
        answered=True,
        files=tuple(files.values()),
        missing=unique(missing),
        width=capture.width or case.width,
        height=capture.height or case.height,
    )


def doubts(case: Case) -> tuple[str, ...]:
    """Sentences about pictures that are there but say less than they seem to."""
    scene = case.file(EvidenceKind.SCENE)
    if scene is None:
        return ()
    apart = (scene.stamp - case.finding.stamp) / SECOND
    if abs(apart) * SECOND <= FOREIGN_SCENE:
        return ()
    when = "after" if apart > 0 else "before"
    return (
        f"{scene.name}: taken {abs(apart):.1f} s {when} the image that decided, "
        "the drawn box may be off",
    )


def unique(sentences: Iterable[str]) -> tuple[str, ...]:
    """Each sentence once, in order."""
    return tuple(dict.fromkeys(sentences))


def _timed_out(case: Case) -> Case:
    names = ", ".join(
        word(kind) for kind in WANTED if all(file.kind != kind for file in case.files)
    )
    if not case.asked:
        why = f"no camera {case.request.camera} listened for the request"
    elif not case.answered:
        why = f"camera {case.request.camera} did not answer in time"
    else:
        why = f"camera {case.request.camera} answered only in part"
    return replace(case, missing=unique((*case.missing, f"{names}: {why}")))
