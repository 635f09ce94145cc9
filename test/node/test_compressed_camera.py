"""The node on a camera that sends JPEG, over real DDS."""

from collections.abc import Callable

import numpy as np
from sensor_msgs.msg import CompressedImage
from tracker_rig import START, TrackerRig

from siamdw_ros.node.messages import box_from_message
from siamdw_ros.node.publishers import jpeg_message


def test_targets_are_followed_through_jpeg_and_damaged_ones_are_counted(
    reconfigure: Callable[..., TrackerRig], frames: list[np.ndarray]
) -> None:
    tracker = reconfigure(image_transport="compressed", threads=1, request_timeout=30.0)
    tracker.show(frames[0])
    assert tracker.start().success
    for frame in frames[5::6]:
        (detection,) = tracker.show(frame).detections
    x, y, width, height = box_from_message(detection.bbox)
    assert abs(x + width / 2 - (START[0] + START[2] / 2)) < 40
    assert abs(y + height / 2 - (START[1] + START[3] / 2)) < 40

    whole = bytes(jpeg_message(frames[0]).data)
    for data in (b"", b"GIF89a", whole[:10_000], whole[:100]):
        tracker.send(CompressedImage(data=data))
    tracker.wait(lambda: "image rejected" in tracker.output(), "warning")
    tracker.show(frames[-1])
    status = tracker.statuses[-1]
    assert 1 <= status.rejected <= 4  # best effort, depth 1: not all of a burst arrive
    assert status.received == status.processed + status.dropped + status.rejected
