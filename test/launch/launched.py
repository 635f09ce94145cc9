"""What the launch tests share: the launch file, started with arguments, and a robot beside it."""

import os
import time
import unittest
from pathlib import Path

import launch_testing.actions
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


def launch_tracker(**arguments: str) -> LaunchDescription:
    """The package's launch file on the CPU, in a ROS domain of the test's own."""
    os.environ["ROS_DOMAIN_ID"] = str(101 + os.getpid() % 100)
    source = PythonLaunchDescriptionSource(str(LAUNCH_FILE))
    given = {"device": "cpu", **arguments}
    return LaunchDescription(
        [
            IncludeLaunchDescription(source, launch_arguments=given.items()),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class RobotTest(unittest.TestCase):
    """Has a node, and waits for what the tracker's does."""

    def setUp(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node("robot")

    def tearDown(self) -> None:
        self.node.destroy_node()
        rclpy.shutdown()

    def wait(self, condition, what: str, seconds: float = 120.0) -> None:
        """Spin until a condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, f"{what}: not within {seconds} s")
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def ask(self, kind, service: str, request):
        """Ask until there is an answer: a server that has not found its client yet loses it."""
        client = self.node.create_client(kind, service)
        self.wait(client.service_is_ready, service)
        asked = []

        def answered() -> bool:
            asked.append(client.call_async(request))
            rclpy.spin_until_future_complete(self.node, asked[-1], timeout_sec=20.0)
            return asked[-1].done()

        self.wait(answered, f"an answer of {service}")
        return asked[-1].result()

    def show_until_status(self, node: str, topic: str) -> TrackerStatus:
        """Publish images until the tracker reports one."""
        statuses: list[TrackerStatus] = []
        listening = self.node.create_subscription(
            TrackerStatus, f"{node}/status", statuses.append, 10
        )
        images = self.node.create_publisher(Image, topic, QoSProfile(depth=1))

        def status_came() -> bool:
            images.publish(PICTURE)
            return bool(statuses)

        self.wait(status_came, "a status")
        self.node.destroy_publisher(images)
        self.node.destroy_subscription(listening)
        return statuses[0]
