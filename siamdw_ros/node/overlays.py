"""Boxes for viewers that draw on the camera's own image: Foxglove, and others that take markers.

Unlike the debug image these are small messages, and the viewer shows the image at its own rate.
"""

from collections.abc import Iterable
from typing import Any

from geometry_msgs.msg import Point
from rclpy.node import Node
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import ImageMarker

from siamdw_ros.node.debug_image import COLORS
from siamdw_ros.node.results import FrameResult, TargetResult

try:  # not a dependency: a robot without Foxglove need not have it
    import foxglove_msgs.msg as foxglove
except ModuleNotFoundError:
    foxglove = None

WIDTH = 3.0  # pixels of a line
FONT_SIZE = 16.0  # pixels


class OverlayPublisher:
    """Publishes `image_markers`, and `annotations` where foxglove_msgs is installed.

    Args:
        node: Node of the publishers.
        prefix: Prefix of the topics.
    """

    def __init__(self, node: Node, prefix: str) -> None:
        self._node = node
        self._makers = [(node.create_publisher(ImageMarker, f"{prefix}/image_markers", 5), marker)]
        if foxglove is not None:
            kind, topic = foxglove.ImageAnnotations, f"{prefix}/annotations"
            self._makers.append((node.create_publisher(kind, topic, 5), annotations))

    def publish(self, result: FrameResult) -> None:
        """Publish the boxes of one frame, to those who subscribe."""
        header = result.frame.message.header
        for publisher, make in self._makers:
            if publisher.get_subscription_count() > 0:
                publisher.publish(make(header, result.targets))

    def destroy(self) -> None:
        """Destroy the publishers."""
        for publisher, _ in self._makers:
            self._node.destroy_publisher(publisher)


def marker(header: Header, targets: Iterable[TargetResult]) -> ImageMarker:
    """Return all targets' boxes as one marker of lines, coloured by state.

    Without targets it removes the boxes of the frame before. A lost target has its box where the
    search continues.

    Args:
        header: Of the image.
        targets: Boxes in pixels of the image.
    """
    made = ImageMarker(header=header, ns="targets", type=ImageMarker.LINE_LIST, scale=WIDTH)
    for target in targets:
        corners = _corners(target)
        for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
            made.points += [Point(x=start[0], y=start[1]), Point(x=end[0], y=end[1])]
            made.outline_colors.append(ColorRGBA(**_color(target)))
    if made.points:
        made.outline_color = made.outline_colors[0]
    else:
        made.action = ImageMarker.REMOVE
    return made


def annotations(header: Header, targets: Iterable[TargetResult]) -> Any:
    """Return all targets' boxes with id, score and state, as foxglove_msgs/ImageAnnotations.

    Args:
        header: Of the image.
        targets: Boxes in pixels of the image.
    """
    made = foxglove.ImageAnnotations()
    for target in targets:
        corners = [foxglove.Point2(x=x, y=y) for x, y in _corners(target)]
        color = foxglove.Color(**_color(target))
        made.points.append(
            foxglove.PointsAnnotation(
                timestamp=header.stamp,
                type=foxglove.PointsAnnotation.LINE_LOOP,
                points=corners,
                outline_color=color,
                thickness=WIDTH,
            )
        )
        made.texts.append(
            foxglove.TextAnnotation(
                timestamp=header.stamp,
                position=corners[0],
                text=f"{target.id} {target.score:.2f} {target.state.name.lower()}",
                font_size=FONT_SIZE,
                text_color=foxglove.Color(r=1.0, g=1.0, b=1.0, a=1.0),
                background_color=color,
            )
        )
    return made


def _corners(target: TargetResult) -> list[tuple[float, float]]:
    x, y, w, h = (float(value) for value in target.box)
    return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]


def _color(target: TargetResult) -> dict[str, float]:
    blue, green, red = COLORS[target.state]
    return {"r": red / 255, "g": green / 255, "b": blue / 255, "a": 1.0}
