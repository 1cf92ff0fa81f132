"""Whether bconnect_msgs is there and made for this Python and this ROS."""

import importlib
import os
import sys

from bconnect_site.errors import ConfigError

REBUILD = "run `make setup`, or build it with colcon and source install/setup.bash"


def check_messages(package: str = "bconnect_msgs") -> None:
    """Raises ConfigError with one sentence saying what to do when its messages cannot be used."""
    here = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    distro = os.environ.get("ROS_DISTRO")
    here += f" and ROS 2 {distro.capitalize()}" if distro else ""
    try:
        messages = importlib.import_module(f"{package}.msg")
    except ModuleNotFoundError as error:
        if error.name not in (package, f"{package}.msg"):
            raise
        raise ConfigError(f"{package}: is not built or not on the path; {REBUILD}") from None
    except ImportError as error:
        raise ConfigError(_foreign(package, here, error)) from None
    try:
        _load_type_support(messages)
    except Exception as error:  # UnsupportedTypeSupport and what the linker says
        raise ConfigError(_foreign(package, here, error)) from None


def _load_type_support(messages: object) -> None:
    from rclpy.type_support import check_for_type_support

    for name in vars(messages):
        if name[:1].isupper():
            check_for_type_support(getattr(messages, name))
            return
    raise ImportError("it holds no messages")


def _foreign(package: str, here: str, error: Exception) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return f"{package}: is built for another ROS or Python than {here}; {REBUILD} ({said})"
