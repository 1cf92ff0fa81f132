"""The life of a citation and the hash chain over its lines.

    pending_review -> confirmed | rejected | withdrawn
    confirmed      -> withdrawn        (an error found later; for the road user's sake)

A human decides, always. Rejected and withdrawn are final.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from bconnect_enforce.core.reasons import local_time
from bconnect_enforce.core.records import Citation, Measure, Violation
from bconnect_site.kinds import CitationStatus

GENESIS = "0" * 64
FORMAT = 2
MAX_TEXT = 500

# What each format's hash covers. Format 1 is what the first ledgers wrote.
_COMMON = (
    "number", "violation_id", "site", "camera", "type", "status", "reviewer",
    "violation_stamp", "stamp", "previous_hash",
)  # fmt: skip
_HASHED = {
    1: (*_COMMON, "reason"),
    2: (*_COMMON, "format", "commitment", "manifest_sha256"),
}

_ALLOWED = {
    CitationStatus.PENDING_REVIEW: frozenset(
        {CitationStatus.CONFIRMED, CitationStatus.REJECTED, CitationStatus.WITHDRAWN}
    ),
    CitationStatus.CONFIRMED: frozenset({CitationStatus.WITHDRAWN}),
}
_NEEDS_REASON = frozenset({CitationStatus.REJECTED, CitationStatus.WITHDRAWN})


class Refused(ValueError):
    """A decision that may not be made; str() is the sentence for the officer."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an officer decided; `status` is the state it leads to."""

    number: str
    status: CitationStatus
    reviewer: str
    reason: str = ""


def number(site: str, year: int, serial: int) -> str:
    """BC-<site>-<year>-<serial>."""
    return f"BC-{site}-{year}-{serial:06d}"


def local_year(stamp: int, zone: ZoneInfo) -> int:
    return local_time(stamp, zone).year


def line_hash(line: Citation) -> str:
    """SHA-256 (hex) over what the line's format covers, the previous line's hash included.

    Empty for a format this software lacks.
    """
    if line.format not in _HASHED:
        return ""
    return digest({name: getattr(line, name) for name in _HASHED[line.format]})


def digest(fields: Mapping[str, object]) -> str:
    """SHA-256 (hex) over the fields as JSON with sorted keys."""
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def commitment(salt: str, text: str) -> str:
    """Binds a line to a text that may be erased later: without the salt nobody can guess it."""
    return hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()


def _sealed(line: Citation, salt: str) -> Citation:
    line = replace(line, format=FORMAT, salt=salt, commitment=commitment(salt, line.reason))
    return replace(line, hash=line_hash(line))


def opened(
    violation: Violation, measure: Measure, number_: str, previous_hash: str, stamp: int, salt: str
) -> Citation:
    """The first line: pending, with the ladder's reason. `salt` is random, one per line."""
    line = Citation(
        number=number_,
        violation_id=violation.id,
        site=violation.offence.site,
        camera=violation.offence.camera,
        type=violation.offence.type,
        status=CitationStatus.PENDING_REVIEW,
        reviewer="",
        reason=measure.reason,
        violation_stamp=violation.offence.stamp,
        stamp=stamp,
        previous_hash=previous_hash,
        hash="",
        manifest_sha256=violation.manifest_sha256,
    )
    return _sealed(line, salt)


def check(decision: Decision) -> Decision:
    """The decision with its texts trimmed. Raises Refused where it is incomplete."""
    reviewer, reason = decision.reviewer.strip(), decision.reason.strip()
    if decision.status not in _ALLOWED[CitationStatus.PENDING_REVIEW]:
        raise Refused("decision: unknown, allowed: confirm, reject, withdraw")
    if not reviewer:
        raise Refused("reviewer: empty; say who decides")
    if decision.status in _NEEDS_REASON and not reason:
        raise Refused("reason: empty; say why it is rejected or withdrawn")
    for name, text in (("reviewer", reviewer), ("reason", reason)):
        if len(text) > MAX_TEXT:
            raise Refused(f"{name}: {len(text)} characters, allowed: at most {MAX_TEXT}")
    return replace(decision, reviewer=reviewer, reason=reason)


def decided(
    current: Citation, decision: Decision, previous_hash: str, stamp: int, salt: str
) -> Citation:
    """The line that follows `current`. Raises Refused where the step is not allowed."""
    decision = check(decision)
    if decision.status not in _ALLOWED.get(current.status, frozenset()):
        by = f" by {current.reviewer}" if current.reviewer else ""
        raise Refused(
            f"{current.number}: is already {_word(current.status)}{by}, "
            f"cannot become {_word(decision.status)}"
        )
    line = replace(
        current,
        status=decision.status,
        reviewer=decision.reviewer,
        reason=decision.reason,
        stamp=stamp,
        previous_hash=previous_hash,
        hash="",
    )
    return _sealed(line, salt)


def says(line: Citation, decision: Decision, stamp: int) -> bool:
    """Whether the line is this very decision: asked again after an answer that was lost."""
    return (line.status, line.reviewer, line.reason, line.stamp) == (
        decision.status, decision.reviewer, decision.reason, stamp,
    )  # fmt: skip


def broken_line(lines: Iterable[Citation]) -> Citation | None:
    """The first line, in the order written, whose hash, link or text does not hold.

    None: all hold. A text that was erased (no salt any more) is not missed.
    """
    previous = GENESIS
    for line in lines:
        if line.previous_hash != previous or not line.hash or line.hash != line_hash(line):
            return line
        if line.format != 1 and not _text_holds(line):
            return line
        previous = line.hash
    return None


def _text_holds(line: Citation) -> bool:
    if not line.salt:
        return not line.reason
    return line.commitment == commitment(line.salt, line.reason)


def _word(status: CitationStatus) -> str:
    return status.name.lower().replace("_", " ")
