"""Map, wall and feed in a real browser, over rows as the listener writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.core.live import Happening, State
from bconnect_center.core.moments import HOUR, SECOND
from bconnect_center.core.roles import Role

SITE = "beruang_madu"
CAMERAS = ["simpang_utara", "simpang_selatan", "mt_haryono_1", "mt_haryono_putar"]
SCRIPT = "<script>document.title='owned'</script>"


class Road:
    """Writes what a listener would."""

    def __init__(self, centre: Any) -> None:
        self.centre, self.store = centre, LiveStore(centre.house.database)
        self.count = 0

    def states(self, *said: State) -> None:
        self.store.write(self.centre.clock(), said, [], {})

    def introduce(self, site: str = SITE, **told: Any) -> None:
        told = {
            "title": "Beruang Madu - Balikpapan Baru", "kind": "corridor",
            "latitude": -1.2463, "longitude": 116.8563,
            "cameras": {name: None for name in CAMERAS},
            "speakers": {"tiang_beruang_madu": {"hears": CAMERAS[:2], "quiet": ["22:00", "06:00"]}},
            "timezone": "Asia/Makassar",
        } | told  # fmt: skip
        self.states(State(site, "site", site, self.centre.clock(), told))

    def camera(self, name: str, state: int = 1, detail: str = "") -> None:
        now = self.centre.clock()
        told = {"state": state, "since": now - 60 * SECOND, "detail": detail}
        self.states(State(SITE, "camera", name, now, told))

    def finding(self, type_: int = 5, ahead: int = 0, site: str = SITE, **fields: Any) -> str:
        self.count += 1
        now = self.centre.clock()
        kind = fields.pop("kind", "finding")
        id_ = f"{kind}:f-{self.count}"
        h = Happening(id_, kind, site, fields.pop("camera", CAMERAS[0]), type_, now + ahead, fields)
        self.store.write(now, [], [(now, h)], {})
        return id_


@pytest.fixture
def road(centre: Any) -> Road:
    made = Road(centre)
    made.introduce()
    for name, state in zip(CAMERAS, (1, 3, 6, 2), strict=True):
        made.camera(name, state, "no new frame for 12 s" if state == 2 else "")
    now = centre.clock()
    made.states(
        State(SITE, "speaker", "tiang_beruang_madu", now, {"state": 1, "phrase": ""}),
        State("etle_01", "site", "etle_01", now, {
            "title": "Mobil ETLE 01", "kind": "vehicle", "latitude": None, "longitude": None,
            "cameras": {}, "speakers": {},
        }),
        State("etle_01", "vehicle", "etle_01", now,
              {"latitude": -1.2466, "longitude": 116.857, "fix": True}),
    )  # fmt: skip
    for type_ in (5, 4, 3, 1, 2):
        made.finding(type_)
    made.finding(kind="spoken", speaker="tiang_beruang_madu", phrase="illegal_parking_reprimand",
                 camera="")  # fmt: skip
    made.finding(kind="violation", plate_read=True)
    return made


def text(tab: Any, selector: str) -> str:
    return str(tab.page.locator(selector).first.inner_text())


def until(tab: Any, selector: str, words: str) -> None:
    """Until an element says so."""
    tab.page.locator(selector, has_text=words).first.wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_map_shows_states_and_vehicles_move(
    tab: Any, road: Road, shot: Any, wait_for: Any, theme: str
) -> None:
    tab.enter("validator", "/map")
    tab.page.emulate_media(color_scheme=theme)
    tab.page.wait_for_selector(".pin.vehicle")
    assert tab.page.locator(".pin.camera").count() == 4
    assert tab.page.locator(".leaflet-control-scale-line").count() == 1
    tab.page.locator("#line-state.good").wait_for()
    road.camera(CAMERAS[0], 5, SCRIPT)
    until(tab, ".things [data-name=simpang_utara]", "Obstructed")
    before = tab.page.locator(".pin.vehicle").bounding_box()
    told = {"latitude": -1.2466, "longitude": 116.8575, "fix": True}
    road.centre.clock.pass_(1)
    road.states(State("etle_01", "vehicle", "etle_01", road.centre.clock(), told))
    wait_for(lambda: tab.page.locator(".pin.vehicle").bounding_box()["x"] > before["x"] + 5)
    tab.page.click(".things [data-name=simpang_utara]")
    tab.page.wait_for_selector("#detail .mini li")
    assert SCRIPT in text(tab, "#detail")
    assert tab.page.title() != "owned"
    shot(tab, f"map-{theme}", whole=False)


def test_what_is_in_trouble_is_said(tab: Any, road: Road, shot: Any) -> None:
    now = road.centre.clock()
    told = {"level": 2, "message": "model.onnx: there is no such file"}
    road.states(State(SITE, "node", "detector", now, told))
    tab.enter("viewer", "/map")
    tab.page.locator("#line-state.good").wait_for()
    until(tab, f"[data-troubles={SITE}] li", "Detector: model.onnx")
    road.centre.clock.pass_(1)
    now = road.centre.clock()
    road.states(
        State(SITE, "node", "detector", now, {"level": 0, "message": "running"}),
        State(SITE, "process", SITE, now, {"state": "refused: live: no such domain"}),
    )
    until(tab, f"[data-troubles={SITE}] li", "no such domain")
    assert "model.onnx" not in text(tab, f"[data-troubles={SITE}]")
    shot(tab, "map-troubles", whole=False)


@pytest.mark.parametrize("path", ["/map", "/wall", "/feed", "/speak"])
def test_a_title_cannot_act(tab: Any, road: Road, path: str) -> None:
    road.introduce(title=f"{SCRIPT}</script>{SCRIPT}")
    tab.enter("supervisor", path)
    tab.page.locator("#line-state.good").wait_for()
    assert tab.page.title() != "owned"
    assert "<script>document.title='owned'" in tab.page.locator("main").text_content()


@pytest.mark.phone
def test_map_on_a_phone(tab: Any, road: Road, shot: Any) -> None:
    tab.enter("viewer", "/map")
    tab.page.wait_for_selector(".pin.vehicle")
    shot(tab, "map-phone")
    width = tab.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


def test_a_site_that_vanishes_says_since_when(tab: Any, road: Road, shot: Any) -> None:
    tab.enter("viewer", "/map")
    tab.page.locator("#line-state.good").wait_for()
    assert "Connected" in text(tab, f"[data-site-state={SITE}]")
    road.centre.clock.pass_(40)
    until(tab, f"[data-site-state={SITE}]", "Not heard since")
    assert "22:13:20" in text(tab, f"[data-site-state={SITE}]")
    assert "Not heard" in text(tab, ".things [data-name=simpang_utara]")
    shot(tab, "map-silent", whole=False)
    road.introduce()
    until(tab, f"[data-site-state={SITE}]", "Connected")


def test_feed_comes_by_itself_and_can_pause(tab: Any, road: Road, shot: Any, wait_for: Any) -> None:
    tab.enter("validator", "/feed")
    tab.page.locator("#line-state.good").wait_for()
    rows = tab.page.locator("#lines tr")
    assert rows.count() == 7
    assert "evidence sealed, plate read" in rows.nth(0).inner_text()
    assert tab.page.locator("#lines a[href^='/feed/case/']").count() == 1
    road.finding(9)
    wait_for(lambda: rows.count() == 8)
    assert "No helmet" in rows.nth(0).inner_text()
    shot(tab, "feed-light", whole=False)
    tab.page.click("#pause")
    road.finding(10)
    tab.page.wait_for_selector("#held:not([hidden])")
    assert rows.count() == 8
    tab.page.click("#pause")
    wait_for(lambda: rows.count() == 9)
    tab.page.select_option("select[name=kind]", "spoken")
    wait_for(lambda: rows.count() == 1)
    assert "Parking is not allowed here" in rows.nth(0).inner_text()


def test_a_clock_an_hour_ahead_is_flagged_and_sorted_by_when_heard(
    tab: Any, road: Road, shot: Any
) -> None:
    road.finding(11, ahead=HOUR)
    road.finding(12)
    tab.enter("viewer", "/feed")
    rows = tab.page.locator("#lines tr")
    assert "Illegal U-turn" in rows.nth(0).inner_text()
    assert "The site's clock is 1 h ahead" in rows.nth(1).inner_text()
    assert "23:13:20" in rows.nth(1).inner_text()
    shot(tab, "feed-clock", whole=False)


@pytest.mark.phone
def test_feed_on_a_phone_in_indonesian_and_dark(tab: Any, road: Road, shot: Any) -> None:
    road.finding(kind="spoken", speaker="tiang", phrase=SCRIPT, camera="")
    tab.enter("validator", "/feed")
    tab.page.emulate_media(color_scheme="dark")
    tab.page.click(".me summary")
    tab.page.click("button[value=id]")
    tab.page.wait_for_selector("#lines tr")
    shot(tab, "feed-phone-id")
    assert tab.page.title() != "owned"
    assert SCRIPT in text(tab, "#lines tr")
    assert "menerobos" in tab.page.locator("#lines").inner_text().lower()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390


RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize("path", ["/map", "/wall", "/feed", "/speak"])
def test_full_pages_are_accessible(tab: Any, road: Road, shot: Any, path: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    road.finding(11, ahead=HOUR)
    tab.enter("supervisor", path)
    tab.page.locator("#line-state.good").wait_for()
    if path == "/map":
        tab.page.locator(".pin.vehicle").wait_for()
        tab.page.click(".things [data-name=simpang_utara]")
        tab.page.locator("#detail .mini li").first.wait_for()
    for theme in ("light", "dark"):
        tab.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found = Axe().run(tab.page, options={"runOnly": {"type": "tag", "values": RULES}})
        told = [(v["id"], v["nodes"][0]["failureSummary"]) for v in found.response["violations"]]
        assert told == []
    tab.page.set_viewport_size({"width": 2560, "height": 1300})
    shot(tab, f"wide-{path[1:]}", whole=False)


def events(response: Any, count: int) -> list[tuple[str, Any]]:
    """(id, data) of a stream of events."""
    found: list[tuple[str, Any]] = []
    event: dict[str, str] = {}
    for row in response.iter_lines():
        name, _, value = row.partition(": ")
        event[name] = value
        if not row and "data" in event:
            found.append((event.get("id", ""), json.loads(event["data"])))
            event = {}
            if len(found) == count:
                break
    return found


def test_the_stream_goes_on_where_it_was_cut(centre: Any, road: Road) -> None:
    client = centre.client("viewer")
    last = road.store.last_line()
    for _ in range(3):
        road.finding(9)
    headers = {"last-event-id": str(last)}
    with client.stream("GET", "/api/feed/stream", headers=headers) as response:
        got = events(response, 3)
    assert [int(id_) for id_, _ in got] == [last + 1, last + 2, last + 3]
    assert {item["type"] for _, item in got} == {9}
    for bad in ("x", "-1", "9" * 19, ""):
        with client.stream("GET", "/api/feed/stream", headers={"last-event-id": bad}) as response:
            assert response.status_code == 200


def test_nobody_sees_sites_that_are_not_theirs(centre: Any, road: Road) -> None:
    centre.account("orang_lain", Role.VALIDATOR, frozenset({"etle_01"}))
    road.finding(9, site="etle_01")
    client = centre.client("orang_lain")
    items = client.get("/api/feed").json()
    assert {item["site"] for item in items} == {"etle_01"}
    assert client.get("/api/feed", params={"site": SITE}).json() == []
    assert {s["site"] for s in client.get("/api/live/states").json()} == {"etle_01"}
    for path in (f"/api/live/{SITE}/simpang_utara/still", f"/api/live/{SITE}/simpang_utara/last"):
        assert client.get(path).status_code == 404
    answer = client.get("/api/wall/stream", params={"camera": f"{SITE}/simpang_utara"})
    assert answer.status_code == 404
    assert SITE not in client.get("/map").text
    headers = {"last-event-id": "0"}
    with client.stream("GET", "/api/feed/stream", headers=headers) as response:
        assert events(response, 1)[0][1]["site"] == "etle_01"


def test_strangers_see_nothing(centre: Any, road: Road) -> None:
    client = centre.client()
    for path in ("/api/feed", "/api/feed/stream", "/api/live/stream", "/api/live/states",
                 f"/api/live/{SITE}/x/still", "/api/wall/stream?camera=a/b"):  # fmt: skip
        assert client.get(path).status_code == 401


def test_a_camera_that_is_away_is_no_error_and_looking_is_noted_once(
    centre: Any, road: Road
) -> None:
    client = centre.client("viewer")
    for _ in range(3):
        assert client.get(f"/api/live/{SITE}/simpang_utara/still").status_code == 204
    acts = [act for _, act in centre.house.audit.newest() if act.what == "picture"]
    assert [(act.who, act.subject) for act in acts] == [("viewer", f"{SITE}/simpang_utara")]
    again = centre.client("viewer")
    centre.clock.pass_(5)
    again.get(f"/api/live/{SITE}/simpang_utara/still")


@pytest.mark.parametrize(
    "path",
    ["/api/feed?before=0", "/api/feed?limit=100000", "/api/live/..%2f/x/still",
     f"/api/wall/stream?camera={SITE}/nope", "/api/wall/stream"],
)  # fmt: skip
def test_bad_questions_are_answered(centre: Any, road: Road, path: str) -> None:
    assert centre.client("viewer").get(path).status_code in (404, 422)


def test_filters_that_name_nothing_find_nothing(centre: Any, road: Road) -> None:
    client = centre.client("viewer")
    assert len(client.get("/api/feed", params={"site": SITE, "kind": "violation"}).json()) == 1
    for query in ({"site": "a\0b"}, {"kind": "nope"}, {"type": -5}, {"kind": "spoken", "type": 9}):
        assert client.get("/api/feed", params=query).json() == []


def test_cases_open_only_for_those_who_may(centre: Any, road: Road) -> None:
    assert all(not item["case"] for item in centre.client("viewer").get("/api/feed").json())
    assert any(item["case"] for item in centre.client("validator").get("/api/feed").json())
    assert centre.client("viewer").get("/feed/case/v-1").status_code == 403
    assert centre.client("validator").get("/feed/case/v-1").status_code == 404
