"""Tow jobs and sticker tasks over real DDS, with a towing service on a real socket."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bconnect_msgs import msg as messages
from bconnect_msgs.srv import UpdateStickerTask, UpdateTowJob
from towing_service import SECRET, TowingService

from bconnect_enforce import convert
from bconnect_enforce.core.records import identity
from bconnect_node.qos import RECORD
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import freeze
from bconnect_site.kinds import Mode, Step
from bconnect_site.loader import load_site

S = 1_000_000_000
Job = messages.TowJob
Task = messages.StickerTask
SITE = """
site: demo
kind: corridor
title: Demo
location: {latitude: -1.25, longitude: 116.86}
cameras:
  simpang_utara: {source: "file:///nowhere.mp4"}
ladder: {mode: enforcement}
"""
WEBHOOK = """
tow:
  webhook: ${TOW_WEBHOOK}
  secret: ${TOW_SECRET}
  yard: Kantor Dishub
  trucks: [derek_1, derek_2]
  timeout: 0.5
"""


@pytest.fixture
def frozen(graph: Any, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The parameters both nodes take, for a site file."""

    def frozen(more: str = "") -> dict[str, str]:
        site = tmp_path / "demo.yaml"
        site.write_text(SITE + more)
        made = freeze(load_site(site), tmp_path / "state" / "frozen.yaml")
        database = f"sqlite:///{tmp_path}/ledger.sqlite3"
        return graph.own | {"site_file": str(made), "database": database}

    return frozen


@pytest.fixture
def start(graph: Any, frozen: Callable[..., dict[str, str]]) -> Callable[..., Any]:
    def start(node: str, more: str = "") -> Any:
        from bconnect_enforce.sticker_node import StickerNode
        from bconnect_enforce.tow_node import TowNode

        kind = {"tow": TowNode, "sticker": StickerNode}[node]
        return graph.add(kind, namespace="/demo", parameter_overrides=frozen(more))

    return start


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[TowingService]:
    made = TowingService()
    monkeypatch.setenv("TOW_WEBHOOK", made.url)
    monkeypatch.setenv("TOW_SECRET", SECRET)
    yield made
    made.close()


@pytest.fixture
def now(graph: Any) -> Callable[[], int]:
    return lambda: int(graph.probe.get_clock().now().nanoseconds)


@pytest.fixture
def asked(measure: Callable[..., Any], now: Callable[[], int]) -> Callable[..., Any]:
    """A measure of this moment, as its message."""

    def asked(n: int, step: Step, **fields: Any) -> messages.Measure:
        return convert.measure_to(replace(measure(n, step), stamp=now(), **fields))

    return asked


def complied(m: messages.Measure, outcome: int = messages.Compliance.OUTCOME_COMPLIED) -> Any:
    said = messages.Compliance(
        id=f"c-{m.violation_id}",
        finding_id=m.violation_id,
        site=m.site,
        phrase="illegal_parking_warning",
        outcome=outcome,
    )
    said.header.stamp = m.header.stamp
    return said


def tow(id_: str, status: int, officer: str = "Ipda Sari", **more: str) -> UpdateTowJob.Request:
    return UpdateTowJob.Request(id=id_, status=status, officer=officer, **more)


def states(jobs: list[Any], id_: str) -> list[int]:
    """The states of one job in the order they came, repetitions of a start left out."""
    found: dict[int, int] = {}
    for job in jobs:
        if job.id == id_:
            found.setdefault(job.revision, job.status)
    return [status for _, status in sorted(found.items())]


def rows(path: Path, table: str = "tow_jobs") -> list[tuple[str, int, int]]:
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone():
            return []
        query = f"SELECT id, revision, status FROM {table} ORDER BY id, revision"
        return [tuple(row) for row in connection.execute(query)]


# --- tow


