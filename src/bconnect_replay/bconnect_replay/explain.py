"""``bconnect explain-violation ID BAG``: a verdict shown again, with the numbers that decided."""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_detect.core.sheet import make_sheet, zone_shape
from bconnect_detect.core.types import SECOND, Finding, SignalReading, Tracks
from bconnect_replay.adapters.account_picture import Image, picture, png
from bconnect_replay.album import around, picture_topic
from bconnect_replay.core.pipeline import Pipeline
from bconnect_replay.core.witnessing import AFTER, Account, Recollection
from bconnect_replay.inputs import Inputs, open_inputs
from bconnect_replay.routes import findings_of, grounds, judge_of, routes_of, trackers
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import word

SHORTEST = 6  # characters of an id that may stand for it
APART = SECOND // 2  # ns between the deciding moment and a picture that may show it


def main(argv: Sequence[str] | None = None) -> int:
    """Writes picture.png and numbers.json of one finding, and prints it. Raises ConfigError."""
    parser = argparse.ArgumentParser(
        prog="bconnect explain-violation",
        description="Judges a bag again up to one finding, draws it and tells its numbers.",
    )
    parser.add_argument("id", help=f"of the finding or violation, or its first {SHORTEST} or more")
    parser.add_argument("bag", type=Path, help="a bag, or a folder with bag/ and site.yaml")
    parser.add_argument("--site", help="a site's name or file; else site.yaml beside the bag")
    parser.add_argument("--out", type=Path, help="folder; default ./explained/ID")
    parser.add_argument("--from-tracks", action="store_true", help="take the bag's own tracks")
    options = parser.parse_args(argv)
    if len(options.id) < SHORTEST:
        raise ConfigError(f'id: found "{options.id}", needs at least {SHORTEST} characters')
    with tempfile.TemporaryDirectory(prefix="bconnect-explain-") as scratch:
        inputs = open_inputs(options.bag, options.site, Path(scratch))
        with inputs.bag:
            account, alike = find(inputs, options.id, options.from_tracks)
            scene = _scene(inputs, account.finding)
    image = picture(account, _sheet(inputs, account.finding), scene)
    out = options.out or Path("explained") / account.finding.id
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "picture.png").write_bytes(png(image))
        numbers = json.dumps(account.plain(), indent=2, ensure_ascii=False, allow_nan=False)
        (out / "numbers.json").write_text(numbers + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from None
    print(_told(account, alike))
    print(f"  {out / 'picture.png'}\n  {out / 'numbers.json'}")
    return 0


def find(inputs: Inputs, wanted: str, from_tracks: bool = False) -> tuple[Account, list[Finding]]:
    """The finding whose id begins so, and what counts as further sights of it.

    Raises ConfigError when the bag gives none, or more than one.
    """
    watcher = _Watcher(inputs, wanted)
    warnings: list[str] = []
    routes = routes_of(inputs, watcher, from_tracks, warnings)
    for found in findings_of(inputs, routes):
        for finding in found:
            watcher.on_finding(finding)
        if watcher.done:
            break
    if watcher.account is None:
        nearest = ", ".join(watcher.heard[:5]) or "nothing at all"
        raise ConfigError(f'{inputs.bag.folder}: gives no finding "{wanted}"; found: {nearest}')
    return watcher.account, watcher.alike


class _Watcher(Pipeline):
    """The pipeline, remembering what it was given."""

    def __init__(self, inputs: Inputs, wanted: str) -> None:
        site = inputs.loaded.site
        judge, calibrations, _ = judge_of(inputs)
        super().__init__(judge, trackers(site), grounds(calibrations, site))
        self._wanted = wanted
        self._recollection = Recollection()
        self._finding: Finding | None = None
        self.account: Account | None = None
        self.alike: list[Finding] = []
        self.heard: list[str] = []
        self.done = False

    def judged(self, tracks: Tracks) -> None:
        """What the rules are about to see."""
        self._recollection.on_tracks(tracks)
        finding = self._finding
        if finding is not None and tracks.camera == finding.camera:
            self.account = self._recollection.account(finding)
            self.done = tracks.stamp >= finding.stamp + AFTER

    def on_signal(self, reading: SignalReading) -> None:
        self._recollection.on_signal(reading)
        super().on_signal(reading)

    def on_finding(self, finding: Finding) -> None:
        """Whether it is the one."""
        self.heard.append(f"{finding.id[:8]} {word(finding.type)} at {finding.camera}")
        if self._finding is not None and finding.same_as == self._finding.id:
            self.alike.append(finding)
        if not finding.id.startswith(self._wanted):
            return
        if self._finding is not None:
            raise ConfigError(f'id: "{self._wanted}" begins more than one finding; give more of it')
        self._finding = finding
        self.account = self._recollection.account(finding)


def _scene(inputs: Inputs, finding: Finding) -> Image | None:
    """The camera's picture nearest to the deciding moment, where the bag holds pictures."""
    topic = picture_topic(inputs.bag, names.camera_ns(inputs.recorded, finding.camera))
    if not topic:
        return None
    best: tuple[int, Image] | None = None
    for stamp, image in around(inputs.bag, topic, finding.stamp):
        apart = abs(stamp - finding.stamp)
        if best is None or apart < best[0]:
            best = (apart, image)
    return best[1] if best is not None and best[0] <= APART else None


def _sheet(inputs: Inputs, finding: Finding) -> Any:
    site = inputs.loaded.site
    zone = site.cameras[finding.camera].zones.get(finding.zone)
    shape = zone_shape(finding.zone, zone) if zone is not None else None
    return make_sheet(finding, shape, site.title, ZoneInfo(site.timezone))


def _told(account: Account, alike: list[Finding]) -> str:
    finding = account.finding
    rows = [
        f"{finding.id}  {word(finding.type)}  {finding.camera}/{finding.zone}",
        f"  {finding.explanation}",
        f"  {finding.article}, basis {finding.basis}, catalogue {finding.catalogue_version}",
        f"  track {finding.road_user.track_id}, {len(account.looks)} images of it",
    ]
    if finding.same_as:
        rows.append(f"  one more sight of {finding.same_as}")
    rows += [f"  also seen by {other.camera}: {other.explanation}" for other in alike]
    return "\n".join(rows)
