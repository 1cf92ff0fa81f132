"""Where the still comes from that zones are drawn on."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from urllib.parse import quote

from fastapi import Request
from sqlalchemy import select

from bconnect_center.adapters.stills import NoPicture, checked
from bconnect_center.adapters.tables import states
from bconnect_center.adapters.token import token_of
from bconnect_center.core.moments import SECOND
from bconnect_center.core.roles import Person, Right
from bconnect_center.house import House
from bconnect_center.web.draw_forms import StillTold
from bconnect_center.web.easel import easel_of
from bconnect_center.web.guard import Refusal, house_of
from bconnect_enforce.adapters.ledger import rows
from bconnect_enforce.adapters.ledger.tables import violations
from bconnect_enforce.core.records import Violation
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import EvidenceKind

FRESH = 20 * SECOND  # ns since a listener was heard
LIVE = 6.0  # s for a live picture
MOST = 20_000_000  # bytes of a picture
NEWEST = 20  # cases of a camera that are looked at


def told_still(request: Request, person: Person, site: str, camera: str) -> StillTold:
    """What is known of a camera's still, and where another may be had from."""
    house = house_of(request)
    still = easel_of(request).stills.known(site, camera)
    origins = []
    if _listener(house, site) is not None:
        origins.append("live")
    if person.may(Right.CASES, site) and any(_scenes(house, site, camera)):
        origins.append("case")
    if still is not None and still.stamp:
        origins.append("kept")
    if _source(house, site, camera):
        origins.append("source")
    if still is None:
        return StillTold(
            state="none", sentence="", origin="", stamp=0, width=0, height=0, origins=origins
        )
    return StillTold(
        state=still.state,  # type: ignore[arg-type]
        sentence=still.sentence,
        origin=still.origin,
        stamp=still.stamp,
        width=still.width,
        height=still.height,
        origins=origins,
    )


def picture(request: Request, person: Person, site: str, camera: str, origin: str) -> bytes:
    """JPEG of a camera. Raises Refusal."""
    house = house_of(request)
    if origin == "kept":
        data = easel_of(request).stills.picture(site, camera)
        if data is None:
            raise Refusal(404, f"still: none of {camera} is kept")
        return data
    if origin == "live":
        return _live(house, site, camera)
    if not person.may(Right.CASES, site):
        raise Refusal(403, "your role may not see pictures of cases")
    return _case(house, site, camera)


def source_of(house: House, site: str, camera: str) -> str:
    """The whole URL of a camera's source. Raises Refusal."""
    text = _source(house, site, camera)
    try:
        return expand_env(text, os.environ, f"cameras.{camera}.source")
    except ConfigError as error:
        raise Refusal(409, f"{error}; or upload a still") from None


def _source(house: House, site: str, camera: str) -> str:
    cameras = house.sites[site].site.cameras
    return cameras[camera].source if camera in cameras else ""


def _listener(house: House, site: str) -> int | None:
    """The port of the listener on this machine; None: nobody listens to the site."""
    with house.database.reading() as c:
        heard = c.execute(
            select(states.c.told).where(
                states.c.site == site, states.c.kind == "listener",
                states.c.heard > house.now() - FRESH,
            )
        )  # fmt: skip
        ports = [row.told.get("port") for row in heard if isinstance(row.told, dict)]
    return next((port for port in ports if isinstance(port, int)), None)


def _live(house: House, site: str, camera: str) -> bytes:
    port = _listener(house, site)
    if port is None:
        raise Refusal(404, f"still: nobody listens to {site} now")
    try:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/still?camera={quote(camera)}",
            headers={"authorization": f"Bearer {token_of(house.loaded.root)}"},
        )
        with urllib.request.urlopen(asked, timeout=LIVE) as answer:
            data, _, _ = checked(answer.read(MOST))
    except (OSError, ConfigError, NoPicture, urllib.error.URLError) as error:
        why = getattr(error, "reason", None) or error
        raise Refusal(409, f"still: the camera sends no picture now ({why})") from None
    return data


def _scenes(house: House, site: str, camera: str) -> Iterator[tuple[Violation, str]]:
    """Violations of a camera and the digest of their scene, newest first."""
    query = (
        select(violations)
        .where(violations.c.site == site, violations.c.camera == camera)
        .order_by(violations.c.stamp.desc())
        .limit(NEWEST)
    )
    with house.ledger.reading() as c:
        found = [rows.violation(row) for row in c.execute(query)]
    for violation in found:
        for file in violation.evidence:
            if file.kind is EvidenceKind.SCENE and file.sha256:
                yield violation, file.sha256
                break


def _case(house: House, site: str, camera: str) -> bytes:
    """The newest scene that is still as it was sealed."""
    from bconnect_center.adapters.folders import Folders, NotThere

    folders = Folders(house.loaded)
    for violation, digest in _scenes(house, site, camera):
        try:
            data, _, _ = checked(folders.file(violation, digest).read_bytes())
        except (NotThere, NoPicture, OSError):
            continue
        return data
    raise Refusal(404, f"still: no sealed case of {camera} holds a scene")
