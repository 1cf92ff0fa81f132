"""Whether a folder lies encrypted, read off a made-up kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bconnect_site import at_rest
from bconnect_site.errors import ConfigError


def device(sys: Path, number: str, uuid: str = "", below: tuple[str, ...] = ()) -> None:
    base = sys / "dev" / "block" / number
    (base / "slaves").mkdir(parents=True)
    if uuid:
        (base / "dm").mkdir()
        (base / "dm" / "uuid").write_text(uuid + "\n")
    for index, other in enumerate(below):
        (base / "slaves" / f"s{index}").mkdir()
        (base / "slaves" / f"s{index}" / "dev").write_text(other + "\n")


@pytest.fixture
def here(tmp_path: Path) -> str:
    found = os.stat(tmp_path).st_dev
    return f"{os.major(found)}:{os.minor(found)}"


@pytest.mark.parametrize(
    ("uuid", "below", "others", "says"),
    [
        ("CRYPT-LUKS2-0a1b-evidence", (), {}, "dm-crypt"),
        ("LVM-abc", ("253:9",), {"253:9": "CRYPT-LUKS2-0a1b-pv"}, "dm-crypt"),
        ("LVM-abc", ("253:9", "8:1"), {"253:9": "CRYPT-LUKS2-0a1b-pv", "8:1": ""}, ""),
        ("LVM-abc", (), {}, ""),
        ("", (), {}, ""),
    ],
)
def test_dm_crypt_below_the_folder(
    tmp_path: Path,
    here: str,
    uuid: str,
    below: tuple[str, ...],
    others: dict[str, str],
    says: str,
) -> None:
    sys = tmp_path / "sys"
    device(sys, here, uuid, below)
    for number, other in others.items():
        device(sys, number, other)
    assert at_rest.protection(tmp_path, sys, tmp_path / "no_proc") == says


def test_devices_that_lie_below_one_another_end(tmp_path: Path, here: str) -> None:
    sys = tmp_path / "sys"
    device(sys, here, "LVM-a", (here,))
    assert at_rest.protection(tmp_path, sys, tmp_path / "no_proc") == ""


def test_a_folder_that_must_be_encrypted_and_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_rest, "protection", lambda folder: "")
    with pytest.raises(ConfigError, match="neither dm-crypt"):
        at_rest.check(tmp_path / "evidence", "mobil.yaml: evidence.at_rest")
    monkeypatch.setattr(at_rest, "protection", lambda folder: "fscrypt")
    at_rest.check(tmp_path / "evidence", "mobil.yaml: evidence.at_rest")


def test_the_kernel_here_is_asked_and_answers() -> None:
    assert at_rest.protection(Path("/")) in ("", "dm-crypt", "fscrypt")
