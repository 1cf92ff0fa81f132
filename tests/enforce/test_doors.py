"""A stranger on the same domain: nothing it sends is spoken, written or towed.

Over real DDS, from a process of its own, which hears everything the site says.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bconnect_msgs import msg as messages
from bconnect_msgs.srv import ReviewCitation, UpdateStickerTask
from conftest import make_violation
from order_keys import make_orders
from stranger import Stranger
from test_roadside_nodes import SITE, WEBHOOK, rows, tow
from towing_service import SECRET, TowingService

from bconnect_enforce import convert
from bconnect_enforce.adapters.ledger import read_summary
from bconnect_enforce.convert_orders import fields_of, put
from bconnect_enforce.core.records import Announcement, identity
from bconnect_node import witness
from bconnect_node.qos import EVENT, RECORD, STATE
from bconnect_site.doors import TOLD_AGAIN, Door
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import freeze
from bconnect_site.keys import Keyring
from bconnect_site.kinds import Step
from bconnect_site.loader import load_site
from bconnect_site.orders import FIELDS, MEASURE, Refused, SignedOrder, sign_order
from bconnect_site.signer import Signer
from bconnect_site.trusted import read_trusted

S = 1_000_000_000
PHRASE = "speaker_test"
ALL = tuple(FIELDS)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    made = Stranger()
    yield made
    made.close()


@pytest.fixture
def guarded(graph: Any) -> Any:
    """The graph, where for each right there is a trusted key that has all others."""
    others = {f"all_but_{kind}": tuple(right for right in ALL if right != kind) for kind in ALL}
    make_orders(graph.orders, **others)
    return graph


class Under:
    """Signs under another key's id."""

    def __init__(self, key_id: str, ring: Any) -> None:
        self.key_id, self.sign = key_id, ring.sign


class Forger:
    """Every way to order something without being allowed to."""

    def __init__(self, graph: Any, kind: str, change: Callable[[Any], None]) -> None:
        self.graph, self.kind, self._change = graph, kind, change
        self._mute = Keyring.open(graph.orders / f"all_but_{kind}")
        self._own = Keyring.open(graph.tmp_path / "strangers_key")
        self._genuine = "desk" if kind in ("review", "tow_order", "sticker") else "ladder"
        self._numbers = iter(range(2_000_000_000 * S, 2_100_000_000 * S))

    def _signed(self, m: Any, ring: Any, expires: int, site: str = "demo") -> Any:
        m = copy.deepcopy(m)
        fields = fields_of(self.kind, m, site) | {"site": site}
        put(m, sign_order(ring, self.kind, fields, next(self._numbers), expires))
        return m

    def forgeries(self, m: Any) -> dict[str, tuple[Any, str]]:
        """Name to what is sent, and the reason it is refused for. `m` is not signed yet."""
        now = int(self.graph.probe.get_clock().now().nanoseconds)
        genuine = Keyring.open(self.graph.orders / self._genuine)
        soon = now + 60 * S
        tampered = self._signed(m, genuine, soon)
        self._change(tampered)
        longer = self._signed(m, genuine, now + 9 * S)
        longer.expires = convert.time(now + 60 * S)
        later = self._signed(m, genuine, soon)
        later.counter += 1
        bare = copy.deepcopy(m)
        bare.expires = convert.time(soon)
        named = copy.deepcopy(bare)
        named.key_id, named.counter, named.signature = genuine.key_id, 10**18, [7] * 64
        return {
            "unsigned": (bare, "unsigned"),
            "a made-up signature": (named, "bad signature"),
            "a key of its own": (self._signed(m, self._own, soon), "unknown key"),
            "its key under ours": (
                self._signed(m, Under(genuine.key_id, self._own), soon),
                "bad signature",
            ),
            "altered": (tampered, "bad signature"),
            "made to last": (longer, "bad signature"),
            "counted on": (later, "bad signature"),
            "expired": (self._signed(m, genuine, now - 1), "stale"),
            "for ever": (self._signed(m, genuine, now + 365 * 86_400 * S), "valid too long"),
            "without the right": (self._signed(m, self._mute, soon), "no right"),
            "of another site": (self._signed(m, genuine, soon, "elsewhere"), "bad signature"),
        }


