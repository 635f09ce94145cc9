"""A node that was launched with respawn comes back by itself when it is killed."""

import os
import signal
import unittest

import pytest

pytest.importorskip("launch_testing", reason="needs ROS 2's launch_testing")
pytest.importorskip("launch_ros", reason="needs ROS 2's launch_ros")

import launch_testing.markers
from launch import LaunchDescription
from launched import RobotTest, launch_tracker

NODE, TOPIC = "/siamdw_tracker", "/image"


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description() -> LaunchDescription:
    """Start the node with respawn."""
    return launch_tracker(respawn="true")


class TestRespawnedNode(RobotTest):
    """While it runs, dies and runs again."""

    def test_it_publishes_again_after_it_was_killed(self, proc_info) -> None:
        self.show_until_status(NODE, TOPIC)
        name = next(name for name in proc_info.process_names() if "tracker_node" in name)
        first = proc_info[name].pid
        os.kill(first, signal.SIGKILL)
        # It counts from the beginning.
        self.assertLess(self.show_until_status(NODE, TOPIC).processed, 10)
        self.assertNotEqual(proc_info[name].pid, first)


@launch_testing.post_shutdown_test()
class TestEndedNode(unittest.TestCase):
    """After Ctrl-C."""

    def test_the_last_one_ended_cleanly(self, proc_info) -> None:
        codes = [proc_info[name].returncode for name in proc_info.process_names()]
        self.assertEqual(codes[-1], 0)
