"""Secrets from the environment, or from a file that nobody else may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from bconnect_site.environment import expand_env, value_of
from bconnect_site.errors import ConfigError

URL = "rtsp://admin:${KAMERA}@192.0.2.7/live"
SECRET = "s3cret/w0rd é"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kamera"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_in_a_file(file: Path, mode: int):
    file.chmod(mode)
    env = {"KAMERA_FILE": str(file)}
    assert expand_env(URL, env, "k") == f"rtsp://admin:{SECRET}@192.0.2.7/live"
    # what is set goes first, and then the file is not looked at
    assert expand_env(URL, env | {"KAMERA": "other"}, "k") == "rtsp://admin:other@192.0.2.7/live"
    assert value_of("ANDERE", env, "k") == ""


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o644, 0o777])
def test_a_file_others_may_read_is_refused(file: Path, mode: int):
    file.chmod(mode)
    with pytest.raises(ConfigError) as refused:
        expand_env(URL, {"KAMERA_FILE": str(file)}, "cameras.utara.source")
    assert str(refused.value) == (
        f"cameras.utara.source: KAMERA_FILE: {file}: mode {mode:04o} opens it to other users, "
        "allowed is 0600; run chmod 0600 on it, and change the secret if others could have read it"
    )
    assert SECRET not in str(refused.value)


def test_a_link_is_as_open_as_what_it_leads_to(file: Path, tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(file)
    assert value_of("KAMERA", {"KAMERA_FILE": str(link)}, "k") == SECRET
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="mode 0644"):
        value_of("KAMERA", {"KAMERA_FILE": str(link)}, "k")


@pytest.mark.parametrize("data", [b"", b"\n", b"a\nb\n", b"\xff\xfe", b"x" * 4097, b"a\x00b"])
def test_what_is_no_secret(file: Path, data: bytes):
    file.write_bytes(data)
    with pytest.raises(ConfigError, match="needs one line of text, at most 4096 bytes"):
        value_of("KAMERA", {"KAMERA_FILE": str(file)}, "k")


def test_a_file_that_is_not_there(file: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"k: KAMERA_FILE: .*/gone: no such file or directory"):
        value_of("KAMERA", {"KAMERA_FILE": str(tmp_path / "gone")}, "k")
    with pytest.raises(ConfigError, match="is a directory"):
        value_of("KAMERA", {"KAMERA_FILE": str(tmp_path)}, "k")
    with pytest.raises(ConfigError) as refused:
        expand_env("${KAMERA} ${A} ${A} ${B}", {"KAMERA_FILE": "/no"}, "k")
    assert len(refused.value.sentences) == 3


def test_a_speakers_password_may_hold_anything(file: Path):
    from bconnect_enforce.building import _expanded

    said = _expanded("http://tiang:${KAMERA}@192.0.2.9/play", {"KAMERA_FILE": str(file)})
    assert said == "http://tiang:s3cret%2Fw0rd%20%C3%A9@192.0.2.9/play"
