"""Start a simulated robot, the tracker, target_pose, the follower and the panel.

ros2 launch siamdw_ros simulation.launch.py vehicle:=drone scenario:=turning
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

SHARE = FindPackageShare("siamdw_ros")

ARGUMENTS = [
    DeclareLaunchArgument(
        "vehicle",
        default_value="base",
        choices=["base", "drone"],
        description="robot that follows: a differential base or a quadrotor",
    ),
    DeclareLaunchArgument(
        "scenario",
        default_value="turning",
        description="what happens: straight, turning, pillar, look_alike, stops, vanishes, stall",
    ),
    DeclareLaunchArgument(
        "rate", default_value="12.0", description="images that the camera takes per second"
    ),
    DeclareLaunchArgument(
        "operate",
        default_value="true",
        choices=["true", "false"],
        description="true: start target and follower at once; false: you do, in the panel",
    ),
    DeclareLaunchArgument(
        "panel",
        default_value="true",
        choices=["true", "false"],
        description="start the operator panel: http://127.0.0.1:8090 in a browser, docs/panel.md",
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Describe what is started."""
    parameters = {
        "vehicle": LaunchConfiguration("vehicle"),
        "scenario": LaunchConfiguration("scenario"),
        "rate": ParameterValue(LaunchConfiguration("rate"), value_type=float),
        "operate": ParameterValue(LaunchConfiguration("operate"), value_type=bool),
    }
    simulation = Node(
        package="siamdw_ros", executable="simulation", parameters=[parameters], output="screen"
    )
    folder = PathJoinSubstitution([SHARE, "config"])
    file = [folder, "/simulation_", LaunchConfiguration("vehicle"), ".yaml"]
    follow = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([SHARE, "launch", "follow.launch.py"])),
        launch_arguments={
            "image_topic": "/camera/image_raw",
            "camera_info_topic": "/camera/camera_info",
            "depth_topic": "/camera/depth",
            "follow_params_file": file,
            "panel": LaunchConfiguration("panel"),
        }.items(),
    )
    return LaunchDescription([*ARGUMENTS, simulation, follow])
