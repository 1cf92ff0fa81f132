"""Offences and violations to try things with."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bconnect_msgs.msg import Violation as Violations

sys.path.insert(0, str(Path(__file__).parent))  # towing_service, cluster, order_keys
from order_keys import OWN_KEYS, make_orders

from bconnect_enforce import convert
from bconnect_enforce.convert_orders import MESSAGES, REQUESTS, fields_of, put
from bconnect_enforce.core.records import (
    EvidenceFile,
    Measure,
    Offence,
    Violation,
    identity,
)
from bconnect_node import witness
from bconnect_site.frozen import freeze
from bconnect_site.kinds import EvidenceKind, Mode, RoadUserKind, Step, ViolationType
from bconnect_site.loader import load_site
from bconnect_site.signer import Signer

ORDERS: dict[type, str] = {kind: name for name, kind in MESSAGES.items()}
ORDERS |= {service.Request: name for name, service in REQUESTS.items()}
WITA = ZoneInfo("Asia/Makassar")


def local(text: str) -> int:
    """ISO local time of Balikpapan as ns."""
    return int(datetime.fromisoformat(text).replace(tzinfo=WITA).timestamp()) * 10**9


def make_offence(n: int = 1, **fields: Any) -> Offence:
    base = Offence(
        id=identity("test", str(n)),
        type=ViolationType.ILLEGAL_PARKING,
        site="demo",
        camera="simpang_utara",
        zone="bahu",
        stamp=local("2026-11-23 16:30:00"),
        track_id=n,
        road_user=RoadUserKind.CAR,
        article="UU 22/2009 Art. 287(3)",
    )
    return replace(base, **fields)


def make_violation(n: int = 1, *, scene: bool = True, **fields: Any) -> Violation:
    offence = make_offence(n, **fields)
    files = (EvidenceFile(EvidenceKind.SCENE, f"{n}/scene.jpg", "ab" * 32, offence.stamp),)
    return Violation(
        offence=offence,
        started=offence.stamp - 60 * 10**9,
        basis="sign S-12",
        catalogue_version="2026.1",
        confidence=0.8,
        explanation="stood 61 s, allowed 60 s",
        latitude=-1.24,
        longitude=116.85,
        measured=61.0,
        limit=math.nan,
        evidence=files if scene else (),
        manifest=f"{n}/manifest.json",
        manifest_sha256="cd" * 32,
    )


def make_measure(n: int = 1, step: Step = Step.CITATION) -> Measure:
    offence = make_offence(n)
    return Measure(
        id=identity(offence.id, step.name.lower()),
        violation_id=offence.id,
        site=offence.site,
        camera=offence.camera,
        type=offence.type,
        step=step,
        mode=Mode.ENFORCEMENT,
        stamp=offence.stamp,
        reason="Usulan tilang diajukan.",
        policy="default.citation",
    )


@pytest.fixture
def offence() -> Callable[..., Offence]:
    return make_offence


@pytest.fixture
def violation() -> Callable[..., Violation]:
    return make_violation


@pytest.fixture
def measure() -> Callable[..., Measure]:
    return make_measure


@pytest.fixture
def at() -> Callable[[str], int]:
    return local


class Graph:
    """Nodes of the enforcement process, and a probe that listens and speaks under /demo.

    What the probe orders is signed by the site's own keys.
    """

    def __init__(self, ros: Any, wait_for: Callable[..., Any], tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.probe = ros.node("probe", "/demo")
        self.add = ros.add
        self.remove = ros.remove
        self._wait_for = wait_for
        self.orders = make_orders(tmp_path / "orders")
        self._signers = {name: Signer(self.orders / name) for name in OWN_KEYS}

    @property
    def own(self) -> dict[str, str]:
        """The parameter every node here takes."""
        return {"orders_dir": str(self.orders)}

    def sign(self, m: Any, life: int = 60 * 10**9, site: str = "demo") -> Any:
        """The message or request, signed by whoever of the site may."""
        if type(m) is Violations:
            witness.sign(m, self._signers["evidence"].keyring)
            return m
        kind = ORDERS[type(m)]
        signer = self._signers["ladder" if kind in OWN_KEYS["ladder"] else "desk"]
        now = int(self.probe.get_clock().now().nanoseconds)
        expires = convert.ns(m.expires) or now + life
        put(m, signer.sign(kind, fields_of(kind, m, site), now, expires))
        return m

    def ladder(self, yaml: str) -> Any:
        from bconnect_enforce.ladder_node import Ladder

        site = self.tmp_path / "demo.yaml"
        site.write_text(yaml)
        frozen = freeze(load_site(site), self.tmp_path / "frozen.yaml")
        return self.add(
            Ladder, namespace="/demo", parameter_overrides=self.own | {"site_file": str(frozen)}
        )

    def speaker(self, name: str = "tiang_1", **params: Any) -> Any:
        from bconnect_enforce.speaker_node import Speaker

        given = {"speaker": name, "adapter": "file", "output_dir": str(self.tmp_path / "audio")}
        given |= self.own
        return self.add(Speaker, namespace=f"/demo/{name}", parameter_overrides=given | params)

    def citation(self, **params: Any) -> Any:
        from bconnect_enforce.citation_node import CitationNode

        given = {
            "site": "demo",
            "database": f"sqlite:///{self.tmp_path}/ledger.sqlite3",
            "evidence_dir": str(self.tmp_path / "evidence"),
        }
        given |= self.own
        return self.add(CitationNode, namespace="/demo", parameter_overrides=given | params)

    def listen(self, kind: Any, topic: str, qos: Any) -> list[Any]:
        """All messages of a topic under /demo, as they come."""
        found: list[Any] = []
        self.probe.create_subscription(kind, topic, found.append, qos)
        return found

    def publisher(self, kind: Any, topic: str, qos: Any, readers: int = 1) -> Any:
        """A publisher that its readers have found."""
        publisher = self.probe.create_publisher(kind, topic, qos)
        self._wait_for(lambda: publisher.get_subscription_count() >= readers)
        return Signed(self, publisher) if kind in ORDERS or kind is Violations else publisher

    def call(self, kind: Any, name: str, request: Any, timeout: float = 10.0) -> Any:
        client = self.probe.create_client(kind, name)
        try:
            self._wait_for(client.service_is_ready)
            future = client.call_async(self.sign(request) if type(request) in ORDERS else request)
            self._wait_for(future.done, timeout)
            return future.result()
        finally:
            self.probe.destroy_client(client)


class Signed:
    """A publisher of orders; what somebody signed already stays as it is."""

    def __init__(self, graph: Graph, publisher: Any) -> None:
        self._graph, self._publisher = graph, publisher

    def publish(self, m: Any) -> None:
        signed = m.signature if type(m) is Violations else m.key_id
        self._publisher.publish(m if signed else self._graph.sign(m))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._publisher, name)


@pytest.fixture
def graph(ros: Any, wait_for: Callable[..., Any], tmp_path: Path) -> Graph:
    return Graph(ros, wait_for, tmp_path)


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """A PostgreSQL server of our own."""
    import cluster

    if cluster.programs() is None:
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    with cluster.cluster() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of both kinds in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ledger.sqlite3"
        return
    with request.getfixturevalue("server").lent() as url:
        yield url
