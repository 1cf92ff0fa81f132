"""The loader's one-sentence mistakes for those who read Indonesian.

The loader speaks English and knows no pages. Its sentences are found again by their patterns
in ``locale/loader.yaml``; one that is not there stays as it is, which is better than a guess.
"""

import re
from collections.abc import Iterator
from functools import cache

from bconnect_center.web.words import catalogue

LONGEST = 1000  # characters
_HOLE = re.compile(r"\\\{(\w+)\\\}")
_OURS = frozenset({"what", "where"})  # holes that hold words of the loader's own
_MAYBE = frozenset({"off", "worst"})  # or a number


def understood(language: str, sentence: str) -> str:
    """The same in a language; empty: it is English already, or there is no such sentence."""
    if language == "en" or len(sentence) > LONGEST:
        return ""
    whole = _found(language, sentence, "")
    if whole:
        return whole
    head, mark, rest = sentence.partition("; ")
    while mark:
        tail = _found(language, f"; {rest}", "tail_")
        if tail and (begin := _found(language, head, "")):
            return begin + tail
        more, mark, rest = rest.partition("; ")
        head = f"{head}; {more}"
    return ""


def _found(language: str, sentence: str, prefix: str) -> str:
    for key, pattern in _patterns():
        if key.startswith("tail_") == bool(prefix) and (match := pattern.fullmatch(sentence)):
            words, values = _words(language), match.groupdict()
            if not all(values[name] in words for name in _OURS & values.keys()):
                continue
            values |= {
                name: words.get(values[name], values[name])
                for name in (_OURS | _MAYBE) & values.keys()
            }
            return catalogue()[f"loader.{key}"][language].format(**values)
    return ""


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Of each sentence, in the order of the file."""
    return tuple(
        (key, re.compile(_HOLE.sub(r"(?P<\1>.*?)", re.escape(texts["en"])), re.DOTALL))
        for key, texts in _texts()
        if not key.startswith("word_")
    )


@cache
def _words(language: str) -> dict[str, str]:
    return {texts["en"]: texts[language] for key, texts in _texts() if key.startswith("word_")}


def _texts() -> Iterator[tuple[str, dict[str, str]]]:
    for key, texts in catalogue().items():
        room, _, name = key.partition(".")
        if room == "loader":
            yield name, dict(texts)
