"""Events, verdicts and trust in the database."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, func, select

from bconnect_enforce.adapters.ledger.tables import citations, events
from bconnect_enforce.core import trust
from bconnect_enforce.core.citation import GENESIS, Refused
from bconnect_enforce.core.events import broken_event, linked
from bconnect_enforce.core.records import Event, RuleTrust
from bconnect_site.kinds import CitationStatus, ViolationType, from_word

_FIELDS = [field.name for field in fields(Event)]
_DECIDED = (CitationStatus.CONFIRMED, CitationStatus.REJECTED, CitationStatus.WITHDRAWN)


def note(connection: Connection, event: Event) -> Event:
    """Appends the event as the next line of its chain. Raises Refused."""
    last = select(events.c.hash).order_by(events.c.line.desc()).limit(1)
    line = linked(event, connection.scalar(last) or GENESIS)
    connection.execute(events.insert(), {name: getattr(line, name) for name in _FIELDS})
    return line


def noted(connection: Connection, site: str = "", kinds: tuple[str, ...] = ()) -> list[Event]:
    """Events in the order written; of one site and of these kinds where given."""
    query = select(events).order_by(events.c.line)
    if site:
        query = query.where(events.c.site == site)
    if kinds:
        query = query.where(events.c.kind.in_(kinds))
    return [_event(row) for row in connection.execute(query)]


def broken(connection: Connection) -> Event | None:
    """The first event that does not hold; None: all do."""
    return broken_event(
        _event(row) for row in connection.execute(select(events).order_by(events.c.line))
    )


def verdicts(connection: Connection, site: str) -> list[trust.Verdict]:
    """What officers made of each citation so far; pending ones are none."""
    last = select(func.max(citations.c.line)).group_by(citations.c.number)
    found = connection.execute(
        select(citations).where(
            citations.c.line.in_(last.where(citations.c.site == site)),
            citations.c.status.in_(_DECIDED),
        )
    )
    return [
        trust.Verdict(
            camera=row.camera,
            type=ViolationType(row.type),
            upheld=row.status == CitationStatus.CONFIRMED,
            stamp=row.stamp,
            seen=row.violation_stamp,
        )
        for row in found
    ]


def trust_acts(connection: Connection, site: str) -> list[trust.Act]:
    found = noted(connection, site, (trust.BACK_OFF, trust.REARM))
    return [_act(event) for event in found]


def settle_trust(
    connection: Connection, site: str, marks: trust.Marks, now: int
) -> tuple[list[RuleTrust], list[RuleTrust]]:
    """The trust in every pair, and those that are disarmed by this very call."""
    acts = trust_acts(connection, site)
    weighed = trust.weigh(site, verdicts(connection, site), acts, marks, now)
    fell = trust.fallen(weighed, acts)
    for one in fell:
        subject = trust.subject(one.camera, one.type)
        note(
            connection,
            Event(trust.BACK_OFF, site, subject, trust.MACHINE, one.detail, now),
        )
    return weighed, fell


def rearm(
    connection: Connection,
    site: str,
    camera: str,
    kind: ViolationType,
    who: str,
    why: str,
    now: int,
) -> Event:
    """A human arms a pair again. Raises Refused where it is not disarmed, or who or why lack."""
    subject = trust.subject(camera, kind)
    mine = [act for act in trust_acts(connection, site) if (act.camera, act.type) == (camera, kind)]
    if not mine or mine[-1].kind != trust.BACK_OFF:
        raise Refused(f"{subject}: is not disarmed; nothing to rearm")
    return note(connection, Event(trust.REARM, site, subject, who, why, now))


def _event(row: Any) -> Event:
    return Event(**{name: row._mapping[name] for name in _FIELDS})


def _act(event: Event) -> trust.Act:
    camera, _, rule = event.subject.rpartition("/")
    kind = from_word(ViolationType, rule)
    return trust.Act(camera, kind, event.kind, event.who, event.why, event.stamp)
