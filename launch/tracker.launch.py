"""Start the tracker node on a camera.

ros2 launch siamdw_ros tracker.launch.py image_topic:=/camera/image_raw
"""

import os
import sys
from pathlib import Path

from launch import Action, LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

CONFIG = PathJoinSubstitution([FindPackageShare("siamdw_ros"), "config"])
BOOLEANS = ["true", "false", "True", "False"]
FROM_FILE = "; empty: as in params_file"

ARGUMENTS = [
    DeclareLaunchArgument(
        "image_topic",
        default_value="camera/image_raw",
        description="topic of the camera's images, sensor_msgs/Image",
    ),
    DeclareLaunchArgument(
        "namespace", default_value="", description="namespace of the tracker node"
    ),
    DeclareLaunchArgument(
        "name",
        default_value="siamdw_tracker",
        description="name of the tracker node, in front of its topics and services",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([CONFIG, "tracker.yaml"]),
        description="YAML file with the tracker node's parameters; by default the installed "
        "config/tracker.yaml",
    ),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        description="lowest severity that the tracker node logs: debug, info, warn, error, fatal",
    ),
    DeclareLaunchArgument(
        "model",
        default_value="",
        description=f"network that tracks, for example siambox_res22{FROM_FILE}",
    ),
    DeclareLaunchArgument(
        "checkpoint",
        default_value="",
        description=f"path of the file with the network's weights{FROM_FILE}",
    ),
    DeclareLaunchArgument(
        "device",
        default_value="",
        description=f"device that the network runs on: auto, cpu, cuda or cuda:N{FROM_FILE}",
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="",
        choices=["", *BOOLEANS],
        description="true: the tracker node configures and activates itself; false: it waits for "
        f"a lifecycle manager{FROM_FILE}",
    ),
    DeclareLaunchArgument(
        "panel",
        default_value="false",
        choices=["true", "false"],
        description="start the operator panel: http://127.0.0.1:8090 in a browser, docs/panel.md",
    ),
    DeclareLaunchArgument(
        "mavlink",
        default_value="false",
        choices=["true", "false"],
        description="offer the cameras to MAVLink ground stations and autopilots, docs/mavlink.md",
    ),
    DeclareLaunchArgument(
        "mavlink_params_file",
        default_value=PathJoinSubstitution([CONFIG, "mavlink.yaml"]),
        description="YAML file with the parameters of mavlink_camera; by default the installed "
        "config/mavlink.yaml",
    ),
    DeclareLaunchArgument(
        "respawn",
        default_value="false",
        choices=BOOLEANS,
        description="true: start the tracker node again when its process dies",
    ),
    DeclareLaunchArgument(
        "use_sim_time",
        default_value="",
        choices=["", *BOOLEANS],
        description=f"true: all nodes take the time from /clock, as in simulation{FROM_FILE}",
    ),
    DeclareLaunchArgument(
        "fastdds_profile",
        default_value="true",
        choices=BOOLEANS,
        description="true: start the tracker and the panel with config/fastdds.xml, so that large "
        "images arrive, unless the environment selects a Fast DDS profile or transports already",
    ),
]
CLOCK = {"use_sim_time": bool}  # of all nodes
OVERRIDES = {
    "model": str,
    "checkpoint": str,
    "device": str,
    "autostart": bool,
    **CLOCK,
}
# Each of these selects how Fast DDS communicates; our profile would replace or disable it.
FASTDDS_CHOICES = (
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    "FASTDDS_DEFAULT_PROFILES_FILE",
    "FASTDDS_BUILTIN_TRANSPORTS",
)


def tracker_node(context: LaunchContext) -> list[Action]:
    """Describe the node, with those parameters that were given as arguments.

    Raises:
        ValueError: an argument is unknown, or names a file that does not exist.
    """
    check_arguments(context)
    overrides = given(context, OVERRIDES)
    respawn = is_true(context, "respawn")
    return [
        Node(
            package="siamdw_ros",
            executable="respawning_tracker_node" if respawn else "tracker_node",
            name=LaunchConfiguration("name"),
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), overrides],
            remappings=[("image", LaunchConfiguration("image_topic"))],
            arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
            additional_env=fastdds_profile(context),
            output="screen",
            respawn=respawn,
        )
    ]


def given(context: LaunchContext, kinds: dict[str, type]) -> dict[str, ParameterValue]:
    """Return the parameters whose arguments were given; the others are as in the file."""
    return {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind in kinds.items()
        if LaunchConfiguration(name).perform(context)
    }


def panel(context: LaunchContext) -> list[Action]:
    """Describe the operator panel, if it is asked for: a process of its own."""
    if not is_true(context, "panel"):
        return []
    tracker = {"tracker": ParameterValue(LaunchConfiguration("name"), value_type=str)}
    clock = given(context, CLOCK)
    return [
        Node(
            package="siamdw_ros",
            executable="panel",
            name="siamdw_panel",
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), tracker, clock],
            additional_env=fastdds_profile(context),
            output="screen",
        )
    ]


def mavlink(context: LaunchContext) -> list[Action]:
    """Describe the MAVLink camera components, if they are asked for: a process of its own."""
    if not is_true(context, "mavlink"):
        return []
    tracker = {"tracker": ParameterValue(LaunchConfiguration("name"), value_type=str)}
    clock = given(context, CLOCK)
    return [
        Node(
            package="siamdw_ros",
            executable="mavlink_camera",
            name="mavlink_camera",
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("mavlink_params_file"), tracker, clock],
            output="screen",
        )
    ]


def check_arguments(context: LaunchContext) -> None:
    """Refuse what launch accepts in silence or with a warning: other names, a missing file."""
    known = {argument.name for argument in ARGUMENTS}
    # Only what was typed for this file: a launch file that includes it has arguments of its own.
    if any(Path(word).name == Path(__file__).name for word in sys.argv):
        given = [word.partition(":=")[0] for word in sys.argv if ":=" in word]
        if unknown := sorted(set(given) - known):
            raise ValueError(
                f"unknown launch argument: {', '.join(unknown)}; known are: "
                f"{', '.join(sorted(known))}. Other parameters go into params_file"
            )
    for name in ("params_file", "mavlink_params_file"):
        file = Path(LaunchConfiguration(name).perform(context)).expanduser()
        if not file.is_file():
            raise ValueError(f"{name}: there is no file {file}")


def is_true(context: LaunchContext, name: str) -> bool:
    """Whether a launch argument is true."""
    return LaunchConfiguration(name).perform(context).lower() == "true"


def fastdds_profile(context: LaunchContext) -> dict[str, str]:
    """The variable with our Fast DDS profile, for this node alone; none if the user has chosen."""
    chosen = [name for name in FASTDDS_CHOICES if context.environment.get(name)]
    if chosen or not is_true(context, "fastdds_profile"):
        return {}
    # Fast DDS 2 reads only the first name; Fast DDS 3 reads a file twice when both are set.
    older = os.environ.get("ROS_DISTRO") in ("humble", "jazzy")
    profile = PathJoinSubstitution([CONFIG, "fastdds.xml"]).perform(context)
    return {FASTDDS_CHOICES[0] if older else FASTDDS_CHOICES[1]: profile}


def generate_launch_description() -> LaunchDescription:
    """Describe what is started."""
    actions = [OpaqueFunction(function=function) for function in (tracker_node, panel, mavlink)]
    return LaunchDescription([*ARGUMENTS, *actions])
