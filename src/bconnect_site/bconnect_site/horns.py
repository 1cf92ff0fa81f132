"""Where a network horn listens, as a site file writes it: RTP and HTTP addresses.

``rtp://239.1.2.3:5004?codec=L16&rate=16000&ttl=4&interface=eth0``
``http://horn.example/play``                           POST of a WAV file
``http://horn.example/transmit.cgi#mulaw``             POST of G.711 mu-law, in real time
``http://horn.example/playclip.cgi?location={phrase}`` GET: the horn plays a clip of its own
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

RTP_PORT = 5004  # RFC 3551
G711_RATE = 8000  # Hz
L16_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz
DYNAMIC = range(96, 128)  # payload types without a fixed meaning
_STATIC = {("PCMU", 8000): 0, ("PCMA", 8000): 8, ("L16", 44100): 11}  # RFC 3551 table 4
CLIP = "{phrase}"
_NETWORK = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")

Codec = Literal["L16", "PCMA", "PCMU"]
CODECS: dict[str, Codec] = {"l16": "L16", "pcma": "PCMA", "pcmu": "PCMU"}


@dataclass(frozen=True, slots=True)
class RtpAddress:
    """One RTP stream. rate: Hz; interface: a name or an IPv4 address, empty: the system's."""

    host: str
    port: int
    codec: Codec = "PCMU"
    rate: int = G711_RATE
    payload_type: int = 0
    ttl: int = 1  # of multicast; how many routers it passes
    interface: str = ""

    @property
    def multicast(self) -> bool:
        """Whether the host is a group, which never answers."""
        return is_group(self.host)


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """A horn with a web interface. send: what it is given; clip: the horn has the sound."""

    url: str  # without user and password; holds {phrase} where send is "clip"
    user: str = ""
    password: str = field(default="", repr=False)
    send: Literal["wav", "mulaw", "clip"] = "wav"

    @property
    def host(self) -> str:
        """Host and port as written, without user or password."""
        return urlsplit(self.url).netloc

    def clip(self, phrase: str) -> str:
        """The URL that plays a phrase."""
        return self.url.replace(CLIP, quote(phrase, safe=""))


def is_group(host: str) -> bool:
    """Whether a host is an IPv4 multicast group."""
    try:
        return IPv4Address(host).is_multicast
    except ValueError:
        return False


def rtp_address(text: str) -> RtpAddress:
    """Raises ValueError with a sentence."""
    wrong = f'found "{text}"; needs rtp://host:port, e.g. rtp://239.1.2.3:5004?codec=L16&rate=16000'
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme != "rtp" or not host or parts.path.strip("/") or port == 0 or parts.fragment:
        raise ValueError(wrong)
    if ":" in host:
        raise ValueError(f'found "{text}"; needs a name or an IPv4 address')
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    codec = _codec(asked.pop("codec", "PCMU"))
    rate = _rate(codec, asked.pop("rate", ""))
    made = RtpAddress(
        host,
        port or RTP_PORT,
        codec,
        rate,
        _payload_type(codec, rate, asked.pop("pt", "")),
        _whole("ttl", asked.pop("ttl", "1"), 1, 255),
        _interface(asked.pop("interface", "")),
    )
    if asked:
        known = "codec, rate, pt, ttl, interface"
        raise ValueError(
            f'"{next(iter(asked))}" has no meaning in an rtp address; allowed: {known}'
        )
    return made


def http_address(text: str) -> HttpAddress:
    """Raises ValueError with a sentence that holds no password."""
    wrong = "needs http://host/path or https://host/path, e.g. http://192.0.2.7/play"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(wrong)
    send: Literal["wav", "mulaw", "clip"] = "wav"
    if parts.fragment == "mulaw":
        send = "mulaw"
    elif parts.fragment not in ("", "wav"):
        raise ValueError(f'found "#{parts.fragment}"; allowed: #wav, #mulaw')
    if CLIP in text:
        if parts.fragment:
            raise ValueError(f"has both {CLIP} and #{parts.fragment}; a clip is not sent")
        send = "clip"
    netloc = parts.netloc.rpartition("@")[2]
    url = parts._replace(netloc=netloc, fragment="").geturl()
    return HttpAddress(url, unquote(parts.username or ""), unquote(parts.password or ""), send)


ADDRESSES: dict[str, Callable[[str], object]] = {"rtp": rtp_address, "http": http_address}


def _codec(text: str) -> Codec:
    if text.lower() not in CODECS:
        raise ValueError(f'codec: found "{text}"; allowed: {", ".join(CODECS.values())}')
    return CODECS[text.lower()]


def _rate(codec: Codec, text: str) -> int:
    if codec != "L16":
        if text not in ("", str(G711_RATE)):
            raise ValueError(f'rate: found "{text}"; {codec} has {G711_RATE}')
        return G711_RATE
    allowed = [str(rate) for rate in L16_RATES]
    if text and text not in allowed:
        raise ValueError(f'rate: found "{text}"; allowed for L16: {", ".join(allowed)}')
    return int(text or 16000)


def _payload_type(codec: Codec, rate: int, text: str) -> int:
    fixed = _STATIC.get((codec, rate))
    if fixed is not None:
        if text not in ("", str(fixed)):
            raise ValueError(f'pt: found "{text}"; {codec} at {rate} Hz has {fixed}')
        return fixed
    return _whole("pt", text or str(DYNAMIC[0]), DYNAMIC[0], DYNAMIC[-1])


def _whole(key: str, text: str, low: int, high: int) -> int:
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ValueError(f'{key}: found "{text}"; allowed: {low} to {high}')
    return int(text)


def _interface(text: str) -> str:
    if text[:1].isdigit():
        try:
            return str(IPv4Address(text))
        except ValueError:
            pass
    elif not text or _NETWORK.fullmatch(text):
        return text
    raise ValueError(f'interface: found "{text}"; needs a name such as eth0, or an IPv4 address')
