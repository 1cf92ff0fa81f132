"""Stills that zones are drawn on: uploaded, or taken from the camera's source by a child."""

import io
import json
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError
from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from bconnect_center.adapters.database import Database
from bconnect_center.adapters.tables import stills
from bconnect_center.core.moments import SECOND

WIDEST = 1920  # px; what is larger is scaled down
MOST_BYTES = 20_000_000  # of an upload
MOST_PIXELS = 60_000_000
QUALITY = 88
GRACE = 30 * SECOND  # beyond its time limit, after which nobody takes it any more


class NoPicture(ValueError):
    """What was sent is no picture that can be used; str() is the sentence."""


@dataclass(frozen=True, slots=True)
class Still:
    """What is known of a camera's still. ``state``: there, taking, failed."""

    state: str
    sentence: str = ""
    origin: str = ""
    account: str = ""
    stamp: int = 0
    width: int = 0
    height: int = 0


def checked(data: bytes) -> tuple[bytes, int, int]:
    """An uploaded picture as JPEG of ours, without what else its file held; its width, height.

    Raises NoPicture.
    """
    if len(data) > MOST_BYTES:
        raise NoPicture(f"still: has {len(data)} bytes; at most {MOST_BYTES} are taken")
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if image.format not in ("JPEG", "PNG", "WEBP"):
                raise NoPicture(f"still: is {image.format}; needs JPEG, PNG or WebP")
            width, height = image.size
            if width * height > MOST_PIXELS or min(width, height) < 64:
                raise NoPicture(f"still: has {width} x {height} pixels; needs at least 64 each "
                                f"way and at most {MOST_PIXELS} in all")  # fmt: skip
            plain = image.convert("RGB")
            plain.thumbnail((WIDEST, WIDEST))
            out = io.BytesIO()
            plain.save(out, "JPEG", quality=QUALITY)
            return out.getvalue(), plain.width, plain.height
    except NoPicture:
        raise
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError,
            Image.DecompressionBombError):  # fmt: skip
        raise NoPicture("still: is no picture that can be read; needs JPEG, PNG or WebP") from None


class Stills:
    """One per process; what it knows is in the database."""

    def __init__(self, database: Database, now: Callable[[], int], longest: float) -> None:
        """``longest``: s for one attempt at a source."""
        self._database, self._now, self._longest = database, now, longest
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="still")
        self._children: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def known(self, site: str, camera: str) -> Still | None:
        """Its state; None: there was never one."""
        columns = [c for c in stills.c if c.name != "data"]
        with self._database.reading() as c:
            row = c.execute(select(*columns).where(_is(site, camera))).first()
        if row is None:
            return None
        state, sentence = row.state, row.sentence
        if state == "taking" and self._now() - row.began > self._longest * SECOND + GRACE:
            state, sentence = "failed", "the server that took it went away; try again"
        return Still(state, sentence, row.origin, row.account, row.stamp, row.width, row.height)

    def picture(self, site: str, camera: str) -> bytes | None:
        """JPEG; None: there is none."""
        with self._database.reading() as c:
            data: bytes | None = c.scalar(select(stills.c.data).where(_is(site, camera)))
        return data

    def upload(self, site: str, camera: str, account: str, data: bytes) -> Still:
        """Keeps a picture. Raises NoPicture."""
        return self._keep(site, camera, account, "upload", data)

    def forget(self, site: str, camera: str) -> None:
        """A picture of road users is not kept longer than it is wanted."""
        with self._database.writing() as c:
            c.execute(delete(stills).where(_is(site, camera)))

    def take(self, site: str, camera: str, account: str, source: str) -> bool:
        """Begins to take one; False: somebody does already. ``source``: its whole URL."""
        now = self._now()
        with self._database.writing() as c:
            row = c.execute(select(stills.c.state, stills.c.began).where(_is(site, camera))).first()
            if row is None:
                c.execute(insert(stills).values(
                    site=site, camera=camera, state="taking", began=now, sentence="", origin="",
                    account=account, stamp=0, width=0, height=0))  # fmt: skip
            elif row.state == "taking" and now - row.began <= self._longest * SECOND + GRACE:
                return False
            else:
                c.execute(update(stills).where(_is(site, camera)).values(
                    state="taking", began=now, sentence=""))  # fmt: skip
        self._pool.submit(self._take, site, camera, account, source)
        return True

    def close(self) -> None:
        """Ends what is under way."""
        with self._lock:
            for child in self._children:
                child.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _take(self, site: str, camera: str, account: str, source: str) -> None:
        try:
            self._keep(site, camera, account, "source", self._asked(source))
        except (NoPicture, OSError) as error:
            with self._database.writing() as c:
                c.execute(update(stills).where(_is(site, camera)).values(
                    state="failed", sentence=str(error)[:500]))  # fmt: skip

    def _asked(self, source: str) -> bytes:
        """A child's picture. Raises NoPicture."""
        child = subprocess.Popen(
            [sys.executable, "-m", "bconnect_center.take_still"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        with self._lock:
            self._children.add(child)
        try:
            out, said = child.communicate(json.dumps({"source": source}).encode(), self._longest)
        except subprocess.TimeoutExpired:
            raise NoPicture(f"no picture came within {self._longest:g} s") from None
        finally:
            child.kill()
            child.communicate()
            with self._lock:
                self._children.discard(child)
        if child.returncode == 0 and out:
            return out
        words = said.decode(errors="replace").strip().splitlines()
        if child.returncode == 2 and words:
            raise NoPicture(words[-1])
        raise NoPicture("the child that takes stills broke off; look at the server's log")

    def _keep(self, site: str, camera: str, account: str, origin: str, data: bytes) -> Still:
        made, width, height = checked(data)
        stamp = self._now()
        values = dict(state="there", sentence="", origin=origin, account=account, stamp=stamp,
                      began=stamp, width=width, height=height, data=made)  # fmt: skip
        with self._database.writing() as c:
            c.execute(delete(stills).where(_is(site, camera)))
            c.execute(insert(stills).values(site=site, camera=camera, **values))
        return Still("there", "", origin, account, stamp, width, height)


def _is(site: str, camera: str) -> ColumnElement[bool]:
    return and_(stills.c.site == site, stills.c.camera == camera)
