"""DDS security (SROS2): whether this ROS 2 has it. The wheels of PyPI do not."""

import mmap
import os
from collections.abc import Mapping

from bconnect_node.environment import library_folders
from bconnect_site.errors import ConfigError

_LIBRARY = "librmw_fastrtps_shared_cpp.so"
_BUILT_WITHOUT = b"doesn't have the security libraries"
ENABLE, KEYSTORE = "ROS_SECURITY_ENABLE", "ROS_SECURITY_KEYSTORE"
ENCLAVE = "ROS_SECURITY_ENCLAVE_OVERRIDE"
SENTENCE = (
    "DDS security (SROS2): not compiled into this ROS 2; keep the graph on the loopback"
    " interface (the shipped profile does) and link machines by WireGuard or mutual TLS"
)


def has_dds_security() -> bool | None:
    """Whether SROS2 can be switched on here; None where that cannot be told."""
    for folder in library_folders():
        library = folder / _LIBRARY
        if library.is_file():
            with library.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as m:
                return m.find(_BUILT_WITHOUT) < 0
    return None


def dds_security() -> str:
    """One sentence for people: whether DDS security can be had here, and is on."""
    found = has_dds_security()
    if found is False:
        return SENTENCE
    if found is None:
        return "DDS security (SROS2): cannot be told here; `bconnect secure SITE` makes a keystore"
    if is_asked_for():
        return f"DDS security (SROS2): on, keystore {os.environ.get(KEYSTORE) or 'not set'}"
    return "DDS security (SROS2): can be had here and is off; `bconnect secure SITE --out DIR`"


def is_asked_for(env: Mapping[str, str] | None = None) -> bool:
    """Whether the environment switches DDS security on."""
    return (os.environ if env is None else env).get(ENABLE, "").lower() == "true"


def take_enclave(site: str, process: str) -> None:
    """Has all of this process speak by its own enclave, where security is asked for."""
    if is_asked_for():
        os.environ.setdefault(ENCLAVE, f"/{site}/{process}")


def check_security(env: Mapping[str, str] | None = None) -> None:
    """Raises ConfigError where the environment asks for security that is not there."""
    env = os.environ if env is None else env
    if is_asked_for(env) and has_dds_security() is False:
        raise ConfigError(f"environment: ROS_SECURITY_ENABLE: found true; {SENTENCE}")
