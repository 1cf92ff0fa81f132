"""The plan decides which nodes run where, and says nothing secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.loader import LoadedSite, load_site
from bconnect_site.names import NAME_PATTERN
from bconnect_site.plan import NodeSpec, Plan, StateLayout, plan

Write = Callable[..., Path]


def planned(loaded: LoadedSite) -> Plan:
    return plan(loaded, site_file="/state/x/site.yaml", state_dir="/state")


def with_cameras(count: int, extra: str = "", more: str = "") -> str:
    cameras = "".join(f"  k{i}: {{source: 'rtsp://192.0.2.{i}/x'{more}}}\n" for i in range(count))
    return f"site: x\nkind: corridor\ntitle: X\ncameras:\n{cameras}{extra}"


def node(made: Plan, full_name: str) -> NodeSpec:
    return next(n for n in made.nodes if n.full_name == full_name)


def test_nodes_of_a_corridor(write: Write) -> None:
    made = planned(load_site(write()))
    assert made.site == "x"
    assert [(n.full_name, n.target, n.process) for n in made.nodes] == [
        ("/x/a/camera", "bconnect_camera.driver_node:CameraDriver", "cameras_1"),
        ("/x/b/camera", "bconnect_camera.driver_node:CameraDriver", "cameras_1"),
        ("/x/detector", "bconnect_detect.detector_node:Detector", "detector"),
        ("/x/signal", "bconnect_detect.signal_node:SignalNode", "detector"),
        ("/x/tracker", "bconnect_detect.tracker_node:Tracker", "perception"),
        ("/x/rule_checker", "bconnect_detect.rule_checker_node:RuleChecker", "perception"),
        ("/x/evidence", "bconnect_detect.evidence_node:EvidenceNode", "perception"),
        ("/x/ladder", "bconnect_enforce.ladder_node:Ladder", "enforcement"),
        ("/x/tiang/speaker", "bconnect_enforce.speaker_node:Speaker", "enforcement"),
        ("/x/citation", "bconnect_enforce.citation_node:CitationNode", "enforcement"),
    ]
    assert all(n.host is None for n in made.nodes)
    assert all(n.package == n.target.split(".")[0] for n in made.nodes)
    assert all(n.executable == n.name for n in made.nodes)


def test_parameters_are_the_contract_of_the_nodes(write: Write, house: Path) -> None:
    made = planned(load_site(write()))
    view_file = node(made, "/x/a/camera").parameters["view_file"]
    assert re.fullmatch(r"/state/x/view/a/[0-9a-f]{16}\.npz", str(view_file))
    assert node(made, "/x/a/camera").parameters == {
        "camera": "a",
        "frame_id": "x/a_optical_frame",
        "source": "${CAMERA_A}",
        "loop": False,
        "hardware": True,
        "width": 640,
        "height": 360,
        "rate": 10.0,
        "ring_seconds": 20.0,
        "evidence_dir": "/state/x/evidence",
        "calibration": "",
        "view_file": view_file,
        "switch_file": "/state/x/switched_off/a.json",
        "importance": 1,
    }
    assert node(made, "/x/detector").parameters == {
        "cameras": ["a", "b"],
        "importances": [1, 1],
        "adapter": "ultralytics",
        "model": "default",
        "device": "cpu",
        "confidence": 0.25,
        "image_size": 640,
        "threads": 0,
        "lanes": 1,
        "fit": False,
        "site_file": "/state/x/site.yaml",
    }
    tracker = node(made, "/x/tracker").parameters
    assert (tracker["cameras"], tracker["rates"]) == (["a", "b"], [10.0, 10.0])
    assert tracker["lost_seconds"] == 2.0
    assert tracker["site_file"] == "/state/x/site.yaml"
    for name in ("signal", "rule_checker"):
        assert node(made, f"/x/{name}").parameters == {"site_file": "/state/x/site.yaml"}
    assert node(made, "/x/ladder").parameters == {
        "site_file": "/state/x/site.yaml",
        "orders_dir": "/state/x/orders",
        "keys_dir": "/state/x/keys",
        "history_file": "/state/history.sqlite3",
        "evidence_dir": "/state/x/evidence",
    }
    assert node(made, "/x/evidence").parameters == {
        "site_file": "/state/x/site.yaml",
        "evidence_dir": "/state/x/evidence",
        "keys_dir": "/state/x/keys",
    }
    assert node(made, "/x/tiang/speaker").parameters == {
        "speaker": "tiang",
        "orders_dir": "/state/x/orders",
        "adapter": "file",
        "device": "default",
        "address": "",
        "volume": 0.8,
        "quiet_from": "22:00",
        "quiet_to": "06:00",
        "timezone": "Asia/Makassar",
        "phrases_file": str(house / "config" / "phrases.yaml"),
        "output_dir": "/state/x/audio",
        "voice": "id",
        "say_plates": False,
    }
    assert node(made, "/x/citation").parameters == {
        "site": "x",
        "database": "sqlite:////state/x/ledger.sqlite3",
        "orders_dir": "/state/x/orders",
        "evidence_dir": "/state/x/evidence",
        "timezone": "Asia/Makassar",
        "site_file": "/state/x/site.yaml",
        "keys_dir": "/state/x/keys",
    }


def test_parameters_have_ros_types_and_names_are_legal(write: Write) -> None:
    made = planned(load_site(write()))
    for spec in made.nodes:
        for part in (spec.name, spec.process, *spec.namespace.strip("/").split("/")):
            assert re.match(NAME_PATTERN, part), part
        for name, value in spec.parameters.items():
            items = value if isinstance(value, list) else [value]
            assert {type(item) for item in items} <= {bool, int, float, str}, name
            assert len({type(item) for item in items}) == 1, name
    names = [n.full_name for n in made.nodes]
    assert len(names) == len(set(names))


def test_no_secret_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMERA_A", "rtsp://admin:hunter2@192.0.2.1/x")
    assert "hunter2" not in planned(load_site(write())).to_json()


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, [1]), (5, [5]), (6, [3, 3]), (11, [4, 4, 3]), (12, [4, 4, 4]), (30, [5] * 6)],
)
def test_cameras_are_grouped_evenly_by_at_most_five(
    write: Write, count: int, sizes: list[int]
) -> None:
    processes = planned(load_site(write(with_cameras(count)))).processes()
    groups = {name: nodes for name, nodes in processes.items() if name.startswith("cameras_")}
    assert list(groups) == [f"cameras_{i + 1}" for i in range(len(sizes))]
    assert [len(nodes) for nodes in groups.values()] == sizes


def test_site_may_regroup_cameras_and_nodes(write: Write) -> None:
    text = with_cameras(
        3,
        "  edge: {source: 'v4l2:///dev/video0', process: tepi}\n"
        "processes: {tracker: cameras_1, k2/camera: tepi}\n",
    )
    processes = planned(load_site(write(text))).processes()
    assert {name: [n.full_name for n in nodes] for name, nodes in processes.items()} == {
        "cameras_1": ["/x/k0/camera", "/x/k1/camera", "/x/tracker"],
        "tepi": ["/x/k2/camera", "/x/edge/camera"],
        "detector": ["/x/detector"],
        "perception": ["/x/rule_checker", "/x/evidence"],
        "enforcement": ["/x/ladder", "/x/citation"],
    }


def test_one_model_serves_every_camera_of_a_site(write: Write) -> None:
    made = planned(load_site(write(with_cameras(40))))
    assert len([n for n in made.nodes if n.target.endswith(":CameraDriver")]) == 40
    (detector,) = [n for n in made.nodes if n.target.endswith(":Detector")]
    assert len(detector.parameters["cameras"]) == 40
    assert [n for n in made.processes()["detector"] if "camera" in n.full_name] == []


def test_everything_in_one_process(write: Write) -> None:
    nodes = ["detector", "tracker", "rule_checker", "evidence", "ladder", "citation"]
    lines = "".join(f"  {name}: satu\n" for name in nodes)
    text = with_cameras(1, f"processes:\n{lines}", more=", process: satu")
    assert list(planned(load_site(write(text))).processes()) == ["satu"]


def test_host_takes_the_whole_process_along(write: Write) -> None:
    text = with_cameras(2, "processes: {detector: perception@edge-2.local}\n")
    made = planned(load_site(write(text)))
    assert {n.name: n.host for n in made.nodes} == {
        "camera": None,
        "detector": "edge-2.local",
        "tracker": "edge-2.local",
        "rule_checker": "edge-2.local",
        "evidence": "edge-2.local",
        "ladder": None,
        "citation": None,
    }


def test_same_site_same_plan_and_json_round_trip(write: Write) -> None:
    first, second = (planned(load_site(write())) for _ in range(2))
    assert first == second
    assert Plan.from_json(first.to_json()) == first
    assert Plan.from_json(first.to_json()).to_json() == first.to_json()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "bconnect-plan/9"}',
        '{"format": "bconnect-plan/1", "site": "x", "nodes": [{"a": 1}]}',
    ],
)
def test_what_is_no_plan(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^plan: "):
        Plan.from_json(text)


def test_relative_file_counts_from_the_site_file(write: Write, house: Path) -> None:
    text = with_cameras(
        1,
        "  f: {source: 'file://../../var/x.mp4'}\n  g: {source: 'file:///abs/x.mp4'}\n  h: {source: 'file://${DIR}/x.mp4'}\n",
    )
    made = planned(load_site(write(text)))
    sources = [n.parameters["source"] for n in made.nodes if n.name == "camera"]
    assert sources[1:] == [f"file://{house}/var/x.mp4", "file:///abs/x.mp4", "file://${DIR}/x.mp4"]


def test_calibration_from_the_config_folder(write: Write, house: Path) -> None:
    (house / "config" / "calibration").mkdir()
    file = house / "config" / "calibration" / "b.yaml"
    file.write_text("{}")
    made = planned(load_site(write(with_cameras(1, more=", calibration: calibration/b.yaml"))))
    assert made.nodes[0].parameters["calibration"] == str(file)


def views(text: str, write: Write) -> dict[str, str]:
    """What each camera's view is kept as; empty: not guarded."""
    made = planned(load_site(write(text)))
    return {
        str(n.parameters["camera"]): str(n.parameters["view_file"])
        for n in made.nodes
        if n.name == "camera"
    }


