"""What nodes say about themselves on /diagnostics, as plain values, and how it is shown."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bconnect_bringup.console import table

LEVELS = {0: "ok", 1: "warning", 2: "error", 3: "stale"}


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """The last word of one node."""

    node: str  # full name
    site: str
    level: str  # ok, warning, error, stale or missing
    message: str
    values: Mapping[str, str]

    @property
    def bad(self) -> bool:
        """Whether the node is missing or in error."""
        return self.level in ("error", "stale", "missing")


def judge(heard: Mapping[str, NodeHealth], expected: Iterable[str], site: str) -> list[NodeHealth]:
    """Every expected node, then others that were heard of the site; silent ones are missing."""
    wanted = list(expected)
    silent = "says nothing: not running, or not reachable from here"
    nodes = [heard.get(n) or NodeHealth(n, site, "missing", silent, {}) for n in wanted]
    others = [h for n, h in sorted(heard.items()) if n not in wanted and site in ("", h.site)]
    return nodes + others


def to_table(nodes: Iterable[NodeHealth]) -> str:
    """For people."""
    return table(
        ("NODE", "STATE", "RATE", "AGE", "DROPS", "LAST ERROR OR MESSAGE"),
        [
            (
                h.node,
                h.level,
                h.values.get("rate", "-"),
                h.values.get("age_of_last_input", "-"),
                h.values.get("drops", "-"),
                h.values.get("last_error") or h.message,
            )
            for h in nodes
        ],
    )


def to_plain(nodes: Iterable[NodeHealth]) -> list[dict[str, Any]]:
    """For programs."""
    return [{**asdict(h), "values": dict(h.values)} for h in nodes]
