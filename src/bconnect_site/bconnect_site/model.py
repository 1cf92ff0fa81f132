"""A site as plain objects: what a site file may say, with units and defaults.

Coordinates are fractions of the image, (0, 0) top left. Times are seconds, lengths
metres, speeds metres per second unless a field says otherwise.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from bconnect_site.centre import CentreSettings
from bconnect_site.fields import (
    Basis,
    Gate,
    Kind,
    Line,
    Name,
    Reference,
    Region,
    RoadUserWord,
    Rule,
    Seconds,
    Source,
    Strict,
    Text,
    Timezone,
)
from bconnect_site.geometry import Point
from bconnect_site.gnss import GnssSettings
from bconnect_site.hours import Quiet, Window
from bconnect_site.kinds import Mode, RoadUserKind, Step, ViolationType, ZoneKind, from_word
from bconnect_site.ladder import LadderSettings
from bconnect_site.ledger import LedgerSettings
from bconnect_site.lights import Community, Secret
from bconnect_site.mapzones import MapSettings
from bconnect_site.roadside import StickerSettings, TowSettings
from bconnect_site.settings import (
    DetectorSettings,
    DetectSettings,
    EvidenceSettings,
    PlateSettings,
    TrackerSettings,
)
from bconnect_site.trust import TrustedSettings

__all__ = [
    "Camera",
    "DetectSettings",
    "DetectorSettings",
    "EvidenceSettings",
    "LadderSettings",
    "LedgerSettings",
    "Location",
    "PlateSettings",
    "Quiet",
    "Section",
    "Signal",
    "Site",
    "Speaker",
    "StickerSettings",
    "TowSettings",
    "TrackerSettings",
    "Window",
    "Zone",
]


class Location(Strict):
    """Origin of the site's map frame, WGS 84."""

    latitude: float = Field(ge=-90.0, le=90.0, description="degrees")
    longitude: float = Field(ge=-180.0, le=180.0, description="degrees")


class Zone(Strict):
    """A line or region of a camera's image on which rules stand."""

    kind: Kind
    line: Line | None = None
    region: Region | None = None
    direction: Line | None = Field(
        default=None, description="arrow of lawful travel, from the first point to the second"
    )
    signal: Name | None = None
    basis: Basis | None = Field(
        default=None,
        description='what makes it law: "sign S-12", "marking", "signal", "movement rule"',
    )
    dwell: Seconds = Field(default=60.0, description="s of standing that are allowed")
    grace: Seconds = Field(default=1.0, description="s forgiven, e.g. after red began")
    limit: float | None = Field(default=None, gt=0.0, le=60.0, description="m/s, of a speed zone")
    tolerance: float | None = Field(
        default=None,
        ge=0.0,
        le=10.0,
        description="m/s above the limit that are forgiven; none given: 3 km/h, above 100 km/h 3 %",
    )
    active: Annotated[tuple[Window, ...], Field(strict=False)] = Field(
        default=(), description="hours in which the zone holds; none given: always"
    )
    place: Name | None = Field(
        default=None, description="what to call it aloud: a name under places in phrases.yaml"
    )
    applies_to: Annotated[tuple[RoadUserWord, ...], Field(strict=False, min_length=1)] | None = (
        Field(default=None, description="kinds of road user; none given: every vehicle")
    )

    @property
    def points(self) -> tuple[Point, ...]:
        """The line's or the region's points."""
        return self.line or self.region or ()

    @property
    def basis_kind(self) -> str:
        """First word of the basis; empty when there is none."""
        return self.basis.split()[0] if self.basis else ""

    @property
    def road_user_kinds(self) -> frozenset[RoadUserKind] | None:
        """applies_to as kinds; None: every vehicle."""
        if self.applies_to is None:
            return None
        return frozenset(from_word(RoadUserKind, text) for text in self.applies_to)

    def is_active(self, local: datetime) -> bool:
        """Whether the zone holds at a local time of the site."""
        return not self.active or any(window.covers(local) for window in self.active)