def counted(node: Any, reasons: list[str]) -> bool:
    """Whether the node refused exactly these."""
    return all(
        node.health.dropped(f"refused: {reason}") == reasons.count(reason)
        for reason in {*reasons, "replayed"}
    )


def diagnosed(node: Any) -> dict[str, str]:
    return {pair.key: pair.value for pair in node.health.status().values}


# --- speaker


def announcement(graph: Any, n: int = 1) -> messages.Announcement:
    now = int(graph.probe.get_clock().now().nanoseconds)
    order = Announcement(f"id-{n}", "tiang_1", PHRASE, f"f{n}", 5, now, now + 60 * S)
    m = convert.announcement_to(order)
    m.expires = convert.time(0)
    return m


def louder(m: messages.Announcement) -> None:
    m.phrase = "wrong_way_warning"


def test_a_stranger_makes_no_pole_speak(guarded, stranger, wait_for):
    graph = guarded
    forger = Forger(graph, "announce", louder)
    node = graph.speaker()
    states = graph.listen(messages.SpeakerState, "speaker_state", STATE)
    heard = graph.listen(messages.Announcement, "announcements", EVENT)
    sent = []
    for m, reason in forger.forgeries(announcement(graph)).values():
        stranger.publish("/demo/announcements", m)
        sent.append(reason)
        wait_for(lambda: counted(node, sent))
    orders = graph.publisher(messages.Announcement, "announcements", EVENT, readers=2)
    orders.publish(announcement(graph, 2))
    wait_for(lambda: states and states[-1].spoken == 1, 20.0)
    assert states[-1].announcement_id == "id-2"
    # what was spoken once is said again by who heard it, also to a speaker that was started anew
    genuine = heard[-1]
    assert genuine.id == "id-2"
    stranger.publish("/demo/announcements", genuine)
    wait_for(lambda: node.health.dropped("refused: replayed") == 1)
    assert node.health.last_error == "announce: refused one by ladder used before"
    assert diagnosed(node)["refused_orders"] == str(len(sent) + 1)
    graph.remove(node)
    again = graph.speaker()
    wait_for(lambda: states[-1].spoken == 0)
    stranger.publish("/demo/announcements", genuine)
    wait_for(lambda: again.health.dropped("refused: replayed") == 1)
    orders.publish(announcement(graph, 3))
    wait_for(lambda: states[-1].spoken == 1, 20.0)
    spoken = [path.name for path in (graph.tmp_path / "audio").glob("*.wav")]
    assert len(spoken) == 2
    assert all(PHRASE in name for name in spoken)


# --- ledger


def harder(m: messages.Measure) -> None:
    m.step = messages.Measure.STEP_TOW


def test_a_stranger_writes_nothing_into_the_ledger(guarded, measure, stranger, wait_for):
    graph = guarded
    forger = Forger(graph, "measure", harder)
    node = graph.citation()
    path = graph.tmp_path / "ledger.sqlite3"
    heard = graph.listen(messages.Measure, "measures", RECORD)
    sent = []
    for m, reason in forger.forgeries(convert.measure_to(measure(1))).values():
        stranger.publish("/demo/measures", m)
        sent.append(reason)
        wait_for(lambda: counted(node, sent))
    measures = graph.publisher(messages.Measure, "measures", RECORD, readers=2)
    measures.publish(convert.measure_to(measure(2)))
    wait_for(lambda: read_summary(path).measures == {"citation": 1})
    stranger.publish("/demo/measures", heard[-1])
    wait_for(lambda: node.health.dropped("refused: replayed") == 1)
    assert read_summary(path).measures == {"citation": 1}
    # a restart: the middleware itself says it again, and that is no alarm
    graph.remove(node)
    again = graph.citation()
    wait_for(lambda: again.health.dropped(f"refused: {TOLD_AGAIN}") >= 1)
    assert "used before" not in again.health.last_error
    assert read_summary(path).measures == {"citation": 1}


