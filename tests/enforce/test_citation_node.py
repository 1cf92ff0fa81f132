"""The citation node: what it stores, weighs and erases beside citations, over real DDS."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from bconnect_msgs import msg as messages
from bconnect_msgs.srv import ReviewCitation

from bconnect_enforce import convert
from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.records import Compliance
from bconnect_node.qos import RECORD
from bconnect_site.frozen import freeze
from bconnect_site.kinds import CitationStatus, Outcome, ViolationType
from bconnect_site.loader import load_site

ZONE = ZoneInfo("Asia/Makassar")
S = 1_000_000_000
DAY = 86_400 * S
SITE = """
site: demo
kind: corridor
title: Demo
cameras:
  simpang_utara: {source: "file:///nowhere.mp4"}
evidence: {retention_days: 30}
ledger:
  trust: {mark: 0.6, least: 3, marks: {red_light: 0.9}}
"""


@pytest.fixture
def site_file(tmp_path) -> str:
    path = tmp_path / "demo.yaml"
    path.write_text(SITE)
    return str(freeze(load_site(path), tmp_path / "frozen.yaml"))


def review(number: str, decision: int):
    return ReviewCitation.Request(
        number=number, decision=decision, reviewer="Sari", reason="bukan pelanggaran"
    )


def store(url: str, violation, measure, how_many: int, stamp: int) -> list[str]:
    """Pending citations of earlier; their numbers."""
    ledger = Ledger(url, ZONE, "demo")
    numbers = []
    for n in range(1, how_many + 1):
        ledger.store_measure(replace(measure(n), stamp=stamp), stamp)
        numbers.append(ledger.store_violation(violation(n, stamp=stamp), stamp)[0].number)
    ledger.close()
    return numbers


def test_compliance_is_stored_once(graph, database, wait_for):
    node = graph.citation(database=database)
    topic = graph.publisher(messages.Compliance, "compliance", RECORD)
    record = Compliance(
        "c1", "a1", "f1", "demo", "utara", "tiang_1", "parkir", ViolationType.ILLEGAL_PARKING,
        Outcome.COMPLIED, 5 * S, 9 * S, 4.0, "moved off",
    )  # fmt: skip
    strange = convert.compliance_to(replace(record, id="c2"))
    strange.outcome = 77
    for m in (strange, convert.compliance_to(record), convert.compliance_to(record)):
        topic.publish(m)
    reader = Ledger(database, ZONE, "demo", sole=False)
    wait_for(lambda: reader.compliance_by("speaker"))
    (found,) = reader.compliance_by("speaker")
    assert (found.complied, found.delay) == (1, 4.0)
    assert "77 is not a valid Outcome" in node.health.last_error
    reader.close()


def test_verdicts_disarm_a_rule_and_everybody_hears(
    graph, database, site_file, violation, measure, wait_for
):
    now = graph.probe.get_clock().now().nanoseconds
    numbers = store(database, violation, measure, 5, now - DAY)
    heard = graph.listen(messages.RuleTrust, "rule_trust", RECORD)
    graph.citation(database=database, site_file=site_file)
    for number in numbers:
        answer = graph.call(ReviewCitation, "review_citation", review(number, 2))
        assert answer.success, answer.message
    wait_for(lambda: heard and heard[-1].observe_only)
    trust = convert.trust_from(heard[-1])
    assert (trust.camera, trust.type) == ("simpang_utara", ViolationType.ILLEGAL_PARKING)
    assert trust.mark == 0.6
    assert 3 <= trust.decided <= 5
    assert trust.upheld == 0
    assert trust.high < 0.6
    # whoever comes later hears it as well
    late = graph.listen(messages.RuleTrust, "rule_trust", RECORD)
    wait_for(lambda: any(t.observe_only for t in late))
    ledger = Ledger(database, ZONE, "demo", sole=False)
    (event,) = ledger.events("back_off")
    assert (event.who, event.subject) == ("ledger", "simpang_utara/illegal_parking")
    ledger.close()


def test_what_may_be_kept_no_longer_goes_at_the_start(
    graph, database, site_file, violation, measure, wait_for, tmp_path
):
    now = graph.probe.get_clock().now().nanoseconds
    (number,) = store(database, violation, measure, 1, now - 80 * DAY)
    ledger = Ledger(database, ZONE, "demo", sole=False)
    ledger.review(Decision(number, CitationStatus.REJECTED, "Sari", "kabur"), now - 40 * DAY)
    folder = tmp_path / "evidence" / "1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"format": "bconnect-evidence/2", "sequence": 1}')
    (folder / "scene.jpg").write_bytes(b"face")
    graph.citation(database=database, site_file=site_file, keys_dir=str(tmp_path / "keys"))
    wait_for(lambda: ledger.events("erasure"))
    assert not (folder / "scene.jpg").exists()
    assert (folder / "erased.json").exists()
    assert ledger.case(number).last.reason == ""
    assert ledger.broken_line() is None
    ledger.close()


@pytest.mark.timeout(180)
def test_the_server_goes_away_while_the_node_works(graph, server, violation, measure, wait_for):
    """Nothing is lost, an officer gets a sentence, and all of it is written when it is back."""
    from test_enforce_graph import violation_of

    url = server.database()
    node = graph.citation(database=url)
    violations = graph.publisher(messages.Violation, "violations", RECORD)
    measures = graph.publisher(messages.Measure, "measures", RECORD)
    citations = graph.listen(messages.Citation, "citations", RECORD)

    def send(n: int) -> None:
        violations.publish(violation_of(violation(n)))
        measures.publish(convert.measure_to(measure(n)))

    send(1)
    wait_for(lambda: citations)
    server.stop("immediate")
    try:
        for n in range(2, 6):
            send(n)
        wait_for(lambda: "nothing is lost" in node.health.last_error, 30.0)
        answer = graph.call(
            ReviewCitation, "review_citation", review(citations[0].number, 1), timeout=30.0
        )
        assert not answer.success
        assert "not known to be written, the ledger is locked, away or" in answer.message
    finally:
        server.start()
    wait_for(lambda: len(citations) == 5, 60.0)
    answer = graph.call(
        ReviewCitation, "review_citation", review(citations[0].number, 1), timeout=30.0
    )
    assert answer.success, answer.message
    reader = Ledger(url, ZONE, "demo", sole=False)
    assert len(reader.current()) == 5
    assert reader.broken_line() is None
    reader.close()


def test_the_node_starts_while_the_server_is_away(graph, server, violation, measure, wait_for):
    from test_enforce_graph import violation_of

    url = server.database()
    server.stop()
    try:
        node = graph.citation(database=url)
        violations = graph.publisher(messages.Violation, "violations", RECORD)
        violations.publish(violation_of(violation(1)))
        wait_for(lambda: "nothing is lost" in node.health.last_error, 30.0)
    finally:
        server.start()

    def stored() -> bool:
        reader = Ledger(url, ZONE, "demo", sole=False)
        try:
            return bool(reader.manifests())
        finally:
            reader.close()

    wait_for(stored, 60.0)


def test_a_password_comes_from_the_environment(graph, server, monkeypatch):
    from bconnect_site.errors import ConfigError

    url = server.database()
    monkeypatch.setenv("LEDGER_URL", url)
    graph.citation(database="${LEDGER_URL}")
    monkeypatch.delenv("LEDGER_URL")
    with pytest.raises(ConfigError, match="database: the environment variable LEDGER_URL is not"):
        graph.citation(database="${LEDGER_URL}")


def test_what_a_command_centre_decides_is_published(graph, database, violation, measure, wait_for):
    (number,) = store(database, violation, measure, 1, 1_790_000_000 * S)
    heard = graph.listen(messages.Citation, "citations", RECORD)
    graph.citation(database=database, evidence_dir="")
    wait_for(lambda: [m.status for m in heard] == [CitationStatus.PENDING_REVIEW])
    beside = Ledger(database, ZONE, sole=False)
    try:
        decision = Decision(number, CitationStatus.REJECTED, "Budi (budi)", "bukan pelaku")
        line = beside.review(decision, 1_790_000_500 * S)
        other = beside.store_violation(
            replace(violation(9), offence=replace(violation(9).offence, site="elsewhere")), 1
        )
        assert other == []
        wait_for(lambda: len(heard) == 2)
    finally:
        beside.close()
    assert (heard[1].reviewer, heard[1].hash) == ("Budi (budi)", line.hash)
    # its own are not said twice
    answer = graph.call(ReviewCitation, "review_citation", review(number, 2))
    assert not answer.success and len(heard) == 2


@pytest.mark.parametrize("since", ["", "since: 2026-09-22"])
def test_what_is_the_centres_to_decide_is_not_decided_here(
    graph, database, tmp_path, violation, measure, wait_for, since
):
    """A case has one place where it is decided, by its local day: none is confirmed twice."""
    path = tmp_path / "demo.yaml"
    key = "age1" + "q" * 58
    centre = f"url: 'https://centre/intake', key: centre.pub, recipient: {key}, {since}"
    path.write_text(f"{SITE}centre: {{{centre}}}")
    frozen = str(freeze(load_site(path), tmp_path / "frozen.yaml"))
    before = int(datetime(2026, 9, 21, 23, 59, 59, tzinfo=ZONE).timestamp()) * S
    ledger = Ledger(database, ZONE, "demo")
    old, new, spoken_for = (
        ledger.store_violation(violation(n, stamp=stamp), stamp)
        or ledger.store_measure(replace(measure(n), stamp=stamp), stamp)
        for n, stamp in ((1, before), (2, before + S), (3, before + S))
    )
    ledger.review(Decision(spoken_for[0].number, CitationStatus.CONFIRMED, "Sari"), before + 2 * S)
    ledger.close()
    node = graph.citation(database=database, site_file=frozen, evidence_dir="")
    wait_for(lambda: "centre.since: 1 cases up to 2026-09-22" in node.health.last_error)

    def decided(number: str, decision: int):
        return graph.call(ReviewCitation, "review_citation", review(number, decision))

    request = ReviewCitation.Request
    for decision in (request.DECISION_CONFIRM, request.DECISION_REJECT, request.DECISION_WITHDRAW):
        answer = decided(new[0].number, decision)
        assert not answer.success and "hands its cases to the command centre" in answer.message
    assert decided(old[0].number, request.DECISION_CONFIRM).success == bool(since)
    assert decided(spoken_for[0].number, request.DECISION_WITHDRAW).success  # what was done here


def test_own_lines_are_not_news(database, violation, measure):
    from bconnect_enforce.bookkeeping import LineWatch

    ledger = Ledger(database, ZONE, "demo", sole=False)
    watch = LineWatch(most=2)
    watch.begin(ledger)
    ledger.store_violation(violation(1), 1)
    own = ledger.store_measure(measure(1), 1)
    watch.said(own)
    assert watch.news(ledger) == []
    ledger.store_violation(violation(2), 1)
    lines = ledger.store_measure(measure(2), 1)
    assert [line.hash for line in watch.news(ledger)] == [lines[0].hash]
    assert watch.news(ledger) == []
    watch.said(lines * 3)
    ledger.close()
