"""Which topics of a bag go into the graph, where, and as what."""

from dataclasses import dataclass
from typing import Any

from bconnect_msgs import msg
from geometry_msgs.msg import TwistWithCovarianceStamped
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image, Imu, NavSatFix

from bconnect_node import qos, stamps
from bconnect_replay.adapters.bag import BagError, BagReader
from bconnect_replay.album import JPEG, given_topics, picture_topic
from bconnect_replay.inputs import recorded_as
from bconnect_site import names
from bconnect_site.model import Site

# What a detector saw on the street comes first: the same pictures, less to decode.
SEEN = (JPEG, names.IMAGE_RAW, names.VIDEO)


@dataclass(frozen=True, slots=True)
class Way:
    """One topic's way: its message, the topic it goes to, how. Pictures go as ``Image``."""

    message: Any
    to: str
    profile: QoSProfile
    latched: bool = False
    camera: str = ""  # of pictures

    def shifted(self, data: bytes, shift: int) -> bytes:
        """The message with its header's stamp ``shift`` ns later."""
        if not shift:
            return data
        message = deserialize_message(data, self.message)
        message.header.stamp = stamps.to_msg(stamps.to_ns(message.header.stamp) + shift)
        for field in ("since", "started"):
            moment = getattr(message, field, None)
            if moment is not None:
                setattr(message, field, stamps.to_msg(stamps.to_ns(moment) + shift))
        return bytes(serialize_message(message))


def ways_of(site: Site, bag: BagReader, images: bool, image_topics: list[str]) -> dict[str, Way]:
    """The ways of a bag's topics into the graph of a site.

    ``images``: pictures instead of detections. ``image_topics``: "camera=/topic" for bags that
    were not recorded by us. Raises ConfigError when the bag has nothing to give.
    """
    recorded = recorded_as(bag, site.site) or site.site
    given = given_topics(site, bag, image_topics)
    ways: dict[str, Way] = {}
    for camera in site.cameras:
        here = names.camera_ns(site.site, camera)
        there = names.camera_ns(recorded, camera)
        picture = given.get(camera) or picture_topic(bag, there, SEEN)
        if images or given:
            if picture:
                to = f"{here}/{names.IMAGE_RAW}"
                ways[picture] = Way(Image, to, qos.SENSOR, camera=camera)
        else:
            _add(ways, bag, there, here, names.DETECTIONS, msg.RoadUserArray, qos.STREAM)
        _add(ways, bag, there, here, names.CAMERA_STATUS, msg.CameraStatus, qos.STATE)
        _add(ways, bag, there, here, names.PLATE_SIGHTINGS, msg.PlateSighting, qos.EVENT)
    if not any(way.to.endswith((names.DETECTIONS, names.IMAGE_RAW)) for way in ways.values()):
        what = "pictures" if images else "detections"
        raise BagError(
            f"{bag.folder}: holds no {what} of the cameras of {site.site}; found: "
            f"{', '.join(sorted(bag.topics)) or 'no topics'}"
        )
    there, here = names.site_ns(recorded), names.site_ns(site.site)
    if not plays(ways, names.IMAGE_RAW):  # else the detector tells its own model
        _add(ways, bag, there, here, names.SITE_INFO, msg.SiteInfo, qos.STATE)
    _add(ways, bag, there, here, names.SIGNALS, msg.SignalState, qos.STREAM)
    _add(ways, bag, there, here, names.FIX, NavSatFix, qos.STREAM)
    _add(ways, bag, there, here, names.FIX_VELOCITY, TwistWithCovarianceStamped, qos.STREAM)
    _add(ways, bag, there, here, names.HEADING, Imu, qos.STREAM)
    _add(ways, bag, there, here, names.CLOCK_STATE, msg.ClockState, qos.STATE)
    return ways


def plays(ways: dict[str, Way], topic: str) -> bool:
    """Whether a topic such as ``signals`` is among them."""
    return any(way.to.endswith(f"/{topic}") for way in ways.values())


def _add(
    ways: dict[str, Way],
    bag: BagReader,
    there: str,
    here: str,
    topic: str,
    message: Any,
    profile: QoSProfile,
) -> None:
    held = bag.topics.get(f"{there}/{topic}")
    if held is not None and held.count:
        latched = profile.durability == qos.STATE.durability
        ways[held.name] = Way(message, f"{here}/{topic}", profile, latched)