def test_a_stranger_decides_no_citation(guarded, violation, measure, stranger, wait_for):
    graph = guarded
    from test_enforce_graph import violation_of

    def confirm(m: Any) -> None:
        m.decision = ReviewCitation.Request.DECISION_CONFIRM

    forger = Forger(graph, "review", confirm)
    node = graph.citation()
    citations = graph.listen(messages.Citation, "citations", RECORD)
    graph.publisher(messages.Measure, "measures", RECORD).publish(convert.measure_to(measure(1)))
    graph.publisher(messages.Violation, "violations", RECORD).publish(violation_of(violation(1)))
    wait_for(lambda: citations)
    request = ReviewCitation.Request(
        number=citations[0].number, decision=2, reviewer="Ipda Sari", reason="bukan"
    )
    sent = []
    for m, reason in forger.forgeries(request).values():
        answer = stranger.call("/demo/review_citation", "ReviewCitation", m)
        assert not answer["success"]
        assert answer["message"].startswith("review: refused one")
        sent.append(reason)
    assert counted(node, sent)
    assert graph.call(ReviewCitation, "review_citation", request).success
    answer = stranger.call("/demo/review_citation", "ReviewCitation", request)
    assert answer == {"success": False, "message": "review: refused one by desk used before"}
    wait_for(lambda: len(citations) == 2)
    assert [c.status for c in citations] == [1, 3]


# --- road


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[TowingService]:
    made = TowingService()
    monkeypatch.setenv("TOW_WEBHOOK", made.url)
    monkeypatch.setenv("TOW_SECRET", SECRET)
    yield made
    made.close()


def params(graph: Any, more: str = "") -> dict[str, str]:
    site = graph.tmp_path / "demo.yaml"
    site.write_text(SITE + more)
    made = freeze(load_site(site), graph.tmp_path / "state" / "frozen.yaml")
    database = f"sqlite:///{graph.tmp_path}/ledger.sqlite3"
    return graph.own | {"site_file": str(made), "database": database}


def asked(graph: Any, measure: Any, n: int, step: Step) -> messages.Measure:
    now = int(graph.probe.get_clock().now().nanoseconds)
    return convert.measure_to(replace(measure(n, step), stamp=now))


def test_a_stranger_sends_no_truck(guarded, measure, service, stranger, wait_for):
    graph = guarded
    from bconnect_enforce.tow_node import TowNode

    node = graph.add(TowNode, namespace="/demo", parameter_overrides=params(graph, WEBHOOK))
    path = graph.tmp_path / "ledger.sqlite3"
    jobs = graph.listen(messages.TowJob, "tow_jobs", RECORD)
    sent = []
    forger = Forger(graph, "measure", lambda m: setattr(m, "violation_id", "another"))
    for m, reason in forger.forgeries(asked(graph, measure, 1, Step.TOW)).values():
        stranger.publish("/demo/measures", m)
        sent.append(reason)
        wait_for(lambda: counted(node, sent))
    assert (jobs, rows(path)) == ([], [])
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    measures.publish(asked(graph, measure, 2, Step.TOW))
    wait_for(lambda: len(jobs) == 1)

    forger = Forger(graph, "tow_order", lambda m: setattr(m, "yard", "rumah saya"))
    before = sent
    yes = tow(identity(measure(2).violation_id, "tow"), messages.TowJob.STATUS_REQUESTED)
    sent = []
    for m, reason in forger.forgeries(yes).values():
        answer = stranger.call("/demo/update_tow_job", "UpdateTowJob", m)
        assert not answer["success"]
        assert answer["message"].startswith("tow_order: refused one")
        sent.append(reason)
    assert counted(node, before + sent)
    assert rows(path) == [(yes.id, 1, messages.TowJob.STATUS_PROPOSED)]
    assert service.heard == []
    graph.sign(yes)
    first = stranger.call("/demo/update_tow_job", "UpdateTowJob", yes)  # whoever carries it
    assert first["success"]
    wait_for(lambda: len(service.taken) == 1)
    second = stranger.call("/demo/update_tow_job", "UpdateTowJob", yes)
    assert second == {"success": False, "message": "tow_order: refused one by desk used before"}
    assert [said["ordered_by"] for said in service.taken] == ["Ipda Sari"]


