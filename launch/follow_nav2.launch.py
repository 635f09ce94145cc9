"""Start the tracker and target_pose, and Nav2's following server on the target's pose.

ros2 launch siamdw_ros follow_nav2.launch.py image_topic:=/camera/image_raw

It takes the arguments of follow.launch.py. Then send the goal:

ros2 action send_goal /follow_object nav2_msgs/action/FollowObject
    "{pose_topic: /target_pose/pose}"
"""

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

# Nav2's own defaults drive for 2 s on a pose that stopped, and do not look for obstacles.
FOLLOWING = {
    "fixed_frame": "odom",
    "desired_distance": 1.0,
    "skip_orientation": True,
    "detection_timeout": 0.5,
    "search_by_rotating": True,
    "controller.use_collision_detection": True,
}


def generate_launch_description() -> LaunchDescription:
    """Describe what is started."""
    follow = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare("siamdw_ros"), "launch", "follow.launch.py"])
        ),
        launch_arguments={"follower": "false"}.items(),
    )
    # Declared in follow.launch.py, which is included first.
    sim_time = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
    clock = {"use_sim_time": sim_time}
    server = Node(
        package="opennav_following",
        executable="opennav_following",
        name="following_server",
        parameters=[FOLLOWING, clock],
        output="screen",
    )
    manager = Node(
        package="nav2_lifecycle_manager",
        executable="lifecycle_manager",
        name="lifecycle_manager_following",
        parameters=[{"autostart": True, "node_names": ["following_server"]}, clock],
        output="screen",
    )
    return LaunchDescription([follow, server, manager])
