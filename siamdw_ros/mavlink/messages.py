"""The messages that a camera component sends, from its description and its target's state."""

import math
from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import common as mavlink

from siamdw_ros.siamdw.presence import State

VENDOR = "siamdw_ros"
NAN = math.nan
MODES = (
    mavlink.CAMERA_CAP_FLAGS_HAS_TRACKING_POINT | mavlink.CAMERA_CAP_FLAGS_HAS_TRACKING_RECTANGLE
)
TEXT_BYTES = 50  # length of the text of one STATUSTEXT
MAX_CHUNKS = 6  # largest number of STATUSTEXT for one text

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class CameraDescription:
    """The constant properties of a camera.

    Attributes:
        name: As the tracker calls it; also the model that ground stations show.
        component: Component id, MAV_COMP_ID_CAMERA to MAV_COMP_ID_CAMERA6.
        video_uri: Of the video that the ground station can show, empty if there is none.
        gimbal: Component id of the gimbal that carries the camera, or 1 to 6 for one that is
            attached to the autopilot; 0 if there is none.
    """

    name: str
    component: int = mavlink.MAV_COMP_ID_CAMERA
    video_uri: str = ""
    gimbal: int = 0


@dataclass(frozen=True)
class Target:
    """The state of a camera's target.

    Attributes:
        state: As in siamdw_msgs/TargetState.
        box: (x, y, width, height) in [0, 1] of the image's width and height; origin top-left.
    """

    state: State
    box: Box

    @property
    def seen(self) -> bool:
        """Whether the target is in the image; otherwise the box is not where it is."""
        return self.state in (State.TRACKED, State.UNCERTAIN)


@dataclass(frozen=True)
class View:
    """Values from which the messages are made.

    Attributes:
        description: Of the camera.
        size: Width and height of its images in pixels; (0, 0): not known yet.
        rate: Images per second.
        milliseconds: Since the component started.
    """

    description: CameraDescription
    size: tuple[int, int] = (0, 0)
    rate: float = 0.0
    milliseconds: int = 0


def heartbeat(*, active: bool) -> Any:
    """Make the message by which ground stations find a camera.

    Args:
        active: Whether the tracker answers.
    """
    state = mavlink.MAV_STATE_ACTIVE if active else mavlink.MAV_STATE_STANDBY
    return mavlink.MAVLink_heartbeat_message(
        mavlink.MAV_TYPE_CAMERA, mavlink.MAV_AUTOPILOT_INVALID, 0, 0, state, 3
    )


def camera_information(view: View) -> Any:
    """Make CAMERA_INFORMATION: points and rectangles can be tracked."""
    camera = view.description
    stream = mavlink.CAMERA_CAP_FLAGS_HAS_VIDEO_STREAM if camera.video_uri else 0
    return mavlink.MAVLink_camera_information_message(
        view.milliseconds,
        _name_bytes(VENDOR),
        _name_bytes(camera.name),
        0,
        NAN,
        NAN,
        NAN,
        *view.size,
        0,
        MODES | stream,
        0,
        b"",
        gimbal_device_id=camera.gimbal,
    )


def camera_settings(view: View) -> Any:
    """Make CAMERA_SETTINGS: always video."""
    return mavlink.MAVLink_camera_settings_message(
        view.milliseconds, mavlink.CAMERA_MODE_VIDEO, NAN, NAN
    )


def storage_information(view: View) -> Any:
    """Make STORAGE_INFORMATION: nothing is stored here."""
    return mavlink.MAVLink_storage_information_message(
        view.milliseconds, 0, 0, mavlink.STORAGE_STATUS_NOT_SUPPORTED, 0, 0, 0, 0, 0
    )


def capture_status(view: View) -> Any:
    """Make CAMERA_CAPTURE_STATUS: nothing is recorded here."""
    return mavlink.MAVLink_camera_capture_status_message(view.milliseconds, 0, 0, 0, 0, 0)


def video_stream_information(view: View) -> Any | None:
    """Make VIDEO_STREAM_INFORMATION; None for a camera without a stream."""
    camera = view.description
    if not camera.video_uri:
        return None
    kind, uri = stream_type(camera.video_uri)
    return mavlink.MAVLink_video_stream_information_message(
        1,
        1,
        kind,
        mavlink.VIDEO_STREAM_STATUS_FLAGS_RUNNING,
        view.rate,
        *view.size,
        0,
        0,
        0,
        camera.name.encode()[:31],
        uri.encode(),
    )


