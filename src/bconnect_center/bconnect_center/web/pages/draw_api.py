"""Drawing for programs: stills, checks, previews, saving, the history."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from bconnect_center.adapters import site_files
from bconnect_center.adapters.bags import Bag, bags_of
from bconnect_center.adapters.previews import Busy, Preview
from bconnect_center.adapters.site_files import Note, Text, Write
from bconnect_center.adapters.stills import MOST_BYTES, NoPicture
from bconnect_center.core.moments import HOUR
from bconnect_center.core.roles import Person, Right
from bconnect_center.house import House
from bconnect_center.web.draw_forms import (
    BagTold,
    Begun,
    Checked,
    CheckForm,
    DoubtTold,
    Fault,
    Fit,
    HistoryFile,
    HistoryLine,
    HistoryTold,
    PreviewForm,
    PreviewTold,
    RevertForm,
    RevertSaveForm,
    Saved,
    SaveForm,
    StillTold,
)
from bconnect_center.web.draw_still import picture, source_of, told_still
from bconnect_center.web.easel import (
    Proposal,
    current,
    easel_of,
    faults_of,
    path_of,
    propose,
    task_of,
    write,
)
from bconnect_center.web.guard import Refusal, house_of, needs, note
from bconnect_center.web.loader_words import understood
from bconnect_center.web.render import language_of
from bconnect_center.web.words import say
from bconnect_site.errors import ConfigError
from bconnect_site.find import shown
from bconnect_site.loaded import resolve_path

router = APIRouter(
    prefix="/api/draw",
    tags=["draw"],
    responses={401: {}, 403: {}, 404: {}, 409: {}, 413: {}, 422: {}, 503: {}},
)
Drawer = Annotated[Person, Depends(needs(Right.DRAW))]
Name = Annotated[str, InPath(max_length=64)]
Id = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]


# -- stills --------------------------------------------------------------------------------


@router.get("/sites/{site}/cameras/{camera}/still", response_class=Response,
            responses={200: {"content": {"image/jpeg": {}}}})  # fmt: skip
def still(
    request: Request,
    person: Drawer,
    site: Name,
    camera: Name,
    origin: Annotated[str, Query(pattern="^(kept|live|case)$")] = "kept",
) -> Response:
    """A picture of the camera: the one that is kept, a live one, or a sealed case's scene."""
    current(house_of(request), person, site, camera)
    data = picture(request, person, site, camera, origin)
    note(request, person, "still seen", camera, site, origin)
    return Response(data, media_type="image/jpeg")


@router.get("/sites/{site}/cameras/{camera}/still/state")
def still_state(request: Request, person: Drawer, site: Name, camera: Name) -> StillTold:
    """What is known of the still that is kept, and where another may be had from."""
    current(house_of(request), person, site, camera)
    return told_still(request, person, site, camera)


@router.post("/sites/{site}/cameras/{camera}/still", status_code=201, openapi_extra={
    "requestBody": {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
                    "required": True}})  # fmt: skip
async def upload(request: Request, person: Drawer, site: Name, camera: Name) -> StillTold:
    """Keeps the picture that is the body: JPEG, PNG or WebP."""
    data = b""
    async for block in request.stream():
        data += block
        if len(data) > MOST_BYTES:
            raise Refusal(413, f"still: at most {MOST_BYTES} bytes are taken")

    def keep() -> StillTold:
        current(house_of(request), person, site, camera)
        try:
            easel_of(request).stills.upload(site, camera, person.name, data)
        except NoPicture as error:
            raise Refusal(422, str(error)) from None
        note(request, person, "still uploaded", camera, site)
        return told_still(request, person, site, camera)

    return await run_in_threadpool(keep)


@router.post("/sites/{site}/cameras/{camera}/still/take", status_code=202)
def take(request: Request, person: Drawer, site: Name, camera: Name) -> StillTold:
    """Begins to take a still from the camera's source; its state tells when it is there."""
    house = house_of(request)
    current(house, person, site, camera)
    source = source_of(house, site, camera)
    note(request, person, "still asked for", camera, site)
    easel_of(request).stills.take(site, camera, person.name, source)
    return told_still(request, person, site, camera)


# -- checks and previews -------------------------------------------------------------------


@router.post("/sites/{site}/cameras/{camera}/check")
def check(request: Request, person: Drawer, site: Name, camera: Name, form: CheckForm) -> Checked:
    """What the loader and the drawing's checks say to a draft, and the diff it would make."""
    made = propose(house_of(request), person, site, camera, form.draft)
    return checked(request, made)


def _fault(language: str, key: str, sentence: str) -> Fault:
    here = understood(language, sentence)
    return Fault(key=key, sentence=here or sentence, original=sentence if here else "")


