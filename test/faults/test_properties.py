"""Thousands of made-up messages: nothing raises, and each is either used or counted as refused."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from ledger import Ledger, Trial
from message_strategies import START_REQUESTS, STOP_REQUESTS, compressed_images, images
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.node.decoding import TRANSPORTS, ImageDecoder, UndecodableError, compressed, raw
from siamdw_ros.node.tracker_node import TrackerNode

# A long run asks for tens of thousands of messages.
pytestmark = [pytest.mark.ros, pytest.mark.timeout(3600)]


SCENE = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)


@pytest.fixture
def generate(pytestconfig: pytest.Config, ledger: Ledger) -> Callable[..., None]:
    """Call a function with each of many made-up messages, and write down what it returned."""

    def run(what: str, strategy: Any, use: Callable[[Any], str]) -> dict[str, int]:
        counts: dict[str, int] = {}

        @settings(
            max_examples=pytestconfig.getoption("--fault-messages"),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def each(message: Any) -> None:
            result = use(message)
            counts[result] = counts.get(result, 0) + 1

        each()
        ledger.write(Trial(what, counts=counts))
        return counts

    return run


def test_every_image_is_refused_or_can_be_converted(generate: Callable[..., Any]) -> None:
    def convert(message: Any) -> str:
        if raw.check(message):
            return "rejected"
        image = ImageDecoder().image(message, 0.0)
        assert image.shape == (message.height, message.width, 3)
        assert image.dtype == np.uint8
        return "accepted"

    counts = generate("made-up images: check and conversion", images(), convert)
    assert min(counts.values()) > 0.1 * sum(counts.values()), "one-sided"


def test_every_compressed_image_is_refused_or_decoded(generate: Callable[..., Any]) -> None:
    def decode(message: Any) -> str:
        if compressed.check(message):
            return "rejected"
        try:
            image = ImageDecoder(TRANSPORTS["compressed"]).image(message, 0.0)
        except UndecodableError:
            return "undecodable"
        assert image.ndim == 3
        assert image.dtype == np.uint8
        assert raw.check_size(image.shape[1], image.shape[0]) is None
        return "accepted"

    counts = generate("made-up JPEG and PNG: check and decoding", compressed_images(), decode)
    assert min(counts.values()) > 0.02 * sum(counts.values()), "one-sided"


@pytest.fixture(scope="module")
def hosted() -> Iterator[TrackerNode]:
    """A whole node in this process, active."""
    node = TrackerNode()
    # All requests are about one image.
    given = {"threads": 1, "backend": "torch", "max_request_rate": 0.0, "camera_timeout": 3600.0}
    node.set_parameters([Parameter(name, value=value) for name, value in given.items()])
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinning = threading.Thread(target=executor.spin)
    spinning.start()
    wait(lambda: node.state == "active")
    yield node
    assert node.close()
    executor.shutdown()
    spinning.join()
    node.destroy_node()


def wait(condition: Callable[[], Any], seconds: float = 240.0) -> None:
    """Wait until a condition holds."""
    end, tick = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < end
        tick.wait(0.001)


def test_the_node_accounts_for_every_image(
    hosted: TrackerNode, generate: Callable[..., Any]
) -> None:
    (camera,) = hosted.inputs.values()
    (subscription,) = [one for one in hosted.subscriptions if one.topic_name == camera.topic]

    def receive(message: Any) -> str:
        before = camera.received.rejected
        subscription.callback(message)
        return "rejected" if camera.received.rejected > before else "accepted"

    counts = generate("made-up images: a node's callback", images(), receive)
    received, processed = camera.received, camera.processed
    wait(lambda: received.images == received.rejected + received.dropped + processed.images)
    assert received.images == sum(counts.values())
    assert received.rejected == counts["rejected"]
    assert processed.failed == 0


def test_every_request_is_answered(hosted: TrackerNode, generate: Callable[..., Any]) -> None:
    (camera,) = hosted.inputs.values()
    (subscription,) = [one for one in hosted.subscriptions if one.topic_name == camera.topic]
    services = {one.srv_type: one.callback for one in hosted.services}

    def ask(request: Any) -> str:
        kind = StartTracking if isinstance(request, StartTracking.Request) else StopTracking
        task = hosted.executor.create_task(services[kind], request, kind.Response())
        wait(task.done)
        assert isinstance(task.result(), kind.Response)
        assert task.result().message
        return "carried out" if task.result().success else "refused"

    subscription.callback(raw.image_message(SCENE))
    counts = generate("made-up requests", START_REQUESTS | STOP_REQUESTS, ask)
    assert min(counts.values()) > 0.02 * sum(counts.values()), "one-sided"