def test_a_stranger_sends_no_officer(guarded, measure, stranger, wait_for):
    graph = guarded
    from bconnect_enforce.sticker_node import StickerNode

    given = params(graph, "\nsticker: {due: 600.0}\n")
    forger = Forger(graph, "measure", lambda m: setattr(m, "violation_id", "another"))
    node = graph.add(StickerNode, namespace="/demo", parameter_overrides=given)
    tasks = graph.listen(messages.StickerTask, "sticker_tasks", RECORD)
    sent = []
    for m, reason in forger.forgeries(asked(graph, measure, 1, Step.STICKER)).values():
        stranger.publish("/demo/measures", m)
        sent.append(reason)
        wait_for(lambda: counted(node, sent))
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    measures.publish(asked(graph, measure, 2, Step.STICKER))
    wait_for(lambda: len(tasks) == 1)
    forger = Forger(graph, "sticker", lambda m: setattr(m, "officer", "Aiptu Palsu"))
    taken = UpdateStickerTask.Request(
        id=tasks[0].id, status=messages.StickerTask.STATUS_ACKNOWLEDGED, officer="Aiptu Rudi"
    )
    for m, _ in forger.forgeries(taken).values():
        answer = stranger.call("/demo/update_sticker_task", "UpdateStickerTask", m)
        assert not answer["success"]
    assert graph.call(UpdateStickerTask, "update_sticker_task", taken).success
    statuses = [status for _, _, status in rows(graph.tmp_path / "ledger.sqlite3", "stickers")]
    assert statuses == [1, 2]


# --- the door itself


@pytest.mark.parametrize("node", ["speaker", "citation", "ladder"])
def test_there_is_no_way_to_leave_the_door_open(graph, node):
    """No list of keys, no node: nothing runs unsigned."""
    (graph.orders / "trusted.json").unlink()
    if node == "ladder":
        graph.orders.joinpath("ladder", "signing.key").write_text("spoilt")
        with pytest.raises(ConfigError, match="holds no Ed25519 private key"):
            graph.ladder(SITE)
        return
    with pytest.raises(ConfigError, match=r"trusted\.json: no such file or directory"):
        getattr(graph, node)()


@pytest.fixture
def house(tmp_path: Path) -> tuple[Path, Signer]:
    folder = make_orders(tmp_path / "orders")
    return folder, Signer(folder / "ladder")


def order_of(signer: Signer, now: int, kind: str = MEASURE) -> SignedOrder:
    fields = {n: "x" if t is str else 1 for n, t in FIELDS[kind].items()} | {"site": "demo"}
    return signer.sign(kind, fields, now, now + 60 * S)


def test_what_was_claimed_and_not_written_is_followed_after_a_restart(house):
    folder, signer = house
    door, order = Door.open(folder, "demo", "citation"), order_of(signer, 5 * S)
    door.claim(order, 5 * S)
    with pytest.raises(Refused, match="used before"):
        door.claim(order, 5 * S)
    door = Door.open(folder, "demo", "citation")  # killed before it was written
    door.claim(order, 5 * S)
    door.keep(order)
    with pytest.raises(Refused) as refused:
        Door.open(folder, "demo", "citation").claim(order, 5 * S)
    assert refused.value.reason == TOLD_AGAIN


def test_the_memory_outlives_a_kill_in_the_middle_of_a_line(house):
    folder, signer = house
    orders = [order_of(signer, n * S, "announce") for n in range(1, 6)]
    door = Door.open(folder, "demo", "pole")
    for order in orders:
        door.admit(order, 5 * S)
    file = folder / "used" / "pole"
    whole = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    for cut in range(len(whole)):
        file.write_bytes(whole[:cut])
        door = Door.open(folder, "demo", "pole")
        known = whole[:cut].count(b"\n")
        for order in orders[:known]:
            with pytest.raises(Refused, match="used before"):
                door.claim(order, 5 * S)
    file.write_bytes(b"\xff\x00 garbage\n" + whole)
    with pytest.raises(Refused, match="used before"):
        Door.open(folder, "demo", "pole").claim(orders[-1], 5 * S)


