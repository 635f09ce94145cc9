"""The panel listens to the cameras that are watched, however fast that changes."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import Image

from siamdw_ros.panel.hub import Hub
from siamdw_ros.panel.ros_link import RosLink
from siamdw_ros.panel.settings import PanelSettings

pytestmark = pytest.mark.ros
CAMERA = "front"
WAIT = 15.0  # seconds
SETTINGS = PanelSettings()


class Viewer:
    """A browser that shows the first camera."""

    camera = ""

    def wake(self) -> None:
        """Nothing is sent."""

    def end_hold(self) -> None:
        """No button is held."""


def diagnostics(topic: str) -> DiagnosticArray:
    """The tracker's diagnostics, with one camera."""
    values = [KeyValue(key="topic", value=topic)]
    return DiagnosticArray(
        status=[DiagnosticStatus(name=f"siamdw_tracker: camera {CAMERA}", values=values)]
    )


class BusyThread:
    """Keeps the panel's ROS thread busy, as a loaded machine does.

    Args:
        node: The panel's.
    """

    def __init__(self, node: Node) -> None:
        self._free = threading.Event()
        self._free.set()
        self._waiting = threading.Event()
        node.create_timer(0.01, self._on_timer)

    def _on_timer(self) -> None:
        if not self._free.is_set():
            self._waiting.set()
            self._free.wait()

    def __enter__(self) -> None:
        self._free.clear()
        assert self._waiting.wait(WAIT)

    def __exit__(self, *_error: object) -> None:
        self._free.set()


def images_come(topics: tuple[str, str], change: Callable[[Hub], None]) -> None:
    """Show a camera, change what is shown while the panel's ROS thread is busy, and wait.

    Args:
        topics: Of the images before and after the change.
        change: Makes several changes at once.
    """

    async def run() -> None:
        node = Node("panel_under_test")
        busy = BusyThread(node)
        link = RosLink(node, "siamdw_tracker", "", asyncio.get_running_loop())
        hub = Hub(link, SETTINGS)
        robot = Node("robot")
        try:
            link.run(hub)
            hub.viewers.add(Viewer())
            hub.on_diagnostics(diagnostics(topics[0]))
            await image_comes(robot, topics[0], hub)
            with busy:
                change(hub)
            assert hub.newest(CAMERA) is None
            await image_comes(robot, topics[1], hub)
        finally:
            link.close()
            hub.close()
            robot.destroy_node()

    asyncio.run(run())


async def image_comes(robot: Node, topic: str, hub: Hub) -> None:
    """Publish an image until the panel has it."""
    images = robot.create_publisher(Image, topic, 1)
    end = time.monotonic() + WAIT
    while hub.newest(CAMERA) is None:
        assert time.monotonic() < end, f"an image of {topic}: not within {WAIT:g} s"
        images.publish(Image(width=1, height=1, encoding="mono8", step=1, data=b"0"))
        await asyncio.sleep(0.05)
    robot.destroy_publisher(images)


def test_images_of_another_topic_come_when_the_tracker_takes_those(ros_domain: None) -> None:
    images_come(
        ("/before/image", "/after/image"),
        lambda hub: hub.on_diagnostics(diagnostics("/after/image")),
    )


def test_images_come_to_a_page_that_is_loaded_again(ros_domain: None) -> None:
    def load_again(hub: Hub) -> None:
        hub.viewers.clear()
        hub.update_streams()
        hub.viewers.add(Viewer())
        hub.update_streams()

    images_come(("/image", "/image"), load_again)
