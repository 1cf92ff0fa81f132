"""Turns a plan into launch_ros actions. The only file of this package that knows `launch`."""

import shutil
from pathlib import Path
from typing import Any

from launch.actions import ExecuteProcess, LogInfo, SetEnvironmentVariable
from launch.events.process import ProcessExited
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch_ros.actions import Node

from bconnect_bringup.prepare import Prepared, load, prepare
from bconnect_bringup.replaying import How, number, play_command, prepare_replay
from bconnect_bringup.supervisor import REFUSED
from bconnect_node.environment import middleware_env
from bconnect_site.errors import ConfigError

RESTART_DELAY = 2.0  # s
LEASH = "setpriv --pdeathsig TERM --"  # launch leaves its children behind when it is terminated


def start_site(context: LaunchContext, site: Any, state: Any) -> list[LaunchDescriptionEntity]:
    """The actions that run a site; `site` and `state` are substitutions.

    Raises RuntimeError with one sentence, upon which launch ends with an error.
    """
    try:
        prepared = prepare(load(site.perform(context)), state=state.perform(context))
    except ConfigError as error:
        raise RuntimeError(str(error)) from None
    return [
        LogInfo(msg=f"{prepared.loaded.site.site}: state in {prepared.layout.root}"),
        SetEnvironmentVariable("ROS_LOG_DIR", str(prepared.layout.log_dir)),
        *(_host(prepared, process) for process in prepared.local_processes()),
    ]


def start_replay(
    context: LaunchContext, bag: Any, site: Any, state: Any, rate: Any
) -> list[LaunchDescriptionEntity]:
    """The actions that judge a bag played by `ros2 bag play`; all arguments are substitutions.

    Raises RuntimeError with one sentence, upon which launch ends with an error.
    """
    try:
        how = How(rate=number(rate.perform(context)))
        path = Path(bag.perform(context))
        prepared = prepare_replay(
            path, site.perform(context) or None, state.perform(context) or None, how, own=False
        )
    except ConfigError as error:
        raise RuntimeError(str(error)) from None
    return [
        LogInfo(msg=f"{prepared.loaded.site.site}: replayed; state in {prepared.layout.root}"),
        SetEnvironmentVariable("ROS_LOG_DIR", str(prepared.layout.log_dir)),
        *(_host(prepared, process) for process in prepared.local_processes()),
        ExecuteProcess(cmd=play_command(path, prepared, how), output="screen"),
    ]


def _host(prepared: Prepared, process: str) -> Node:
    def on_exit(event: ProcessExited, _: LaunchContext) -> None:
        if event.returncode == REFUSED:
            raise RuntimeError(f"{process} refused to start with this configuration, see above")

    return Node(
        package="bconnect_node",
        executable="host",
        exec_name=process,
        arguments=["--plan", str(prepared.layout.plan_file), "--process", process],
        prefix=LEASH if shutil.which("setpriv") else None,
        additional_env=middleware_env(),
        output="screen",
        respawn=True,
        respawn_delay=RESTART_DELAY,
        on_exit=on_exit,
    )
