"""The SROS2 keystore: structure of its XML, signatures and certificates, all asked of OpenSSL."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from datetime import datetime
from pathlib import Path

import pytest

from bconnect_site.access import Access
from bconnect_site.ddsxml import governance, permissions
from bconnect_site.errors import ConfigError
from bconnect_site.keystore import make_keystore

NOW = datetime(2026, 11, 24, 12, 0, 0)
ACCESS = {
    "detector": Access(
        frozenset({"/demo/site_info", "/rosout"}),
        frozenset({"/demo/plaza/image_raw"}),
        frozenset({"/demo/detector/get_parameters"}),
        frozenset(),
    ),
    "desk": Access(frozenset(), frozenset({"/diagnostics"}), frozenset(), frozenset({"/demo/x"})),
}
READ_BY_ROS = {
    "cert.pem", "key.pem", "identity_ca.cert.pem", "permissions_ca.cert.pem", "governance.p7s",
    "permissions.p7s",
}  # fmt: skip
openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    made = make_keystore(tmp_path / "ks", "demo", ACCESS, 7, NOW, 3650)
    assert made == ["/demo/detector", "/demo/desk"]
    return tmp_path / "ks"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["openssl", *map(str, command)], capture_output=True, text=True, check=False
    )


def shape(element: ElementTree.Element) -> list[object]:
    """Names in order, as the schema's sequences ask for them."""
    return [element.tag, *(shape(child) for child in element)]


def test_governance_has_the_order_of_the_schema():
    root = ElementTree.fromstring(governance(7))
    topic = [
        "topic_expression", "enable_discovery_protection", "enable_liveliness_protection",
        "enable_read_access_control", "enable_write_access_control", "metadata_protection_kind",
        "data_protection_kind",
    ]  # fmt: skip
    assert shape(root) == [
        "dds",
        [
            "domain_access_rules",
            [
                "domain_rule",
                ["domains", ["id"]],
                ["allow_unauthenticated_participants"],
                ["enable_join_access_control"],
                ["discovery_protection_kind"],
                ["liveliness_protection_kind"],
                ["rtps_protection_kind"],
                ["topic_access_rules", ["topic_rule", *([name] for name in topic)]],
            ],
        ],
    ]
    assert root.findtext(".//id") == "7"
    assert root.findtext(".//allow_unauthenticated_participants") == "false"
    assert root.findtext(".//enable_join_access_control") == "true"
    assert root.findtext(".//enable_write_access_control") == "true"


def test_permissions_grant_what_is_needed_and_deny_the_rest():
    root = ElementTree.fromstring(permissions("/demo/detector", ACCESS["detector"], 7, NOW, NOW))
    grant = root.find("permissions/grant")
    assert grant is not None
    assert grant.get("name") == "/demo/detector"
    assert [child.tag for child in grant] == ["subject_name", "validity", "allow_rule", "default"]
    assert [child.tag for child in grant.find("allow_rule") or ()] == [
        "domains", "publish", "subscribe",
    ]  # fmt: skip
    assert grant.findtext("subject_name") == "CN=/demo/detector"
    assert grant.findtext("validity/not_before") == "2026-11-24T12:00:00"
    assert grant.findtext("default") == "DENY"
    listed = {
        way: [t.text for t in grant.findall(f"allow_rule/{way}/topics/topic")]
        for way in ("publish", "subscribe")
    }
    assert listed == {
        "publish": [
            "ros_discovery_info", "rr/demo/detector/get_parametersReply", "rt/demo/site_info",
            "rt/rosout",
        ],
        "subscribe": [
            "ros_discovery_info", "rq/demo/detector/get_parametersRequest",
            "rt/demo/plaza/image_raw",
        ],
    }  # fmt: skip


def test_a_caller_asks_and_hears_the_answer():
    text = permissions("/demo/desk", ACCESS["desk"], 0, NOW, NOW).decode()
    asked = text.index("<topic>rq/demo/xRequest</topic>")
    assert text.index("<publish>") < asked < text.index("<subscribe>")
    assert text.index("<topic>rr/demo/xReply</topic>") > text.index("<subscribe>")


