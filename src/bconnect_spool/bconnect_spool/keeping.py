"""What the centre has need not lie on the vehicle: sealed folders are erased some hours later.

    sealed folder --> packed: encrypted to the centre, waits --> received: receipt, signed
                          |                                          |
                          +---- erase: packed, hours later           +---- erase: received, ...

The manifest and its signature stay, and ``erased.json`` says which receipt or parcel took its
place, so the chain still verifies. What waits in the spool goes only with its receipt.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bconnect_site import sealed
from bconnect_site.erasing import EraseError, erase
from bconnect_site.keys import Keyring, PublicKey, verify
from bconnect_spool.adapters.box import Box
from bconnect_spool.core.item import Malformed, Receipt

HOUR = 3600 * 1_000_000_000  # ns
RULE = "centre.erase"


@dataclass(frozen=True, slots=True)
class Keeping:
    """When sealed folders go. ``when``: never, received, packed."""

    when: str = "never"
    hours: float = 24.0


class Keeper:
    """Erases what need not lie here any more. Slow: belongs on a worker thread."""

    def __init__(
        self,
        store: Path,
        box: Box,
        keys: Keyring,
        unit: str,
        centre: PublicKey,
        keeping: Keeping,
    ) -> None:
        self._store, self._box, self._keys, self._unit = store, box, keys, unit
        self._centre, self._keeping = centre, keeping

    def sweep(self, now: int, stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """Erases what is due at a moment [ns]; yields each folder's manifest, or a sentence of
        why one stayed (it has a colon)."""
        if self._keeping.when == "never" or not self._store.is_dir():
            return
        for manifest in sorted(self._store.rglob(sealed.MANIFEST)):
            if stop():
                return
            folder = manifest.parent
            if sealed.PARTIAL in folder.name or _gone(folder):
                continue
            begun = (folder / sealed.ERASED).exists()  # its first record stays
            why = "begun before" if begun else self._due(folder.name, now)
            if not why:
                continue
            named = str(manifest.relative_to(self._store))
            try:
                erase(self._store, named, why, now, self._keys, RULE)
            except (EraseError, OSError) as error:
                yield f"violation {folder.name}: {error}"
            else:
                yield named

    def _due(self, id_: str, now: int) -> str:
        """Why a violation need not lie here any more, for its record; empty: it must."""
        wait = round(self._keeping.hours * HOUR)
        receipt = self._receipt(id_)
        if receipt is not None:
            if now - receipt.received >= wait:
                return (
                    f"the command centre has it: receipt {receipt.sha256[:16]} of "
                    f"{receipt.received}, signed with key {receipt.key_id}"
                )
            return ""
        at = self._box.packed_at(id_) if self._keeping.when == "packed" else None
        item = self._box.get(id_)
        if at is None or item is None or now - at < wait:
            return ""
        return f"it waits for the command centre, encrypted to it: {item.item.sha256[:16]}"

    def _receipt(self, id_: str) -> Receipt | None:
        """The centre's receipt, its signature checked once more."""
        kept = self._box.receipt(id_)
        if kept is None or not verify(self._centre, *kept):
            return None
        try:
            receipt = Receipt.from_bytes(kept[0])
        except Malformed:
            return None
        return receipt if (receipt.unit, receipt.id) == (self._unit, id_) else None


def _gone(folder: Path) -> bool:
    """Whether a folder was erased, and wholly."""
    names = {path.name for path in folder.iterdir()}
    return sealed.ERASED in names and names <= set(sealed.STAYS)