def video_stream_status(view: View) -> Any | None:
    """Make VIDEO_STREAM_STATUS; None for a camera without a stream."""
    if not view.description.video_uri:
        return None
    running = mavlink.VIDEO_STREAM_STATUS_FLAGS_RUNNING
    return mavlink.MAVLink_video_stream_status_message(1, running, view.rate, *view.size, 0, 0, 0)


def stream_type(uri: str) -> tuple[int, str]:
    """Split a video's address into VIDEO_STREAM_TYPE and what MAVLink expects in its field.

    Args:
        uri: rtsp://..., tcp://..., or udp://:PORT for RTP on UDP, of which only the port is sent.

    Raises:
        ValueError: It is none of these, or too long.
    """
    if len(uri.encode()) > 159:
        raise ValueError(f"video address has {len(uri.encode())} bytes: at most 159")
    scheme, _, rest = uri.partition("://")
    if scheme == "rtsp":
        return mavlink.VIDEO_STREAM_TYPE_RTSP, uri
    if scheme == "tcp":
        return mavlink.VIDEO_STREAM_TYPE_TCP_MPEG, uri
    port = rest.rpartition(":")[2]
    if scheme == "udp" and port.isdigit():
        return mavlink.VIDEO_STREAM_TYPE_RTPUDP, port
    raise ValueError(f"video address '{uri}': expected rtsp://..., tcp://... or udp://:PORT")


def tracking_status(target: Target | None) -> Any:
    """Make CAMERA_TRACKING_IMAGE_STATUS.

    A box is given only for a target that is seen. An uncertain one is also COASTING: its box is an
    estimate, and an autopilot that expects exactly ACTIVE does not fly after it.

    Args:
        target: The camera's; None if it has none.
    """
    if target is None:
        idle = mavlink.CAMERA_TRACKING_STATUS_FLAGS_IDLE
        return _tracking(idle, mavlink.CAMERA_TRACKING_MODE_NONE, 0)
    rectangle = mavlink.CAMERA_TRACKING_MODE_RECTANGLE
    if not target.seen:
        return _tracking(mavlink.CAMERA_TRACKING_STATUS_FLAGS_ERROR, rectangle, 0)
    flags = mavlink.CAMERA_TRACKING_STATUS_FLAGS_ACTIVE
    if target.state is State.UNCERTAIN:
        flags |= mavlink.CAMERA_TRACKING_STATUS_FLAGS_COASTING
    data = mavlink.CAMERA_TRACKING_TARGET_DATA_IN_STATUS
    return _tracking(flags, rectangle, data, target.box)


def _tracking(flags: int, mode: int, data: int, box: Box | None = None) -> Any:
    if box is None:
        return mavlink.MAVLink_camera_tracking_image_status_message(flags, mode, data, *[NAN] * 7)
    x, y, width, height = box
    corners = [min(max(value, 0.0), 1.0) for value in (x, y, x + width, y + height)]
    # The centre as well: autopilots steer by a point, whatever the mode is.
    return mavlink.MAVLink_camera_tracking_image_status_message(
        flags, mode, data, x + width / 2, y + height / 2, NAN, *corners
    )


def message_interval(message: int, microseconds: int) -> Any:
    """Make MESSAGE_INTERVAL.

    Args:
        message: Id of a message.
        microseconds: Between two of them; -1: it is not sent, 0: it is unknown.
    """
    return mavlink.MAVLink_message_interval_message(message, microseconds)


def texts(text: str, number: int) -> list[Any]:
    """Make a warning that ground stations show, in as many STATUSTEXT as it needs.

    Args:
        text: What the operator should know.
        number: By which the pieces of a long text are put together, 1 to 65535.
    """
    data = text.encode()[: TEXT_BYTES * MAX_CHUNKS]
    pieces = [data[i : i + TEXT_BYTES] for i in range(0, len(data), TEXT_BYTES)]
    number = number if len(pieces) > 1 else 0
    return [
        mavlink.MAVLink_statustext_message(mavlink.MAV_SEVERITY_WARNING, piece, number, i)
        for i, piece in enumerate(pieces)
    ]


def ack(command: int, result: int, system: int, component: int) -> Any:
    """Make COMMAND_ACK for who sent the command.

    Args:
        command: Id of the command.
        result: MAV_RESULT.
        system: System id of the sender.
        component: Its component id.
    """
    unknown_progress = 255
    return mavlink.MAVLink_command_ack_message(
        command, result, unknown_progress, 0, system, component
    )


def _name_bytes(name: str) -> list[int]:
    """A name in a field of 32 bytes, the last of them zero."""
    data = name.encode()[:31]
    return [*data, *bytes(32 - len(data))]
