"""The command centre in a site file, its spool in the plan, and the plan of a replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.loader import load_site
from bconnect_site.plan import Plan, plan
from bconnect_site.replayed import replayed

AGE = "age1" + "q" * 58
SITE = """
site: uji
kind: corridor
title: Uji
location: {latitude: -1.2, longitude: 116.8}
cameras: {utara: {source: "file://utara.mp4"}}
speakers: {tiang: {adapter: file, hears: [utara]}}
"""


def planned(tmp_path: Path, more: str = "") -> Plan:
    file = tmp_path / "uji.yaml"
    file.write_text(SITE + more)
    loaded = load_site(file)
    return plan(loaded, site_file=str(file), state_dir=str(tmp_path / "state"))


def test_a_site_with_a_centre_has_a_spool_in_a_process_of_its_own(tmp_path: Path) -> None:
    assert "spool" not in {node.name for node in planned(tmp_path).nodes}
    centre = f"centre: {{url: '${{CENTRE}}', key: keys/centre.pub, recipient: {AGE}, rate: 5000}}"
    (spool,) = (n for n in planned(tmp_path, centre).nodes if n.name == "spool")
    assert spool.process == "spool" and spool.target == "bconnect_spool.spool_node:Spool"
    assert spool.parameters["url"] == "${CENTRE}"
    assert spool.parameters["centre_key"] == str(tmp_path / "keys" / "centre.pub")
    assert spool.parameters["rate"] == 5000.0 and spool.parameters["since"] == ""
    dated = f"centre: {{url: 'https://x', key: k, recipient: {AGE}, since: 2026-11-24}}"
    (spool,) = (n for n in planned(tmp_path, dated).nodes if n.name == "spool")
    assert spool.parameters["since"] == "2026-11-24"


def test_a_site_with_a_bridge_has_a_relay_beside_the_spool(tmp_path: Path) -> None:
    centre = f"centre: {{url: 'https://x', key: k, recipient: {AGE}}}"
    assert "relay" not in {node.name for node in planned(tmp_path, centre).nodes}
    bridged = centre.replace("url:", "bridge: tls/pusat:7447, ca: k/ca.pem, url:")
    (relay,) = (n for n in planned(tmp_path, bridged).nodes if n.name == "relay")
    assert relay.process == "spool" and relay.target == "bconnect_spool.relay_node:Relay"
    assert relay.parameters["endpoint"] == "tls/pusat:7447"
    assert relay.parameters["cameras"] == ["utara"]
    assert relay.parameters["ca"] == str(tmp_path / "k" / "ca.pem")
    assert relay.parameters["certificate"] == ""
    moved = f"{bridged}\nprocesses: {{relay: line}}"
    (relay,) = (n for n in planned(tmp_path, moved).nodes if n.name == "relay")
    assert relay.process == "line"


@pytest.mark.parametrize(
    ("centre", "says"),
    [
        (
            f"{{url: 'https://x', key: k, recipient: {AGE}, bridge: 'tcp/pusat:7447'}}",
            'bridge: found "tcp/pusat:7447", needs tls/host:port',
        ),
        (f"{{url: 'ftp://x', key: k, recipient: {AGE}}}", "needs https://host/path"),
        ("{url: 'https://x', key: k, recipient: age1short}", "needs an age public key"),
        (f"{{url: 'https://u:p@x', key: k, recipient: {AGE}}}", "holds a password"),
        (f"{{url: 'https://x', recipient: {AGE}}}", "key"),
    ],
)
def test_a_wrong_centre_is_one_sentence(tmp_path: Path, centre: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        planned(tmp_path, f"centre: {centre}")
    assert len(error.value.sentences) == 1 and "centre" in str(error.value)


def test_a_replay_touches_nothing_outside(tmp_path: Path) -> None:
    centre = (
        f"centre: {{url: 'https://x', key: k, recipient: {AGE}}}\nladder: {{mode: enforcement}}"
    )
    made = planned(tmp_path, centre)
    again = replayed(
        made, site_file="s", bag="b", day="2026-11-24", images=False, signals=True, rate=2.0
    )
    kept = {node.name for node in again.nodes}
    assert kept == {"tracker", "rule_checker", "evidence", "ladder", "citation", "player"}
    assert all(n.parameters.get("use_sim_time") for n in again.nodes if n.name != "player")
    (player,) = (n for n in again.nodes if n.name == "player")
    assert player.parameters["rate"] == 2.0 and player.parameters["bag"] == "b"
    (rules,) = (n for n in again.nodes if n.name == "rule_checker")
    assert rules.parameters["day"] == "2026-11-24"
    looking = replayed(made, site_file="s", bag="b", day="2026-11-24", images=True, signals=False)
    assert "detector" in {node.name for node in looking.nodes}


def test_the_spool_may_be_put_into_another_process(tmp_path: Path) -> None:
    centre = f"centre: {{url: 'https://x', key: k, recipient: {AGE}}}\nprocesses: {{spool: sender}}"
    (spool,) = (n for n in planned(tmp_path, centre).nodes if n.name == "spool")
    assert spool.process == "sender"
    with pytest.raises(ConfigError, match='no node is called "spool"'):
        planned(tmp_path, "processes: {spool: sender}")
