"""What the launch tests share: the launch file, started with arguments, and a robot beside it."""

import os
import time
import unittest
from pathlib import Path

import launch_testing.actions
from ament_index_python.packages import get_package_share_directory
from isolation import restored_environment
from launch import LaunchDescription
from launch.actions import (
    GroupAction,
    IncludeLaunchDescription,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from siamdw_msgs.msg import TrackerStatus

from siamdw_ros.evaluation.node_process import isolate

LAUNCH_FILES = Path(get_package_share_directory("siamdw_ros"), "launch")
PICTURE = Image(width=64, height=48, encoding="mono8", step=64, data=bytes(64 * 48))


# Not the domain of the nodes that other tests of this process start.
DOMAIN = 101 + os.getpid() % 100


def launch_tracker(**arguments: str) -> LaunchDescription:
    """The tracker's launch file on the CPU."""
    return launch_file("tracker.launch.py", device="cpu", **arguments)


def launch_file(name: str, /, **arguments: str) -> LaunchDescription:
    """One of the package's launch files, in the ROS domain of the launch tests.

    launch's environment is that of this process: the group restores it once the node is started.
    """
    source = PythonLaunchDescriptionSource(str(LAUNCH_FILES / name))
    # A busy machine ends a node more slowly than launch expects. Outside of the group: launch
    # reads these when it ends a process.
    patient = [
        SetLaunchConfiguration(timeout, "60") for timeout in ("sigterm_timeout", "sigkill_timeout")
    ]
    started = GroupAction(
        [
            SetEnvironmentVariable("ROS_DOMAIN_ID", str(DOMAIN)),
            SetEnvironmentVariable("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"),
            IncludeLaunchDescription(source, launch_arguments=arguments.items()),
        ]
    )
    return LaunchDescription([*patient, started, launch_testing.actions.ReadyToTest()])


class RobotTest(unittest.TestCase):
    """Has a node, and waits for what the tracker's does.

    The node has a context of its own: the default one belongs to the other tests of this process.
    """

    def setUp(self) -> None:
        self.context = Context()
        # Fast DDS reads its profile once in a process, for the first participant: later tests
        # send large images and need it.
        with restored_environment():
            isolate()
            self.context.init(domain_id=DOMAIN)
            self.node = Node("robot", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def tearDown(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.shutdown()

    def wait(self, condition, what: str, seconds: float = 120.0) -> None:
        """Spin until a condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, f"{what}: not within {seconds} s")
            self.executor.spin_once(timeout_sec=0.1)

    def ask(self, kind, service: str, request):
        """Ask until there is an answer: a server that has not found its client yet loses it."""
        client = self.node.create_client(kind, service)
        self.wait(client.service_is_ready, service)
        asked = []

        def answered() -> bool:
            asked.append(client.call_async(request))
            self.executor.spin_until_future_complete(asked[-1], timeout_sec=60.0)
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
