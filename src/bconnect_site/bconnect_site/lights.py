"""Where the aspect of a light comes from, as a site file writes it: addresses and communities."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator

from bconnect_site.fields import ENV, Reference, fault

SNMP_PORT = 161
PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Record:
    """A file of what signals showed. from_start: its first line is the node's start."""

    path: str
    from_start: bool


def controller_address(text: str) -> tuple[str, int]:
    """Host and UDP port of ``udp://host:port`` (port 161 where none is given).

    Raises ValueError with a sentence.
    """
    wrong = f'found "{text}"; needs udp://host:port, e.g. udp://192.0.2.5:161'
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme != "udp" or not host or parts.path.strip("/") or parts.query or port == 0:
        raise ValueError(wrong)
    return host, port or SNMP_PORT


def record_address(text: str) -> Record:
    """The file of ``file://path``, and whether ``?from_start=true`` follows it.

    Raises ValueError with a sentence.
    """
    scheme, _, rest = text.partition("://")
    path, _, query = rest.partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    from_start = asked.pop("from_start", "false")
    if scheme != "file" or not path or asked or from_start not in ("true", "false"):
        raise ValueError(
            f'found "{text}"; needs file://signals.jsonl, with ?from_start=true where its first '
            "line is the start"
        )
    return Record(unquote(path), from_start == "true")


def _community(value: str) -> str:
    if value != PUBLIC and not ENV.fullmatch(value):
        raise fault(
            f'is a password; write ${{NAME}} and set NAME in the environment; only "{PUBLIC}" '
            "may stand in a file"
        )
    return value


def _secret(value: str) -> str:
    if not ENV.fullmatch(value):
        raise fault("is a secret; write ${NAME} and set NAME in the environment")
    return value


Secret = Annotated[Reference, AfterValidator(_secret)]
Community = Annotated[Reference, AfterValidator(_community)]
