"""Sites by name, by path, and two of one name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bconnect_site.environment import expand_env, hide_password
from bconnect_site.errors import ConfigError
from bconnect_site.find import check_unique_sites, find_config_dir
from bconnect_site.loader import resolve_site

Write = Callable[..., Path]


def test_by_name_by_path_and_from_a_folder_below(
    house: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write()
    assert resolve_site("x") == path
    assert resolve_site("config/corridors/x.yaml").resolve() == path
    (house / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(house / "deep" / "er")
    assert resolve_site("x") == path


def test_by_the_name_inside_where_the_file_is_called_otherwise(
    write: Write, site_text: str
) -> None:
    path = write(site_text.replace("site: x", "site: pasar"), name="file_of_pasar")
    assert resolve_site("pasar") == path
    assert resolve_site("file_of_pasar") == path


def test_unknown_name_suggests(write: Write, site_text: str) -> None:
    write(site_text.replace("site: x", "site: beruang_madu"), "beruang_madu")
    with pytest.raises(ConfigError) as refusal:
        resolve_site("beruang_maduu")
    assert str(refusal.value) == (
        'no site is called "beruang_maduu" in config; did you mean "beruang_madu"?'
    )
    with pytest.raises(ConfigError, match="there is no such file"):
        resolve_site("nowhere.yaml")


def test_two_files_of_one_name(house: Path, write: Write, site_text: str) -> None:
    write()
    check_unique_sites(house / "config")
    other = house / "config" / "vehicles" / "y.yaml"
    other.write_text(site_text)
    sentence = (
        'config/corridors/x.yaml: site: "x" is also the name in config/vehicles/y.yaml; '
        "names must differ"
    )
    with pytest.raises(ConfigError) as refusal:
        check_unique_sites(house / "config")
    assert str(refusal.value) == sentence
    with pytest.raises(ConfigError) as refusal:
        resolve_site("x")
    assert str(refusal.value) == sentence


def test_a_file_outside_may_not_take_a_name_either(
    house: Path, write: Write, site_text: str
) -> None:
    path = write()
    check_unique_sites(house / "config", also=path)
    outside = house / "my.yaml"
    outside.write_text(site_text)
    with pytest.raises(ConfigError, match=r'"x" is also the name in my\.yaml'):
        check_unique_sites(house / "config", also=outside)


def test_a_broken_neighbour_is_no_matter(house: Path, write: Write) -> None:
    path = write()
    for name, content in (("b", b"site: ["), ("c", b"\xff\xfe"), ("d", b"- 1"), ("e", b"")):
        (house / "config" / "corridors" / f"{name}.yaml").write_bytes(content)
    check_unique_sites(house / "config")
    assert resolve_site("x") == path


def test_config_folder_by_variable_and_of_an_installation(
    house: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_config_dir() == house / "config"
    monkeypatch.setenv("BCONNECT_CONFIG", str(house / "nothing"))
    with pytest.raises(ConfigError, match="set BCONNECT_CONFIG to its path"):
        find_config_dir()
    share = tmp_path_factory.mktemp("prefix") / "share" / "bconnect_bringup" / "config"
    share.mkdir(parents=True)
    (share / "fleet.yaml").write_text("{}")
    monkeypatch.setenv("BCONNECT_CONFIG", str(share))
    assert find_config_dir() == share
    monkeypatch.delenv("BCONNECT_CONFIG")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(share.parents[2]))
    monkeypatch.chdir(share.parents[2])
    monkeypatch.setattr("bconnect_site.find.__file__", str(share.parents[2] / "find.py"))
    assert find_config_dir() == share


def test_expand_env() -> None:
    env = {"HOST": "192.0.2.1", "PASSWORD": "s$cret}{", "EMPTY": ""}
    assert expand_env("rtsp://u:${PASSWORD}@${HOST}/${HOST}", env, "k") == (
        "rtsp://u:s$cret}{@192.0.2.1/192.0.2.1"
    )
    assert expand_env("$HOST $ {HOST}", env, "k") == "$HOST $ {HOST}"
    with pytest.raises(ConfigError) as refusal:
        expand_env("${NONE}${EMPTY}${NONE}", env, "a.yaml: cameras.b.source")
    assert str(refusal.value).splitlines() == [
        f"a.yaml: cameras.b.source: the environment variable {name} is not set; "
        "set it to the value meant here"
        for name in ("NONE", "EMPTY")
    ]


def test_hide_password() -> None:
    assert hide_password("rtsp://u:p@ss@h:554/x") == "rtsp://u:***@h:554/x"
    assert hide_password("rtsp://h:554/x") == "rtsp://h:554/x"
    assert hide_password("rtsp://h:554/x@y") == "rtsp://h:554/x@y"
