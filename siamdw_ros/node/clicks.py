"""Targets by topics: `~/click` and `~/box` do the same as the service `~/start_tracking`.

For viewers that publish what the user clicked or drew, and cannot call a service. rqt_image_view
publishes clicks beside the topic that it shows, without a stamp: `TOPIC_mouse_left`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from geometry_msgs.msg import Point, PointStamped, PolygonStamped
from rclpy.callback_groups import ReentrantCallbackGroup
from siamdw_msgs.srv import StartTracking
from std_msgs.msg import Header

from siamdw_ros.node.managed_node import ManagedNode
from siamdw_ros.node.services import ServiceRequest, ServiceResponse
from siamdw_ros.ros.conversions import box_to_message

DEPTH = 10  # messages that wait for the executor
MOUSE = "_mouse_left"

Call = Callable[[ServiceRequest], Awaitable[ServiceResponse]]


class ClickInput:
    """Subscribes to clicks and boxes in every state of the node; refusals are logged.

    Args:
        node: Node of the subscriptions.
        call: Carries out a request and logs what comes of it.
    """

    def __init__(self, node: ManagedNode, call: Call) -> None:
        self._node = node
        self._call = call
        self._of_cameras: list[Any] = []  # subscriptions
        # Reentrant: a click that waits for the inference thread must not delay another.
        self._group = ReentrantCallbackGroup()
        node.create_subscription(
            PointStamped, "~/click", self._on_click, DEPTH, callback_group=self._group
        )
        node.create_subscription(
            PolygonStamped, "~/box", self._on_box, DEPTH, callback_group=self._group
        )

    def add_camera(self, name: str, topics: Sequence[str]) -> None:
        """Subscribe to clicks of rqt_image_view on a camera.

        Args:
            name: Name of the camera.
            topics: Topics of its images, and of others with the same pixels.
        """

        async def on_point(point: Point) -> None:
            click = PointStamped(header=Header(frame_id=name), point=point)
            await self._call(request_of_click(click))

        self._of_cameras += [
            self._node.create_subscription(
                Point, f"{topic}{MOUSE}", on_point, DEPTH, callback_group=self._group
            )
            for topic in topics
        ]

    def remove_cameras(self) -> None:
        """Destroy the subscriptions of all cameras."""
        for subscription in self._of_cameras:
            self._node.destroy_subscription(subscription)
        self._of_cameras = []

    async def _on_click(self, message: PointStamped) -> None:
        await self._call(request_of_click(message))

    async def _on_box(self, message: PolygonStamped) -> None:
        await self._call(request_of_polygon(message))


def request_of_click(click: PointStamped) -> StartTracking.Request:
    """Return the request to track the object at a point, in pixels of the image."""
    bbox = box_to_message((click.point.x, click.point.y, 0.0, 0.0))
    return StartTracking.Request(header=click.header, bbox=bbox)


def request_of_polygon(polygon: PolygonStamped) -> StartTracking.Request:
    """Return the request to track what is inside the upright box around a polygon, in pixels.

    A polygon without points has a box without a position: the request will be refused.
    """
    across = [point.x for point in polygon.polygon.points] or [float("nan")]
    down = [point.y for point in polygon.polygon.points] or [float("nan")]
    left, top = min(across), min(down)
    bbox = box_to_message((left, top, max(across) - left, max(down) - top))
    return StartTracking.Request(header=polygon.header, bbox=bbox)
