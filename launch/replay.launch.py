"""Judges a bag: ros2 launch bconnect_bringup replay.launch.py bag:=FOLDER."""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration

from bconnect_bringup.launching import start_replay
from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="a bag, or a folder with bag/ and site.yaml"),
            DeclareLaunchArgument(
                "site", default_value="", description="judge by this site; empty: the bag's own"
            ),
            DeclareLaunchArgument(
                "state", default_value="", description="folder of state; empty: the default"
            ),
            DeclareLaunchArgument("rate", default_value="1.0", description="times real time"),
            OpaqueFunction(
                function=start_replay,
                args=[
                    LaunchConfiguration("bag"),
                    LaunchConfiguration("site"),
                    LaunchConfiguration("state"),
                    LaunchConfiguration("rate"),
                ],
            ),
        ]
    )
