"""Starts one corridor: ros2 launch bconnect_bringup corridor.launch.py corridor:=beruang_madu."""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration

from bconnect_bringup.launching import start_site
from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "corridor",
                description="name of a corridor in config/corridors, or the path of a site file",
            ),
            DeclareLaunchArgument(
                "state",
                default_value="",
                description="folder of evidence, ledger and logs; empty: BCONNECT_STATE or default",
            ),
            OpaqueFunction(
                function=start_site,
                args=[LaunchConfiguration("corridor"), LaunchConfiguration("state")],
            ),
        ]
    )