def test_a_view_is_known_by_what_was_drawn_into_it(write: Write, house: Path) -> None:
    text = (
        "site: x\nkind: corridor\ntitle: X\ncameras:\n"
        "  a:\n    source: rtsp://192.0.2.1/x\n    zones:\n"
        "      bahu: {kind: no_parking, basis: sign S-12, dwell: 60.0,\n"
        "             region: [[0.0, 0.9], [0.2, 0.9], [0.3, 0.5]]}\n"
        "  b: {source: 'rtsp://192.0.2.2/x'}\n"
        "  c: {source: 'rtsp://192.0.2.3/x', calibration: c.yaml}\n"
        "  d: {source: 'rtsp://192.0.2.4/x'}\n"
        "signals:\n  s: {adapter: lamp_vision, camera: d, "
        "region: [[0.1, 0.1], [0.2, 0.1], [0.2, 0.3]]}\n"
    )
    calibration = house / "config" / "c.yaml"
    calibration.write_text("{}")
    before = views(text, write)
    assert before["b"] == ""  # nothing lies in its picture
    assert all(before[name] for name in "acd")
    assert views(text, write) == before
    assert views(text.replace("60.0", "30.0"), write) == before
    redrawn = views(text.replace("[0.3, 0.5]", "[0.3, 0.6]"), write)
    assert {name for name in before if redrawn[name] != before[name]} == {"a"}
    calibration.write_text("{date: 2026-01-01}")
    surveyed = views(text, write)
    assert {name for name in before if surveyed[name] != before[name]} == {"c"}
    off = text.replace("    zones:", "    guard: false\n    zones:")
    assert views(off, write)["a"] == ""


