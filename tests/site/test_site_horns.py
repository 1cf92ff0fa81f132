"""Addresses of network horns: what is meant, and one sentence for each mistake."""

from __future__ import annotations

import pytest

from bconnect_site.horns import HttpAddress, RtpAddress, http_address, rtp_address


def test_rtp_addresses():
    assert rtp_address("rtp://239.1.2.3:5004?codec=L16&rate=16000&ttl=4&interface=eth0") == (
        RtpAddress("239.1.2.3", 5004, "L16", 16000, 96, 4, "eth0")
    )
    assert rtp_address("rtp://horn.example") == RtpAddress("horn.example", 5004, "PCMU", 8000, 0)
    assert rtp_address("rtp://192.0.2.7:6000?codec=pcma").payload_type == 8
    assert rtp_address("rtp://192.0.2.7?codec=L16&rate=44100").payload_type == 11
    assert rtp_address("rtp://192.0.2.7?codec=L16&pt=100").payload_type == 100
    assert rtp_address("rtp://239.1.2.3").multicast
    assert not rtp_address("rtp://192.0.2.7").multicast


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("udp://192.0.2.7", "needs rtp://host:port"),
        ("rtp://", "needs rtp://host:port"),
        ("rtp://192.0.2.7:99999", "needs rtp://host:port"),
        ("rtp://192.0.2.7:0", "needs rtp://host:port"),
        ("rtp://192.0.2.7/stream", "needs rtp://host:port"),
        ("rtp://[2001:db8::1]", "needs a name or an IPv4 address"),
        ("rtp://192.0.2.7?codec=opus", 'codec: found "opus"; allowed: L16, PCMA, PCMU'),
        ("rtp://192.0.2.7?rate=16000", 'rate: found "16000"; PCMU has 8000'),
        ("rtp://192.0.2.7?codec=L16&rate=12000", 'rate: found "12000"; allowed for L16: 8000,'),
        ("rtp://192.0.2.7?ttl=0", 'ttl: found "0"; allowed: 1 to 255'),
        ("rtp://192.0.2.7?ttl=x", 'ttl: found "x"; allowed: 1 to 255'),
        ("rtp://192.0.2.7?pt=9", 'pt: found "9"; PCMU at 8000 Hz has 0'),
        ("rtp://192.0.2.7?codec=L16&pt=34", 'pt: found "34"; allowed: 96 to 127'),
        ("rtp://192.0.2.7?volume=3", '"volume" has no meaning in an rtp address; allowed: codec,'),
        ("rtp://192.0.2.7?interface=10.0.0.300", 'interface: found "10.0.0.300"; needs a name'),
        ("rtp://192.0.2.7?interface=a/b", 'interface: found "a/b"; needs a name such as eth0'),
    ],
)
def test_mistakes_of_rtp_addresses(text, sentence):
    with pytest.raises(ValueError) as mistake:
        rtp_address(text)
    assert sentence in str(mistake.value)
    assert len(str(mistake.value).splitlines()) == 1


def test_http_addresses():
    assert http_address("http://a:b%40c@192.0.2.7:8080/play?x=1#mulaw") == (
        HttpAddress("http://192.0.2.7:8080/play?x=1", "a", "b@c", "mulaw")
    )
    made = http_address("https://horn.example/playclip.cgi?location={phrase}")
    assert (made.send, made.clip("stop line")) == (
        "clip",
        "https://horn.example/playclip.cgi?location=stop%20line",
    )
    assert "b@c" not in repr(http_address("http://a:b%40c@192.0.2.7/"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ftp://u:secret@192.0.2.7/", "needs http://host/path"),
        ("http://", "needs http://host/path"),
        ("http://u:secret@192.0.2.7:99999/", "needs http://host/path"),
        ("http://u:secret@192.0.2.7/#mp3", 'found "#mp3"; allowed: #wav, #mulaw'),
        ("http://u:secret@192.0.2.7/{phrase}#wav", "has both {phrase} and #wav"),
    ],
)
def test_mistakes_of_http_addresses_hold_no_password(text, sentence):
    with pytest.raises(ValueError) as mistake:
        http_address(text)
    assert sentence in str(mistake.value)
    assert "secret" not in str(mistake.value)
