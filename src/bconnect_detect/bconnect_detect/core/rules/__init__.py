"""The rules of the road, one file per rule. Deleting a file removes its rule.

A rule module holds one class with ``type`` and ``zone_kinds`` (see ``Rule``); it is found
by being in this folder. One instance watches one zone of one camera, keeps its own memory
and reads neither clock nor file: the tracks say what time it is.
"""

import pkgutil
from importlib import import_module

from bconnect_detect.core.rule import Context, Law, Place, Rule
from bconnect_site.kinds import ViolationType

__all__ = ["RULES", "Context", "Law", "Place", "Rule"]


def _discover() -> dict[ViolationType, type[Rule]]:
    found: dict[ViolationType, type[Rule]] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        for item in vars(import_module(f"{__name__}.{module}")).values():
            if isinstance(item, type) and item.__module__.endswith(f".rules.{module}"):
                kind = getattr(item, "type", None)
                if isinstance(kind, ViolationType):
                    found[kind] = item
    return found


RULES: dict[ViolationType, type[Rule]] = _discover()
