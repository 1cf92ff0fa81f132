"""The tow board and the stickers, as officers use them."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from case_maker import measure
from review_house import maker_of, write_file

from bconnect_center.core.roles import Role
from bconnect_center.settings import LiveSite
from bconnect_enforce.core import sticker, tow
from bconnect_enforce.core.records import StickerTask, TowJob
from bconnect_site.kinds import Colour, Step, TowStatus, ViolationType

SECOND = 1_000_000_000
SITE = """\
site: beruang_madu
kind: corridor
title: Beruang Madu - Balikpapan Baru
location: {latitude: -1.2463, longitude: 116.8563}
cameras: {simpang_utara: {source: "file:///dev/null"}}
tow: {yard: Gudang Manggar, trucks: [KT 8001 XA, KT 8002 XB]}
"""


@pytest.fixture
def centre_file(tmp_path: Path) -> Path:
    (tmp_path / "beruang_madu.yaml").write_text(SITE)
    return write_file(tmp_path, sites="beruang_madu.yaml")


@pytest.fixture
def propose(tmp_path: Path, centre: Any) -> Callable[..., Any]:
    """A first state of a tow or a sticker in the ledger."""
    made = maker_of(tmp_path)

    def put(step: Step, ago: float = 60.0, **kw: Any) -> Any:
        house = centre.house
        kw = {"colour": Colour.BLUE} | kw
        seen = made.seal(centre.clock() - int(ago * SECOND), ViolationType.ILLEGAL_PARKING, **kw)
        house.ledger.store_violation(seen, house.now())
        asked = measure(seen, step)
        stamp = centre.clock() - int(ago * SECOND)
        if step is Step.TOW:
            job: Any = replace(tow.proposed(asked, stamp), detail="Parkir 84 detik.")
            house.ledger.put_tow_job(job)
        else:
            job = sticker.requested(asked, stamp, 1800 * SECOND)
            house.ledger.put_sticker(job)
        return job

    return put


def newest(house: Any, kind: type, id_: str) -> Any:
    from bconnect_enforce.adapters.ledger import jobs

    with house.ledger.reading() as c:
        return jobs.history(c, kind, "beruang_madu", id_)[-1]


@pytest.mark.console("409")
def test_a_tow_from_the_yes_to_the_yard(
    tab: Any, centre: Any, propose: Any, shot: Any, wait_for: Callable[..., Any]
) -> None:
    job, other = propose(Step.TOW), propose(Step.TOW, 300, colour=Colour.RED)
    assert centre.house.faults == []
    tab.enter("operator", "/tow")
    page = tab.page
    card = page.locator(f"article[data-id='{job.id}']")
    assert "KT 1077 LC" not in page.inner_text("main")  # an operator does not see plates
    assert card.get_by_role("link", name="Directions").get_attribute("href").startswith("geo:-1.24")
    shot(tab, "tow")
    card.get_by_role("button", name="Yes, tow").click()
    assert page.input_value("#act-form [name=yard]") == "Gudang Manggar"
    page.fill("#act-form [name=truck]", "KT 1 A")
    page.keyboard.press("Enter")
    page.wait_for_selector("#act-fault:not([hidden])")
    assert "allowed: KT 8001 XA, KT 8002 XB" in page.inner_text("#act-fault")
    page.fill("#act-form [name=truck]", "KT 8001 XA")
    shot(tab, "tow_yes", whole=False)
    page.keyboard.press("Enter")
    moved = page.locator(f"section[aria-labelledby=column-REQUESTED] article[data-id='{job.id}']")
    moved.wait_for()
    now = newest(centre.house, TowJob, job.id)
    assert (now.status, now.ordered_by) == (TowStatus.REQUESTED, "Operator (operator)")
    for name, column in (
        ("Acknowledged", "ACKNOWLEDGED"),
        ("On the way", "EN_ROUTE"),
        ("Done", "DONE"),
    ):
        page.locator(f"article[data-id='{job.id}']").get_by_role("button", name=name).click()
        page.click("#act-now")
        page.locator(
            f"section[aria-labelledby=column-{column}] article[data-id='{job.id}']"
        ).wait_for()
    assert newest(centre.house, TowJob, job.id).yard == "Gudang Manggar"
    page.locator(f"article[data-id='{other.id}']").get_by_role("button", name="No").click()
    page.click("#act-now")
    assert page.locator("#act-dialog").is_visible()  # why not must be said
    page.fill("#act-form [name=detail]", "pengemudi datang")
    page.keyboard.press("Enter")
    page.wait_for_selector("#act-dialog", state="hidden")
    wait_for(lambda: newest(centre.house, TowJob, other.id).status is TowStatus.CANCELLED)
    shot(tab, "tow_after")
    acts = [act.what for _, act in centre.house.audit.newest()]
    assert "tow requested" in acts and "tow cancelled" in acts


def test_two_officers_and_an_old_proposal(centre: Any, propose: Any) -> None:
    job, old = propose(Step.TOW), propose(Step.TOW, 1000)
    first, second = centre.client("operator"), centre.client("validator")
    said = {"site": "beruang_madu", "revision": 1, "status": "requested"}
    assert first.post(f"/api/tow/{job.id}", json=said).status_code == 200
    answer = second.post(f"/api/tow/{job.id}", json=said | {"status": "cancelled", "detail": "x"})
    assert answer.status_code == 409 and "somebody else changed it" in answer.json()["detail"]
    answer = first.post(f"/api/tow/{old.id}", json=said)
    assert answer.status_code == 409 and "too old" in answer.json()["detail"]


def test_a_site_one_is_kept_from(centre: Any, propose: Any) -> None:
    job = propose(Step.TOW)
    centre.account("jauh", Role.OPERATOR, frozenset({"other"}))
    client = centre.client("jauh")
    assert client.get("/api/tow").json() == []
    said = {"site": "beruang_madu", "revision": 1, "status": "requested"}
    assert client.post(f"/api/tow/{job.id}", json=said).status_code == 404
    assert client.post(f"/api/tow/{job.id}", json=said | {"site": "other"}).status_code == 409
    assert centre.client("viewer").get("/api/tow").status_code == 403


@pytest.mark.phone
def test_stickers_on_a_phone(
    tab: Any, centre: Any, propose: Any, shot: Any, wait_for: Callable[..., Any]
) -> None:
    task = propose(Step.STICKER)
    propose(Step.STICKER, 1700, colour=Colour.RED)
    tab.enter("validator", "/stickers")
    page = tab.page
    card = page.locator(f"article[data-id='{task.id}']")
    assert "KT 1077 LC" in card.inner_text()
    shot(tab, "stickers")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    card.get_by_role("button", name="Take").click()
    page.locator(f"article[data-id='{task.id}'] >> text=taken by Validator (validator)").wait_for()
    page.locator(f"article[data-id='{task.id}']").get_by_role(
        "button", name="Sticker is on"
    ).click()
    page.fill("#act-form [name=detail]", "kaca depan <b>kiri</b>")
    page.keyboard.press("Enter")
    page.wait_for_selector("details >> text=Finished")
    assert newest(centre.house, StickerTask, task.id).detail == "kaca depan <b>kiri</b>"
    page.click("details summary:has-text('Finished')")
    assert "kaca depan <b>kiri</b>" in page.inner_text("details.card")
    shot(tab, "stickers_after")
    assert "plates seen" in [act.what for _, act in centre.house.audit.newest()]


def test_the_board_follows_what_others_say(tab: Any, centre: Any, propose: Any) -> None:
    job = propose(Step.TOW)
    tab.enter("operator", "/tow")
    said = {"site": "beruang_madu", "revision": 1, "status": "requested", "detail": "segera"}
    tab.page.wait_for_load_state("networkidle")
    assert centre.client("validator").post(f"/api/tow/{job.id}", json=said).status_code == 200
    tab.page.locator(
        f"section[aria-labelledby=column-REQUESTED] article[data-id='{job.id}']"
    ).wait_for()
    assert "requested by Validator (validator): segera" in tab.page.inner_text("main")


class Ear(BaseHTTPRequestHandler):
    """A site's listener that answers as it is told and keeps what it heard."""

    heard: ClassVar[list[dict[str, Any]]] = []
    says: ClassVar[dict[str, Any]] = {"done": True, "sentence": ""}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.heard.append(json.loads(body))
        told = json.dumps(self.says).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def ear() -> Iterator[str]:
    Ear.heard.clear()
    server = HTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_where_a_site_is_live_its_own_node_is_asked(
    ear: str, centre: Any, propose: Any, monkeypatch: Any
) -> None:
    job, task = propose(Step.TOW), propose(Step.STICKER)
    live = LiveSite(url=ear)
    monkeypatch.setitem(centre.house.file.live, "beruang_madu", live)
    client = centre.client("operator")
    said = {"site": "beruang_madu", "revision": 1, "status": "requested", "truck": "KT 8001 XA"}
    assert client.post(f"/api/tow/{job.id}", json=said).status_code == 200
    assert newest(centre.house, TowJob, job.id).revision == 1  # the node writes, not the page
    order = json.loads(Ear.heard[0]["signed"]) if "signed" in Ear.heard[0] else Ear.heard[0]
    assert order["kind"] == "tow_order" and order["fields"]["officer"] == "Operator (operator)"
    monkeypatch.setattr(Ear, "says", {"done": False, "sentence": "the proposal is too old"})
    taken = {"site": "beruang_madu", "revision": 1, "status": "acknowledged"}
    answer = client.post(f"/api/stickers/{task.id}", json=taken)
    assert answer.status_code == 409 and answer.json()["detail"] == "the proposal is too old"
    monkeypatch.setitem(centre.house.file.live, "beruang_madu", LiveSite(url="http://127.0.0.1:9"))
    answer = client.post(f"/api/stickers/{task.id}", json=taken)
    assert answer.status_code == 409 and "does not answer" in answer.json()["detail"]
    assert newest(centre.house, StickerTask, task.id).revision == 1
