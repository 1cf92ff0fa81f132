"""Starts one vehicle: ros2 launch bconnect_bringup vehicle.launch.py vehicle:=etle_01."""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration

from bconnect_bringup.launching import start_site
from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "vehicle",
                description="name of a vehicle in config/vehicles, or the path of a site file",
            ),
            DeclareLaunchArgument(
                "state",
                default_value="",
                description="folder of evidence, ledger and logs; empty: BCONNECT_STATE or default",
            ),
            OpaqueFunction(
                function=start_site,
                args=[LaunchConfiguration("vehicle"), LaunchConfiguration("state")],
            ),
        ]
    )
