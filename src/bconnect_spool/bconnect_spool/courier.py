"""Carries items to the centre, the most important first, until each is receipted."""

import base64
from collections.abc import Callable
from pathlib import Path

from bconnect_site.disk import sha256
from bconnect_site.keys import Keyring, PublicKey, verify
from bconnect_spool.adapters import crypt, parcel
from bconnect_spool.adapters.box import Box, Kept
from bconnect_spool.adapters.tus_client import LinkError, Refused, TusClient
from bconnect_spool.core.item import Item, Malformed, Receipt
from bconnect_spool.core.pace import next_of


class Packer:
    """Makes items of sealed folders. Slow: belongs on a worker thread."""

    def __init__(self, unit: str, box: Box, keys: Keyring, recipient: str) -> None:
        self._unit, self._box, self._keys = unit, box, keys
        self._recipient = crypt.recipient(recipient)

    def pack(self, id_: str, folder: Path, stamp: int, priority: int = 5) -> bool:
        """Spools a sealed folder; False: it was there already.

        Raises SpoolFull when there is no room, SpoolError and OSError when the disk fails.
        """
        if self._box.knows(id_):
            return False
        self._box.check_room(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()))
        with self._box.draft(".tar") as plain, self._box.draft(".age") as hidden:
            parcel.pack(folder, plain)
            crypt.encrypt(plain, hidden, self._recipient)
            item = Item(
                unit=self._unit,
                id=id_,
                sha256=sha256(hidden),
                size=hidden.stat().st_size,
                stamp=stamp,
                key_id=self._keys.key_id,
                priority=priority,
            )
            self._box.put(item, self._keys.sign(item.to_bytes()), hidden)
        return True


class Courier:
    """One step sends one item. ``centre``: signs receipts. Not thread-safe."""

    def __init__(self, box: Box, client: TusClient, centre: PublicKey) -> None:
        self._box, self._client, self._centre = box, client, centre
        self.sent = 0

    def step(self, skip: Callable[[Item], bool] = lambda _: False) -> Item | None:
        """Sends the next item and erases it when its receipt is good; None: nothing waits.

        Raises LinkError (try later), Refused (its sentence tells what to mend), OSError.
        """
        item = next_of(i for i in self._box.items() if not skip(i))
        kept = self._box.get(item.id) if item is not None else None
        if item is None or kept is None:
            return None
        if not self._receipted(kept):
            signature = base64.b64encode(kept.signature)
            # tuspyserver wants the first two.
            header = {
                "filename": f"{item.id}.age".encode(),
                "filetype": b"application/octet-stream",
                "header": item.to_bytes(),
                "signature": signature,
            }
            self._client.upload(item.id, kept.file, item.size, header)
            if not self._receipted(kept):
                self._client.forget(item.id)
                raise LinkError(f"item {item.id}: arrived damaged, it is sent again")
        self.sent += 1
        return item

    def _receipted(self, kept: Kept) -> bool:
        """Whether the centre has it, by a receipt that is signed; then it is erased here."""
        answer = self._client.receipt(kept.item.unit, kept.item.id)
        if answer is None:
            return False
        try:
            receipt = Receipt.from_bytes(answer.signed)
        except Malformed as error:
            raise Refused(f"item {kept.item.id}: its receipt: {error}") from None
        if not verify(self._centre, answer.signed, answer.signature):
            raise Refused(
                f"item {kept.item.id}: its receipt is signed by a stranger; nothing is erased"
            )
        if not receipt.covers(kept.item):
            raise Refused(f"item {kept.item.id}: its receipt is another item's; nothing is erased")
        self._box.receipted(receipt, answer.signature)
        return True
