"""Offences and violations to try things with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bconnect_enforce.core.records import (
    EvidenceFile,
    Measure,
    Offence,
    Violation,
    identity,
)
from bconnect_site.kinds import EvidenceKind, Mode, RoadUserKind, Step, ViolationType

WITA = ZoneInfo("Asia/Makassar")


def local(text: str) -> int:
    """ISO local time of Balikpapan as ns."""
    return int(datetime.fromisoformat(text).replace(tzinfo=WITA).timestamp()) * 10**9


def make_offence(n: int = 1, **fields: Any) -> Offence:
    base = Offence(
        id=identity("test", str(n)),
        type=ViolationType.ILLEGAL_PARKING,
        site="demo",
        camera="simpang_utara",
        zone="bahu",
        stamp=local("2026-11-23 16:30:00"),
        track_id=n,
        road_user=RoadUserKind.CAR,
        article="UU 22/2009 Art. 287(3)",
    )
    return replace(base, **fields)


def make_violation(n: int = 1, *, scene: bool = True, **fields: Any) -> Violation:
    offence = make_offence(n, **fields)
    files = (EvidenceFile(EvidenceKind.SCENE, f"{n}/scene.jpg", "ab" * 32, offence.stamp),)
    return Violation(
        offence=offence,
        started=offence.stamp - 60 * 10**9,
        basis="sign S-12",
        catalogue_version="2026.1",
        confidence=0.8,
        explanation="stood 61 s, allowed 60 s",
        latitude=-1.24,
        longitude=116.85,
        measured=61.0,
        limit=math.nan,
        evidence=files if scene else (),
        manifest=f"{n}/manifest.json",
        manifest_sha256="cd" * 32,
    )


def make_measure(n: int = 1, step: Step = Step.CITATION) -> Measure:
    offence = make_offence(n)
    return Measure(
        id=identity(offence.id, step.name.lower()),
        violation_id=offence.id,
        site=offence.site,
        camera=offence.camera,
        type=offence.type,
        step=step,
        mode=Mode.ENFORCEMENT,
        stamp=offence.stamp,
        reason="Usulan tilang diajukan.",
        policy="default.citation",
    )


@pytest.fixture
def offence() -> Callable[..., Offence]:
    return make_offence


@pytest.fixture
def violation() -> Callable[..., Violation]:
    return make_violation


@pytest.fixture
def measure() -> Callable[..., Measure]:
    return make_measure


@pytest.fixture
def at() -> Callable[[str], int]:
    return local
