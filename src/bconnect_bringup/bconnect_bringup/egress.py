"""Whom a site or a centre has to reach: the addresses of its own file, and no other."""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError

LOOPBACK = ("127.0.0.0/8", "::1")
DISCOVERY = "239.255.0.1"  # where DDS finds processes; the shipped profile sends it on lo only
NO_HOSTS = ("sim", "file", "nmea", "nmea+file", "v4l2", "sqlite")
RESOLVER = Path("/etc/resolv.conf")

LOCATOR = re.compile(r"(?:tls|tcp|quic|udp)/(\[[0-9a-fA-F:]+\]|[^/:\[\]]+):\d+")  # of a relay

Resolve = Callable[[str], list[str]]


@dataclass(slots=True)
class Egress:
    """``allowed``: address to what needs it. ``unknown``: sentences about what stays shut."""

    allowed: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    named: bool = False  # some host has a name: name servers are needed too


def egress(plain: Mapping[str, Any], env: Mapping[str, str], resolve: Resolve) -> Egress:
    """Every URL of a file as addresses. A host that cannot be told is named, and stays shut."""
    found = Egress()
    for key, text in _texts(plain, ""):
        try:
            host = host_of(expand_env(text, env, key))
        except (ConfigError, ValueError) as error:
            found.unknown.append(f"{error}: its address is not allowed")
            continue
        if host:
            _allow(found, key, host, resolve)
    return found


def host_of(url: str) -> str:
    """The host of a URL that is reached over the network; "" for anything else."""
    if found := LOCATOR.fullmatch(url):
        return found[1].strip("[]")
    scheme, separator, _ = url.partition("://")
    if not separator or scheme in NO_HOSTS or not scheme.replace("+", "").isalnum():
        return ""
    return urlsplit(url).hostname or ""


def resolve(host: str) -> list[str]:
    """Its addresses now; none where it has none. Asks the system."""
    try:
        told = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError:
        return []
    return sorted({str(entry[4][0]).partition("%")[0] for entry in told})


def name_servers(file: Path = RESOLVER) -> list[str]:
    """The addresses this machine asks for names."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [w[1].partition("%")[0] for w in words if len(w) > 1 and w[0] == "nameserver"]


def network(text: str) -> str:
    """An address or network as systemd reads it. Raises ConfigError."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ConfigError(
            f'--allow: found "{text}"; needs an address or network like 10.1.0.0/16'
        ) from None


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if "://" in value or "${" in value or LOCATOR.fullmatch(value):
            yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, key)


def _allow(found: Egress, key: str, host: str, resolve: Resolve) -> None:
    try:
        found.allowed.setdefault(str(ipaddress.ip_address(host)), key)
        return
    except ValueError:
        found.named = True
    addresses = resolve(host)
    if not addresses:
        found.unknown.append(f"{key}: {host} has no address now: it is not allowed")
    for address in addresses:
        found.allowed.setdefault(address, f"{key} ({host}, as it was resolved)")
