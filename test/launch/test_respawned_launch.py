"""A node that was launched with respawn comes back by itself when it is killed."""

import os
import signal
import time
import unittest
from pathlib import Path

import pytest

pytest.importorskip("launch_testing", reason="needs ROS 2's launch_testing")
pytest.importorskip("launch_ros", reason="needs ROS 2's launch_ros")

import launch_testing.actions
import launch_testing.markers
import rclpy
from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from siamdw_msgs.msg import TrackerStatus

LAUNCH_FILE = Path(get_package_share_directory("siamdw_ros"), "launch", "tracker.launch.py")
PICTURE = Image(width=64, height=48, encoding="mono8", step=64, data=bytes(64 * 48))


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description() -> LaunchDescription:
    """Start the node with respawn."""
    os.environ["ROS_DOMAIN_ID"] = str(101 + os.getpid() % 100)
    arguments = {"device": "cpu", "respawn": "true"}
    return LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(LAUNCH_FILE)),
                launch_arguments=arguments.items(),
            ),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class TestRespawnedNode(unittest.TestCase):
    """While it runs, dies and runs again."""

    def setUp(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node("robot")

    def tearDown(self) -> None:
        self.node.destroy_node()
        rclpy.shutdown()

    def test_it_publishes_again_after_it_was_killed(self, proc_info) -> None:
        statuses: list[TrackerStatus] = []
        self.node.create_subscription(TrackerStatus, "/siamdw_tracker/status", statuses.append, 10)
        images = self.node.create_publisher(Image, "/image", QoSProfile(depth=1))

        def wait_for_status() -> TrackerStatus:
            statuses.clear()
            end = time.monotonic() + 240
            while not statuses:
                self.assertLess(time.monotonic(), end, "no status")
                images.publish(PICTURE)
                rclpy.spin_once(self.node, timeout_sec=0.1)
            return statuses[0]

        wait_for_status()
        name = next(name for name in proc_info.process_names() if "tracker_node" in name)
        first = proc_info[name].pid
        os.kill(first, signal.SIGKILL)
        self.assertLess(wait_for_status().processed, 10)  # it counts from the beginning
        self.assertNotEqual(proc_info[name].pid, first)


@launch_testing.post_shutdown_test()
class TestEndedNode(unittest.TestCase):
    """After Ctrl-C."""

    def test_the_last_one_ended_cleanly(self, proc_info) -> None:
        codes = [proc_info[name].returncode for name in proc_info.process_names()]
        self.assertEqual(codes[-1], 0)
