"""A node's door for orders: whatever is refused is counted and said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bconnect_enforce.convert_orders import order_from
from bconnect_node.health import Health
from bconnect_site.doors import TOLD_AGAIN, Door
from bconnect_site.orders import Refused, SignedOrder


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
