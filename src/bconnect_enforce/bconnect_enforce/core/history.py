"""What the ladder remembers of road users: by plate where one was read, else by track and place.

A plate is known by a digest only. A track is one camera's, short-lived, and means nothing
after a restart of the tracker or of this node, so what is remembered by track counts in the
run that saw it, and for a while only. Once a plate is read, what its track did before is the
plate's. Where one track shows two plates nothing of it is passed on.

Everything is forgotten: after `keep` ns where a plate was read, after a day where none was,
and the oldest first beyond `capacity` entries.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from bconnect_enforce.core.memory import Memory
from bconnect_enforce.core.records import Offence
from bconnect_enforce.core.rungs import DAY, Obeyed
from bconnect_site.kinds import Outcome, Step, ViolationType


def digest(secret: bytes, plate: str) -> str:
    """What is remembered of a plate: nothing that can be read or guessed without the secret."""
    plain = "".join(sign for sign in plate.upper() if sign.isalnum())
    return hmac.new(secret, plain.encode(), hashlib.sha256).hexdigest()[:40] if plain else ""


@dataclass(frozen=True, slots=True)
class Decided:
    """A step that was decided once: taken or withheld, by which line, after how many."""

    taken: bool
    policy: str
    history: int


@dataclass(slots=True)
class Entry:
    """One offence. `who` is a plate's digest or a track's key; `track` is the latter, if any.

    `counts`: whether it counts against its road user. `found`: the finding was seen in this
    run; `watching`: it is not yet known whether its warning was obeyed. `told`: steps that
    were said in this run. `closed`: its violation came and everything of it is decided; `late`:
    long after the offence, by a ladder that was away.
    """

    id: str
    stamp: int
    type: ViolationType
    camera: str
    who: str
    track: str = ""
    counts: bool = True
    outcome: Outcome = Outcome.UNKNOWN
    decided: dict[Step, Decided] = field(default_factory=dict)
    found: bool = False
    watching: bool = False
    stood: int = 0  # ns it was seen standing, by the watch
    told: set[Step] = field(default_factory=set)
    closed: bool = False
    late: bool = False

    @property
    def plated(self) -> bool:
        return bool(self.who) and self.who != self.track


class History:
    """Entries by id and by who. Stamps may come out of order. Not thread-safe."""

    def __init__(self, keep: int = 30 * DAY, keep_tracks: int = DAY, capacity: int = 50_000):
        self._keep = (keep, min(keep, DAY))  # plated, by track
        self._keep_tracks = keep_tracks
        self._capacity = capacity
        self._entries: tuple[OrderedDict[str, Entry], OrderedDict[str, Entry]] = (
            OrderedDict(),
            OrderedDict(),
        )
        self._by_who: dict[str, dict[str, None]] = {}
        self._plate_of: Memory[str, str] = Memory(keep_tracks, capacity)
        self._dirty: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._entries[0]) + len(self._entries[1])

    @property
    def remembered(self) -> int:
        """Everything held, of all kinds."""
        return len(self) + len(self._by_who) + len(self._plate_of) + len(self._dirty)

    def get(self, id_: str) -> Entry | None:
        return self._entries[0].get(id_) or self._entries[1].get(id_)

    def note(self, offence: Offence, plate: str = "") -> Entry:
        """The entry of an offence; `plate` is the digest of its plate, once one was read."""
        entry = self.get(offence.id)
        track = f"{offence.camera}/{offence.track_id}" if offence.track_id else ""
        if entry is None:
            who = plate or self._plate_of.get(track) or track
            entry = Entry(offence.id, offence.stamp, offence.type, offence.camera, who, track)
            self._add(entry)
        if plate:
            self._link(entry, track, plate, offence.stamp)
        return entry

    def touch(self, entry: Entry) -> None:
        """The entry changed and is to be kept."""
        self._dirty[entry.id] = None

    def drain(self) -> list[Entry]:
        """Copies of what changed since the last time, for the file."""
        found = [self.get(id_) for id_ in self._dirty]
        self._dirty.clear()
        return [replace(e, decided=dict(e.decided), told=set()) for e in found if e is not None]

    def load(self, entries: Iterable[Entry]) -> None:
        """Entries of earlier runs or of other sites; what is known already stays as it is."""
        for entry in entries:
            known = self.get(entry.id)
            if known is None:
                # An old run's track is nobody we could recognise.
                who = entry.who if entry.plated else ""
                self._add(replace(entry, who=who, track="", decided=dict(entry.decided)))
                self._dirty.pop(entry.id, None)
            elif not entry.counts and known.counts:
                known.counts = False

    def count(self, entry: Entry, grace: int, same_kind: bool, obeyed: Obeyed) -> int:
        """Earlier offences that count against this one's road user.

        Offences within `grace` of each other are one.
        """
        if not entry.who:
            return 0
        keep = self._keep[0] if entry.plated else self._keep_tracks
        found = [
            other
            for id_ in self._by_who.get(entry.who, ())
            if (other := self.get(id_)) is not None
            and other.id != entry.id
            and entry.stamp - keep <= other.stamp < entry.stamp
            and other.stamp <= entry.stamp - grace
            and other.counts
            and (other.type is entry.type or not same_kind)
        ]
        spared = [e for e in found if e.outcome is Outcome.COMPLIED or e.watching]
        if obeyed == "counts":
            return _apart(found, grace)
        counted = _apart([e for e in found if e not in spared], grace)
        return max(0, counted - (_apart(spared, grace) if obeyed == "lowers" else 0))

    def forget(self, now: int) -> None:
        """Forgets what lies too far before `now` (ns)."""
        for entries, keep in zip(self._entries, self._keep, strict=True):
            while entries and next(iter(entries.values())).stamp < now - keep:
                self._drop(next(iter(entries.values())))

    def _add(self, entry: Entry) -> None:
        self._entries[0 if entry.plated else 1][entry.id] = entry
        if entry.who:
            self._by_who.setdefault(entry.who, {})[entry.id] = None
        self._dirty[entry.id] = None
        while len(self) > self._capacity:
            fuller = max(self._entries, key=len)
            self._drop(next(iter(fuller.values())))

    def _drop(self, entry: Entry) -> None:
        for entries in self._entries:
            entries.pop(entry.id, None)
        self._dirty.pop(entry.id, None)
        self._unlist(entry)

    def _unlist(self, entry: Entry) -> None:
        known = self._by_who.get(entry.who)
        if known is not None:
            known.pop(entry.id, None)
            if not known:
                del self._by_who[entry.who]

    def _link(self, entry: Entry, track: str, plate: str, stamp: int) -> None:
        """A plate was read: the offence is the plate's, and its track's others are."""
        self._rekey(entry, plate)
        if not track or entry.track != track:
            return
        known = self._plate_of.get(track)
        self._plate_of.put(track, plate if known in (None, plate) else "", stamp)
        if known in (None, plate):
            for id_ in list(self._by_who.get(track, ())):
                other = self.get(id_)
                if other is not None and abs(other.stamp - stamp) <= self._keep_tracks:
                    self._rekey(other, plate)

    def _rekey(self, entry: Entry, plate: str) -> None:
        if entry.who == plate:
            return
        self._unlist(entry)
        for entries in self._entries:
            entries.pop(entry.id, None)
        entry.who = plate
        self._add(entry)


def _apart(entries: list[Entry], grace: int) -> int:
    """How many offences these are, when those within `grace` of each other are one."""
    count, last = 0, None
    for stamp in sorted(entry.stamp for entry in entries):
        if last is None or stamp - last >= grace:
            count, last = count + 1, stamp
    return count
