"""Tow jobs and sticker tasks of all sites, and how an officer's word reaches them.

Where a site is heard live its own node is asked by a signed order, so that its rules hold and
its towing service is told at once; elsewhere the word goes into the ledger by the same rules.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import select

from bconnect_center.adapters.listener import Listener
from bconnect_center.core.roadwork import SHOWN, Card, Sight, Where
from bconnect_center.core.roles import Person, Right
from bconnect_center.house import House
from bconnect_enforce.adapters.ledger import Outdated, jobs
from bconnect_enforce.adapters.ledger.tables import citations, stickers, tow_jobs, violations
from bconnect_enforce.core import sticker, tow
from bconnect_enforce.core.citation import Refused
from bconnect_enforce.core.records import StickerTask, TowJob
from bconnect_enforce.core.roadside import SECOND
from bconnect_site.kinds import Colour, PlateState, RoadUserKind
from bconnect_site.orders import STICKER, TOW_ORDER
from bconnect_site.roadside import TowSettings

R = TypeVar("R", bound=StickerTask | TowJob)
MOST = 500  # jobs on a board
_TABLES: dict[type, Any] = {StickerTask: stickers, TowJob: tow_jobs}


class NotTaken(ValueError):
    """A word that was not taken; str() is the sentence."""


class Roadwork:
    """Safe from any thread. Raises LedgerError."""

    def __init__(self, house: House) -> None:
        self._house = house

    def board(self, kind: type[R], person: Person, now: int) -> list[Card]:
        """Every job that was touched lately, as it stands now, oldest first."""
        table = _TABLES[kind]
        lately = select(table.c.id).where(table.c.stamp >= now - SHOWN)
        if person.sites:
            lately = lately.where(table.c.site.in_(sorted(person.sites)))
        lately = lately.order_by(table.c.stamp.desc()).limit(MOST)
        with self._house.ledger.reading() as c:
            ids = list(dict.fromkeys(c.scalars(lately)))
            rows = c.execute(
                select(table).where(table.c.id.in_(ids)).order_by(table.c.id, table.c.revision)
            )
            last = {row.id: jobs.of_row(kind, row) for row in rows}
            wanted = [job.violation_id for job in last.values()]
            seen = {
                row.id: row
                for row in c.execute(select(violations).where(violations.c.id.in_(wanted)))
            }
            cited = select(citations.c.violation_id, citations.c.number)
            numbers = dict(c.execute(cited.where(citations.c.violation_id.in_(wanted))).all())
        found = sorted(last.values(), key=lambda job: (job.stamp, job.id))
        return [
            self._card(job, seen.get(job.violation_id), numbers.get(job.violation_id, ""), person)
            for job in found
        ]

    def terms(self, site: str) -> tow.Terms:
        """What a site allows of tows."""
        found = self._house.sites.get(site)
        settings = found.site.tow if found else TowSettings()
        return tow.Terms(settings.yard or "", settings.trucks, int(settings.propose_for * SECOND))

    def tow(self, site: str, change: tow.Change, revision: int) -> None:
        """What an officer says of a tow. Raises NotTaken."""
        terms, now = self.terms(site), self._house.now()
        job = self._current(TowJob, site, change.id, revision)
        following = self._decided(lambda: tow.changed(job, change, now, terms))
        fields = {
            "id": change.id, "status": int(change.status), "officer": change.officer,
            "truck": change.truck, "yard": change.yard, "detail": change.detail,
        }  # fmt: skip
        if not self._ordered(site, TOW_ORDER, fields):
            self._put(following)

    def sticker(self, site: str, change: sticker.Change, revision: int) -> None:
        """What an officer says of a sticker. Raises NotTaken."""
        now = self._house.now()
        task = self._current(StickerTask, site, change.id, revision)
        following = self._decided(lambda: sticker.changed(task, change, now))
        fields = {
            "id": change.id, "status": int(change.status), "officer": change.officer,
            "detail": change.detail,
        }  # fmt: skip
        if not self._ordered(site, STICKER, fields):
            self._put(following)

    @staticmethod
    def _decided(decide: Any) -> Any:
        try:
            return decide()
        except Refused as error:
            raise NotTaken(str(error)) from None

    def _ordered(self, site: str, kind: str, fields: dict[str, Any]) -> bool:
        """Whether the site's own node was asked. Raises NotTaken where it said no."""
        if site not in self._house.file.live:
            return False
        answer = Listener(self._house).order(site, kind, fields)
        if not answer.done:
            raise NotTaken(answer.sentence)
        return True

    def _put(self, record: TowJob | StickerTask) -> None:
        try:
            if isinstance(record, TowJob):
                self._house.ledger.put_tow_job(record, record.stamp)
            else:
                self._house.ledger.put_sticker(record, record.stamp)
        except Outdated as error:
            raise NotTaken(str(error)) from None

    def _current(self, kind: type[R], site: str, id_: str, revision: int) -> R:
        with self._house.ledger.reading() as c:
            history: Sequence[R] = jobs.history(c, kind, site, id_)
        if not history:
            raise NotTaken(f'id: no job is called "{id_}"')
        if history[-1].revision != revision:
            raise NotTaken(f"{id_}: somebody else changed it just now; look again")
        return history[-1]

    def _card(self, job: TowJob | StickerTask, row: Any, number: str, person: Person) -> Card:
        until = job.due if isinstance(job, StickerTask) else None
        if isinstance(job, TowJob) and job.status.name == "PROPOSED":
            until = job.stamp + self.terms(job.site).propose_for
        found = self._house.sites.get(job.site)
        title = found.site.title if found else job.site.replace("_", " ").title()
        place = f"{title}, {job.camera.replace('_', ' ')}"
        return Card(job, self._sight(job, row, person), place, number, until)

    def _sight(self, job: TowJob | StickerTask, row: Any, person: Person) -> Sight:
        where = self._camera(job.site, job.camera)
        if row is None:
            return Sight(where=where)
        if row.latitude is not None and row.longitude is not None:
            where = Where(row.latitude, row.longitude)
        may = person.may(Right.CASES) and row.plate_state == PlateState.READ
        return Sight(
            _kind(RoadUserKind, row.road_user), _kind(Colour, row.colour), row.zone,
            row.plate if may else "", where,
        )  # fmt: skip

    def _camera(self, site: str, camera: str) -> Where:
        found = self._house.sites.get(site)
        if found is None:
            return Where()
        known = found.site.location_of(camera) if camera in found.site.cameras else None
        at = known or found.site.location
        return Where(at.latitude, at.longitude) if at else Where()


def _kind(kinds: Any, value: int) -> Any:
    return kinds(value) if value in kinds._value2member_map_ else kinds(0)
