"""What the draw pages share: a site's files, a draft of them, and what the loader says to it."""

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from fastapi import Request

from bconnect_center.adapters import site_files, surveying
from bconnect_center.adapters.previews import Previews, Task
from bconnect_center.adapters.site_files import Note, Text, Write
from bconnect_center.adapters.stills import Stills
from bconnect_center.adapters.surveying import Mark, Survey, Surveyed
from bconnect_center.core.doubts import Doubt, doubts
from bconnect_center.core.drafting import Draft, SignalDraft, ZoneDraft, changes_of
from bconnect_center.core.roles import Person
from bconnect_center.house import House
from bconnect_center.web.draw_forms import DraftForm, SurveyForm
from bconnect_center.web.guard import Refusal, at_site, house_of
from bconnect_site.calibration import Calibration, load_calibration
from bconnect_site.errors import ConfigError
from bconnect_site.find import VARIABLE, shown
from bconnect_site.loaded import LoadedSite, resolve_path
from bconnect_site.yamledit import edit
from bconnect_site.yamlwrite import to_yaml

_KEYED = re.compile(r"([^:\"]{1,200}): (.*)", re.DOTALL)


@dataclass(slots=True)
class Easel:
    """Of one server: who takes stills and judges previews."""

    house: House
    stills: Stills
    previews: Previews


def easel_of(request: Request) -> Easel:
    state = request.app.state
    if not hasattr(state, "easel"):
        house = house_of(request)
        draw = house.file.draw
        state.easel = Easel(
            house,
            Stills(house.database, house.now, draw.longest_still),
            Previews(house.database, house.now, draw.longest_preview),
        )
    easel: Easel = state.easel
    return easel


@dataclass(slots=True)
class Proposal:
    """A draft as files: what would be written, what is wrong with it, what is odd about it."""

    site: Text
    writes: list[Write] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)  # key, sentence
    doubts: list[Doubt] = field(default_factory=list)
    fit: Surveyed | None = None
    loaded: LoadedSite | None = None

    @property
    def diff(self) -> str:
        return "".join(write.diff for write in self.writes)

    @property
    def shown(self) -> str:
        """Digest of everything that would be written over what."""
        told = "".join(f"{w.before.path} {w.before.sha256} {w.sha256}\n" for w in self.writes)
        return hashlib.sha256(told.encode()).hexdigest()


def path_of(house: House, person: Person, site: str) -> Path:
    """A site's file. Raises Refusal 404."""
    at_site(person, site)
    if site not in house.sites:
        raise Refusal(404, f'no site is called "{site}"')
    return house.sites[site].path


def current(house: House, person: Person, site: str, camera: str) -> tuple[Text, dict[str, Any]]:
    """A site's file as it is on disk, and the camera's keys. Raises Refusal."""
    path = path_of(house, person, site)
    try:
        file = site_files.read(path)
        plain = site_files.plain_of(file)
    except ConfigError as error:
        raise Refusal(409, str(error)) from None
    cameras = plain.get("cameras")
    if not isinstance(cameras, dict) or camera not in cameras:
        raise Refusal(404, f'no camera of {site} is called "{camera}"')
    return file, plain


def propose(house: House, person: Person, site: str, camera: str, form: DraftForm) -> Proposal:
    """What a draft would make of the files. Raises Refusal."""
    file, plain = current(house, person, site, camera)
    made = Proposal(file)
    target: tuple[str, Path] | None = None
    if form.survey is not None:
        target = _target(house, site, camera, plain)
        made.fit = _fit(made, house, person, site, camera, form.survey, target[1])
    draft = draft_of(camera, form, target[0] if target and made.fit else None)
    try:
        changes = changes_of(plain, draft)
        write = site_files.changed(file, changes)
    except ConfigError as error:
        made.faults += faults_of(error, file.shown, camera)
        return made
    if write.raw != file.raw:
        made.writes.append(write)
    _judge(made, write.raw, camera, new=target if made.fit else None)
    if made.fit is not None and target is not None:
        before = site_files.read(target[1])
        made.writes.insert(0, Write(before, made.fit.raw))
    return made


def _judge(made: Proposal, raw: bytes, camera: str, new: tuple[str, Path] | None) -> None:
    """What loader and drawing say. ``new``: a calibration that is not on disk yet."""
    text = raw.decode("utf-8")
    try:
        if new is not None and not new[1].exists():
            raw = edit(text, {("cameras", camera, "calibration"): None}).encode()
        made.loaded = site_files.judged(made.site.path, raw)
    except ConfigError as error:
        made.faults += faults_of(error, made.site.shown, camera)
        return
    calibration = _calibration(made, camera)
    covers = calibration.covers if calibration and calibration.has_ground else None
    made.doubts = doubts(made.loaded.site.cameras[camera], covers)


