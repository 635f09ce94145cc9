"""The launch file starts a node that can be spoken to, and Ctrl-C ends it cleanly."""

import os
import time
import unittest
from pathlib import Path

import pytest

pytest.importorskip("launch_testing", reason="needs ROS 2's launch_testing")
pytest.importorskip("launch_ros", reason="needs ROS 2's launch_ros")

import launch_testing.actions
import launch_testing.asserts
import launch_testing.markers
import rclpy
from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from siamdw_msgs.msg import TrackerStatus
from siamdw_msgs.srv import StartTracking

LAUNCH_FILE = Path(get_package_share_directory("siamdw_ros"), "launch", "tracker.launch.py")
NODE = "/robot/follower"


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description() -> LaunchDescription:
    """Start the node under another name, in a namespace, on a camera's topic."""
    os.environ["ROS_DOMAIN_ID"] = str(101 + os.getpid() % 100)
    arguments = {
        "namespace": "robot",
        "name": "follower",
        "image_topic": "/camera/image_raw",
        "device": "cpu",
    }
    return LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(LAUNCH_FILE)),
                launch_arguments=arguments.items(),
            ),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class TestRunningNode(unittest.TestCase):
    """While it runs."""

    def setUp(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node("robot")

    def tearDown(self) -> None:
        self.node.destroy_node()
        rclpy.shutdown()

    def wait(self, condition, what: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, f"{what}: not within {seconds} s")
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def test_it_takes_images_of_the_topic_and_answers_in_its_namespace(self) -> None:
        statuses: list[TrackerStatus] = []
        self.node.create_subscription(TrackerStatus, f"{NODE}/status", statuses.append, 10)
        images = self.node.create_publisher(Image, "/camera/image_raw", QoSProfile(depth=1))
        picture = Image(width=64, height=48, encoding="mono8", step=64, data=bytes(64 * 48))

        def status_came() -> bool:
            images.publish(picture)
            return bool(statuses)

        self.wait(status_came, "a status")
        self.assertEqual(statuses[0].model, "siamfc_res22")
        client = self.node.create_client(StartTracking, f"{NODE}/start_tracking")
        self.wait(client.service_is_ready, "the service")
        answers = []

        def answered() -> bool:
            # Again: a server that has not found its client yet loses the answer.
            answers.append(client.call_async(StartTracking.Request()))
            rclpy.spin_until_future_complete(self.node, answers[-1], timeout_sec=2.0)
            return answers[-1].done()

        self.wait(answered, "an answer")
        self.assertFalse(answers[-1].result().success)
        self.assertIn("at least 2 px", answers[-1].result().message)


@launch_testing.post_shutdown_test()
class TestEndedNode(unittest.TestCase):
    """After Ctrl-C."""

    def test_it_ends_with_exit_code_0(self, proc_info) -> None:
        launch_testing.asserts.assertExitCodes(proc_info, allowable_exit_codes=[0])
