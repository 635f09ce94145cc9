"""SiamDW trackers (Zhang and Peng, CVPR 2019): NumPy, OpenCV and torch, no ROS.

tracker = create_tracker("siamfc_res22")
tracker.init(image, (x, y, w, h))
result = tracker.track(next_image)
"""

from siamdw_ros.siamdw.checkpoint_files import CheckpointError
from siamdw_ros.siamdw.presence import PresenceThresholds, State, TrackResult
from siamdw_ros.siamdw.tracker import Tracker, create_method, create_tracker

__all__ = [
    "CheckpointError",
    "PresenceThresholds",
    "State",
    "TrackResult",
    "Tracker",
    "create_method",
    "create_tracker",
]
