"""Parameters of the mavlink_camera node: each with its default, its limits and what it does."""

from dataclasses import dataclass

from siamdw_ros.following.settings import option
from siamdw_ros.mavlink.cameras import COMPONENTS
from siamdw_ros.mavlink.link import FORMS, parse_address
from siamdw_ros.mavlink.messages import stream_type


@dataclass(frozen=True)
class MavlinkSettings:
    """Values of the parameters, all of them read at the start."""

    connection: str = option(
        "udpout:127.0.0.1:14550", f"where MAVLink comes over: {FORMS}", fixed=True
    )
    system_id: int = option(
        1, "MAVLink system id: that of the autopilot of the same vehicle", (1, 255), fixed=True
    )
    component_id: int = option(
        COMPONENTS[0],
        "MAVLink component id of the first camera; further ones have the next",
        (COMPONENTS[0], COMPONENTS[-1]),
        fixed=True,
    )
    tracker: str = option("siamdw_tracker", "name of the tracker node", fixed=True)
    cameras: tuple[str, ...] = option(
        ("",),
        "cameras that are offered, by the tracker's names, in the order of their component ids; "
        "empty: all, in the tracker's order",
        fixed=True,
    )
    video_uris: tuple[str, ...] = option(
        ("",),
        "address of each camera's video for the ground station, in the same order: rtsp://..., "
        "tcp://..., udp://:PORT; empty: none",
        fixed=True,
    )
    video_delay: float = option(
        0.0,
        "seconds that the ground station shows the video later than the tracker receives it: a "
        "box starts on the image that old. The tracker's history_seconds must be longer",
        (0.0, 10.0),
        fixed=True,
    )
    status_rate: float = option(
        5.0,
        "CAMERA_TRACKING_IMAGE_STATUS per second while a target is tracked, until a ground "
        "station asks for another rate; 0: none",
        (0.0, 20.0),
        fixed=True,
    )
    gimbal: bool = option(
        False, "send what arrives on gimbal_command to the gimbal manager", fixed=True
    )
    gimbal_manager_id: int = option(
        1, "component id of the gimbal manager; 1: the autopilot", (1, 255), fixed=True
    )
    gimbal_device_id: int = option(
        0,
        "gimbal: its component id, 1 to 6 for one attached to the autopilot, 0 for all",
        (0, 255),
        fixed=True,
    )
    flight: bool = option(
        False, "send what arrives on flight_command to a copter's autopilot", fixed=True
    )
    flight_forward: bool = option(
        False, "flight: move forwards and sideways as well, not only turn", fixed=True
    )
    flight_climb: bool = option(
        False, "flight: climb as well; it never descends by vision", fixed=True
    )
    flight_lost_seconds: float = option(
        3.0,
        "flight: seconds without the target after which the vehicle holds its position",
        (0.5, 60.0),
        fixed=True,
    )
    own_id: int = option(
        191,
        "component id that messages for gimbal and autopilot come from: the onboard computer's",
        (1, 255),
        fixed=True,
    )

    def check(self) -> None:
        """See whether the values are possible.

        Raises:
            ValueError: They are not.
        """
        parse_address(self.connection)
        for uri in filter(None, self.video_uris):
            stream_type(uri)
        if len(self.names()) > len(COMPONENTS):
            raise ValueError(f"{len(self.names())} cameras: at most {len(COMPONENTS)}")
        if self.own_id in COMPONENTS:
            raise ValueError(f"own_id {self.own_id} is the id of a camera")

    def names(self) -> list[str]:
        """The cameras that are offered; empty: all."""
        return [name for name in self.cameras if name]

    def video(self, index: int) -> str:
        """The address of a camera's video, counted from 0; empty if there is none."""
        return self.video_uris[index] if index < len(self.video_uris) else ""


def fixed(_first: MavlinkSettings, _changed: MavlinkSettings) -> str:
    """Return the reason: nothing can be changed while the node runs."""
    return "read at the start: start the node again"
