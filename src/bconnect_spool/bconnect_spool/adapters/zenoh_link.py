"""The wire itself: Zenoh sessions over TLS, each side known by its certificate.

The site dials, so it may sit behind a mobile network; the centre's end is the only router. Nothing
is scouted for and nothing but the centre's one port is open.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zenoh

from bconnect_spool.core import wire

CONNECT = 5.0  # s one attempt to reach the centre may take
ANSWER = 8.0  # s a site has to answer what it is asked
ACTS = (
    "put", "delete", "declare_subscriber", "declare_queryable", "query", "reply",
    "liveliness_token", "liveliness_query", "declare_liveliness_subscriber",
)  # fmt: skip


class LinkDown(RuntimeError):
    """The other side cannot be reached; str() is one sentence."""


@dataclass(frozen=True, slots=True)
class Papers:
    """Who we are and whom we trust: files (PEM)."""

    ca: str
    certificate: str
    key: str


def is_local(endpoint: str) -> bool:
    """Whether an endpoint never leaves this machine, so that it needs no papers."""
    return endpoint.startswith(("tcp/127.0.0.1:", "tcp/localhost:", "tcp/[::1]:"))


class SiteEnd:
    """A site's end: says, keeps, answers. Callbacks come in threads of the session's."""

    def __init__(self, endpoint: str, site: str, papers: Papers | None) -> None:
        """Raises LinkDown, after CONNECT s at most."""
        self._site = site
        tls = _tls(papers, "connect")
        connect = {
            "endpoints": [endpoint], "timeout_ms": int(1000 * CONNECT), "exit_on_failure": True,
        }  # fmt: skip
        self._session = _opened({"mode": "client", "connect": connect} | tls, endpoint)
        self._held: list[Any] = []

    def serve(
        self,
        kept: Callable[[], list[tuple[str, bytes]]],
        ask: Callable[[str, bytes, Callable[[bytes], None]], None],
    ) -> None:
        """From now on the centre sees us. ask(what, data, answer) must return at once."""

        def tell(query: Any) -> None:
            for topic, data in kept():
                key = wire.said(self._site, topic)
                if query.key_expr.intersects(key):
                    query.reply(key, data)

        def hear(query: Any) -> None:
            key = str(query.key_expr)
            data = bytes(query.payload) if query.payload is not None else b""

            def answer(reply: bytes) -> None:
                with suppress(zenoh.ZError):  # whoever asked has gone
                    query.reply(key, reply)
                query.drop()

            ask(wire.topic_of(key), data, answer)

        self._held += [
            self._session.declare_queryable(wire.said(self._site), tell),
            self._session.declare_queryable(wire.asked(self._site), hear),
            self._session.liveliness().declare_token(wire.alive(self._site)),
        ]

    def watch(self, cameras: Iterable[str], watched: Callable[[str, bool], None]) -> None:
        """Has watched(camera, yes) called when somebody begins or ceases to look."""
        for camera in cameras:
            publisher = self._session.declare_publisher(
                wire.picture(self._site, camera), priority=zenoh.Priority.DATA_LOW
            )

            def told(status: Any, camera: str = camera) -> None:
                watched(camera, bool(status.matching))

            self._held += [publisher, publisher.declare_matching_listener(told)]
            if publisher.matching_status.matching:
                watched(camera, True)

    def say(self, topic: str, data: bytes, *, may_drop: bool) -> None:
        """One message. may_drop: where the way is full it is left out; else it waits."""
        self._put(wire.said(self._site, topic), data, may_drop)

    def show(self, camera: str, stamp: int, jpeg: bytes) -> None:
        """One picture; left out where the way is full."""
        self._put(wire.picture(self._site, camera), wire.pack_picture(stamp, jpeg), True)

    def joined(self) -> bool:
        """Whether there is a way to the centre now; a lost one is sought again by itself."""
        return bool(list(self._session.info.routers_zid()))

    def _put(self, key: str, data: bytes, may_drop: bool) -> None:
        kinds = zenoh.CongestionControl
        control = kinds.DROP if may_drop else kinds.BLOCK
        try:
            self._session.put(key, data, congestion_control=control)
        except zenoh.ZError as error:
            raise LinkDown(_sentence(error)) from None

    def close(self) -> None:
        """Ends it. Safe to repeat."""
        with suppress(zenoh.ZError):
            self._session.close()


class CentreEnd:
    """The centre's end, for all sites that may join."""

    def __init__(self, endpoint: str, sites: Iterable[str], papers: Papers | None) -> None:
        """Raises LinkDown where it cannot listen."""
        known = sorted(sites)
        config = {"mode": "router", "listen": {"endpoints": [endpoint]}} | _tls(papers, "listen")
        if papers is not None:
            config["access_control"] = rights(known)
        self._session = _opened(config, endpoint)

    def site(self, site: str) -> "Wire":
        """The wire to one site."""
        return Wire(self._session, site)

    def close(self) -> None:
        """Ends it. Safe to repeat."""
        with suppress(zenoh.ZError):
            self._session.close()


