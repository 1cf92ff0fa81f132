"""In a replay, answers requests for pictures in the cameras' place: cut from the bag's own."""

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bconnect_msgs.msg import Capture, CaptureRequest

from bconnect_camera import convert
from bconnect_camera.core.captures import CaptureDesk, CaptureJob
from bconnect_camera.core.cuts import Cut
from bconnect_camera.cutting import cut
from bconnect_node import qos
from bconnect_node.base import BconnectNode
from bconnect_replay.adapters.bag import BagReader
from bconnect_replay.adapters.bag_types import VIDEO
from bconnect_replay.bag_ring import groups
from bconnect_site import names
from bconnect_site.errors import ConfigError

LOOK_PERIOD = 0.1  # s between looks at waiting requests
NOTHING = "pictures: this is a replay, and the bag holds none of this camera"


class Answers:
    """Serves the capture requests of a site's cameras from a bag.

    pictures: the topic of each camera that has one. now: the graph's time, ns. shift_of: how much
    later than in the bag a stamp is, ns. store: the evidence store; empty: nothing can be kept.
    """

    def __init__(
        self,
        node: BconnectNode,
        site: str,
        cameras: list[str],
        bag: Path,
        pictures: Mapping[str, str],
        store: str,
        now: Callable[[], int],
        shift_of: Callable[[int], int],
    ) -> None:
        self._node, self._site, self._folder = node, site, bag
        self._pictures, self._store = dict(pictures), store
        self._now, self._shift_of = now, shift_of
        self._inbox: queue.Queue[tuple[str, CaptureJob]] = queue.Queue(maxsize=64)
        self._desks = {camera: CaptureDesk() for camera in cameras}
        self._outs: dict[str, Any] = {}
        for camera in cameras:
            space = names.camera_ns(site, camera)
            self._outs[camera] = node.create_publisher(
                Capture, f"{space}/{names.CAPTURES}", qos.EVENT
            )
            asked = f"{space}/{names.CAPTURE_REQUESTS}"
            node.create_subscription(
                CaptureRequest, asked, partial(self._on_request, camera), qos.EVENT
            )
        node.worker("captures", self._run)

    def _on_request(self, camera: str, request: CaptureRequest) -> None:
        job = convert.job_from_msg(request, self._now())
        if camera not in self._pictures:
            self._answer(camera, job, Cut(missing=[NOTHING]))
            return
        try:
            self._inbox.put_nowait((camera, job))
        except queue.Full:
            self._answer(camera, job, Cut(missing=["too many captures at once"]))

    def _run(self, stop: threading.Event) -> None:
        bag: BagReader | None = None  # a second reader: the player's goes on meanwhile
        try:
            while not stop.is_set():
                self._take()
                now = self._now()
                for camera, desk in self._desks.items():
                    for job in desk.take(now, now, flowing=True):
                        bag = bag or BagReader(self._folder)
                        self._answer(camera, job, self._cut(bag, camera, job))
        finally:
            if bag is not None:
                bag.close()

    def _take(self) -> None:
        try:
            camera, job = self._inbox.get(timeout=LOOK_PERIOD)
        except queue.Empty:
            return
        if refused := self._desks[camera].add(job):
            self._answer(camera, job, Cut(missing=[refused]))

    def _cut(self, bag: BagReader, camera: str, job: CaptureJob) -> Cut:
        if not self._store:
            return Cut(missing=["evidence_dir: found nothing, a folder is needed to keep files"])
        topic, shift = self._pictures[camera], self._shift_of(job.last)
        wanted = _moved(job, -shift)
        moments = [
            *wanted.stills,
            *((wanted.clip_start, wanted.clip_end) if wanted.clip_end else ()),
        ]
        try:
            held = groups(bag, topic, min(moments), max(moments))
            made = cut(wanted, held, self._store)
        except (ConfigError, ValueError) as error:
            return Cut(missing=[f"pictures: the bag's cannot be read: {error}"])
        made.files = [replace(file, stamp=file.stamp + shift) for file in made.files]
        if made.files and bag.topics[topic].type != VIDEO:
            made.missing.append(
                f"pictures of full size: the bag holds single pictures, {made.width}x{made.height}"
            )
        return made

    def _answer(self, camera: str, job: CaptureJob, result: Cut) -> None:
        self._node.health.tick("captures")
        frame = names.optical_frame(self._site, camera)
        now = self._now()
        self._node.send(self._outs[camera], convert.capture_to_msg(job.id, result, now, frame))


def _moved(job: CaptureJob, shift: int) -> CaptureJob:
    """A job of other moments."""
    return replace(
        job,
        stills=tuple(stamp + shift for stamp in job.stills),
        clip_start=job.clip_start + shift,
        clip_end=job.clip_end + shift,
    )
