"""A stranger's process on the same domain: it sends what it is given, under no name of ours.

One JSON line on standard input per message or request: {"topic"|"service", "type", "cdr" (hex)};
it answers each with one line once it was sent, a request with the service's answer.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import Any

TIMEOUT = 30.0  # s


class Stranger:
    """The process, from the test's side."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def publish(self, topic: str, m: Any) -> None:
        assert self._say(topic=topic, m=m)["sent"]

    def call(self, service: str, kind: str, request: Any) -> dict[str, Any]:
        return self._say(service=service, kind=kind, m=request)

    def _say(self, m: Any, kind: str = "", **where: str) -> dict[str, Any]:
        from rclpy.serialization import serialize_message

        line = {"type": kind or type(m).__name__, "cdr": serialize_message(m).hex(), **where}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def main() -> None:
    import rclpy
    from rclpy.node import Node
    from rclpy.serialization import deserialize_message

    from bconnect_node.qos import EVENT, RECORD
    from bconnect_node.run import make_executor

    rclpy.init(args=[])
    node = Node("orang_asing", enable_rosout=False)
    executor = make_executor()
    executor.add_node(node)
    ends: dict[str, Any] = {}

    def until(condition: Any) -> None:
        for _ in range(int(TIMEOUT / 0.05)):
            if condition():
                return
            executor.spin_once(timeout_sec=0.05)
        raise SystemExit("nobody is there")

    for line in sys.stdin:
        said = json.loads(line)
        data = bytes.fromhex(said["cdr"])
        if topic := said.get("topic"):
            kind = getattr(importlib.import_module("bconnect_msgs.msg"), said["type"])
            if topic not in ends:
                ends[topic] = node.create_publisher(
                    kind, topic, EVENT if topic.endswith("announcements") else RECORD
                )
            until(lambda t=topic: ends[t].get_subscription_count() > 0)
            ends[topic].publish(data)
            answer = {"sent": True}
        else:
            kind = getattr(importlib.import_module("bconnect_msgs.srv"), said["type"])
            client = ends.setdefault(said["service"], node.create_client(kind, said["service"]))
            until(client.service_is_ready)
            future = client.call_async(deserialize_message(data, kind.Request))
            until(future.done)
            answer = {"success": future.result().success, "message": future.result().message}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
