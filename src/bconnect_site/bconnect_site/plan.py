"""Decides which nodes run a site, where, and with which parameters. Starts nothing."""

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass, replace

from bconnect_site import find, names
from bconnect_site.errors import ConfigError
from bconnect_site.ledger import database_url
from bconnect_site.loaded import LoadedSite, resolve_path
from bconnect_site.model import Camera, Site, Speaker
from bconnect_site.roadside import roadside_nodes
from bconnect_site.schedule import format_clock
from bconnect_site.state import StateLayout

__all__ = ["NodeSpec", "Parameter", "Plan", "StateLayout", "node_key", "plan"]

CAMERAS_PER_PROCESS = 5
FORMAT = "bconnect-plan/1"

Parameter = bool | int | float | str | list[str] | list[float]


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node: its class (``target``), its names, its ROS parameters and its process.

    host None means this machine.
    """

    package: str
    executable: str
    target: str
    name: str
    namespace: str
    parameters: dict[str, Parameter]
    process: str
    host: str | None = None

    @property
    def full_name(self) -> str:
        """Fully qualified node name."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All nodes of a site, in the order of the data's way through them."""

    site: str
    nodes: tuple[NodeSpec, ...]

    def processes(self) -> dict[str, list[NodeSpec]]:
        """Nodes by process, in order of first mention."""
        found: dict[str, list[NodeSpec]] = {}
        for node in self.nodes:
            found.setdefault(node.process, []).append(node)
        return found

    def to_json(self) -> str:
        """The plan as text that from_json reads back the same."""
        plain = {"format": FORMAT, "site": self.site, "nodes": [asdict(n) for n in self.nodes]}
        return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """A plan from to_json's text. Raises ConfigError for anything else."""
        try:
            plain = json.loads(text)
            if plain["format"] != FORMAT:
                raise ConfigError(f"plan: format: found {plain['format']}; needs {FORMAT}")
            return cls(plain["site"], tuple(NodeSpec(**node) for node in plain["nodes"]))
        except (ValueError, TypeError, KeyError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"plan: is not a plan of B-Connect: {error}") from None


def plan(loaded: LoadedSite, *, site_file: str, state_dir: str) -> Plan:
    """The nodes that run a site.

    site_file is the frozen site; state_dir the state folder of all sites, in which this
    one has ``<state_dir>/<site>/``. Nothing is read from the environment: sources keep
    their ``${NAME}``, so no parameter holds a secret.
    """
    site = loaded.site
    layout = StateLayout.of(state_dir, site.site)
    nodes = [_camera(loaded, name, layout) for name in site.cameras]
    nodes += _gnss(loaded)
    nodes += _perception(site, site_file, layout)
    nodes += _enforcement(loaded, site_file, layout)
    processes = _places(site)
    return Plan(site.site, tuple(_place(node, site, processes) for node in nodes))


def _node(
    package: str, target: str, name: str, namespace: str, parameters: dict[str, Parameter]
) -> NodeSpec:
    return NodeSpec(package, name, f"{package}.{target}", name, namespace, parameters, "")


def _camera(loaded: LoadedSite, name: str, layout: StateLayout) -> NodeSpec:
    site, camera = loaded.site.site, loaded.site.cameras[name]
    guarded = _drawn(loaded, name) if camera.guard else ""
    calibration = str(resolve_path(loaded, camera.calibration)) if camera.calibration else ""
    parameters: dict[str, Parameter] = {
        "camera": name,
        "frame_id": names.optical_frame(site, name),
        "source": source_url(loaded, camera),
        "loop": camera.loop,
        "hardware": camera.hardware,
        "width": camera.detect.width,
        "height": camera.detect.height,
        "rate": camera.detect.rate,
        "ring_seconds": camera.ring_seconds,
        "evidence_dir": str(layout.evidence_dir),
        "calibration": calibration,
        "view_file": str(layout.view_dir / name / f"{guarded}.npz") if guarded else "",
        "switch_file": str(layout.switch_dir / f"{name}.json"),
        "importance": camera.importance,
    }
    target = "driver_node:CameraDriver"
    return _node("bconnect_camera", target, "camera", names.camera_ns(site, name), parameters)


