"""Conversions between messages and plain values."""

from builtin_interfaces.msg import Duration, Time
from vision_msgs.msg import BoundingBox2D

from siamdw_ros.siamdw.crops import Box


def nanoseconds(stamp: Time | Duration) -> int:
    """Return a stamp or a duration as one number."""
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def seconds(stamp: Time) -> float:
    """Return a stamp in seconds; it loses fractions of a microsecond."""
    return nanoseconds(stamp) * 1e-9


def box_from_message(bbox: BoundingBox2D) -> Box:
    """Convert centre and size to (x, y, w, h) with the top-left corner, in pixels."""
    center = bbox.center.position
    width, height = bbox.size_x, bbox.size_y
    return center.x - width / 2, center.y - height / 2, width, height


def box_to_message(box: Box) -> BoundingBox2D:
    """Convert (x, y, w, h) with the top-left corner to centre and size, in pixels."""
    x, y, width, height = box
    message = BoundingBox2D(size_x=width, size_y=height)
    message.center.position.x = x + width / 2
    message.center.position.y = y + height / 2
    return message
