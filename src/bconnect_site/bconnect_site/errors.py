"""The one error of configuration: sentences a person can act on."""

from collections.abc import Iterable
from difflib import get_close_matches


def printable(text: str, keep: str = "") -> str:
    """Text fit for one line of a terminal: what cannot be shown is escaped."""
    return "".join(
        c if c in keep or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


class ConfigError(ValueError):
    """Something written in a file or parameter is wrong.

    ``str()`` gives one sentence per line, each ``file: key.path: found, allowed``.
    """

    def __init__(self, *sentences: str) -> None:
        text = printable("\n".join(sentences), keep="\n")
        super().__init__(text)
        self.sentences: tuple[str, ...] = tuple(text.split("\n"))


def suggest(word: str, known: Iterable[str]) -> str:
    """The tail of a sentence about an unknown word: the nearest known one, or all of them."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6) or [
        name for name in names if len(word) > 2 and (word in name or name in word)
    ]
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; allowed: {', '.join(names)}" if names else "; none is allowed here"
