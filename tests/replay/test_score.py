"""Score: perfect, missed, false, doubled, swapped; order never matters."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from math import nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replay_scenes import SECOND, T0, event, found

from bconnect_replay.core.figures import Score, figures, score, summary, wilson
from bconnect_replay.core.line import Event, Found
from bconnect_replay.score import main, score_run
from bconnect_site.errors import ConfigError


def counts(told: list[Found], truth: list[Event], **keys: Any) -> dict[str, tuple[int, ...]]:
    made, _ = score(told, truth, **keys)
    return {k: (t.right, t.missed, t.false, t.doubled) for k, t in made.kinds.items()}


def test_perfect() -> None:
    told = [found(at=10, x=1.0, y=2.0), found("racing", at=40)]
    truth = [event(at=10.5, x=1.0, y=5.0), event("racing", at=40)]
    made, notes = score(told, truth, hours=2.0)
    assert counts(told, truth) == {"speeding": (1, 0, 0, 0), "racing": (1, 0, 0, 0)}
    assert notes == []
    plain = summary(made)
    assert plain["all"]["f1"] == 1.0 and plain["false_per_camera_hour"] == 0.0
    assert plain["kinds"]["speeding"]["delay_s"]["p50"] == pytest.approx(1.5)
    assert plain["kinds"]["speeding"]["position_error_m"]["p50"] == 3.0


def test_missed_and_false_and_another_kind() -> None:
    truth = [event(at=10), event(at=100)]
    told = [found(at=10), found("racing", at=100)]
    assert counts(told, truth) == {"speeding": (1, 1, 0, 0), "racing": (0, 0, 1, 0)}


def test_a_second_sight_belongs_to_its_first() -> None:
    first = found(at=10)
    sight = found(at=11, id="again", camera="selatan", same_as=first.id)
    chained = found(at=12, id="once more", camera="timur", same_as="again")
    truth = [event(at=10)]
    assert counts([chained, sight, first], truth) == {"speeding": (1, 0, 0, 0)}


def test_told_twice_is_doubled_not_false() -> None:
    told = [found(at=10), found(at=10.4, id="again")]
    assert counts(told, [event(at=10)]) == {"speeding": (1, 0, 0, 1)}


def test_time_place_and_camera_must_fit() -> None:
    truth = [event(at=10, x=0.0, y=0.0)]
    assert counts([found(at=15.9)], truth) == {"speeding": (1, 0, 0, 0)}  # 3 s slack
    assert counts([found(at=16.1)], truth) == {"speeding": (0, 1, 1, 0)}
    assert counts([found(at=10, x=14.9, y=0.0)], truth) == {"speeding": (1, 0, 0, 0)}
    assert counts([found(at=10, x=15.1, y=0.0)], truth) == {"speeding": (0, 1, 1, 0)}
    assert counts([found(at=10, camera="selatan")], truth) == {"speeding": (0, 1, 1, 0)}
    way = ((30.0, 0.0), (10.0, 0.0))
    assert counts([found(at=10, x=30.0, y=0.0, way=way)], truth) == {"speeding": (1, 0, 0, 0)}


def test_who_drives_on_may_be_seen_further_on() -> None:
    """A rider without a helmet is told again where the queue stands, but a parked car stays."""
    for kind, expected in (("no_helmet", (1, 0, 0, 0)), ("illegal_parking", (0, 1, 1, 0))):
        truth = [event(kind, at=10, end=T0 + 50 * SECOND, x=0.0, y=0.0)]
        assert counts([found(kind, at=12, x=40.0, y=0.0)], truth) == {kind: expected}
        assert counts([found(kind, at=10, x=40.0, y=0.0)], truth) == {kind: (0, 1, 1, 0)}


def test_as_many_pairs_as_can_be() -> None:
    """Greedy would give the finding in the middle to the wrong event."""
    truth = [event(at=10, x=0.0, y=0.0), event(at=10, x=14.0, y=0.0)]
    told = [found(at=10, id="left", x=-6.0, y=0.0), found(at=10, id="middle", x=6.0, y=0.0)]
    assert counts(told, truth) == {"speeding": (2, 0, 0, 0)}


def test_swapped_cameras_match_by_camera() -> None:
    truth = [event(at=10, cameras=("utara",)), event(at=10, cameras=("selatan",))]
    told = [found(at=10, id="s", camera="selatan"), found(at=10, id="u", camera="utara")]
    assert counts(told, truth) == {"speeding": (2, 0, 0, 0)}


def test_events_no_camera_saw_are_not_counted() -> None:
    made, _ = score([], [event(cameras=()), event(at=50)])
    assert (made.unseen, made.kinds["speeding"].missed) == (1, 1)
    for asked in ({"racing": []}, {"speeding": ["lajur"]}):
        made, _ = score([], [event(at=50, place="depan")], watched={"utara": asked})
        assert (made.unseen, made.kinds) == (1, {})
    for asked in ({"speeding": []}, {"speeding": ["lajur", "depan"]}):
        made, _ = score([], [event(at=50, place="depan")], watched={"utara": asked})
        assert (made.unseen, made.kinds["speeding"].missed) == (0, 1)


def test_a_false_finding_names_the_near_miss_it_hit() -> None:
    near = [event(at=10, why="drove exactly the limit", cameras=())]
    made, notes = score([found(at=10), found(at=90)], [], near, hours=10.0)
    assert made.near_misses == {"speeding: drove exactly the limit": 1}
    assert [n.beside for n in notes] == ["near miss", ""]
    assert summary(made)["false_per_camera_hour"] == pytest.approx(0.2)


def test_a_false_finding_beside_an_event_of_another_kind_says_so() -> None:
    told = [found("racing", at=10, x=1.0, y=1.0)]
    _, notes = score(told, [event("speeding", at=10, x=1.0, y=1.0)])
    assert [n.beside for n in notes if n.what == "false"] == ["event of another kind"]


def test_speeds() -> None:
    told = [
        found(at=10, measured=20.0, low=19.0, high=21.0),
        found(at=50, measured=20.0, low=19.5, high=20.5),
        found(at=90, measured=40.0, low=nan, high=nan),
    ]
    truth = [event(at=10, speed=20.5), event(at=50, speed=21.0), event(at=90, speed=41.1)]
    made, _ = score(told, truth)
    speed = figures(made.kinds["speeding"])["speed"]
    assert speed["count"] == 3 and speed["within_3kmh_3pct"] == pytest.approx(2 / 3, abs=1e-3)
    assert speed["interval_covers"] == 0.5 and speed["covers_of"] == 2
    assert speed["error_mps"]["max"] == pytest.approx(1.1)


def test_wilson() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(50, 50)
    assert 0.92 < low < 0.94 and high == pytest.approx(1.0)


def test_scores_of_runs_add_up() -> None:
    one, _ = score([found(at=10)], [event(at=10)], hours=1.0)
    two, _ = score([found(at=10)], [event(at=80)], hours=2.0)
    whole = Score()
    whole.add(one)
    whole.add(two)
    assert whole.hours == 3.0
    assert figures(whole.kinds["speeding"])["f1"] == 0.5


def write_lines(file: Path, lines: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def plain(thing: Found | Event) -> dict[str, Any]:
    return {k: None if v != v else v for k, v in asdict(thing).items()}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    told, truth = tmp_path / "found", tmp_path / "truth"
    write_lines(told / "findings.jsonl", [plain(found(at=10)), plain(found(at=99))])
    write_lines(truth / "truth.jsonl", [plain(event(at=10))])
    write_lines(truth / "lawful.jsonl", [plain(event(at=98, why="yielded to an ambulance"))])
    (truth / "made.json").write_text('{"weather": {"light": "night", "rain": 0.5}}')
    cameras = {"utara": {"believed_seconds": 1800.0, "asked": {"speeding": []}}}
    (told / "rerun.json").write_text(json.dumps({"cameras": cameras}))
    return told, truth


def test_command_line(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    told, truth = folders
    assert main([str(told), str(truth), "--list"]) == 0
    text = capsys.readouterr().out
    assert "all, night, rain" in text and "1 x speeding: yielded to an ambulance" in text
    assert "in 0.50 camera-hours: 2.000 an hour" in text
    assert main([str(told), str(truth), "--json"]) == 0
    one = capsys.readouterr().out
    assert main([str(told / "findings.jsonl"), str(truth / "truth.jsonl"), "--json"]) == 0
    assert one == capsys.readouterr().out
    made = json.loads(one)
    assert made["all"]["right"] == 1 and made["false_per_camera_hour"] == 2.0
    assert list(made["conditions"]) == ["night, rain"]


def test_events_of_judging_seeds_are_not_listed(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    told, truth = folders
    for seed, listed in ((99, True), (1000, False)):
        (truth / "made.json").write_text(json.dumps({"seed": seed}))
        assert main([str(told), str(truth), "--list"]) == 0
        assert ("false   speeding" in capsys.readouterr().out) == listed


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "found list, needs an object"),
        ('{"kind": "spitting"}', 'kind: found "spitting"'),
        ('{"kind": "racing", "start": 1.5, "end": 2}', "start: found 1.5, needs a whole number"),
        ('{"kind": "racing", "start": 1, "end": 2, "cameras": "utara"}', "cameras: found 'utara'"),
        ('{"kind": "racing", "start": 1, "end": 2, "cameras": [], "x": "a"}', "x: found 'a'"),
    ],
)
def test_mistakes_in_the_truth_are_one_sentence(
    folders: tuple[Path, Path], line: str, sentence: str
) -> None:
    told, truth = folders
    (truth / "truth.jsonl").write_text(line + "\n")
    with pytest.raises(ConfigError) as error:
        score_run(told, truth)
    assert sentence in str(error.value) and "line 1" in str(error.value)
    assert len(error.value.sentences) == 1


def test_missing_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no findings\.jsonl"):
        score_run(tmp_path, tmp_path)
    with pytest.raises(ConfigError, match="needs pairs"):
        main([str(tmp_path)])


KINDS = st.sampled_from(["speeding", "racing", "red_light"])
CAMERAS = st.sampled_from(["utara", "selatan"])
SECONDS = st.integers(0, 40)
PLACE = st.one_of(st.just(nan), st.floats(-50.0, 50.0))


@st.composite
def findings(draw: st.DrawFn) -> list[Found]:
    size = draw(st.integers(0, 7))
    made = []
    for n in range(size):
        at = draw(SECONDS)
        made.append(
            Found(
                id=str(n),
                kind=draw(KINDS),
                camera=draw(CAMERAS),
                started=T0 + at * SECOND,
                stamp=T0 + (at + draw(st.integers(0, 5))) * SECOND,
                x=draw(PLACE),
                y=draw(PLACE),
                same_as=draw(st.sampled_from(["", *map(str, range(size + 1))])),
                measured=draw(PLACE),
            )
        )
    return made


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    made = []
    for _ in range(draw(st.integers(0, 7))):
        at = draw(SECONDS)
        made.append(
            Event(
                kind=draw(KINDS),
                start=T0 + at * SECOND,
                end=T0 + (at + draw(st.integers(0, 5))) * SECOND,
                cameras=tuple(draw(st.sets(CAMERAS))),
                x=draw(PLACE),
                y=draw(PLACE),
                speed=draw(PLACE),
            )
        )
    return made


@settings(max_examples=150, deadline=None)
@given(findings(), events(), events(), st.randoms(use_true_random=False))
def test_score_never_crashes_and_order_does_not_matter(
    told: list[Found], truth: list[Event], near: list[Event], shuffle: random.Random
) -> None:
    made, notes = score(told, truth, near, hours=1.0)
    tally = made.all
    seen = sum(1 for e in truth if e.cameras)
    assert tally.right + tally.missed == seen
    json.dumps(summary(made), allow_nan=False)
    other = list(told)
    shuffle.shuffle(other)
    again, notes_again = score(other, truth, near, hours=1.0)
    assert summary(again) == summary(made)
    assert [(n.what, n.kind, n.stamp) for n in notes] == [
        (n.what, n.kind, n.stamp) for n in notes_again
    ]
