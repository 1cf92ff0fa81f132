"""The listener on a real middleware: what a site says becomes rows."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sensor_msgs.msg import Image
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))

from live_street import SECOND, Street, at, picture

from bconnect_center.adapters.pictures import HEAD, NOBODY
from bconnect_center.adapters.tables import traffic
from bconnect_center.adapters.token import token_of
from bconnect_center.core.moments import HOUR
from bconnect_center.house import House
from bconnect_center.live_node import LiveNode
from bconnect_enforce.adapters.ledger import jobs
from bconnect_enforce.core.records import StickerTask, TowJob
from bconnect_node import qos
from bconnect_site.signer import Signer

Wait = Callable[..., Any]


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    path = tmp_path / "center.yaml"
    path.write_text(
        "title: Pusat\nroot: state\nsites: [beruang_madu]\nlive: {beruang_madu: {}}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def listener(ros: Any, house: House, centre_file: Path) -> LiveNode:
    overrides = {"center": str(centre_file), "site": "beruang_madu"}
    node: LiveNode = ros.add(LiveNode, node_name="live", parameter_overrides=overrides)
    node._filing._patience = 0
    return node


@pytest.fixture
def street(ros: Any, listener: LiveNode, wait_for: Wait) -> Street:
    made = Street(ros.node("street"))
    made.introduce()
    wait_for(lambda: all(made.heard_by(f"{c}/tracks") for c in made.cameras))
    wait_for(lambda: made.heard_by("findings") and made.heard_by("violations"))
    return made


@pytest.fixture
def door(house: House, listener: LiveNode) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {token_of(house.loaded.root)}"}
    url = f"http://127.0.0.1:{listener.gate.port}"
    with httpx.Client(base_url=url, headers=headers, timeout=10.0) as client:
        yield client


def cells(listener: LiveNode, kind: str) -> dict[str, Any]:
    return {cell.name: cell for cell in listener._store.cells(kinds=[kind])}


def lines(listener: LiveNode, kind: str = "") -> list[Any]:
    return [x for x in listener._store.newest(200) if not kind or x.kind == kind]


def test_a_site_introduces_itself(listener: LiveNode, street: Street, wait_for: Wait) -> None:
    cell = wait_for(lambda: cells(listener, "site").get("beruang_madu"))
    told = cell.told
    assert told["latitude"] == -1.2463 and "simpang_utara" in told["cameras"]
    assert told["speakers"]["tiang_balikpapan_baru"]["quiet"] == ["21:00", "06:30"]
    assert "${" not in json.dumps(told)  # no sources, no addresses
    own = wait_for(lambda: list(cells(listener, "listener").values()))[0]
    assert own.told["url"].endswith(str(listener.gate.port))


def test_states_are_kept_and_changes_told(
    listener: LiveNode, street: Street, wait_for: Wait
) -> None:
    street.camera("simpang_utara", 1)
    wait_for(lambda: cells(listener, "camera").get("simpang_utara"))
    street.camera("simpang_utara", 5, since=9, detail="<script>alert(1)</script>")
    wait_for(lambda: cells(listener, "camera")["simpang_utara"].told["state"] == 5)
    changed = wait_for(lambda: lines(listener, "camera"))
    assert changed[0].told["detail"] == "<script>alert(1)</script>"
    street.diagnose("/beruang_madu/detector", 2, "no weights")
    street.diagnose("/other_site/detector", 2, "not ours")
    node = wait_for(lambda: cells(listener, "node").get("detector"))
    assert node.told == {"level": 2, "message": "no weights"}
    assert len(cells(listener, "node")) == 1


def test_nothing_comes_twice(listener: LiveNode, street: Street, wait_for: Wait) -> None:
    for _ in range(3):
        street.finding("f-1")
    street.finding("f-2", 99)  # a kind this software does not know is kept as a number
    street.say("citations", number="BC-1", status=1, site=street.site, hash="aa", stamp=5)
    wait_for(lambda: len(lines(listener)) == 3)
    assert {x.id for x in lines(listener)} == {"finding:f-1", "finding:f-2", "citation:BC-1:aa"}


def test_another_sites_word_is_not_taken(
    listener: LiveNode, street: Street, wait_for: Wait
) -> None:
    street.finding("f-1", site="elsewhere")
    street.finding("f-2")
    wait_for(lambda: lines(listener))
    assert [x.id for x in lines(listener)] == ["finding:f-2"]


def test_a_case_reaches_the_ledger_once(
    listener: LiveNode, street: Street, wait_for: Wait, house: House
) -> None:
    street.say("measures", id="m-1", violation_id="v-1", site=street.site, step=4, mode=2)
    street.violation("v-1")
    street.violation("v-1")
    wait_for(lambda: house.ledger.pending())
    assert [c.violation_id for c in house.ledger.pending()] == ["v-1"]
    found = wait_for(lambda: lines(listener, "violation"))
    assert "KT 1234 AB" not in json.dumps(found[0].told)


def test_jobs_and_numbers_of_a_site_with_its_own_ledger(
    listener: LiveNode, street: Street, wait_for: Wait, house: House
) -> None:
    """On the board as they stand, though we did not hear their beginning."""
    said = {"site": street.site, "camera": "simpang_utara", "violation_type": 5}
    tow = {"id": "t-1", "violation_id": "v-1", **said}
    street.say("tow_jobs", status=2, revision=3, truck="KT 8001 XA", ordered_by="Budi", **tow)
    street.say("tow_jobs", status=1, revision=2, **tow)  # older, and told again
    street.say("sticker_tasks", id="s-1", violation_id="v-2", status=1, revision=1, **said)
    street.say("citations", number="BC-x-7", violation_id="v-1", status=2, stamp=9, **said)

    def newest(kind: Any) -> list[Any]:
        with house.ledger.reading() as c:
            return jobs.newest(c, kind, street.site)

    wait_for(lambda: newest(TowJob) and newest(StickerTask))
    (job,), (task,) = newest(TowJob), newest(StickerTask)
    assert (job.id, job.revision, job.truck, job.status.name) == (
        "t-1", 3, "KT 8001 XA", "ACKNOWLEDGED",
    )  # fmt: skip
    assert task.id == "s-1"
    there = wait_for(lambda: listener._store.site_citation("v-1"))
    assert (there.number, there.status, there.stamp) == ("BC-x-7", 2, 9)
    street.say("tow_jobs", status=4, revision=4, truck="KT 8001 XA", **tow)
    wait_for(lambda: newest(TowJob)[0].status.name == "DONE")


def test_road_users_are_counted_once_each(
    listener: LiveNode, street: Street, wait_for: Wait
) -> None:
    listener._writing._counted = listener.wall()
    start = street.now() // HOUR * HOUR
    for i in range(8):
        street.tracks("simpang_utara", [1, 2, 0], [3, 4, 4], start + i * SECOND // 10)
    street.tracks("simpang_utara", [3], [4], start + SECOND)  # seen once: counts for nothing
    wait_for(lambda: len(listener._writing._passing) == 3)
    listener._writing._counted = 0
    listener._beat()

    def rows() -> list[Any]:
        with listener._store._database.reading() as c:
            return list(c.execute(select(traffic)))

    found = wait_for(rows)
    assert sorted((r.camera, r.hour, r.road_user, r.count) for r in found) == [
        ("simpang_utara", start, 3, 1),
        ("simpang_utara", start, 4, 1),
    ]


def test_a_vehicle_moves(listener: LiveNode, street: Street, wait_for: Wait) -> None:
    street.say("fix", latitude=-1.25, longitude=116.85)
    wait_for(lambda: cells(listener, "vehicle"))
    street.say("fix", latitude=-1.26, longitude=116.85)
    wait_for(lambda: cells(listener, "vehicle")[street.site].told["latitude"] == -1.26)


def test_a_clock_an_hour_off_is_kept_as_it_was(
    listener: LiveNode, street: Street, wait_for: Wait
) -> None:
    street.finding("f-0")
    street.ahead = HOUR
    street.finding("f-1")
    street.diagnose("/beruang_madu/detector")
    clock = wait_for(lambda: cells(listener, "clock").get(street.site))
    assert abs(clock.told["ahead"] - 3600) <= 2
    found = wait_for(lambda: len(lines(listener)) == 2 and lines(listener))
    assert [x.id for x in found] == ["finding:f-1", "finding:f-0"]
    assert found[0].stamp - found[0].heard > HOUR - 60 * SECOND


def frames(stream: httpx.Response) -> Iterator[tuple[int, int, bytes]]:
    data = b""
    for piece in stream.iter_bytes():
        data += piece
        while len(data) >= HEAD.size:
            number, stamp, length = HEAD.unpack(data[: HEAD.size])
            if len(data) < HEAD.size + length:
                break
            yield number, stamp, data[HEAD.size : HEAD.size + length]
            data = data[HEAD.size + length :]


def test_pictures_only_while_watched(
    ros: Any, listener: LiveNode, street: Street, door: httpx.Client, wait_for: Wait
) -> None:
    eye = ros.node("eye")
    publisher = eye.create_publisher(Image, "/beruang_madu/simpang_utara/image_raw", qos.SENSOR)
    assert publisher.get_subscription_count() == 0
    eye.create_timer(0.05, lambda: publisher.publish(picture(street.now())))
    heads: list[set[int]] = []

    def watch() -> None:
        seen: set[int] = set()
        with door.stream(
            "GET", "/pictures", params={"camera": ["simpang_utara", "mt_haryono_1"]}
        ) as stream:
            for number, stamp, data in frames(stream):
                seen.add(number)
                if number != NOBODY:
                    assert data[:2] == b"\xff\xd8" and stamp > 0
                if seen >= {0, NOBODY} or len(seen) > 2:
                    break
        heads.append(seen)

    watchers = [threading.Thread(target=watch) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    wait_for(lambda: publisher.get_subscription_count() == 1)  # two watch, one subscription
    assert door.get("/still", params={"camera": "simpang_utara"}).content[:2] == b"\xff\xd8"
    eye.destroy_timer(next(iter(eye.timers)))
    for watcher in watchers:
        watcher.join(20.0)
    assert heads == [{0, NOBODY}, {0, NOBODY}]
    wait_for(lambda: publisher.get_subscription_count() == 0)
    assert listener._gallery.watched() == []


def test_the_door_knows_its_own(door: httpx.Client, listener: LiveNode, street: Street) -> None:
    url = f"http://127.0.0.1:{listener.gate.port}"
    assert httpx.get(f"{url}/healthz").status_code == 401
    assert door.get("/healthz").json()["watched"] == []
    assert door.get("/pictures", params={"camera": "../etc"}).status_code == 404
    assert door.get("/still", params={"camera": "nope"}).status_code == 404
    assert door.post("/order", content=b"x" * 30_000).status_code == 413
    assert door.post("/order", content=b"{").json()["done"] is False


def test_orders_are_relayed_as_signed(
    ros: Any, listener: LiveNode, street: Street, door: httpx.Client, wait_for: Wait, tmp_path: Path
) -> None:
    signer, now = Signer(tmp_path / "key"), street.now()
    fields = {
        "site": "beruang_madu", "id": "a-1", "speaker": "tiang", "phrase": "general_reprimand",
        "finding_id": "", "priority": 9, "road_user_kind": 0, "colour": 0, "place": "", "plate": "",
        "stamp": now,
    }  # fmt: skip
    order = signer.sign("announce", fields, now, now + 20 * SECOND)
    assert "no loudspeaker" in door.post("/order", content=order.to_json()).json()["sentence"]
    import bconnect_msgs.msg

    heard = ros.collect(bconnect_msgs.msg.Announcement, "/beruang_madu/announcements", qos.EVENT)
    wait_for(lambda: door.post("/order", content=order.to_json()).json()["done"])
    m = wait_for(lambda: heard)[0]
    assert (m.id, m.phrase, m.key_id, m.counter) == (
        "a-1", "general_reprimand", order.key_id, order.counter,
    )  # fmt: skip
    assert bytes(m.signature) == order.signature and m.header.stamp == at(now)
    other = signer.sign("announce", {**fields, "site": "elsewhere"}, now, now + 20 * SECOND)
    assert door.post("/order", content=other.to_json()).json()["done"] is False
