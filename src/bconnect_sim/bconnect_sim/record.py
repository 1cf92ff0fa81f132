"""Writes what a simulated corridor saw into a bag, as the nodes of a real one would say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

import numpy as np

from bconnect_replay.adapters.bag import BagWriter
from bconnect_sim.core.detections import Detections
from bconnect_sim.core.gates import Sighting
from bconnect_site import names
from bconnect_site.kinds import CameraState, SignalAspect, SignalSource
from bconnect_site.loaded import LoadedSite

SECOND = 1_000_000_000  # ns
MODEL = "simulation"
_USERS = "bconnect_msgs/msg/RoadUserArray"


class Recording:
    """The messages of one site. Stamps are ns since 1970; ``start`` is the scenario's zero."""

    def __init__(self, bag: BagWriter, loaded: LoadedSite, start: int) -> None:
        self._bag, self._loaded, self._start = bag, loaded, start
        self._site = loaded.site.site
        self._cameras = tuple(loaded.site.cameras)
        self._sizes = [(c.detect.width, c.detect.height) for c in loaded.site.cameras.values()]
        self._aspects: dict[str, tuple[str, int]] = {}  # as many as the site has signals
        self._states: dict[int, tuple[CameraState, int]] = {}  # as many as it has cameras
        self._array, nothing = bag.type(_USERS), bag.make(_USERS)
        self._nothing = {f.name: getattr(nothing, f.name) for f in fields(nothing)}

    def stamp(self, time: float) -> int:
        """ns since 1970 of s since the scenario's start."""
        return self._start + round(time * SECOND)

    def site_info(self, day: date) -> None:
        """What the site consists of, at the scenario's start; the bag's first message."""
        loaded, site, bag = self._loaded, self._loaded.site, self._bag
        message = bag.make(
            "bconnect_msgs/msg/SiteInfo",
            header=bag.header(self._start),
            site=site.site,
            kind=site.kind,
            title=site.title,
            timezone=site.timezone,
            latitude=site.location.latitude if site.location else float("nan"),
            longitude=site.location.longitude if site.location else float("nan"),
            software_version=loaded.software,
            site_sha256=loaded.sha256,
            site_yaml=loaded.to_yaml(),
            catalogue_version=loaded.catalogue().version_name(day),
            model=MODEL,
            model_backend=MODEL,
            cameras=list(site.cameras),
            zones=[self._zone(*zone) for zone in site.zones()],
        )
        bag.write(self._topic(names.SITE_INFO), message, self._start, latched=True)

    def _zone(self, camera: str, name: str, zone: Any) -> Any:
        points = np.array(zone.points, np.float32).reshape(-1, 2)
        return self._bag.make(
            "bconnect_msgs/msg/Zone",
            camera=camera,
            name=name,
            kind=int(zone.kind),
            x=points[:, 0].copy(),
            y=points[:, 1].copy(),
            signal=zone.signal or "",
            basis=zone.basis or "",
        )

    def signals(self, aspects: Mapping[str, str], time: float, say: bool) -> None:
        """What every signal shows; ``say``: also as messages. Since the start: since unknown."""
        stamp = self.stamp(time)
        for name, aspect in aspects.items():
            known = self._aspects.get(name)
            if known is None or known[0] != aspect:
                self._aspects[name] = (aspect, 0 if known is None else stamp)
            if say:
                self._say_signal(name, stamp)

    def _say_signal(self, name: str, stamp: int) -> None:
        aspect, since = self._aspects[name]
        message = self._bag.make(
            "bconnect_msgs/msg/SignalState",
            header=self._bag.header(stamp),
            signal=name,
            aspect=int(SignalAspect[aspect.upper()]),
            since=self._bag.time(since),
            source=int(SignalSource.SIMULATION),
            confidence=1.0,
        )
        self._bag.write(self._topic(names.SIGNALS), message, stamp)

    def camera_status(self, camera: int, state: CameraState, time: float, rate: float) -> None:
        """How far a camera may be believed. rate: images decoded, Hz."""
        stamp, name = self.stamp(time), self._cameras[camera]
        known = self._states.get(camera)
        if known is None or known[0] != state:
            self._states[camera] = (state, stamp)
        message = self._bag.make(
            "bconnect_msgs/msg/CameraStatus",
            header=self._bag.header(stamp, names.optical_frame(self._site, name)),
            camera=name,
            state=int(state),
            since=self._bag.time(self._states[camera][1]),
            detail="" if state == CameraState.OK else "the simulated head has turned",
            frame_rate=rate,
            clock_offset=0.0,
            clock_source="file",
        )
        self._bag.write(self._topic(names.CAMERA_STATUS, name), message, stamp, latched=True)

    def detections(self, camera: int, found: Detections, time: float) -> None:
        """What a camera's detector said of one image."""
        stamp, name = self.stamp(time), self._cameras[camera]
        width, height = self._sizes[camera]
        sides = np.ascontiguousarray(found.boxes.T)
        told = dict(
            header=self._bag.header(stamp, names.optical_frame(self._site, name)),
            image_width=width,
            image_height=height,
            ground_frame="",
            kind=found.kind,
            track_id=np.zeros(len(found), np.int64),
            confidence=found.confidence,
            x_min=sides[0],
            y_min=sides[1],
            x_max=sides[2],
            y_max=sides[3],
            riders=found.riders,
            helmets=found.helmets,
            emergency=found.emergency,
        )
        message = self._array(**{**self._nothing, **told})
        self._bag.write(self._topic(names.DETECTIONS, name), message, stamp)

    def sightings(self, found: Sequence[Sighting]) -> None:
        """Plates that passed gates."""
        for sighting in found:
            stamp, name = self.stamp(sighting.time), self._cameras[sighting.camera]
            message = self._bag.make(
                "bconnect_msgs/msg/PlateSighting",
                header=self._bag.header(stamp, names.optical_frame(self._site, name)),
                camera=name,
                zone=sighting.gate,
                digest=sighting.digest,
                confidence=sighting.confidence,
                stamp_stddev=sighting.stddev,
            )
            self._bag.write(self._topic(names.PLATE_SIGHTINGS, name), message, stamp)

    def _topic(self, topic: str, camera: str = "") -> str:
        space = names.camera_ns(self._site, camera) if camera else names.site_ns(self._site)
        return f"{space}/{topic}"
