"""Starting on the image that the operator saw, and catching up from there."""

import math
import time
from collections.abc import Callable, Mapping, Sequence

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from siamdw_ros.node.frames import Frame
from siamdw_ros.node.requests import RefusedError

Histories = Mapping[str, Sequence[Frame]]


def frames_from(header: Header, histories: Histories) -> list[Frame]:
    """The frame that a request names, and the newer ones of its camera.

    Args:
        header: stamp of the image, zero for the newest; frame_id of its camera (or the camera's
            name), empty for the only one.
        histories: the frames held of each camera, oldest first.

    Raises:
        RefusedError: there is no such camera, or no such frame any more.
    """
    held = histories[_camera(header.frame_id, histories)]
    if not held:
        raise RefusedError("no image has arrived yet: check the image topic and its QoS")
    if not (header.stamp.sec or header.stamp.nanosec):
        return [held[-1]]
    for index, frame in enumerate(held):
        if frame.stamp == header.stamp:
            return list(held[index:])
    raise RefusedError(
        f"no image with stamp {_readable(header.stamp)} is held, only {_span(held)}: "
        "leave it zero to start on the newest"
    )


def _camera(frame_id: str, histories: Histories) -> str:
    if not frame_id:
        if len(histories) == 1:
            return next(iter(histories))
        raise RefusedError(f"there are several cameras: give the frame_id of {_known(histories)}")
    fitting = [
        camera
        for camera, held in histories.items()
        if frame_id == camera or (held and held[-1].frame_id == frame_id)
    ]
    if len(fitting) > 1:
        raise RefusedError(
            f"frame_id '{frame_id}' is that of several cameras: give a name, {', '.join(fitting)}"
        )
    if not fitting:
        held_any = any(histories.values())
        reason = f"the cameras are {_known(histories)}" if held_any else "no image has arrived yet"
        raise RefusedError(f"frame_id '{frame_id[:64]}' is of no camera: {reason}")
    return fitting[0]


def _known(histories: Histories) -> str:
    return " or ".join(
        f"'{held[-1].frame_id}' ({camera})" if held else f"{camera} (no image yet)"
        for camera, held in histories.items()
    )


def _span(held: Sequence[Frame]) -> str:
    oldest, newest = _readable(held[0].stamp), _readable(held[-1].stamp)
    return f"{len(held)} from {oldest} to {newest}" if len(held) > 1 else newest


def _readable(stamp: Time) -> str:
    return f"{stamp.sec}.{stamp.nanosec:09d}"


def catch_up(
    frames: Sequence[Frame],
    search: Callable[[Frame], None],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Search frames until the last; leave some out, evenly, where there is no time for all.

    The first is always searched, and shows how many more there is time for; so is the last.

    Args:
        frames: oldest first.
        search: called with each of them that is searched.
        seconds: that it may take, about.
        clock: in seconds.

    Returns:
        How many were searched.
    """
    begin, done, index = clock(), 0, -1
    while index < len(frames) - 1:
        left, used = len(frames) - 1 - index, clock() - begin
        if done == 0:
            affordable = left
        else:
            affordable = int((seconds - used) * done / used) if used > 0 else left
        index += math.ceil(left / max(affordable, 1))
        search(frames[index])
        done += 1
    return done
