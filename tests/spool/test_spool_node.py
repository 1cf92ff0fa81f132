"""The spool node over real DDS: a sealed violation goes to the centre, an old one too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bconnect_msgs.msg import Violation
from spool_house import UNIT, House

from bconnect_node import qos
from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring, public_pem
from bconnect_spool.spool_node import Spool


def sealed(store: Path, id_: str, day: str = "2026-11-24") -> Path:
    folder = store / day / id_
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "scene.jpg").write_bytes(id_.encode() * 300)
    return folder


@pytest.fixture
def parameters(tmp_path: Path, house: House) -> dict[str, Any]:
    house.register(UNIT, Keyring.open(tmp_path / "keys"))
    (tmp_path / "centre.pub").write_bytes(public_pem(*house.keys.publics().values()))
    return {
        "unit": UNIT,
        "evidence_dir": str(tmp_path / "evidence"),
        "spool_dir": str(tmp_path / "spool"),
        "keys_dir": str(tmp_path / "keys"),
        "url": f"http://127.0.0.1:{house.port}",
        "centre_key": str(tmp_path / "centre.pub"),
        "recipient": house.recipient,
    }


def test_what_is_sealed_arrives_and_what_was_missed_too(
    ros: Any,
    house: House,
    tmp_path: Path,
    parameters: dict[str, Any],
    wait_for: Callable[..., Any],
) -> None:
    sealed(tmp_path / "evidence", "aa-1")
    sealed(tmp_path / "evidence", "aa-0", "2026-11-23")  # decided here, not there
    parameters["since"] = "2026-11-24"
    probe = ros.node("probe", f"/{UNIT}")
    violations = probe.create_publisher(Violation, "violations", qos.RECORD)
    node = ros.add(Spool, namespace=f"/{UNIT}", parameter_overrides=parameters)
    wait_for(lambda: house.taken.get(f"{UNIT}/aa-1"), timeout=30.0)
    folder = sealed(tmp_path / "evidence", "bb-2")
    message = Violation(manifest=str((folder / "manifest.json").relative_to(tmp_path / "evidence")))
    message.finding.id = "bb-2"
    violations.publish(message)
    violations.publish(message)
    wait_for(lambda: house.taken.get(f"{UNIT}/bb-2"), timeout=30.0)
    wait_for(lambda: len(node._box) == 0)
    assert house.taken == {f"{UNIT}/aa-1": 1, f"{UNIT}/bb-2": 1}
    assert folder.is_dir(), "the evidence store keeps its own"


def test_a_centre_that_is_away_is_said_and_found_again(
    ros: Any,
    house: House,
    tmp_path: Path,
    parameters: dict[str, Any],
    wait_for: Callable[..., Any],
) -> None:
    house.stop()
    sealed(tmp_path / "evidence", "aa-1")
    node = ros.add(Spool, namespace=f"/{UNIT}", parameter_overrides=parameters)
    wait_for(lambda: "the centre cannot be reached" in node.health.last_error, timeout=30.0)
    assert len(node._box) == 1
    house.start()
    node._client._url = f"http://127.0.0.1:{house.port}"
    wait_for(lambda: house.taken.get(f"{UNIT}/aa-1"), timeout=30.0)


def test_a_manifest_outside_the_store_is_not_followed(
    ros: Any,
    house: House,
    tmp_path: Path,
    parameters: dict[str, Any],
    wait_for: Callable[..., Any],
) -> None:
    sealed(tmp_path / "elsewhere", "aa-1")
    (tmp_path / "evidence").mkdir()
    probe = ros.node("probe", f"/{UNIT}")
    violations = probe.create_publisher(Violation, "violations", qos.RECORD)
    node = ros.add(Spool, namespace=f"/{UNIT}", parameter_overrides=parameters)
    message = Violation(manifest="../elsewhere/2026-11-24/aa-1/manifest.json")
    message.finding.id = "aa-1"
    violations.publish(message)
    wait_for(lambda: "is not in the store" in node.health.last_error)
    assert len(node._box) == 0 and not house.taken


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("recipient", "age1oops", "needs an age public key"),
        ("url", "${BCONNECT_NO_SUCH_NAME}", "BCONNECT_NO_SUCH_NAME"),
        ("centre_key", "/nowhere.pub", "nowhere.pub"),
    ],
)
def test_wrong_settings_are_refused_at_start(
    ros: Any, parameters: dict[str, Any], key: str, value: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        ros.add(Spool, namespace=f"/{UNIT}", parameter_overrides=parameters | {key: value})
