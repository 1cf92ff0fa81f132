"""A site that is elsewhere, heard over the wire instead of DDS: same messages, same hand."""

import queue
import threading
from collections.abc import Callable
from typing import Any

from rclpy.serialization import deserialize_message, serialize_message

from bconnect_center.adapters.gate import Unready
from bconnect_center.ordering import SERVICES
from bconnect_center.settings import Loaded
from bconnect_enforce.convert_orders import REQUESTS, message_of, request_of
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.orders import ANNOUNCE, SignedOrder
from bconnect_spool.adapters.zenoh_link import CentreEnd, LinkDown, Papers, Wire, missing

MOST_WAITING = 20_000  # messages
LOOK = 0.5  # s


def switchboard(loaded: Loaded) -> CentreEnd:
    """The centre's end for all its sites elsewhere. Raises ConfigError."""
    bridge = loaded.file.bridge
    if bridge is None:
        raise ConfigError(f"{loaded.path}: bridge: is missing")
    sites = [site for site, live in loaded.file.live.items() if live.bridge]
    papers = None
    if bridge.listen.startswith("tls/"):
        given = (bridge.ca, bridge.certificate, bridge.certificate_key)
        papers = Papers(*(str(loaded.near(file or "")) for file in given))
        if wrong := missing(papers):
            raise ConfigError(f"{loaded.path}: bridge: {wrong}")
    try:
        return CentreEnd(bridge.listen, sites, papers)
    except LinkDown as error:
        raise ConfigError(f"{loaded.path}: bridge: {error}") from None


class Far:
    """Subscriptions, orders and pictures of one site; callbacks run in one worker of the node."""

    def __init__(self, node: Any, site: str, wire: Wire) -> None:
        self._node, self._site, self._wire = node, site, wire
        self._inbox: queue.Queue[tuple[Callable[[Any], Any], Any, bytes]] = queue.Queue(
            MOST_WAITING
        )
        node.at_close(wire.close)

    def begin(self) -> None:
        """After the first `hear`s."""
        self._wire.begin()
        self._node.worker("far", self._run)

    def hear(self, kind: Any, topic: str, each: Callable[[Any], Any]) -> Callable[[], None]:
        """As a subscription to a topic relative to the site's namespace; gives what ends it."""
        guarded = self._node.guard(each)

        def put(data: bytes) -> None:
            try:
                self._inbox.put_nowait((guarded, kind, data))
            except queue.Full:
                self._node.health.drop("too much at once")

        return self._wire.hear(topic, put)

    def watch(self, camera: str, deliver: Callable[[int, Any], None]) -> Callable[[], None]:
        """As the gallery's `subscribe`; pictures come as JPEG."""
        return self._wire.watch(camera, deliver)

    def follow(self, text: str) -> dict[str, Any]:
        """Gives one order. {"done", "sentence"}; raises ValueError, Unready."""
        order = SignedOrder.from_json(text)
        if order.fields.get("site") != self._site:
            raise ValueError(f"order: is for {order.fields.get('site')}, here is {self._site}")
        if order.kind == ANNOUNCE:
            self._ask(names.ANNOUNCEMENTS, message_of(order))
            return {"done": True, "sentence": ""}
        if order.kind not in SERVICES:
            raise ValueError(f"order: {order.kind} is not the centre's to give")
        answer = self._ask(SERVICES[order.kind], request_of(order))
        response = deserialize_message(answer, REQUESTS[order.kind].Response)
        return {"done": bool(response.success), "sentence": response.message}

    def record(self, message: Any) -> None:
        """An officer's recording. Raises Unready."""
        self._ask(names.RECORDINGS, message)

    def _ask(self, what: str, message: Any) -> bytes:
        try:
            return self._wire.ask(what, bytes(serialize_message(message)))
        except LinkDown as error:
            raise Unready(str(error)) from None

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                each, kind, data = self._inbox.get(timeout=LOOK)
            except queue.Empty:
                continue
            each(deserialize_message(data, kind))
