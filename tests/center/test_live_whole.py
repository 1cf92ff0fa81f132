"""The whole of it: a site's messages, the listener, the pages in a browser."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bconnect_msgs import msg as messages
from sensor_msgs.msg import Image

sys.path.insert(0, str(Path(__file__).parent))

from live_street import SECOND, Street, picture
from test_live_speak import tone, wav_of

from bconnect_bringup.supervisor import Patience
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.core.live import State
from bconnect_center.core.roles import Role
from bconnect_center.listeners import Listeners
from bconnect_center.live_node import LiveNode
from bconnect_enforce.speaker_node import Speaker
from bconnect_node import qos
from bconnect_site.orders import TrustedKey
from bconnect_site.signer import Signer
from bconnect_site.trusted import write_trusted

Wait = Callable[..., Any]
FILE = "title: Pusat\nroot: state\nsites: [{site}]\nlanguage: en\nlive: {{{site}: {{}}}}\n"


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    path = tmp_path / "center.yaml"
    path.write_text(FILE.format(site="beruang_madu"), encoding="utf-8")
    return path


@pytest.fixture
def street(ros: Any, centre: Any, centre_file: Path, wait_for: Wait) -> Street:
    overrides = {"center": str(centre_file), "site": "beruang_madu"}
    node = ros.add(LiveNode, node_name="live", parameter_overrides=overrides)
    centre.clock.stamp = node.wall()
    for role in Role:  # the clock moved, and sessions with it
        centre.account(role.value, role)
    made = Street(ros.node("street"))
    made.introduce()
    wait_for(lambda: all(made.heard_by(f"{c}/tracks") for c in made.cameras))
    wait_for(lambda: made.heard_by("findings"))
    return made


def test_the_wall_shows_what_cameras_see(
    ros: Any, tab: Any, centre: Any, street: Street, shot: Any, wait_for: Wait
) -> None:
    eye = ros.node("eye")
    publishers = {}
    for camera, colour in zip(street.cameras, ((30, 120, 40), (120, 60, 20)), strict=True):
        street.camera(camera)
        topic = f"/beruang_madu/{camera}/image_raw"
        publishers[camera] = (eye.create_publisher(Image, topic, qos.SENSOR), colour)

    def shine() -> None:
        for publisher, colour in publishers.values():
            publisher.publish(picture(street.now(), colour))

    eye.create_timer(0.1, shine)
    tab.enter("viewer", "/wall")
    tiles = tab.page.locator(".tile[data-pictures]")
    wait_for(lambda: tiles.count() == 2)
    first = tab.page.locator("[data-camera='beruang_madu/simpang_utara']")
    wait_for(lambda: int(first.get_attribute("data-pictures")) > 3)
    first.locator(".state", has_text="OK").wait_for()
    colour = first.locator("canvas").evaluate(
        "c => [...c.getContext('2d').getImageData(20, 300, 1, 1).data]"
    )
    assert abs(colour[0] - 40) < 12 and abs(colour[1] - 120) < 12 and abs(colour[2] - 30) < 12
    shot(tab, "wall", whole=False)
    noted = {a.subject for _, a in centre.house.audit.newest() if a.what == "picture"}
    assert {f"beruang_madu/{camera}" for camera in street.cameras} <= noted
    # a camera that is not chosen is not sent; a page that is left sends nothing
    tab.page.click("details.noprint summary")
    tab.page.uncheck("input[value='beruang_madu/mt_haryono_1']")
    wait_for(lambda: publishers["mt_haryono_1"][0].get_subscription_count() == 0)
    assert publishers["simpang_utara"][0].get_subscription_count() == 1
    tab.go("/feed")
    wait_for(lambda: publishers["simpang_utara"][0].get_subscription_count() == 0)
    tab.go("/map")
    tab.page.click(".things [data-name=simpang_utara]")
    tab.page.locator("#detail img").wait_for()
    shot(tab, "map-picture", whole=False)


def test_what_is_found_is_on_the_page(
    tab: Any, street: Street, wait_for: Wait, centre: Any
) -> None:
    tab.enter("viewer", "/feed")
    tab.page.locator("#line-state.good").wait_for()
    street.finding("f-1", 9)
    tab.page.locator("#lines tr", has_text="No helmet").wait_for()
    street.say("announcements", id="a-1", speaker="tiang_beruang_madu", phrase="general_warning")
    street.say("speaker_state", speaker="tiang_beruang_madu", state=2, announcement_id="a-1",
               phrase="general_warning")  # fmt: skip
    tab.page.locator("#lines tr", has_text="Tiang Beruang Madu says").wait_for()


def test_an_order_of_a_page_reaches_the_pole(
    ros: Any, tab: Any, street: Street, wait_for: Wait, centre: Any
) -> None:
    heard = ros.collect(messages.Announcement, "/beruang_madu/announcements", qos.EVENT)
    centre.clock.stamp = centre.clock.stamp // (86400 * SECOND) * 86400 * SECOND + 4 * 3600 * SECOND
    for role in Role:
        centre.account(role.value, role)
    client = centre.client("operator")
    order = {"site": "beruang_madu", "speaker": "tiang_beruang_madu",
             "phrase": "general_reprimand", "why": "latihan"}  # fmt: skip
    answer = wait_for(lambda: client.post("/api/speak", json=order))
    wait_for(lambda: heard or (client.post("/api/speak", json=order).status_code == 200 and heard))
    assert heard[0].phrase == "general_reprimand" and len(heard[0].signature) == 64
    assert answer.status_code in (200, 503)  # 503: discovery had not found the pole yet
    said = client.get("/api/speak/log").json()
    street.say("speaker_state", speaker="tiang_beruang_madu", state=2,
               announcement_id=heard[0].id, phrase="general_reprimand")  # fmt: skip
    wait_for(lambda: {x["id"]: x["state"] for x in client.get("/api/speak/log").json()}[
        heard[0].id] == "began")  # fmt: skip
    assert heard[0].id in {x["id"] for x in said}


LISTEN = """
import sys, time
print("up", flush=True)
sys.exit(int(sys.argv[1])) if sys.argv[1] != "stay" else time.sleep(60)
"""


def test_listeners_are_started_again_and_end_with_the_centre(
    centre: Any, wait_for: Wait, centre_file: Path
) -> None:
    store = LiveStore(centre.house.database)
    what = ["1"]
    made = Listeners(
        centre.house,
        command=lambda site: (sys.executable, "-c", LISTEN, what[0]),
        patience=Patience(stop=3.0, first=0.05, longest=0.2),
    )
    made.start()
    try:
        cell = wait_for(lambda: store.cell("beruang_madu", "process", "beruang_madu"))
        assert cell.told["state"] in ("running", "waiting")
        log = centre.house.loaded.root / "log" / "beruang_madu.log"
        wait_for(lambda: log.exists() and log.read_text().count("up") >= 2)
    finally:
        made.close()
    assert made.running() == {}


def test_a_listener_that_refuses_says_why(centre: Any, wait_for: Wait) -> None:
    store = LiveStore(centre.house.database)
    made = Listeners(
        centre.house,
        command=lambda site: (sys.executable, "-c", LISTEN, "2"),
        patience=Patience(stop=3.0, first=0.05, longest=0.2),
    )
    made.start()
    try:
        wait_for(
            lambda: (
                (c := store.cell("beruang_madu", "process", "beruang_madu"))
                and c.told["state"].startswith("refused")
            )
        )
    finally:
        made.close()


def test_the_real_listener_runs_as_a_process(centre: Any, wait_for: Wait, ros: Any) -> None:
    made = Listeners(centre.house)
    made.start()
    store = LiveStore(centre.house.database)
    try:
        cell = wait_for(
            lambda: next((c for c in store.cells(kinds=["listener"])), None), timeout=30.0
        )
        assert cell.told["state"] == "listening"
        street = Street(ros.node("street"))
        street.introduce()
        wait_for(lambda: store.cell("beruang_madu", "site", "beruang_madu"), timeout=30.0)
    finally:
        made.close()
    assert made.running() == {}


def test_a_pole_that_trusts_the_centre_says_what_an_officer_recorded(
    ros: Any, street: Street, centre: Any, wait_for: Wait, tmp_path: Path
) -> None:
    centre.clock.stamp = street.now()
    orders = tmp_path / "orders"
    signer = Signer(centre.house.loaded.root / "keys")
    public = signer.keyring.publics()[signer.key_id]
    rights = frozenset({"announce"})
    orders.mkdir()
    write_trusted(orders / "trusted.json", [TrustedKey("pusat", public, rights)])
    given = {"speaker": "tiang_uji", "adapter": "file", "output_dir": str(tmp_path / "audio"),
             "orders_dir": str(orders)}  # fmt: skip
    ros.add(Speaker, namespace="/beruang_madu/tiang_uji", parameter_overrides=given)
    quiet = {"cameras": {}, "speakers": {"tiang_uji": {"hears": [], "quiet": None}}}
    told = State("beruang_madu", "site", "beruang_madu", street.now(), {"title": "x", **quiet})
    store = LiveStore(centre.house.database)
    wait_for(lambda: store.cell("beruang_madu", "speaker", "tiang_uji"))
    store.write(street.now(), [told], [], {})
    client = centre.client("operator")
    name = client.post("/api/speak/recording", content=wav_of(tone(1.0))).json()["name"]
    order = {"site": "beruang_madu", "speaker": "tiang_uji", "phrase": name, "why": "latihan"}
    answer = client.post("/api/speak", json=order)
    assert answer.status_code == 200, answer.text
    wait_for(lambda: client.get("/api/speak/log").json()[0]["state"] == "began")
    assert wait_for(lambda: list((tmp_path / "audio").glob(f"*{name}.wav")))
