"""What is reported of the tracker's targets."""

import math

import pytest
from siamdw_msgs.msg import TargetState, TrackerStatus

from siamdw_ros.mavlink.codec import Packer
from siamdw_ros.mavlink.feed import Feed
from siamdw_ros.mavlink.messages import tracking_status
from siamdw_ros.ros.conversions import box_to_message
from siamdw_ros.siamdw.presence import State


@pytest.mark.parametrize(
    ("width", "state"),
    [(64.0, State.TRACKED), (math.nan, State.LOST), (math.inf, State.LOST), (1e300, State.LOST)],
)
def test_a_box_that_no_packet_can_hold_is_not_reported(width: float, state: State) -> None:
    feed = Feed("front", "mavlink_100")
    feed.size = 640, 480
    box = box_to_message((64.0, 48.0, width, 48.0))
    seen = TargetState(id="1", state=TargetState.TRACKED, bbox=box)
    target = feed.take(TrackerStatus(targets=[seen]))
    assert target is not None
    assert target.state is state
    assert Packer(1, 100).pack(tracking_status(target))
