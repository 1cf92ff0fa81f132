"""Whether bconnect_msgs is there and made for this Python and this ROS."""

import ctypes
import importlib
import os
import re
import sys

from bconnect_site.errors import ConfigError

REBUILD = "run `make setup`, or build it with colcon and source install/setup.bash"


def check_messages(package: str = "bconnect_msgs") -> None:
    """Raises ConfigError with one sentence saying what to do when its messages cannot be used."""
    try:
        messages = importlib.import_module(f"{package}.msg")
    except ModuleNotFoundError as error:
        if error.name not in (package, f"{package}.msg"):
            raise
        raise ConfigError(f"{package}: is not built or not on the path; {REBUILD}") from None
    except ImportError as error:
        raise _foreign(package, error) from None
    try:
        _check_python(str(messages.__file__))
        _load_type_support(package, messages)
    except Exception as error:  # UnsupportedTypeSupport, and what the linker says
        raise _foreign(package, error) from None


def _check_python(path: str) -> None:
    # The compiled modules carry no Python tag; the folder is all that tells.
    folder = re.search(r"/python(\d+\.\d+)/", path)
    if folder and folder[1] != f"{sys.version_info.major}.{sys.version_info.minor}":
        raise ImportError(f"found in {path}")


def _load_type_support(package: str, messages: object) -> None:
    from rclpy.type_support import check_for_type_support

    # The linker resolves lazily by itself: messages made for another ROS would then end the
    # process at the first publish, with nothing Python can catch.
    if os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp") == "rmw_fastrtps_cpp":
        ctypes.CDLL(f"lib{package}__rosidl_typesupport_fastrtps_c.so", mode=os.RTLD_NOW)
    for name in vars(messages):
        if name[:1].isupper():
            check_for_type_support(getattr(messages, name))
            return
    raise ImportError("it holds no messages")


def _foreign(package: str, error: Exception) -> ConfigError:
    distro = os.environ.get("ROS_DISTRO", "")
    ros = f"ROS 2 {distro.capitalize()}" if distro else "this ROS 2"
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    said = " ".join(str(error).split()) or type(error).__name__
    return ConfigError(
        f"{package}: cannot be used here, it was probably built for something else than {ros} and"
        f" {python}; {REBUILD} ({said})"
    )