def _told(request: Request, made: Proposal) -> str:
    """What is wrong with a proposal, in one line."""
    language = language_of(request)
    told = [(key, understood(language, text) or text) for key, text in made.faults[:5]]
    return "; ".join(f"{key}: {text}" if key else text for key, text in told)


def checked(request: Request, made: Proposal) -> Checked:
    """A proposal as the page hears it."""
    language = language_of(request)
    fit = made.fit
    read_only = [site_files.why_read_only(w.before.path) for w in made.writes]
    return Checked(
        changed=bool(made.writes),
        faults=[_fault(language, key, sentence) for key, sentence in made.faults],
        doubts=[
            DoubtTold(
                zone=doubt.zone,
                code=doubt.code,
                sentence=say(language, f"draw.doubt_{doubt.code}", **doubt.values),
            )
            for doubt in made.doubts
        ],
        diff=made.diff,
        shown=made.shown,
        sha256=made.site.sha256,
        read_only=next((why for why in read_only if why), "")
        or site_files.why_read_only(made.site.path),
        fit=Fit(
            residuals=fit.residuals,
            left_out=fit.left_out,
            marking=fit.marking,
            stddev=fit.stddev,
            grid=fit.grid,
            region=fit.region,
        )
        if fit
        else None,
    )


@router.get("/sites/{site}/cameras/{camera}/bags")
def bags(request: Request, person: Drawer, site: Name, camera: Name) -> list[BagTold]:
    """Recorded bags that hold what the camera saw, newest first."""
    house = house_of(request)
    current(house, person, site, camera)
    now = house.now()
    return [
        BagTold(name=b.name, start=b.start, end=b.end, messages=b.messages,
                last_hour=b.end > now - HOUR and b.start < now)
        for b in _bags(house, site, camera)[:200]
    ]  # fmt: skip


def _bags(house: House, site: str, camera: str) -> list[Bag]:
    return bags_of([house.loaded.near(text) for text in house.file.draw.bags], site, camera)


@router.post("/sites/{site}/cameras/{camera}/preview", status_code=202)
def preview(request: Request, person: Drawer, site: Name, camera: Name, form: PreviewForm) -> Begun:
    """Judges a bag by the site as it is and as the draft would make it."""
    house = house_of(request)
    made = propose(house, person, site, camera, form.draft)
    if made.faults:
        raise Refusal(422, _told(request, made))
    found = _bags(house, site, camera)
    bag = (
        next((b for b in found if b.name == form.bag), None)
        if form.bag
        else next(iter(found), None)
    )
    if bag is None:
        raise Refusal(404, f"bag: none of {site}/{camera} is recorded under draw.bags")
    try:
        before = site_files.judged(made.site.path, made.site.raw)
        since = 0 if form.whole else bag.end - HOUR
        name = easel_of(request).previews.begin(
            site, person.name, task_of(made, before, camera, bag.path, since, form.together)
        )
    except (ConfigError, Busy) as error:
        raise Refusal(409, str(error)) from None
    note(request, person, "preview", camera, site, bag.name)
    return Begun(id=name)


@router.get("/previews/{id}")
def preview_state(request: Request, person: Drawer, id: Id) -> PreviewTold:
    """How far a preview is; its findings when it is done."""
    found = _preview(request, person, id)
    return PreviewTold(
        id=found.id,
        state=found.state,  # type: ignore[arg-type]
        share=found.share,
        sentence=found.sentence,
        told=found.told,
    )


@router.post("/previews/{id}/cancel")
def cancel(request: Request, person: Drawer, id: Id) -> PreviewTold:
    """Ends a preview that is being judged."""
    _preview(request, person, id)
    easel_of(request).previews.cancel(id)
    return preview_state(request, person, id)


def _preview(request: Request, person: Person, name: str) -> Preview:
    found = easel_of(request).previews.get(name)
    if found is None or not person.sees(found.site):
        raise Refusal(404, "preview: there is none of that id")
    return found


# -- saving and the history ----------------------------------------------------------------


@router.post("/sites/{site}/cameras/{camera}/save")
def save(request: Request, person: Drawer, site: Name, camera: Name, form: SaveForm) -> Saved:
    """Writes a draft whose diff was shown, if nobody changed the file meanwhile."""
    house = house_of(request)
    made = propose(house, person, site, camera, form.draft)
    if made.site.sha256 != form.sha256:
        raise Refusal(409, f"{made.site.shown}: was changed by somebody else meanwhile; load the "
                      "page again, nothing was written")  # fmt: skip
    if made.faults:
        raise Refusal(422, _told(request, made))
    if not made.writes:
        raise Refusal(409, "nothing is different from the file")
    if made.shown != form.shown:
        raise Refusal(409, "the change is not the one that was shown; look at it again")
    return _write(request, person, site, camera, made.writes, form.reason, "zones changed")


