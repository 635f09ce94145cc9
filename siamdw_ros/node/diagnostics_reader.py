"""Reads a tracker's diagnostics, for other nodes: its cameras, and why something does not work."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

# Names in the statuses that diagnostics.py writes and this module reads.
CAMERA = "camera "
TOPIC = "topic"
IMAGE_SIZE = "image size"
RECEIVE_RATE = "images/s received"
STARTS_FROM_A_POINT = "starts from a point"

MAX_SIDE = 65535  # pixels of an image
MAX_RATE = 1e6  # images per second
COMPRESSED = "/compressed"
LEVELS = {
    DiagnosticStatus.OK: "ok",
    DiagnosticStatus.WARN: "warning",
    DiagnosticStatus.ERROR: "error",
    DiagnosticStatus.STALE: "stale",
}


@dataclass(frozen=True)
class Camera:
    """One of the tracker's cameras.

    Attributes:
        name: As the tracker calls it.
        topic: Of its images.
        transport: raw or compressed.
        status_topic: Where the tracker reports on it.
    """

    name: str
    topic: str
    transport: str
    status_topic: str


@dataclass(frozen=True)
class Images:
    """The images of one camera.

    Attributes:
        size: Width and height in pixels; (0, 0): none has come yet.
        rate: Images per second that the tracker receives.
    """

    size: tuple[int, int] = (0, 0)
    rate: float = 0.0


@dataclass(frozen=True)
class TrackerDiagnostics:
    """The tracker, as its diagnostics describe it.

    Attributes:
        cameras: By name.
        images: Of each camera, by its name.
        parts: Level, name and message of each part, for the operator.
        takes_points: Whether a start may be a point instead of a box.
    """

    cameras: dict[str, Camera] = field(default_factory=dict)
    images: dict[str, Images] = field(default_factory=dict)
    parts: list[dict[str, str]] = field(default_factory=list)
    takes_points: bool = False


def read_diagnostics(statuses: Iterable[Any], tracker: str) -> TrackerDiagnostics | None:
    """Read the statuses of one tracker.

    Args:
        statuses: diagnostic_msgs/DiagnosticStatus, of this and of other nodes.
        tracker: Its fully qualified name.

    Returns:
        The state, or None if the statuses are all of others.
    """
    prefix = tracker.strip("/") + ": "
    ours = [status for status in statuses if status.name.startswith(prefix)]
    if not ours:
        return None
    topics, images, parts, takes_points = {}, {}, [], False
    for status in ours:
        part = status.name.removeprefix(prefix)
        values = {item.key: item.value for item in status.values}
        if part.startswith(CAMERA) and values.get(TOPIC):
            topics[part.removeprefix(CAMERA)] = values[TOPIC]
            images[part.removeprefix(CAMERA)] = _images(values)
        takes_points = takes_points or values.get(STARTS_FROM_A_POINT) == "yes"
        level = LEVELS.get(status.level, "stale")
        parts.append({"level": level, "part": part, "message": status.message})
    cameras = {name: _camera(name, topic, tracker, len(topics)) for name, topic in topics.items()}
    return TrackerDiagnostics(cameras, images, parts, takes_points)


def _images(values: dict[str, str]) -> Images:
    width, _, height = values.get(IMAGE_SIZE, "").partition("x")
    try:
        size, rate = (int(width), int(height)), float(values[RECEIVE_RATE])
    except (KeyError, ValueError):
        return Images()
    possible = all(0 <= side <= MAX_SIDE for side in size) and 0 <= rate <= MAX_RATE
    return Images(size, rate) if possible else Images()


def _camera(name: str, topic: str, tracker: str, count: int) -> Camera:
    transport = "compressed" if topic.endswith(COMPRESSED) else "raw"
    # The only camera's topics have no name in between.
    status_topic = f"{tracker}/status" if count == 1 else f"{tracker}/{name}/status"
    return Camera(name, topic, transport, status_topic)
