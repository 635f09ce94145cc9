"""A node that is launched to be managed waits for its manager."""

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
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState

LAUNCH_FILE = Path(get_package_share_directory("siamdw_ros"), "launch", "tracker.launch.py")


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description() -> LaunchDescription:
    """Start the node without autostart."""
    os.environ["ROS_DOMAIN_ID"] = str(101 + os.getpid() % 100)
    arguments = {"device": "cpu", "autostart": "false"}
    return LaunchDescription(
        [
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(LAUNCH_FILE)),
                launch_arguments=arguments.items(),
            ),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class TestManagedNode(unittest.TestCase):
    """While it runs."""

    def setUp(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node("manager")

    def tearDown(self) -> None:
        self.node.destroy_node()
        rclpy.shutdown()

    def ask(self, kind, name: str, request):
        """Ask until there is an answer: a server that has not found its client yet loses it."""
        client = self.node.create_client(kind, f"/siamdw_tracker/{name}")
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if client.wait_for_service(1.0):
                future = client.call_async(request)
                rclpy.spin_until_future_complete(self.node, future, timeout_sec=20)
                if future.done():
                    return future.result()
        self.fail(f"{name}: no answer")
        return None

    def state(self) -> str:
        return self.ask(GetState, "get_state", GetState.Request()).current_state.label

    def test_it_is_configured_and_activated_by_its_manager(self) -> None:
        self.assertEqual(self.state(), "unconfigured")
        for transition, state in (
            (Transition.TRANSITION_CONFIGURE, "inactive"),
            (Transition.TRANSITION_ACTIVATE, "active"),
            (Transition.TRANSITION_DEACTIVATE, "inactive"),
        ):
            request = ChangeState.Request(transition=Transition(id=transition))
            self.assertTrue(self.ask(ChangeState, "change_state", request).success)
            self.assertEqual(self.state(), state)


@launch_testing.post_shutdown_test()
class TestEndedNode(unittest.TestCase):
    """After Ctrl-C."""

    def test_it_ends_with_exit_code_0(self, proc_info) -> None:
        launch_testing.asserts.assertExitCodes(proc_info, allowable_exit_codes=[0])
