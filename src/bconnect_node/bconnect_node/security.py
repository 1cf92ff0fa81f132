"""DDS security (SROS2): whether this ROS 2 has it. The wheels of PyPI do not."""

import importlib.util
import mmap
import os
from collections.abc import Mapping
from pathlib import Path

from bconnect_site.errors import ConfigError

_LIBRARY = "librmw_fastrtps_shared_cpp.so"
_BUILT_WITHOUT = b"doesn't have the security libraries"
SENTENCE = (
    "DDS security (SROS2): not compiled into this ROS 2; keep the graph on the loopback"
    " interface (the shipped profile does) and link machines by WireGuard or mutual TLS"
)


def has_dds_security() -> bool | None:
    """Whether SROS2 can be switched on here; None where that cannot be told."""
    for folder in _library_folders():
        library = folder / _LIBRARY
        if library.is_file():
            with library.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as m:
                return m.find(_BUILT_WITHOUT) < 0
    return None


def check_security(env: Mapping[str, str] | None = None) -> None:
    """Raises ConfigError where the environment asks for security that is not there."""
    env = os.environ if env is None else env
    if env.get("ROS_SECURITY_ENABLE", "").lower() == "true" and has_dds_security() is False:
        raise ConfigError(f"environment: ROS_SECURITY_ENABLE: found true; {SENTENCE}")


def _library_folders() -> list[Path]:
    named = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(":")
    folders = [Path(p) for p in named if p] + [Path(p) / "lib" for p in prefixes if p]
    rclpy = importlib.util.find_spec("rclpy")
    if rclpy is not None and rclpy.origin:
        above = Path(rclpy.origin).parents
        folders += [folder / "lib" for folder in above[:6]]
    return folders
