"""The ladder as a node over real DDS: it watches, it spares, it remembers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bconnect_msgs import msg as messages

from bconnect_enforce import convert
from bconnect_enforce.convert_ladder import seen_from, sight_from
from bconnect_node.qos import EVENT, RECORD, STREAM
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import freeze
from bconnect_site.kinds import CitationStatus, Outcome, SpeakerStateKind, Step
from bconnect_site.loader import load_site

S = 1_000_000_000
SITE = """
site: demo
kind: corridor
title: Demo
timezone: Asia/Makassar
cameras:
  simpang_utara:
    source: "file:///nowhere.mp4"
    zones:
      bahu: {kind: no_parking, region: [[0.1, 0.2], [0.9, 0.2], [0.9, 1.0], [0.1, 1.0]],
             basis: sign S-12}
speakers:
  tiang_1: {adapter: file, hears: [simpang_utara]}
ladder:
  mode: enforcement
  policies: {default: [reprimand, announcement, citation]}
"""
PLACE = (300.0, 150.0, 400.0, 220.0)
GONE = (600.0, 150.0, 640.0, 220.0)


def finding_of(offence) -> messages.Finding:
    m = messages.Finding(
        id=offence.id, type=int(offence.type), site=offence.site, camera=offence.camera,
        zone=offence.zone, article=offence.article, started=convert.time(offence.stamp),
        image_width=640, image_height=360, measured=61.0, limit=float("nan"),
    )  # fmt: skip
    m.header.stamp = convert.time(offence.stamp)
    m.road_user.kind, m.road_user.track_id = int(offence.road_user), offence.track_id
    m.road_user.colour = messages.RoadUser.COLOUR_WHITE
    m.road_user.x_min, m.road_user.y_min, m.road_user.x_max, m.road_user.y_max = PLACE
    return m


def violation_of(violation) -> messages.Violation:
    (scene,) = violation.evidence
    file = messages.Evidence(kind=int(scene.kind), path=scene.path, sha256=scene.sha256)
    m = messages.Violation(finding=finding_of(violation.offence), evidence=[file])
    m.plate.state, m.plate.text = int(violation.plate_state), violation.plate
    m.header.stamp = m.finding.header.stamp
    return m


def tracks_of(stamp, track_id, box) -> messages.RoadUserArray:
    m = messages.RoadUserArray(image_width=640, image_height=360, kind=[4], track_id=[track_id])
    m.header.stamp = convert.time(stamp)
    m.x_min, m.y_min, m.x_max, m.y_max = ([side] for side in box)
    return m


class Street:
    """The tracks of one camera, looked at one by one."""

    def __init__(self, graph, node, wait_for):
        self.node, self.wait_for = node, wait_for
        self.tracks = graph.publisher(messages.RoadUserArray, "simpang_utara/tracks", STREAM)

    def drive(self, offence, *boxes, start=1.0, step=0.5):
        for n, box in enumerate(boxes):
            stamp = offence.stamp + int((start + n * step) * S)
            self.tracks.publish(tracks_of(stamp, offence.track_id, box))
            self.wait_for(lambda s=stamp: self.node._looked.get("simpang_utara", 0) >= s)


@pytest.mark.parametrize("obeys", [True, False])
def test_announcement_vehicle_moves_off_compliance_citation_withheld(
    obeys, graph, offence, violation, wait_for
):
    node = graph.ladder(SITE)
    measures = graph.listen(messages.Measure, "measures", RECORD)
    orders = graph.listen(messages.Announcement, "announcements", EVENT)
    compliance = graph.listen(messages.Compliance, "compliance", RECORD)
    findings = graph.publisher(messages.Finding, "findings", EVENT)
    violations = graph.publisher(messages.Violation, "violations", RECORD)
    states = graph.publisher(messages.SpeakerState, "speaker_state", RECORD)
    now = graph.probe.get_clock().now().nanoseconds
    found = offence(stamp=now)

    findings.publish(finding_of(found))
    wait_for(lambda: orders)
    (order,) = orders
    assert order.road_user_kind == messages.RoadUser.KIND_CAR
    assert order.colour == messages.RoadUser.COLOUR_WHITE
    street = Street(graph, node, wait_for)  # subscribed to only now that somebody is watched
    speaking = messages.SpeakerState(
        speaker="tiang_1", state=int(SpeakerStateKind.SPEAKING), announcement_id=order.id
    )
    states.publish(speaking)
    wait_for(lambda: order.id in node._ladder._spoken)
    street.drive(found, *[PLACE] * 4)
    violations.publish(violation_of(violation(stamp=now)))
    wait_for(lambda: node._ladder.waiting == 1)
    if obeys:
        street.drive(found, *[GONE] * 2, start=4.0)
    else:
        street.drive(found, *[PLACE] * 24, start=4.0, step=2.5)
    wait_for(lambda: compliance)
    (record,) = compliance
    assert (record.announcement_id, record.finding_id) == (order.id, found.id)
    assert (record.speaker, record.phrase) == ("tiang_1", "illegal_parking_reprimand")
    wait_for(lambda: node._ladder.waiting == 0)
    if obeys:
        assert record.outcome == Outcome.COMPLIED and record.delay == pytest.approx(4.0, abs=0.01)
        assert node._ladder.history.get(found.id).decided[Step.CITATION].taken is False
        assert [m.step for m in measures] == [Step.REPRIMAND, Step.ANNOUNCEMENT]
    else:
        assert record.outcome == Outcome.IGNORED
        wait_for(lambda: len(measures) == 3)
        assert measures[-1].step == Step.CITATION and "tidak diindahkan" in measures[-1].reason


def start_ladder(graph, tmp_path, name):
    from bconnect_enforce.ladder_node import Ladder

    site = tmp_path / "demo.yaml"
    site.write_text(SITE)
    frozen = freeze(load_site(site), tmp_path / "frozen.yaml")
    given = graph.own | {
        "site_file": str(frozen),
        "history_file": str(tmp_path / "history.sqlite3"),
    }
    return graph.add(Ladder, namespace="/demo", node_name=name, parameter_overrides=given)


def test_a_plates_history_survives_a_restart(graph, offence, violation, wait_for, tmp_path):
    measures = graph.listen(messages.Measure, "measures", RECORD)
    citations = graph.publisher(messages.Citation, "citations", RECORD, readers=0)
    first = start_ladder(graph, tmp_path, "ladder")
    violations = graph.publisher(messages.Violation, "violations", RECORD)
    plate = {"plate": "KT 1234 AB"}
    violations.publish(violation_of(replace(violation(1, track_id=7), **plate)))
    wait_for(lambda: len(measures) == 2)
    graph.remove(first)
    wait_for(lambda: violations.get_subscription_count() == 0)
    second = start_ladder(graph, tmp_path, "ladder_again")
    # what is still on the wire is said once more, the same
    wait_for(lambda: len(measures) == 4)
    told = [convert.measure_from(m) for m in measures]
    assert told[2:] == told[:2]
    wait_for(lambda: violations.get_subscription_count() == 1)
    later = offence().stamp + 3600 * S
    again = violation(2, stamp=later, track_id=3, camera="selatan")
    violations.publish(violation_of(replace(again, **plate)))
    wait_for(lambda: len(measures) == 6)
    assert {m.history for m in measures[4:]} == {1}
    assert second.health.last_error == ""
    # an officer rejects the first: it no longer counts
    wait_for(lambda: citations.get_subscription_count() == 1)
    rejected = messages.Citation(violation_id=violation(1).id, status=int(CitationStatus.REJECTED))
    citations.publish(rejected)
    wait_for(lambda: not second._ladder.history.get(violation(1).id).counts)
    third = violation(3, stamp=later + 3600 * S, camera="gerbang")
    violations.publish(violation_of(replace(third, **plate)))
    wait_for(lambda: len(measures) == 8)
    assert {m.history for m in measures[6:]} == {1}
    assert b"1234" not in (tmp_path / "history.sqlite3").read_bytes()


def test_a_broken_memory_is_said_and_survived(graph, violation, wait_for, tmp_path):
    (tmp_path / "history.sqlite3").write_bytes(b"no database" * 100)
    measures = graph.listen(messages.Measure, "measures", RECORD)
    node = start_ladder(graph, tmp_path, "ladder")
    assert node.health.last_error == (
        f"{tmp_path}/history.sqlite3: file is not a database; repeat offenders are not kept; "
        "the ladder goes on in memory"
    )
    violations = graph.publisher(messages.Violation, "violations", RECORD)
    violations.publish(violation_of(violation(1)))
    wait_for(lambda: [m.step for m in measures] == [Step.REPRIMAND, Step.CITATION])


def test_observe_only_by_message(graph, offence, wait_for):
    node = graph.ladder(SITE)
    measures = graph.listen(messages.Measure, "measures", RECORD)
    trust = graph.publisher(messages.RuleTrust, "rule_trust", RECORD)
    findings = graph.publisher(messages.Finding, "findings", EVENT)
    distrust = messages.RuleTrust(
        camera="simpang_utara", violation_type=int(offence().type), observe_only=True
    )
    trust.publish(distrust)
    wait_for(lambda: node._ladder._decider.observes(offence()))
    now = graph.probe.get_clock().now().nanoseconds
    findings.publish(finding_of(offence(1, stamp=now)))
    findings.publish(finding_of(offence(2, stamp=now, camera="selatan")))
    wait_for(lambda: measures)
    assert [m.camera for m in measures] == ["selatan"]


def test_tracks_are_let_go_when_nobody_is_watched(graph, offence, wait_for, monkeypatch):
    monkeypatch.setattr("bconnect_enforce.ladder_node.LINGER", 0)
    node = graph.ladder(SITE)
    findings = graph.publisher(messages.Finding, "findings", EVENT)
    tracks = graph.probe.create_publisher(messages.RoadUserArray, "simpang_utara/tracks", STREAM)
    assert tracks.get_subscription_count() == 0
    now = graph.probe.get_clock().now().nanoseconds
    findings.publish(finding_of(offence(stamp=now)))
    wait_for(lambda: tracks.get_subscription_count() == 1)
    # no tracks come: three seconds later the watch is over
    wait_for(lambda: tracks.get_subscription_count() == 0)
    assert node._tracks == {} and node._wanted == {} and node._looked == {}


def test_a_place_nobody_can_call_out_is_refused_at_start(graph):
    wrong = SITE.replace("basis: sign S-12", "basis: sign S-12, place: lajur_kirri")
    with pytest.raises(ConfigError) as refused:
        graph.ladder(wrong)
    assert str(refused.value) == (
        'cameras.simpang_utara.zones.bahu.place: no place is called "lajur_kirri" in '
        'phrases.yaml; did you mean "lajur_kiri"?'
    )


def test_messages_become_looks(offence):
    m = finding_of(offence())
    m.trail_x, m.trail_y = [0.5, 0.25], [0.5, 1.0]
    m.road_user.velocity_x, m.road_user.velocity_y = 3.0, 4.0
    sight = sight_from(m)
    assert sight.look.box == pytest.approx([side / 360 for side in PLACE])
    assert sight.look.speed == pytest.approx(5.0) and sight.measured == 61.0
    assert sight.trail == ((0.5 * 16 / 9, 0.5), (0.25 * 16 / 9, 1.0))
    assert sight_from(messages.Finding()) is None
    seen = seen_from(tracks_of(5 * S, 7, PLACE), "utara")
    assert (seen.stamp, seen.camera, seen.row(7), seen.row(8)) == (5 * S, "utara", 0, None)
    assert seen.look(0).box == pytest.approx(sight.look.box) and seen.speed is None
    broken = tracks_of(5 * S, 7, PLACE)
    broken.x_max = [1.0, 2.0]
    with pytest.raises(ValueError, match="1 road users, but a column"):
        seen_from(broken, "utara")
    assert len(seen_from(messages.RoadUserArray(), "utara").track_id) == 0


def test_what_waits_when_the_ladder_ends_is_decided_by_the_next(
    graph, offence, violation, wait_for, tmp_path
):
    measures = graph.listen(messages.Measure, "measures", RECORD)
    first = start_ladder(graph, tmp_path, "ladder")
    violations = graph.publisher(messages.Violation, "violations", RECORD)
    now = graph.probe.get_clock().now().nanoseconds
    violations.publish(violation_of(violation(1, stamp=now - 55 * S)))
    wait_for(lambda: first._ladder.waiting == 1)
    graph.remove(first)
    wait_for(lambda: violations.get_subscription_count() == 0)
    graph.probe.destroy_publisher(violations)  # and nobody repeats the violation
    start_ladder(graph, tmp_path, "ladder_again")
    wait_for(lambda: [m.step for m in measures if m.step == Step.CITATION], 20.0)


def test_a_hundred_violations_at_once_lose_no_measure(graph, violation, wait_for, tmp_path):
    """After a restart the last hundred come at once, and each calls for several measures."""
    site = SITE.replace("[reprimand, announcement, citation]", "[reprimand, sticker, citation]")
    violations = graph.publisher(messages.Violation, "violations", RECORD, readers=0)
    now = graph.probe.get_clock().now().nanoseconds
    for n in range(100):
        violations.publish(violation_of(violation(n, stamp=now - 55 * S)))
    measures = graph.listen(messages.Measure, "measures", RECORD)
    graph.ladder(site)
    wait_for(lambda: len({m.id for m in measures}) == 300, 20.0)