def test_from_proposal_to_done(graph, start, service, asked, now, wait_for):
    jobs = graph.listen(Job, "tow_jobs", RECORD)
    start("tow", WEBHOOK)
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    proposal = asked(1, Step.TOW)
    for _ in range(3):
        measures.publish(proposal)
    measures.publish(asked(2, Step.STICKER))
    measures.publish(asked(3, Step.TOW, mode=Mode.SOCIALISATION))
    measures.publish(asked(4, Step.TOW))
    wait_for(lambda: len(jobs) == 2)
    job = jobs[0]
    assert job.id == identity(proposal.violation_id, "tow")
    assert (job.status, job.revision, job.ordered_by) == (Job.STATUS_PROPOSED, 1, "")
    assert job.detail == proposal.reason
    assert service.heard == []

    def update(status: int, officer: str = "Ipda Sari", **more: str) -> UpdateTowJob.Response:
        return graph.call(UpdateTowJob, "update_tow_job", tow(job.id, status, officer, **more))

    for status in (Job.STATUS_ACKNOWLEDGED, Job.STATUS_EN_ROUTE, Job.STATUS_DONE):
        answer = update(status, truck="derek_1")
        assert not answer.success
        assert "is proposed, cannot become" in answer.message
    assert update(Job.STATUS_REQUESTED, " ").message == 'officer: found ""; say who decides'
    refusal = update(Job.STATUS_REQUESTED, truck="gerobak")
    assert refusal.message == 'truck: found "gerobak", allowed: derek_1, derek_2'
    assert service.heard == []

    answer = update(Job.STATUS_REQUESTED)
    assert (answer.success, answer.job.ordered_by, answer.job.yard) == (
        True,
        "Ipda Sari",
        "Kantor Dishub",
    )
    second = update(Job.STATUS_REQUESTED, "Briptu Adi")
    assert "is requested, cannot become requested" in second.message
    assert update(Job.STATUS_ACKNOWLEDGED, "Budi (derek)").success
    assert update(Job.STATUS_EN_ROUTE).message == "truck: empty; say which one goes"
    assert update(Job.STATUS_EN_ROUTE, "Budi (derek)", truck="derek_2").success
    answer = update(Job.STATUS_DONE, "Budi (derek)")
    assert answer.message == f"{job.id}: done by Budi (derek)"
    assert "nothing more" in update(Job.STATUS_CANCELLED, detail="salah").message

    wait_for(lambda: len(service.taken) == 4)
    assert [(s["revision"], s["status"]) for s in service.taken] == [
        (2, "requested"),
        (3, "acknowledged"),
        (4, "en_route"),
        (5, "done"),
    ]
    first = service.taken[0]
    assert first["key"] == f"{job.id}-2"
    assert first["path"] == "/jobs?from=bconnect"
    assert first["ordered_by"] == "Ipda Sari"
    assert first["place"] == {"title": "Demo", "latitude": -1.25, "longitude": 116.86}
    assert service.taken[3]["truck"] == "derek_2"
    assert service.unsigned == 0
    wait_for(lambda: states(jobs, job.id) == [6, 1, 2, 3, 4])
    path = graph.tmp_path / "ledger.sqlite3"
    wait_for(lambda: len(rows(path, "tow_jobs")) == 6)


def test_a_vehicle_that_left_is_not_towed(graph, start, service, asked, wait_for):
    jobs = graph.listen(Job, "tow_jobs", RECORD)
    start("tow", WEBHOOK)
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    compliance = graph.publisher(messages.Compliance, "compliance", RECORD)
    before, ignored, early = (asked(n, Step.TOW) for n in (1, 2, 3))
    measures.publish(before)
    measures.publish(ignored)
    wait_for(lambda: len(jobs) == 2)
    compliance.publish(complied(ignored, messages.Compliance.OUTCOME_IGNORED))
    compliance.publish(complied(before))
    compliance.publish(complied(early))  # it left while its evidence was being sealed
    wait_for(lambda: states(jobs, jobs[0].id) == [Job.STATUS_PROPOSED, Job.STATUS_CANCELLED])
    assert jobs[-1].detail == (
        "cancelled by itself: the vehicle left after illegal_parking_warning was said"
    )
    measures.publish(early)
    id_ = identity(early.violation_id, "tow")
    wait_for(lambda: states(jobs, id_) == [Job.STATUS_PROPOSED, Job.STATUS_CANCELLED])
    answer = graph.call(UpdateTowJob, "update_tow_job", tow(id_, Job.STATUS_REQUESTED))
    assert "is cancelled" in answer.message
    assert states(jobs, identity(ignored.violation_id, "tow")) == [Job.STATUS_PROPOSED]
    assert service.heard == []


