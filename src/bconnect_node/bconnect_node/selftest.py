"""Whether whole images reach another process: the stock profile loses them without an error.

Two contexts in one process would prove nothing: Fast DDS hands over inside a process without
any transport. So a second process subscribes, and this one publishes.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bconnect_node import environment, shm
from bconnect_node.heartbeat import NO_LOG_FILE

SIZE = (1920, 1080)  # px: the largest image expected between processes
SWITCH = "BCONNECT_SELFTEST"
PATIENCE = 12.0  # s for the other process to start and be found
REPEAT = 0.1  # s between images once both have met
TRIES, NEEDED = 10, 5  # images sent; the stock settings let one of many through
FAILURE_HOLDS = 60.0  # s
_FRAME_ID = "self_test"
FASTDDS = "rmw_fastrtps_cpp"


def check() -> str | None:
    """The self test, once for each boot and profile. One sentence, or None if all is well.

    A failure holds for a minute, so that the processes of a graph do not each wait for it.
    BCONNECT_SELFTEST=off skips the test.
    """
    if os.environ.get(SWITCH) == "off":
        return None
    with _record() as record:
        known = _read(record)
        if known is not None:
            return known["sentence"] or None
        sentence = deliver()
        if record is not None:
            record.seek(0)
            record.truncate()
            at = time.monotonic()
            json.dump({"for": _fingerprint(), "sentence": sentence, "at": at}, record)
    return sentence


def _read(record: Any) -> Any:
    """What an earlier test found, if it still holds."""
    try:
        known = json.load(record)
        fresh = known["sentence"] is None or 0 <= time.monotonic() - known["at"] < FAILURE_HOLDS
        return known if known["for"] == _fingerprint() and fresh else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def deliver(size: tuple[int, int] = SIZE) -> str | None:
    """Publishes best-effort images of a size until enough arrive. One sentence, or None."""
    topic = f"/bconnect/self_test/p{os.getpid()}"
    command = [sys.executable, "-m", "bconnect_node.selftest", topic, str(3 * size[0] * size[1])]
    other = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        met = _publish(topic, size, other)
    finally:
        code = other.poll()
        if code is None:
            other.kill()
            other.wait()
            shm.remove_stale()
    return None if code == 0 else _sentence(size, met)


def segment() -> str | None:
    """One sentence if this process's shared memory cannot hold an image. Needs a live context."""
    needed = 3 * SIZE[0] * SIZE[1]
    largest = next(iter(shm.own_segments()), 0)
    if largest > needed or os.environ.get("RMW_IMPLEMENTATION", FASTDDS) != FASTDDS:
        return None
    found = f"found {largest / 1e6:.1f} MB, an image of {SIZE[0]}x{SIZE[1]} needs more than"
    return f"shared memory: {found} {needed / 1e6:.1f} MB; {_advice()}"


def _publish(topic: str, size: tuple[int, int], other: "subprocess.Popen[bytes]") -> bool:
    """Until the other process ends or patience does. Whether the two found each other."""
    from rclpy.context import Context
    from rclpy.node import Node
    from sensor_msgs.msg import Image

    from bconnect_node import images, qos

    context = Context()
    context.init()
    node = Node("self_test", context=context, enable_rosout=False, start_parameter_services=False)
    publisher = node.create_publisher(Image, topic, qos.SENSOR)
    picture = images.Frame(1, _FRAME_ID, np.zeros((size[1], size[0], 3), np.uint8))
    message = images.to_image(picture)
    deadline, sent = time.monotonic() + PATIENCE, 0
    while time.monotonic() < deadline and sent <= TRIES and other.poll() is None:
        if publisher.get_subscription_count():
            publisher.publish(message)
            sent += 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            other.wait(REPEAT if sent else 0.02)
    node.destroy_node()
    context.try_shutdown()
    return sent > 0


def _listen(topic: str, length: int) -> int:
    """The other process: 0 once enough images of this length came."""
    import rclpy
    from rclpy.node import Node
    from sensor_msgs.msg import Image

    from bconnect_node import qos
    from bconnect_node.run import make_executor

    came: list[int] = []
    rclpy.init(args=list(NO_LOG_FILE))
    executor = make_executor()
    node = Node("self_test_reader", enable_rosout=False, start_parameter_services=False)
    node.create_subscription(Image, topic, lambda m: came.append(len(m.data)), qos.SENSOR)
    executor.add_node(node)
    deadline = time.monotonic() + PATIENCE
    while len(came) < NEEDED and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    return 0 if came.count(length) >= NEEDED else 1


def _sentence(size: tuple[int, int], met: bool) -> str:
    if not met:
        return (
            f"image self test: two processes on this machine did not find each other in"
            f" {PATIENCE:.0f} s; check that ROS_DOMAIN_ID, the profile and the loopback interface"
            f" (multicast on it too) are the same for all, or that the machine is not overloaded"
        )
    return (
        f"image self test: of {TRIES} images of {size[0]}x{size[1]} fewer than {NEEDED} arrived in"
        f" another process; {_advice()}"
    )


def _advice() -> str:
    profile = os.environ.get(environment.PROFILE_VARIABLE, "")
    if profile != str(environment.PROFILE):
        found = f"found {profile}" if profile else "it is not set"
        return (
            f"the Fast DDS profile was not found or is too small: set"
            f" {environment.PROFILE_VARIABLE}={environment.PROFILE} ({found})"
        )
    free = shm.free_bytes() / 1e6
    return (
        f"{shm.FOLDER} has {free:.0f} MB left, each process needs 18 MB: free some, or give the"
        f" container more (docker run --shm-size=1g)"
    )


def _fingerprint() -> str:
    """What the outcome depends on."""
    with contextlib.suppress(OSError):
        profile = Path(os.environ.get(environment.PROFILE_VARIABLE, "")).read_bytes()
        said = {key: os.environ.get(key, "") for key in ("RMW_IMPLEMENTATION", "ROS_DISTRO")}
        return hashlib.sha256(profile + json.dumps(said).encode()).hexdigest()
    return "no profile"


@contextlib.contextmanager
def _record() -> Iterator[Any]:
    """The note of the last good test, locked; None where it cannot be kept."""
    try:
        file = open(shm.FOLDER / f"bconnect_selftest_{os.getuid()}", "a+")  # noqa: SIM115
    except OSError:
        yield None
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file


if __name__ == "__main__":
    sys.exit(_listen(sys.argv[1], int(sys.argv[2])))
