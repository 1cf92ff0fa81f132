"""Every kind of file a person or another program writes for us."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bconnect_center import settings
from bconnect_detect.adapters.survey_file import read_survey
from bconnect_detect.core import recorded
from bconnect_enforce.adapters import wav
from bconnect_enforce.core.sound import Sound, at_volume, prepare
from bconnect_enforce.speaker_node import LONGEST_RECORDING
from bconnect_sim.core.script import read_scenario
from bconnect_site import lawbook
from bconnect_site.calibration import load_calibration
from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError
from bconnect_site.find import find_config_dir
from bconnect_site.fleet import Fleet
from bconnect_site.frozen import freeze, load_frozen
from bconnect_site.law import load_catalogue_file
from bconnect_site.loader import load_site
from bconnect_site.mapzones import load_map
from bconnect_site.phrases import load_phrases
from bconnect_site.plan import plan
from bconnect_site.plates import load_plates
from bconnect_site.regions import load_region_file
from bconnect_site.trusted import read_trusted
from bconnect_site.yamlfile import read_yaml
from bconnect_spool import serve
from fuzzing.engine import Run, Target, Wrong
from fuzzing.mutate import BINARY

CONFIG = find_config_dir()
SCENARIOS = Path(read_scenario.__code__.co_filename).parents[1] / "scenarios"


def _told(error: ConfigError) -> str:
    """A ConfigError, if it is what the house promises: sentences that can be shown."""
    for sentence in error.sentences:
        if not sentence.strip() or not sentence.isprintable():
            raise Wrong(f"no sentence: {sentence[:80]!r}")
    return str(error).partition(": ")[2] or str(error)


def _whole(name: str) -> Callable[[Path], Sequence[bytes]]:
    return lambda folder: [(CONFIG / name).read_bytes()]


def _parts(name: str, keys: dict[str, int]) -> Callable[[Path], Sequence[bytes]]:
    """A long file with only the first few entries of some of its mappings."""

    def made(folder: Path) -> Sequence[bytes]:
        plain = yaml.safe_load((CONFIG / name).read_bytes())
        for key, count in keys.items():
            held = plain[key]
            plain[key] = (
                dict(list(held.items())[:count]) if isinstance(held, dict) else held[:count]
            )
        return [yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode()]

    return made


def _file(name: str, load: Callable[[Path], Any]) -> Callable[[Path], Run]:
    """Writes the input as a file of that name and loads it."""

    def make(folder: Path) -> Run:
        path = folder / name

        def run(data: bytes) -> str:
            path.write_bytes(data)
            try:
                load(path)
            except ConfigError as error:
                return _told(error)
            return "loaded"

        return run

    return make


# -- sites ---------------------------------------------------------------------------------

SITES = (
    b"""site: s
kind: corridor
title: S
location: {latitude: -1.2463, longitude: 116.8563}
law: kecil
cameras:
  utara:
    source: rtsp://host/s
    detect: {width: 640, height: 360, rate: 10.0}
    zones:
      henti: {kind: stop_line, line: [[0.2, 0.7], [0.8, 0.6]], direction: [[0.7, 0.9], [0.3, 0.4]],
        signal: barat, basis: marking, grace: 1.0}
      parkir: {kind: no_parking, region: [[0.8, 0.1], [0.9, 0.1], [0.9, 0.2]], dwell: 20.0,
        basis: sign S-12, active: [{days: mon-sat, from: "16:00", to: "19:00"}]}
      cepat: {kind: speed, region: [[0, 0.4], [1, 0.4], [1, 1]], limit: 11.1, basis: sign S-5}
      arah: {kind: direction, region: [[0, 0], [1, 0], [1, 1]], direction: [[0.5, 0.9], [0.5, 0.5]],
        basis: marking}
    rules: [stop_line, illegal_parking, wrong_way]
signals:
  barat: {adapter: ntcip1202, address: "udp://127.0.0.1:161", phase: 2}
speakers:
  tiang: {adapter: auto, hears: [utara], volume: 0.8}
ladder:
  mode: enforcement
  policies:
    default: [reprimand, announcement, citation]
    illegal_parking:
      {watch: 45.0, rungs: [{steps: [reprimand]}, {after: 1, steps: [tow], dwell: 900.0}]}
evidence: {before: 4.0, after: 4.0, retention_days: 90}
sticker: {due: 72.0}
""",
    b"""site: etle
kind: vehicle
title: ETLE
law: kecil
cameras:
  front: {source: "sim://harian/utara?seed=3", rules: [no_helmet], importance: 2, process: vehicle}