def test_after_the_yes_the_machine_only_says_what_it_saw(graph, start, service, asked, wait_for):
    jobs = graph.listen(Job, "tow_jobs", RECORD)
    start("tow", WEBHOOK)
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    compliance = graph.publisher(messages.Compliance, "compliance", RECORD)
    citations = graph.publisher(messages.Citation, "citations", RECORD)
    m = asked(1, Step.TOW)
    measures.publish(m)
    wait_for(lambda: jobs)
    id_ = jobs[0].id
    assert graph.call(UpdateTowJob, "update_tow_job", tow(id_, Job.STATUS_REQUESTED)).success
    for _ in range(3):
        compliance.publish(complied(m))
    wait_for(lambda: len(service.taken) == 2)
    assert (service.taken[1]["status"], service.taken[1]["revision"]) == ("requested", 3)
    assert service.taken[1]["detail"] == (
        "an officer must decide: the vehicle left after illegal_parking_warning was said"
    )
    rejected = messages.Citation(
        number="BC-demo-2026-000001",
        violation_id=m.violation_id,
        status=messages.Citation.STATUS_REJECTED,
        reviewer="Ipda Sari",
    )
    citations.publish(rejected)
    wait_for(lambda: len(service.taken) == 3)
    assert "BC-demo-2026-000001 was rejected by Ipda Sari" in service.taken[2]["detail"]
    no = graph.call(UpdateTowJob, "update_tow_job", tow(id_, Job.STATUS_CANCELLED))
    assert no.message == "detail: empty; say why it is cancelled"
    yes = tow(id_, Job.STATUS_CANCELLED, detail="mobil sudah pergi")
    assert graph.call(UpdateTowJob, "update_tow_job", yes).success
    wait_for(lambda: len(service.taken) == 4)
    assert service.taken[3]["detail"] == "cancelled by Ipda Sari: mobil sudah pergi"
    assert states(jobs, id_) == [6, 1, 1, 1, 5]


def test_nobody_says_yes_in_time(graph, start, asked, wait_for, monkeypatch):
    monkeypatch.setattr("bconnect_enforce.desk.LOOK", 0.05)
    jobs = graph.listen(Job, "tow_jobs", RECORD)
    start("tow", "\ntow: {propose_for: 0.3}\n")
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    measures.publish(asked(1, Step.TOW))
    wait_for(lambda: [j.status for j in jobs] == [Job.STATUS_PROPOSED, Job.STATUS_CANCELLED])
    assert jobs[1].detail == "cancelled by itself: nobody said yes within 0 s"


def test_an_old_offence_calls_nobody(graph, start, measure, now, wait_for):
    node = start("tow")
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    old = replace(measure(1, Step.TOW), stamp=now() - 27 * 3600 * S)
    measures.publish(convert.measure_to(old))
    wait_for(lambda: node.health.dropped("refused") == 1)
    assert "was asked for too long ago to send anybody" in node.health.last_error
    assert rows(graph.tmp_path / "ledger.sqlite3") == []


# --- the towing service