def test_the_file_stays_small_and_a_full_disk_holds_nobody_up(house, monkeypatch):
    folder, signer = house
    monkeypatch.setattr("bconnect_site.doors.MOST_LINES", 2000)
    door = Door.open(folder, "demo", "pole")
    last = None
    for n in range(1, 4500):
        last = order_of(signer, n, "announce")
        door.keep(last)
    assert len((folder / "used" / "pole").read_text().splitlines()) <= 2001
    (folder / "used" / "pole").unlink()
    (folder / "used" / "pole").mkdir()
    fresh = order_of(signer, 5 * S, "announce")
    door.admit(fresh, 5 * S)
    assert door.fault.endswith("pole: cannot be written: Is a directory")
    with pytest.raises(Refused, match="used before"):
        door.admit(fresh, 5 * S)
    with pytest.raises(ConfigError, match="it remembers which orders were followed"):
        Door.open(folder, "demo", "pole")


def test_an_order_for_one_street_is_worth_nothing_in_another(house):
    folder, signer = house
    order = order_of(signer, 5 * S, "announce")
    with pytest.raises(Refused, match="refused one for another site"):
        Door.open(folder, "elsewhere", "pole").admit(order, 5 * S)
    assert read_trusted(folder / "trusted.json")[signer.key_id].name == "ladder"


# --- violations


@pytest.mark.parametrize("node", ["citation", "ladder"])
def test_a_violation_nobody_sealed_is_none(graph, violation, stranger, wait_for, node):
    """Neither measure nor line of the ledger comes of what the site's evidence did not sign."""
    from test_enforce_graph import SITE as CORRIDOR
    from test_enforce_graph import stored, violation_of

    made = graph.citation() if node == "citation" else graph.ladder(CORRIDOR)
    measures = graph.listen(messages.Measure, "measures", RECORD)
    path = graph.tmp_path / "ledger.sqlite3"
    ring = Keyring.open(graph.orders / "evidence")
    bare, own, borrowed = (violation_of(violation(n)) for n in (1, 2, 3))
    witness.sign(own, Keyring.open(graph.tmp_path / "strangers_key"))
    witness.sign(borrowed, Under(ring.key_id, Keyring.open(graph.tmp_path / "strangers_key")))
    altered, later = (violation_of(violation(n)) for n in (4, 5))
    for m in (altered, later):
        witness.sign(m, ring)
    altered.finding.type = messages.Finding.TYPE_RED_LIGHT
    later.plate.text = "KT 1 A"
    desk = violation_of(violation(6))
    witness.sign(desk, Keyring.open(graph.orders / "desk"))
    forged = [
        (bare, "unsigned"), (own, "unknown key"), (borrowed, "bad signature"),
        (altered, "bad signature"), (later, "bad signature"), (desk, "unknown key"),
    ]  # fmt: skip
    sent = []
    for m, reason in forged:
        stranger.publish("/demo/violations", m)
        sent.append(reason)
        wait_for(lambda: counted(made, sent))
    graph.publisher(messages.Violation, "violations", RECORD).publish(violation_of(violation(7)))
    if node == "ladder":
        wait_for(lambda: len(measures) == 2)
        assert {m.violation_id for m in measures} == {violation(7).id}
    else:
        wait_for(lambda: stored(path) == [violation(7).id])
    assert made.health.last_error.startswith("violation: refused one")


def test_evidence_that_rotates_its_key_goes_on_being_believed(tmp_path):
    from test_enforce_graph import violation_of

    from bconnect_enforce.doorway import SealDoor

    class Told:
        def __init__(self):
            self.errors, self.drops = [], []
            self.error, self.drop = self.errors.append, self.drops.append

    orders, told = make_orders(tmp_path / "orders"), Told()
    moment = [10 * S]
    door = SealDoor(str(orders), str(tmp_path / "keys"), told, lambda: moment[0])
    m = violation_of(make_violation(1))
    assert not door.believes(m)
    ring = Keyring.open(tmp_path / "keys")
    witness.sign(m, ring)
    moment[0] += S
    assert door.believes(m)
    ring.rotate()
    witness.sign(m, ring)
    assert not door.believes(m)  # looked into the folder a moment ago
    moment[0] += S
    assert door.believes(m)
    assert told.drops == ["refused: unsigned", "refused: unknown key"]
