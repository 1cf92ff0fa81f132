"""Diagnostics and the ledger as Prometheus metrics: base units, bounded labels, no person."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bconnect_bringup.health import LEVELS, NodeHealth
from bconnect_site.kinds import CameraState, CitationStatus, words

MOST_NAMES = 64  # of one node's inputs or drops; what a stranger says has no end
LONGEST = 64  # characters of a label
QUIET = 10.0  # s after which a node counts as silent
_LEVEL = {word: number for number, word in LEVELS.items()}
COUNTER, GAUGE = CounterMetricFamily, GaugeMetricFamily
# (node's own name, key of its diagnostics): metric, kind, factor to the base unit, words
VALUES: Mapping[tuple[str, str], tuple[str, type[Metric], float, str]] = {
    ("camera", "reconnects"): ("camera_reconnects", COUNTER, 1, "times the stream came back"),
    ("camera", "broken_pictures"): ("camera_broken_pictures", COUNTER, 1, "not decodable"),
    ("camera", "clock_offset"): ("camera_clock_offset_seconds", GAUGE, 1, "its clock minus ours"),
    ("camera", "ring_bytes"): ("camera_ring_bytes", GAUGE, 1, "encoded stream kept"),
    ("detector", "inference_ms"): ("detector_inference_seconds", GAUGE, 1e-3, "for one picture"),
    ("evidence", "open_cases"): ("evidence_open_cases", GAUGE, 1, "cases not sealed yet"),
    ("evidence", "waiting_for_disk"): ("evidence_waiting", GAUGE, 1, "waiting for the disk"),
    ("citation", "waiting"): ("ledger_waiting", GAUGE, 1, "waiting to be written"),
    ("citation", "bad_manifests"): ("ledger_bad_manifests", GAUGE, 1, "not as they were sealed"),
    ("speaker", "finding_to_sound_ms"): ("speaker_latency_seconds", GAUGE, 1e-3,
                                         "from a finding to its sound, the last one"),
    ("tow", "undelivered"): ("tow_undelivered", GAUGE, 1, "not heard by the towing service yet"),
    ("spool", "waiting"): ("spool_waiting", GAUGE, 1, "parcels not at the centre yet"),
    ("spool", "waiting_bytes"): ("spool_waiting_bytes", GAUGE, 1, "of parcels, on this disk"),
    ("gnss", "clock_offset"): ("gnss_clock_offset_seconds", GAUGE, 1, "receiver minus ours"),
}  # fmt: skip
REFUSED = "refused_orders"  # of any node that follows orders


@dataclass(frozen=True, slots=True)
class Books:
    """What the ledger holds. ``lines`` by status; ``newest``: ns, 0 for none."""

    violations: int = 0
    lines: Mapping[str, int] = field(default_factory=dict)
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is shown at one moment. ``heard``: node to its last word and when [ns]."""

    site: str
    version: str
    nodes: Sequence[str]  # full names, as planned
    heard: Mapping[str, tuple[NodeHealth, int]]
    now: int  # ns
    free_bytes: float = math.nan
    books: Books | None = None  # None: the ledger could not be read


def families(picture: Picture) -> Iterator[Metric]:
    """Every family once, with a sample for each planned node that is not silent."""
    yield from _site(picture)
    fresh = {
        name: health
        for name in picture.nodes
        if (found := picture.heard.get(name))
        and (picture.now - found[1]) / 1e9 <= QUIET
        for health in [found[0]]
    }  # fmt: skip
    yield from _nodes(picture, fresh)
    yield from _values(picture.site, fresh)
    yield from _cameras(fresh)


def _site(picture: Picture) -> Iterator[Metric]:
    yield _gauge("build_info", "what runs here", ("site", "version"),
                 [((picture.site, picture.version), 1)])  # fmt: skip
    strangers = sum(1 for name in picture.heard if name not in set(picture.nodes))
    yield _gauge("unplanned_nodes", "heard of this site, and not in its plan", (),
                 [((), strangers)])  # fmt: skip
    yield _gauge("state_free_bytes", "free where the state is kept", (), [((), picture.free_bytes)])
    books = picture.books
    yield _gauge("ledger_up", "whether the ledger could be read", (), [((), float(bool(books)))])
    if books is None:
        return
    yield _gauge("ledger_violations", "violations in the ledger", (), [((), books.violations)])
    yield _gauge("ledger_newest_violation_timestamp_seconds", "when the newest happened", (),
                 [((), books.newest / 1e9 if books.newest else math.nan)])  # fmt: skip
    lines = [((status,), books.lines.get(status, 0)) for status in words(CitationStatus)]
    yield _counter("ledger_lines", "lines of the chain, by what they say", ("status",), lines)