class Wire:
    """One site, as the centre hears it. Callbacks come in threads of the session's."""

    def __init__(self, session: Any, site: str) -> None:
        self._session, self._site = session, site
        self._lock = threading.Lock()
        self._heard: dict[str, Callable[[bytes], None]] = {}
        self._held: list[Any] = []

    def begin(self) -> None:
        """After the first `hear`s: what was kept comes first, then what is said."""
        self._held = [
            self._session.declare_subscriber(wire.said(self._site), self._take),
            self._session.liveliness().declare_subscriber(
                wire.alive(self._site), self._came, history=True
            ),
        ]

    def hear(self, topic: str, each: Callable[[bytes], None]) -> Callable[[], None]:
        """Has each(CDR) called for a topic's messages; gives what ends that."""
        with self._lock:
            self._heard[topic] = each
        if self._held:  # of a topic that is heard later: what was kept of it
            self._fetch(topic)
        return lambda: self._unhear(topic)

    def watch(self, camera: str, deliver: Callable[[int, bytes], None]) -> Callable[[], None]:
        """Has deliver(stamp, JPEG) called as long as it is not ended."""

        def take(sample: Any) -> None:
            with suppress(ValueError):
                deliver(*wire.unpack_picture(bytes(sample.payload)))

        held = self._session.declare_subscriber(wire.picture(self._site, camera), take)

        def end() -> None:
            with suppress(zenoh.ZError):
                held.undeclare()

        return end

    def ask(self, what: str, data: bytes) -> bytes:
        """The site's answer. Raises LinkDown with a sentence, where it gives one or none."""
        replies = self._session.get(wire.asked(self._site, what), payload=data, timeout=ANSWER)
        for reply in replies:
            if reply.ok is None:
                continue
            answer = bytes(reply.ok.payload)
            if answer[:1] == wire.DONE:
                return answer[1:]
            raise LinkDown(answer[1:].decode("utf-8", "replace")[:300])
        raise LinkDown("the site does not answer")

    def close(self) -> None:
        """Hears no more."""
        for held in self._held:
            with suppress(zenoh.ZError):
                held.undeclare()
        self._held = []

    def _unhear(self, topic: str) -> None:
        with self._lock:
            self._heard.pop(topic, None)

    def _came(self, sample: Any) -> None:
        if sample.kind == zenoh.SampleKind.PUT:
            self._fetch("**")

    def _fetch(self, topic: str) -> None:
        def take(reply: Any) -> None:
            if reply.ok is not None:
                self._take(reply.ok)

        with suppress(zenoh.ZError):
            self._session.get(
                wire.said(self._site, topic), take, timeout=ANSWER,
                consolidation=zenoh.ConsolidationMode.NONE,
            )  # fmt: skip

    def _take(self, sample: Any) -> None:
        with self._lock:
            each = self._heard.get(wire.topic_of(str(sample.key_expr)))
        if each is not None:
            each(bytes(sample.payload))


def rights(sites: Iterable[str]) -> dict[str, Any]:
    """Every certificate opens the keys of the site it names, and nothing else."""
    known = list(sites)
    return {
        "enabled": True,
        "default_permission": "deny",
        "rules": [
            {"id": site, "permission": "allow", "flows": ["ingress", "egress"],
             "messages": list(ACTS), "key_exprs": [wire.everything(site)]}
            for site in known
        ],
        "subjects": [{"id": site, "cert_common_names": [site]} for site in known],
        "policies": [{"rules": [site], "subjects": [site]} for site in known],
    }  # fmt: skip


def _tls(papers: Papers | None, way: str) -> dict[str, Any]:
    if papers is None:
        return {}
    tls = {
        "enable_mtls": True,
        "root_ca_certificate": papers.ca,
        f"{way}_certificate": papers.certificate,
        f"{way}_private_key": papers.key,
    }
    return {"transport": {"link": {"tls": tls}}}


def _opened(config: Mapping[str, Any], endpoint: str) -> Any:
    quiet = {"scouting": {"multicast": {"enabled": False}, "gossip": {"enabled": False}}}
    try:
        return zenoh.open(zenoh.Config.from_json5(json.dumps(quiet | dict(config))))
    except zenoh.ZError as error:
        raise LinkDown(f"{endpoint}: {_sentence(error)}") from None


def _sentence(error: Exception) -> str:
    """What the library says, without where in its source it said it."""
    return " ".join(str(error).split()).partition(" at /")[0].rstrip(". !")


def missing(papers: Papers) -> str | None:
    """The first of the files that is not there, as a sentence; None: all are."""
    for what in (papers.ca, papers.certificate, papers.key):
        if not Path(what).is_file():
            return f"there is no file {what}"
    return None
