"""The words of the pages, Indonesian and English, from locale/*.yaml.

A file holds `key: {id: ..., en: ...}`; keys are `<file>.<key>`. `{name}` in a text is filled in.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from bconnect_site.yamlfile import read_yaml

LANGUAGES = ("id", "en")
FOLDER = Path(__file__).parent / "locale"


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Every key with its text in each language. Raises ValueError where one is missing, and
    for what is no YAML, a sentence with its line."""
    found: dict[str, Mapping[str, str]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for key, texts in read_yaml(path, path.name)[0].items():  # `no` stays a word in it
            if not isinstance(texts, dict) or set(texts) != set(LANGUAGES):
                raise ValueError(f"{path.name}: {key}: needs {', '.join(LANGUAGES)}")
            found[f"{path.stem}.{key}"] = {name: str(text) for name, text in texts.items()}
    return found


def say(language: str, key: str, **values: object) -> str:
    """The text of a key. Raises KeyError for one that is none."""
    text = catalogue()[key][language]
    return text.format(**values) if values else text