def test_what_lies_where_and_who_may_read_it(store: Path):
    for enclave in ("detector", "desk"):
        folder = store / "enclaves" / "demo" / enclave
        assert {p.name for p in folder.iterdir()} == READ_BY_ROS | {"permissions.xml"}
        assert not any(p.is_symlink() for p in folder.iterdir())  # it travels alone
    for key in (*store.rglob("*key.pem"),):
        assert key.stat().st_mode & 0o777 == 0o600, key
    assert (store / "private").stat().st_mode & 0o777 == 0o700
    assert not any("ca.key" in p.name for p in (store / "enclaves").rglob("*"))


@openssl
def test_openssl_believes_certificates_and_signatures(store: Path, tmp_path: Path):
    ca = store / "public" / "ca.cert.pem"
    certs = sorted((store / "enclaves" / "demo").glob("*/cert.pem"))
    assert len(certs) == 2
    for cert in certs:
        assert run("verify", "-CAfile", ca, cert).returncode == 0
        said = run("x509", "-in", cert, "-noout", "-text").stdout
        assert f"CN=/demo/{cert.parent.name}" in said.replace(" = ", "=")
        assert "prime256v1" in said
        assert "ecdsa-with-SHA256" in said
        assert "CA:FALSE" in said
    signed = [store / "enclaves" / "governance.p7s", *(store / "enclaves").rglob("permissions.p7s")]
    for p7s in signed:
        out = tmp_path / "out.xml"
        done = run("smime", "-verify", "-text", "-in", p7s, "-CAfile", ca, "-out", out)
        assert done.returncode == 0, done.stderr
        plain = out.read_bytes().replace(b"\r\n", b"\n")
        assert plain == p7s.with_suffix(".xml").read_bytes()


@openssl
def test_openssl_sees_what_was_touched_or_signed_by_others(store: Path, tmp_path: Path):
    ca = store / "public" / "ca.cert.pem"
    p7s = store / "enclaves" / "demo" / "desk" / "permissions.p7s"
    touched = tmp_path / "touched.p7s"
    touched.write_bytes(p7s.read_bytes().replace(b"rt/diagnostics", b"rt/announcement"))
    assert run("smime", "-verify", "-text", "-in", touched, "-CAfile", ca).returncode != 0
    make_keystore(tmp_path / "other", "demo", ACCESS, 7, NOW, 3650)
    other = tmp_path / "other" / "public" / "ca.cert.pem"
    assert run("smime", "-verify", "-text", "-in", p7s, "-CAfile", other).returncode != 0
    cert = p7s.parent / "cert.pem"
    assert run("verify", "-CAfile", other, cert).returncode != 0


def test_a_second_run_keeps_keys_and_follows_the_site(store: Path):
    before = {p: p.read_bytes() for p in store.rglob("*") if p.suffix == ".pem"}
    more = ACCESS | {"tow": ACCESS["desk"]}
    make_keystore(store, "demo", more, 7, NOW, 3650)
    assert {p: p.read_bytes() for p in before} == before
    assert (store / "enclaves" / "demo" / "tow" / "permissions.p7s").exists()
    # a certificate about to end is made anew
    make_keystore(store, "demo", more, 7, NOW.replace(year=2036, day=22), 10)
    cert = store / "enclaves" / "demo" / "desk" / "cert.pem"
    assert cert.read_bytes() != before[cert]


def test_a_keystore_that_is_broken_is_one_sentence(store: Path, tmp_path: Path):
    key = store / "private" / "ca.key.pem"
    key.write_text("spoilt")
    with pytest.raises(ConfigError, match="hold no certificate and its key"):
        make_keystore(store, "demo", ACCESS, 7, NOW, 10)
    make_keystore(tmp_path / "other", "demo", ACCESS, 7, NOW, 3650)
    key.write_bytes((tmp_path / "other" / "private" / "ca.key.pem").read_bytes())
    with pytest.raises(ConfigError, match=r"ca\.key\.pem: is not the key of"):
        make_keystore(store, "demo", ACCESS, 7, NOW, 10)
    key.unlink()
    with pytest.raises(ConfigError, match=r"ca\.key\.pem: is missing; bring it back"):
        make_keystore(store, "demo", ACCESS, 7, NOW, 10)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        make_keystore(tmp_path / "file", "demo", ACCESS, 7, NOW, 10)
