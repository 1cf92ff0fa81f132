"""Messages to what the centre keeps: the only file here that knows both."""

from collections.abc import Iterator
from typing import Any

from bconnect_center.core.live import Happening, SiteCitation, State, clean
from bconnect_enforce.convert import ns
from bconnect_site.kinds import PlateState

MOST_TEXT = 300  # characters of a sentence that somebody else wrote
SPEAKING = 2


def _text(value: str) -> str:
    return value[:MOST_TEXT].replace("\0", "")


def site_state(m: Any) -> State:
    """What a site says it is, without what only its site file tells."""
    told = {
        "title": _text(m.title or m.site),
        "kind": m.kind,
        "timezone": m.timezone or "UTC",
        "latitude": m.latitude,
        "longitude": m.longitude,
        "software": _text(m.software_version),
        "model": _text(m.model),
        "site_sha256": _text(m.site_sha256),
        "cameras": {name: None for name in m.cameras},
        "speakers": {},
    }
    return State(m.site, "site", m.site, ns(m.header.stamp), clean(told))


def camera_state(site: str, m: Any) -> State:
    told = {
        "state": m.state,
        "since": ns(m.since),
        "detail": _text(m.detail),
        "rate": m.frame_rate,
        "clock_offset": m.clock_offset,
        "clock_source": m.clock_source,
    }
    return State(site, "camera", m.camera, ns(m.header.stamp), clean(told))


def speaker_state(site: str, m: Any) -> State:
    told = {
        "state": m.state,
        "announcement": m.announcement_id,
        "phrase": _text(m.phrase),
        "output": _text(m.output),
        "spoken": m.spoken,
        "dropped": m.dropped,
        "detail": _text(m.detail),
    }
    return State(site, "speaker", m.speaker, ns(m.header.stamp), clean(told))


def node_states(site: str, m: Any) -> Iterator[State]:
    """Of /diagnostics, which every site of a domain shares, what is this site's."""
    for status in m.status:
        if status.name.startswith(f"/{site}/"):
            level = status.level[0] if isinstance(status.level, bytes) else int(status.level)
            told = {"level": level, "message": _text(status.message)}
            name = status.name[len(site) + 2 :][:96]
            yield State(site, "node", name, ns(m.header.stamp), told)


def vehicle_state(site: str, m: Any) -> State:
    told = {
        "latitude": m.latitude,
        "longitude": m.longitude,
        "fix": int(m.status.status) >= 0,
        "stddev": max(0.0, m.position_covariance[0]) ** 0.5,
    }
    return State(site, "vehicle", site, ns(m.header.stamp), clean(told))


def signal_state(site: str, m: Any) -> State:
    told = {"aspect": m.aspect, "since": ns(m.since), "source": m.source}
    return State(site, "signal", m.signal, ns(m.header.stamp), clean(told))


def trust_state(m: Any) -> State:
    told = {
        "camera": m.camera, "type": m.violation_type, "decided": m.decided, "upheld": m.upheld,
        "precision": m.precision, "low": m.low, "high": m.high, "mark": m.mark,
        "observe_only": m.observe_only, "detail": _text(m.detail),
    }  # fmt: skip
    name = f"{m.camera}/{m.violation_type}"
    return State(m.site, "trust", name, ns(m.header.stamp), clean(told))


def finding(m: Any) -> Happening:
    told = {
        "road_user": m.road_user.kind,
        "zone": m.zone,
        "same_as": m.same_as,
        "measured": m.measured,
        "limit": m.limit,
        "latitude": m.latitude,
        "longitude": m.longitude,
        "explanation": _text(m.explanation),
    }
    return _happening("finding", m.id, m.site, m.camera, m.type, m.header.stamp, told)


def violation(m: Any) -> Happening:
    """Without the plate: who may only watch must not read it."""
    f = m.finding
    told = {
        "road_user": f.road_user.kind,
        "zone": f.zone,
        "plate_read": m.plate.state == PlateState.READ,
        "pictures": len(m.evidence),
        "missing": len(m.missing),
        "explanation": _text(f.explanation),
    }
    return _happening("violation", f.id, f.site, f.camera, f.type, m.header.stamp, told)


def measure(m: Any) -> Happening:
    told = {"step": m.step, "mode": m.mode, "reason": _text(m.reason), "violation": m.violation_id}
    return _happening("measure", m.id, m.site, m.camera, m.violation_type, m.header.stamp, told)


def announcement(site: str, m: Any) -> Happening:
    told = {
        "speaker": m.speaker,
        "phrase": _text(m.phrase),
        "finding": m.finding_id,
        "road_user": m.road_user_kind,
        "colour": m.colour,
    }
    return _happening("announcement", m.id, site, "", 0, m.header.stamp, told)


def spoken(site: str, m: Any) -> Happening | None:
    """A speaker that begins to speak; None: it does something else."""
    if m.state != SPEAKING or not m.announcement_id:
        return None
    told = {"speaker": m.speaker, "phrase": _text(m.phrase), "announcement": m.announcement_id}
    return _happening("spoken", m.announcement_id, site, "", 0, m.header.stamp, told)


def compliance(m: Any) -> Happening:
    told = {"speaker": m.speaker, "phrase": _text(m.phrase), "outcome": m.outcome, "delay": m.delay}
    return _happening("compliance", m.id, m.site, m.camera, m.violation_type, m.header.stamp, told)


def citation(m: Any) -> Happening:
    """One state of a citation; who decided and why is the review desk's."""
    told = {"number": m.number, "status": m.status, "violation": m.violation_id}
    id_ = f"{m.number}:{m.hash[:16] or m.status}"
    return _happening("citation", id_, m.site, m.camera, m.violation_type, m.header.stamp, told)


def site_citation(m: Any) -> SiteCitation:
    """The same for the review desk, which asks whether the site decides it itself."""
    return SiteCitation(m.violation_id, m.site, _text(m.number), int(m.status), ns(m.header.stamp))


def job(kind: str, m: Any) -> Happening:
    """One state of a tow (`kind` "tow") or a sticker task ("sticker")."""
    told = {"id": m.id, "status": m.status, "violation": m.violation_id}
    id_ = f"{m.id}:{m.revision}"
    return _happening(kind, id_, m.site, m.camera, m.violation_type, m.header.stamp, told)


def camera_change(state: State) -> Happening:
    """A camera whose state became another one."""
    told = {"state": state.told["state"], "detail": state.told["detail"]}
    id_ = f"{state.site}/{state.name}:{state.told['since']}:{told['state']}"
    return Happening(f"camera:{id_}"[:96], "camera", state.site, state.name, 0, state.stamp, told)


def _happening(
    kind: str, id_: str, site: str, camera: str, type_: int, stamp: Any, told: dict[str, Any]
) -> Happening:
    return Happening(f"{kind}:{id_}"[:96], kind, site, camera, int(type_), ns(stamp), clean(told))