def _gnss(loaded: LoadedSite) -> list[NodeSpec]:
    site, gnss = loaded.site, loaded.site.gnss
    if gnss is None:
        return []
    log = gnss.source.removeprefix("nmea+file://")
    there = log == gnss.source or log.startswith(("/", "${", "~"))
    parameters: dict[str, Parameter] = {
        "source": gnss.source if there else f"nmea+file://{resolve_path(loaded, log)}",
        "frame_id": names.gnss_frame(site.site),
        "base_frame": names.base_frame(site.site),
        "heading_offset": gnss.heading_offset,
        "heading_stddev": gnss.heading_stddev,
    }
    namespace = names.site_ns(site.site)
    return [_node("bconnect_gnss", "gnss_node:Gnss", "gnss", namespace, parameters)]


def _drawn(loaded: LoadedSite, name: str) -> str:
    """Digest of all that was drawn into a camera's picture; empty where nothing was.

    Drawing anew changes it, and with it the view that is known.
    """
    camera = loaded.site.cameras[name]
    lamps = {n: s.region for n, s in loaded.site.signals.items() if s.camera == name and s.region}
    # A vehicle's calibration holds to the vehicle, wherever that stands.
    fixed = camera.calibration and loaded.site.kind != "vehicle"
    if not (camera.zones or fixed or lamps):
        return ""
    drawn: dict[str, object] = {
        n: (zone.kind, zone.points, zone.direction) for n, zone in camera.zones.items()
    }
    text = json.dumps([drawn, lamps], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode())
    if camera.calibration:
        file = resolve_path(loaded, camera.calibration)
        digest.update(file.read_bytes() if file.is_file() else str(file).encode())
    return digest.hexdigest()[:16]


def source_url(loaded: LoadedSite, camera: Camera) -> str:
    """A camera's source; a relative ``file://`` counts from the site file's folder."""
    rest = camera.source.removeprefix("file://")
    if rest == camera.source or rest.startswith(("/", "${", "~")):
        return camera.source
    return f"file://{os.path.normpath(resolve_path(loaded, rest))}"


def _perception(site: Site, site_file: str, layout: StateLayout) -> list[NodeSpec]:
    namespace, cameras, detector = names.site_ns(site.site), list(site.cameras), site.detector
    by_file: dict[str, Parameter] = {"site_file": site_file}
    importances = [float(camera.importance) for camera in site.cameras.values()]
    found: dict[str, Parameter] = {
        "cameras": cameras,
        "importances": importances,
        **detector.model_dump(),
        **by_file,
    }
    rates = [camera.detect.rate for camera in site.cameras.values()]
    tracks: dict[str, Parameter] = {
        "cameras": cameras,
        "rates": rates,
        **site.tracker.model_dump(),
        **by_file,
    }
    store: dict[str, Parameter] = {
        **by_file,
        "evidence_dir": str(layout.evidence_dir),
        "keys_dir": str(layout.keys_dir),
    }
    package = "bconnect_detect"
    signal = [_node(package, "signal_node:SignalNode", "signal", namespace, dict(by_file))]
    return [
        _node(package, "detector_node:Detector", "detector", namespace, found),
        *(signal if site.signals else []),
        _node(package, "tracker_node:Tracker", "tracker", namespace, tracks),
        _node(package, "rule_checker_node:RuleChecker", "rule_checker", namespace, dict(by_file)),
        _node(package, "evidence_node:EvidenceNode", "evidence", namespace, store),
    ]


_ROADSIDE = {"sticker": "sticker_node:StickerNode", "tow": "tow_node:TowNode"}


def _enforcement(loaded: LoadedSite, site_file: str, layout: StateLayout) -> list[NodeSpec]:
    site = loaded.site
    namespace, package = names.site_ns(site.site), "bconnect_enforce"
    database = database_url(site.ledger, layout)
    orders = str(layout.orders_dir)
    ladder: dict[str, Parameter] = {
        "site_file": site_file,
        "orders_dir": orders,
        "keys_dir": str(layout.keys_dir),
        "history_file": str(layout.history_file),
        "evidence_dir": str(layout.evidence_dir),
    }
    ledger: dict[str, Parameter] = {
        "site": site.site,
        "database": database,
        "orders_dir": orders,
        "evidence_dir": str(layout.evidence_dir),
        "timezone": site.timezone,
        "site_file": site_file,
        "keys_dir": str(layout.keys_dir),
    }
    jobs: dict[str, Parameter] = {
        "site_file": site_file,
        "database": database,
        "orders_dir": orders,
    }
    phrases = (loaded.config_dir or find.find_config_dir()) / "phrases.yaml"
    speakers = [
        _node(
            package,
            "speaker_node:Speaker",
            "speaker",
            names.speaker_ns(site.site, name),
            _speaker(site, name, speaker, str(phrases), layout),
        )
        for name, speaker in site.speakers.items()
    ]
    return [
        _node(package, "ladder_node:Ladder", "ladder", namespace, ladder),
        *speakers,
        _node(package, "citation_node:CitationNode", "citation", namespace, ledger),
        *(
            _node(package, _ROADSIDE[name], name, namespace, dict(jobs))
            for name in roadside_nodes(site.model_dump())
        ),
        *_spool(loaded, layout),
        *_relay(loaded),
    ]


