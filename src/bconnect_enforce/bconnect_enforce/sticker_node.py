"""Sticker tasks: asked for by the ladder, taken and done by officers on the road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bconnect_msgs.msg import StickerTask as Message
from bconnect_msgs.srv import UpdateStickerTask

from bconnect_enforce import convert
from bconnect_enforce.core import sticker
from bconnect_enforce.core.records import Measure, StickerTask, identity
from bconnect_enforce.core.roadside import SECOND
from bconnect_enforce.desk import Desk
from bconnect_node.parameters import field
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.kinds import Step
from bconnect_site.orders import STICKER


@dataclass(frozen=True)
class StickerParams:
    """The rest is in the site file."""

    site_file: str = field(description="the frozen site")
    database: str = field(description="URL of the ledger; may hold ${NAME}")
    orders_dir: str = field(description="the site's orders: whose to follow, what was followed")


class StickerNode(Desk[StickerTask]):
    """measures -> tasks; officers' word through a service; overdue ones end by themselves."""

    params: StickerParams
    kind = StickerTask
    step = Step.STICKER
    topic = names.STICKER_TASKS
    right = STICKER

    def __init__(self, **kw: Any) -> None:
        super().__init__("sticker", StickerParams, Message, **kw)
        self._due_after = self.patience = int(self.loaded.site.sticker.due * SECOND)
        self.begin(UpdateStickerTask, names.UPDATE_STICKER_TASK)

    def job_id(self, violation_id: str) -> str:
        return identity(violation_id, "sticker")

    def opened(self, measure: Measure, now: int) -> StickerTask:
        return sticker.requested(measure, now, self._due_after)

    def changed(self, request: Any, current: StickerTask, now: int) -> StickerTask:
        return sticker.changed(current, convert.sticker_change_from(request), now)

    def ended(self, history: Sequence[StickerTask], why: str, now: int) -> StickerTask | None:
        return sticker.over(history[-1], why, now)

    def expired(self, job: StickerTask, now: int) -> StickerTask | None:
        return sticker.expired(job, now)

    def is_open(self, job: StickerTask) -> bool:
        return sticker.is_open(job)

    def to_message(self, job: StickerTask) -> Message:
        return convert.sticker_to(job)

    def answered(self, response: UpdateStickerTask.Response, job: StickerTask) -> None:
        response.task = convert.sticker_to(job)

    def stored(self, job: StickerTask) -> None:
        self.get_logger().info(f"sticker {job.id}: {sticker.word(job.status)}: {job.detail}")


def main() -> int:
    return run(StickerNode)
