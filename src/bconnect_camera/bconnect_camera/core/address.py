"""What a source URL means: which kind, which path, refused with a sentence where it cannot work."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from .redact import redact
from .types import SourceError

NETWORK = {
    "rtsp": 554,
    "rtsps": 322,
    "http": 80,
    "https": 443,
    "rtmp": 1935,
    "tcp": 0,
    "srt": 0,
    "udp": 0,
    "rtp": 0,
}
ALLOWED = "rtsp://, rtsps://, file://, v4l2://, sim:// or another URL that FFmpeg opens"


@dataclass(frozen=True, slots=True)
class Address:
    """``target`` is what the library opens; ``shown`` is safe to print.

    ``settings``: what a v4l2 URL asks for after its ``?`` (size=1920x1080, rate=25), or a sim URL
    (seed=3, rate=10, epoch=now)
    """

    scheme: str
    target: str = field(repr=False)
    shown: str
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        return self.scheme != "file"


def parse(url: str) -> Address:
    """Splits a source URL. Raises SourceError(refuse=True) for what can never work."""
    shown = redact(url, url)
    if not url.strip():
        raise SourceError(f"found nothing, allowed is {ALLOWED}", refuse=True)
    scheme = url.split("://", 1)[0].lower() if "://" in url else "file"
    if scheme == "sim":
        return _simulation(url, shown)
    if scheme == "file":
        return Address("file", _file_path(url), shown)
    if scheme == "v4l2":
        return _device(url, shown)
    if scheme not in NETWORK:
        raise SourceError(
            f"found the unknown scheme {scheme}://, allowed is {ALLOWED}", refuse=True
        )
    return Address(scheme, url, shown)


def _file_path(url: str) -> str:
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return unquote(parts.netloc + parts.path)


def _device(url: str, shown: str) -> Address:
    path, _, query = url.split("://", 1)[1].partition("?")
    settings = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(settings.keys() - {"size", "rate"})
    if unknown or not re.fullmatch(r"(\d+x\d+)?", settings.get("size", "")):
        raise SourceError(
            f"found {shown}, allowed after the ? are size=1920x1080 and rate=25", refuse=True
        )
    path = unquote(path)
    device = path if path.startswith("/") else f"/dev/{path or 'video0'}"
    return Address("v4l2", device, shown, settings)


def _simulation(url: str, shown: str) -> Address:
    path, _, query = url.split("://", 1)[1].partition("?")
    settings = {"seed": "0", **dict(parse_qsl(query, keep_blank_values=True))}
    scenario, _, camera = unquote(path).rpartition("/")
    known = {"seed": r"\d{1,9}", "rate": r"(\d{1,2}(\.\d+)?)?", "epoch": r"(now|\d{1,10})?"}
    right = all(re.fullmatch(p, settings.get(k, "")) for k, p in known.items())
    if not scenario or not camera or not right or settings.keys() - known.keys():
        raise SourceError(
            f"found {shown}, allowed is sim://scenario/camera, and after a ? seed=3, rate=10 and "
            "epoch=now (or Unix time in s)",
            refuse=True,
        )
    return Address("sim", f"{scenario}/{camera}", shown, settings)
