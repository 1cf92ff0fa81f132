"""What a site file says about stickers and towing, and its mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.loader import check_environment, load_site

Write = Callable[..., Path]
TOW = """
tow:
  webhook: ${TOW_WEBHOOK}
  secret: ${TOW_SECRET}
  yard: Dishub
  trucks: [derek_1]
"""


def test_defaults_and_fleet(house: Path, write: Write, site_text: str) -> None:
    fleet = house / "config" / "fleet.yaml"
    fleet.write_text(fleet.read_text() + "\nsticker: {due: 900.0}\ntow: {yard: Kota, timeout: 2}\n")
    loaded = load_site(write(site_text + "tow: {propose_for: 60.0}\n"))
    assert loaded.site.sticker.due == 900.0
    assert (loaded.site.tow.yard, loaded.site.tow.timeout) == ("Kota", 2.0)
    assert (loaded.site.tow.propose_for, loaded.site.tow.webhook) == (60.0, None)
    assert loaded.origins["tow.yard"] == "config/fleet.yaml"
    assert loaded.origins["tow.propose_for"] == "config/corridors/x.yaml"


def test_the_secret_stays_in_the_environment(write: Write, site_text: str) -> None:
    loaded = load_site(write(site_text + TOW))
    env = {"CAMERA_A": "rtsp://h/x", "TOW_WEBHOOK": "https://h/x"}
    with pytest.raises(ConfigError, match=r"tow\.secret: the environment variable TOW_SECRET"):
        check_environment(loaded, env)
    check_environment(loaded, env | {"TOW_SECRET": "sesame"})
    assert "${TOW_SECRET}" in loaded.to_yaml()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("${TOW_SECRET}", "sesame", "tow.secret: is a secret; write ${NAME}"),
        ("  secret: ${TOW_SECRET}\n", "", "tow.secret: is missing; webhook is given and needs it"),
        ("  webhook: ${TOW_WEBHOOK}\n", "", "tow.webhook: is missing; secret is given"),
        (
            "${TOW_WEBHOOK}",
            "ftp://h/x",
            'tow.webhook: found "ftp://h/x"; needs https://host/path, http://host/path or ${NAME}',
        ),
        ("${TOW_WEBHOOK}", "https://", 'tow.webhook: found "https://"; needs https://host/path'),
        (
            "${TOW_WEBHOOK}",
            "https://u:hunter2@h/x",
            "tow.webhook: holds a password; keep it out of the file",
        ),
        ("[derek_1]", "derek_1", 'tow.trucks: must be a list, found "derek_1"'),
        ("[derek_1]", "['']", "tow.trucks[0]: must not be empty"),
        ("yard: Dishub", "yrd: Dishub", 'tow.yrd: is not a key here; did you mean "yard"?'),
        ("yard: Dishub", "propose_for: 0", "tow.propose_for: must be more than 0.0, found 0"),
        ("yard: Dishub", "timeout: 61", "tow.timeout: must be at most 60"),
    ],
)
def test_mistakes(write: Write, site_text: str, old: str, new: str, expected: str) -> None:
    assert TOW.count(old) == 1
    with pytest.raises(ConfigError) as refusal:
        load_site(write(site_text + TOW.replace(old, new)))
    sentences = str(refusal.value).splitlines()
    assert any(f"config/corridors/x.yaml: {expected}" in s for s in sentences), sentences
    assert "hunter2" not in str(refusal.value)
    assert len(sentences) == 1, sentences
