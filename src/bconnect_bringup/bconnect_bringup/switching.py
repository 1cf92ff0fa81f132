"""`bconnect camera SITE CAMERA off|on|state`: planned maintenance, told from a fault.

Who may write the site's state folder may switch. The file is written first, so a camera stays off
over restarts until it is switched on again, and its status says who wanted it and why.
"""

import argparse
import getpass
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.clock import Clock

from bconnect_bringup.ask import Visit, visit
from bconnect_bringup.console import LogFile
from bconnect_bringup.state import is_running, state_root
from bconnect_site import switched
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.plan import Plan, StateLayout

PATIENCE = 8.0  # s
ACTIVE, INACTIVE = "active", "inactive"
OFF, ON, ASK = "off", "on", "state"
STEPS = {OFF: Transition.TRANSITION_DEACTIVATE, ON: Transition.TRANSITION_ACTIVATE}


def main(argv: Sequence[str]) -> int:
    """Switches a camera, or says how it stands. Raises ConfigError."""
    parser = argparse.ArgumentParser(prog="bconnect camera", description=__doc__)
    parser.add_argument("site", help="name of a site that was started here")
    parser.add_argument("camera", help="name of the camera in its site")
    parser.add_argument("wish", choices=(OFF, ON, ASK))
    parser.add_argument("--why", default="", help="needed for off, e.g. 'lens is cleaned'")
    parser.add_argument("--by", default="", help="who wants it; default: the user logged in")
    parser.add_argument("--state", metavar="FOLDER", help="folder of all sites' state")
    options = parser.parse_args(argv)
    layout = StateLayout.of(state_root(options.state), options.site)
    node = camera_node(layout, options.camera)
    file = layout.switch_dir / f"{options.camera}.json"
    if options.wish == ASK:
        off = switched.read(file)
        print(f"{options.camera}: {off.sentence if off else 'not switched off'}")
        return 0
    if options.wish == OFF and not options.why.strip():
        raise ConfigError("--why: is needed to switch a camera off; the road will ask later")
    by = options.by.strip() or getpass.getuser()
    now = int(Clock().now().nanoseconds)
    _keep(layout, file, options, by, now)
    if not is_running(layout):
        print(f'{options.camera} is {options.wish} when site "{layout.root.name}" starts')
        return 0
    done, sentence = change(node, options.wish)
    print(f"{options.camera}: {sentence}")
    return 0 if done else 1


def camera_node(layout: StateLayout, camera: str) -> str:
    """Full name of the camera's node in the last plan. Raises ConfigError."""
    if not layout.plan_file.is_file():
        raise ConfigError(f"{layout.plan_file}: not there; was this site started here once?")
    made = Plan.from_json(layout.plan_file.read_text(encoding="utf-8"))
    known = {
        str(node.parameters["camera"]): node.full_name
        for node in made.nodes
        if node.executable == "camera"
    }
    if camera not in known:
        raise ConfigError(f'{made.site}: no camera is called "{camera}"{suggest(camera, known)}')
    return known[camera]


def change(node: str, wish: str) -> tuple[bool, str]:
    """Asks a running node to go there. Whether it is there now, and a sentence."""
    goal = INACTIVE if wish == OFF else ACTIVE
    with visit("bconnect_camera") as guest:
        state = _call(guest, GetState, f"{node}/get_state", GetState.Request())
        if state is None:
            return False, f"{node} does not answer; it is {wish} at its next start"
        if state.current_state.label == goal:
            return True, f"is {wish} already"
        request = ChangeState.Request(transition=Transition(id=STEPS[wish]))
        answer = _call(guest, ChangeState, f"{node}/change_state", request)
    if answer is None or not answer.success:
        return False, f"is {state.current_state.label} and did not go {wish}; see its last error"
    return True, f"is {wish} now"


def _call(guest: Visit, kind: type, service: str, request: Any) -> Any:
    client = guest.node.create_client(kind, service)
    if not guest.wait(client.service_is_ready, PATIENCE):
        return None
    future = client.call_async(request)
    return future.result() if guest.wait(future.done, PATIENCE) else None


def _keep(layout: StateLayout, file: Path, options: argparse.Namespace, by: str, now: int) -> None:
    try:
        if options.wish == OFF:
            switched.write(file, switched.SwitchedOff(by, options.why.strip(), now))
        else:
            switched.remove(file)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written ({error.strerror})") from None
    when = datetime.fromtimestamp(now // 1_000_000_000, timezone.utc)
    log = LogFile(layout.log_dir / "switches.log")
    why = " ".join(options.why.split()) or "-"
    log.write(f"{when:%Y-%m-%d %H:%M:%S} UTC {options.camera} {options.wish} by {by}: {why}")
    log.close()
