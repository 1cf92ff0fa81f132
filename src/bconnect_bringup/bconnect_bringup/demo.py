"""`bconnect demo`: two cameras through the whole graph, and a summary of what came out."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from bconnect_bringup.ask import Visit, visit
from bconnect_bringup.centre import Centre
from bconnect_bringup.console import Console
from bconnect_bringup.observer import Observer
from bconnect_bringup.prepare import Prepared, change, load, prepare
from bconnect_bringup.runner import Stop, supervise
from bconnect_bringup.settling import REFUSAL, TICK, Scene, until_settled
from bconnect_bringup.state import state_root
from bconnect_bringup.summary import summarise
from bconnect_bringup.supervisor import Supervisor
from bconnect_sim.core.traffic import SimError
from bconnect_sim.footage import FootageError, fetch
from bconnect_sim.produce import produce
from bconnect_site.errors import ConfigError
from bconnect_site.loader import LoadedSite

SITE, PLAZA, JALAN, SCENARIO = "demo", "plaza", "jalan", "demo_street"
SOURCES = {PLAZA: "DEMO_PLAZA", JALAN: "DEMO_JALAN"}
PATIENCE = 40.0  # s for what is in flight at the end
LOADING = 120.0  # s for the detector to load its model, on a cold disk


def demo(*, state: str | None, minutes: float, keep: bool, light: bool, centre: bool = True) -> int:
    """Runs the demonstration. Returns 0 when violation, announcement and citation came out.

    centre: with a command centre, which on a terminal stays open after the footage.
    """
    console = Console()
    sources = footage(state_root(state) / "footage", console)
    os.environ.update({SOURCES[camera]: f"file://{path}" for camera, path in sources.items()})
    loaded = changed(load(SITE), set(SOURCES) - set(sources), keep=keep, light=light)
    prepared = prepare(loaded, state=state, fresh=True)
    if prepared.set_aside:
        console.say(f"the previous run was moved to {prepared.set_aside}")
    return _run(prepared, minutes, keep, centre)


def footage(folder: Path, console: Console) -> dict[str, Path]:
    """Camera to video file, as many as can be had. Raises ConfigError when none can."""
    found: dict[str, Path] = {}
    try:
        found[PLAZA] = fetch(folder)
    except (FootageError, OSError) as error:
        console.say(f"{error}; going on with the simulated camera alone")

    def progress(done: int, whole: int) -> None:
        if sys.stdout.isatty() or done % max(1, whole // 4) == 0:
            console.progress(f"drawing the simulated street: frame {done} of {whole}")

    try:
        made = produce(SCENARIO, 0, folder / JALAN, "video", progress=progress)
        console.end_progress()
        found[JALAN] = made.folder / f"{JALAN}.mp4"
    except (SimError, OSError, ImportError) as error:
        console.end_progress()
        console.say(f"the simulated street cannot be drawn: {error}")
    if not found:
        raise ConfigError("the demo has no video to show: see the reasons above")
    return found


def changed(loaded: LoadedSite, without: set[str], *, keep: bool, light: bool) -> LoadedSite:
    """The demo's site for this run: without cameras that have no video, looped, light."""
    changes: dict[str, Any] = {f"cameras.{camera}": None for camera in without}
    for name, speaker in loaded.site.speakers.items():
        if without & set(speaker.hears):
            hears = [camera for camera in speaker.hears if camera not in without]
            changes[f"speakers.{name}.hears"] = hears
    for name, signal in loaded.site.signals.items():
        if signal.camera in without:
            changes[f"signals.{name}"] = None
    if keep:
        changes |= {f"cameras.{c}.loop": True for c in loaded.site.cameras if c not in without}
    if light:
        changes["detector.adapter"] = "onnxruntime"
    return change(loaded, changes) if changes else loaded


def _run(prepared: Prepared, minutes: float, keep: bool, with_centre: bool) -> int:
    site = prepared.loaded.site
    console = Console(prepared.local_processes(), folder=prepared.layout.log_dir, quiet=True)
    stop = Stop()
    stop.install()
    supervisor = supervise(prepared, console)
    stop.at_once = supervisor.hurry
    console.say(f"{site.title}: logs in {prepared.layout.log_dir}; Ctrl-C stops")
    centre = Centre(prepared, console) if with_centre else None
    with visit("bconnect_demo") as guest:
        observer = Observer(guest.node, site.site, site.cameras, console.say)
        ending, refusal = _await_model(prepared, supervisor, guest, observer, stop)
        if not ending:
            limit = float("inf") if keep else 60.0 * minutes
            tally = observer.tally
            ending, refusal = until_settled(
                Scene(supervisor, guest, tally, console, stop),
                "the footage has ended",
                lambda seconds: tally.ended() or seconds > limit,
                patience=PATIENCE,
            )
        console.end_progress()
        supervisor.stop(ending)
    os.close(prepared.lock)
    if refusal is None:
        print(summarise(observer.tally, prepared.layout))
    if centre is not None:
        if refusal is None and not stop.reason and sys.stdout.isatty():
            console.say(f"the command centre stays open at {centre.url}; Ctrl-C closes it")
            while centre.step() and not stop.reason:
                time.sleep(TICK)
        centre.close()
    console.close()
    if refusal is not None:
        raise ConfigError(refusal)
    if keep or observer.tally.complete():
        return 0
    print(
        "bconnect: the demo did not produce a violation, an announcement and a citation; "
        f"the reasons are in {prepared.layout.log_dir}",
        file=sys.stderr,
    )
    return 1


def _await_model(
    prepared: Prepared, supervisor: Supervisor, guest: Visit, observer: Observer, stop: Stop
) -> tuple[str, str | None]:
    """Starts all but the cameras, and those when the detector can see: files do not wait for it.

    Why it ended before that, and a refusal if there was.
    """
    lenses = {
        process
        for process, nodes in prepared.plan.processes().items()
        if all(node.executable == "camera" for node in nodes)
    }
    supervisor.start(but=lenses)
    until = time.monotonic() + LOADING
    while not observer.model and time.monotonic() < until:
        guest.wait(lambda: bool(observer.model or stop.reason), TICK)
        refusal = supervisor.step(0.0)
        if refusal is not None:
            return REFUSAL, refusal
        if stop.reason:
            return stop.reason, None
    supervisor.start()
    return "", None
