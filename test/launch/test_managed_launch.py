"""A node that is launched to be managed waits for its manager."""

import unittest

import pytest

pytest.importorskip("launch_testing", reason="needs ROS 2's launch_testing")
pytest.importorskip("launch_ros", reason="needs ROS 2's launch_ros")

import launch_testing.asserts
import launch_testing.markers
from launch import LaunchDescription
from launched import RobotTest, launch_tracker
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState

NODE = "/siamdw_tracker"


@pytest.mark.launch_test
@launch_testing.markers.keep_alive
def generate_test_description() -> LaunchDescription:
    """Start the node without autostart."""
    return launch_tracker(autostart="false")


class TestManagedNode(RobotTest):
    """While it runs."""

    def state(self) -> str:
        return self.ask(GetState, f"{NODE}/get_state", GetState.Request()).current_state.label

    def test_it_is_configured_and_activated_by_its_manager(self) -> None:
        self.assertEqual(self.state(), "unconfigured")
        for transition, state in (
            (Transition.TRANSITION_CONFIGURE, "inactive"),
            (Transition.TRANSITION_ACTIVATE, "active"),
            (Transition.TRANSITION_DEACTIVATE, "inactive"),
        ):
            request = ChangeState.Request(transition=Transition(id=transition))
            self.assertTrue(self.ask(ChangeState, f"{NODE}/change_state", request).success)
            self.assertEqual(self.state(), state)


@launch_testing.post_shutdown_test()
class TestEndedNode(unittest.TestCase):
    """After Ctrl-C."""

    def test_it_ends_with_exit_code_0(self, proc_info) -> None:
        launch_testing.asserts.assertExitCodes(proc_info, allowable_exit_codes=[0])