gnss: {source: "gpsd://localhost:2947", max_age: 2.0, max_stddev: 10.0}
processes: {tracker: vehicle, ladder: vehicle}
detector: {adapter: onnxruntime, threads: 2}
ladder: {mode: socialisation, until: 2026-12-31, policies: {default: [reprimand, citation]}}
""",
)  # fmt: skip
FLEET = b"""timezone: Asia/Makassar
camera: {detect: {width: 640, height: 360, rate: 10.0}, ring_seconds: 20.0}
zone: {no_parking: {dwell: 60.0}, stop_line: {grace: 1.0}}
speaker: {adapter: auto, voice: id, volume: 0.8}
signal: {max_age: 2.0}
ladder: {cooldown: 60.0, policies: {default: [reprimand, citation]}}
"""
LAW = b"""catalogue: kecil
title: UU 22/2009
versions:
  - {version: "2026-01", valid_from: 2026-01-02, source: UU 1/2026, fine_categories: {I: 1000000}}
articles:
  287(1):
    conduct: breaking an order or a ban given by a sign
    refers_to: 106(4)a
    penalties: {2026-01: {fine: 500000, unsure: true, note: of 2009}}
mapping:
  illegal_parking: {sign: 287(1), marking: 287(1)}
  stop_line: {any: 287(1)}
  wrong_way: {any: 287(1)}
  speeding: {sign: 287(1)}
  no_helmet: {any: 287(1)}
speed_limits: {kota: {lowest: 20, highest: 50}}
"""


def _site(folder: Path) -> Run:
    config = folder / "config"
    (config / "law").mkdir(parents=True)
    (config / "corridors").mkdir()
    (config / "fleet.yaml").write_bytes(FLEET)
    (config / "law" / "kecil.yaml").write_bytes(LAW)
    path, frozen = config / "corridors" / "s.yaml", folder / "frozen.yaml"
    path.write_bytes(SITES[0])
    (config / "phrases.yaml").write_bytes((CONFIG / "phrases.yaml").read_bytes())

    def run(data: bytes) -> str:
        try:
            loaded = load_site(path, fleet=config / "fleet.yaml", raw=data)
        except ConfigError as error:
            return _told(error)
        try:
            plan(loaded, site_file=str(frozen), state_dir=str(folder))
        except ConfigError as error:
            return f"plan: {_told(error)}"
        freeze(loaded, frozen)
        if load_frozen(frozen).site != loaded.site:
            raise Wrong("frozen it is another site")
        return "loaded"

    return run


def _fleet(path: Path) -> Any:
    plain, lines, _ = read_yaml(path, path.name)
    return validate(Fleet, plain, path.name, lines)


def _scenario(path: Path) -> Any:
    return read_scenario(read_yaml(path, path.name)[0], path.name)


def _frozen_seed(folder: Path) -> Sequence[bytes]:
    _site(folder)(SITES[0])
    return [(folder / "frozen.yaml").read_bytes()]


# -- what is calibrated, mapped, recorded ----------------------------------------------------

CALIBRATION = b"""calibration: utara
date: 2026-11-01
author: Dishub
image: {width: 1920, height: 1080}
intrinsics: {width: 1920, height: 1080, fx: 1400, fy: 1400, cx: 960, cy: 540,
  model: plumb_bob, distortion: [-0.2, 0.05, 0, 0, 0]}
ground:
  homography: [[10, 0, -5], [0, 20, 0], [0, 0, 1]]
  region: [[0, 0.4], [1, 0.4], [1, 1], [0, 1]]
  stddev: 0.1
  method: survey
  points:
    - {image: [0.5, 0.5], ground: [0, 10], residual: 40}
    - {image: [0.4, 0.5], ground: [-1, 10], residual: 40}
    - {image: [0.5, 0.6], ground: [0, 12], residual: 40}
    - {image: [0.4, 0.8], ground: [-1, 16], residual: 40}
"""
SURVEYS = (
    b"""calibration: utara
author: Dishub
date: 2026-11-24
image: {width: 1920, height: 1080}
points:
  - {image: [512, 700], ground: [12.5, 3.0]}
  - {image: [930, 512], latitude: -1.246310, longitude: 116.856300}
""",
    b"""image: {width: 1920, height: 1080}
lanes:
  lines:
    - {offset: 0.0, ends: [[200, 1000], [880, 420]]}
    - {offset: 3.5, ends: [[60, 1000], [860, 420]]}
  along: [{ends: [[700, 700], [760, 600]], length: 8.0}]
  origin: [0.0, 0.0]
""",
    b"""image: {width: 1920, height: 1080}
plates:
  field_of_view: 40.0
  height: 6.5
  seen:
    - {kind: car, corners: [[600, 500], [640, 501], [640, 515], [600, 514]]}
    - {size: [0.275, 0.11], hangs: 0.6, corners: [[700, 500], [740, 501], [740, 515], [700, 514]]}
