"""Tracking through a recording, with the parts of the node, in the caller's thread.

The same decoding, targets and tracker as in the inference thread, without threads and DDS: at full
rate the results are those of the node.
"""

import time
from collections.abc import Callable, Sequence

from siamdw_msgs.srv import StartTracking

from siamdw_ros.node.decoding import RAW, ImageDecoder, ImageMessage, Transport, UndecodableError
from siamdw_ros.node.engine import Engine
from siamdw_ros.node.frame_buffer import Frame
from siamdw_ros.node.metrics import ProcessStats, ReceiveStats
from siamdw_ros.node.results import FrameResult
from siamdw_ros.node.settings import Settings
from siamdw_ros.node.targets import Targets, track


class Tracking:
    """Tracks targets through the images of one camera.

    Args:
        settings: Parameters of the node.
        warn: Called with each warning that the node would log.
        camera: Name of the camera, for messages.
        transport: How the images are stored.

    Attributes:
        received: Counts of images.
        processed: Counts of processed images.
        device: Device of the network.

    Raises:
        ValueError, OSError, RuntimeError: There is no such network, file or device.
    """

    def __init__(
        self,
        settings: Settings,
        warn: Callable[[str], None],
        camera: str = "camera",
        transport: Transport = RAW,
    ) -> None:
        settings.check()
        self.received = ReceiveStats()
        self.processed = ProcessStats()
        self._settings = settings
        self._warn = warn
        self._camera = camera
        self._transport = transport
        self._decoder = ImageDecoder(transport)
        self._targets = Targets()
        self._engine = Engine(settings)
        self.device = self._engine.device
        self._engine.apply(settings)

    def frame(self, message: ImageMessage, arrived: float) -> Frame | None:
        """Check an image as the node does; None if it is rejected.

        Args:
            message: The image.
            arrived: When it was recorded, in seconds.
        """
        self.received.count(arrived)
        if problem := self._transport.check(message):
            self.received.rejected += 1
            self._warn(f"image {self.received.images - 1} rejected: {problem}")
            return None
        return Frame(self._camera, message, arrived, self._decoder)

    def process(
        self, frame: Frame, requests: Sequence[StartTracking.Request] = ()
    ) -> FrameResult | None:
        """Search the targets in a frame, then start others on it.

        Args:
            frame: The next frame.
            requests: What to start on it; the stamps in their headers do not count.

        Returns:
            What the frame showed; None if it is damaged inside.

        Raises:
            RefusedError: A target cannot be started.
        """
        start = time.monotonic()
        settings = self._settings
        removed = self._targets.remove_ended(frame.arrived, settings.give_up_seconds)
        for name, reason in removed.items():
            self._warn(f"target {name} {reason}: it is removed")
        try:
            search = self._targets.search_in(frame)
            for warning in search.warnings.values():
                self._warn(warning)
            track([search], self._engine.tracker)
            for request in requests:
                self._targets.start(request, [frame], self._engine, settings)
        except UndecodableError as error:
            self.processed.rejected += 1
            self._warn(f"image rejected: {error}")
            return None
        seconds = time.monotonic() - start
        self.processed.count(frame.arrived, seconds)
        targets = self._targets.results(frame, settings.prediction_horizon)
        return FrameResult(frame, targets, seconds, settings)