class Camera(Strict):
    """One camera: where its pictures come from, its zones and its rules."""

    source: Source = Field(
        description="rtsp://, rtsps://, file://, v4l2://, http://, https://, sim:// or ${NAME}"
    )
    loop: bool = Field(default=False, description="a file begins again at its end")
    hardware: bool = Field(default=True, description="try hardware decoders first")
    location: Location | None = Field(default=None, description="its own; else the site's")
    detect: DetectSettings = DetectSettings()
    calibration: Text | None = Field(default=None, description="file, from the config folder")
    zones: dict[Name, Zone] = Field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], Field(strict=False)] = ()
    ring_seconds: float = Field(
        default=20.0, ge=1.0, le=300.0, description="s of encoded stream kept for evidence"
    )
    record: Literal["jpeg", "encoded", "none"] = Field(
        default="jpeg",
        description="pictures in recorded bags: jpeg of detection size; encoded: the camera's "
        "stream as it comes, H.264 or H.265",
    )
    importance: int = Field(default=1, ge=1, le=10, description="share of the detector")
    process: str | None = Field(default=None, description="process, or process@host")
    moves: bool | None = Field(
        default=None,
        description="it moves or shakes, so its motion is measured; none given: a vehicle's does",
    )
    ptz: bool = Field(default=False, description="its head can move: zones may become void")
    guard: bool = Field(
        default=True, description="rules on zones rest while the view is not the one they lie in"
    )

    @property
    def rule_types(self) -> tuple[ViolationType, ...]:
        """The rules as violation types, in order."""
        return tuple(from_word(ViolationType, rule) for rule in self.rules)


class Signal(Strict):
    """A traffic light and how its aspect is known.

    A light of a controller or a recording may name camera and region as well: then its lamp is
    watched too, and where the two do not agree nothing is known.
    """

    adapter: Literal["lamp_vision", "ntcip1202", "recorded"]
    camera: Name | None = Field(default=None, description="the camera that sees its lamps")
    region: Region | None = Field(default=None, description="its head in the camera's image")
    orientation: Literal["vertical", "horizontal"] | None = Field(
        default=None, description="of the head, red on top or left; default vertical"
    )
    address: Reference | None = Field(
        default=None,
        description="ntcip1202: udp://host:port; recorded: file://signals.jsonl, and "
        "?from_start=true where its first line is the start",
    )
    phase: int | None = Field(default=None, ge=1, le=255, description="ntcip1202: phase number")
    overlap: int | None = Field(
        default=None, ge=1, le=255, description="ntcip1202: overlap (1 is A), instead of phase"
    )
    community: Community | None = Field(
        default=None, description="ntcip1202: SNMP community, as ${NAME}; default public"
    )
    version: Literal["v1", "v2c", "v3"] | None = Field(
        default=None, description="ntcip1202: SNMP version; default v2c"
    )
    user: Secret | None = Field(default=None, description="SNMPv3: who asks, as ${NAME}")
    auth: Secret | None = Field(default=None, description="SNMPv3: passphrase that signs")
    privacy: Secret | None = Field(
        default=None, description="SNMPv3: passphrase that enciphers, by AES-128"
    )
    hash: Literal["sha", "sha256", "sha512"] | None = Field(
        default=None, description="SNMPv3: of signatures; default sha256"
    )
    max_age: float = Field(default=2.0, gt=0.0, le=60.0, description="s until a reading is stale")


class Speaker(Strict):
    """A loudspeaker."""

    adapter: Literal["auto", "alsa", "file", "rtp", "http"] = Field(
        default="auto",
        description="auto: the sound device where there is one, else files; rtp, http: a network "
        "horn",
    )
    address: Reference | None = Field(
        default=None,
        description="of a network horn: rtp://host:port?codec=L16&rate=16000&ttl=4&interface=eth0 "
        "or http://host/path; user and password as ${NAME}",
    )
    device: Text = Field(default="default", description="ALSA or PortAudio device")
    hears: Annotated[tuple[Name, ...], Field(strict=False)] = Field(
        default=(), description="cameras whose road users hear it"
    )
    junction: Name | None = Field(
        default=None,
        description="speakers of one junction speak one at a time; so do those that hear the "
        "same camera",
    )
    volume: float = Field(default=0.8, ge=0.0, le=1.0)
    quiet: Quiet | None = None
    voice: Text = Field(
        default="id", description='voice of eSpeak NG, or "piper:PATH" of a Piper voice (.onnx)'
    )
    say_plates: bool = Field(default=False, description="read plates aloud")


class Section(Strict):
    """A stretch between two gates on which the mean speed is measured."""

    entry: Gate = Field(description="camera/zone of the gate where it begins")
    exit: Gate = Field(description="camera/zone of the gate where it ends")
    length: float = Field(gt=10.0, le=50000.0, description="m along the road, as surveyed")
    length_stddev: float = Field(default=0.5, ge=0.0, le=100.0, description="m")
    limit: float = Field(gt=0.0, le=60.0, description="m/s")
    tolerance: float | None = Field(
        default=None,
        ge=0.0,
        le=10.0,
        description="m/s above the limit that are forgiven; none given: 3 km/h, above 100 km/h 3 %",
    )
    basis: Basis = "sign"
    longest: Seconds = Field(default=900.0, description="s after which an entry is forgotten")


