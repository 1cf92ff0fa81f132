"""The one error of configuration: sentences a person can act on."""

from collections.abc import Iterable
from difflib import get_close_matches


class ConfigError(ValueError):
    """Something written in a file or parameter is wrong.

    ``str()`` gives one sentence per line, each ``file: key.path: found, allowed``.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.sentences: tuple[str, ...] = tuple(
            line for sentence in sentences for line in sentence.splitlines()
        )


def suggest(word: str, known: Iterable[str]) -> str:
    """The tail of a sentence about an unknown word: the nearest known one, or all of them."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6) or [
        name for name in names if len(word) > 2 and (word in name or name in word)
    ]
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; allowed: {', '.join(names)}" if names else "; none is allowed here"