@pytest.mark.parametrize(
    ("more", "nodes"),
    [
        ("ladder: {policies: {illegal_parking: [announcement, sticker]}}\n", ["sticker"]),
        (
            "ladder: {policies: {illegal_parking: [{after: 1, steps: [sticker]}, "
            "{dwell: 900.0, steps: [tow]}]}}\n",
            ["sticker", "tow"],
        ),
        (
            "ladder: {places: {ktl: {at: [k0], kinds: [illegal_parking], "
            "policy: {rungs: [{dwell: 60.0, steps: [tow]}]}}}}\n",
            ["tow"],
        ),
        ("tow: {yard: Dishub}\n", ["tow"]),  # jobs of an earlier policy may be open
        ("tow: {propose_for: 900.0}\nsticker: {}\n", []),
        ("ladder: {places: {tow: {at: [k0], policy: [announcement]}}}\n", []),
        ("", []),
    ],
)
def test_nodes_for_the_road_where_somebody_is_sent_there(
    write: Write, more: str, nodes: list[str]
) -> None:
    made = planned(load_site(write(with_cameras(1, more))))
    found = [n for n in made.nodes if n.name in ("sticker", "tow")]
    assert [n.name for n in found] == nodes
    for spec in found:
        assert spec.process == "enforcement"
        assert spec.parameters == {
            "site_file": "/state/x/site.yaml",
            "database": "sqlite:////state/x/ledger.sqlite3",
            "orders_dir": "/state/x/orders",
        }


def test_a_node_for_the_road_may_be_placed(write: Write) -> None:
    policy = "ladder: {policies: {illegal_parking: [sticker]}}\n"
    text = with_cameras(1, f"{policy}processes: {{sticker: jalan}}\n")
    assert "jalan" in planned(load_site(write(text))).processes()
    with pytest.raises(ConfigError, match=r'processes\.tow: no node is called "tow"'):
        load_site(write(text.replace("{sticker: jalan}", "{tow: jalan}")))


def test_vehicle_has_the_same_plan_without_speakers(write: Write) -> None:
    text = with_cameras(2).replace("kind: corridor", "kind: vehicle")
    names = {n.name for n in planned(load_site(write(text))).nodes}
    assert names == {
        "camera",
        "detector",
        "tracker",
        "rule_checker",
        "evidence",
        "ladder",
        "citation",
    }


def test_state_layout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    layout = StateLayout.of("var", "x")
    assert layout.site_file == tmp_path / "var" / "x" / "site.yaml"
    assert layout.plan_file.name == "plan.json"
    assert layout.log_dir.name == "log"
    assert layout.view_dir == tmp_path / "var" / "x" / "view"
    assert layout.database == f"sqlite:///{tmp_path}/var/x/ledger.sqlite3"
