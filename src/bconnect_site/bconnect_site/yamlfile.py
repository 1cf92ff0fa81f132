"""Reads YAML strictly: no key twice, text stays text, every value knows its line.

Numbers, booleans and dates as in YAML 1.2: ``on``, ``no`` and ``16:00`` are text.
"""

import math
import re
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from bconnect_site.errors import ConfigError, printable

MAX_BYTES = 4_000_000
MAX_NODES = 200_000

Key = tuple[str | int, ...]

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NAN = {".nan": math.nan, ".inf": math.inf, "-.inf": -math.inf}


def dotted(key: Key) -> str:
    """``("a", "b", 1)`` as ``a.b[1]``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return printable(text)


def read_yaml(
    path: Path, shown: str, raw: bytes | None = None
) -> tuple[dict[str, Any], dict[Key, int], bytes]:
    """The mapping a file holds, the line of every key, and the bytes as read.

    ``shown`` is the file's name in sentences; ``raw``: what it would hold, instead of what it
    holds. Raises ConfigError: missing or unreadable file, no UTF-8, broken YAML, a key written
    twice, not a mapping.
    """
    raw = _read(path, shown) if raw is None else raw
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown}: is not UTF-8 text (byte {error.start})") from None
    return *parse_yaml(text, shown), raw


def parse_yaml(text: str, shown: str) -> tuple[dict[str, Any], dict[Key, int]]:
    """The mapping a text holds and the line of every key. Raises ConfigError; see read_yaml."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{shown}: {_syntax(error)}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{shown}: is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{shown}: is nested too deeply") from None
    reader = _Reader(shown)
    plain = reader.plain(node, ()) if node is not None else None
    if not isinstance(plain, dict):
        reader.faults.append(f"{shown}: must hold keys and values, found {_shape(plain)}")
    if reader.faults:
        raise ConfigError(*reader.faults)
    assert isinstance(plain, dict)
    return plain, reader.lines


def _read(path: Path, shown: str) -> bytes:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{shown}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{shown}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{shown}: has {len(raw)} bytes; at most {MAX_BYTES} are read")
    return raw


def _syntax(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = error.problem or error.context or "is not YAML"
    if "'\\t'" in problem:
        problem = "found a tab; indent with spaces"
    return f"{where}{problem}"


def _shape(plain: object) -> str:
    names = {list: "a list", str: "text", type(None): "nothing"}
    return names.get(type(plain), "one value")


def _broken(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)


class _Reader:
    """Turns a YAML tree into plain values, collecting lines and mistakes."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.lines: dict[Key, int] = {}
        self.faults: list[str] = []
        self._count = 0
        self._open: set[int] = set()

    def plain(self, node: yaml.Node, key: Key) -> Any:
        self._count += 1
        if self._count > MAX_NODES:
            raise ConfigError(f"{self.shown}: holds more than {MAX_NODES} values")
        self.lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            if _broken(node.value):
                self.faults.append(f"{self.shown}: {dotted(key)}: holds half a character")
                return ""
            return self._scalar(node, key)
        if id(node) in self._open:
            raise ConfigError(f"{self.shown}: {dotted(key)}: contains itself")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, key)
            return [self.plain(item, (*key, i)) for i, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode) or _broken(name_node.value):
                self.faults.append(f"{self.shown}: line {line}: a key must be a word")
                continue
            name = name_node.value
            here = (*key, name)
            if name in found:
                self.faults.append(
                    f"{self.shown}: {dotted(here)}: is written twice, "
                    f"in line {self.lines[here]} and line {line}"
                )
                continue
            self.lines[here] = line
            found[name] = self.plain(value_node, here)
        return found

    def _scalar(self, node: yaml.ScalarNode, key: Key) -> Any:
        text = node.value
        if node.style is not None or node.tag.startswith("!"):
            return text
        if text in ("", "~", "null"):
            return None
        if text in ("true", "false"):
            return text == "true"
        if _INT.fullmatch(text) and len(text) < 20:
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if text in _NAN:
            return _NAN[text]
        if _DATE.fullmatch(text):
            try:
                return date.fromisoformat(text)
            except ValueError:
                self.faults.append(f'{self.shown}: {dotted(key)}: there is no day "{text}"')
        return text
