"""What a rerun stands on: the bag of a folder, the site that judges it, and what differs."""

import os
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_replay.adapters.bag import BagError, BagReader, Topic
from bconnect_site import names
from bconnect_site.disk import sha256
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import word
from bconnect_site.loaded import LoadedSite, resolve_path
from bconnect_site.loader import load_site, resolve_site
from bconnect_site.mapzones import ON_MAP

INFO = "bconnect_msgs/msg/SiteInfo"


@dataclass(slots=True)
class Inputs:
    """An open bag and the site to judge it by. ``warnings``: a sentence each."""

    bag: BagReader
    loaded: LoadedSite
    recorded: str  # the site's name in the bag
    warnings: list[str] = field(default_factory=list)

    def topic(self, camera: str, topic: str) -> str:
        """A camera's topic in the bag, absolute."""
        return f"{names.camera_ns(self.recorded, camera)}/{topic}"

    def site_topic(self, topic: str) -> str:
        """A topic of the site in the bag, absolute."""
        return f"{names.site_ns(self.recorded)}/{topic}"

    def has(self, topic: str) -> bool:
        """Whether the bag holds messages of a topic."""
        held = self.bag.topics.get(topic)
        return held is not None and held.count > 0

    @property
    def day(self) -> date:
        """The day the bag begins, in the site's time zone."""
        zone = ZoneInfo(self.loaded.site.timezone)
        return datetime.fromtimestamp(self.bag.start // 10**9, zone).date()


def bag_folder(path: Path) -> Path:
    """The bag a path means: itself, or its folder ``bag``. Raises BagError."""
    if (path / "metadata.yaml").is_file() or not (path / "bag").is_dir():
        return path
    return path / "bag"


def open_inputs(
    path: Path, site: str | Path | None, scratch: Path, foreign: bool = False
) -> Inputs:
    """The bag and its site: the one asked for, else site.yaml beside the bag, else the one the
    bag itself tells (written into ``scratch``).

    foreign: whoever asks names the topics that count, so the bag need not speak of the site.
    Raises ConfigError.
    """
    bag = BagReader(bag_folder(path))
    try:
        info = _info(bag)
        here = f"{bag.folder.parent}{os.sep}"  # where a bag lies says nothing of what is in it
        warnings = [sentence.replace(here, "") for sentence in bag.warnings]
        loaded = _site(bag, site, info, scratch, warnings)
        recorded = recorded_as(bag, loaded.site.site)
        if recorded is None and foreign:
            recorded = loaded.site.site
        if recorded is None:
            found = ", ".join(sorted(_spaces(bag))) or "none"
            raise BagError(
                f"{bag.folder}: holds no topics of site {loaded.site.site}; found: {found}; "
                "of another recorder's bag say where pictures are: --image CAMERA=TOPIC"
            )
        made = Inputs(bag, loaded, recorded, warnings)
        _compare(made, info)
    except BaseException:
        bag.close()
        raise
    return made


def _info(bag: BagReader) -> Any:
    """The bag's first site_info; None without one."""
    for topic in bag.topics.values():
        if _is_info(topic):
            _, message, _ = next(bag.messages([topic.name]))
            return message
    return None


def _is_info(topic: Topic) -> bool:
    return topic.type == INFO and topic.count > 0


def _site(
    bag: BagReader, site: str | Path | None, info: Any, scratch: Path, warnings: list[str]
) -> LoadedSite:
    if site is not None:
        return load_site(resolve_site(site))
    for folder in (bag.folder, bag.folder.parent):
        if (folder / "site.yaml").is_file():
            return load_site(folder / "site.yaml")
    if info is None or not info.site_yaml:
        raise ConfigError(
            f"{bag.folder}: --site: is needed: no site.yaml beside the bag, no site_info in it"
        )
    warnings.append("the site is the one the bag tells; no site file was given")
    return _told_site(info.site_yaml, bag.folder, scratch, warnings)


def _told_site(text: str, near: Path, scratch: Path, warnings: list[str]) -> LoadedSite:
    """The site a bag tells; calibrations that are not at hand are left out."""
    import yaml

    plain = yaml.safe_load(text)
    for name, camera in plain.get("cameras", {}).items():
        file = camera.get("calibration")
        camera["calibration"] = _at_hand(file, near)
        if file and camera["calibration"] is None:
            warnings.append(f"camera {name}: its calibration {file} is not at hand: left out")
    if on_map := plain.get("map_zones"):
        found = _at_hand(on_map.get("file"), near)
        plain["map_zones"] = on_map | {"file": found} if found else None
        if found is None:
            warnings.append(f"the map {on_map.get('file')} is not at hand: its rules are left out")
            for camera in plain.get("cameras", {}).values():
                _without_map(camera)
    scratch.mkdir(parents=True, exist_ok=True)
    told = scratch / "site.yaml"
    told.write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return load_site(told)


def _at_hand(file: str | None, near: Path) -> str | None:
    """A file the site names, beside the bag or its folder; None: it is not there."""
    places = (near / str(file), near.parent / str(file)) if file else ()
    return next((str(p.resolve()) for p in places if p.is_file()), None)


def _without_map(camera: dict[str, Any]) -> None:
    """A camera without the rules that stood on zones of the map alone."""
    kinds = {zone.get("kind") for zone in (camera.get("zones") or {}).values()}
    on_map = {word(rule): word(kind) for rule, kind in ON_MAP.items()}
    rules = camera.get("rules") or []
    camera["rules"] = [r for r in rules if r not in on_map or on_map[r] in kinds]


def _spaces(bag: BagReader) -> set[str]:
    return {parts[1] for t in bag.topics if len(parts := t.split("/")) > 2 and parts[0] == ""}


def recorded_as(bag: BagReader, site: str) -> str | None:
    """The site's name in the bag's topics, for one judged as ``site``; None: it does not say."""
    found = _spaces(bag)
    told = next((t.name.split("/")[1] for t in bag.topics.values() if _is_info(t)), None)
    if told in found:
        return told
    if site in found:
        return site
    return found.pop() if len(found) == 1 else None


def _compare(inputs: Inputs, info: Any) -> None:
    loaded, warn = inputs.loaded, inputs.warnings.append
    if inputs.recorded != loaded.site.site:
        warn(f"the bag is of site {inputs.recorded}, judged by the file of {loaded.site.site}")
    if info is None:
        warn("the bag holds no site_info: what recorded it is not known")
        return
    if info.software_version != loaded.software:
        warn(f"recorded by version {info.software_version or '?'}, judged by {loaded.software}")
    if loaded.to_yaml() != info.site_yaml and loaded.sha256 != info.site_sha256:
        warn(f"{loaded.path.name} differs from the site file the bag was recorded with")


def digests(inputs: Inputs) -> dict[str, str]:
    """SHA-256 of everything read: the bag's files, the site file, calibrations."""
    found = {f"bag/{file.name}": sha256(file) for file in inputs.bag.files()}
    found["site"] = inputs.loaded.sha256
    for name, camera in inputs.loaded.site.cameras.items():
        if camera.calibration:
            file = resolve_path(inputs.loaded, camera.calibration)
            found[f"calibration/{name}"] = sha256(file)
    if on_map := inputs.loaded.site.map_zones:
        found["map_zones"] = sha256(resolve_path(inputs.loaded, on_map.file))
    return found
