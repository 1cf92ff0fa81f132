"""What evidence is made of: the camera's answer, files with digests, the sealed violation."""

import re
from dataclasses import dataclass
from math import nan

from bconnect_detect.core.types import Box, Finding
from bconnect_site.kinds import EvidenceKind, PlateColour, PlateState
from bconnect_site.names import is_name

# Ids and file names become paths: no separators, nothing hidden, nothing that climbs.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.[a-z0-9]{1,8}")
OWN = frozenset(  # written by whoever seals; no camera may bring a file of that name
    {"annotated.jpg", "vehicle.jpg", "plate.jpg", "facts.json", "violation.json"}
)
RESERVED = OWN | {"manifest.json", "manifest.sig", "erased.json", "case.json"}


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """What to ask the camera for. Stamps in ns, on the camera's own time line."""

    id: str  # Finding.id
    camera: str
    stamp: int  # the finding's
    stills: tuple[int, ...]  # before, scene, more for the plate, after
    clip_start: int
    clip_end: int
    directory: str  # relative to the evidence store


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of evidence and its digest."""

    kind: EvidenceKind
    stamp: int  # ns, exposure of the picture; first picture of a clip
    path: str  # in a Violation relative to the store, in a manifest the bare file name
    sha256: str  # hex
    size: int = 0  # bytes; 0: not measured

    @property
    def name(self) -> str:
        """The file's name inside its folder."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Capture:
    """A camera's answer to a request."""

    id: str
    files: tuple[EvidenceFile, ...] = ()
    width: int = 0  # pixels of the full-size pictures
    height: int = 0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlateReading:
    """UNKNOWN: nobody looked for a plate yet."""

    state: PlateState = PlateState.UNKNOWN
    text: str = ""
    confidence: float = 0.0
    box: Box = (nan, nan, nan, nan)  # pixels of the full-size still
    pixel_height: float = nan
    votes: int = 0  # stills that agreed
    frames: int = 0  # stills that were looked at
    colour: PlateColour = PlateColour.UNKNOWN  # of the plate's base
    reason: str = ""  # why it is not READ, one sentence
    stamp: int = 0  # ns, of the still that the box lies in; 0: unknown


@dataclass(frozen=True, slots=True)
class Violation:
    """A finding with its evidence, sealed."""

    finding: Finding
    files: tuple[EvidenceFile, ...]
    manifest: str  # path of the manifest, relative to the store
    manifest_sha256: str  # hex
    missing: tuple[str, ...] = ()
    plate: PlateReading = PlateReading()
    witnesses: tuple[str, ...] = ()
    key_id: str = ""  # of the key that signed the manifest; empty: unsigned (format 1)


def path_fault(finding: Finding) -> str | None:
    """Why a finding's id, site or camera may not become a path; None when they may."""
    if not _ID.fullmatch(finding.id):
        return f"id: found {finding.id[:80]!r}, allowed are letters, digits and hyphens, at most 64"
    for key, text in (("site", finding.site), ("camera", finding.camera)):
        if not is_name(text):
            return f"{key}: found {text[:80]!r}, allowed are names such as simpang_utara"
    return None


def file_fault(path: str, directory: str) -> str | None:
    """Why a file a camera names is not taken; None for a plain file right in ``directory``."""
    parent, _, name = path.rpartition("/")
    if parent not in ("", directory):
        return f"{path[:120]!r} lies outside the folder {directory}"
    if not _FILE.fullmatch(name) or name in RESERVED:
        return f"{name[:80]!r} is not a plain file name"
    return None
