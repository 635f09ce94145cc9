"""Targets by topics: `~/click` and `~/box` do the same as the service `~/start_tracking`.

For viewers that publish what the user clicked or drew, and cannot call a service.
"""

from collections.abc import Awaitable, Callable

from geometry_msgs.msg import PointStamped, PolygonStamped
from rclpy.callback_groups import ReentrantCallbackGroup
from siamdw_msgs.srv import StartTracking

from siamdw_ros.node.managed_node import ManagedNode
from siamdw_ros.node.messages import box_to_message
from siamdw_ros.node.services import ServiceRequest, ServiceResponse

DEPTH = 10  # messages that wait for the executor

Call = Callable[[ServiceRequest], Awaitable[ServiceResponse]]


class ClickInput:
    """Subscribes to clicks and boxes in every state of the node; refusals are logged.

    Args:
        node: Node of the subscriptions.
        call: Carries out a request and logs what comes of it.
    """

    def __init__(self, node: ManagedNode, call: Call) -> None:
        self._call = call
        # Reentrant: a click that waits for the inference thread must not delay another.
        group = ReentrantCallbackGroup()
        node.create_subscription(
            PointStamped, "~/click", self._on_click, DEPTH, callback_group=group
        )
        node.create_subscription(
            PolygonStamped, "~/box", self._on_box, DEPTH, callback_group=group
        )

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
