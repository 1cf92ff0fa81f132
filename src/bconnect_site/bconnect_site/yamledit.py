"""Changes single values of a YAML file; every other byte stays as a person wrote it.

A library that reads and writes the whole file (ruamel.yaml) sets foreign styles anew and drops
the comments beside what it replaces. Here only the text of what changes is cut out and replaced.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml

from bconnect_site.errors import ConfigError
from bconnect_site.yamlfile import Key, dotted, parse_yaml

REMOVE = object()  # as a value: the key goes away

_PLAIN = re.compile(r"[A-Za-z]([A-Za-z0-9_ /-]*[A-Za-z0-9_/])?")
# Other readers take these for something else than text.
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf")


@dataclass(slots=True)
class _Edits:
    """Cuts of a text: (from, to, new text), deeper ones first where they meet."""

    text: str
    step: int
    cuts: list[tuple[int, int, int, int, str]] = field(default_factory=list)

    def cut(self, start: int, end: int, new: str, depth: int = 0) -> None:
        self.cuts.append((start, end, -depth, len(self.cuts), new))

    def done(self, start: int, end: int) -> str:
        """The text from start to end with its cuts made."""
        made, at = [], start
        for first, last, _, _, new in sorted(self.cuts):
            if first < start or last > end:
                continue
            made += [self.text[at:first], new]
            at = max(at, last)
        return "".join([*made, self.text[at:end]])


def edit(text: str, changes: Mapping[Key, Any], renames: Mapping[Key, str] | None = None) -> str:
    """The text with other values at some keys; ``REMOVE`` takes a key away.

    ``renames``: new names of keys, whose changes go by the old one. Keys that are not there are
    added behind the last of their mapping. Raises ConfigError: no YAML, or what shall change is
    shared with another place (an anchor).
    """
    before, _ = parse_yaml(text, "file")
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    edits = _Edits(text, _step(root))
    _mapping(edits, root, _tree(changes, renames or {}), 0)
    made = edits.done(0, len(text))
    if "\r\n" in text:
        made = re.sub(r"(?<!\r)\n", "\r\n", made)
    after, _ = parse_yaml(made, "file")
    if not _same(after, _changed(before, changes, renames or {})):
        keys = ", ".join(dotted(key) for key in [*changes, *(renames or {})][:3])
        raise ConfigError(
            f"{keys}: cannot be changed without changing another place; does the file use "
            "anchors (&, *)? write them out first"
        )
    return made


def _tree(changes: Mapping[Key, Any], renames: Mapping[Key, str]) -> dict[Any, Any]:
    """Changes as nested mappings; a leaf is ("set", value), a new name lies under ("as", key)."""
    tree: dict[Any, Any] = {}
    for key, value in changes.items():
        here = tree
        for part in key[:-1]:
            here = here.setdefault(part, {})
        here[key[-1]] = ("set", value)
    for key, name in renames.items():
        here = tree
        for part in key[:-1]:
            here = here.setdefault(part, {})
        here[("as", key[-1])] = name
    return tree


def _plain(branch: Any) -> Any:
    """What a branch of changes holds where nothing was before."""
    if isinstance(branch, tuple):
        return branch[1]
    inner = {k: _plain(v) for k, v in branch.items() if not isinstance(k, tuple)}
    return {key: value for key, value in inner.items() if value is not REMOVE}


def _mapping(edits: _Edits, node: Any, tree: dict[Any, Any], depth: int) -> None:
    assert isinstance(node, yaml.MappingNode)
    pairs = {key.value: (key, value) for key, value in node.value}
    names = {key[1]: name for key, name in tree.items() if isinstance(key, tuple)}
    gone, new = set(), {}
    for part, branch in tree.items():
        if isinstance(part, tuple):
            continue
        value = _plain(branch)
        if part not in pairs:
            if value is not REMOVE:
                new[part] = value
        elif value is REMOVE:
            gone.add(part)
        elif isinstance(branch, dict) and isinstance(pairs[part][1], yaml.MappingNode):
            _mapping(edits, pairs[part][1], branch, depth + 1)
        else:
            _replace(edits, pairs[part][0], pairs[part][1], value, bool(node.flow_style))
    for old, name in names.items():
        if old in pairs:
            key = pairs[old][0]
            edits.cut(key.start_mark.index, key.end_mark.index, name)
    if node.flow_style:
        _flow_mapping(edits, node, gone, new)
    elif len(gone) == len(pairs) and not new:
        edits.cut(node.start_mark.index, _end(node), "{}")
    else:
        _block_mapping(edits, node, gone, new, depth)


def _replace(edits: _Edits, key: Any, value: Any, new: Any, flow: bool) -> None:
    start = key.end_mark.index + edits.text[key.end_mark.index :].index(":") + 1
    nested = isinstance(new, dict) and new and not flow
    block = not isinstance(value, yaml.ScalarNode) and not value.flow_style
    empty = value.start_mark.index == value.end_mark.index
    if nested:
        made = "\n" + _block(new, key.start_mark.column + edits.step, edits.step).rstrip("\n")
    elif block or empty or edits.text[start : value.start_mark.index].strip(" "):
        made = " " + _flow(new)
    else:
        start, made = value.start_mark.index, _flow(new)
    edits.cut(start, start if empty else _end(value), made)


def _block_mapping(
    edits: _Edits, node: yaml.MappingNode, gone: set[str], new: dict[str, Any], depth: int
) -> None:
    text = edits.text
    for key, value in node.value:
        if key.value in gone:
            start = text.rfind("\n", 0, key.start_mark.index) + 1
            edits.cut(start, _line_end(text, max(_end(value), key.end_mark.index)), "")
    if new:
        at = _line_end(text, _end(node))
        lines = _block(new, node.value[0][0].start_mark.column, edits.step)
        edits.cut(at, at, lines if text[at - 1 : at] == "\n" else "\n" + lines, depth)


def _flow_mapping(
    edits: _Edits, node: yaml.MappingNode, gone: set[str], new: dict[str, Any]
) -> None:
    if not gone and not new:
        return
    start, end = node.start_mark.index, node.end_mark.index
    kept = [
        edits.done(key.start_mark.index, max(_end(value), key.end_mark.index + 1))
        for key, value in node.value
        if key.value not in gone
    ]
    added = [f"{_flow(key)}: {_flow(value)}" for key, value in new.items()]
    edits.cuts = [c for c in edits.cuts if not (start <= c[0] and c[1] <= end)]
    edits.cut(start, end, "{" + ", ".join(kept + added) + "}")


def _line_end(text: str, at: int) -> int:
    """Where the next line begins."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _end(node: Any) -> int:
    """Where a value really ends: a block's own mark lies before the next token."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        return int(node.end_mark.index)
    parts = [p for item in node.value for p in (item if isinstance(item, tuple) else (item,))]
    return max(_end(part) for part in parts)


def _step(root: Any) -> int:
    """Spaces by which the file indents."""
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            deeper = value.start_mark.column - key.start_mark.column
            if deeper > 0:
                return int(deeper)
    return 2


def _block(values: Mapping[str, Any], indent: int, step: int) -> str:
    lines = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            lines.append(f"{' ' * indent}{_flow(key)}:\n" + _block(value, indent + step, step))
        else:
            lines.append(f"{' ' * indent}{_flow(key)}: {_flow(value)}\n")
    return "".join(lines)


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1_000_000)
    return str(quoted).rstrip("\n")


def _changed(plain: dict[str, Any], changes: Mapping[Key, Any], renames: Mapping[Key, str]) -> Any:
    """The plain values as they shall be."""
    return _under(plain, _tree(changes, renames))


def _under(plain: Any, tree: dict[Any, Any]) -> Any:
    if not isinstance(plain, dict):
        return _plain(tree)
    names = {key[1]: name for key, name in tree.items() if isinstance(key, tuple)}
    made: dict[Any, Any] = {}
    for key, value in plain.items():
        branch = tree.get(key)
        if branch is not None:
            value = _under(value, branch) if isinstance(branch, dict) else branch[1]
        if value is not REMOVE:
            made[names.get(key, key)] = value
    for key, branch in tree.items():
        if not isinstance(key, tuple) and key not in plain:
            value = _plain(branch)
            if value is not REMOVE:
                made[key] = value
    return made


def _same(a: Any, b: Any) -> bool:
    """Equal, a tuple being a list."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)
