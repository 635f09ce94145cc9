"""The launch file starts a node that can be spoken to, and Ctrl-C ends it cleanly."""

import unittest

import pytest

pytest.importorskip("launch_testing", reason="needs ROS 2's launch_testing")
pytest.importorskip("launch_ros", reason="needs ROS 2's launch_ros")

import launch_testing.asserts
import launch_testing.markers
from launch import LaunchDescription
from launched import RobotTest, launch_tracker
from siamdw_msgs.srv import StartTracking

from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK

NODE, TOPIC = "/robot/follower", "/camera/image_raw"


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description() -> LaunchDescription:
    """Start the node under another name, in a namespace, on a camera's topic."""
    return launch_tracker(namespace="robot", name="follower", image_topic=TOPIC)


class TestRunningNode(RobotTest):
    """While it runs."""

    def test_it_takes_images_of_the_topic_and_answers_in_its_namespace(self) -> None:
        self.assertEqual(self.show_until_status(NODE, TOPIC).model, DEFAULT_NETWORK)
        answer = self.ask(StartTracking, f"{NODE}/start_tracking", StartTracking.Request())
        self.assertFalse(answer.success)
        self.assertIn("draw a box around the target", answer.message)


@launch_testing.post_shutdown_test()
class TestEndedNode(unittest.TestCase):
    """After Ctrl-C."""

    def test_it_ends_with_exit_code_0(self, proc_info) -> None:
        launch_testing.asserts.assertExitCodes(proc_info, allowable_exit_codes=[0])