def _write(
    request: Request, person: Person, site: str, camera: str, writes: list[Write], reason: str,
    what: str,
) -> Saved:  # fmt: skip
    house = house_of(request)
    told = " ".join(
        f"{w.before.path.name} {w.before.sha256[:12]} > {w.sha256[:12]};" for w in writes
    )
    for change in writes:  # what cannot be written is not noted as done
        if why := site_files.why_read_only(change.before.path):
            raise Refusal(409, why)
    note(request, person, what, camera or site, site, f"{told} {reason}")
    write(house, site, writes,
          Note(house.now(), person.name, person.shown or person.name, reason, camera))  # fmt: skip
    path = house.sites[site].path
    return Saved(sha256=site_files.read(path).sha256, files=[w.before.shown for w in writes])


@router.get("/sites/{site}/history")
def history(request: Request, person: Drawer, site: Name) -> HistoryTold:
    """Who changed the site's files, when and why, newest first."""
    house = house_of(request)
    path = path_of(house, person, site)
    lines, broken = site_files.history(path)
    now = {name: site_files.read(p).sha256 for name, p in _files(house, site).items()}
    made, later = [], dict[str, str]()
    for line in lines:
        files = [
            HistoryFile(file=str(f.get("file")), before=str(f.get("before")),
                        after=str(f.get("after")), diff=str(f.get("diff"))[:200_000],
                        current=now.get(str(f.get("file"))) == f.get("after"))
            for f in line["files"]
        ]  # fmt: skip
        by_hand = any(f.after != later.get(f.file, f.after) for f in files)
        later |= {f.file: f.before for f in files}
        made.append(HistoryLine(
            stamp=int(line.get("stamp") or 0), who=str(line.get("who")),
            shown=str(line.get("shown")), why=str(line.get("why")),
            camera=str(line.get("camera") or ""), files=files, by_hand=by_hand))  # fmt: skip
    return HistoryTold(lines=made, broken=broken)


def _files(house: House, site: str) -> dict[str, Path]:
    """The files of a site that are kept here, by the name the history calls them."""
    loaded = house.sites[site]
    paths = [loaded.path]
    paths += [resolve_path(loaded, c.calibration) for c in loaded.site.cameras.values()
              if c.calibration]  # fmt: skip
    return {shown(path): path for path in paths}


@router.post("/sites/{site}/revert/check")
def revert_check(request: Request, person: Drawer, site: Name, form: RevertForm) -> Checked:
    """What going back to an earlier version would change, and what the loader says to it."""
    house = house_of(request)
    made = _reverted(house, person, site, form)
    return checked(request, made)


@router.post("/sites/{site}/revert")
def revert(request: Request, person: Drawer, site: Name, form: RevertSaveForm) -> Saved:
    """Writes an earlier version again."""
    house = house_of(request)
    made = _reverted(house, person, site, form)
    if not made.writes:
        raise Refusal(409, "nothing is different from the file")
    if made.writes[0].before.sha256 != form.sha256:
        raise Refusal(409, f"{form.file}: was changed by somebody else meanwhile; nothing was "
                      "written")  # fmt: skip
    if made.faults:
        raise Refusal(422, _told(request, made))
    return _write(request, person, site, "", made.writes, form.reason, "zones reverted")


def _reverted(house: House, person: Person, site: str, form: RevertForm) -> Proposal:
    path = path_of(house, person, site)
    target = _files(house, site).get(form.file)
    if target is None:
        raise Refusal(404, f'history: no file of {site} is called "{form.file[:100]}"')
    try:
        file: Text = site_files.read(target)
        raw = site_files.version(path, form.version)
    except ConfigError as error:
        raise Refusal(404, str(error)) from None
    made = Proposal(file)
    if raw != file.raw:
        made.writes.append(Write(file, raw))
    try:
        if target == path:
            made.loaded = site_files.judged(path, raw)
        else:
            _calibration_is_good(target, raw)
    except ConfigError as error:
        made.faults += faults_of(error, file.shown, "")
    return made


def _calibration_is_good(path: Path, raw: bytes) -> None:
    from bconnect_site.calibration import Calibration, CalibrationFile
    from bconnect_site.describe import validate
    from bconnect_site.yamlfile import read_yaml

    plain, lines, _ = read_yaml(path, shown(path), raw)
    Calibration(validate(CalibrationFile, plain, shown(path), lines))
