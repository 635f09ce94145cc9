"""The thread that receives, with subscriptions over real DDS."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from siamdw_ros.node.receiver import THREAD, Receiver
from siamdw_ros.node.throttled_log import ThrottledLog
from siamdw_ros.ros.rclpy_internals import NotForTheExecutor

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

PATIENCE = 20.0  # seconds

Launch = Callable[..., Receiver]


def wait(condition: Callable[[], Any]) -> None:
    end, tick = time.monotonic() + PATIENCE, threading.Event()
    while not condition():
        assert time.monotonic() < end
        tick.wait(0.005)


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context)
    made = Node("receiver_test", namespace=f"/test_{time.monotonic_ns()}", context=context)
    yield made
    made.destroy_node()
    rclpy.try_shutdown(context=context)


@pytest.fixture
def launch(node: Node) -> Iterator[Launch]:
    """Start receivers; they have to end."""
    launched = []

    def start(*subscriptions: Any) -> Receiver:
        launched.append(Receiver(node, subscriptions, ThrottledLog(node)))
        launched[-1].start()
        return launched[-1]

    yield start
    assert all(receiver.end(1.0) for receiver in launched)


def subscribe(node: Node, topic: str, callback: Callable[[String], None], **events: Any) -> Any:
    callbacks = SubscriptionEventCallbacks(use_default_callbacks=False, **events)
    return node.create_subscription(
        String, topic, callback, 10, callback_group=NotForTheExecutor(), event_callbacks=callbacks
    )


def publish(node: Node, topic: str, *texts: str) -> None:
    publisher = node.create_publisher(String, topic, 10)
    wait(lambda: publisher.get_subscription_count() == 1)
    for text in texts:
        publisher.publish(String(data=text))


def offer_what_does_not_fit(node: Node, topic: str) -> None:
    offered = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_publisher(String, topic, offered)


def test_every_message_reaches_its_subscription_in_the_thread(node: Node, launch: Launch) -> None:
    heard: dict[str, list[str]] = {"front": [], "rear": []}
    threads = set()

    def hearing(camera: str) -> Callable[[String], None]:
        def hear(message: String) -> None:
            threads.add(threading.current_thread())
            heard[camera].append(message.data)

        return hear

    receiver = launch(*(subscribe(node, camera, hearing(camera)) for camera in heard))
    for camera in heard:
        publish(node, camera, f"{camera} 1", f"{camera} 2", f"{camera} 3")
    wait(lambda: sum(map(len, heard.values())) == 6)
    assert heard == {camera: [f"{camera} {n}" for n in (1, 2, 3)] for camera in heard}
    assert threads == {receiver}


def test_events_of_subscriptions_are_reported(node: Node, launch: Launch) -> None:
    counts: list[int] = []
    launch(
        subscribe(node, "image", print, incompatible_qos=lambda e: counts.append(e.total_count))
    )
    for count in (1, 2):
        offer_what_does_not_fit(node, "image")
        wait(lambda expected=count: counts[-1:] == [expected])


def test_the_executor_leaves_messages_and_events_to_it(node: Node, launch: Launch) -> None:
    heard: list[str] = []
    subscription = subscribe(
        node, "image", lambda m: heard.append(m.data), incompatible_qos=lambda _: heard.append("!")
    )
    timer_fired = threading.Event()
    node.create_timer(0.05, timer_fired.set)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    offer_what_does_not_fit(node, "image")
    publish(node, "image", "waits")
    while not timer_fired.is_set():
        executor.spin_once()
    assert heard == []
    launch(subscription)
    wait(lambda: sorted(heard) == ["!", "waits"])
    executor.shutdown()


def test_a_callback_that_takes_long_does_not_delay_the_executor(
    node: Node, launch: Launch
) -> None:
    begun, go_on, fired = threading.Event(), threading.Event(), threading.Event()

    def hear(_message: String) -> None:
        begun.set()
        go_on.wait(PATIENCE)

    launch(subscribe(node, "image", hear))
    publish(node, "image", "slow")
    assert begun.wait(PATIENCE)
    node.create_timer(0.01, fired.set)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    while not fired.is_set():
        executor.spin_once()
    go_on.set()
    executor.shutdown()


def test_a_callback_that_raises_does_not_end_it(node: Node, launch: Launch) -> None:
    heard: list[str] = []

    def hear(message: String) -> None:
        heard.append(message.data)
        if message.data == "bad":
            raise ValueError("unexpected")

    launch(subscribe(node, "image", hear))
    publish(node, "image", "bad", "good")
    wait(lambda: heard == ["bad", "good"])


def test_it_ends_while_nothing_arrives_and_subscriptions_can_be_destroyed(
    node: Node, launch: Launch
) -> None:
    subscription = subscribe(node, "image", print)
    for _ in range(3):
        assert launch(subscription).end(1.0)
    assert node.destroy_subscription(subscription)
    assert node.count_subscribers("image") == 0


def test_it_ends_although_ros_was_shut_down_first(node: Node, launch: Launch) -> None:
    receiver = launch(subscribe(node, "image", print))
    rclpy.shutdown(context=node.context)
    assert receiver.end(1.0)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads show in /proc on Linux")
def test_the_system_shows_it_by_name(node: Node, launch: Launch) -> None:
    receiver = launch(subscribe(node, "image", print))
    shown = Path(f"/proc/self/task/{receiver.native_id}/comm")
    wait(lambda: shown.read_text().strip() == THREAD)
