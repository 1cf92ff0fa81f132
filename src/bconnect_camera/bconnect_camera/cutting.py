"""Carries out a cut: packets in, files in the evidence store out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bconnect_site.kinds import EvidenceKind

from .adapters import jpeg, pyav_cutter, store
from .core.captures import CaptureJob
from .core.cuts import Cut, CutFile, plan_cut
from .core.types import Packet


def cut(job: CaptureJob, groups: Sequence[Sequence[Packet]], root: str) -> Cut:
    """Writes what can be had and says what cannot; never raises for bad pictures or disks."""
    plan = plan_cut(job, groups)
    result = Cut(missing=list(plan.missing))
    for wish in plan.stills:
        try:
            image = pyav_cutter.still(wish.packets, wish.pts)
            result.height, result.width = image.shape[:2]
            data = jpeg.encode(image)
            _keep(result, job, root, wish.kind, wish.stamp, wish.name, data)
        except (pyav_cutter.CutError, ValueError) as error:
            result.missing.append(f"{wish.name}: {error}")
    if plan.clip:
        info = plan.clip[0].info
        result.width, result.height = info.width, info.height
        try:
            ending, data = pyav_cutter.clip(plan.clip)
            first = min(packet.stamp for packet in plan.clip)
            _keep(result, job, root, EvidenceKind.CLIP, first, f"clip.{ending}", data)
        except pyav_cutter.CutError as error:
            result.missing.append(f"clip: {error}")
    return result


def _keep(
    result: Cut, job: CaptureJob, root: str, kind: int, stamp: int, name: str, data: bytes
) -> None:
    path = f"{job.directory.rstrip('/')}/{name}"
    try:
        digest = store.write(Path(root), path, data)
    except OSError as error:
        result.missing.append(f"{name}: cannot be written below {root}: {error.strerror}")
    else:
        result.files.append(CutFile(int(kind), stamp, path, digest))
