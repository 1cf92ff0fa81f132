"""What loudspeakers may say: named phrases, never free text."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_uppercase, digits
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bconnect_site import find
from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.fields import ColourWord, Name, RoadUserWord, Rule, Strict, Text, fault
from bconnect_site.kinds import Colour, RoadUserKind, ViolationType, word
from bconnect_site.yamlfile import read_yaml

RECORDING = "recording_"  # and the SHA-256 (hex) of the sound an officer recorded

Spoken = Annotated[str, Field(min_length=1, max_length=300)]
Level = Literal["reprimand", "warning", "information"]


class PhraseEntry(Strict):
    """One phrase of config/phrases.yaml."""

    text: Spoken = Field(description="what is spoken, in the file's language")
    title: Text = Field(description="what it means, in English")
    level: Level = "information"
    violation: Rule | None = Field(default=None, description="the violation it answers")
    recording: Text | None = Field(
        default=None,
        description="16-bit WAV beside this file; absent: the text is synthesised",
    )


def is_recording(name: str) -> bool:
    """Whether an order names a recorded sound by its digest instead of a phrase."""
    return re.fullmatch(f"{RECORDING}[0-9a-f]{{64}}", name) is not None


def _words(count: int) -> AfterValidator:
    def check(text: str) -> str:
        if len(text.split()) != count:
            raise fault(f"needs {count} words, one for each character, found {len(text.split())}")
        return text

    return AfterValidator(check)


class PlateWords(Strict):
    """How a plate is read aloud, character by character."""

    intro: Spoken = Field(description="spoken before it")
    letters: Annotated[Spoken, _words(26)] = Field(description="names of A to Z")
    digits: Annotated[Spoken, _words(10)] = Field(description="names of 0 to 9")


class PhrasesFile(Strict):
    """config/phrases.yaml."""

    language: str = Field(default="id", pattern="^[a-z]{2,3}$", description="ISO 639")
    road_users: dict[RoadUserWord, Spoken] = Field(
        default_factory=dict, description="what each kind of road user is called"
    )
    anybody: Spoken | None = Field(default=None, description="a road user of unknown kind")
    colours: dict[ColourWord, Spoken] = Field(
        default_factory=dict, description="what each colour is called, after the road user"
    )
    places: dict[Name, Spoken] = Field(
        default_factory=dict, description="where somebody is, after kind and colour"
    )
    plate: PlateWords | None = Field(default=None, description="how plates are read aloud")
    phrases: dict[Name, PhraseEntry] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase by name; level is reprimand, warning or information.

    recording is the path of a WAV that says it, empty where the text is synthesised.
    """

    name: str
    text: str
    title: str
    level: Level
    violation: ViolationType
    recording: str = ""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The closed set of words by which a road user is addressed."""

    road_users: dict[RoadUserKind, str] = field(default_factory=dict)
    anybody: str = ""
    colours: dict[Colour, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    plate: str = ""  # before a plate
    characters: dict[str, str] = field(default_factory=dict)  # A to Z and 0 to 9


@dataclass(frozen=True, slots=True)
class Phrases:
    """All phrases of a file, by name, and how somebody is addressed."""

    language: str
    by_name: dict[str, Phrase]
    vocabulary: Vocabulary = field(default_factory=Vocabulary)

    def __getitem__(self, name: str) -> Phrase:
        """The phrase of a name. Raises ConfigError for an unknown one."""
        if name not in self.by_name:
            raise ConfigError(f'no phrase is called "{name}"{suggest(name, self.by_name)}')
        return self.by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def for_violation(self, violation: ViolationType, level: Level) -> Phrase:
        """The phrase that answers a violation; the general one where it has none of its own.

        Raises ConfigError when the file has neither.
        """
        for kind in (violation, ViolationType.UNKNOWN):
            for phrase in self.by_name.values():
                if phrase.violation is kind and phrase.level == level:
                    return phrase
        raise ConfigError(f"no phrase of level {level} answers {word(violation)}")


def load_phrases(path: Path | str | None = None) -> Phrases:
    """The phrases of a file; without a path those of the config folder.

    Raises ConfigError with every mistake of the file.
    """
    path = Path(path) if path is not None else find.find_config_dir() / "phrases.yaml"
    shown = find.shown(path)
    plain, lines, _ = read_yaml(path, shown)
    file = validate(PhrasesFile, plain, shown, lines)
    phrases = {
        name: Phrase(
            name,
            entry.text,
            entry.title,
            entry.level,
            ViolationType[entry.violation.upper()] if entry.violation else ViolationType.UNKNOWN,
            str(path.parent / entry.recording) if entry.recording else "",
        )
        for name, entry in file.phrases.items()
    }
    return Phrases(file.language, phrases, _vocabulary(file))


def _vocabulary(file: PhrasesFile) -> Vocabulary:
    plate = file.plate
    spelled = [*plate.letters.split(), *plate.digits.split()] if plate else []
    return Vocabulary(
        {RoadUserKind[key.upper()]: text for key, text in file.road_users.items()},
        file.anybody or "",
        {Colour[key.upper()]: text for key, text in file.colours.items()},
        dict(file.places),
        plate.intro if plate else "",
        dict(zip(ascii_uppercase + digits, spelled, strict=False)),
    )
