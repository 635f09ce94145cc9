"""From what the tracker says to what goes out on topics, and back from what comes in."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rclpy.duration import Duration
from rclpy.time import Time
from siamdw_msgs.msg import TargetState
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    Detection2D,
    Detection2DArray,
    ObjectHypothesisWithPose,
)

from siamdw_ros.siamdw import State
from siamdw_ros.siamdw.crops import Box

if TYPE_CHECKING:
    from siamdw_ros.node.targets import FollowedTarget

SEEN = (State.TRACKED, State.UNCERTAIN)  # states in which there is a box to publish


def box_from_message(bbox: BoundingBox2D) -> Box:
    """Centre and size -> (x, y, w, h) of the top-left corner, pixels."""
    center = bbox.center.position
    width, height = bbox.size_x, bbox.size_y
    return center.x - width / 2, center.y - height / 2, width, height


def box_to_message(box: Box) -> BoundingBox2D:
    """(x, y, w, h) of the top-left corner -> centre and size, pixels."""
    x, y, width, height = box
    message = BoundingBox2D(size_x=width, size_y=height)
    message.center.position.x = x + width / 2
    message.center.position.y = y + height / 2
    return message


def detections(
    header: Header, targets: Iterable["FollowedTarget"], class_id: str
) -> Detection2DArray:
    """All targets that are seen in the image with this header."""
    seen = [target for target in targets if target.result.state in SEEN]
    return Detection2DArray(
        header=header,
        detections=[_detection(header, t, class_id, t.result.box) for t in seen],
    )


def predictions(
    header: Header, targets: Iterable["FollowedTarget"], class_id: str, ahead: float
) -> Detection2DArray:
    """Where the targets that are seen in the image with this header will be `ahead` seconds later.

    The stamp is that later time.
    """
    later = Duration(nanoseconds=round(ahead * 1e9))
    stamp = (Time.from_msg(header.stamp) + later).to_msg()
    header = Header(stamp=stamp, frame_id=header.frame_id)
    seen = [target for target in targets if target.result.state in SEEN]
    return Detection2DArray(
        header=header,
        detections=[_detection(header, t, class_id, t.motion.predict(ahead)) for t in seen],
    )


def _detection(header: Header, target: "FollowedTarget", class_id: str, box: Box) -> Detection2D:
    hypothesis = ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id = class_id
    hypothesis.hypothesis.score = target.result.score
    return Detection2D(
        header=header,
        id=target.id,
        bbox=box_to_message(box),
        results=[hypothesis],
    )


def target_state(target: "FollowedTarget") -> TargetState:
    """What is known about a target, whether it is seen or not."""
    return TargetState(
        id=target.id,
        state=int(target.result.state),
        score=target.result.score,
        bbox=box_to_message(target.result.box),
        last_seen=target.last_seen,
    )
