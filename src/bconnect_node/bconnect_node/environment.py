"""The environment variables that make the middleware carry images, for whoever starts nodes."""

import functools
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from bconnect_node import memory
from bconnect_site.errors import ConfigError

PROFILE = Path(__file__).with_name("fastdds.xml")
HIGHEST_DOMAIN = 101  # above it the ports reach into the range the kernel hands out itself
PROFILE_VARIABLE = "FASTDDS_DEFAULT_PROFILES_FILE"
OLD_PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"  # Fast DDS 2 (Jazzy) reads only this
DISCOVERY_VARIABLE = "ROS_AUTOMATIC_DISCOVERY_RANGE"


def middleware_env(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a process that runs our nodes needs in its environment.

    A profile or middleware the user chose in env (default: this process's own environment)
    is kept; the self test tells whether it carries images. Raises ConfigError for a domain
    id, profile or discovery range that does not work.
    """
    env = os.environ if env is None else env
    check_domain(env)
    profile = env.get(PROFILE_VARIABLE) or env.get(OLD_PROFILE_VARIABLE) or str(PROFILE)
    if not Path(profile).is_file():
        raise ConfigError(
            f"environment: {PROFILE_VARIABLE}: there is no file {profile};"
            " unset it to use the shipped profile"
        )
    return {
        PROFILE_VARIABLE: profile,
        **({OLD_PROFILE_VARIABLE: profile} if has_fast_dds_2() else {}),
        DISCOVERY_VARIABLE: _discovery(env.get(DISCOVERY_VARIABLE, "")),
        **({"ROS_LOCALHOST_ONLY": "0"} if env.get("ROS_LOCALHOST_ONLY") else {}),
        "RMW_IMPLEMENTATION": env.get("RMW_IMPLEMENTATION") or "rmw_fastrtps_cpp",
        "MALLOC_MMAP_THRESHOLD_": str(memory.MMAP_THRESHOLD),
        "MALLOC_TRIM_THRESHOLD_": str(memory.TRIM_THRESHOLD),
        # Our matrices are small: a second thread costs more, and could change a last digit.
        "OPENBLAS_NUM_THREADS": env.get("OPENBLAS_NUM_THREADS") or "1",
        "YOLO_AUTOINSTALL": env.get("YOLO_AUTOINSTALL") or "false",
        "YOLO_OFFLINE": env.get("YOLO_OFFLINE") or "true",
    }


def apply() -> None:
    """Puts middleware_env() into this process; call it before rclpy.init()."""
    os.environ.update(middleware_env())


def check_domain(env: Mapping[str, str] | None = None) -> int:
    """The ROS domain id in force. Raises ConfigError above 101 or when it is no number."""
    text = (os.environ if env is None else env).get("ROS_DOMAIN_ID") or "0"
    if not (text.isascii() and text.isdigit() and int(text) <= HIGHEST_DOMAIN):
        raise ConfigError(
            f"environment: ROS_DOMAIN_ID: found {text}; allowed: 0 to {HIGHEST_DOMAIN}"
        )
    return int(text)


def library_folders() -> list[Path]:
    """Where the libraries of this ROS 2 may be: what the linker is told, and around rclpy."""
    named = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(":")
    folders = [Path(p) for p in named if p] + [Path(p) / "lib" for p in prefixes if p]
    rclpy = importlib.util.find_spec("rclpy")
    if rclpy is not None and rclpy.origin:
        folders += [folder / "lib" for folder in list(Path(rclpy.origin).parents)[:6]]
    return folders


@functools.cache
def has_fast_dds_2() -> bool:
    """Whether the Fast DDS here is of the second series, whose library has the older name."""
    return any((folder / "libfastrtps.so").exists() for folder in library_folders())


def _discovery(found: str) -> str:
    # LOCALHOST (like the older ROS_LOCALHOST_ONLY) binds all interfaces just the same and finds
    # some 32 processes at most; the whitelist of the profile is what keeps us on loopback.
    if found in ("", "LOCALHOST", "SYSTEM_DEFAULT"):
        return "SYSTEM_DEFAULT"
    if found == "SUBNET":
        return found
    raise ConfigError(
        f"environment: {DISCOVERY_VARIABLE}: found {found}; allowed: SYSTEM_DEFAULT, SUBNET"
    )