""",
)
MAP = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {
                    "name": "bahu", "kind": "no_parking", "basis": "sign S-12", "dwell": 60.0,
                    "active": [{"days": "daily", "from": "16:00", "to": "19:00"}],
                },
                "geometry": {"type": "Polygon", "coordinates": [[
                    [116.8563, -1.2463], [116.8573, -1.2463], [116.8573, -1.2453],
                    [116.8563, -1.2463]]]},
            },
            {
                "type": "Feature",
                "properties": {
                    "name": "jalan", "kind": "direction", "basis": "marking", "width": 8.0},
                "geometry": {
                    "type": "LineString",
                    "coordinates": [[116.8563, -1.2463], [116.8583, -1.2463]]},
            },
        ],
    },
    indent=1,
).encode()  # fmt: skip
RECORDED = b"".join(
    b'{"signal": "utara", "aspect": "%s", "stamp": %d}\n'
    % (aspect, 1764000000000000000 + i * 10**9)
    for i, aspect in enumerate((b"red", b"green", b"amber", b"red"))
)
LAWBOOK = json.dumps(
    {"format": "bconnect-law/1", "versions": {"kecil/2026-01": {"version": "ab" * 32}}}
).encode()
CENTRE = b"""title: Pusat
root: state
timezone: Asia/Makassar
listen: {host: 127.0.0.1, port: 8080}
sites: [demo]
live: {demo: {domain: 5}}
units: {etle_01: keys/etle}
session_hours: 10.0
"""
INTAKE = b"root: state\nhost: 127.0.0.1\nport: 8443\nunits: {etle_01: keys/etle.pub}\n"


def _recorded(folder: Path) -> Run:
    def run(data: bytes) -> str:
        try:
            made = recorded.read(data.decode("utf-8", "replace").splitlines(), "a.jsonl")
        except ConfigError as error:
            return _told(error)
        made.at("utara", made.start + 1)
        return "read"

    return run


def _wav(folder: Path) -> Run:
    def run(data: bytes) -> str:
        try:
            sound = wav.decode(data)
        except wav.WavError as error:
            return str(error)
        if sound.duration > LONGEST_RECORDING:  # as the speaker asks
            return "too long"
        made = at_volume(prepare(sound, 16000), 0.8)
        if made.peak > 1.0 or made.duration > sound.duration + 1.0:
            raise Wrong(f"{sound.duration} s at {sound.rate} Hz became {made.duration} s")
        return "decoded"

    return run


def _wav_seed(folder: Path) -> Sequence[bytes]:
    return [wav.encode(Sound((np.sin(np.arange(800) / 3.0) * 9000).astype(np.int16), 8000))]


def _trusted_seed(folder: Path) -> Sequence[bytes]:
    from bconnect_site.keys import Keyring
    from bconnect_site.orders import MEASURE, TrustedKey
    from bconnect_site.trusted import write_trusted

    ring = Keyring.open(folder / "k")
    path = folder / "made.json"
    write_trusted(path, [TrustedKey("t", ring.publics()[ring.key_id], frozenset({MEASURE}))])
    return [path.read_bytes()]


def _scenarios(folder: Path) -> Sequence[bytes]:
    return [(SCENARIOS / f"{name}.yaml").read_bytes() for name in ("tertib", "ambulans")]


TARGETS = (
    Target("site file", _site, lambda f: SITES, 1.5),
    Target("frozen site", _file("frozen.yaml", load_frozen), _frozen_seed, 0.3),
    Target("fleet file", _file("fleet.yaml", _fleet), lambda f: [FLEET], 1.5),
    Target("law catalogue", _file("kecil.yaml", load_catalogue_file), lambda f: [LAW], 1.5),
    Target("law record", _file("law.json", lawbook._read), lambda f: [LAWBOOK], 4),
    Target(
        "phrases", _file("phrases.yaml", load_phrases),
        _parts("phrases.yaml", {"places": 2, "phrases": 3, "colours": 10}), 1.0,
    ),
    Target(
        "plates file", _file("plates.yaml", load_plates), _parts("plates.yaml", {"areas": 6}), 1.0
    ),
    Target(
        "region", _file("nasional.yaml", load_region_file), _whole("regions/nasional.yaml"), 1.0
    ),
    Target(
        "calibration", _file("k.yaml", load_calibration), lambda f: [CALIBRATION], 1.5
    ),
    Target("survey", _file("s.yaml", read_survey), lambda f: SURVEYS, 1.5),
    Target(
        "survey csv", _file("s.csv", read_survey),
        lambda f: [b"x,y,east,north\n1,2,3,4\n", b"x,y,latitude,longitude\n1,2,-1,116\n"], 3,
    ),
    Target("map zones", _file("peta.geojson", load_map), lambda f: [MAP], 1.0),
    Target("scenario", _file("s.yaml", _scenario), _scenarios, 0.7),
    Target("centre file", _file("c.yaml", settings.load), lambda f: [CENTRE], 1.5),
    Target("intake file", _file("i.yaml", serve.load), lambda f: [INTAKE], 2),
    Target("recorded signals", _recorded, lambda f: [RECORDED], 5),
    Target("sound file", _wav, _wav_seed, 5, changes=BINARY),
    Target("trusted keys", _file("t.json", read_trusted), _trusted_seed, 3),
)  # fmt: skip
