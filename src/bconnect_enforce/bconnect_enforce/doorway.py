"""A node's door for orders: whatever is refused is counted and said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bconnect_enforce.convert_orders import order_from
from bconnect_node.health import Health
from bconnect_node.witness import is_by
from bconnect_site.doors import TOLD_AGAIN, TRUSTED, Door
from bconnect_site.errors import ConfigError
from bconnect_site.keys import PublicKey, publics
from bconnect_site.orders import SECOND, VIOLATION, Refused, SignedOrder
from bconnect_site.trusted import read_trusted


class Doorway:
    """`folder` is the site's folder of orders, `name` the node's, told apart from all others."""

    def __init__(
        self, folder: str, site: str, name: str, health: Health, now: Callable[[], int]
    ) -> None:
        """Raises ConfigError: without the list of trusted keys nothing can be followed."""
        self._door = Door.open(Path(folder), site, name)
        self._site, self._health, self._now = site, health, now
        self._refused = 0
        health.set("refused_orders", 0)

    def claim(self, kind: str, m: Any) -> SignedOrder | None:
        """The message's order, or None: refused. `keep` it once it was followed."""
        order = order_from(kind, m, self._site)
        try:
            self._door.claim(order, self._now())
        except Refused as refused:
            self._say(refused)
            return None
        return order

    def keep(self, order: SignedOrder) -> None:
        """It was followed, and never is again."""
        self._door.keep(order)
        if self._door.fault:
            self._health.error(self._door.fault)

    def admit(self, kind: str, m: Any) -> bool:
        """Whether to follow a message, once."""
        order = self.claim(kind, m)
        if order is not None:
            self.keep(order)
        return order is not None

    def refusal(self, kind: str, request: Any) -> str:
        """Why a request is not followed, for who sent it; empty: it is, once."""
        order = order_from(kind, request, self._site)
        try:
            self._door.claim(order, self._now())
        except Refused as refused:
            self._say(refused)
            return str(refused)
        self.keep(order)
        return ""

    def _say(self, refused: Refused) -> None:
        self._refused += 1
        self._health.drop(f"refused: {refused.reason}")
        self._health.set("refused_orders", self._refused)
        if refused.reason != TOLD_AGAIN:  # every restart hears the last hundred measures again
            self._health.error(str(refused))


class SealDoor:
    """Violations in: those are believed that the site's own evidence signed, or who may for it."""

    def __init__(
        self, orders_dir: str, keys_dir: str, health: Health, now: Callable[[], int]
    ) -> None:
        """`keys_dir` holds the evidence's public keys, here; empty: it runs elsewhere.

        Raises ConfigError.
        """
        self._trusted = {
            id_: key.public
            for id_, key in read_trusted(Path(orders_dir) / TRUSTED).items()
            if VIOLATION in key.rights
        }
        self._folder, self._health, self._now = keys_dir, health, now
        self._own: dict[str, PublicKey] = {}
        self._looked = -SECOND

    def believes(self, m: Any) -> bool:
        """Whether a violation is as somebody signed it who may; else counted and said."""
        if not m.signed_by or not m.signature:
            return self._refuse("unsigned", "that nobody signed")
        public = self._key(m.signed_by)
        if public is None:
            return self._refuse("unknown key", "signed by a key nobody trusts for it")
        if not is_by(public, m):
            return self._refuse("bad signature", "that is not as it was signed")
        return True

    def _key(self, key_id: str) -> PublicKey | None:
        known = self._trusted.get(key_id) or self._own.get(key_id)
        now = self._now()
        if known is None and self._folder and abs(now - self._looked) >= SECOND:
            self._looked = now  # evidence makes its key at its first start, and may rotate it
            try:
                self._own = publics(Path(self._folder))
            except ConfigError as error:
                self._health.error(str(error))
            known = self._own.get(key_id)
        return known

    def _refuse(self, reason: str, what: str) -> bool:
        self._health.drop(f"refused: {reason}")
        self._health.error(f"violation: refused one {what}")
        return False
