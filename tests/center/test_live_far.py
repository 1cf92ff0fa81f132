"""A site elsewhere: its relay, the wire by TLS, a real listener in a domain of its own."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bconnect_msgs.msg
import httpx
import pytest
from bconnect_msgs.srv import ReviewCitation
from sensor_msgs.msg import Image

sys.path.insert(0, str(Path(__file__).parent))

from live_street import SECOND, Street, picture

from bconnect_center import serve
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.adapters.token import token_of
from bconnect_center.house import House
from bconnect_center.listeners import Listeners
from bconnect_center.settings import load
from bconnect_node import qos
from bconnect_site.errors import ConfigError
from bconnect_site.orders import SignedOrder
from bconnect_site.signer import Signer
from bconnect_spool.adapters import zenoh_link
from bconnect_spool.relay_node import Relay

Wait = Callable[..., Any]
SITE = "beruang_madu"
CENTER = """\
title: Pusat
root: state
sites: [beruang_madu]
live: {{beruang_madu: {{bridge: true}}, etle_01: {{bridge: true}}}}
bridge:
  listen: tls/127.0.0.1:{port}
  ca: state/bridge/ca.pem
  certificate: state/bridge/pusat.pem
  certificate_key: state/bridge/pusat.key
"""


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def centre_file(tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "center.yaml"
    path.write_text(CENTER.format(port=port))
    for name in ("pusat", SITE):
        assert serve.main([str(path), "--papers", name]) == 0
    return path


@dataclass
class Far:
    """A street, its relay, and what the centre knows of it."""

    street: Street
    relay: Relay
    store: LiveStore
    door: httpx.Client


@pytest.fixture
def far(
    ros: Any,
    house: House,
    centre_file: Path,
    port: int,
    ros_domain: int,
    monkeypatch: pytest.MonkeyPatch,
    wait_for: Wait,
) -> Iterator[Far]:
    folder = centre_file.parent / "state" / "bridge"
    monkeypatch.setattr(zenoh_link, "CONNECT", 1.0)
    relay = ros.add(Relay, namespace=f"/{SITE}", parameter_overrides={
        "site": SITE, "endpoint": f"tls/localhost:{port}",
        "cameras": ["simpang_utara", "mt_haryono_1"], "ca": str(folder / "ca.pem"),
        "certificate": str(folder / f"{SITE}.pem"),
        "certificate_key": str(folder / f"{SITE}.key"),
    })  # fmt: skip
    street = Street(ros.node("street"))
    wait_for(lambda: street.heard_by("findings") and street.heard_by("site_info"))
    street.introduce()  # before there is any centre
    monkeypatch.setenv("ROS_DOMAIN_ID", str(ros_domain % 101 + 1))
    listeners = Listeners(house)
    listeners.start()
    store = LiveStore(house.database)
    try:
        cell = wait_for(
            lambda: next((c for c in store.cells(kinds=["listener"]) if c.site == SITE), None), 40.0
        )
        headers = {"authorization": f"Bearer {token_of(house.loaded.root)}"}
        with httpx.Client(base_url=cell.told["url"], headers=headers, timeout=12.0) as door:
            yield Far(street, relay, store, door)
        assert len(set(listeners.running().values())) == 1, "one process for all that dial in"
    finally:
        listeners.close()


def order(folder: Path, kind: str, fields: dict[str, Any], now: int) -> SignedOrder:
    return Signer(folder / "key").sign(kind, {"site": SITE, **fields}, now, now + 20 * SECOND)


def test_a_site_elsewhere_is_heard_seen_and_told(
    far: Far, ros: Any, tmp_path: Path, wait_for: Wait
) -> None:
    street, store, now = far.street, far.store, far.street.now()
    # what was said before the centre was there
    wait_for(lambda: store.cell(SITE, "site", SITE), 40.0)
    street.camera("simpang_utara")
    wait_for(lambda: street.finding("f-1") and [x for x in store.newest(9) if x.kind == "finding"],
             every=0.2)  # fmt: skip
    wait_for(lambda: store.cell(SITE, "camera", "simpang_utara"))

    eye = ros.node("eye")
    shows = eye.create_publisher(Image, f"/{SITE}/simpang_utara/image_raw", qos.SENSOR)
    eye.create_timer(0.05, lambda: shows.publish(picture(street.now())))
    assert shows.get_subscription_count() == 0, "no picture travels unwatched"
    still = wait_for(lambda: far.door.get("/still", params={"camera": "simpang_utara"}))
    assert still.status_code == 200 and still.content[:2] == b"\xff\xd8"
    wait_for(lambda: shows.get_subscription_count() == 0)

    said = order(tmp_path, "announce", {
        "id": "a-1", "speaker": "tiang", "phrase": "general_reprimand", "finding_id": "",
        "priority": 9, "road_user_kind": 0, "colour": 0, "place": "", "plate": "", "stamp": now,
    }, now)  # fmt: skip
    answer = far.door.post("/order", content=said.to_json()).json()
    assert answer == {"done": False, "sentence": "no loudspeaker of the site listens"}
    pole = ros.collect(bconnect_msgs.msg.Announcement, f"/{SITE}/announcements", qos.EVENT)
    wait_for(lambda: far.door.post("/order", content=said.to_json()).json()["done"])
    assert bytes(wait_for(lambda: pole)[0].signature) == said.signature

    asked: list[Any] = []

    def decide(request: Any, response: Any) -> Any:
        asked.append(request)
        response.success, response.message = False, "is not pending"
        return response

    desk = ros.node("desk")
    desk.create_service(ReviewCitation, f"/{SITE}/review_citation", decide)
    review = order(tmp_path, "review", {
        "number": "BC-beruang_madu-2026-000001", "decision": 1, "reviewer": "sari", "reason": "",
    }, now)  # fmt: skip

    def answered() -> Any:
        told = far.door.post("/order", content=review.to_json()).json()
        return told if asked else None

    assert wait_for(answered, 30.0) == {"done": False, "sentence": "is not pending"}
    assert asked[0].reviewer == "sari"
    assert far.relay.health.status().message == "joined"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("{bridge: true}, etle", "{bridge: true, domain: 4}, etle",
         "live.beruang_madu: bridge goes with neither domain nor url"),
        ("tls/127.0.0.1", "tcp/10.0.0.1", 'bridge.listen: found "tcp/10.0.0.1'),
        ("  ca: state/bridge/ca.pem\n", "", "bridge.ca: is missing"),
    ],
)  # fmt: skip
def test_mistakes_of_the_bridge_are_one_sentence(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    path = tmp_path / "center.yaml"
    path.write_text(CENTER.format(port=1).replace(old, new))
    with pytest.raises(ConfigError) as error:
        load(path)
    assert sentence in str(error.value)


def test_papers_are_for_sites_of_the_file_and_private(centre_file: Path) -> None:
    with pytest.raises(ConfigError, match='found "lain"; allowed: pusat, and the sites of live'):
        serve.main([str(centre_file), "--papers", "lain"])
    keys = list((centre_file.parent / "state" / "bridge").glob("*.key"))
    assert len(keys) == 3
    assert {os.stat(key).st_mode & 0o777 for key in keys} == {0o600}


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [("tcp/10.0.0.1:7447", "found tcp/10.0.0.1:7447; needs tls/host:port"),
     ("tls/pusat:7447", "there is no file ; ca, certificate and certificate_key must be")],
)  # fmt: skip
def test_a_relay_without_papers_does_not_start(ros: Any, endpoint: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=r"centre\.bridge: ") as error:
        Relay(parameter_overrides={"site": SITE, "endpoint": endpoint})
    assert sentence in str(error.value)
