"""The parameters of the mavlink_camera node, all of them read at the start."""

from collections.abc import Sequence
from dataclasses import dataclass

from siamdw_ros.mavlink.cameras import COMPONENTS
from siamdw_ros.mavlink.link import FORMS, parse_address
from siamdw_ros.mavlink.messages import stream_type
from siamdw_ros.ros.parameters import ParameterSet, Read, parameter


@dataclass(frozen=True)
class MavlinkSettings(ParameterSet):
    """The values of all parameters."""

    connection: str = parameter(
        "udpout:127.0.0.1:14550", f"where MAVLink comes over: {FORMS}", read=Read.START
    )
    system_id: int = parameter(
        1,
        "MAVLink system id: that of the autopilot of the same vehicle",
        (1, 255),
        read=Read.START,
    )
    component_id: int = parameter(
        COMPONENTS[0],
        "MAVLink component id of the first camera; further ones have the next",
        (COMPONENTS[0], COMPONENTS[-1]),
        read=Read.START,
    )
    tracker: str = parameter("siamdw_tracker", "name of the tracker node", read=Read.START)
    cameras: Sequence[str] = parameter(
        [""],
        "cameras that are offered, by the tracker's names, in the order of their component ids; "
        "empty: all, in the tracker's order",
        read=Read.START,
    )
    video_uris: Sequence[str] = parameter(
        [""],
        "address of each camera's video for the ground station, in the same order, as rtsp://, "
        "tcp:// or udp://:PORT; empty: none",
        read=Read.START,
    )
    video_delay: float = parameter(
        0.0,
        "seconds that the ground station shows the video later than the tracker receives it: a "
        "box starts on the image that old. The tracker's history_seconds must be longer",
        (0.0, 10.0),
        read=Read.START,
    )
    status_rate: float = parameter(
        5.0,
        "CAMERA_TRACKING_IMAGE_STATUS per second while a target is tracked, until a ground "
        "station asks for another rate; 0: none",
        (0.0, 20.0),
        read=Read.START,
    )
    gimbal: bool = parameter(
        False, "send what arrives on gimbal_command to the gimbal manager", read=Read.START
    )
    gimbal_manager_id: int = parameter(
        1, "component id of the gimbal manager; 1: the autopilot", (1, 255), read=Read.START
    )
    gimbal_device_id: int = parameter(
        0,
        "gimbal: its component id, 1 to 6 for one attached to the autopilot, 0 for all",
        (0, 255),
        read=Read.START,
    )
    flight: bool = parameter(
        False, "send what arrives on flight_command to a copter's autopilot", read=Read.START
    )
    flight_forward: bool = parameter(
        False, "flight: move forwards and sideways as well, not only turn", read=Read.START
    )
    flight_climb: bool = parameter(
        False, "flight: climb as well; it never descends by vision", read=Read.START
    )
    flight_lost_seconds: float = parameter(
        3.0,
        "flight: seconds without the target after which the vehicle holds its position",
        (0.5, 60.0),
        read=Read.START,
    )
    flight_camera: str = parameter(
        "",
        "flight: camera that the follower uses, by the tracker's name; empty: the only one of the "
        "tracker",
        read=Read.START,
    )
    flight_target_id: str = parameter(
        "",
        "flight: the follower's target_id; empty: the first target of the camera, as there",
        read=Read.START,
    )
    own_id: int = parameter(
        191,
        "component id that messages for gimbal and autopilot come from: the onboard computer's",
        (1, 255),
        read=Read.START,
    )

    def check(self) -> None:
        """Check whether the values are possible."""
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
