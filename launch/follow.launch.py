"""Start the tracker, target_pose, the follower and the operator panel.

ros2 launch siamdw_ros follow.launch.py image_topic:=/oakd/rgb/preview/image_raw
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

SHARE = FindPackageShare("siamdw_ros")

ARGUMENTS = [
    DeclareLaunchArgument("image_topic", default_value="/oakd/rgb/preview/image_raw"),
    DeclareLaunchArgument("camera_info_topic", default_value="/oakd/rgb/preview/camera_info"),
    DeclareLaunchArgument("depth_topic", default_value="/oakd/rgb/preview/depth"),
    DeclareLaunchArgument("odom_topic", default_value="/odom"),
    DeclareLaunchArgument("scan_topic", default_value="/scan"),
    DeclareLaunchArgument("cmd_vel_topic", default_value="/cmd_vel"),
    DeclareLaunchArgument(
        "follow_params_file",
        default_value=PathJoinSubstitution([SHARE, "config", "follow.yaml"]),
        description="YAML file of the parameters of target_pose and follower",
    ),
    DeclareLaunchArgument(
        "follower",
        default_value="true",
        choices=["true", "false"],
        description="false: only the tracker and the target's pose, for another follower",
    ),
    DeclareLaunchArgument(
        "panel",
        default_value="true",
        choices=["true", "false"],
        description="start the operator panel: http://127.0.0.1:8090 in a browser, docs/panel.md",
    ),
    DeclareLaunchArgument("use_sim_time", default_value="false", choices=["true", "false"]),
]


def generate_launch_description() -> LaunchDescription:
    """Describe what is started."""
    tracker = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([SHARE, "launch", "tracker.launch.py"])
        ),
        launch_arguments={
            "image_topic": LaunchConfiguration("image_topic"),
            "panel": LaunchConfiguration("panel"),
            "use_sim_time": LaunchConfiguration("use_sim_time"),
        }.items(),
    )
    parameters = [
        LaunchConfiguration("follow_params_file"),
        {"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)},
    ]
    camera_info = ("camera_info", LaunchConfiguration("camera_info_topic"))
    depth = ("depth", LaunchConfiguration("depth_topic"))
    target_pose = Node(
        package="siamdw_ros",
        executable="target_pose",
        parameters=parameters,
        remappings=[
            ("detection", "/siamdw_tracker/detection"),
            ("detections", "/siamdw_tracker/detections"),
            camera_info,
            depth,
        ],
        output="screen",
    )
    follower = Node(
        package="siamdw_ros",
        executable="follower",
        parameters=parameters,
        remappings=[
            ("status", "/siamdw_tracker/status"),
            ("target", "/target_pose/pose_in_camera"),
            camera_info,
            depth,
            ("odom", LaunchConfiguration("odom_topic")),
            ("scan", LaunchConfiguration("scan_topic")),
            ("cmd_vel", LaunchConfiguration("cmd_vel_topic")),
        ],
        condition=IfCondition(LaunchConfiguration("follower")),
        output="screen",
    )
    return LaunchDescription([*ARGUMENTS, tracker, target_pose, follower])
