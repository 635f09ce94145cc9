"""A simulated robot follows its target: all nodes, started by the launch file."""

import unittest

import pytest

pytest.importorskip("launch_testing", reason="needs ROS 2's launch_testing")
pytest.importorskip("launch_ros", reason="needs ROS 2's launch_ros")

import launch_testing.asserts
import launch_testing.markers
from geometry_msgs.msg import PoseWithCovarianceStamped, TwistStamped
from launch import LaunchDescription
from launched import RobotTest, launch_file
from nav_msgs.msg import Odometry
from rclpy.qos import qos_profile_sensor_data


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description() -> LaunchDescription:
    """Start the base behind a person who walks straight on, at few images per second."""
    return launch_file("simulation.launch.py", scenario="straight", rate="6.0")


class TestSimulation(RobotTest):
    """While it runs."""

    def test_the_robot_drives_after_the_target_and_the_panel_can_enable_it(self) -> None:
        poses, commands, odometry = [], [], []
        for kind, topic, messages in (
            (PoseWithCovarianceStamped, "/target_pose/pose_in_camera", poses),
            (TwistStamped, "/cmd_vel", commands),
            (Odometry, "/odom", odometry),
        ):
            self.node.create_subscription(kind, topic, messages.append, qos_profile_sensor_data)
        self.wait(lambda: poses, "a pose of the target", 200.0)
        self.assertEqual(poses[-1].header.frame_id, "camera_optical_frame")

        def moves() -> bool:
            return any(message.twist.twist.linear.x > 0.1 for message in odometry)

        self.wait(moves, "the robot to drive", 80.0)
        self.assertGreater(max(message.twist.linear.x for message in commands), 0.1)
        publishers = self.node.get_publishers_info_by_topic("/follower/enable")
        self.assertIn("siamdw_panel", [info.node_name for info in publishers])


@launch_testing.post_shutdown_test()
class TestEndedNodes(unittest.TestCase):
    """After Ctrl-C."""

    def test_all_end_with_exit_code_0(self, proc_info) -> None:
        launch_testing.asserts.assertExitCodes(proc_info, allowable_exit_codes=[0])
