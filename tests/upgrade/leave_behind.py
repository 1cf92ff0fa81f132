"""Writes what a release leaves on disk into one file, with what must be found in it again.

    ./bconnect python tests/upgrade/leave_behind.py NAME tests/upgrade/NAME.tar.xz

Run it with the code of the release that is being made, once for each; see README.md beside.
Only what a release itself writes is in the file: nothing here knows a table or a format.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import cv2
import numpy as np

from bconnect_center.core.audit import Act
from bconnect_center.core.roles import Person, Role
from bconnect_center.house import open_house
from bconnect_center.settings import load as load_centre
from bconnect_detect.adapters.evidence_store import EvidenceStore
from bconnect_detect.core.evidence import CaseSettings, merge, new_case
from bconnect_detect.core.manifest import Facts
from bconnect_detect.core.types import SECOND, Finding, RoadUser, SignalReading
from bconnect_detect.core.violation import Capture, EvidenceFile
from bconnect_detect.sealing import Sealer
from bconnect_enforce.adapters import evidence_store
from bconnect_enforce.adapters.history_store import HistoryStore, read_secret
from bconnect_enforce.adapters.ledger import Ledger, revision_of
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.history import Decided, Entry
from bconnect_enforce.core.records import (
    Compliance,
    Measure,
    StickerTask,
    TowJob,
    identity,
)
from bconnect_site import lawbook
from bconnect_site.keys import Keyring
from bconnect_site.kinds import (
    CitationStatus,
    EvidenceKind,
    Mode,
    Outcome,
    RoadUserKind,
    SignalAspect,
    SignalSource,
    Step,
    StickerStatus,
    TowStatus,
    ViolationType,
)
from bconnect_site.loader import freeze, load_site
from bconnect_site.plan import StateLayout, plan
from bconnect_spool.adapters import crypt
from bconnect_spool.adapters.box import Box
from bconnect_spool.courier import Packer

DAY = 86_400 * SECOND
T0 = 1_795_515_802_437_000_000  # 2026-11-24, evening in Makassar
ZONE = ZoneInfo("Asia/Makassar")
SITE = """\
site: lama
kind: corridor
title: Simpang Lama
cameras:
  utara:
    source: "file:///srv/utara.mp4"
    zones:
      bahu:
        {kind: no_parking, dwell: 60.0, basis: sign S-12,
         region: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]}
    rules: [illegal_parking]
speakers: {tiang: {adapter: file, hears: [utara]}}
ladder: {mode: enforcement}
"""
CENTRE = """\
title: Pusat Lama
root: .
sites: []
"""
PASSWORD = "kata sandi yang panjang 8"


def main(name: str, out: Path) -> None:
    """Makes the state of all in a folder and packs it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        told = {"release": name, "password": PASSWORD, "now": T0 + DAY, **_made(root)}
        (root / "expected.json").write_text(json.dumps(told, indent=1, sort_keys=True))
        with tarfile.open(out, "w:xz") as tar:
            for path in sorted(root.rglob("*")):
                if path.is_file() and not path.name.endswith((".lock", "-wal", "-shm")):
                    tar.add(path, str(path.relative_to(root)), filter=_plain)
    print(f"{out}: {out.stat().st_size} bytes, {len(told['manifests'])} manifests")


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = T0 // SECOND
    return info


