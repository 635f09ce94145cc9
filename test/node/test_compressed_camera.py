"""The node on a camera that sends JPEG, over real DDS."""

from collections.abc import Callable

import numpy as np
from sensor_msgs.msg import CompressedImage
from tracker_rig import TrackerRig, track_through_the_first_second

from siamdw_ros.node.publishers import jpeg_message


def test_targets_are_followed_through_jpeg_and_damaged_ones_are_counted(
    reconfigure: Callable[..., TrackerRig], frames: list[np.ndarray]
) -> None:
    tracker = reconfigure(image_transport="compressed", threads=1, request_timeout=30.0)
    track_through_the_first_second(tracker, frames)

    whole = bytes(jpeg_message(frames[0]).data)
    for data in (b"", b"GIF89a", whole[:10_000], whole[:100]):
        tracker.send(CompressedImage(data=data))
    tracker.wait(lambda: "image rejected" in tracker.output(), "warning")
    tracker.show(frames[-1])
    status = tracker.statuses[-1]
    assert 1 <= status.rejected <= 4  # best effort, depth 1: not all of a burst arrive
    assert status.received == status.processed + status.dropped + status.rejected
