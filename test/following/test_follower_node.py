"""Both nodes over DDS: what they publish, and what their services and parameters do.

test/faults/test_follower_faults.py has what stops them.
"""

from collections.abc import Iterator

import pytest
from field import Field, node_process
from geometry_msgs.msg import TwistStamped
from rclpy.time import Time
from std_srvs.srv import SetBool, Trigger

from siamdw_ros.ros.conversions import seconds
from siamdw_ros.siamdw.presence import State

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def running(ros_domain: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Both nodes, and a world that both receive."""
    log = tmp_path_factory.mktemp("following") / "nodes.log"
    with (
        node_process("follower", log, camera_z=0.6, obstacle_source="scan"),
        node_process("target_pose", log, use_depth=True, fixed_frame="''"),
    ):
        field = Field()
        field.scan = 7.0
        field.wait(lambda: field.state.name and field.poses, "both nodes")
        yield field
        field.node.destroy_node()
    assert "Traceback" not in log.read_text()


@pytest.fixture
def field(running: Field) -> Field:
    """The target walks ahead of a robot that follows it."""
    running.drive()
    return running


def test_it_stands_until_it_is_started_and_after_it_is_stopped(field: Field) -> None:
    assert field.call(field.stop, Trigger.Request()).success
    field.wait(field.stands, "a command of zero", 0.5)
    field.wait(lambda: "not started" in field.state.message, "the reason")
    silence = "silence on cmd_vel: it is left to others"
    field.wait(lambda: field.now() - field.commands[-1][0] > 0.5, silence, 10.0)


def test_a_preview_moves_nothing_but_shows_the_command(field: Field) -> None:
    shown: list[TwistStamped] = []
    subscription = field.node.create_subscription(
        TwistStamped, "/follower/command", shown.append, 5
    )
    assert field.call(field.preview, SetBool.Request(data=True)).success
    field.wait(field.stands, "a command of zero", 0.5)
    field.wait(lambda: shown and shown[-1].twist.linear.x > 0.2, "a shown command")
    field.node.destroy_subscription(subscription)


def test_the_pose_is_where_the_target_is_at_the_images_stamp(field: Field) -> None:
    where = field.world.relative()
    field.wait(lambda: field.sources, "a source")
    pose = field.poses[-1]
    assert field.sources[-1] == "depth"
    assert pose.header.frame_id == "camera"
    assert pose.pose.pose.position.z == pytest.approx(where[0], abs=0.3)
    assert pose.pose.covariance[14] > 0
    age = field.node.get_clock().now() - Time.from_msg(pose.header.stamp)
    assert age.nanoseconds < 1e9


@pytest.mark.parametrize("second", [False, True])
def test_nothing_is_published_while_the_target_is_lost(field: Field, second: bool) -> None:
    """Not the pose of a second target either: a robot would drive to it."""
    field.second = second
    field.world.state = State.LOST
    lost = field.now()
    field.wait(lambda: "lost" in field.state.message, "the loss")
    field.run(0.5)
    assert seconds(field.poses[-1].header.stamp) <= lost


def test_depth_in_millimetres_is_as_good(field: Field) -> None:
    field.depth = "millimetres"
    field.run(0.3)
    field.poses.clear()
    field.wait(lambda: field.poses, "a pose")
    assert field.poses[-1].pose.pose.position.z == pytest.approx(
        field.world.relative()[0], abs=0.3
    )


def test_limits_can_only_be_tightened_while_it_runs(field: Field) -> None:
    (answer,) = field.set(max_speed=5.0)
    assert not answer.successful
    assert "tightened" in answer.reason
    assert field.set(max_speed=0.3)[0].successful
    field.run(0.7)
    assert max(motion.forward for _, motion in field.commands[-5:]) <= 0.3 + 1e-6
    assert field.set(max_speed=0.5)[0].successful


def test_an_obstacle_stops_it(field: Field) -> None:
    field.scan = 0.4
    field.wait(lambda: field.commands[-1][1].forward == 0, "the robot to stop", 1.0)
    field.wait(lambda: "obstacle" in field.state.message, "the reason")
    field.scan = 7.0
    field.wait(field.drives, "the robot to drive again")


def test_it_stands_before_another_target_until_the_operator_consents(field: Field) -> None:
    field.target = "another"
    field.wait(field.stands, "a command of zero", 1.0)
    field.wait(lambda: "'another' now, not 'one'" in field.state.message, "the reason")
    field.run(0.5)
    assert field.stands()
    field.enables = False
    field.release()
    field.wait(lambda: "not enabled" in field.state.message, "the release")
    field.enables = True
    field.wait(field.drives, "the robot to drive to the other target")


def test_it_drives_again_when_a_fault_is_over(field: Field) -> None:
    field.silent.add("camera")
    field.wait(field.stands, "a command of zero")
    field.silent.clear()
    field.wait(field.drives, "the robot to drive again")
