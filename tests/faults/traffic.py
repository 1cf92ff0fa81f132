"""What goes into a street: findings with known ids, and an officer who orders and decides."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_msgs.msg import Finding, RoadUser
from bconnect_msgs.srv import ReviewCitation, UpdateTowJob
from sqlalchemy.exc import SQLAlchemyError
from street import LINE, PARKING, SITE, Street

from bconnect_bringup.orders import desk, sign
from bconnect_detect.convert import time_to_msg
from bconnect_enforce.core.records import identity
from bconnect_site import names
from bconnect_site.kinds import CitationStatus, RoadUserKind, TowStatus, ViolationType
from bconnect_site.orders import REVIEW, TOW_ORDER
from bconnect_site.sealed import MANIFEST, PARTIAL

ZONE = ZoneInfo("Asia/Makassar")
AGAIN = 2.0  # s until a finding that nobody took is sent once more
ACT = 3.0  # s between two acts of the officer
KINDS = {PARKING: ViolationType.ILLEGAL_PARKING, LINE: ViolationType.STOP_LINE}
SECOND = 1_000_000_000


@dataclass
class Sent:
    """One finding. ``taken``: it is on the evidence store's medium; from then on it is ours."""

    id: str
    kind: str
    message: Any
    folder: str  # in the evidence store, once sealed
    taken: bool = False
    times: int = 0
    told: float = 0.0  # monotonic, s


@dataclass
class Acts:
    """What the officer was told was done."""

    ordered: list[str] = field(default_factory=list)  # tow jobs
    decided: dict[str, int] = field(default_factory=dict)  # number: status
    refused: list[str] = field(default_factory=list)
    unanswered: int = 0


class Traffic:
    """Sends until `stop`; what was not taken goes on being sent until it is."""

    def __init__(self, street: Street, seed: int = 0) -> None:
        self._street, self._chance = street, random.Random(seed)
        self.sent: dict[str, Sent] = {}
        self.open: dict[str, Sent] = {}  # not taken yet
        self.acts = Acts()
        self.shift = 0  # ns the graph's clock is ahead of ours
        self._more = threading.Event()
        self._more.set()
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=run, name=run.__name__, daemon=True)
            for run in (self._send_all, self._act_all)
        ]
        for thread in self._threads:
            thread.start()

    def cease(self) -> None:
        """No new findings and no acts; what is open goes on being sent."""
        self._more.clear()

    def go_on(self) -> None:
        """New findings and acts again."""
        self._more.set()

    def stop(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(10.0)

    # -- findings ----------------------------------------------------------------------------

    def _send_all(self) -> None:
        pause, number, due = 1.0 / self._street.ways.rate, 0, time.monotonic()
        while not self._end.wait(max(0.0, min(due - time.monotonic(), 0.5))):
            if self._more.is_set() and time.monotonic() >= due:
                self._new(number)
                number, due = number + 1, max(due + pause, time.monotonic() - 1.0)
            elif not self._more.is_set():
                due = time.monotonic() + 0.5
            self._again()

    def _new(self, number: int) -> None:
        camera = self._chance.choice(self._street.cameras)
        kind = self._chance.choice((PARKING, LINE))
        now = self._street.watch.now() + self.shift
        id_ = identity("faults", f"{self._street.folder.name}-{number}-{now}")
        message = finding(id_, kind, camera, now, number + 1)
        day = datetime.fromtimestamp(now // SECOND, ZONE).date()
        one = Sent(id_, kind, message, f"{SITE}/{day}/{id_}")
        self.sent[id_] = self.open[id_] = one
        self._tell(one)

    def _tell(self, one: Sent) -> None:
        one.times, one.told = one.times + 1, time.monotonic()
        self._street.watch.findings.publish(one.message)

    def _again(self) -> None:
        for one in list(self.open.values()):
            if self._is_taken(one):
                one.taken = True
                del self.open[one.id]
            elif time.monotonic() - one.told > AGAIN:
                self._tell(one)

    def _is_taken(self, one: Sent) -> bool:
        place = self._street.layout.evidence_dir / one.folder
        gathered = place.with_name(place.name + PARTIAL) / "case.json"
        return gathered.exists() or (place / MANIFEST).exists()

    # -- the officer -------------------------------------------------------------------------

    def _act_all(self) -> None:
        from account import Books

        books = Books(self._street)
        signer, node = desk(self._street.layout), self._street.watch.node
        tow = node.create_client(UpdateTowJob, f"{names.site_ns(SITE)}/{names.UPDATE_TOW_JOB}")
        review = node.create_client(
            ReviewCitation, f"{names.site_ns(SITE)}/{names.REVIEW_CITATION}"
        )
        while not self._end.wait(ACT):
            if not self._more.is_set():
                continue
            with suppress(SQLAlchemyError):
                for job in books.proposed()[:1]:
                    request = UpdateTowJob.Request(
                        id=job, status=int(TowStatus.REQUESTED), officer="Ipda Sari"
                    )
                    if self._call(tow, signer, TOW_ORDER, request):
                        self.acts.ordered.append(job)
                # where there is a centre, its officers decide
                for number in [] if self._street.ways.centre else books.pending()[:1]:
                    reject = self._chance.random() < 0.5
                    status = CitationStatus.REJECTED if reject else CitationStatus.CONFIRMED
                    decision = (
                        ReviewCitation.Request.DECISION_REJECT
                        if reject
                        else ReviewCitation.Request.DECISION_CONFIRM
                    )
                    request = ReviewCitation.Request(
                        number=number,
                        decision=decision,
                        reviewer="Ipda Sari",
                        reason="tidak jelas" if reject else "",
                    )
                    if self._call(review, signer, REVIEW, request):
                        self.acts.decided[number] = int(status)
        books.close()

    def _call(self, client: Any, signer: Any, right: str, request: Any) -> bool:
        """Whether it was taken. What has no answer may have been done or not."""
        if not client.service_is_ready():
            return False
        sign(signer, right, request, SITE, self._street.watch.now() + self.shift)
        answered = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(6.0):
            client.remove_pending_request(future)
            self.acts.unanswered += 1
            return False
        answer = future.result()
        if not answer.success:
            self.acts.refused.append(answer.message)
        return bool(answer.success)


def finding(id_: str, kind: str, camera: str, stamp: int, track: int) -> Finding:
    """What a rule checker would say of a car."""
    parked = kind == PARKING
    m = Finding(
        id=id_,
        type=int(KINDS[kind]),
        site=SITE,
        camera=camera,
        zone="bahu",
        latitude=-1.2463,
        longitude=116.8563,
        image_width=320,
        image_height=180,
        measured=400.0 if parked else 2.0,
        measured_low=399.0 if parked else 1.5,
        measured_high=401.0 if parked else 2.5,
        limit=300.0 if parked else 0.0,
        time_into_red=float("nan"),
        article="UU 22/2009 Art. 287(3)",
        basis="sign S-12",
        catalogue_version="uu22_2009/1",
        confidence=0.9,
        explanation=f"known truth {track}",
    )
    m.header.stamp = time_to_msg(stamp)
    m.started = time_to_msg(stamp - SECOND)
    m.road_user = RoadUser(
        kind=int(RoadUserKind.CAR),
        track_id=track,
        confidence=0.9,
        x_min=100.0,
        y_min=60.0,
        x_max=180.0,
        y_max=120.0,
    )
    return m