def _made(root: Path) -> dict[str, Any]:
    layout = StateLayout.of(root / "state", "lama")
    layout.root.mkdir(parents=True)
    _site(root, layout)
    manifests = _evidence(layout)
    return {
        "manifests": {m: _digest(layout.evidence_dir / m) for m in manifests},
        "ledger": _ledger(layout, manifests),
        "history": _history(layout),
        "spool": _spool(root, layout, manifests),
        "centre": _centre(root / "centre"),
        "keys": sorted(Keyring.open(layout.keys_dir).publics()),
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _site(root: Path, layout: StateLayout) -> None:
    file = root / "lama.yaml"
    file.write_text(SITE)
    loaded = load_site(file)
    lawbook.check(loaded.catalogue(), layout.law_file)
    try:
        from bconnect_bringup.orders import make_trusted
    except ImportError:  # a release before orders were signed
        pass
    else:
        make_trusted(loaded, layout)
    freeze(loaded, layout.site_file)
    made = plan(loaded, site_file=str(layout.site_file), state_dir=str(layout.root.parent))
    layout.plan_file.write_text(made.to_json())


def _evidence(layout: StateLayout) -> list[str]:
    """Four sealed violations, two keys."""
    ring = Keyring.open(layout.keys_dir)
    facts = Facts("0.1.0", "ab" * 32, "Simpang Lama", "Asia/Makassar", "n.onnx", "cd" * 32)
    found = []
    for number in range(4):
        if number == 3:
            ring.rotate()
        sealer = Sealer(EvidenceStore(layout.evidence_dir, ring), facts, {})
        finding = _finding(number)
        directory = sealer.directory(finding) + ".partial"
        case = new_case(finding, directory, 20 * SECOND, 0, CaseSettings())
        case = merge(case, _answer(layout.evidence_dir, directory, finding))
        found.append(sealer.seal(case, finding.stamp + 6 * SECOND).manifest)
    return found


def _finding(number: int) -> Finding:
    stamp = T0 + number * 100 * SECOND
    red = number == 2
    return Finding(
        id=identity("lama", str(number)),
        type=ViolationType.RED_LIGHT if red else ViolationType.ILLEGAL_PARKING,
        site="lama",
        camera="utara",
        zone="bahu",
        stamp=stamp,
        started=stamp - 84 * SECOND,
        road_user=RoadUser(RoadUserKind.CAR, number + 1, 0.75, (60.0, 50.0, 160.0, 120.0)),
        width=320,
        height=180,
        trail=((0.25, 0.25), (0.375, 0.5)),
        measured=84.0,
        article="UU 22/2009 Art. 287(3)",
        basis="sign S-12",
        catalogue_version="2026-01",
        confidence=0.75,
        explanation="The car stood 84 s in bahu, allowed are 60 s.",
        **(
            {
                "signal": SignalReading(
                    "lampu", SignalAspect.RED, stamp, stamp - 3 * SECOND,
                    SignalSource.CONTROLLER, 0.9,
                ),
                "time_into_red": 3.0,
            }
            if red
            else {}
        ),
    )  # fmt: skip


def _answer(root: Path, directory: str, finding: Finding) -> Capture:
    (root / directory).mkdir(parents=True, exist_ok=True)
    image = np.full((180, 320, 3), 96, np.uint8)
    cv2.rectangle(image, (60, 50), (160, 120), (40, 40, 160), -1)
    data = bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1])
    files = []
    for name, kind in (
        ("context_before.jpg", EvidenceKind.CONTEXT_BEFORE),
        ("scene.jpg", EvidenceKind.SCENE),
        ("context_after.jpg", EvidenceKind.CONTEXT_AFTER),
    ):
        (root / directory / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        path = f"{directory}/{name}"
        files.append(EvidenceFile(kind, finding.stamp, path, digest, len(data)))
    return Capture(finding.id, tuple(files), 320, 180)


def _ledger(layout: StateLayout, manifests: list[str]) -> dict[str, Any]:
    """Confirmed, rejected, pending, and one that is a sticker and a tow job only."""
    ledger = Ledger(layout.database, ZONE, "lama")
    numbers = []
    for place, manifest in enumerate(manifests):
        violation = evidence_store.read(layout.evidence_dir, manifest)
        now = violation.offence.stamp + 10 * SECOND
        ledger.store_violation(violation, now)
        steps = (Step.CITATION,) if place < 3 else (Step.STICKER, Step.TOW)
        for step in steps:
            numbers += [
                line.number for line in ledger.store_measure(_measure(violation, step), now)
            ]
    decided = ((0, CitationStatus.CONFIRMED, ""), (1, CitationStatus.REJECTED, "plate unreadable"))
    for place, status, reason in decided:
        ledger.review(Decision(numbers[place], status, "Ipda Sari", reason), T0 + DAY // 2)
    last = evidence_store.read(layout.evidence_dir, manifests[3]).offence
    about = {"violation_id": last.id, "site": "lama", "camera": "utara", "type": last.type}
    ledger.store_compliance(
        Compliance(
            id=identity(last.id, "heard"), announcement_id="a1", finding_id=last.id, site="lama",
            camera="utara", speaker="tiang", phrase="illegal_parking", type=last.type,
            outcome=Outcome.IGNORED, spoken=last.stamp, stamp=last.stamp + 30 * SECOND,
        ),
        T0,
    )  # fmt: skip
    ledger.put_sticker(
        StickerTask(
            id="s1", status=StickerStatus.REQUESTED, stamp=T0, due=T0 + DAY, **about
        ),
        T0,
    )  # fmt: skip
    ledger.put_tow_job(TowJob(id="t1", status=TowStatus.PROPOSED, stamp=T0, **about), T0)
    lines = [
        (line.number, line.status.name, line.hash) for line in sorted(ledger.current(), key=_number)
    ]
    events = [event.kind for event in ledger.events()]
    ledger.close()
    return {"revision": revision_of(layout.database), "citations": lines, "events": events}


def _number(line: Any) -> str:
    return str(line.number)


def _measure(violation: Any, step: Step) -> Measure:
    offence = violation.offence
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
        policy="default",
    )


def _history(layout: StateLayout) -> list[str]:
    store = HistoryStore(layout.history_file, 365 * DAY, 1000)
    read_secret(layout.history_file.with_suffix(".secret"))
    entries = [
        Entry(
            id=identity("h", str(n)), stamp=T0 - n * DAY, type=ViolationType.ILLEGAL_PARKING,
            camera="utara", who=f"{n:064x}", counts=True, outcome=Outcome.IGNORED,
            decided={Step.CITATION: Decided(True, "default", n)},
        )
        for n in range(1, 4)
    ]  # fmt: skip
    store.save(entries, T0)
    store.close()
    return sorted(entry.id for entry in entries)


def _spool(root: Path, layout: StateLayout, manifests: list[str]) -> list[str]:
    """One parcel that waits for the centre."""
    secret, recipient = crypt.new_identity()
    (root / "identity.age").write_text(str(secret))
    box = Box(layout.spool_dir, 1 << 30)
    folder = (layout.evidence_dir / manifests[0]).parent
    Packer("lama", box, Keyring.open(layout.keys_dir), recipient).pack(folder.name, folder, T0)
    return sorted(item.id for item in box.items())


def _centre(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    file = folder / "center.yaml"
    file.write_text(CENTRE)
    house = open_house(load_centre(file), lambda: T0)
    for name, role in (("sari", Role.SUPERVISOR), ("admin", Role.ADMIN)):
        secret = house.people.invite(Person(name, role, name.title()), T0)
        house.people.set_password(secret, PASSWORD, T0)
        house.audit.note(Act(T0, "console", "account", name, detail=role.value))
    told = [act.what for _, act in house.audit.newest()]
    house.close()
    return {"people": ["admin", "sari"], "audit": told}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
