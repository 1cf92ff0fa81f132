"""The ladder's rules out of a site and its phrases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args
from zoneinfo import ZoneInfo

from bconnect_enforce.core.ladder import SECOND, Level, Phrase, Rules
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import Mode, Step, ViolationType, from_word
from bconnect_site.model import Site
from bconnect_site.phrases import Phrases

# What endangers others most is said first.
PRIORITY: Mapping[ViolationType, int] = {
    ViolationType.WRONG_WAY: 90,
    ViolationType.RACING: 80,
    ViolationType.RED_LIGHT: 70,
    ViolationType.SPEEDING: 60,
    ViolationType.SECTION_SPEED: 60,
    ViolationType.ILLEGAL_U_TURN: 50,
    ViolationType.LANE_MARKING: 50,
    ViolationType.NO_HELMET: 40,
    ViolationType.OVERLOADED_MOTORCYCLE: 40,
    ViolationType.STOP_LINE: 30,
    ViolationType.ILLEGAL_STOPPING: 20,
    ViolationType.ILLEGAL_PARKING: 20,
}
SPEAKER_PAUSE = 5.0  # s


def rules_of(site: Site, phrases: Phrases) -> Rules:
    """The policy of a site. Raises ConfigError for a word that is no step."""
    cooldown = int(site.ladder.cooldown * SECOND)
    return Rules(
        timezone=ZoneInfo(site.timezone),
        mode=from_word(Mode, site.ladder.mode, "mode"),
        until=site.ladder.until,
        policies={
            name: tuple(from_word(Step, word, "step") for word in words)
            for name, words in site.ladder.policies.items()
        },
        hears={name: frozenset(speaker.hears) for name, speaker in site.speakers.items()},
        phrases=_phrases(phrases),
        cooldown=cooldown,
        speaker_pause=min(cooldown, int(SPEAKER_PAUSE * SECOND)),
    )


def _phrases(phrases: Phrases) -> dict[tuple[ViolationType, Level], Phrase]:
    """What is said by kind and level; a kind without a phrase is answered in silence."""
    found: dict[tuple[ViolationType, Level], Phrase] = {}
    for kind in ViolationType:
        for level in get_args(Level):
            try:
                name = phrases.for_violation(kind, level).name
            except ConfigError:
                continue
            found[kind, level] = Phrase(name, PRIORITY.get(kind, 0))
    return found
