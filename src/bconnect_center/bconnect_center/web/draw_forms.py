"""What the draw page sends and hears. Bounds here; whether it makes sense the loader says."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=-10.0, le=10.0, allow_inf_nan=False)]
Place = tuple[Fraction, Fraction]
Places = Annotated[list[Place], Field(max_length=200)]
Word = Annotated[str, Field(max_length=64)]
Line = Annotated[str, Field(max_length=200)]
Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Sha = Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]
Reason = Annotated[str, Field(min_length=3, max_length=500)]


class Form(BaseModel):
    """Nothing that is not named."""

    model_config = ConfigDict(extra="forbid")


class WindowForm(Form):
    """Hours of some days."""

    days: Line = "daily"
    start: Annotated[str, Field(alias="from", max_length=8)]
    end: Annotated[str, Field(alias="to", max_length=8)]


class ZoneForm(Form):
    """A zone; keys that are null are not written."""

    name: Word
    was: Word = Field(default="", description="its name in the file; empty: it is new")
    kind: Word
    line: Places | None = None
    region: Places | None = None
    direction: Places | None = None
    signal: Word | None = None
    basis: Line | None = None
    dwell: Number | None = None
    grace: Number | None = None
    limit: Number | None = None
    tolerance: Number | None = None
    place: Word | None = None
    applies_to: Annotated[list[Word], Field(max_length=20)] | None = None
    active: Annotated[list[WindowForm], Field(max_length=20)] | None = None


class SignalForm(Form):
    """A signal's head in this camera's image; no region: it is not seen here."""

    name: Word
    region: Places = []
    orientation: Annotated[str, Field(max_length=16)] = ""


class MarkForm(Form):
    """A place of the image, and of the ground: metres or degrees."""

    image: Place
    ground: tuple[Number, Number] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None


class SurveyForm(Form):
    """Calibration points, marked in a picture of that size [pixels]."""

    width: Annotated[int, Field(ge=16, le=15360)]
    height: Annotated[int, Field(ge=16, le=8640)]
    marks: Annotated[list[MarkForm], Field(max_length=200)]


class DraftForm(Form):
    """Everything drawn on one camera. No survey: its calibration stays."""

    zones: Annotated[list[ZoneForm], Field(max_length=100)]
    rules: Annotated[list[Word], Field(max_length=30)] = []
    signals: Annotated[list[SignalForm], Field(max_length=50)] = []
    survey: SurveyForm | None = None


class CheckForm(Form):
    draft: DraftForm


class PreviewForm(Form):
    draft: DraftForm
    bag: Annotated[str, Field(max_length=300)] = Field(
        default="", description="its name; empty: the newest"
    )
    whole: bool = Field(default=False, description="not only its last hour")
    together: bool = Field(default=False, description="with the site's other cameras (slower)")


class SaveForm(Form):
    """``sha256``: of the site file that was seen; ``shown``: of the change that was shown."""

    draft: DraftForm
    sha256: Sha
    shown: Sha
    reason: Reason


class RevertForm(Form):
    file: Annotated[str, Field(max_length=500)] = Field(description="as the history names it")
    version: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class RevertSaveForm(RevertForm):
    sha256: Sha = Field(description="of the file that was seen")
    reason: Reason


class Fault(BaseModel):
    """``key``: below the camera, e.g. zones.bahu.region; or from the file's top.

    ``sentence`` in the person's language where it is known, then ``original`` is the loader's own.
    """

    key: str
    sentence: str
    original: str = ""


class DoubtTold(BaseModel):
    zone: str
    code: str
    sentence: str


class Fit(BaseModel):
    """A calibration's residuals [m] for each mark, and its 5 m grid in the image."""

    residuals: list[float]
    left_out: list[float | None]
    marking: list[float]
    stddev: float
    grid: list[list[tuple[float, float]]]
    region: list[tuple[float, float]]


class Checked(BaseModel):
    """What the loader and the drawing's own checks say, and what would be written."""

    changed: bool
    faults: list[Fault]
    doubts: list[DoubtTold]
    diff: str
    shown: str = Field(description="digest of the change; saving asks for it")
    sha256: str = Field(description="of the site file as it is now")
    read_only: str = Field(description="why it cannot be written; empty: it can")
    fit: Fit | None


class Saved(BaseModel):
    sha256: str
    files: list[str]


class StillTold(BaseModel):
    """``origins``: where a picture may be had from now: live, case, kept, source."""

    state: Literal["none", "taking", "there", "failed"]
    sentence: str
    origin: str
    stamp: int
    width: int
    height: int
    origins: list[str]


class BagTold(BaseModel):
    name: str
    start: int
    end: int
    messages: int
    last_hour: bool


class Begun(BaseModel):
    id: str


class PreviewTold(BaseModel):
    """``told``: findings before and after, when done."""

    id: str
    state: Literal["judging", "done", "failed", "cancelled"]
    share: float
    sentence: str
    told: dict[str, Any]


class HistoryFile(BaseModel):
    file: str
    before: str
    after: str
    diff: str
    current: bool


class HistoryLine(BaseModel):
    stamp: int
    who: str
    shown: str
    why: str
    camera: str
    files: list[HistoryFile]
    by_hand: bool = Field(description="between this and the one before somebody else changed it")


class HistoryTold(BaseModel):
    lines: list[HistoryLine]
    broken: int
