"""`bconnect replay`: a bag through the whole graph of its site, cameras and speakers off."""

import os
import select
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from std_srvs.srv import SetBool, Trigger

from bconnect_bringup.ask import Visit, visit
from bconnect_bringup.console import Console
from bconnect_bringup.observer import Observer
from bconnect_bringup.prepare import Prepared, prepare
from bconnect_bringup.runner import Stop, supervise
from bconnect_bringup.settling import Scene, until_settled
from bconnect_bringup.state import state_root
from bconnect_bringup.summary import summarise
from bconnect_replay.adapters.bag import BagReader
from bconnect_replay.inputs import bag_folder, open_inputs
from bconnect_replay.playlist import plays, ways_of
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.replayed import PLAYER, replayed

ENDED = "the bag has ended"
DOMAINS = 101
READERS = 60.0  # s for the graph to be there
PATIENCE = 60.0  # s for what is in flight at the end
DOMAIN = "ROS_DOMAIN_ID"


@dataclass(frozen=True, slots=True)
class How:
    """The way a bag is to be played."""

    rate: float = 1.0
    loop: bool = False
    start: float = 0.0  # s
    paused: bool = False
    images: bool = False
    image_topics: tuple[str, ...] = ()


def number(text: str) -> float:
    """A rate in words. Raises ConfigError."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0.01 <= found <= 100.0:
        raise ConfigError(f'rate: found "{text}", allowed 0.01 to 100')
    return found


def play_command(bag: Path, prepared: Prepared, how: How) -> list[str]:
    """What `ros2 bag` is to play: what the graph does not make itself, and the time."""
    site = prepared.loaded.site
    with BagReader(bag_folder(bag)) as reader:
        ways = ways_of(site, reader, how.images, list(how.image_topics))
    moved = [f"{topic}:={way.to}" for topic, way in sorted(ways.items()) if topic != way.to]
    return [
        *("ros2", "bag", "play", str(bag_folder(bag))),
        *("--clock", "100", "--rate", f"{how.rate:g}"),
        *(("--remap", *moved) if moved else ()),
        *("--topics", *sorted(ways)),
    ]


def prepare_replay(
    bag: Path, site: str | None, state: str | None, how: How, own: bool = True
) -> Prepared:
    """The graph that judges a bag, planned. Its state lies apart from the street's.

    own: our player gives the bag; else somebody else does. Raises ConfigError.
    """
    folder = bag_folder(bag).absolute()
    with tempfile.TemporaryDirectory(prefix="bconnect-replay-") as scratch:
        inputs = open_inputs(bag, site, Path(scratch), foreign=bool(how.image_topics))
        with inputs.bag:
            for sentence in inputs.warnings:
                print(f"bconnect: {sentence}", file=sys.stderr)
            ways = ways_of(inputs.loaded.site, inputs.bag, how.images, list(how.image_topics))
            images, signals = plays(ways, names.IMAGE_RAW), plays(ways, names.SIGNALS)
            day = inputs.day.isoformat()
        root = state_root(state) / "replay"
        # No source of a camera is read, so no ${NAME} needs a value.
        prepared = prepare(inputs.loaded, state=root, env=_AnyName(), fresh=True)
    player: dict[str, Any] = {
        "rate": how.rate,
        "loop": how.loop,
        "start": how.start,
        "paused": how.paused,
        "wait_for_readers": READERS,
    }
    if how.image_topics:
        player["image_topics"] = list(how.image_topics)
    made = replayed(
        prepared.plan,
        site_file=str(prepared.layout.site_file),
        bag=str(folder),
        day=day,
        images=images,
        signals=signals,
        **player,
    )
    if not own:
        made = replace(made, nodes=tuple(n for n in made.nodes if n.executable != PLAYER))
    prepared.layout.plan_file.write_text(made.to_json(), encoding="utf-8")
    return replace(prepared, plan=made)


class _AnyName(Mapping[str, str]):
    """An environment in which every name is set, to nothing that could be opened."""

    def __getitem__(self, key: str) -> str:
        return os.environ.get(key) or "nowhere"

    def __contains__(self, key: object) -> bool:
        return True

    def __iter__(self) -> Any:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


def replay(bag: Path, site: str | None, state: str | None, how: How) -> int:
    """Plays a bag to its end, or until Ctrl-C. Returns the exit code. Raises ConfigError."""
    prepared = prepare_replay(bag, site, state, how)
    # Its own domain: played findings must never reach the street's ladder or ledger.
    domain = (int(os.environ.get(DOMAIN) or 0) + 50) % DOMAINS
    os.environ[DOMAIN] = str(domain)
    console = Console(prepared.local_processes(), folder=prepared.layout.log_dir, quiet=True)
    stop = Stop()
    stop.install()
    supervisor = supervise(prepared, console)
    stop.at_once = supervisor.hurry
    console.say(f"{bag}: plays on {DOMAIN}={domain}; logs in {prepared.layout.log_dir}")
    if sys.stdin.isatty():
        console.say("p and Enter: pause or go on; s and Enter: one step; Ctrl-C stops")
    loaded = prepared.loaded.site
    with visit("bconnect_replay") as guest:
        observer = Observer(guest.node, loaded.site, loaded.cameras, console.say)
        player = _Player(guest, loaded.site, how.paused)
        supervisor.start()
        scene = Scene(supervisor, guest, observer.tally, console, stop)
        why, refusal = until_settled(
            scene, ENDED, player.ended, patience=PATIENCE, each=player.keys
        )
        supervisor.stop(why)
    os.close(prepared.lock)
    console.end_progress()
    if refusal is not None:
        console.close()
        raise ConfigError(refusal)
    print(summarise(observer.tally, prepared.layout))
    console.close()
    return 0


class _Player:
    """The player from outside: whether it has ended, and keys for it."""

    def __init__(self, guest: Visit, site: str, paused: bool) -> None:
        self._paused = paused
        self._player = f"{names.site_ns(site)}/{PLAYER}"
        self._state = ""
        guest.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._pause = guest.node.create_client(SetBool, f"{self._player}/pause")
        self._step = guest.node.create_client(Trigger, f"{self._player}/step")

    def ended(self, _: float) -> bool:
        """Whether the player has come to the bag's end."""
        return self._state == ENDED

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            if status.name.startswith(self._player) and status.message:
                self._state = ENDED if ENDED in status.message else status.message

    def keys(self) -> None:
        """Passes on what was typed: p pauses or goes on, s is one step."""
        if not sys.stdin.isatty() or not select.select([sys.stdin], [], [], 0.0)[0]:
            return
        key = sys.stdin.readline().strip()
        if key == "p":
            self._paused = not self._paused
            self._pause.call_async(SetBool.Request(data=self._paused))
        elif key == "s":
            self._step.call_async(Trigger.Request())
