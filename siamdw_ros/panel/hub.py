"""The state that all clients share: cameras, their newest frames and the tracker's status."""

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from diagnostic_msgs.msg import DiagnosticArray
from siamdw_msgs.msg import TargetState, TrackerStatus
from vision_msgs.msg import BoundingBox2D

from siamdw_ros.node.decoding import ImageMessage
from siamdw_ros.node.diagnostics_reader import Camera, TrackerDiagnostics, read_diagnostics
from siamdw_ros.panel.encoding import Encoder, Jpeg
from siamdw_ros.panel.pairing import Frame, Pairing
from siamdw_ros.panel.protocol import number
from siamdw_ros.panel.ros_link import RosLink
from siamdw_ros.panel.settings import PanelSettings
from siamdw_ros.ros.conversions import box_from_message, nanoseconds

ALIVE_SECONDS = 3.0  # the tracker's diagnostics come every second
STATES = {
    TargetState.IDLE: "idle",
    TargetState.TRACKED: "tracked",
    TargetState.UNCERTAIN: "uncertain",
    TargetState.LOST: "lost",
}


class Viewer(Protocol):
    """The interface that the hub uses of one client."""

    camera: str

    def wake(self) -> None:
        """Check for something new to send."""

    def end_hold(self) -> None:
        """Ignore the button that lets the robot drive until it was released."""


@dataclass
class Stream:
    """The images of one camera, while a browser shows them."""

    camera: Camera
    encoder: Encoder
    pairing: Pairing = field(default_factory=Pairing)


class Hub:
    """Collects what comes from the tracker; lives in the event loop's thread.

    Args:
        link: To the tracker.
        settings: Of the panel.
    """

    def __init__(self, link: RosLink, settings: PanelSettings) -> None:
        self.link, self.settings = link, settings
        self.tracker = TrackerDiagnostics()
        self.viewers: set[Viewer] = set()
        self._streams: dict[str, Stream] = {}
        self._heard = -1e9  # steady time of the last diagnostics
        # One thread: a second one would only take time from the tracker.
        self._worker = ThreadPoolExecutor(1, "panel_jpeg")

    def close(self) -> None:
        """End the thread that encodes."""
        self._worker.shutdown(cancel_futures=True)

    # From ROS

    def on_diagnostics(self, message: DiagnosticArray) -> None:
        """Learn the tracker's cameras and troubles."""
        state = read_diagnostics(message.status, self.link.tracker)
        if state is None:
            return
        if not state.cameras:  # not configured yet, or no more: what was known still holds
            state = replace(state, cameras=self.tracker.cameras)
        self.tracker, self._heard = state, time.monotonic()
        self.update_streams()
        self._wake(self.viewers)

    def on_image(self, camera: str, message: ImageMessage) -> None:
        """Take an image."""
        stream = self._streams.get(camera)
        if stream and stream.pairing.add_image(message, time.monotonic()):
            self._wake(v for v in self.viewers if v.camera == camera)

    def on_status(self, camera: str, message: TrackerStatus) -> None:
        """Take what the tracker found in an image."""
        stream = self._streams.get(camera)
        if stream and stream.pairing.add_status(message, time.monotonic()):
            self._wake(v for v in self.viewers if v.camera == camera)

    # For clients

    def update_streams(self) -> None:
        """Subscribe to the cameras that are watched, and to no others."""
        cameras = self.tracker.cameras
        first = next(iter(cameras), "")
        for viewer in self.viewers:
            # Before the first diagnostics, what the page asks for may well be there.
            if cameras and viewer.camera not in cameras:
                viewer.camera = first
        watched = {viewer.camera for viewer in self.viewers}
        for name, stream in list(self._streams.items()):
            if name not in watched or cameras.get(name) != stream.camera:
                del self._streams[name]
        for name in watched & cameras.keys() - self._streams.keys():
            camera = cameras[name]
            settings = self.settings
            encoder = Encoder(camera.transport, settings.max_side, settings.jpeg_quality)
            self._streams[name] = Stream(camera, encoder)
        self.link.watch(stream.camera for stream in self._streams.values())

    def stop_robot(self) -> None:
        """Stop the follower at once, whichever client lets it drive."""
        for viewer in self.viewers:
            viewer.end_hold()
        self.link.enable(False)

    def newest(self, camera: str) -> Frame | None:
        """The newest frame of a camera, None if there is none yet."""
        stream = self._streams.get(camera)
        return stream.pairing.newest if stream else None

    async def encode(self, camera: str, frame: Frame) -> Jpeg:
        """The frame as JPEG, made once for all clients.

        Raises:
            ValueError: The image is damaged.
        """
        if frame.encoding is None:
            encoder = self._streams[camera].encoder
            loop = asyncio.get_running_loop()
            frame.encoding = loop.run_in_executor(self._worker, encoder.encode, frame.message)
        # Shielded: a client that leaves must not cancel what others wait for.
        jpeg: Jpeg = await asyncio.shield(frame.encoding)
        return jpeg

    def head(self, camera: str, frame: Frame, jpeg: Jpeg) -> dict[str, Any]:
        """Return the JSON head of a frame: camera, stamp, size, age and the targets in it."""
        stamp = frame.message.header.stamp
        return {
            "camera": camera,
            "stamp": [stamp.sec, stamp.nanosec],
            "width": jpeg.width,
            "height": jpeg.height,
            "age": number(self.link.age(stamp)),
            "matched": frame.status is not None,
            **(_describe(frame.status) if frame.status else {"targets": []}),
        }

    def state(self) -> dict[str, Any]:
        """Return the message of type `state`: the figures that the page shows beside the video."""
        return {
            "type": "state",
            "tracker": self.link.tracker,
            "alive": time.monotonic() - self._heard < ALIVE_SECONDS,
            "parts": self.tracker.parts,
            "cameras": list(self.tracker.cameras),
            "takes_points": self.tracker.takes_points,
            "follower": self.link.has_follower(),
            "read_only": self.settings.read_only,
            "clients": len(self.viewers),
        }

    @staticmethod
    def _wake(viewers: Iterable[Viewer]) -> None:
        for viewer in viewers:
            viewer.wake()


def _describe(status: TrackerStatus) -> dict[str, Any]:
    return {
        "targets": [_target(target, status) for target in status.targets],
        "model": status.model,
        "device": status.device,
        "receive_rate": number(status.receive_rate, 1),
        "process_rate": number(status.process_rate, 1),
        "inference_ms": number(status.inference_ms, 1),
        "latency_ms": number(status.latency_ms, 1),
        "dropped": status.dropped,
        "rejected": status.rejected,
    }


def _target(target: TargetState, status: TrackerStatus) -> dict[str, Any]:
    unseen = (nanoseconds(status.header.stamp) - nanoseconds(target.last_seen)) * 1e-9
    return {
        "id": target.id,
        "state": STATES.get(target.state, "idle"),
        "score": number(target.score),
        "box": box_numbers(target.bbox),
        "unseen": number(unseen, 1),
    }


def box_numbers(bbox: BoundingBox2D) -> list[float | None]:
    """A box for the page: x, y, w, h with the top-left corner, in pixels."""
    return [number(value, 2) for value in box_from_message(bbox)]