def _nodes(picture: Picture, fresh: Mapping[str, NodeHealth]) -> Iterator[Metric]:
    short = {name: _short(picture.site, name) for name in picture.nodes}
    node = ("node",)
    yield _gauge("node_up", "whether a planned node says that it is there", node,
                 [((short[n],), float(n in fresh)) for n in picture.nodes])  # fmt: skip
    yield _gauge("node_level", "0 ok, 1 warning, 2 error", node,
                 [((short[n],), _LEVEL.get(h.level, 2)) for n, h in fresh.items()])  # fmt: skip
    for key, metric, text, label, kind in (
        ("count.", "node_events", "inputs and outputs", "name", COUNTER),
        ("age.", "node_event_age_seconds", "since the last one", "name", GAUGE),
        ("drops.", "node_drops", "thrown away", "reason", COUNTER),
    ):
        samples = [
            ((short[n], name), value)
            for n, h in fresh.items()
            for name, value in _under(h.values, key)
        ]
        yield _family(kind, metric, text, ("node", label), samples)
    for key, metric, text in (
        ("errors", "node_errors", "errors survived"),
        (REFUSED, "node_refused_orders", "orders refused: unsigned, stale, replayed, no right"),
    ):
        told = [((short[n],), _number(h.values.get(key))) for n, h in fresh.items()]
        yield _counter(metric, text, node, [s for s in told if not math.isnan(s[1])])


def _values(site: str, fresh: Mapping[str, NodeHealth]) -> Iterator[Metric]:
    for (executable, key), (metric, kind, factor, text) in VALUES.items():
        samples = [
            ((_short(site, name),), factor * value)
            for name, health in fresh.items()
            if name.rpartition("/")[2] == executable
            and not math.isnan(value := _number(health.values.get(key)))
        ]
        yield _family(kind, metric, text, ("node",), samples)


def _cameras(fresh: Mapping[str, NodeHealth]) -> Iterator[Metric]:
    """What the rule checker believes of each camera: that is what arms its rules."""
    states, samples = words(CameraState), []
    for health in fresh.values():
        for key, value in list(health.values.items()):
            if key.startswith("camera ") and value in (*states, "unknown"):
                camera = _label(key.removeprefix("camera "))
                samples += [((camera, s), float(s == value)) for s in ("unknown", *states)]
        if len(samples) > MOST_NAMES * (len(states) + 1) * 4:
            break
    yield _gauge("camera_state", "1 for the state a camera is in", ("camera", "state"), samples)


def _under(values: Mapping[str, str], key: str) -> Iterator[tuple[str, float]]:
    found = [(k.removeprefix(key), v) for k, v in values.items() if k.startswith(key)]
    for name, text in found[:MOST_NAMES]:
        if not math.isnan(value := _number(text)):
            yield _label(name), value


def _short(site: str, name: str) -> str:
    return _label(name.removeprefix(f"/{site}/"))


def _label(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:LONGEST]


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


Samples = Iterable[tuple[tuple[str, ...], float]]


def _family(
    kind: type[Metric], name: str, text: str, labels: Sequence[str], found: Samples
) -> Metric:
    family = kind(f"bconnect_{name}", text, labels=labels)  # type: ignore[call-arg]
    seen = set()
    for values, value in found:
        if values not in seen:  # two names that became one when they were cut
            seen.add(values)
            family.add_metric(list(values), value)  # type: ignore[attr-defined]
    return family


def _gauge(name: str, text: str, labels: Sequence[str], found: Samples) -> Metric:
    return _family(GAUGE, name, text, labels, found)


def _counter(name: str, text: str, labels: Sequence[str], found: Samples) -> Metric:
    return _family(COUNTER, name, text, labels, found)
