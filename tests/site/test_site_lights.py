"""Where the aspect of a light comes from: addresses, communities, lamps beside controllers."""

import pytest

from bconnect_site.checks import check
from bconnect_site.lights import Record, controller_address, record_address
from bconnect_site.model import Signal

HEAD = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.3]]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("udp://192.0.2.5:161", ("192.0.2.5", 161)),
        ("udp://192.0.2.5", ("192.0.2.5", 161)),
        ("udp://atcs-1.example.org:16100/", ("atcs-1.example.org", 16100)),
        ("udp://[2001:db8::5]:161", ("2001:db8::5", 161)),
    ],
)
def test_address_of_a_controller(text: str, means: tuple[str, int]):
    assert controller_address(text) == means


@pytest.mark.parametrize(
    "text",
    [
        "",
        "192.0.2.5:161",
        "udp:192.0.2.5",
        "udp://",
        "udp://:161",
        "tcp://192.0.2.5:161",
        "udp://192.0.2.5:0",
        "udp://192.0.2.5:99999",
        "udp://192.0.2.5:snmp",
        "udp://[2001:db8::5:161",
        "udp://192.0.2.5/x",
    ],
)
def test_no_address_of_a_controller(text: str):
    with pytest.raises(ValueError, match=r"needs udp://host:port, e\.g\. udp://192\.0\.2\.5:161"):
        controller_address(text)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("file://signals.jsonl", Record("signals.jsonl", False)),
        ("file:///data/hari%20ini/signals.jsonl", Record("/data/hari ini/signals.jsonl", False)),
        ("file://signals.jsonl?from_start=true", Record("signals.jsonl", True)),
        ("file://signals.jsonl?from_start=false", Record("signals.jsonl", False)),
    ],
)
def test_address_of_a_recording(text: str, means: Record):
    assert record_address(text) == means


@pytest.mark.parametrize(
    "text", ["signals.jsonl", "file://", "udp://a", "file://a?loop=1", "file://a?from_start=ya"]
)
def test_no_address_of_a_recording(text: str):
    with pytest.raises(ValueError, match=r"needs file://signals\.jsonl"):
        record_address(text)


def mistakes(**signal: object) -> list[str]:
    site = {"cameras": {"utara": {}}, "signals": {"a": signal}}
    return [f"{'.'.join(map(str, key))}: {text}" for key, text in check(site, None)]


NTCIP = {"adapter": "ntcip1202", "address": "udp://192.0.2.5:161", "phase": 2}
RECORDED = {"adapter": "recorded", "address": "file://signals.jsonl"}


@pytest.mark.parametrize("source", [NTCIP, RECORDED], ids=["ntcip1202", "recorded"])
def test_a_lamp_may_be_watched_beside_its_source(source: dict[str, object]):
    assert mistakes(**source) == []
    assert mistakes(**source, camera="utara", region=HEAD, orientation="horizontal") == []
    (told,) = mistakes(**source, camera="utara")
    assert told.startswith("signals.a.region: is missing; camera is given")
    (told,) = mistakes(**source, camera="utra", region=HEAD)
    assert told == 'signals.a.camera: no camera is called "utra"; did you mean "utara"?'
    assert len(mistakes(**source, orientation="vertical")) == 2


def test_a_light_is_driven_by_a_phase_or_by_an_overlap():
    bare = {"adapter": "ntcip1202", "address": "udp://192.0.2.5:161"}
    assert mistakes(**bare, overlap=3) == []
    assert mistakes(**bare) == [
        "signals.a.phase: is missing; the adapter ntcip1202 needs it, or overlap"
    ]
    assert mistakes(**bare, phase=2, overlap=3) == [
        "signals.a.overlap: stands beside phase; a light is driven by one of them"
    ]
    assert Signal(**bare, overlap=16).overlap == 16
    with pytest.raises(ValueError):
        Signal(**bare, overlap=0)


def test_snmpv3_has_a_user_and_keys_and_no_community():
    v3 = {**NTCIP, "version": "v3", "user": "${U}", "auth": "${A}"}
    assert mistakes(**v3) == mistakes(**v3, privacy="${P}", hash="sha") == []
    assert mistakes(**NTCIP, version="v3") == [
        "signals.a.user: is missing; SNMPv3 needs it, as ${NAME}",
        "signals.a.auth: is missing; SNMPv3 needs it, as ${NAME}",
    ]
    assert mistakes(**v3, community="public") == ["signals.a.community: has no meaning for SNMPv3"]
    assert mistakes(**NTCIP, auth="${A}") == [
        'signals.a.auth: has no meaning without "version: v3"'
    ]
    assert Signal(**v3, privacy="${P}").privacy == "${P}"
    for part in ("user", "auth", "privacy"):
        with pytest.raises(ValueError, match="is a secret; write"):
            Signal(**{**v3, part: "rahasia-sekali"})


def test_keys_of_other_adapters_have_no_meaning():
    lamp = {"adapter": "lamp_vision", "camera": "utara", "region": HEAD}
    for key, value in {"community": "${C}", "version": "v1", "phase": 2, "overlap": 1}.items():
        expected = [f"signals.a.{key}: has no meaning for the adapter lamp_vision"]
        assert mistakes(**lamp, **{key: value}) == expected
    assert mistakes(**RECORDED, phase=1) == [
        "signals.a.phase: has no meaning for the adapter recorded"
    ]
    assert mistakes(**RECORDED | {"address": "udp://192.0.2.5"})[0].startswith("signals.a.address")


def test_an_address_from_the_environment_is_read_later():
    assert mistakes(**NTCIP | {"address": "${ATCS_1}"}) == []


@pytest.mark.parametrize("community", ["public", "${ATCS_COMMUNITY}", None])
def test_communities_a_file_may_hold(community: str | None):
    assert Signal(**NTCIP, community=community).community == community


@pytest.mark.parametrize("community", ["private", "x${A}", "${A}${B}", "", "${A"])
def test_communities_it_may_not(community: str):
    with pytest.raises(ValueError) as found:
        Signal(**NTCIP, community=community)
    assert community != "private" or "is a password" in str(found.value)
