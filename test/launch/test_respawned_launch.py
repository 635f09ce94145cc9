"""A node that was launched with respawn comes back by itself, whichever process is killed."""

import os
import signal
import unittest
from pathlib import Path

import pytest

pytest.importorskip("launch_testing", reason="needs ROS 2's launch_testing")
pytest.importorskip("launch_ros", reason="needs ROS 2's launch_ros")

import launch_testing.markers
from launch import LaunchDescription
from launched import RobotTest, launch_tracker

NODE, TOPIC, FEW = "/siamdw_tracker", "/camera/image_raw", 20


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description() -> LaunchDescription:
    """Start the node with respawn."""
    return launch_tracker(respawn="true")


class TestRespawnedNode(RobotTest):
    """While it runs, dies and runs again."""

    def test_it_publishes_again_after_it_was_killed(self, proc_info) -> None:
        self.wait_for_count(lambda processed: processed >= FEW)
        name = next(name for name in proc_info.process_names() if "tracker_node" in name)
        parent = proc_info[name].pid
        node = int(Path(f"/proc/{parent}/task/{parent}/children").read_text())
        os.kill(node, signal.SIGKILL)
        self.wait_for_count(lambda processed: processed < FEW)  # a new node counts from 1
        self.wait_for_count(lambda processed: processed >= FEW)
        self.assertEqual(proc_info[name].pid, parent)

        os.kill(parent, signal.SIGKILL)
        self.wait_for_count(lambda processed: processed < FEW)
        self.assertNotEqual(proc_info[name].pid, parent)

    def wait_for_count(self, holds) -> None:
        """Show images until a status counts them so."""
        self.wait(lambda: holds(self.show_until_status(NODE, TOPIC).processed), "such a count")


@launch_testing.post_shutdown_test()
class TestEndedNode(unittest.TestCase):
    """After Ctrl-C."""

    def test_the_last_one_ended_cleanly(self, proc_info) -> None:
        codes = [proc_info[name].returncode for name in proc_info.process_names()]
        self.assertEqual(codes[-1], 0)
