"""A ground station over UDP, the node, the tracker and a playing clip: nothing is replaced."""

import contextlib
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from ground_station import ACCEPTED, STOP, WAIT, UdpStation
from pymavlink.dialects.v20 import common as mavlink

from siamdw_ros.evaluation.node_process import ModuleProcess, TrackerProcess
from siamdw_ros.evaluation.robot import Robot

pytestmark = [pytest.mark.ros, pytest.mark.timeout(3000)]
CLIP = Path(__file__).parents[1] / "data" / "clips" / "cup.mp4"
WIDTH, HEIGHT = 640, 480
START = (306.0, 124.0, 108.0, 260.0)  # of the bottle in the clip's first frame, pixels
RATE = 8  # images per second: other tests may run beside this one
ACTIVE = mavlink.CAMERA_TRACKING_STATUS_FLAGS_ACTIVE
STATUS = mavlink.MAVLINK_MSG_ID_CAMERA_TRACKING_IMAGE_STATUS
RECTANGLE = mavlink.MAV_CMD_CAMERA_TRACK_RECTANGLE


class Rig:
    """What the tests use of one set of processes."""

    def __init__(self, station: UdpStation, robot: Robot) -> None:
        self.station = station
        self.robot = robot
        self.values: dict[str, str] = {}
        self.message = ""
        robot.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        self.gimbal = robot.node.create_publisher(TwistStamped, "/gimbal_command", 1)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "mavlink_camera: link":
                self.message = status.message
                self.values = {item.key: item.value for item in status.values}

    def box_of(self, status: Any) -> tuple[float, ...]:
        """A status's rectangle as (x, y, width, height), pixels."""
        left, right = status.rec_top_x * WIDTH, status.rec_bottom_x * WIDTH
        top, bottom = status.rec_top_y * HEIGHT, status.rec_bottom_y * HEIGHT
        return left, top, right - left, bottom - top

    def is_of_the_tracker(self, status: Any) -> bool:
        """Whether the tracker itself published this rectangle, cut to the image."""
        mine = self.box_of(status)
        for one in list(self.robot.statuses):
            for target in one.message.targets:
                box = cut(target.bbox)
                if all(abs(a - b) < 0.01 for a, b in zip(mine, box, strict=True)):
                    return True
        return False


def cut(bbox: Any) -> tuple[float, ...]:
    """A BoundingBox2D as (x, y, width, height) inside the image, pixels."""
    x, y = bbox.center.position.x, bbox.center.position.y
    left, right = (min(max(x + side * bbox.size_x / 2, 0), WIDTH) for side in (-1, 1))
    top, bottom = (min(max(y + side * bbox.size_y / 2, 0), HEIGHT) for side in (-1, 1))
    return left, top, right - left, bottom - top


def corners(box: tuple[float, float, float, float]) -> tuple[float, ...]:
    x, y, width, height = box
    return x / WIDTH, y / HEIGHT, (x + width) / WIDTH, (y + height) / HEIGHT


def node(**parameters: Any) -> ModuleProcess:
    arguments = [f"{name}:={value}" for name, value in parameters.items()]
    ros = [part for text in arguments for part in ("-p", text)]
    return ModuleProcess("siamdw_ros.mavlink", ["--ros-args", *ros])


@pytest.fixture(scope="module")
def rig(ros_domain: None) -> Iterator[Rig]:
    """Two cameras that show the clip's first frame until they are started."""
    parameters = {
        "image_topics": "['front/image','rear/image']",
        "history_seconds": 3.0,
        "request_timeout": 60.0,
        "backend": "torch",  # compiles nothing, so that the tracker is there sooner
    }
    station = UdpStation()
    connection = f"udpout:127.0.0.1:{station.port}"
    with contextlib.ExitStack() as stack:
        stack.enter_context(station.socket)
        stack.enter_context(TrackerProcess(parameters=parameters))
        for camera in ("front", "rear"):
            player = [str(CLIP), "--topic", f"{camera}/image", "--rate", str(RATE), "--paused"]
            remap = ["--loop", "--ros-args", "-r", f"__node:={camera}_player"]
            stack.enter_context(ModuleProcess("siamdw_ros.tools.play_clip", player + remap))
        stack.enter_context(node(connection=connection, gimbal=True, gimbal_device_id=154))
        robot = stack.enter_context(Robot(camera="front", kept=None))
        rig = Rig(station, robot)
        station.wait(lambda: station.last("HEARTBEAT", 101), "the heartbeats of both cameras")
        robot.wait_until_active()
        robot.wait(lambda: robot.statuses, "images at the tracker")
        for component in (100, 101):
            station.wait(lambda: station.description(component).resolution_h, "its images")  # noqa: B023
        yield rig


@pytest.fixture
def station(rig: Rig) -> Iterator[UdpStation]:
    yield rig.station
    rig.station.stop(100)
    rig.station.stop(101)


def test_the_cameras_are_found(station: UdpStation) -> None:
    for component, name in ((100, b"front"), (101, b"rear")):
        beat = station.wait(lambda: station.last("HEARTBEAT", component), "a heartbeat")  # noqa: B023
        assert beat.type == mavlink.MAV_TYPE_CAMERA
        assert bytes(station.description(component).model_name).rstrip(b"\0") == name
    found = station.description(101)
    assert (found.resolution_h, found.resolution_v) == (WIDTH, HEIGHT)


