"""What units send by the spool: checked, written into the ledger, put before an officer.

An item that is not believed stays where it is, whole, is noted, and is tried again when the
centre starts: the key that was missing may be there by then. It gets its receipt all the same,
because it is safe here, and because asking again would not make it better.
"""

import errno
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bconnect_center.adapters.audit_log import AuditLog
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.core.arrivals import happening, measure, misplaced
from bconnect_center.core.audit import Act
from bconnect_detect import verify
from bconnect_detect.adapters import sealed_folder
from bconnect_detect.adapters.sealed_folder import StoreError
from bconnect_detect.core.verdict import State
from bconnect_enforce.adapters import evidence_store
from bconnect_enforce.adapters.evidence_store import BadManifest
from bconnect_enforce.adapters.ledger import Ledger, LedgerError
from bconnect_enforce.core.records import Violation
from bconnect_site.disk import replace
from bconnect_site.keys import PublicKey
from bconnect_spool.core.item import Item

WHO = "intake"


class Arrivals:
    """The intake's `arrived`. Safe from any thread."""

    def __init__(
        self,
        root: Path,
        units: Mapping[str, Mapping[str, PublicKey]],
        ledger: Ledger,
        live: LiveStore,
        audit: AuditLog,
        zone: Any,
        now: Callable[[], int],
    ) -> None:
        self._store, self._aside = root / "store", root / "aside"
        self._units, self._ledger, self._live = units, ledger, live
        self._audit, self._zone, self._now = audit, zone, now
        self._aside.mkdir(parents=True, exist_ok=True, mode=0o700)

    def __call__(self, item: Item, folder: Path) -> None:
        """Raises OSError where it must be tried again: then there is no receipt yet."""
        self._take(item.unit, item.id)

    def again(self) -> int:
        """Tries what was set aside once more; how many are still not believed."""
        left = 0
        for note in sorted(self._aside.glob("*.json")):
            told = json.loads(note.read_bytes())
            if (self._store / told["unit"] / told["id"]).is_dir():
                left += not self._take(told["unit"], told["id"])
        return left

    def _take(self, unit: str, id_: str) -> bool:
        note = self._aside / f"{unit}.{id_}.json"
        try:
            violation = self._believed(unit, id_)
        except BadManifest as error:
            sentence = str(error)[:300]
            if not note.exists():
                self._note("arrival not believed", id_, unit, sentence)
            replace(note, json.dumps({"unit": unit, "id": id_, "why": sentence}).encode())
            return False
        self._write(violation, unit)
        note.unlink(missing_ok=True)
        return True

    def _believed(self, unit: str, id_: str) -> Violation:
        manifest = f"{unit}/{id_}/{evidence_store.NAME}"
        publics = self._units.get(unit, {})
        violation = evidence_store.read(self._store, manifest, publics)
        if fault := misplaced(violation, unit, id_):
            raise BadManifest(f"{manifest}: {fault}")
        try:
            folder = sealed_folder.load(self._store / unit / id_)
            verdict = verify.examine(folder, publics, violation.manifest_sha256)
        except StoreError as error:
            raise BadManifest(str(error)) from None
        if verdict.state != State.WHOLE:
            raise BadManifest(f"{manifest}: {'; '.join(verdict.sentences)[:250]}")
        return violation

    def _write(self, violation: Violation, unit: str) -> None:
        now = self._now()
        try:
            self._ledger.store_violation(violation, now)
            lines = self._ledger.store_measure(measure(violation, unit, self._zone), now)
            if lines:
                self._note("arrived", lines[0].number, violation.offence.site, f"unit {unit}")
            self._live.write(now, (), [(now, happening(violation))], {})
        except LedgerError as error:
            raise OSError(errno.EBUSY, f"database: {error}") from error

    def _note(self, what: str, subject: str, site: str, detail: str) -> None:
        try:
            self._audit.note(Act(self._now(), WHO, what, subject, site, detail))
        except LedgerError as error:
            raise OSError(errno.EBUSY, f"database: {error}") from error
