"""The law catalogue: which article answers which violation, as versioned data.

Files in ``config/law``. Nothing here guesses: a violation type and a basis that the
catalogue does not name is an error, and a penalty marked unsure stays marked.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bconnect_site import find, lawcheck
from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.fields import BASIS_KINDS, Day, Name, Rule, Strict, Text
from bconnect_site.kinds import ViolationType, word
from bconnect_site.validity import valid_on
from bconnect_site.yamlfile import read_yaml

ANY = lawcheck.ANY
Topic = Literal["evidence", "speed", "privacy", "decision"]
Mapping = dict[Rule, dict[str, str]]


class Penalty(Strict):
    """What an article threatens in one version: at most jail, or a fine."""

    jail: Text | None = Field(default=None, description='e.g. "2 months"')
    fine: int | None = Field(default=None, ge=0, description="rupiah, at most")
    unsure: bool = Field(default=False, description="could not be confirmed")
    note: Text | None = None


class Version(Strict):
    """A state of the law between two days."""

    version: Text
    valid_from: Day
    valid_to: Day | None = Field(default=None, description="last day; none: still valid")
    source: Text
    unsure: bool = Field(default=False, description="how it converts penalties is not settled")
    note: Text | None = None
    fine_categories: dict[str, int] = Field(
        default_factory=dict, description="rupiah, at most, of each category of fine"
    )
    mapping: Mapping = Field(
        default_factory=dict, description="where this version maps a violation otherwise"
    )


class Support(Strict):
    """A text that carries what the system does, beside the article that is cited."""

    law: Text = Field(description="e.g. PP 80/2012")
    article: Text
    says: Text
    supports: Annotated[tuple[Topic, ...], Field(strict=False, min_length=1)]
    source: Text
    unsure: bool = Field(default=False, description="could not be confirmed")
    note: Text | None = None


class SpeedLimit(Strict):
    """A general limit of a kind of road; a sign may set another."""

    lowest: int | None = Field(default=None, gt=0, le=200, description="km/h, as the text says")
    highest: int = Field(gt=0, le=200, description="km/h, as the text says")


class ArticleEntry(Strict):
    """One article, with its penalty in each version."""

    conduct: Text
    refers_to: Text
    penalties: dict[str, Penalty]


class CatalogueFile(Strict):
    """A file of config/law."""

    catalogue: Name
    title: Text
    versions: Annotated[tuple[Version, ...], Field(strict=False, min_length=1)]
    articles: dict[str, ArticleEntry]
    mapping: Mapping = Field(description="violation type: basis kind (or any): article")
    supporting: dict[Name, Support] = Field(default_factory=dict)
    speed_limits: dict[Name, SpeedLimit] = Field(default_factory=dict)


class Article(Strict):
    """The article that answers a violation, with its penalty on a day."""

    text: str
    version: str
    number: str
    conduct: str
    penalty: Penalty
    refers_to: str = ""
    version_unsure: bool = False


class Catalogue:
    """A loaded catalogue. Construct by load_catalogue."""

    def __init__(self, file: CatalogueFile) -> None:
        self._file = file

    @property
    def name(self) -> str:
        """Its name, as a site file's ``law`` gives it."""
        return self._file.catalogue

    @property
    def title(self) -> str:
        """What citizens call the law, e.g. ``UU 22/2009``."""
        return self._file.title

    @property
    def file(self) -> CatalogueFile:
        """What the file says."""
        return self._file

    def basis_kinds(self, violation: ViolationType) -> tuple[str, ...]:
        """The kinds of basis on which a violation has an article; empty: none."""
        known = self._file.mapping.get(word(violation), {})
        return BASIS_KINDS if ANY in known else tuple(sorted(known))

    def version(self, when: date) -> Version:
        """The version valid on a day. Raises ConfigError when none is."""
        found = valid_on(self._file.versions, when)
        if found is None:
            raise ConfigError(f"{self.title}: no version of the catalogue is valid on {when}")
        return found

    def articles_of(self, violation: ViolationType, when: date) -> dict[str, str]:
        """Article numbers by kind of basis for a violation on a day; empty: none."""
        changed = self.version(when).mapping.get(word(violation))
        return changed or self._file.mapping.get(word(violation), {})

    def supporting(self, topic: str) -> tuple[Support, ...]:
        """The texts that support one thing the system does, e.g. ``evidence``."""
        return tuple(s for s in self._file.supporting.values() if topic in s.supports)

    def version_name(self, when: date) -> str:
        """What is stamped on a finding, e.g. ``uu22_2009/2026-01``."""
        return f"{self.name}/{self.version(when).version}"

    def article(self, violation: ViolationType, basis_kind: str, when: date) -> Article:
        """The article for a violation on a basis (``sign``, ``marking``, ...) on a day.

        A whole basis ("sign S-12") is taken by its first word. Raises ConfigError
        when the catalogue names no article for it.
        """
        known = self.articles_of(violation, when)
        kind = basis_kind.split()[0] if basis_kind.split() else ""
        number = known.get(kind) or known.get(ANY)
        if number is None:
            allowed = ", ".join(sorted(known)) or "none"
            raise ConfigError(
                f"{self.title}: no article for {word(violation)} on the basis "
                f'"{kind}"; allowed: {allowed}'
            )
        return self._article(number, when)

    def explain(self, text: str, when: date) -> Article:
        """The article a stamped text names ("UU 22/2009 Art. 287(1)"), as valid on a day.

        Raises ConfigError when the catalogue does not hold it.
        """
        number = text.removeprefix(f"{self.title} Art. ")
        if number not in self._file.articles:
            raise ConfigError(f'{self.title}: holds no article "{text}"')
        return self._article(number, when)

    def _article(self, number: str, when: date) -> Article:
        version, entry = self.version(when), self._file.articles[number]
        return Article(
            text=f"{self.title} Art. {number}",
            version=self.version_name(when),
            number=number,
            conduct=entry.conduct,
            refers_to=entry.refers_to,
            penalty=entry.penalties[version.version],
            version_unsure=version.unsure,
        )


def load_catalogue(name: str, *, config_dir: Path | None = None) -> Catalogue:
    """The catalogue of that name from the config folder's ``law``.

    Raises ConfigError with every mistake of the file, or when there is none.
    """
    folder = (config_dir or find.find_config_dir()) / "law"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = [file.stem for file in folder.glob("*.yaml")]
        raise ConfigError(
            f'no law catalogue is called "{name}" in {find.shown(folder)}{suggest(name, known)}'
        )
    if twice := lawcheck.same_name(path):
        raise ConfigError(*twice)
    return load_catalogue_file(path)


def load_catalogue_file(path: Path) -> Catalogue:
    """A catalogue from its file. Raises ConfigError with every mistake."""
    shown = find.shown(path)
    plain, lines, _ = read_yaml(path, shown)
    file = validate(CatalogueFile, plain, shown, lines)
    if sentences := lawcheck.faults(file, path):
        raise ConfigError(*(f"{shown}: {sentence}" for sentence in sentences))
    return Catalogue(file)
