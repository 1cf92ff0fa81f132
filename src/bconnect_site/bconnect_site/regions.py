"""Police regions: how long each step of the procedure may take, as versioned data.

Files in ``config/regions``. The periods differ by region and none of them is settled by this
software: each names its source, and what could not be confirmed is marked unsure.
"""

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import Field

from bconnect_site import find, validity
from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.fields import Day, Name, Strict, Text
from bconnect_site.yamlfile import read_yaml

Stage = Literal["validation", "letter", "confirmation", "payment", "stnk_block"]
STAGES: tuple[str, ...] = get_args(Stage)
_SATURDAY = 5
_NS = 1_000_000_000


class Period(Strict):
    """How long a step may take: until the end of the n-th day after the offence (H+n)."""

    days: int = Field(ge=0, le=365, description="n of H+n; the day of the offence is H")
    counted: Literal["calendar", "working"] = Field(
        default="calendar", description="working: Saturdays, Sundays and holidays do not count"
    )
    source: Text
    unsure: bool = Field(default=False, description="could not be confirmed")
    note: Text | None = None


class RegionVersion(Strict):
    """The periods that held between two days."""

    version: Text
    valid_from: Day
    valid_to: Day | None = Field(default=None, description="last day; none: still valid")
    source: Text
    unsure: bool = False
    stages: dict[Stage, Period] = Field(min_length=1)


class RegionFile(Strict):
    """A file of config/regions."""

    region: Name
    title: Text
    versions: Annotated[tuple[RegionVersion, ...], Field(strict=False, min_length=1)]
    holidays: Annotated[tuple[Day, ...], Field(strict=False)] = Field(
        default=(), description="days that are no working days"
    )


class Region:
    """A loaded region. Construct by load_region."""

    def __init__(self, file: RegionFile) -> None:
        self.file = file
        self._holidays = frozenset(file.holidays)

    @property
    def title(self) -> str:
        return self.file.title

    def version(self, when: date) -> RegionVersion | None:
        """The version valid on a day; None: none is."""
        return validity.valid_on(self.file.versions, when)

    def period(self, stage: Stage, when: date) -> Period | None:
        """The period of a step for an offence of that day; None: the region names none."""
        version = self.version(when)
        return version.stages.get(stage) if version else None

    def is_unsure(self, stage: Stage, when: date) -> bool:
        """Whether the period of a step could not be confirmed."""
        version = self.version(when)
        period = version.stages.get(stage) if version else None
        return bool(version and version.unsure) or bool(period and period.unsure)

    def deadline(self, stage: Stage, stamp: int, zone: ZoneInfo) -> int | None:
        """The first moment [ns] that is too late for an offence at `stamp` [ns]; None: no limit
        is known. Days are the site's."""
        day = datetime.fromtimestamp(stamp // _NS, zone).date()
        period = self.period(stage, day)
        if period is None:
            return None
        last = day + timedelta(days=period.days)
        if period.counted == "working":
            last = self._after(day, period.days)
        end = datetime.combine(last + timedelta(days=1), time(), zone)
        return int(end.timestamp()) * _NS

    def _after(self, day: date, working: int) -> date:
        while working > 0:
            day += timedelta(days=1)
            working -= day.weekday() < _SATURDAY and day not in self._holidays
        return day


def load_region(name: str, *, config_dir: Path | None = None) -> Region:
    """The region of that name from the config folder's ``regions``.

    Raises ConfigError with every mistake of the file, or when there is none.
    """
    folder = (config_dir or find.find_config_dir()) / "regions"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = [file.stem for file in folder.glob("*.yaml")]
        raise ConfigError(
            f'no police region is called "{name}" in {find.shown(folder)}{suggest(name, known)}'
        )
    return load_region_file(path)


def load_region_file(path: Path) -> Region:
    """A region from its file. Raises ConfigError with every mistake."""
    shown = find.shown(path)
    plain, lines, _ = read_yaml(path, shown)
    file = validate(RegionFile, plain, shown, lines)
    if sentences := _faults(file, path):
        raise ConfigError(*(f"{shown}: {sentence}" for sentence in sentences))
    return Region(file)


def _faults(file: RegionFile, path: Path) -> list[str]:
    found: list[str] = []
    if file.region != path.stem:
        found.append(f'region: found "{file.region}"; must be the file\'s name, {path.stem}')
    found += validity.faults(file.versions)
    for index, version in enumerate(file.versions):
        if "validation" not in version.stages:
            found.append(f"versions[{index}].stages.validation: is missing")
    for before, after in pairwise(file.versions):
        if before.valid_to != after.valid_from - timedelta(days=1):
            found.append(
                f"versions: {before.version} must end on the day before {after.version} begins"
            )
    return found
