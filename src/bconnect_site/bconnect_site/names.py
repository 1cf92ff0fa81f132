"""Names of namespaces, frames and topics. The only file that knows full ones."""

import re

# Double and trailing underscores are refused by ROS 2 topic names.
NAME_PATTERN = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
MAX_NAME_LENGTH = 48

# Under a camera's namespace.
IMAGE_RAW = "image_raw"
SHARED = "shared"  # under an image topic: where its pictures lie in shared memory
VIDEO = "video"  # the encoded stream
CAMERA_INFO = "camera_info"
CAMERA_STATUS = "camera_status"
DETECTIONS = "detections"
TRACKS = "tracks"
CAPTURE_REQUESTS = "capture_requests"
CAPTURES = "captures"
PLATE_SIGHTINGS = "plate_sightings"

# Under the site's namespace.
SIGNALS = "signals"
FINDINGS = "findings"
VIOLATIONS = "violations"
MEASURES = "measures"
ANNOUNCEMENTS = "announcements"
RECORDINGS = "recordings"
SPEAKER_STATE = "speaker_state"
CITATIONS = "citations"
TOW_JOBS = "tow_jobs"
COMPLIANCE = "compliance"
STICKER_TASKS = "sticker_tasks"
RULE_TRUST = "rule_trust"
SITE_INFO = "site_info"
FIX = "fix"
FIX_VELOCITY = "fix_velocity"
CLOCK_STATE = "clock_state"
HEADING = "heading"
REVIEW_CITATION = "review_citation"
UPDATE_TOW_JOB = "update_tow_job"
UPDATE_STICKER_TASK = "update_sticker_task"


def is_name(text: str) -> bool:
    """Whether text may name a site, camera, zone, signal, speaker or process."""
    return len(text) <= MAX_NAME_LENGTH and re.fullmatch(NAME_PATTERN, text) is not None


def site_ns(site: str) -> str:
    """Namespace of a site, absolute."""
    return f"/{site}"


def site_of(namespace: str) -> str:
    """The site of a namespace, e.g. ``demo`` of ``/demo/plaza``."""
    return namespace.strip("/").partition("/")[0]


def camera_ns(site: str, camera: str) -> str:
    """Namespace of a camera, absolute."""
    return f"/{site}/{camera}"


def speaker_ns(site: str, speaker: str) -> str:
    """Namespace of a speaker, absolute."""
    return f"/{site}/{speaker}"


def map_frame(site: str) -> str:
    """Ground frame of a site (REP-105; ENU, origin at the site's location)."""
    return f"{site}/map"


def base_frame(site: str) -> str:
    """Frame of a vehicle (REP-105: x ahead, y left)."""
    return f"{site}/base_link"


def ground_frame(site: str, kind: str) -> str:
    """Frame of places on the ground: a corridor's map, a vehicle itself."""
    return base_frame(site) if kind == "vehicle" else map_frame(site)


def gnss_frame(site: str) -> str:
    """Frame of a vehicle's GNSS antenna."""
    return f"{site}/gnss"


def optical_frame(site: str, camera: str) -> str:
    """Optical frame of a camera (REP-103: x right, y down, z forward)."""
    return f"{site}/{camera}_optical_frame"


def camera_topic(camera: str, topic: str) -> str:
    """A camera's topic as seen from the site's namespace, e.g. ``utara/image_raw``."""
    return f"{camera}/{topic}"
