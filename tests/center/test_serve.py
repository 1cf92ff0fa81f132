"""`bconnect center` as its user runs it: a process, its links, TLS, an orderly end."""

from __future__ import annotations

import datetime
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parents[2]
CENTER = (
    "from bconnect_bringup.cli import main; import sys; sys.exit(main(['center', *sys.argv[1:]]))"
)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of our own for 127.0.0.1, and its key beside it."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "centre")])
    day = datetime.timedelta(days=1)
    start = datetime.datetime(2020, 1, 1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + 36500 * day)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "centre.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "centre.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


class Served:
    """A running centre: what it printed, and where it is."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip())
            if found := re.match(r"Pusat: (http\S+)", line):
                self.url = found[1]
                return
        raise AssertionError("\n".join(self.lines) + process.communicate()[1])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode


def file(tmp_path: Path, listen: str) -> Path:
    path = tmp_path / "center.yaml"
    path.write_text(f"title: Pusat\nroot: state\nlanguage: en\nlisten: {{{listen}}}\n")
    return path


def test_from_nothing_to_the_first_page(
    child: Callable[..., Any], tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    path = file(tmp_path, "port: 0")
    served = Served(child(CENTER, str(path)))
    (link,) = [line.split()[-1] for line in served.lines if line.startswith("first account")]

    def answers() -> bool:
        try:
            return httpx.get(f"{served.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    wait_for(answers)
    client = httpx.Client(follow_redirects=True)
    data = {"password": "sandi-yang-cukup-panjang", "again": "sandi-yang-cukup-panjang"}
    page = client.post(link, data=data)
    assert page.status_code == 200 and "<h1>Map</h1>" in page.text
    assert client.get(f"{served.url}/accounts").status_code == 200
    assert served.stop() in (0, -signal.SIGTERM)
    done = child(CENTER, str(path), "--check-audit").communicate(timeout=60)
    assert "audit log: whole" in done[0]


def test_with_tls_cookies_are_the_browsers_own(
    child: Callable[..., Any], tmp_path: Path, certificate: Path, wait_for: Callable[..., Any]
) -> None:
    path = file(tmp_path, "port: 0, certificate: centre.pem, certificate_key: centre.key")
    made = child(CENTER, str(path), "--user", "sari", "--role", "validator").communicate(timeout=60)
    secret = made[0].strip().rpartition("/")[2]
    served = Served(child(CENTER, str(path)))
    assert served.url.startswith("https://")
    trusted = ssl.create_default_context(cafile=str(certificate))

    def answers() -> bool:
        try:
            return httpx.get(f"{served.url}/healthz", verify=trusted).status_code == 200
        except httpx.TransportError:
            return False

    wait_for(answers)
    data = {"password": "sandi-yang-cukup-panjang", "again": "sandi-yang-cukup-panjang"}
    answer = httpx.post(f"{served.url}/invitation/{secret}", data=data, verify=trusted)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-bconnect_session=")
    for word in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert word in cookie
    assert "max-age=" in answer.headers["strict-transport-security"]
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{served.url}/healthz")  # a stranger's certificate
    served.stop()


def test_what_is_wrong_is_one_sentence(child: Callable[..., Any], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        _, said = child(CENTER, str(file(tmp_path, f"port: {port}"))).communicate(timeout=60)
    assert "already in use; choose another port" in said and "Traceback" not in said
    for text, words in (
        ("root: state\nlistn: {}\n", "listn"),
        ("root: state\ndatabase: mysql://x\n", "database"),
        ("root: state\ntiles: ftp://x\n", "tiles"),
        ("title: x\n", "root"),
    ):
        path = tmp_path / "bad.yaml"
        path.write_text(text)
        process = child(CENTER, str(path))
        _, said = process.communicate(timeout=60)
        assert process.returncode == 2 and words in said and "Traceback" not in said


def test_the_example_is_a_valid_file(child: Callable[..., Any], tmp_path: Path) -> None:
    from bconnect_center.settings import load

    path = tmp_path / "new.yaml"
    child(CENTER, str(path), "--init").communicate(timeout=60)
    assert load(path).file.listen.port == 8080
    _, said = child(CENTER, str(path), "--init").communicate(timeout=60)
    assert "is there already" in said