@pytest.mark.parametrize(("told", "plate"), [("false", ""), ("true", "KT 1234 AB")])
def test_which_vehicle_it_is(graph, start, service, asked, violation, wait_for, told, plate):
    """The driver must find the right one; its plate is told only where the site says so."""
    graph.citation()
    start("tow", WEBHOOK + f"  tell_plate: {told}\n")
    jobs = graph.listen(Job, "tow_jobs", RECORD)
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    violations = graph.publisher(messages.Violation, "violations", RECORD)
    made = violation(1)
    m = messages.Violation(manifest=made.manifest)
    m.finding.id, m.finding.site, m.finding.zone = made.id, "demo", "bahu"
    m.finding.type = int(made.offence.type)
    m.finding.road_user.kind = messages.RoadUser.KIND_CAR
    m.finding.road_user.colour = messages.RoadUser.COLOUR_WHITE
    m.plate.state, m.plate.text = messages.PlateReading.STATE_READ, "KT 1234 AB"
    violations.publish(m)
    path = graph.tmp_path / "ledger.sqlite3"
    wait_for(lambda: count(path, "violations") == 1)
    order(graph, asked, measures, jobs, wait_for, 1)
    wait_for(lambda: service.taken)
    assert service.taken[0]["vehicle"] == {
        "kind": "car",
        "colour": "white",
        "zone": "bahu",
        "plate": plate,
    }


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def order(graph: Any, asked: Any, measures: Any, jobs: list[Any], wait_for: Any, n: int) -> str:
    m = asked(n, Step.TOW)
    measures.publish(m)
    id_ = identity(m.violation_id, "tow")
    wait_for(lambda: states(jobs, id_))
    assert graph.call(UpdateTowJob, "update_tow_job", tow(id_, Job.STATUS_REQUESTED)).success
    return id_


def test_a_service_that_fails_is_told_again_in_order(graph, start, service, asked, wait_for):
    """500 twice, then 302 (never followed), then well; another job is not held up by it."""
    answers = {"bad": [500, 500, 302]}
    bad = ""

    def answer(said: dict[str, Any]) -> int:
        return answers["bad"].pop(0) if said["id"] == bad and answers["bad"] else 204

    jobs = graph.listen(Job, "tow_jobs", RECORD)
    node = start("tow", WEBHOOK)
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    bad = identity(asked(1, Step.TOW).violation_id, "tow")
    service.answer = answer
    assert order(graph, asked, measures, jobs, wait_for, 1) == bad
    other = order(graph, asked, measures, jobs, wait_for, 2)
    ack = tow(bad, Job.STATUS_ACKNOWLEDGED)
    assert graph.call(UpdateTowJob, "update_tow_job", ack).success
    wait_for(lambda: any(said["id"] == other for said in service.taken))
    wait_for(lambda: len(service.taken) == 3, 30.0)
    heard = [(said["revision"], said["key"]) for said in service.heard if said["id"] == bad]
    assert heard == [(2, f"{bad}-2")] * 4 + [(3, f"{bad}-3")]
    assert "answered" in node.health.last_error
    assert f"tow {bad} is told again in" in node.health.last_error


def test_a_service_that_hangs_or_goes_away(graph, start, service, asked, wait_for, frozen):
    """Nobody is held up by it, and what it missed it hears when it is back."""
    silent = [True]
    service.answer = lambda said: None if silent[0] else 200
    jobs = graph.listen(Job, "tow_jobs", RECORD)
    node = start("tow", WEBHOOK)
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    id_ = order(graph, asked, measures, jobs, wait_for, 1)
    wait_for(lambda: "no answer in time" in node.health.last_error)
    service.go_away()
    wait_for(lambda: "nobody listens there" in node.health.last_error, 20.0)
    ack = tow(id_, Job.STATUS_ACKNOWLEDGED)
    assert graph.call(UpdateTowJob, "update_tow_job", ack).success
    graph.remove(node)  # and we are started anew meanwhile
    assert service.taken == []
    silent[0] = False
    service.come_back()
    start("tow", WEBHOOK)
    wait_for(lambda: len(service.taken) == 2, 20.0)
    assert [(s["revision"], s["status"]) for s in service.taken] == [
        (2, "requested"),
        (3, "acknowledged"),
    ]


