"""The five ways messages travel. Nodes name one of these and never tune their own."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _profile(reliable: bool, latched: bool, depth: int) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


SENSOR = _profile(reliable=False, latched=False, depth=1)
"""Images: a slow reader drops frames and never falls behind."""

STREAM = _profile(reliable=True, latched=False, depth=10)
"""Detections, tracks, signals."""

EVENT = _profile(reliable=True, latched=False, depth=100)
"""Findings, announcements, capture requests: a restarted speaker must not shout old phrases."""

RECORD = _profile(reliable=True, latched=True, depth=100)
"""Violations, measures, citations: a reader that comes back sees the recent ones."""

STATE = _profile(reliable=True, latched=True, depth=1)
"""The present state of something: site_info, camera_status, speaker_state."""
