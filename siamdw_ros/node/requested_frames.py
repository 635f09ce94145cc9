"""Finds the frames that a request is about, or the reason to refuse it."""

import time
from collections.abc import Mapping, Sequence

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from siamdw_ros.node.frame_buffer import Frame, HeldFrames
from siamdw_ros.node.services import RefusedError
from siamdw_ros.ros.abridge import abridge


def frames_from(header: Header, held: Mapping[str, HeldFrames], oldest: float) -> list[Frame]:
    """Return the frame that a request names, and the newer ones of its camera.

    Args:
        header: The stamp of the image, zero for the newest one; the frame_id of the camera or the
            camera's name, empty if there is only one.
        held: What is held of each camera.
        oldest: Time of the steady clock, in seconds. If the request has no stamp, the newest
            frame must have arrived after this time.

    Raises:
        RefusedError: There is no such camera or no such frame, or the newest frame is too old.
    """
    camera = held[_camera(header.frame_id, held)]
    frames = camera.frames
    if not frames:
        reason = camera.problem and f": the last one was rejected: {camera.problem}"
        hint = f"check the topic and its QoS with 'ros2 topic info --verbose {camera.topic}'"
        raise RefusedError(f"no image has arrived yet on {camera.topic}{reason or ': ' + hint}")
    if not (header.stamp.sec or header.stamp.nanosec):
        if frames[-1].arrived < oldest:
            raise RefusedError(_too_old(camera))
        return [frames[-1]]
    for index, frame in enumerate(frames):
        if frame.stamp == header.stamp:
            return list(frames[index:])
    raise RefusedError(
        f"no image with stamp {_stamp_text(header.stamp)} is held, only {_span(frames)}: "
        "leave the stamp zero to start on the newest image"
    )


def _too_old(camera: HeldFrames) -> str:
    newest = camera.frames[-1]
    age = time.monotonic() - newest.arrived
    reason = (
        f"newer ones are rejected: {camera.problem}" if camera.problem else "no newer one arrives"
    )
    return (
        f"the newest image of {camera.topic} is {age:.1f} s old, {reason}. To start on it all the "
        f"same, give its stamp, {_stamp_text(newest.stamp)}"
    )


def _camera(frame_id: str, held: Mapping[str, HeldFrames]) -> str:
    """Return the name of the camera that a request means."""
    if not frame_id:
        if len(held) == 1:
            return next(iter(held))
        raise RefusedError(f"there are several cameras: give the frame_id of {_known(held)}")
    fitting = [
        name
        for name, camera in held.items()
        if frame_id == name or (camera.frames and camera.frames[-1].frame_id == frame_id)
    ]
    if len(fitting) > 1:
        raise RefusedError(
            f"several cameras have the frame_id '{abridge(frame_id)}': give a camera's name, "
            f"{', '.join(fitting)}"
        )
    if not fitting:
        topics = " and ".join(camera.topic for camera in held.values())
        reason = (
            f"the cameras are {_known(held)}"
            if any(camera.frames for camera in held.values())
            else f"no image has arrived yet on {topics}"
        )
        raise RefusedError(f"no camera has the frame_id '{abridge(frame_id)}': {reason}")
    return fitting[0]


def _known(held: Mapping[str, HeldFrames]) -> str:
    return " or ".join(
        f"'{abridge(camera.frames[-1].frame_id)}' ({name})"
        if camera.frames
        else f"{name} (no image yet on {camera.topic})"
        for name, camera in held.items()
    )


def _span(frames: Sequence[Frame]) -> str:
    oldest, newest = _stamp_text(frames[0].stamp), _stamp_text(frames[-1].stamp)
    return f"{len(frames)} from {oldest} to {newest}" if len(frames) > 1 else newest


def _stamp_text(stamp: Time) -> str:
    return f"{stamp.sec}.{stamp.nanosec:09d}"