def test_it_ends_at_once_while_the_service_keeps_silent(graph, start, service, asked, wait_for):
    service.answer = lambda said: None
    jobs = graph.listen(Job, "tow_jobs", RECORD)
    node = start("tow", WEBHOOK.replace("timeout: 0.5", "timeout: 30.0"))
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    order(graph, asked, measures, jobs, wait_for, 1)
    wait_for(lambda: service.heard)
    graph.remove(node)
    assert node.left_behind == []


def test_a_measure_that_only_the_ledger_heard(graph, start, measure, now, violation, wait_for):
    """The ladder is gone, and we were down when it spoke."""
    graph.citation()
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    m = replace(measure(1, Step.TOW), stamp=now())
    measures.publish(convert.measure_to(m))
    wait_for(lambda: table_has(graph.tmp_path / "ledger.sqlite3", m.id))
    graph.probe.destroy_publisher(measures)
    jobs = graph.listen(Job, "tow_jobs", RECORD)
    start("tow")
    wait_for(lambda: [job.id for job in jobs] == [identity(m.violation_id, "tow")])


def test_what_was_asked_for_while_we_were_down_too_long_is_not_begun(
    graph, start, measure, now, wait_for
):
    """The ladder, still up, says it once more; the ledger knows when it was said first."""
    citation = graph.citation()
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    m = replace(measure(1, Step.TOW), stamp=now())
    measures.publish(convert.measure_to(m))
    path = graph.tmp_path / "ledger.sqlite3"
    wait_for(lambda: table_has(path, m.id))
    assert citation.health.last_error == ""
    node = start("tow", "\ntow: {propose_for: 0.001}\n")
    wait_for(lambda: node.health.dropped("refused") == 1)
    assert rows(path) == []


def table_has(path: Path, id_: str) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("SELECT 1 FROM measures WHERE id = ?", (id_,)).fetchone())


