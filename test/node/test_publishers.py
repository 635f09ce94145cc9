"""Debug images are made while there are subscribers, and no more often than the rate allows."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from siamdw_ros.node import debug_image
from siamdw_ros.node.decoding import TRANSPORTS, ImageDecoder, Transport, image_message
from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.metrics import ProcessStats, ReceiveStats
from siamdw_ros.node.publishers import CameraOutput
from siamdw_ros.node.results import FrameResult
from siamdw_ros.node.settings import Settings
from siamdw_ros.siamdw.bundled import DEFAULT_NETWORK

PICTURE = np.full((48, 64, 3), 100, np.uint8)


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node("debug_test", namespace=f"/test_{time.monotonic_ns()}")
    yield made
    made.destroy_node()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The captions of all that is drawn."""
    captions: list[str] = []
    draw = debug_image.draw

    def count(image: np.ndarray, targets: list[object], caption: str) -> np.ndarray:
        captions.append(caption)
        return draw(image, targets, caption)

    monkeypatch.setattr(debug_image, "draw", count)
    return captions


def output(node: Node) -> CameraOutput:
    return CameraOutput(node, "~", ReceiveStats(), ProcessStats(), "cpu")


def result(message: Image | CompressedImage, transport: str = "raw") -> FrameResult:
    message.header = Header(frame_id="camera_optical")
    message.header.stamp.sec = 7
    frame = Frame("camera", message, 0.0, ImageDecoder(TRANSPORTS[transport]))
    return FrameResult(frame, (), 0.01, Settings())


def spin_until(node: Node, condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        rclpy.spin_once(node, timeout_sec=0.05)


def test_nothing_is_drawn_while_nobody_looks(node: Node, drawn: list[str]) -> None:
    output(node).show(result(image_message(PICTURE)))
    assert drawn == []


@pytest.mark.parametrize("transport", TRANSPORTS.values(), ids=TRANSPORTS)
def test_who_looks_gets_a_picture_with_the_header_of_the_image(
    node: Node, drawn: list[str], transport: Transport
) -> None:
    publisher, got = output(node), []
    node.create_subscription(transport.message, f"~/debug_image{transport.suffix}", got.append, 1)
    spin_until(node, lambda: node.count_subscribers(f"~/debug_image{transport.suffix}"))

    def publish() -> list[object]:
        publisher.show(result(image_message(PICTURE)))
        return got

    spin_until(node, publish)
    assert (got[0].header.stamp.sec, got[0].header.frame_id) == (7, "camera_optical")
    assert ImageDecoder(transport).image(got[0], 0.0).shape == PICTURE.shape
    assert f"{DEFAULT_NETWORK} on cpu" in drawn[0]


def test_no_more_are_drawn_than_the_rate_allows(node: Node, drawn: list[str]) -> None:
    publisher = output(node)
    node.create_subscription(Image, "~/debug_image", lambda _: None, 1)
    spin_until(node, lambda: node.count_subscribers("~/debug_image"))
    start = time.monotonic()
    while time.monotonic() < start + 0.35:
        publisher.show(result(image_message(PICTURE)))
        threading.Event().wait(0.005)
    assert 1 <= len(drawn) <= 10 * (time.monotonic() - start) + 1


def test_an_image_that_cannot_be_decoded_is_not_drawn(node: Node, drawn: list[str]) -> None:
    node.create_subscription(Image, "~/debug_image", lambda _: None, 1)
    spin_until(node, lambda: node.count_subscribers("~/debug_image"))
    damaged = CompressedImage(data=b"\x89PNG\r\n\x1a\n")
    output(node).show(result(damaged, "compressed"))
    assert drawn == []
