"""What happens with the messages of a bag: each topic's way into the pipeline."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from bconnect_detect.core.ground import Ground
from bconnect_detect.core.judge import Judge
from bconnect_detect.core.types import Finding
from bconnect_replay.adapters.bag import BagError
from bconnect_replay.core.pipeline import Pipeline, Placer
from bconnect_replay.core.reading import (
    fix_of,
    heading_of,
    sighting_of,
    signal_of,
    state_of,
    tracks_of,
    velocity_of,
)
from bconnect_replay.inputs import Inputs
from bconnect_site import names
from bconnect_site.calibration import Calibration
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState
from bconnect_site.model import Site

Route = Callable[[Any], list[Finding]]


def judge_of(inputs: Inputs) -> tuple[Judge, dict[str, Calibration], list[str]]:
    """What judges a bag, the calibrations it stands on, and a sentence for each broken one.

    Raises ConfigError, its sentences begin with the site file's name.
    """
    broken: list[str] = []
    calibrations = inputs.loaded.calibrations(broken)
    try:
        loaded = inputs.loaded
        on_map = loaded.map_zones()
        judge = Judge(loaded.site, loaded.catalogue(), inputs.day, calibrations, on_map)
    except ConfigError as error:
        raise ConfigError(*(f"{inputs.loaded.shown}: {s}" for s in error.sentences)) from None
    return judge, calibrations, broken


def findings_of(
    inputs: Inputs, routes: dict[str, Route], refused: Counter[str] | None = None
) -> Iterator[list[Finding]]:
    """What each message of a bag leads to; what cannot be read is left out and counted."""
    for topic, message, _ in inputs.bag.messages(sorted(routes)):
        try:
            found = routes[topic](message)
        except ConfigError:
            raise
        except ValueError as error:
            if refused is not None:
                refused[f"{topic}: messages dropped: {error}"] += 1
            continue
        yield found


def routes_of(
    inputs: Inputs, pipeline: Pipeline, from_tracks: bool, warnings: list[str]
) -> dict[str, Route]:
    """What happens with the messages of each topic that counts; what is missing is warned of.

    Raises BagError when there is nothing to judge.
    """
    routes: dict[str, Route] = {}
    for camera in inputs.loaded.site.cameras:
        found, tracked, status, plates = (
            inputs.topic(camera, topic)
            for topic in (
                names.DETECTIONS,
                names.TRACKS,
                names.CAMERA_STATUS,
                names.PLATE_SIGHTINGS,
            )
        )
        if inputs.has(found) and not (from_tracks and inputs.has(tracked)):
            routes[found] = _on_users(camera, pipeline.on_detections)
        elif inputs.has(tracked):
            routes[tracked] = _on_users(camera, pipeline.on_tracks)
        else:
            warnings.append(f"camera {camera}: the bag holds neither its detections nor tracks")
            continue
        if inputs.has(status):
            routes[status] = _on_status(camera, pipeline)
        else:
            warnings.append(f"camera {camera}: no camera_status in the bag: taken as ok")
            pipeline.on_camera_status(camera, CameraState.OK)
        if inputs.has(plates):
            routes[plates] = _on_plate(pipeline)
    if not routes:
        raise BagError(f"{inputs.bag.folder}: holds neither detections nor tracks to judge")
    signals = inputs.site_topic(names.SIGNALS)
    if inputs.has(signals):
        routes[signals] = _on_signal(pipeline)
    elif inputs.loaded.site.signals:
        warnings.append("no signals in the bag: no rule that needs one will find anything")
    _add_gnss(inputs, pipeline, routes, warnings)
    return routes


def _add_gnss(
    inputs: Inputs, pipeline: Pipeline, routes: dict[str, Route], warnings: list[str]
) -> None:
    """A vehicle's own place and motion."""
    if inputs.loaded.site.gnss is None:
        return
    fix, velocity = (inputs.site_topic(t) for t in (names.FIX, names.FIX_VELOCITY))
    if inputs.has(fix):
        routes[fix] = _quietly(lambda message: pipeline.on_fix(fix_of(message)))
    else:
        warnings.append("no fix in the bag: where the vehicle was is not known")
    if inputs.has(velocity):
        routes[velocity] = _quietly(lambda message: pipeline.on_velocity(velocity_of(message)))
    else:
        warnings.append("no fix_velocity in the bag: no rule on a zone will find anything")
    heading = inputs.site_topic(names.HEADING)
    if inputs.has(heading):
        routes[heading] = _quietly(lambda message: pipeline.on_heading(heading_of(message)))


def _quietly(then: Callable[[Any], None]) -> Route:
    def route(message: Any) -> list[Finding]:
        then(message)
        return []

    return route


def _on_users(camera: str, then: Callable[[Any], list[Finding]]) -> Route:
    def route(message: Any) -> list[Finding]:
        if not (message.header.stamp.sec or message.header.stamp.nanosec):
            raise BagError(f"camera {camera}: its messages carry no stamps; nothing can be judged")
        return then(tracks_of(message, camera))

    return route


def _on_status(camera: str, pipeline: Pipeline) -> Route:
    def route(message: Any) -> list[Finding]:
        pipeline.on_camera_status(camera, state_of(message))
        return []

    return route


def _on_signal(pipeline: Pipeline) -> Route:
    def route(message: Any) -> list[Finding]:
        pipeline.on_signal(signal_of(message))
        return []

    return route


def _on_plate(pipeline: Pipeline) -> Route:
    return lambda message: pipeline.on_plate(sighting_of(message))


def trackers(site: Site) -> dict[str, Any]:
    """ByteTrack for each camera, set as the site says."""
    from bconnect_detect.adapters.bytetrack import ByteTrack, ByteTrackSettings

    told = site.tracker.model_dump()
    settings = ByteTrackSettings(
        **{f.name: told[f.name] for f in fields(ByteTrackSettings) if f.name in told}
    )
    return {name: ByteTrack(c.detect.rate, settings) for name, c in site.cameras.items()}


def grounds(calibrations: dict[str, Calibration], site: Site) -> dict[str, Placer]:
    """What places tracks on the ground, for each calibrated camera."""
    frame = names.ground_frame(site.site, site.kind)
    return {name: Ground(c, frame) for name, c in calibrations.items() if c.has_ground}