def test_a_locked_ledger_holds_up_nobody_and_loses_nothing(graph, start, asked, wait_for):
    node = start("tow")
    jobs = graph.listen(Job, "tow_jobs", RECORD)
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    path = graph.tmp_path / "ledger.sqlite3"
    wait_for(lambda: len(node._backlog) == 0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for n in range(5):
        measures.publish(asked(n, Step.TOW))
    wait_for(lambda: "locked by another process" in node.health.last_error)
    id_ = identity(asked(1, Step.TOW).violation_id, "tow")
    answer = graph.call(UpdateTowJob, "update_tow_job", tow(id_, Job.STATUS_REQUESTED), 20.0)
    assert answer.message.startswith("not known to be written: the ledger is locked or away")
    other.execute("ROLLBACK")
    other.close()
    wait_for(lambda: len(rows(path)) == 5, 20.0)
    wait_for(lambda: len(jobs) == 5)
    assert all(job.status == Job.STATUS_PROPOSED for job in jobs)  # what was given up stays so


@pytest.mark.parametrize(
    ("more", "env", "sentence"),
    [
        (WEBHOOK, {"TOW_SECRET": "x"}, "tow.webhook: the environment variable TOW_WEBHOOK"),
        (WEBHOOK, {"TOW_WEBHOOK": "http://h/x"}, "tow.secret: the environment variable TOW_SECRET"),
        (WEBHOOK, {"TOW_WEBHOOK": "ftp://h", "TOW_SECRET": "x"}, "tow.webhook: needs http://"),
        (WEBHOOK, {"TOW_WEBHOOK": "http://u:p@h/", "TOW_SECRET": "x"}, "without a user"),
    ],
)
def test_a_webhook_that_is_none_is_refused(start, monkeypatch, more, env, sentence):
    for name in ("TOW_WEBHOOK", "TOW_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refusal:
        start("tow", more)
    assert sentence in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1
    assert ":p@" not in str(refusal.value)


# --- with the ladder

LADDER = """
cameras:
  simpang_utara:
    source: "file:///nowhere.mp4"
    zones:
      bahu: {kind: no_parking, region: [[0.1, 0.2], [0.9, 0.2], [0.9, 1.0], [0.1, 1.0]],
             basis: sign S-12}
ladder:
  mode: MODE
  policies:
    default: [reprimand]
    illegal_parking: [{steps: [reprimand, sticker]}, {dwell: 60.0, steps: [tow]}]
"""


@pytest.mark.parametrize("mode", ["enforcement", "socialisation"])
def test_from_the_sealed_violation_to_the_officers(graph, violation, now, wait_for, mode):
    """The ladder asks, both nodes open their jobs; in socialisation nobody is asked anything."""
    from bconnect_enforce.sticker_node import StickerNode
    from bconnect_enforce.tow_node import TowNode

    head = "site: demo\nkind: corridor\ntitle: Demo\n"
    graph.ladder(head + LADDER.replace("MODE", mode))
    params = graph.own | {
        "site_file": str(graph.tmp_path / "frozen.yaml"),
        "database": f"sqlite:///{graph.tmp_path}/ledger.sqlite3",
    }
    for kind in (StickerNode, TowNode):
        graph.add(kind, namespace="/demo", parameter_overrides=params)
    jobs = graph.listen(Job, "tow_jobs", RECORD)
    tasks = graph.listen(Task, "sticker_tasks", RECORD)
    measures = graph.listen(messages.Measure, "measures", RECORD)
    violations = graph.publisher(messages.Violation, "violations", RECORD)
    made = violation(1, stamp=now())
    (scene,) = made.evidence
    m = messages.Violation(
        evidence=[messages.Evidence(kind=int(scene.kind), path=scene.path, sha256=scene.sha256)]
    )
    m.finding = messages.Finding(
        id=made.id, type=int(made.offence.type), site="demo", camera="simpang_utara", zone="bahu",
        started=convert.time(now() - 61 * S), image_width=640, image_height=360,
        measured=61.0, limit=60.0,
    )  # fmt: skip
    m.finding.header.stamp = m.header.stamp = convert.time(made.offence.stamp)
    violations.publish(m)
    if mode == "socialisation":
        wait_for(lambda: [m.step for m in measures] == [Step.REPRIMAND])
        graph.call(UpdateTowJob, "update_tow_job", tow("x", Job.STATUS_REQUESTED))
        assert len(measures) == 1
        assert (jobs, tasks) == ([], [])
        return
    wait_for(lambda: jobs and tasks)
    assert (jobs[0].status, jobs[0].ordered_by) == (Job.STATUS_PROPOSED, "")
    assert tasks[0].violation_id == jobs[0].violation_id == made.id
    assert "stiker" in tasks[0].detail
    assert "menunggu persetujuan petugas" in jobs[0].detail


# --- killed


def run_tow(params: dict[str, str]) -> subprocess.Popen[str]:
    code = "import sys; from bconnect_enforce.tow_node import main; sys.exit(main())"
    arguments = [part for key, value in params.items() for part in ("-p", f"{key}:={value}")]
    return subprocess.Popen(
        [sys.executable, "-c", code, "--ros-args", "-r", "__ns:=/demo", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ,
    )


def proposals(path: Path) -> set[str]:
    """Jobs that nobody said yes to."""
    return {i for i, _, _ in rows(path)} - {i for i, r, _ in rows(path) if r > 1}


def ask_again(graph: Any, client: Any, path: Path) -> bool:
    """Says yes to every proposal, as often as it takes: a server just killed is still found."""
    if client.service_is_ready():
        for id_ in proposals(path):
            client.call_async(graph.sign(tow(id_, Job.STATUS_REQUESTED)))
    return True


@pytest.mark.timeout(300)
def test_killed_at_any_moment_no_job_is_lost_or_doubled(graph, frozen, service, asked, wait_for):
    params = frozen(WEBHOOK)
    path = graph.tmp_path / "ledger.sqlite3"
    measures = graph.publisher(messages.Measure, "measures", RECORD, readers=0)
    client = graph.probe.create_client(UpdateTowJob, "update_tow_job")
    chance = random.Random(7)
    service.answer = lambda said: chance.choice((200, 200, 500))
    wanted: list[str] = []
    for _ in range(6):
        process = run_tow(params)
        try:
            wait_for(client.service_is_ready, 60.0)
            for _ in range(5):
                m = asked(len(wanted), Step.TOW)
                wanted.append(identity(m.violation_id, "tow"))
                measures.publish(m)
            enough = len(wanted) - chance.randint(0, 4)
            wait_for(lambda n=enough: len({id_ for id_, _, _ in rows(path)}) >= n, 60.0)
            before = len(service.heard)
            wait_for(
                lambda n=before: ask_again(graph, client, path) and len(service.heard) > n,
                60.0,
                0.2,
            )
        finally:
            process.kill()
            process.communicate()
    service.answer = lambda said: 200
    process = run_tow(params)
    try:
        wait_for(lambda: sorted({id_ for id_, _, _ in rows(path)}) == sorted(wanted), 60.0)
        wait_for(client.service_is_ready, 60.0)
        wait_for(lambda: ask_again(graph, client, path) and not proposals(path), 60.0, 0.2)
        wait_for(lambda: {said["id"] for said in service.taken} == set(wanted), 60.0)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert "Traceback" not in said
    assert sorted(rows(path)) == sorted((id_, n, s) for id_ in wanted for n, s in ((1, 6), (2, 1)))


# --- stickers


def sticker(id_: str, status: int, officer: str = "Aiptu Rudi", detail: str = "") -> Any:
    return UpdateStickerTask.Request(id=id_, status=status, officer=officer, detail=detail)


def test_a_sticker_is_asked_for_taken_and_done(graph, start, asked, wait_for):
    tasks = graph.listen(Task, "sticker_tasks", RECORD)
    start("sticker", "\nsticker: {due: 600.0}\n")
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    m = asked(1, Step.STICKER)
    for _ in range(3):
        measures.publish(m)
    measures.publish(asked(2, Step.TOW))
    measures.publish(asked(3, Step.STICKER, mode=Mode.SOCIALISATION))
    wait_for(lambda: tasks)
    (task,) = tasks
    assert task.id == identity(m.violation_id, "sticker")
    assert convert.ns(task.due) == convert.ns(m.header.stamp) + 600 * S

    def update(status: int, officer: str = "Aiptu Rudi", detail: str = "") -> Any:
        request = sticker(task.id, status, officer, detail)
        return graph.call(UpdateStickerTask, "update_sticker_task", request)

    assert update(Task.STATUS_ACKNOWLEDGED, "").message == 'officer: found ""; say who decides'
    assert update(Task.STATUS_ACKNOWLEDGED).task.officer == "Aiptu Rudi"
    assert not update(Task.STATUS_ACKNOWLEDGED, "Adi").success
    assert update(Task.STATUS_DONE).task.status == Task.STATUS_DONE
    assert "nothing more" in update(Task.STATUS_CANCELLED, detail="x").message
    unknown = graph.call(
        UpdateStickerTask, "update_sticker_task", sticker("nothing", Task.STATUS_DONE)
    )
    assert unknown.message == 'id: no job is called "nothing"'
    assert [task.status for task in tasks] == [1, 2, 3]


def test_a_sticker_ends_by_itself(graph, start, asked, wait_for, monkeypatch):
    monkeypatch.setattr("bconnect_enforce.desk.LOOK", 0.05)
    tasks = graph.listen(Task, "sticker_tasks", RECORD)
    start("sticker")
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    compliance = graph.publisher(messages.Compliance, "compliance", RECORD)
    soon, left = asked(1, Step.STICKER, due=1), asked(2, Step.STICKER)
    measures.publish(soon)
    measures.publish(left)
    wait_for(lambda: len(tasks) == 3)
    compliance.publish(complied(left))
    wait_for(lambda: len(tasks) == 4)
    details = {task.violation_id: task.detail for task in tasks if task.status == 4}
    assert details == {
        soon.violation_id: "cancelled by itself: its due time has passed",
        left.violation_id: (
            "cancelled by itself: the vehicle left after illegal_parking_warning was said"
        ),
    }
