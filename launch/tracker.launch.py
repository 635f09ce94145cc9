"""Start the tracker node on a camera.

ros2 launch siamdw_ros tracker.launch.py image_topic:=/camera/image_raw
"""

import os

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

CONFIG = PathJoinSubstitution([FindPackageShare("siamdw_ros"), "config"])

ARGUMENTS = [
    DeclareLaunchArgument(
        "image_topic",
        default_value="camera/image_raw",
        description="sensor_msgs/Image topic to follow in",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="namespace of the node"),
    DeclareLaunchArgument("name", default_value="siamdw_tracker", description="name of the node"),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([CONFIG, "tracker.yaml"]),
        description="YAML file of the node's parameters",
    ),
    DeclareLaunchArgument("log_level", default_value="info", description="of the node"),
    # Empty: what params_file says.
    DeclareLaunchArgument("model", default_value="", description="network, as siamfc_res22"),
    DeclareLaunchArgument("checkpoint", default_value="", description="file of its weights"),
    DeclareLaunchArgument("device", default_value="", description="auto, cpu, cuda or cuda:N"),
    DeclareLaunchArgument("autostart", default_value="", description="false: to be managed"),
    DeclareLaunchArgument(
        "respawn",
        default_value="false",
        choices=["true", "false"],
        description="start the node again at once when it dies",
    ),
    DeclareLaunchArgument("use_sim_time", default_value="", description="time from /clock"),
    DeclareLaunchArgument(
        "fastdds_profile",
        default_value="true",
        choices=["true", "false"],
        description="use our Fast DDS profile, under which best-effort images arrive",
    ),
]
# Fast DDS 2 knows only the first name, Fast DDS 3 takes a file twice when both are set.
FASTDDS_VARIABLE = (
    "FASTRTPS_DEFAULT_PROFILES_FILE"
    if os.environ.get("ROS_DISTRO") in ("humble", "jazzy")
    else "FASTDDS_DEFAULT_PROFILES_FILE"
)
OVERRIDES = {
    "model": str,
    "checkpoint": str,
    "device": str,
    "autostart": bool,
    "use_sim_time": bool,
}


def tracker_node(context: LaunchContext) -> list[Action]:
    """The node, with those parameters that were given as arguments."""
    given = {name: LaunchConfiguration(name).perform(context) for name in OVERRIDES}
    overrides = {
        name: ParameterValue(LaunchConfiguration(name), value_type=OVERRIDES[name])
        for name, value in given.items()
        if value
    }
    respawn = LaunchConfiguration("respawn").perform(context) == "true"
    return [
        Node(
            package="siamdw_ros",
            executable="respawning_tracker_node" if respawn else "tracker_node",
            name=LaunchConfiguration("name"),
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), overrides],
            remappings=[("image", LaunchConfiguration("image_topic"))],
            arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
            output="screen",
            respawn=respawn,
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Describe what is started."""
    profile = SetEnvironmentVariable(
        FASTDDS_VARIABLE,
        PathJoinSubstitution([CONFIG, "fastdds.xml"]),
        condition=IfCondition(LaunchConfiguration("fastdds_profile")),
    )
    return LaunchDescription([*ARGUMENTS, profile, OpaqueFunction(function=tracker_node)])
