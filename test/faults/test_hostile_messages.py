"""Made-up and damaged messages over real DDS: every one arrives, and every one is counted."""

import random
from collections.abc import Iterator

import pytest
import rclpy
from hypothesis import HealthCheck, given, settings
from message_strategies import START_REQUESTS, STOP_REQUESTS, images
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from rig import LaunchRig, Rig, Trials
from sensor_msgs.msg import Image
from siamdw_msgs.srv import StartTracking, StopTracking
from std_msgs.msg import String

from siamdw_ros.node.decoding import RAW, image_message

pytestmark = [pytest.mark.ros, pytest.mark.timeout(900)]

MESSAGES = 200  # of each kind and trial
MADE_UP = settings(
    max_examples=MESSAGES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def reliable_rig(launch_rig: LaunchRig) -> Iterator[Rig]:
    """A node that takes every image there is, so that they can be counted."""
    with launch_rig(reliable=True, max_request_rate=0.0, backend="torch") as rig:
        yield rig


@pytest.fixture
def publisher(reliable_rig: Rig) -> Iterator[Publisher]:
    """Of images; it keeps what was not taken yet."""
    node = reliable_rig.robot.node
    made = node.create_publisher(Image, "image", QoSProfile(depth=1000))
    reliable_rig.wait(made.get_subscription_count, "the subscription")
    yield made
    node.destroy_publisher(made)


def counts_after_one_more(rig: Rig, publisher: Publisher) -> tuple[int, int]:
    """Received and rejected, once the node has taken all that was sent."""
    image = image_message(rig.picture)
    image.header.stamp = rig.robot.node.get_clock().now().to_msg()
    publisher.publish(image)
    stamp = image.header.stamp
    rig.wait(lambda: rig.robot.statuses and latest(rig).header.stamp == stamp, "its status")
    return latest(rig).received, latest(rig).rejected


def latest(rig: Rig) -> object:
    """The newest status."""
    return rig.robot.statuses[-1].message


def test_made_up_images(reliable_rig: Rig, publisher: Publisher, trials: Trials) -> None:
    for trial in trials(f"{MESSAGES} made-up images over DDS"):
        received, rejected = counts_after_one_more(reliable_rig, publisher)
        bad = []

        @MADE_UP
        @given(images())
        def send(message: Image) -> None:
            problem = RAW.check(message)
            bad.append(bool(problem))  # noqa: B023  (called at once)
            publisher.publish(message)

        send()
        received_now, rejected_now = counts_after_one_more(reliable_rig, publisher)
        assert received_now - received == len(bad) + 1
        assert rejected_now - rejected == sum(bad)
        trial.counts = {"sent": len(bad), "rejected": sum(bad)}
        with reliable_rig.camera():
            reliable_rig.follow()
            reliable_rig.survived(trial)


def test_made_up_requests(reliable_rig: Rig, trials: Trials) -> None:
    names = {StartTracking.Request: "start_tracking", StopTracking.Request: "stop_tracking"}
    kinds = {StartTracking.Request: StartTracking, StopTracking.Request: StopTracking}
    for trial in trials(f"{MESSAGES} made-up requests over DDS"):
        outcomes = []

        @MADE_UP
        @given(START_REQUESTS | STOP_REQUESTS)
        def ask(request: object) -> None:
            kind = type(request)
            answer = reliable_rig.robot.ask(kinds[kind], names[kind], request)
            assert answer.message
            outcomes.append(answer.success)  # noqa: B023  (called at once)

        with reliable_rig.camera():
            reliable_rig.follow()
        ask()
        trial.counts = {"asked": len(outcomes), "carried out": sum(outcomes)}
        reliable_rig.robot.stop()
        with reliable_rig.camera():
            reliable_rig.follow()
            reliable_rig.survived(trial)


def test_damaged_serializations(reliable_rig: Rig, publisher: Publisher, trials: Trials) -> None:
    whole = serialize_message(Image(width=9, height=9, encoding="mono8", step=9, data=bytes(81)))
    for trial in trials(f"{MESSAGES} serialized images with damaged bytes over DDS"):
        source = random.Random(trial.fault)
        for _ in range(MESSAGES):
            damaged = bytearray(whole)
            for _ in range(source.randint(1, 4)):
                damaged[source.randrange(4, len(damaged))] = source.randrange(256)
            publisher.publish(bytes(damaged[: source.choice([None, source.randrange(4, 99)])]))
        with reliable_rig.camera():
            reliable_rig.follow()
            reliable_rig.survived(trial)


def test_another_type_on_the_topic(reliable_rig: Rig, trials: Trials) -> None:
    context = rclpy.Context()  # one participant cannot have both types on a topic
    rclpy.init(context=context)
    node = Node("stranger", namespace=reliable_rig.robot.node.get_namespace(), context=context)
    stranger = node.create_publisher(String, "image", 10)
    for trial in trials("messages of another type on the image topic"):
        with reliable_rig.camera():
            for _ in range(20):
                stranger.publish(String(data="not an image"))
            reliable_rig.follow()
            reliable_rig.survived(trial)
    node.destroy_node()
    rclpy.shutdown(context=context)
