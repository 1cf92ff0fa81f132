"""What a drawing would have found: a bag judged by the site as it is and as it would be. A child
of the pages; says how far it is, one JSON object a line, and the outcome last.

Reads its task (JSON) from standard input: bag, before, after (site files), camera, since (ns),
together: whether the site's other cameras judge with it, so that incidents seen by two count once
and sections between cameras are measured; else the camera is judged alone.
Exit 2: a sentence is on standard error.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bconnect_replay.core.differing import Verdicts, differences
from bconnect_replay.core.line import found_of
from bconnect_replay.inputs import open_inputs
from bconnect_replay.rerun import Result, judge_bag
from bconnect_site.errors import ConfigError

STEPS = 100  # words on progress for each of the two


class Counted:
    """A bag that tells how much of it was read, and holds back what lies before ``since``."""

    def __init__(self, bag: Any, since: int, say: Callable[[float], None]) -> None:
        self._bag, self._since, self._say = bag, since, say

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bag, name)

    def messages(self, topics: list[str]) -> Iterator[tuple[str, Any, int]]:
        first = max(self._since, self._bag.start)
        step = max(1, (self._bag.end - first) // STEPS)
        told = first
        for topic, message, stamp in self._bag.messages(topics):
            if stamp >= self._since:
                yield topic, message, stamp
            if stamp >= told:
                told = stamp + step
                self._say((stamp - first) / max(1, self._bag.end - first))
        self._say(1.0)


def main() -> int:
    """Judges twice and compares."""
    task = json.load(sys.stdin)
    try:
        before = judge(task, "before", lambda share: _say(share=round(share / 2, 3)))
        after = judge(task, "after", lambda share: _say(share=round(0.5 + share / 2, 3)))
    except ConfigError as error:
        print(error.sentences[0], file=sys.stderr)
        return 2
    _say(outcome=compare(before, after, task["camera"]))
    return 0


def judge(task: dict[str, Any], which: str, say: Callable[[float], None]) -> Result:
    """One verdict on the bag. Raises ConfigError."""
    inputs = open_inputs(Path(task["bag"]), task[which], Path(task[which]).parent)
    with inputs.bag:
        site = inputs.loaded.site
        camera = task["camera"]
        less: dict[str, Any] = {"speakers": {}}
        if not task["together"]:
            less |= {"cameras": {camera: site.cameras[camera]}, "sections": {}}
        inputs.loaded = replace(inputs.loaded, site=site.model_copy(update=less))
        inputs.bag = Counted(inputs.bag, int(task["since"]), say)  # type: ignore[assignment]
        return judge_bag(inputs)


def compare(before: Result, after: Result, camera: str) -> dict[str, Any]:
    """Findings of both and what changed, for the page: all of the camera, and of others only
    what is not the same."""
    verdicts = [
        Verdicts([found_of(line) for line in result.lines], result.summary)
        for result in (before, after)
    ]
    same, changes = differences(*verdicts)
    lines = {line["id"]: line for result in (after, before) for line in result.lines}
    new = {change.finding.id for change in changes if change.what == "new"}
    lost = {change.finding.id for change in changes if change.what == "lost"}
    told = []
    for change in changes:
        line = lines[(change.other or change.finding).id]
        told.append({"what": change.what, "why": list(change.why), **_shown(line)})
    known = new | lost | {(c.other or c.finding).id for c in changes}
    told += [
        {"what": "same", "why": [], **_shown(line)}
        for line in after.lines
        if line["id"] not in known and line["camera"] == camera
    ]
    told.sort(key=lambda one: (one["what"] == "same", one["started"]))
    return {
        # incidents: what a second camera saw of one is no second
        "before": sum(not line["same_as"] for line in before.lines),
        "after": sum(not line["same_as"] for line in after.lines),
        "same": same,
        "judged": sorted(after.summary["cameras"]),
        "start": before.summary["start"],
        "end": before.summary["end"],
        "cameras": after.summary["cameras"],
        "off": after.summary["off"],
        # that the drawing differs from what recorded the bag goes without saying
        "warnings": [w for w in after.warnings if "differs from the site file" not in w][:20],
        "findings": told[:200],
        "left_out": max(0, len(told) - 200),
    }


def _shown(line: dict[str, Any]) -> dict[str, Any]:
    width, height = line["image"]
    whole = bool(width and height) and all(side is not None for side in line["box"])
    return {
        "id": line["id"],
        "kind": line["kind"],
        "camera": line["camera"],
        "zone": line["zone"],
        "started": line["started"],
        "stamp": line["stamp"],
        "road_user": line["road_user"],
        "measured": line["measured"],
        "limit": line["limit"],
        "explanation": line["explanation"],
        # fractions of the image
        "box": [round(side / (width, height)[n % 2], 4) for n, side in enumerate(line["box"])]
        if whole
        else None,
    }


def _say(**told: Any) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    sys.exit(main())
