"""SiamDW trackers (Zhang and Peng, CVPR 2019): NumPy, OpenCV and torch, no ROS.

tracker = create_tracker()
tracker.init(image, (x, y, w, h))
result = tracker.track(next_image)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siamdw_ros.siamdw.checkpoint_files import CheckpointError
    from siamdw_ros.siamdw.presence import PresenceThresholds, State, TrackResult
    from siamdw_ros.siamdw.tracker import Tracker, create_multi_tracker, create_tracker

__all__ = [
    "CheckpointError",
    "PresenceThresholds",
    "State",
    "TrackResult",
    "Tracker",
    "create_multi_tracker",
    "create_tracker",
]

_MODULES = {
    "CheckpointError": "checkpoint_files",
    "PresenceThresholds": "presence",
    "State": "presence",
    "TrackResult": "presence",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is used: torch takes seconds, and a node answers before it is in."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES.get(name, 'tracker')}")
    return getattr(module, name)