class Site(Strict):
    """A corridor or a vehicle, complete."""

    site: Name
    kind: Literal["corridor", "vehicle"]
    title: Text
    timezone: Timezone = "Asia/Makassar"
    location: Location | None = None
    cameras: dict[Name, Camera] = Field(min_length=1)
    signals: dict[Name, Signal] = Field(default_factory=dict)
    speakers: dict[Name, Speaker] = Field(default_factory=dict)
    sections: dict[Name, Section] = Field(default_factory=dict)
    ladder: LadderSettings = LadderSettings()
    detector: DetectorSettings = DetectorSettings()
    tracker: TrackerSettings = TrackerSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    sticker: StickerSettings = StickerSettings()
    tow: TowSettings = TowSettings()
    plates: PlateSettings = PlateSettings()
    centre: CentreSettings | None = Field(
        default=None, description="the command centre; none: everything stays here"
    )
    trusted: dict[Name, TrustedSettings] = Field(
        default_factory=dict,
        description="whose orders count, beside the site's own ladder and desk",
    )
    gnss: GnssSettings | None = Field(
        default=None, description="of a vehicle: where it hears its position; none: not known"
    )
    map_zones: MapSettings | None = Field(
        default=None, description="of a vehicle: zones on the map; none: no rule stands on them"
    )
    ledger: LedgerSettings = LedgerSettings()
    law: Name = Field(default="uu22_2009", description="catalogue in config/law")
    processes: dict[str, str] = Field(
        default_factory=dict,
        description="node: process or process@host; regroups what plan() chose",
    )

    def location_of(self, camera: str) -> Location | None:
        """Where a camera stands: its own location, else the site's."""
        return self.cameras[camera].location or self.location

    def moves(self, camera: str) -> bool:
        """Whether a camera moves or shakes."""
        said = self.cameras[camera].moves
        return self.kind == "vehicle" if said is None else said

    def zones(self) -> list[tuple[str, str, Zone]]:
        """Every zone as (camera, name, zone), in the order of the file."""
        return [(c, z, zone) for c, cam in self.cameras.items() for z, zone in cam.zones.items()]


# Which zones a rule stands on. A rule without such a zone is a mistake, but for WHOLE_IMAGE.
RULE_ZONES: dict[ViolationType, frozenset[ZoneKind]] = {
    ViolationType.RED_LIGHT: frozenset({ZoneKind.STOP_LINE}),
    ViolationType.STOP_LINE: frozenset({ZoneKind.STOP_LINE}),
    ViolationType.WRONG_WAY: frozenset({ZoneKind.DIRECTION}),
    ViolationType.ILLEGAL_STOPPING: frozenset({ZoneKind.NO_STOPPING}),
    ViolationType.ILLEGAL_PARKING: frozenset({ZoneKind.NO_PARKING}),
    ViolationType.SPEEDING: frozenset({ZoneKind.SPEED}),
    ViolationType.SECTION_SPEED: frozenset({ZoneKind.GATE}),
    ViolationType.RACING: frozenset({ZoneKind.ROAD}),
    ViolationType.NO_HELMET: frozenset({ZoneKind.ROAD}),
    ViolationType.OVERLOADED_MOTORCYCLE: frozenset({ZoneKind.ROAD}),
    ViolationType.LANE_MARKING: frozenset({ZoneKind.LANE_MARKING}),
    ViolationType.ILLEGAL_U_TURN: frozenset({ZoneKind.NO_U_TURN}),
    ViolationType.NO_SEAT_BELT: frozenset({ZoneKind.ROAD}),
    ViolationType.PHONE_USE: frozenset({ZoneKind.ROAD}),
}

# Rules that look at the whole image where the camera has no zone for them.
WHOLE_IMAGE = frozenset(
    {
        ViolationType.RACING,
        ViolationType.NO_HELMET,
        ViolationType.OVERLOADED_MOTORCYCLE,
        ViolationType.NO_SEAT_BELT,
        ViolationType.PHONE_USE,
    }
)

__all__ += ["RULE_ZONES", "WHOLE_IMAGE", "Mode", "Step"]
