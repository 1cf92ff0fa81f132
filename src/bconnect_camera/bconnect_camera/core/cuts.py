"""Which packets make which still and which clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .captures import CaptureJob
from .types import SECOND, Packet

TOLERANCE = SECOND  # a still further from the wanted moment is another moment: missing


@dataclass(frozen=True, slots=True)
class StillCut:
    """Decode ``packets`` from their key frame and keep the picture of ``pts``."""

    name: str
    kind: int  # bconnect_site.kinds.EvidenceKind
    wanted: int  # ns
    stamp: int  # ns, of the picture found
    pts: int
    packets: Sequence[Packet] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CutPlan:
    """What can be had of a job, and a sentence for each thing that cannot."""

    stills: tuple[StillCut, ...]
    clip: tuple[Packet, ...]  # decoding order, starts at a key frame, one session
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CutFile:
    """A file written. ``stamp``: its (first) picture [ns]; ``path`` relative to the store."""

    kind: int
    stamp: int
    path: str
    sha256: str


@dataclass(slots=True)
class Cut:
    """What became of a job; sizes in px of the full pictures, 0 when none was decoded."""

    files: list[CutFile] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    width: int = 0
    height: int = 0


def plan_cut(job: CaptureJob, groups: Sequence[Sequence[Packet]]) -> CutPlan:
    """Chooses packets out of the ring's groups of pictures for one job."""
    missing: list[str] = []
    stills: list[StillCut] = []
    for name, kind, wanted in job.named_stills():
        cut = _still(name, kind, wanted, groups)
        if cut is None:
            missing.append(
                f"{name}: no picture within {TOLERANCE / SECOND:.0f} s of the "
                f"moment is kept, {_kept(groups, wanted)}"
            )
        else:
            stills.append(cut)
    clip, sentence = _clip(job, groups)
    if sentence:
        missing.append(sentence)
    return CutPlan(tuple(stills), clip, tuple(missing))


def _still(
    name: str, kind: int, wanted: int, groups: Sequence[Sequence[Packet]]
) -> StillCut | None:
    best: tuple[int, Sequence[Packet], Packet] | None = None
    for group in groups:
        packet = min(group, key=lambda p: abs(p.stamp - wanted))
        distance = abs(packet.stamp - wanted)
        if best is None or distance < best[0]:
            best = distance, group, packet
    if best is None or best[0] > TOLERANCE:
        return None
    _, group, packet = best
    # Decoders hold pictures back: give them the rest of the group only as far as needed.
    end = next(i for i, p in enumerate(group) if p is packet)
    return StillCut(name, kind, wanted, packet.stamp, packet.pts, group[: end + 1])


def _clip(
    job: CaptureJob, groups: Sequence[Sequence[Packet]]
) -> tuple[tuple[Packet, ...], str | None]:
    start, end = job.clip_start, job.clip_end
    if end <= start:
        return (), None  # no clip asked for
    inside = [g for g in groups if g[-1].stamp >= start and g[0].stamp <= end]
    if not inside:
        return (), f"clip: nothing of the wanted time is kept, {_kept(groups, start)}"
    runs: dict[int, list[Sequence[Packet]]] = {}
    for group in inside:
        runs.setdefault(group[0].info.session, []).append(group)
    run = max(runs.values(), key=lambda groups: _overlap(groups, start, end))
    packets = [p for group in run for p in group]
    while len(packets) > 1 and packets[-1].stamp > end and not packets[-1].keyframe:
        packets.pop()
    return tuple(packets), _shortage(packets, start, end, len(runs))


def _overlap(groups: Sequence[Sequence[Packet]], start: int, end: int) -> int:
    return min(end, groups[-1][-1].stamp) - max(start, groups[0][0].stamp)


def _shortage(packets: Sequence[Packet], start: int, end: int, sessions: int) -> str | None:
    first = min(p.stamp for p in packets)
    last = max(p.stamp for p in packets)
    parts = []
    if first > start + SECOND:
        parts.append(f"its first {(first - start) / SECOND:.1f} s")
    if last < end - SECOND:
        parts.append(f"its last {(end - last) / SECOND:.1f} s")
    if not parts:
        return None
    why = "the stream was interrupted" if sessions > 1 else "no pictures are kept of that time"
    return f"clip: without {' and '.join(parts)}: {why}"


def _kept(groups: Sequence[Sequence[Packet]], moment: int) -> str:
    if not groups:
        return "the ring is empty"
    first = (groups[0][0].stamp - moment) / SECOND
    last = (groups[-1][-1].stamp - moment) / SECOND
    return f"the ring holds {first:+.1f} s to {last:+.1f} s around it"
