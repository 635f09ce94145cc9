"""However the follower is asked to end, its last command is zero."""

import signal
from pathlib import Path

import pytest
from field import Field, node_process

pytestmark = pytest.mark.ros


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_last_command_of_a_follower_that_ends_is_zero(
    number: signal.Signals, ros_domain: None, tmp_path: Path
) -> None:
    log = tmp_path / "nodes.log"
    with (
        node_process("follower", log, camera_z=0.6, obstacle_source="scan") as follower,
        node_process("target_pose", log, use_depth=True, fixed_frame="''"),
    ):
        field = Field()
        field.scan = 7.0
        field.wait(lambda: field.state.name and field.poses, "both nodes")
        field.drive()
        follower.send_signal(number)
        field.wait(lambda: follower.poll() is not None, "the end of the follower", 20.0)
        field.wait(field.stands, "a last command of zero", 5.0)
        field.close()
    assert follower.returncode == 0
    assert "Traceback" not in log.read_text()
