"""Versions of data that hold from one day to another."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Protocol, TypeVar


class Dated(Protocol):
    """A version with its first and its last day; None: it still holds."""

    @property
    def version(self) -> str: ...
    @property
    def valid_from(self) -> date: ...
    @property
    def valid_to(self) -> date | None: ...


D = TypeVar("D", bound=Dated)


def valid_on(versions: Sequence[D], when: date) -> D | None:
    """The version that holds on a day; None: none does."""
    for version in versions:
        if version.valid_from <= when and (version.valid_to is None or when <= version.valid_to):
            return version
    return None


def faults(versions: Sequence[Dated]) -> Iterator[str]:
    """What is wrong with each by itself: a name given twice, no day on which it holds."""
    for name, count in Counter(version.version for version in versions).items():
        if count > 1:
            yield f'versions: "{name}" is the name of {count} versions; names must differ'
    for index, version in enumerate(versions):
        if version.valid_to is not None and version.valid_to < version.valid_from:
            yield (
                f"versions[{index}].valid_to: found {version.valid_to}, before valid_from "
                f"{version.valid_from}; {version.version} is valid for no day"
            )
