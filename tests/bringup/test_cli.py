"""The command line: exit codes, one sentence per mistake, and the script at the root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bconnect_bringup.cli import main
from bconnect_site.find import resolve_site
from bconnect_site.loader import load_site

ROOT = Path(__file__).parents[2]
DISTRO = os.environ.get("BCONNECT_DISTRO", "kilted")
VENV = ROOT / (".venv" if DISTRO == "kilted" else f".venv-{DISTRO}")
SCRIPT = ROOT / "bconnect"


@pytest.mark.parametrize("site", ["beruang_madu", "demo", "etle_01"])
def test_check_and_plan_of_the_shipped_sites(site: str, capsys: Any) -> None:
    assert main(["check", site]) == 0
    assert "is valid" in capsys.readouterr().out
    assert main(["plan", site]) == 0
    text = capsys.readouterr().out
    for camera in load_site(resolve_site(site)).site.cameras:
        assert f"/{site}/{camera}/camera" in text


def test_explain_names_the_layers(capsys: Any) -> None:
    assert main(["explain", "beruang_madu"]) == 0
    text = capsys.readouterr().out
    for layer in ("default", "config/fleet.yaml", "config/corridors/beruang_madu.yaml"):
        assert layer in text


def test_schema_is_the_one_for_editors(capsys: Any) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(
        (ROOT / "config" / "site.schema.json").read_text()
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["check", "nowhere"], 2, 'no site is called "nowhere"'),
        (["check", "/nowhere.yaml"], 2, "/nowhere.yaml: there is no such file"),
        (["up", "demo", "--set", "detector"], 2, "needs KEY=VALUE"),
        (["up", "demo", "--set", "detector.adapter=x"], 2, "command line: detector.adapter"),
        (["review", "17", "confirm", "--reviewer", "x"], 2, "needs the form BC-"),
        (["review", "BC-a-2026-1", "reject", "--reviewer", "x"], 2, "--reason: is needed"),
        (["citations", "demo", "--state", "/nowhere"], 2, "no ledger there"),
        (["demo", "--minutes", "0"], 2, "--minutes: must be more than 0"),
        (["sim", "nowhere", "--out", "/tmp"], 2, "nowhere"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], code: int, sentence: str, capsys: Any
) -> None:
    assert main(arguments) == code
    told = capsys.readouterr()
    assert sentence in told.err
    assert len(told.err.splitlines()) == 1
    assert told.out == ""


@pytest.mark.parametrize("arguments", [[], ["fly"], ["check"], ["review", "x", "approve"]])
def test_wrong_use_is_exit_code_two(arguments: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: bconnect" in capsys.readouterr().err


def run(script: Path, *arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    bare = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
    bare |= {"BCONNECT_DISTRO": DISTRO, **env}
    return subprocess.run(
        [str(script), *arguments], cwd=cwd, env=bare, capture_output=True, text=True, timeout=60
    )


set_up = pytest.mark.skipif(
    not VENV.exists(), reason=f"this checkout has no {VENV.name}: a sourced ROS 2 is used"
)


@set_up
def test_the_script_works_from_anywhere_and_through_links(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "one").symlink_to(SCRIPT)
    (tmp_path / "deep" / "two").symlink_to("../one")
    done = run(tmp_path / "deep" / "two", "version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "bconnect 0.1.0\n"), done.stderr
    done = run(SCRIPT, "check", "demo", cwd=Path("/"))
    assert done.returncode == 0, done.stderr


@set_up
def test_the_script_prepares_the_middleware(tmp_path: Path) -> None:
    program = "import json, os, rclpy, bconnect_msgs.msg;print(json.dumps(dict(os.environ)))"
    done = run(SCRIPT, "python", "-c", program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    env = json.loads(done.stdout)
    assert Path(env["FASTDDS_DEFAULT_PROFILES_FILE"]).is_file()
    assert env["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SYSTEM_DEFAULT"
    assert (env["YOLO_AUTOINSTALL"], env["YOLO_OFFLINE"]) == ("false", "true")
    assert env["BCONNECT_STATE"] == str(ROOT / "var")


def test_a_checkout_that_is_not_set_up_says_what_to_run(tmp_path: Path) -> None:
    shutil.copy(SCRIPT, tmp_path)
    done = run(tmp_path / "bconnect", "demo", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"bconnect: this checkout is not set up; run: make -C {tmp_path} setup\n"
    )


def test_a_sourced_ros_workspace_is_used_as_it_is(tmp_path: Path) -> None:
    """With ros2 on the path no virtual environment is asked for, and python3 is the system's."""
    shutil.copy(SCRIPT, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, says in (("ros2", "exit 0"), ("python3", 'echo "python3 $@"')):
        (tools / name).write_text(f"#!/bin/sh\n{says}\n")
        (tools / name).chmod(0o755)
    done = run(
        tmp_path / "bconnect",
        "check",
        "demo",
        cwd=tmp_path,
        PATH=f"{tools}:/usr/bin:/bin",
        AMENT_PREFIX_PATH="/opt/ros/somewhere",
    )
    assert (done.returncode, done.stdout) == (0, "python3 -m bconnect_bringup.cli check demo\n")


def test_secure_makes_a_keystore_of_the_least_each_process_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["secure", "demo", "--out", str(tmp_path / "ks"), "--domain", "7"]) == 0
    said = capsys.readouterr().out
    assert "/demo/enforcement: publishes" in said
    assert "keep" in said and "off the road" in said
    assert "DDS security (SROS2)" in said
    rules = (tmp_path / "ks/enclaves/demo/enforcement/permissions.xml").read_text()
    assert "<topic>rt/demo/announcements</topic>" in rules
    assert "<id>7</id>" in rules
    rules = (tmp_path / "ks/enclaves/demo/detector/permissions.xml").read_text()
    assert "announcements" not in rules
    assert main(["secure", "demo", "--out", str(tmp_path / "ks"), "--domain", "102"]) == 2
    assert "domain: found 102, allowed 0 to 101" in capsys.readouterr().err
