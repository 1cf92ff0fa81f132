"""Writes plain values as YAML that the strict reader reads back the same."""

from datetime import date
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _sequence(dumper: yaml.SafeDumper, data: Any) -> yaml.Node:
    flow = all(not isinstance(item, dict) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    # Whatever our reader would take for another type is quoted.
    plain = data.replace("_", "").replace("/", "").isalpha() and data not in ("true", "false")
    style = None if plain and data not in ("null",) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


def _day(dumper: yaml.SafeDumper, data: date) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:timestamp", data.isoformat())


_Dumper.add_representer(list, _sequence)
_Dumper.add_representer(tuple, _sequence)
_Dumper.add_representer(str, _text)
_Dumper.add_representer(date, _day)


def to_yaml(plain: dict[str, Any]) -> str:
    """Plain values as YAML that reads back the same."""
    text: str = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return text
