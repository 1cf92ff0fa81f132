"""How the review desk works: what comes first, who has a case, what a decision becomes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from statistics import median
from typing import Any

from bconnect_center.core.moments import SECOND
from bconnect_site.kinds import CitationStatus, ViolationType

NEVER = 1 << 62  # the deadline of a case whose deadline nobody knows
CLAIM = 180 * SECOND  # a case is somebody's for so long after the last sign of life
AHEAD = 60 * SECOND  # a case that was only fetched ahead
LONGEST_LOOK = 3600.0  # s; who left the page open did not look for longer

# Where two cases must be decided by the same day, the more dangerous offence goes first.
RANKS: Mapping[ViolationType, int] = {
    ViolationType.WRONG_WAY: 1,
    ViolationType.RACING: 1,
    ViolationType.RED_LIGHT: 2,
    ViolationType.SPEEDING: 3,
    ViolationType.SECTION_SPEED: 3,
    ViolationType.ILLEGAL_U_TURN: 4,
    ViolationType.LANE_MARKING: 4,
    ViolationType.NO_HELMET: 5,
    ViolationType.OVERLOADED_MOTORCYCLE: 5,
    ViolationType.STOP_LINE: 6,
}
LAST_RANK = 7


class Verdict(str, Enum):
    """What an officer says of a case."""

    CONFIRM = "confirm"
    REJECT = "reject"
    WITHDRAW = "withdraw"


LEADS_TO: Mapping[Verdict, CitationStatus] = {
    Verdict.CONFIRM: CitationStatus.CONFIRMED,
    Verdict.REJECT: CitationStatus.REJECTED,
    Verdict.WITHDRAW: CitationStatus.WITHDRAWN,
}

# Reasons by their key on the keyboard: a word of review.yaml, and what the ledger says.
REASONS: Mapping[str, tuple[str, str]] = {
    "1": ("not_an_offence", "Gambar tidak menunjukkan pelanggaran"),
    "2": ("wrong_vehicle", "Kendaraan yang ditandai bukan pelakunya"),
    "3": ("plate", "Nomor polisi tidak terbaca atau tidak cocok dengan kendaraan"),
    "4": ("emergency", "Kendaraan prioritas, atau memberi jalan kepadanya"),
    "5": ("officer", "Diarahkan petugas di lapangan"),
    "6": ("forced", "Terpaksa: menghindari bahaya, atau kendaraan mogok"),
    "7": ("marking", "Rambu, marka, atau lampu tidak jelas di lokasi"),
    "8": ("machine", "Zona, kamera, atau pengukuran keliru"),
    "9": ("twice", "Pelanggaran yang sama sudah tercatat"),
    "0": ("other", "Alasan lain"),
}


class Declined(ValueError):
    """A decision that may not be made; str() is the sentence for the officer."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has a case. `opened` ns: since when they look at it; 0: fetched ahead."""

    number: str
    account: str
    until: int
    opened: int = 0

    def holds(self, now: int) -> bool:
        return now < self.until


@dataclass(frozen=True, slots=True)
class Given:
    """A decision that was given. `due` ns: when it is written; until then it may be undone."""

    id: str
    number: str
    account: str
    verdict: Verdict
    reason: str
    stamp: int
    due: int
    state: str
    seconds: float
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by(self) -> str:
        """The officer as the ledger names them."""
        return str(self.told.get("by", self.account))


WAITING, FIRST, SECONDED, WRITING = "waiting", "first", "seconded", "writing"
WRITTEN, UNDONE, REFUSED = "written", "undone", "refused"
STANDING = (WAITING, WRITING)  # it will be written, unless it is undone


def rank(kind: ViolationType) -> int:
    """The smaller the sooner."""
    return RANKS.get(kind, LAST_RANK)


def reason_text(verdict: Verdict, key: str, note: str) -> str:
    """The reason as the ledger keeps it. Raises Declined where one is needed and is not there."""
    said = " ".join(note.split())
    if len(said) > 300:
        raise Declined(f"note: {len(said)} characters, allowed: at most 300")
    if verdict is Verdict.REJECT:
        if key not in REASONS:
            raise Declined(f"reason: found {key[:8]!r}, allowed: {', '.join(REASONS)}")
        if key == "0" and not said:
            raise Declined("note: empty; say why it is rejected")
        return said if key == "0" else REASONS[key][1] + (f": {said}" if said else "")
    if verdict is Verdict.WITHDRAW and not said:
        raise Declined("note: empty; say why it is withdrawn")
    return said


def may_decide(
    number: str,
    account: str,
    claim: Claim | None,
    standing: Iterable[Given],
    names: Mapping[str, str],
    now: int,
) -> None:
    """Raises Declined where another officer has the case, or has decided it just now."""
    for given in standing:
        if given.number == number and given.state in STANDING:
            who = "you have" if given.account == account else f"{given.by} has"
            raise Declined(f"{number}: {who} decided this case just now ({given.verdict.value})")
    if claim is not None and claim.holds(now) and claim.account != account:
        who = names.get(claim.account, claim.account)
        raise Declined(f"{number}: {who} is looking at this case; take the next one")


def settle(
    verdict: Verdict, four_eyes: bool, account: str, first: Given | None, by: str
) -> tuple[str, str]:
    """(state, by) of a new decision. With four eyes a confirmation waits for another officer's.

    One officer is enough to reject: doubt protects the road user. Raises Declined where the same
    officer would confirm twice.
    """
    if verdict is not Verdict.CONFIRM or not four_eyes:
        return WAITING, by
    if first is None:
        return FIRST, by
    if first.account == account:
        raise Declined(f"{first.number}: you have confirmed it; another officer must agree")
    return WAITING, f"{first.by}; {by}"


def officer(name: str, shown: str) -> str:
    """An officer as the ledger names them."""
    return name if shown in ("", name) else f"{shown} ({name})"


def looked(claim: Claim | None, account: str, now: int) -> float:
    """s that the officer had the case open; 0: not known."""
    if claim is None or claim.account != account or not claim.opened:
        return 0.0
    return min(max(0, now - claim.opened) / SECOND, LONGEST_LOOK)


@dataclass(frozen=True, slots=True)
class Day:
    """An officer's day: cases decided, and the median time of one [s]; None: none yet."""

    cases: int
    median: float | None


def day_of(seconds: Sequence[float]) -> Day:
    timed = [one for one in seconds if one > 0.0]
    return Day(len(seconds), median(timed) if timed else None)
