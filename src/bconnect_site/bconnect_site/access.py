"""Which topics and services each process of a plan needs: what DDS security lets through.

The table is held against the nodes themselves by tests/node/test_access.py. Names here are ROS
names; `dds_names` gives what travels.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bconnect_site import names
from bconnect_site.model import Site
from bconnect_site.plan import Plan

DIAGNOSTICS = "/diagnostics"
SELF_TEST = "/bconnect/self_test/*"
DESK, RECORDER, CENTRE = "desk", "recorder", "centre"  # what runs beside the plan

_EVERY_NODE = (DIAGNOSTICS, "/rosout", "/parameter_events")
_PARAMETERS = (
    "describe_parameters", "get_parameter_types", "get_parameters", "get_type_description",
    "list_parameters", "set_parameters", "set_parameters_atomically",
)  # fmt: skip
MANAGED = ("camera", "detector")  # executables with lifecycle states
SWITCHES = ("change_state", "get_state")
_LIFECYCLE = tuple(
    f"~/{name}"
    for name in (*SWITCHES, "get_available_states", "get_available_transitions",
                 "get_transition_graph")
)  # fmt: skip
_TRANSITION = "~/transition_event"
_OFFICERS = (names.REVIEW_CITATION, names.UPDATE_TOW_JOB, names.UPDATE_STICKER_TASK)
_TOLD = (
    names.SITE_INFO, names.SIGNALS, names.FINDINGS, names.VIOLATIONS, names.MEASURES,
    names.ANNOUNCEMENTS, names.SPEAKER_STATE, names.COMPLIANCE, names.CITATIONS,
    names.STICKER_TASKS, names.TOW_JOBS, names.RULE_TRUST, names.FIX,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """What one kind of node does. ``camera/`` stands for each camera, ``~/`` for itself."""

    says: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


_PICTURES = (names.IMAGE_RAW, f"{names.IMAGE_RAW}/{names.SHARED}")
_SHOWN = tuple(f"camera/{n}" for n in (names.CAMERA_STATUS, names.TRACKS, *_PICTURES))
_JOBS = (names.MEASURES, names.COMPLIANCE, names.CITATIONS)
WAYS: dict[str, Way] = {
    "camera": Way(
        (
            *(
                f"./{n}"
                for n in (
                    *_PICTURES, names.VIDEO, names.CAMERA_INFO, names.CAMERA_STATUS,
                    names.CAPTURES,
                )
            ),
            _TRANSITION,
        ),
        (f"./{names.CAPTURE_REQUESTS}",),
        _LIFECYCLE,
    ),
    "gnss": Way((names.FIX, names.FIX_VELOCITY, names.HEADING, names.CLOCK_STATE)),
    "detector": Way(
        (names.SITE_INFO, f"camera/{names.DETECTIONS}", _TRANSITION),
        tuple(f"camera/{n}" for n in _PICTURES),
        _LIFECYCLE,
    ),
    "signal": Way((names.SIGNALS,), tuple(f"camera/{n}" for n in _PICTURES)),
    "tracker": Way((f"camera/{names.TRACKS}",), (f"camera/{names.DETECTIONS}",)),
    "rule_checker": Way(
        (names.FINDINGS,),
        (
            f"camera/{names.TRACKS}", f"camera/{names.CAMERA_STATUS}",
            f"camera/{names.PLATE_SIGHTINGS}", names.SIGNALS, names.FIX, names.FIX_VELOCITY,
            names.HEADING,
        ),
    ),
    "evidence": Way(
        (names.VIOLATIONS, f"camera/{names.CAPTURE_REQUESTS}"),
        (
            f"camera/{names.CAPTURES}", f"camera/{names.CAMERA_STATUS}", names.SIGNALS,
            names.FINDINGS, names.CLOCK_STATE, names.SITE_INFO,
        ),
    ),
    "ladder": Way(
        (names.MEASURES, names.ANNOUNCEMENTS, names.COMPLIANCE),
        (
            f"camera/{names.TRACKS}", names.RULE_TRUST, names.SPEAKER_STATE, names.CITATIONS,
            names.FINDINGS, names.VIOLATIONS,
        ),
    ),
    "speaker": Way((names.SPEAKER_STATE,), (names.ANNOUNCEMENTS, names.RECORDINGS), ("~/mute",)),
    "citation": Way(
        (names.CITATIONS, names.RULE_TRUST),
        (names.VIOLATIONS, names.MEASURES, names.COMPLIANCE),
        (names.REVIEW_CITATION,),
    ),
    "sticker": Way((names.STICKER_TASKS,), _JOBS, (names.UPDATE_STICKER_TASK,)),
    "tow": Way((names.TOW_JOBS,), _JOBS, (names.UPDATE_TOW_JOB,)),
    "spool": Way((), (names.VIOLATIONS,)),
    "relay": Way(
        (names.ANNOUNCEMENTS, names.RECORDINGS),
        (DIAGNOSTICS, *_TOLD, *_SHOWN),
        (),
        _OFFICERS,
    ),
}  # fmt: skip
_BESIDE: dict[str, Way] = {
    DESK: Way((), (DIAGNOSTICS,), (), _OFFICERS),
    RECORDER: Way(
        (),
        (
            DIAGNOSTICS, *_TOLD, names.FIX_VELOCITY, names.HEADING, names.CLOCK_STATE,
            *(
                f"camera/{n}"
                for n in (
                    names.CAMERA_STATUS, names.DETECTIONS, names.TRACKS, names.PLATE_SIGHTINGS,
                    names.CAPTURE_REQUESTS, names.CAPTURES, *_PICTURES, names.VIDEO,
                )
            ),
        ),
    ),
    CENTRE: Way(
        (names.ANNOUNCEMENTS, names.RECORDINGS),
        (
            DIAGNOSTICS, *_TOLD, *_SHOWN,
        ),
        (),
        _OFFICERS,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Access:
    """What one enclave may do, as ROS names; ``*`` at the end of a name stands for anything."""

    says: frozenset[str]
    hears: frozenset[str]
    serves: frozenset[str]
    calls: frozenset[str]


def needs(plan: Plan, site: Site) -> dict[str, Access]:
    """Enclave (process, or what runs beside) to what it needs, for a site and its plan."""
    found: dict[str, list[tuple[str, str, Way]]] = {}
    for node in plan.nodes:
        way = WAYS[node.executable]
        found.setdefault(node.process, []).append((node.namespace, node.full_name, way))
    space = names.site_ns(site.site)
    full = {
        DESK: "/bconnect_*",  # each command is a node of its own for a moment
        RECORDER: f"{space}/recorder",
        CENTRE: f"/bconnect_center/live_{site.site}",
    }
    found |= {name: [(space, full[name], way)] for name, way in _BESIDE.items()}
    # an operator switches cameras off and on
    managed = [node.full_name for node in plan.nodes if node.executable in MANAGED]
    switches = Way(calls=tuple(f"{name}/{switch}" for name in managed for switch in SWITCHES))
    found[DESK].append((space, full[DESK], switches))
    return {
        enclave: _access(ways, space, list(site.cameras), enclave in _BESIDE)
        for enclave, ways in found.items()
    }


def _access(
    ways: Iterable[tuple[str, str, Way]],
    space: str,
    cameras: list[str],
    beside: bool,
) -> Access:
    says, hears, serves, calls = set(_EVERY_NODE), set[str](), set[str](), set[str]()
    for namespace, full, way in ways:

        def all_of(given: Iterable[str], ns: str = namespace, own: str = full) -> set[str]:
            return {name for one in given for name in _full(one, space, ns, own, cameras)}

        says |= all_of(way.says)
        hears |= all_of(way.hears)
        serves |= all_of(way.serves)
        calls |= all_of(way.calls)
        serves |= {f"{full}/{service}" for service in _PARAMETERS}
    if not beside:
        says.add(SELF_TEST)
        hears.add(SELF_TEST)
    return Access(frozenset(says), frozenset(hears), frozenset(serves), frozenset(calls))


def _full(name: str, space: str, namespace: str, own: str, cameras: list[str]) -> list[str]:
    if name.startswith("/"):
        return [name]
    if name.startswith("./"):
        return [f"{namespace}/{name[2:]}"]
    if name.startswith("~/"):
        return [f"{own}/{name[2:]}"]
    if name.startswith("camera/"):
        rest = name.removeprefix("camera/")
        return [f"{space}/{names.camera_topic(camera, rest)}" for camera in cameras]
    return [f"{space}/{name}"]


def dds_names(access: Access) -> Mapping[str, list[str]]:
    """What is published and subscribed on DDS: topics, and the two topics of each service."""
    graph = "ros_discovery_info"
    asked = {f"rq{name}Request" for name in access.serves}
    replied = {f"rr{name}Reply" for name in access.serves}
    asks = {f"rq{name}Request" for name in access.calls}
    answers = {f"rr{name}Reply" for name in access.calls}
    return {
        "publish": sorted({graph, *replied, *asks, *(f"rt{name}" for name in access.says)}),
        "subscribe": sorted({graph, *asked, *answers, *(f"rt{name}" for name in access.hears)}),
    }
