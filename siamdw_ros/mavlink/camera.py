"""One camera component: answers commands, asks the tracker, and reports the target's state."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

from siamdw_ros.mavlink import messages
from siamdw_ros.mavlink.codec import Packer
from siamdw_ros.mavlink.commands import (
    ACCEPTED,
    CAMERA_ID,
    DENIED,
    IN_PROGRESS,
    REJECTED,
    STOP_TRACKING,
    TRACK_POINT,
    TRACK_RECTANGLE,
    UNSUPPORTED,
    Command,
    DeniedError,
    box_from,
)
from siamdw_ros.mavlink.messages import Box, CameraDescription, Target, View
from siamdw_ros.mavlink.streams import StatusStream
from siamdw_ros.siamdw.presence import State

MAX_PENDING = 8  # requests that wait for the tracker
MAX_OUTPUT = 256  # packets that wait to be sent
HEARTBEAT_SECONDS = 1.0
STALE_SECONDS = 1.0  # without news of the tracker: the last box is not reported any more
PROGRESS_SECONDS = 0.5  # between two IN_PROGRESS; ground stations repeat a command after some 3 s
REPEAT_SECONDS = 10.0  # time in which a repeated command is answered, not carried out again
TRACKING_STATUS = mavlink.MAVLINK_MSG_ID_CAMERA_TRACKING_IMAGE_STATUS

BUILDERS: dict[int, Callable[[View], Any | None]] = {
    mavlink.MAVLINK_MSG_ID_CAMERA_INFORMATION: messages.camera_information,
    mavlink.MAVLINK_MSG_ID_CAMERA_SETTINGS: messages.camera_settings,
    mavlink.MAVLINK_MSG_ID_STORAGE_INFORMATION: messages.storage_information,
    mavlink.MAVLINK_MSG_ID_CAMERA_CAPTURE_STATUS: messages.capture_status,
    mavlink.MAVLINK_MSG_ID_VIDEO_STREAM_INFORMATION: messages.video_stream_information,
    mavlink.MAVLINK_MSG_ID_VIDEO_STREAM_STATUS: messages.video_stream_status,
}
# Older commands that each ask for one message: MAV_CMD_REQUEST_MESSAGE replaces them, but
# QGroundControl and others still send them.
OLD_REQUESTS = {
    mavlink.MAV_CMD_REQUEST_CAMERA_INFORMATION: mavlink.MAVLINK_MSG_ID_CAMERA_INFORMATION,
    mavlink.MAV_CMD_REQUEST_CAMERA_SETTINGS: mavlink.MAVLINK_MSG_ID_CAMERA_SETTINGS,
    mavlink.MAV_CMD_REQUEST_STORAGE_INFORMATION: mavlink.MAVLINK_MSG_ID_STORAGE_INFORMATION,
    mavlink.MAV_CMD_REQUEST_CAMERA_CAPTURE_STATUS: mavlink.MAVLINK_MSG_ID_CAMERA_CAPTURE_STATUS,
    mavlink.MAV_CMD_REQUEST_VIDEO_STREAM_INFORMATION: (
        mavlink.MAVLINK_MSG_ID_VIDEO_STREAM_INFORMATION
    ),
    mavlink.MAV_CMD_REQUEST_VIDEO_STREAM_STATUS: mavlink.MAVLINK_MSG_ID_VIDEO_STREAM_STATUS,
}


@dataclass(frozen=True, eq=False)
class Request:
    """A request to the tracker; give its answer to :meth:`CameraComponent.answer`.

    Attributes:
        camera: Name of the camera.
        box: To track, (x, y, width, height) in [0, 1]; without a size it is a point. None: stop.
        command: That it answers.
    """

    camera: str
    box: Box | None
    command: Command


@dataclass
class Pending:
    """A request that waits for the tracker, and when its sender heard of it last."""

    request: Request
    reported: float


class CameraComponent:
    """One camera on a MAVLink network.

    All times are of a steady clock, in seconds.

    Args:
        system: System id; on a drone that of the autopilot.
        description: Of the camera.
        now: Time.
        status_rate: CAMERA_TRACKING_IMAGE_STATUS per second while a target is tracked and no
            station has asked for another rate.
    """

    def __init__(
        self, system: int, description: CameraDescription, now: float, status_rate: float = 5.0
    ) -> None:
        self.description = description
        self.address = system, description.component
        self.requests: deque[Request] = deque()
        self._output: deque[bytes] = deque(maxlen=MAX_OUTPUT)
        self._packer = Packer(*self.address)
        self._begun = now
        self._size = (0, 0)
        self._rate = 0.0
        self._target: Target | None = None
        self._heard: float | None = None  # when the tracker reported last
        self._stream = StatusStream(status_rate)
        self._heartbeat_due = now
        self._pending: list[Pending] = []
        self._answered: tuple[Command, int, float] | None = None
        self._texts = 0
        self._carry_out: dict[int, Callable[[Command, float], int | None]] = {
            mavlink.MAV_CMD_REQUEST_MESSAGE: self._request_message,
            mavlink.MAV_CMD_SET_MESSAGE_INTERVAL: self._set_interval,
            mavlink.MAV_CMD_GET_MESSAGE_INTERVAL: self._get_interval,
            TRACK_POINT: self._ask_tracker,
            TRACK_RECTANGLE: self._ask_tracker,
            STOP_TRACKING: self._ask_tracker,
            **dict.fromkeys(OLD_REQUESTS, self._old_request),
        }

    # From the tracker

    def describe(self, size: tuple[int, int], rate: float) -> None:
        """Take what is known of the camera's images.

        Args:
            size: Width and height, pixels.
            rate: Images per second.
        """
        self._size = size
        self._rate = rate

    def update(self, target: Target | None, now: float) -> None:
        """Take the target's state after an image.

        Args:
            target: None if there is none.
            now: Time.
        """
        self._target = target
        self._heard = now

    def answer(self, request: Request, result: int, message: str, now: float) -> None:
        """Take the tracker's answer to a request.

        Args:
            request: One of `requests`.
            result: MAV_RESULT: ACCEPTED, or why it was not carried out.
            message: For the operator, shown when it was not.
            now: Time.
        """
        kept = [pending for pending in self._pending if pending.request is not request]
        if len(kept) == len(self._pending):
            return
        self._pending = kept
        if result != ACCEPTED:
            self.warn(f"{self.description.name}: {message}")
        elif request.box is not None:
            self._stream.restart(now)
        self._finish(request.command, result, now)

    def warn(self, message: str) -> None:
        """Show a sentence to the operators."""
        self._texts = self._texts % 65535 + 1
        for text in messages.texts(message, self._texts):
            self._send(text)

    # From MAVLink

    def handle(self, command: Command, now: float) -> None:
        """Carry out a command that is for this camera, or for all, and acknowledge it.

        Args:
            command: To carry out.
            now: Time.
        """
        if self._repeats(command, now):
            return
        try:
            if not self._is_meant(command):
                return
            carry_out = self._carry_out.get(command.number)
            result = UNSUPPORTED if carry_out is None else carry_out(command, now)
        except DeniedError as reason:
            self.warn(f"{self.description.name}: {reason}")
            result = DENIED
        if result is not None:
            self._finish(command, result, now)

    def _repeats(self, command: Command, now: float) -> bool:
        """Answer a command that was sent again because its answer was late or lost.

        Carried out twice, a rectangle would be searched where the object was seconds ago.
        """
        for pending in self._pending:
            if pending.request.command.same(command):
                self._acknowledge(command, IN_PROGRESS)
                return True
        if not command.repeated or self._answered is None:
            return False
        answered, result, time = self._answered
        if not answered.same(command) or now - time > REPEAT_SECONDS:
            return False
        self._acknowledge(command, result)
        return True

    def _is_meant(self, command: Command) -> bool:
        """Whether the camera's id in the parameters is ours, or that of all.

        Raises:
            DeniedError: It is not, though the command was sent to this component.
        """
        index = CAMERA_ID.get(command.number)
        if index is None or index >= len(command.parameters):
            return True
        wanted = command.parameters[index]
        if wanted in (0, self.description.component) or wanted != wanted:
            return True
        if command.target[1]:
            raise DeniedError(f"camera id {wanted:g}, expected 0 or {self.description.component}")
        return False

    def _request_message(self, command: Command, now: float) -> int:
        return self._send_requested(command.whole(0), now)

    def _old_request(self, command: Command, now: float) -> int:
        return self._send_requested(OLD_REQUESTS[command.number], now)

    def _send_requested(self, number: int, now: float) -> int:
        if number == TRACKING_STATUS:
            self._send(messages.tracking_status(self._target))
            return ACCEPTED
        if number not in BUILDERS:
            return DENIED  # without a warning: ground stations try many messages
        message = BUILDERS[number](self._view(now))
        if message is None:
            return UNSUPPORTED
        self._send(message)
        return ACCEPTED

    def _set_interval(self, command: Command, now: float) -> int:
        if command.whole(0) != TRACKING_STATUS:
            return DENIED
        microseconds = command.parameters[1]
        if not -1 <= microseconds <= 1e9:
            raise DeniedError(f"interval of {microseconds:g} us, expected -1 to 1e9")
        self._stream.request(microseconds, now)
        return ACCEPTED

    def _get_interval(self, command: Command, _now: float) -> int:
        number = command.whole(0)
        if not 0 <= number <= 65535:
            raise DeniedError(f"message id {number}, expected 0 to 65535")
        known = {
            TRACKING_STATUS: self._stream.microseconds,
            mavlink.MAVLINK_MSG_ID_HEARTBEAT: round(HEARTBEAT_SECONDS * 1e6),
        }
        self._send(messages.message_interval(number, known.get(number, 0)))
        return ACCEPTED

    def _ask_tracker(self, command: Command, now: float) -> int | None:
        stop = command.number == STOP_TRACKING
        box = None if stop else box_from(command)
        if len(self._pending) >= MAX_PENDING:
            return REJECTED
        request = Request(self.description.name, box, command)
        self._pending.append(Pending(request, now))
        self.requests.append(request)
        return None

    # To MAVLink

    def tick(self, now: float) -> None:
        """Send what is due.

        Args:
            now: Time.
        """
        alive = self._heard is not None and now - self._heard < STALE_SECONDS
        if now >= self._heartbeat_due:
            self._heartbeat_due = now + HEARTBEAT_SECONDS
            self._send(messages.heartbeat(active=alive))
        for pending in self._pending:
            if now - pending.reported >= PROGRESS_SECONDS:
                pending.reported = now
                self._acknowledge(pending.request.command, IN_PROGRESS)
        if not alive and self._target is not None:
            self._target = Target(State.LOST, self._target.box)
        if self._stream.due(self._target is not None, now):
            self._send(messages.tracking_status(self._target))

    def take_output(self) -> list[bytes]:
        """Return the packets to send, and forget them."""
        packets = list(self._output)
        self._output.clear()
        return packets

    def _view(self, now: float) -> View:
        milliseconds = int((now - self._begun) * 1e3) % 2**32
        return View(self.description, self._size, self._rate, milliseconds)

    def _finish(self, command: Command, result: int, now: float) -> None:
        self._answered = command, result, now
        self._acknowledge(command, result)

    def _acknowledge(self, command: Command, result: int) -> None:
        self._send(messages.ack(command.number, result, *command.sender))

    def _send(self, message: Any) -> None:
        self._output.append(self._packer.pack(message))
