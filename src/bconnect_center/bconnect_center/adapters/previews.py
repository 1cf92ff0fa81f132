"""Previews: a bag judged by a drawing in a child process, followed by whoever asks any server."""

import json
import secrets
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Any

from sqlalchemy import delete, func, insert, select, update

from bconnect_center.adapters.database import Database
from bconnect_center.adapters.tables import previews
from bconnect_center.core.moments import SECOND

KEPT = 24 * 3600 * SECOND  # how long an outcome can be looked at
SILENT = 30 * SECOND  # without a sign of life its server is gone
EVERY = 0.5  # s between looks at whether it shall stop
AT_ONCE = 2  # children of all servers together: cores are few
MOST_OUTPUT = 8_000_000  # bytes of one line


class Busy(RuntimeError):
    """Too many at once; str() is the sentence."""


@dataclass(frozen=True, slots=True)
class Preview:
    """``state``: judging, done, failed, cancelled; ``told``: the outcome when done."""

    id: str
    site: str
    camera: str
    account: str
    state: str
    share: float
    sentence: str
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What to judge: texts of whole (merged) sites."""

    bag: Path
    camera: str
    before: str
    after: str
    since: int  # ns
    environment: dict[str, str]
    together: bool = False  # with the site's other cameras, else alone
    calibration: bytes = b""  # a new one, which ``after`` calls calibration.yaml


class Previews:
    """One per process; what it knows is in the database."""

    def __init__(self, database: Database, now: Callable[[], int], longest: float) -> None:
        """``longest``: s a child may judge."""
        self._database, self._now, self._longest = database, now, longest
        self._threads: set[threading.Thread] = set()
        self._stop = threading.Event()

    def begin(self, site: str, account: str, task: Task) -> str:
        """Its id. Raises Busy."""
        now, name = self._now(), secrets.token_hex(16)
        with self._database.writing() as c:
            c.execute(delete(previews).where(previews.c.began < now - KEPT))
            judging = select(func.count()).where(
                previews.c.state == "judging", previews.c.heard > now - SILENT
            )
            if (c.scalar(judging) or 0) >= AT_ONCE:
                raise Busy(f"{AT_ONCE} previews are being judged; wait for one or cancel it")
            c.execute(insert(previews).values(
                id=name, site=site, camera=task.camera, account=account, began=now, heard=now,
                state="judging", share=0.0, sentence="", told={}))  # fmt: skip
        thread = threading.Thread(
            target=self._judge, args=(name, task), name="preview", daemon=True
        )
        self._threads.add(thread)
        thread.start()
        return name

    def get(self, name: str) -> Preview | None:
        with self._database.reading() as c:
            row = c.execute(select(previews).where(previews.c.id == name)).first()
        if row is None:
            return None
        state, sentence = row.state, row.sentence
        if state == "judging" and self._now() - row.heard > SILENT:
            state, sentence = "failed", "the server that judged it went away; try again"
        return Preview(row.id, row.site, row.camera, row.account, state, row.share, sentence,
                       row.told)  # fmt: skip

    def cancel(self, name: str) -> None:
        with self._database.writing() as c:
            c.execute(update(previews).where(previews.c.id == name, previews.c.state == "judging")
                      .values(state="cancelled"))  # fmt: skip

    def close(self) -> None:
        """Ends what is under way."""
        self._stop.set()
        for thread in list(self._threads):
            thread.join(10.0)

    def _judge(self, name: str, task: Task) -> None:
        folder = Path(tempfile.mkdtemp(prefix="bconnect-preview-"))
        try:
            state, sentence, told = self._run(name, task, folder)
            self._write(name, state=state, sentence=sentence[:1000], told=told)
        except OSError as error:
            self._write(name, state="failed", sentence=str(error)[:1000])
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self._threads.discard(threading.current_thread())

    def _run(self, name: str, task: Task, folder: Path) -> tuple[str, str, dict[str, Any]]:
        asked = {"bag": str(task.bag), "camera": task.camera, "since": task.since,
                 "together": task.together}  # fmt: skip
        for which in ("before", "after"):
            (folder / which).mkdir()
            (folder / which / "site.yaml").write_text(getattr(task, which), encoding="utf-8")
            asked[which] = str(folder / which / "site.yaml")
        if task.calibration:
            (folder / "after" / "calibration.yaml").write_bytes(task.calibration)
        with (folder / "words").open("wb+") as words:
            return self._child(name, task, asked, words)

    def _child(
        self, name: str, task: Task, asked: dict[str, Any], words: IO[bytes]
    ) -> tuple[str, str, dict[str, Any]]:
        child = subprocess.Popen(
            ["nice", "-n", "10", sys.executable, "-m", "bconnect_center.judge_preview"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words,
            start_new_session=True, env=task.environment, bufsize=0,
        )  # fmt: skip
        try:
            assert child.stdin is not None
            child.stdin.write(json.dumps(asked).encode())
            child.stdin.close()
            ended = self._follow(name, child)
        finally:
            child.kill()
            child.wait()
            assert child.stdout is not None
            child.stdout.close()
        if ended is not None:
            return ended
        words.seek(0)
        said = words.read()[-4000:].decode(errors="replace").strip().splitlines()
        clear = child.returncode == 2 and said
        return "failed", said[-1] if clear else "the child that judges broke off", {}

    def _follow(
        self, name: str, child: subprocess.Popen[bytes]
    ) -> tuple[str, str, dict[str, Any]] | None:
        """How it ended; None: by itself, without an outcome."""
        began, held = monotonic(), b""
        assert child.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while True:
                if selector.select(EVERY):
                    block = child.stdout.read(1 << 16)
                    if not block:
                        child.wait()
                        return None
                    *lines, held = (held + block).split(b"\n")
                    for line in lines:
                        told = json.loads(line)
                        if "outcome" in told:
                            return "done", "", told["outcome"]
                        self._write(name, share=told["share"])
                if self._stop.is_set() or self._cancelled(name):
                    return "cancelled", "", {}
                if monotonic() - began > self._longest or len(held) > MOST_OUTPUT:
                    return "failed", f"it took longer than {self._longest:g} s", {}

    def _cancelled(self, name: str) -> bool:
        with self._database.writing() as c:
            c.execute(update(previews).where(previews.c.id == name).values(heard=self._now()))
            return bool(c.scalar(select(previews.c.state).where(previews.c.id == name))
                        == "cancelled")  # fmt: skip

    def _write(self, name: str, **values: Any) -> None:
        with self._database.writing() as c:
            c.execute(update(previews)
                      .where(previews.c.id == name, previews.c.state != "cancelled")
                      .values(heard=self._now(), **values))  # fmt: skip
