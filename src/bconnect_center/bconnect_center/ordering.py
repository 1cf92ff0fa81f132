"""Signed orders of the centre into a site's topics and services. Holds no key, changes nothing."""

import threading
from typing import Any

from bconnect_center.adapters.gate import Unready
from bconnect_enforce.convert_orders import MESSAGES, REQUESTS, message_of, request_of
from bconnect_node import qos
from bconnect_site import names
from bconnect_site.orders import ANNOUNCE, REVIEW, STICKER, TOW_ORDER, SignedOrder

PATIENCE = 6.0  # s a service has to answer
SERVICES = {
    REVIEW: names.REVIEW_CITATION,
    TOW_ORDER: names.UPDATE_TOW_JOB,
    STICKER: names.UPDATE_STICKER_TASK,
}


class Ordering:
    """`follow` may be called by any thread but the executor's."""

    def __init__(self, node: Any, site: str) -> None:
        self._node, self._site = node, site
        under = names.site_ns(site)
        self._announce = node.create_publisher(
            MESSAGES[ANNOUNCE], f"{under}/{names.ANNOUNCEMENTS}", qos.EVENT
        )
        self._clients = {
            kind: node.create_client(REQUESTS[kind], f"{under}/{name}")
            for kind, name in SERVICES.items()
        }

    def follow(self, text: str) -> dict[str, Any]:
        """Gives one order. {"done", "sentence"}; raises ValueError, Unready."""
        order = SignedOrder.from_json(text)
        if order.fields.get("site") != self._site:
            raise ValueError(f"order: is for {order.fields.get('site')}, here is {self._site}")
        if order.kind == ANNOUNCE:
            return self._spoken(order)
        if order.kind not in self._clients:
            raise ValueError(f"order: {order.kind} is not the centre's to give")
        return self._asked(order)

    def _spoken(self, order: SignedOrder) -> dict[str, Any]:
        # our own listener hears announcements, too
        if self._announce.get_subscription_count() < 2:
            raise Unready("no loudspeaker of the site listens")
        self._node.send(self._announce, message_of(order))
        return {"done": True, "sentence": ""}

    def _asked(self, order: SignedOrder) -> dict[str, Any]:
        client = self._clients[order.kind]
        if not client.service_is_ready():
            raise Unready("the site does not answer")
        future, answered = client.call_async(request_of(order)), threading.Event()
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(PATIENCE) or future.result() is None:
            client.remove_pending_request(future)
            raise Unready(f"the site did not answer within {PATIENCE:g} s")
        response = future.result()
        return {"done": bool(response.success), "sentence": response.message}
