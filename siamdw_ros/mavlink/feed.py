"""Converts the tracker's reports on one camera to MAVLink's units and states."""

from collections import deque

from siamdw_msgs.msg import TargetState, TrackerStatus
from siamdw_msgs.srv import StartTracking, StopTracking

from siamdw_ros.mavlink.codec import fits
from siamdw_ros.mavlink.messages import Box, Target
from siamdw_ros.mavlink.tracker_client import NotReadyError
from siamdw_ros.ros.conversions import nanoseconds
from siamdw_ros.siamdw.presence import State

MAX_STAMPS = 1200  # largest number of stored stamps: 10 s at 120 Hz


class Feed:
    """One camera of the tracker: its newest target, and the stamps of its images.

    Args:
        camera: Name of the camera.
        target_id: Of the targets that are started by MAVLink.
    """

    def __init__(self, camera: str, target_id: str) -> None:
        self.camera = camera
        self.size = (0, 0)
        self._target_id = target_id
        self._shown = ""  # id of the target that is reported
        self._stamps: deque[int] = deque(maxlen=MAX_STAMPS)  # nanoseconds

    def take(self, status: TrackerStatus) -> Target | None:
        """Return the target to report after an image.

        Our own, or else the first one: one that was started on the panel is seen in the ground
        station too.

        Args:
            status: Of the tracker.
        """
        stamp = nanoseconds(status.header.stamp)
        if self._stamps and stamp < self._stamps[-1]:  # another time: a bag that starts again
            self._stamps.clear()
        self._stamps.append(stamp)
        ours = [target for target in status.targets if target.id == self._target_id]
        chosen = next(iter([*ours, *status.targets]), None)
        self._shown = chosen.id if chosen is not None else ""
        if chosen is None or chosen.state == TargetState.IDLE or 0 in self.size:
            return None
        box = self._shares(chosen)
        return Target(State(chosen.state) if box else State.LOST, box or (0.0, 0.0, 0.0, 0.0))

    def shown(self, delay: float) -> int:
        """Return the stamp of the image that an operator sees, in nanoseconds; 0: the newest.

        Args:
            delay: Seconds by which the operator's image is older than the newest.
        """
        if not delay or not self._stamps:
            return 0
        time = self._stamps[-1] - delay * 1e9
        return min(self._stamps, key=lambda stamp: abs(time - stamp))

    def start(self, box: Box, stamp: int) -> StartTracking.Request:
        """Make the request to track something.

        Args:
            box: (x, y, width, height) in [0, 1]; without a size it is a point.
            stamp: Of the image that the box is from, in nanoseconds; 0: the newest.

        Raises:
            NotReadyError: The size of the images is not known yet.
        """
        if 0 in self.size:
            raise NotReadyError("no image has come to the tracker yet")
        request = StartTracking.Request(target_id=self._target_id)
        request.header.frame_id = self.camera
        request.header.stamp.sec, request.header.stamp.nanosec = divmod(stamp, 10**9)
        x, y, width, height = box
        request.bbox.center.position.x = (x + width / 2) * self.size[0]
        request.bbox.center.position.y = (y + height / 2) * self.size[1]
        request.bbox.size_x = width * self.size[0]
        request.bbox.size_y = height * self.size[1]
        return request

    def started(self) -> None:
        """Note that our target is tracked, before the first status has it."""
        self._shown = self._target_id

    def stop(self) -> StopTracking.Request | None:
        """Make the request to stop the reported target; None if there is none."""
        return StopTracking.Request(target_id=self._shown) if self._shown else None

    def _shares(self, target: TargetState) -> Box | None:
        """A target's box in shares of the image; None if it has none that can be sent."""
        center = target.bbox.center.position
        width, height = target.bbox.size_x, target.bbox.size_y
        values = center.x - width / 2, center.y - height / 2, width, height
        if not fits(*values):
            return None
        across, down = self.size
        return values[0] / across, values[1] / down, width / across, height / down
