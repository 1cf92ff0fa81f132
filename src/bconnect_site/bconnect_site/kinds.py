"""Enumerations of the messages under plain names. Zero means unknown.

Numbers equal the constants in ``bconnect_msgs``; the word used in YAML is the
name in lower case (``ZoneKind.STOP_LINE`` is ``stop_line``).
"""

from enum import IntEnum
from typing import TypeVar

from bconnect_site.errors import ConfigError, suggest


class RoadUserKind(IntEnum):
    """RoadUser.KIND_*"""

    UNKNOWN = 0
    PEDESTRIAN = 1
    BICYCLE = 2
    MOTORCYCLE = 3
    CAR = 4
    MINIBUS = 5
    BUS = 6
    TRUCK = 7


class Colour(IntEnum):
    """RoadUser.COLOUR_*, of a vehicle's body."""

    UNKNOWN = 0
    WHITE = 1
    BLACK = 2
    GREY = 3
    RED = 4
    ORANGE = 5
    YELLOW = 6
    GREEN = 7
    BLUE = 8
    BROWN = 9


class ViolationType(IntEnum):
    """Finding.TYPE_*; a rule is called by the word of the violation it finds."""

    UNKNOWN = 0
    RED_LIGHT = 1
    STOP_LINE = 2
    WRONG_WAY = 3
    ILLEGAL_STOPPING = 4
    ILLEGAL_PARKING = 5
    SPEEDING = 6
    SECTION_SPEED = 7
    RACING = 8
    NO_HELMET = 9
    OVERLOADED_MOTORCYCLE = 10
    LANE_MARKING = 11
    ILLEGAL_U_TURN = 12
    NO_SEAT_BELT = 13
    PHONE_USE = 14


class ZoneKind(IntEnum):
    """Zone.KIND_*"""

    UNKNOWN = 0
    STOP_LINE = 1
    JUNCTION = 2
    NO_STOPPING = 3
    NO_PARKING = 4
    DIRECTION = 5
    LANE_MARKING = 6
    NO_U_TURN = 7
    SPEED = 8
    ROAD = 9
    GATE = 10


class SignalAspect(IntEnum):
    """SignalState.ASPECT_*"""

    UNKNOWN = 0
    RED = 1
    AMBER = 2
    GREEN = 3
    FLASHING = 4
    DARK = 5


class SignalSource(IntEnum):
    """SignalState.SOURCE_*"""

    UNKNOWN = 0
    CONTROLLER = 1
    LAMP_VISION = 2
    SIMULATION = 3
    RECORDED = 4


class CameraState(IntEnum):
    """CameraStatus.STATE_*"""

    UNKNOWN = 0
    OK = 1
    STALE = 2
    DARK = 3
    BLURRED = 4
    OBSTRUCTED = 5
    MOVED = 6
    FROZEN = 7
    ENDED = 8
    OFF = 9


class Step(IntEnum):
    """Measure.STEP_*"""

    UNKNOWN = 0
    REPRIMAND = 1
    ANNOUNCEMENT = 2
    STICKER = 3
    CITATION = 4
    TOW = 5


class Mode(IntEnum):
    """Measure.MODE_*"""

    UNKNOWN = 0
    SOCIALISATION = 1
    ENFORCEMENT = 2


class PlateState(IntEnum):
    """PlateReading.STATE_*"""

    UNKNOWN = 0
    NOT_VISIBLE = 1
    UNREADABLE = 2
    READ = 3


class PlateColour(IntEnum):
    """PlateReading.COLOUR_*, of a plate's base."""

    UNKNOWN = 0
    WHITE = 1
    BLACK = 2
    YELLOW = 3
    RED = 4
    GREEN = 5


class EvidenceKind(IntEnum):
    """Evidence.KIND_*"""

    UNKNOWN = 0
    SCENE = 1
    VEHICLE = 2
    PLATE = 3
    CLIP = 4
    CONTEXT_BEFORE = 5
    CONTEXT_AFTER = 6
    ANNOTATED = 7
    FACTS = 8
    RELEASE = 9


class CitationStatus(IntEnum):
    """Citation.STATUS_*"""

    UNKNOWN = 0
    PENDING_REVIEW = 1
    CONFIRMED = 2
    REJECTED = 3
    WITHDRAWN = 4


class ReviewDecision(IntEnum):
    """ReviewCitation.Request.DECISION_*"""

    UNKNOWN = 0
    CONFIRM = 1
    REJECT = 2
    WITHDRAW = 3


class SpeakerStateKind(IntEnum):
    """SpeakerState.STATE_*"""

    UNKNOWN = 0
    IDLE = 1
    SPEAKING = 2
    MUTED = 3
    FAULT = 4


class TowStatus(IntEnum):
    """TowJob.STATUS_*"""

    UNKNOWN = 0
    REQUESTED = 1
    ACKNOWLEDGED = 2
    EN_ROUTE = 3
    DONE = 4
    CANCELLED = 5
    PROPOSED = 6


class StickerStatus(IntEnum):
    """StickerTask.STATUS_*"""

    UNKNOWN = 0
    REQUESTED = 1
    ACKNOWLEDGED = 2
    DONE = 3
    CANCELLED = 4


class Outcome(IntEnum):
    """Compliance.OUTCOME_*"""

    UNKNOWN = 0
    COMPLIED = 1
    IGNORED = 2


Kind = TypeVar("Kind", bound=IntEnum)


def word(kind: IntEnum) -> str:
    """The word for a kind in YAML, phrases and file names."""
    return kind.name.lower()


def words(kinds: type[Kind]) -> tuple[str, ...]:
    """All words of an enumeration but ``unknown``, in order."""
    return tuple(word(kind) for kind in kinds if kind.value)


def from_word(kinds: type[Kind], text: str, what: str = "") -> Kind:
    """The kind a word names.

    Raises ConfigError for an unknown word; ``what`` says what it should have been.
    """
    if text not in words(kinds):
        what = what or kinds.__name__
        raise ConfigError(f'no {what} is called "{text}"{suggest(text, words(kinds))}')
    return kinds[text.upper()]