def _calibration(made: Proposal, camera: str) -> Calibration | None:
    from bconnect_site.calibration import CalibrationFile
    from bconnect_site.yamlfile import parse_yaml

    assert made.loaded is not None
    if made.fit is not None:
        plain, _ = parse_yaml(made.fit.raw.decode(), "calibration")
        return Calibration(CalibrationFile.model_validate(plain))
    named = made.loaded.site.cameras[camera].calibration
    if not named:
        return None
    try:
        return load_calibration(resolve_path(made.loaded, named))
    except ConfigError as error:
        made.faults += [("calibration", sentence) for sentence in error.sentences]
        return None


def _target(house: House, site: str, camera: str, plain: dict[str, Any]) -> tuple[str, Path]:
    """The name of a camera's calibration in the site file, and the file itself."""
    loaded = house.sites[site]
    named = plain["cameras"][camera].get("calibration")
    base = loaded.config_dir or loaded.path.parent
    if not isinstance(named, str) or not named:
        named = f"calibration/{site}_{camera}.yaml"
        if not loaded.path.is_relative_to(base):
            base = loaded.path.parent
        return named, base / named
    path = resolve_path(loaded, named).resolve()
    if not any(path.is_relative_to(f.resolve()) for f in (base, loaded.path.parent)):
        raise Refusal(409, f"{shown(path)}: lies outside the site's folders; change it by hand")
    return named, path


def _fit(
    made: Proposal, house: House, person: Person, site: str, camera: str, form: SurveyForm,
    path: Path,
) -> Surveyed | None:  # fmt: skip
    loaded = house.sites[site]
    lens = None
    if path.is_file():
        try:
            lens = load_calibration(path).file.intrinsics
        except ConfigError:
            lens = None  # what replaces it need not rest on it
    day = datetime.fromtimestamp(house.now() // 10**9, timezone.utc).astimezone(house.zone).date()
    marks = tuple(
        Mark(
            m.image,
            m.ground,
            (m.latitude, m.longitude)
            if m.latitude is not None and m.longitude is not None
            else None,
        )
        for m in form.marks
    )
    given = Survey(camera, person.shown or person.name, day, (form.width, form.height), marks, lens)
    origin = loaded.site.location  # of the map: cameras with a place of their own share it
    try:
        return surveying.survey(given, origin)
    except ConfigError as error:
        made.faults += [(f"survey.{key}", text) for key, text in map(_split, error.sentences)]
        return None


def draft_of(camera: str, form: DraftForm, calibration: str | None) -> Draft:
    """The form as a draft."""
    zones = []
    for zone in form.zones:
        values: dict[str, Any] = zone.model_dump(
            by_alias=True, exclude={"name", "was"}, exclude_none=True
        )
        for key in ("line", "region", "direction"):
            if key in values:
                values[key] = [[round(x, 4), round(y, 4)] for x, y in values[key]]
        zones.append(ZoneDraft(zone.name, zone.was, values))
    signals = tuple(
        SignalDraft(s.name, tuple((round(x, 4), round(y, 4)) for x, y in s.region), s.orientation)
        for s in form.signals
    )
    return Draft(camera, tuple(zones), tuple(form.rules), signals, calibration)


def _split(sentence: str) -> tuple[str, str]:
    found = _KEYED.fullmatch(sentence)
    return (found[1], found[2]) if found else ("", sentence)


def faults_of(error: ConfigError, file: str, camera: str) -> list[tuple[str, str]]:
    """Each sentence with its key below the camera."""
    made = []
    for sentence in error.sentences:
        key, text = _split(sentence.removeprefix(f"{file}: "))
        made.append((key.removeprefix(f"cameras.{camera}."), text))
    return made


def task_of(
    made: Proposal, before: LoadedSite, camera: str, bag: Path, since: int, together: bool
) -> Task:
    """A preview of a proposal without faults."""
    assert made.loaded is not None
    environment = dict(os.environ)
    if before.config_dir is not None:
        environment[VARIABLE] = str(before.config_dir)
    new = made.fit.raw if made.fit else b""
    after = _whole(made.loaded, {camera: "calibration.yaml"} if new else {})
    return Task(bag, camera, _whole(before, {}), after, since, environment, together, new)


def _whole(loaded: LoadedSite, calibrations: dict[str, str]) -> str:
    """The merged site, its files named so that they are found from anywhere."""
    plain = loaded.to_plain()
    for name, camera in plain["cameras"].items():
        if name in calibrations:
            camera["calibration"] = calibrations[name]
        elif camera.get("calibration"):
            camera["calibration"] = str(resolve_path(loaded, camera["calibration"]).resolve())
    if plain.get("map_zones"):
        plain["map_zones"]["file"] = str(resolve_path(loaded, plain["map_zones"]["file"]).resolve())
    return to_yaml(plain)


def write(house: House, site: str, writes: list[Write], note: Note) -> None:
    """Writes, and lets this server's pages see the new site. Raises Refusal."""
    path = house.sites[site].path
    try:
        site_files.save(path, writes, note)
    except (site_files.Conflict, site_files.ReadOnly, ConfigError) as error:
        raise Refusal(409, str(error)) from None
    # Where somebody changed it again in this moment, the pages say so when they read it.
    with suppress(ConfigError, OSError):
        house.sites[site] = site_files.judged(path, path.read_bytes())
