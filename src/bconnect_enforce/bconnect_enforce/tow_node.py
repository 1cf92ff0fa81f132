"""Tow jobs: proposed by the ladder, ordered by an officer, carried out by the towing service.

measures ------.                            .--> tow_jobs
compliance ----+--> proposals --> database -+
citations -----'        ^                   '--> webhook, of what an officer ordered
update_tow_job ---------'
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bconnect_msgs.msg import TowJob as Message
from bconnect_msgs.srv import UpdateTowJob

from bconnect_enforce import convert
from bconnect_enforce.adapters.ledger import LedgerError
from bconnect_enforce.adapters.ledger.fieldwork import Outbox
from bconnect_enforce.adapters.webhook import NotDelivered, Webhook
from bconnect_enforce.core import tow
from bconnect_enforce.core.outbox import Pauses, Place, letter, next_of_each
from bconnect_enforce.core.records import Measure, TowJob, identity
from bconnect_enforce.core.roadside import SECOND
from bconnect_enforce.desk import Desk
from bconnect_node.parameters import field
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import Step
from bconnect_site.orders import TOW_ORDER

SERVICE = ""  # the towing service itself, among the jobs that pause
LONGEST_WAIT = 30.0  # s between two looks into the outbox


@dataclass(frozen=True)
class TowParams:
    """The rest is in the site file."""

    site_file: str = field(description="the frozen site")
    database: str = field(description="URL of the ledger; may hold ${NAME}")
    orders_dir: str = field(description="the site's orders: whose to follow, what was followed")


class TowNode(Desk[TowJob]):
    """No truck moves without an officer's name; what was ordered is told until it is heard."""

    params: TowParams
    kind = TowJob
    step = Step.TOW
    topic = names.TOW_JOBS
    right = TOW_ORDER

    def __init__(self, **kw: Any) -> None:
        super().__init__("tow", TowParams, Message, **kw)
        settings = self.loaded.site.tow
        self._terms = tow.Terms(
            settings.yard or "", settings.trucks, int(settings.propose_for * SECOND)
        )
        self.patience = self._terms.propose_for
        self._news = threading.Event()
        self._pauses = Pauses()
        self._webhook: Webhook | None = None
        if settings.webhook:
            self._open_webhook(settings.webhook, settings.secret or "", settings.timeout)
        else:
            self.health.set("webhook", "none: the towing service is not told, only by tow_jobs")
        self.begin(UpdateTowJob, names.UPDATE_TOW_JOB)

    def _open_webhook(self, url: str, secret: str, timeout: float) -> None:
        key = f"{self.loaded.shown}: tow"
        self._webhook = Webhook(expand_env(url, os.environ, f"{key}.webhook"), timeout)
        self._secret = expand_env(secret, os.environ, f"{key}.secret").encode()
        if not self._secret:
            raise ConfigError(f"{key}.secret: is missing; what goes out must be signed")
        if self._webhook.is_open:
            self.get_logger().warning("tow.webhook: http carries officers' names in clear")
        try:
            self._outbox = Outbox(self.database, self.loaded.site.site)
        except LedgerError as error:
            raise ConfigError(str(error)) from error
        self.at_close(self._outbox.close)
        self.worker("webhook", self._deliver_all)

    def job_id(self, violation_id: str) -> str:
        return identity(violation_id, "tow")

    def opened(self, measure: Measure, now: int) -> TowJob:
        return tow.proposed(measure, now)

    def changed(self, request: Any, current: TowJob, now: int) -> TowJob:
        return tow.changed(current, convert.tow_change_from(request), now, self._terms)

    def ended(self, history: Sequence[TowJob], why: str, now: int) -> TowJob | None:
        return tow.over(history, why, now)

    def expired(self, job: TowJob, now: int) -> TowJob | None:
        return tow.expired(job, now, self._terms)

    def is_open(self, job: TowJob) -> bool:
        return tow.is_open(job)

    def to_message(self, job: TowJob) -> Message:
        return convert.tow_to(job)

    def answered(self, response: UpdateTowJob.Response, job: TowJob) -> None:
        response.job = convert.tow_to(job)

    def stored(self, job: TowJob) -> None:
        self.get_logger().info(f"tow {job.id}: {tow.word(job.status)}: {job.detail}")
        self._news.set()

    def close(self) -> None:
        if self._webhook is not None:
            self._webhook.abort()
        self._news.set()
        super().close()

    def _deliver_all(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                wait = self._round(stop)
            except LedgerError as error:
                self.health.error(str(error))
                wait = LONGEST_WAIT / 10
            self._news.wait(wait)
            self._news.clear()

    def _round(self, stop: threading.Event) -> float:
        """Delivers what is due, a job's states in order; s until it is worth another look."""
        while not stop.is_set():
            waiting = self._outbox.waiting()
            self._pauses.keep([SERVICE, *(job.id for job in waiting)])
            self.health.set("undelivered", len(waiting))
            moment = time.monotonic_ns()
            due = [job for job in next_of_each(waiting) if self._pauses.is_due(job.id, moment)]
            if not due or not self._pauses.is_due(SERVICE, moment):
                break
            for job in due:
                if stop.is_set() or not self._deliver(job):
                    break
        return min(self._pauses.wait(time.monotonic_ns()) / SECOND, LONGEST_WAIT)

    def _deliver(self, job: TowJob) -> bool:
        """Whether the next letter is worth trying."""
        assert self._webhook is not None
        vehicle = self._outbox.vehicle(job.violation_id, self.loaded.site.tow.tell_plate)
        sent = letter(job, self._place(job.camera), self._secret, vehicle)
        try:
            self._webhook.post(sent.body, sent.headers)
        except NotDelivered as error:
            if self.closing:
                return False
            pause = self._pauses.failed(
                SERVICE if error.unreachable else job.id, time.monotonic_ns()
            )
            self.health.error(f"{error}; tow {job.id} is told again in {pause / SECOND:.0f} s")
            return not error.unreachable
        self._outbox.delivered(job, self.now())
        self._pauses.forget(SERVICE)
        self._pauses.forget(job.id)
        self.health.tick("webhook")
        return True

    def _place(self, camera: str) -> Place:
        site = self.loaded.site
        where = site.location_of(camera) if camera in site.cameras else site.location
        if where is None:
            return Place(site.title)
        return Place(site.title, where.latitude, where.longitude)


def main() -> int:
    return run(TowNode)
