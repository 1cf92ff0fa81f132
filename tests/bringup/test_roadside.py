"""`bconnect tow` and `bconnect stickers`, also while the site does not run: real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bconnect_bringup.orders import make_trusted
from bconnect_bringup.state import create
from bconnect_enforce.adapters.ledger.fieldwork import Fieldwork
from bconnect_enforce.core.records import StickerTask, TowJob
from bconnect_site.frozen import freeze
from bconnect_site.kinds import StickerStatus, TowStatus, ViolationType
from bconnect_site.loader import load_site
from bconnect_site.plan import StateLayout, plan

S = 1_000_000_000
SITE = """
site: probe_site
kind: corridor
title: Probe
cameras:
  utara: {source: "file:///nowhere.mp4"}
tow: {yard: Kantor Dishub, propose_for: 86400.0}
"""
Say = Callable[..., tuple[int, str]]


@pytest.fixture
def layout(tmp_path: Path) -> StateLayout:
    """A site that has run here once."""
    file = tmp_path / "probe.yaml"
    file.write_text(SITE)
    loaded = load_site(file)
    made = StateLayout.of(tmp_path / "state", "probe_site")
    create(made)
    make_trusted(loaded, made)
    freeze(loaded, made.site_file)
    planned = plan(loaded, site_file=str(made.site_file), state_dir=str(tmp_path / "state"))
    made.plan_file.write_text(planned.to_json())
    return made


@pytest.fixture
def say(layout: StateLayout) -> Say:
    """Runs the command in a process of its own, as a person does."""

    def say(command: str, *arguments: str) -> tuple[int, str]:
        code = "import sys; from bconnect_bringup.cli import main; sys.exit(main())"
        whole = [command, "probe_site", "--state", str(layout.root.parent), *arguments]
        done = subprocess.run(
            [sys.executable, "-c", code, *whole], capture_output=True, text=True, env=os.environ
        )
        return done.returncode, done.stdout + done.stderr

    return say


def job(id_: str, now: int, **fields: object) -> TowJob:
    return TowJob(
        id_, f"v{id_}", "probe_site", "utara", ViolationType.ILLEGAL_PARKING,
        TowStatus.PROPOSED, now, detail="Penderekan diminta.", **fields,
    )  # fmt: skip


@pytest.fixture
def jobs(layout: StateLayout) -> list[str]:
    from rclpy.clock import Clock

    now = Clock().now().nanoseconds
    work: Fieldwork[TowJob] = Fieldwork(layout.database, "probe_site", TowJob)
    ids = ["aaaa1111-0", "aaaa2222-0", "bbbb3333-0"]
    for id_ in ids:
        work.add(job(id_, now), now)
    work.close()
    return ids


@pytest.mark.timeout(180)
def test_an_officers_yes_while_the_site_does_not_run(say: Say, jobs: list[str]) -> None:
    code, said = say("tow")
    assert code == 0
    assert [line.split()[:2] for line in said.splitlines()[1:]] == [
        ["aaaa1111", "proposed"],
        ["aaaa2222", "proposed"],
        ["bbbb3333", "proposed"],
    ]
    code, said = say("tow", "order", "bbbb", "--officer", "Ipda Sari", "--truck", "derek_1")
    assert (code, said) == (0, "bbbb3333-0: requested by Ipda Sari\n")
    code, said = say("tow", "done", "bbbb3333", "--officer", "Budi")
    assert code == 1
    assert "is requested, cannot become done" in said
    code, said = say("tow", "cancel", "aaaa1111", "--officer", "Sari", "--reason", "sudah pergi")
    assert (code, said) == (0, "aaaa1111-0: cancelled by Sari: sudah pergi\n")
    code, said = say("tow", "list")
    assert "aaaa1111" not in said
    assert "Ipda Sari   derek_1  Kantor Dishub" in said
    code, said = say("tow", "list", "--all")
    assert "cancelled by Sari: sudah pergi" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["order", "aaaa", "--officer", "S"], 'id: found "aaaa"; 2 begin like that'),
        (["order", "aaa", "--officer", "S"], 'id: found "aaa"; none is called like that'),
        (["order", "zzzz", "--officer", "S"], 'id: found "zzzz"; none is called like that'),
    ],
)
def test_which_job_is_meant(say: Say, jobs: list[str], arguments: list[str], sentence: str) -> None:
    code, said = say("tow", *arguments)
    assert code == 2
    assert sentence in said


def test_nothing_there_yet(say: Say, layout: StateLayout) -> None:
    code, said = say("stickers")
    assert code == 2
    assert "no ledger there; has the site run here?" in said
    Fieldwork(layout.database, "probe_site", StickerTask).close()
    assert say("stickers") == (0, "none\n")


def test_a_site_whose_ladder_knows_no_stickers(say: Say, layout: StateLayout) -> None:
    work: Fieldwork[StickerTask] = Fieldwork(layout.database, "probe_site", StickerTask)
    task = StickerTask(
        "cccc1111", "v", "probe_site", "utara", ViolationType.ILLEGAL_PARKING,
        StickerStatus.REQUESTED, S, 2 * S,
    )  # fmt: skip
    work.add(task, S)
    work.close()
    assert "cccc1111  requested" in say("stickers")[1]
    code, said = say("stickers", "take", "cccc1111", "--officer", "Rudi")
    assert code == 2
    assert 'site "probe_site" has no sticker node' in said


def test_a_yes_needs_a_name(say: Say, jobs: list[str]) -> None:
    code, said = say("tow", "order", "bbbb")
    assert code == 2
    assert "the following arguments are required: --officer" in said
    code, said = say("tow", "order", "bbbb", "--officer", " ")
    assert code == 1
    assert 'officer: found ""; say who decides' in said