def test_a_rectangle_is_tracked_on_the_playing_clip_until_stop(
    rig: Rig, station: UdpStation
) -> None:
    assert station.ask(RECTANGLE, *corners(START), component=100) == ACCEPTED
    interval = mavlink.MAV_CMD_SET_MESSAGE_INTERVAL
    assert station.ask(interval, STATUS, 100_000, component=100) == ACCEPTED

    def tracked() -> bool:
        status = station.status()
        return status is not None and status.tracking_status == ACTIVE

    station.wait(tracked, "the target's state")
    first = rig.box_of(station.status())
    assert all(abs(a - b) < 30 for a, b in zip(first, START, strict=True))
    rig.robot.trigger("/front_player/play")

    def moved() -> bool:
        return tracked() and abs(rig.box_of(station.status())[0] - first[0]) > 20

    station.wait(moved, "the target to move")
    seen = [one for one in station.all("CAMERA_TRACKING_IMAGE_STATUS") if one.tracking_status]
    assert {one.get_srcComponent() for one in seen} == {100}
    boxes = [one for one in seen if one.tracking_status & ACTIVE]
    assert len(boxes) > 5
    rig.robot.wait(lambda: all(map(rig.is_of_the_tracker, boxes)), "the tracker's own boxes")
    station.stop(100)
    assert station.ask(interval, STATUS, -1, component=100) == ACCEPTED
    station.received.clear()
    station.wait(lambda: len(station.all("HEARTBEAT", 100)) > 2, "two seconds")
    assert station.status(100) is None
    rig.robot.wait(lambda: not rig.robot.statuses[-1].message.targets, "no target")


def test_the_other_camera_tracks_its_own_target(station: UdpStation) -> None:
    assert station.ask(RECTANGLE, *corners(START), component=101) == ACCEPTED
    station.wait(lambda: station.status(101), "the target's state")
    assert station.status(100) is None


def test_a_point_is_enough(station: UdpStation) -> None:
    x, y, width, height = START
    point = (x + width / 2) / WIDTH, (y + height / 2) / HEIGHT
    assert station.ask(mavlink.MAV_CMD_CAMERA_TRACK_POINT, *point, 0.03, component=101) == ACCEPTED

    def seen() -> bool:
        # Until then it is an error: a busy tracker is silent for longer than a second.
        status = station.status(101)
        return status is not None and bool(status.tracking_status & ACTIVE)

    station.wait(seen, "the target")
    assert station.status(101).rec_bottom_x > station.status(101).rec_top_x


def test_the_trackers_refusal_is_shown(station: UdpStation) -> None:
    # Of less than 2 px, which the tracker refuses.
    tiny = (0.5, 0.5, 0.5005, 0.5005)
    assert station.ask(RECTANGLE, *tiny, component=101) == mavlink.MAV_RESULT_FAILED
    station.wait(lambda: station.last("STATUSTEXT", 101), "the reason")
    reason = "".join(text.text for text in station.all("STATUSTEXT", 101))
    assert reason.startswith("rear: box")
    assert "at least 2 px" in reason


def test_stop_without_a_target_is_accepted(station: UdpStation) -> None:
    assert station.ask(STOP, component=101) == ACCEPTED


def test_what_is_not_understood_is_counted_in_the_diagnostics(
    rig: Rig, station: UdpStation
) -> None:
    rig.robot.wait(lambda: rig.values, "diagnostics")
    before = int(rig.values["malformed"])
    for _ in range(50):
        station.socket.sendto(os.urandom(40) + b"\xfd", station.peer)
    rig.robot.wait(lambda: int(rig.values["malformed"]) >= before + 50, "the count")
    assert rig.values["component id of front"] == "100"
    assert rig.values["component id of rear"] == "101"


def test_the_followers_rates_reach_the_gimbal(rig: Rig, station: UdpStation) -> None:
    def rates() -> Any:
        command = TwistStamped()
        command.twist.angular.y = 0.25  # looks down
        command.twist.angular.z = 0.5  # turns to the left
        rig.gimbal.publish(command)
        station.listen()
        return station.last("GIMBAL_MANAGER_SET_PITCHYAW")

    message = station.wait(rates, "the gimbal's rates")
    assert (message.pitch_rate, message.yaw_rate) == (-0.25, -0.5)
    assert math.isnan(message.pitch)
    assert message.gimbal_device_id == 154
    assert message.get_srcComponent() == 191

    def stands() -> bool:
        last = station.last("GIMBAL_MANAGER_SET_PITCHYAW")
        return (last.pitch_rate, last.yaw_rate) == (0.0, 0.0)

    station.wait(stands, "the gimbal to stand when the follower is silent")


def run(*arguments: str, code: str = "") -> "subprocess.CompletedProcess[str]":
    start = f"{code}\nfrom siamdw_ros.mavlink.main import main\nimport sys\nsys.exit(main())"
    command = [sys.executable, "-c", start, "--ros-args"]
    command += [part for text in arguments for part in ("-p", text)]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("connection:=udp://127.0.0.1:14550", "expected udpout:HOST:PORT"),
        ("connection:=serial:/dev/none:57600", "/dev/none"),
        ("video_uris:=['http://camera']", "video address 'http://camera'"),
        ("system_id:=0", "system_id"),
    ],
)
def test_impossible_parameters_end_the_node_in_one_line(
    ros_domain: None, parameter: str, reason: str
) -> None:
    ended = run(parameter)
    assert ended.returncode == 1
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_pymavlink_the_node_logs_how_to_get_it(ros_domain: None) -> None:
    ended = run(code="import sys; sys.modules['pymavlink'] = None")
    assert ended.returncode == 1
    assert "pymavlink is not installed: pip install pymavlink" in ended.stderr
    assert "Traceback" not in ended.stderr
