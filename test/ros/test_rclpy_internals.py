"""The private parts of rclpy that the node uses are there, and do what it needs."""

import inspect
import time
from collections.abc import Iterator

import pytest
import rclpy
from lifecycle_msgs.msg import State, Transition
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from std_msgs.msg import String

from siamdw_ros.ros import rclpy_internals
from siamdw_ros.ros.rclpy_internals import (
    NotForTheExecutor,
    RCLError,
    StateMachine,
    SubscriptionWaitSet,
    parameter_overrides,
)


@pytest.fixture
def context() -> Iterator[rclpy.Context]:
    made = rclpy.Context()
    arguments = ["--ros-args", "-p", "speed:=2", "-p", "name:=5"]
    rclpy.init(args=arguments, context=made)
    yield made
    rclpy.try_shutdown(context=made)


def test_no_other_module_uses_private_parts() -> None:
    folder = inspect.getsourcefile(rclpy_internals)
    assert folder is not None
    from pathlib import Path

    private = ("rclpy.impl", "rclpy_implementation", "_state_machine", "_parameter_overrides")
    for path in Path(folder).parents[1].rglob("*.py"):
        if path.name != "rclpy_internals.py":
            text = path.read_text()
            assert not [word for word in private if word in text], path


def test_a_wait_set_gives_the_messages_of_its_subscriptions(context: rclpy.Context) -> None:
    node = Node("internals", namespace=f"/test_{time.monotonic_ns()}", context=context)
    heard: list[str] = []
    subscription = node.create_subscription(
        String, "text", lambda m: heard.append(m.data), 10, callback_group=NotForTheExecutor()
    )
    publisher = node.create_publisher(String, "text", 10)
    with SubscriptionWaitSet(node, [subscription]) as wait_set:
        wait_set.wake()
        assert wait_set.wait() == []
        publisher.publish(String(data="hello"))
        while not heard:
            for take in wait_set.wait():
                take()
    assert heard == ["hello"]
    node.destroy_node()


def test_a_state_machine_carries_out_transitions() -> None:
    node = LifecycleNode("internals")
    machine = StateMachine(node, lambda request, response: response)
    assert machine.current == (State.PRIMARY_STATE_UNCONFIGURED, "unconfigured")
    with pytest.raises(RCLError):
        machine.begin(Transition.TRANSITION_ACTIVATE)
    with pytest.raises(RCLError):
        machine.transition_id("nonsense")
    machine.begin(machine.transition_id("configure"))
    assert machine.current[1] == "configuring"
    machine.finish(TransitionCallbackReturn.SUCCESS)
    assert machine.current[1] == "inactive"
    node.destroy_node()


def test_values_given_at_the_start_can_be_read_and_replaced(context: rclpy.Context) -> None:
    node = Node("internals", context=context)
    overrides = parameter_overrides(node)
    assert {name: p.value for name, p in overrides.items()} == {"speed": 2, "name": 5}
    overrides["speed"] = rclpy.Parameter("speed", value=2.0)
    node.declare_parameter("speed", 1.0)
    assert node.get_parameter("speed").value == 2.0
    node.destroy_node()
