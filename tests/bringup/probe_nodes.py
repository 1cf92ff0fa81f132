"""Small real nodes for runner tests. Each notes its end in the file $PROBE_NOTES."""

import os
from dataclasses import dataclass
from typing import Any

from bconnect_node.base import BconnectNode
from bconnect_site.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


class Probe(BconnectNode):
    def __init__(self, **kw: Any) -> None:
        super().__init__("probe", Nothing, **kw)
        self.get_logger().info("probe is up")

    def close(self) -> None:
        with open(os.environ["PROBE_NOTES"], "a") as file:
            file.write(f"{self.get_fully_qualified_name()}\n")
        super().close()


class Picky(BconnectNode):
    def __init__(self, **kw: Any) -> None:
        super().__init__("picky", Nothing, **kw)
        raise ConfigError("site.yaml: rate: found -1, allowed: more than 0")
