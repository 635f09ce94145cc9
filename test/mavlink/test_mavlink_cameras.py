"""The node's cameras and its permission to fly, from messages that the test makes."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TwistStamped
from rclpy.duration import Duration
from siamdw_msgs.msg import TargetState, TrackerStatus

from siamdw_ros.mavlink import node as node_module

pytestmark = pytest.mark.ros


@pytest.fixture
def make(ros_domain: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Makes nodes with these parameters, and destroys them."""
    nodes = []

    def make(**values: object) -> Any:
        settings = {"connection": "udpin:127.0.0.1:0", **values}
        monkeypatch.setattr(
            node_module,
            "NodeParameters",
            lambda _node, kind: SimpleNamespace(settings=kind(**settings)),
        )
        nodes.append(node_module.MavlinkCameraNode())
        return nodes[-1]

    yield make
    for node in nodes:
        node.halt()
        node.destroy_node()


def configure(node: Any, *cameras: str) -> None:
    """Let the tracker report these cameras."""
    statuses = [
        DiagnosticStatus(
            name=f"siamdw_tracker: camera {camera}",
            values=[
                KeyValue(key="topic", value=f"/{camera}/image"),
                KeyValue(key="image size", value="640x480"),
                KeyValue(key="images/s received", value="30.0"),
            ],
        )
        for camera in cameras
    ]
    statuses.append(DiagnosticStatus(name="siamdw_tracker: tracker"))
    node._on_diagnostics(DiagnosticArray(status=statuses))


def ids(node: Any) -> dict[str, int]:
    return {name: one.address[1] for name, one in node.cameras.components.items()}


def topics(node: Any) -> list[str]:
    """The topics of the tracker that the node listens to."""
    found = [subscription.topic_name for subscription in node.subscriptions]
    return sorted(name for name in found if name.endswith("/status"))


def test_the_cameras_follow_a_tracker_that_is_configured_anew(make: Callable[..., Any]) -> None:
    node = make()
    configure(node, "front")
    assert topics(node) == ["/siamdw_tracker/status"]
    first = node.cameras.components["front"]
    configure(node, "front", "rear")
    assert ids(node) == {"front": 100, "rear": 101}
    assert topics(node) == ["/siamdw_tracker/front/status", "/siamdw_tracker/rear/status"]
    assert node.cameras.components["front"] is first
    configure(node)  # a moment without a configuration
    configure(node, "rear", "front")
    assert ids(node) == {"rear": 100, "front": 101}
    configure(node, "above")
    assert ids(node) == {"above": 100}
    assert topics(node) == ["/siamdw_tracker/status"]


def test_named_cameras_keep_their_ids(make: Callable[..., Any]) -> None:
    node = make(cameras=["front", "rear"])
    configure(node, "above", "rear", "front")
    assert ids(node) == {"front": 100, "rear": 101}
    configure(node, "rear")
    assert ids(node) == {"rear": 101}
    configure(node, "above")
    assert ids(node) == {}
    assert "no camera: the tracker has only above" in node._problems(0.0)


def report(node: Any, camera: str, *targets: tuple[str, int]) -> None:
    """Let the tracker report targets after an image."""
    status = TrackerStatus()
    for name, state in targets:
        target = TargetState(id=name, state=state, score=0.9)
        target.bbox.center.position.x = target.bbox.center.position.y = 100.0
        target.bbox.size_x = target.bbox.size_y = 50.0
        status.targets.append(target)
    offer = node._offers[camera]
    node._on_status(offer.component, offer.feed, status)


def is_permitted(node: Any) -> bool:
    """Whether the target was seen since the last question."""
    seen = node.cameras.flight._seen is not None
    node.cameras.flight._seen = None
    return seen


LOST, TRACKED = TargetState.LOST, TargetState.TRACKED


def test_only_the_followers_target_permits_to_fly(make: Callable[..., Any]) -> None:
    node = make(flight=True)
    configure(node, "front")
    report(node, "front", ("person", TRACKED), ("other", LOST))
    assert is_permitted(node)
    report(node, "front", ("person", TargetState.UNCERTAIN))
    assert is_permitted(node)
    # Also when the other one is the one that a ground station started and is shown.
    report(node, "front", ("person", LOST), ("mavlink_100", TRACKED))
    assert not is_permitted(node)
    report(node, "front")
    assert not is_permitted(node)


def test_the_followers_target_may_be_named(make: Callable[..., Any]) -> None:
    node = make(flight=True, flight_target_id="person")
    configure(node, "front")
    report(node, "front", ("other", TRACKED), ("person", LOST))
    assert not is_permitted(node)
    report(node, "front", ("other", LOST), ("person", TRACKED))
    assert is_permitted(node)


def test_only_the_followers_camera_permits_to_fly(make: Callable[..., Any]) -> None:
    node = make(flight=True, flight_camera="rear")
    configure(node, "front", "rear")
    report(node, "front", ("person", TRACKED))
    assert not is_permitted(node)
    report(node, "rear", ("person", TRACKED))
    assert is_permitted(node)


def test_of_several_cameras_none_permits_to_fly_unless_it_is_named(
    make: Callable[..., Any],
) -> None:
    node = make(flight=True)
    configure(node, "front")
    assert not any("flight_camera" in problem for problem in node._problems(0.0))
    configure(node, "front", "rear")
    for camera in ("front", "rear"):
        report(node, camera, ("person", TRACKED))
        assert not is_permitted(node)
    assert any(
        problem.startswith("flight_camera is '', expected the follower's of front, rear")
        for problem in node._problems(0.0)
    )


@pytest.mark.parametrize(("seconds", "counts"), [(None, True), (0.1, True), (0.6, False)])
def test_a_command_that_is_delivered_late_does_not_count(
    make: Callable[..., Any], seconds: float | None, counts: bool
) -> None:
    node = make(gimbal=True)
    given = []
    node.cameras.gimbal.command = lambda *rates: given.append(rates)
    command = TwistStamped()
    command.twist.angular.z = 0.5
    if seconds is not None:  # without a stamp its age is not known
        sent = node.get_clock().now() - Duration(seconds=seconds)
        command.header.stamp = sent.to_msg()
    node._on_gimbal_command(command)
    assert bool(given) == counts