def _spool(loaded: LoadedSite, layout: StateLayout) -> list[NodeSpec]:
    site, centre = loaded.site, loaded.site.centre
    if centre is None:
        return []
    parameters: dict[str, Parameter] = {
        "unit": site.site,
        "evidence_dir": str(layout.evidence_dir),
        "spool_dir": str(layout.spool_dir),
        "keys_dir": str(layout.keys_dir),
        "url": centre.url,
        "centre_key": str(resolve_path(loaded, centre.key)),
        "recipient": centre.recipient,
        "ca": str(resolve_path(loaded, centre.ca)) if centre.ca else "",
        "rate": centre.rate,
        "most_bytes": centre.most_bytes,
        "since": centre.since.isoformat() if centre.since else "",
        "erase": centre.erase,
        "erase_hours": centre.erase_hours,
    }
    namespace = names.site_ns(site.site)
    return [_node("bconnect_spool", "spool_node:Spool", "spool", namespace, parameters)]


def _relay(loaded: LoadedSite) -> list[NodeSpec]:
    site, centre = loaded.site, loaded.site.centre
    if centre is None or centre.bridge is None:
        return []
    papers = {"ca": centre.ca, "certificate": centre.certificate,
              "certificate_key": centre.certificate_key}  # fmt: skip
    parameters: dict[str, Parameter] = {
        "site": site.site,
        "endpoint": centre.bridge,
        "cameras": list(site.cameras),
        **{name: str(resolve_path(loaded, file)) if file else "" for name, file in papers.items()},
    }
    namespace = names.site_ns(site.site)
    return [_node("bconnect_spool", "relay_node:Relay", "relay", namespace, parameters)]


def _speaker(
    site: Site, name: str, speaker: Speaker, phrases: str, layout: StateLayout
) -> dict[str, Parameter]:
    quiet = speaker.quiet
    return {
        "speaker": name,
        "orders_dir": str(layout.orders_dir),
        "adapter": speaker.adapter,
        "device": speaker.device,
        "address": speaker.address or "",
        "volume": speaker.volume,
        "quiet_from": format_clock(quiet.start) if quiet else "",
        "quiet_to": format_clock(quiet.end) if quiet else "",
        "timezone": site.timezone,
        "phrases_file": phrases,
        "output_dir": str(layout.audio_dir),
        "voice": speaker.voice,
        "say_plates": speaker.say_plates,
    }


_DEFAULT_PROCESS = {
    "gnss": "perception",
    "detector": "detector",
    "signal": "detector",
    "tracker": "perception",
    "rule_checker": "perception",
    "evidence": "perception",
    "ladder": "enforcement",
    "speaker": "enforcement",
    "citation": "enforcement",
    "sticker": "enforcement",
    "tow": "enforcement",
    "spool": "spool",
    "relay": "spool",
}


def _places(site: Site) -> dict[str, str]:
    """Place (process or process@host) by node key, as the site wants it or by default."""
    free = [name for name, camera in site.cameras.items() if camera.process is None]
    free = [name for name in free if f"{name}/camera" not in site.processes]
    groups = max(1, math.ceil(len(free) / CAMERAS_PER_PROCESS))
    size = math.ceil(len(free) / groups)
    places = {f"{name}/camera": f"cameras_{i // size + 1}" for i, name in enumerate(free)}
    for name, camera in site.cameras.items():
        if camera.process is not None:
            places[f"{name}/camera"] = camera.process
    return {**places, **site.processes}


def node_key(node: NodeSpec, site: str) -> str:
    """What the site file's ``processes`` calls a node, e.g. ``tracker`` or ``utara/camera``."""
    return node.full_name.removeprefix(f"{names.site_ns(site)}/")


def _place(node: NodeSpec, site: Site, places: dict[str, str]) -> NodeSpec:
    place = places.get(node_key(node, site.site)) or _DEFAULT_PROCESS[node.name]
    process, _, host = place.partition("@")
    if not host:
        # A process named with its host once is there for every node that joins it.
        hosts = {p.partition("@")[0]: p.partition("@")[2] for p in places.values() if "@" in p}
        host = hosts.get(process, "")
    return replace(node, process=process, host=host or None)
