"""What the demo counts, when it is over, and what it says at the end."""

from __future__ import annotations

from pathlib import Path

from bconnect_bringup.summary import summarise
from bconnect_bringup.tally import Recent, Said, Sealed, Tally
from bconnect_site.kinds import ViolationType
from bconnect_site.plan import StateLayout


def test_frames_and_road_users_are_counted_once() -> None:
    tally = Tally(["a", "b"])
    tally.on_tracks("a", [1, 2, 0])
    tally.on_tracks("a", [2, 3])
    tally.on_tracks("b", [1])
    assert (tally.cameras["a"].frames, tally.cameras["a"].road_users.total) == (2, 3)
    assert (tally.cameras["b"].frames, tally.cameras["b"].road_users.total) == (1, 1)


def test_a_long_run_is_forgotten_but_counted() -> None:
    seen: Recent[None] = Recent(limit=100)
    for key in range(10_000):
        seen.put(key, None)
        seen.put(key, None)
    assert (seen.total, len(seen)) == (10_000, 100)


def test_it_is_over_when_every_camera_has_ended() -> None:
    tally = Tally(["a", "b"])
    tally.on_camera("a", "ended", "")
    assert not tally.ended()
    tally.on_camera("b", "ended", "")
    assert tally.ended()


def test_in_flight_until_sealed_cited_and_spoken() -> None:
    tally = Tally(["a"])
    assert tally.in_flight() == []
    tally.on_finding("v", ViolationType.WRONG_WAY)
    assert tally.in_flight() == ["1 findings without sealed evidence"]
    tally.on_violation("v", Sealed("a", ViolationType.WRONG_WAY, ("x/annotated.jpg",), ()))
    tally.on_speaker("tiang", True, "n", Said("tiang", "p", ""), 0)
    tally.on_referral("v")
    assert tally.in_flight() == ["1 citations not in the ledger yet", "tiang is speaking"]
    assert not tally.complete()
    tally.on_citation("v", "BC-x-2026-000001")
    tally.on_speaker("tiang", False, "n", Said("tiang", "p", "/x/p.wav"), 1)
    assert tally.in_flight() == []
    assert tally.complete()


def test_a_repeated_message_is_no_news() -> None:
    tally = Tally(["a"])
    assert tally.on_finding("v", ViolationType.WRONG_WAY)
    changes = tally.changes
    assert not tally.on_finding("v", ViolationType.WRONG_WAY)
    assert tally.by_type == {ViolationType.WRONG_WAY: 1}
    assert tally.changes == changes


def test_a_muted_speaker_that_says_nothing_did_not_speak() -> None:
    tally = Tally(["a"])
    assert not tally.on_speaker("tiang", False, "", Said("tiang", "", ""), 0)
    assert tally.announcements() == 0


def test_the_summary_names_what_a_person_looks_for(tmp_path: Path) -> None:
    tally = Tally(["plaza"])
    tally.on_tracks("plaza", [1])
    tally.on_camera("plaza", "ended", "")
    tally.on_finding("v", ViolationType.ILLEGAL_PARKING)
    missing = ("clip: the ring no longer held it",)
    tally.on_violation(
        "v", Sealed("plaza", ViolationType.ILLEGAL_PARKING, ("d/annotated.jpg",), missing)
    )
    tally.on_speaker("tiang", False, "n", Said("tiang", "phrase", "/audio/phrase.wav"), 1)
    text = summarise(tally, StateLayout.of(tmp_path, "demo"))
    for part in (
        "plaza   1            1                   ended",
        "Findings: illegal_parking 1; sealed with evidence: 1 violations",
        "tiang: phrase -> /audio/phrase.wav",
        f"{tmp_path}/demo/evidence/d/annotated.jpg",
        "missing: clip: the ring no longer held it",
        "No ledger was written",
    ):
        assert part in text, text
