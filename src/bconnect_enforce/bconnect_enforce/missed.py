"""Looks through the evidence store for violations that no message brought to the ladder."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from bconnect_enforce.adapters import evidence_store
from bconnect_enforce.core.records import Violation
from bconnect_enforce.core.rungs import DAY, SECOND
from bconnect_site import sealed as seal
from bconnect_site.errors import ConfigError
from bconnect_site.keys import PublicKey, publics

FIRST = 5.0  # s until the first look: rules that officers do not trust are said meanwhile
GLANCE = 20.0  # s between two looks
ROOM = 100  # violations read and not taken yet
# The memory keeps who was spared for a day where no plate was read; older folders could not be
# told from decided ones. The hours between are for clocks that are set anew.
REACH = 20 * 3600 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Missed:
    """One site's. `run` is the worker; fetch what it found with `take`.

    `before`: when an earlier run was last here (ns); where that is unknown (0), or lies in the
    future, all that lies there is left alone: nobody knows what was decided of it.
    `wanted` is asked from the worker about an id: a hint that may be wrong, for the ladder decides
    nothing twice. `say` is told one sentence for each folder that cannot be believed.
    """

    def __init__(
        self,
        store: Path,
        site: str,
        keys: Path,
        before: int,
        wanted: Callable[[str], bool],
        now: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        self._store, self._site, self._keys = store, site, keys
        self._wanted, self._now, self._say = wanted, now, say
        self._since = before - REACH
        self._blind = not before or before > now() + DAY
        self._out: deque[Violation] = deque()
        self._done: set[str] = set()  # ids that were looked at, as far as they still lie there
        self._bad: set[str] = set()
        self._through = False

    @property
    def bad(self) -> int:
        """Folders that cannot be believed."""
        return len(self._bad)

    @property
    def caught_up(self) -> bool:
        """Whether all that lay there at the start was taken."""
        return self._through and not self._out

    def take(self, most: int) -> list[Violation]:
        """The oldest found, and no longer kept here."""
        return [self._out.popleft() for _ in range(min(most, len(self._out)))]

    def run(self, stop: threading.Event) -> None:
        """Looks until stopped."""
        pause = FIRST
        while not stop.wait(pause):
            pause = GLANCE
            self._look(stop)

    def _look(self, stop: threading.Event) -> None:
        now = self._now()
        there = dict(self._folders())
        self._done &= there.keys()
        self._bad &= there.keys()
        if self._blind:
            self._done, self._blind = set(there), False
        fresh = [id_ for id_ in there if id_ not in self._done]
        try:
            found = self._read({id_: there[id_] for id_ in fresh if self._wanted(id_)})
        except ConfigError as error:  # a key that cannot be read: all of them, later
            self._say(str(error))
            return
        self._done.update(id_ for id_ in fresh if id_ not in self._bad)
        for violation in sorted(found, key=lambda each: each.offence.stamp):
            while len(self._out) >= ROOM:
                if stop.wait(0.1):
                    return
            self._out.append(violation)
        self._through = True
        self._since = max(self._since, now - REACH)

    def _folders(self) -> Iterator[tuple[str, Path]]:
        """Ids and folders of the days within reach; looks into no folder."""
        since = _EPOCH + timedelta(seconds=max(0, self._since // SECOND) - DAY // SECOND)
        for day in sorted(self._store.glob(f"{self._site}/????-??-??")):
            if day.name >= since.date().isoformat():
                try:
                    names = os.listdir(day)
                except OSError as error:
                    self._say(f"{day}: {error.strerror}; what was missed stays so")
                    continue
                for name in names:
                    if not name.startswith(".") and not name.endswith(seal.PARTIAL):
                        yield name, day / name

    def _read(self, folders: Mapping[str, Path]) -> list[Violation]:
        """What is believed of them, as old as we reach; the rest is said once.

        Raises ConfigError: a key cannot be read.
        """
        if not folders:
            return []
        keys = publics(self._keys)
        found = []
        for id_, folder in folders.items():
            violation = self._believed(id_, folder, keys)
            if violation is not None and violation.offence.stamp >= self._since:
                found.append(violation)
        return found

    def _believed(self, id_: str, folder: Path, keys: Mapping[str, PublicKey]) -> Violation | None:
        manifest = (folder / seal.MANIFEST).relative_to(self._store).as_posix()
        try:
            if (folder / seal.ERASED).exists() or not (folder / seal.MANIFEST).exists():
                return None
            violation = evidence_store.read(self._store, manifest, keys, signed=True)
        except (evidence_store.BadManifest, OSError) as error:
            self._refuse(id_, str(error))
            return None
        if violation.id != id_ or violation.offence.site != self._site:
            self._refuse(id_, f"{manifest}: is of another violation or site")
            return None
        self._bad.discard(id_)
        return violation

    def _refuse(self, id_: str, sentence: str) -> None:
        """Said once, and looked at again the next time: its key may only come later."""
        if id_ not in self._bad:
            self._bad.add(id_)
            self._say(sentence)
