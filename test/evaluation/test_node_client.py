"""A client of the node lives on, whatever its other threads do."""

from typing import Any

import pytest
from rclpy.callback_groups import ReentrantCallbackGroup
from std_msgs.msg import Bool

from siamdw_ros.evaluation.node_client import Client

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("ros_domain")]


def test_a_client_receives_on_when_a_publisher_is_destroyed_that_it_was_to_wait_for() -> None:
    """Destroyed between two steps of the executor, as another thread would sometimes do it."""
    destroyed = []

    class DestroyedThen(ReentrantCallbackGroup):
        def can_execute(self, _entity: Any) -> bool:
            if not destroyed:
                destroyed.append(client.node.destroy_publisher(publisher))
            return True

    received: list[Bool] = []
    with Client("/destroying") as client:
        publisher = client.node.create_publisher(Bool, "other", 1)
        (*_, event) = publisher.event_handlers
        client.node.create_subscription(Bool, "topic", received.append, 1)
        talker = client.node.create_publisher(Bool, "topic", 1)
        event.callback_group = DestroyedThen()
        client.wait(lambda: talker.publish(Bool()) or destroyed, "the destruction", 30.0)
        received.clear()
        client.wait(lambda: talker.publish(Bool()) or received, "a message", 30.0)
