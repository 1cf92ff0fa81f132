"""Settings of the machinery of a site: one small model per node that reads them."""

from typing import Annotated, Literal

from pydantic import Field

from bconnect_site.fields import Seconds, Strict, Text

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class GateSettings(Strict):
    """Which pictures of a camera the detector is spared; see docs/capacity.md for the price."""

    opens: Literal["always", "motion", "zones"] = Field(
        default="always",
        description="always: every picture is looked at; motion: those in which something moved; "
        "zones: those in which it moved near a zone",
    )
    floor: float = Field(
        default=0.5, gt=0.0, le=0.5, description="s between two looks at most, whatever moves"
    )
    hold: Seconds = Field(default=1.0, description="s that it stays open after motion")
    margin: Fraction = Field(default=0.1, description="around zones, of the image's sides")


class DetectSettings(Strict):
    """What the detector sees of a camera; evidence keeps the full stream."""

    width: int = Field(default=640, ge=32, le=7680, description="pixels")
    height: int = Field(default=360, ge=32, le=4320, description="pixels")
    rate: float = Field(default=10.0, gt=0.0, le=120.0, description="Hz")
    gate: GateSettings = GateSettings()
    crop: Fraction | None = Field(
        default=None,
        description="look only at the zones and so much around them, of the image's sides; none: "
        "at the whole image",
    )


class DetectorSettings(Strict):
    """The model that turns images into road users."""

    adapter: Literal["ultralytics", "onnxruntime", "openvino", "auto"] = Field(
        default="ultralytics", description="auto: the quickest one here, found by trying"
    )
    model: Text = Field(default="default", description="weights: a path, or default")
    device: Text = Field(default="cpu", description="cpu, cuda:0, ...")
    confidence: Fraction = Field(default=0.25, description="below this a detection is dropped")
    image_size: int = Field(
        default=640, ge=32, le=4096, multiple_of=32, description="pixels, long side"
    )
    threads: int = Field(default=0, ge=0, le=256, description="CPU threads; 0: the adapter's own")
    lanes: int = Field(
        default=1,
        ge=0,
        le=16,
        description="pictures looked at side by side; 0: as many as get most done, found by trying",
    )
    fit: bool = Field(
        default=False,
        description="fit the model to the cameras' own shape: no grey borders; ONNX exports only",
    )


class TrackerSettings(Strict):
    """ByteTrack, one per camera."""

    track_high_thresh: Fraction = Field(default=0.25, description="first association")
    track_low_thresh: Fraction = Field(default=0.1, description="second association")
    new_track_thresh: Fraction = Field(default=0.25, description="to begin a track")
    match_thresh: Fraction = Field(default=0.8, description="1 - IoU at most this")
    lost_seconds: Seconds = Field(default=2.0, description="s a lost track is remembered")


class EvidenceSettings(Strict):
    """What is kept of a finding."""

    before: Seconds = Field(default=4.0, description="s of clip before the offence began")
    after: Seconds = Field(default=4.0, description="s of clip after the deciding image")
    timeout: Seconds = Field(default=25.0, gt=0.0, description="s to wait for the camera's answer")
    retention_days: int = Field(
        default=90, ge=1, le=3650, description="days until evidence without a case is erased"
    )
    at_rest: Literal["any", "encrypted"] = Field(
        default="any",
        description="encrypted: it starts only if the store's disk is (LUKS, dm-crypt or fscrypt)",
    )
    min_free_bytes: int = Field(
        default=1 << 30, ge=0, description="bytes of disk left free; below this nothing is written"
    )


class PlateSettings(Strict):
    """How the plate of an offender is read, inside an opened finding."""

    read: bool = Field(default=True, description="false: no plate is ever read")
    min_height: float = Field(
        default=16.0, ge=8.0, le=200.0, description="pixels; a lower plate is not read"
    )
    timeout: Seconds = Field(default=15.0, gt=0.0, description="s one reading may take")
    threads: int = Field(default=1, ge=1, le=64, description="CPU threads")
