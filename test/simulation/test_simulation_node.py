"""The simulation node over DDS: what it publishes fits together, and commands move the robot."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from vision_msgs.msg import Detection2DArray

from siamdw_ros.evaluation.node_process import ModuleProcess
from siamdw_ros.following.messages import camera_from, depth_pixels, pose_from
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.ros.conversions import box_from_message
from siamdw_ros.simulation.closed_loop import vehicle_for

ROOT = Path(__file__).parents[2]
WAIT = 120.0  # seconds


class Watcher:
    """Holds the newest message of each topic."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("watcher")
        self.newest: dict[str, Any] = {}
        self.commands = self.node.create_publisher(TwistStamped, "cmd_vel", 1)
        for kind, topic in (
            (Image, "camera/image_raw"),
            (Image, "camera/depth"),
            (CameraInfo, "camera/camera_info"),
            (Odometry, "odom"),
            (Detection2DArray, "/simulation/truth"),
        ):
            self.node.create_subscription(
                kind,
                topic,
                lambda message, topic=topic: self.newest.update({topic: message}),
                qos_profile_sensor_data,
            )

    def wait(self, condition: Callable[[], Any], what: str, forward: float = 0.0) -> None:
        """Send a command again and again until a condition holds."""
        end = time.monotonic() + WAIT
        command = TwistStamped()
        command.twist.linear.x = forward
        while not condition():
            assert time.monotonic() < end, what
            if forward:
                self.commands.publish(command)
            rclpy.spin_once(self.node, timeout_sec=0.05)

    def speed(self) -> float:
        """Of the robot, by its odometry, m/s."""
        return float(self.newest["odom"].twist.twist.linear.x)


@pytest.fixture(scope="module")
def watcher(ros_domain: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    """The base in the scenario in which a person walks straight on."""
    log = tmp_path_factory.mktemp("simulation") / "node.log"
    arguments = ["--ros-args", "-p", "scenario:=straight", "-p", "rate:=5.0"]
    watcher = Watcher()
    with ModuleProcess("siamdw_ros.simulation", arguments, log):
        watcher.wait(lambda: len(watcher.newest) == 5, "all topics")
        yield watcher
    watcher.node.destroy_node()
    assert "Traceback" not in log.read_text()


def test_image_calibration_depth_and_truth_belong_together(watcher: Watcher) -> None:
    def together() -> bool:
        stamps = {
            (m.header.stamp.sec, m.header.stamp.nanosec)
            for topic, m in watcher.newest.items()
            if topic != "odom"
        }
        return len(stamps) == 1 and bool(watcher.newest["/simulation/truth"].detections)

    watcher.wait(together, "messages of one image")
    camera = camera_from(watcher.newest["camera/camera_info"], rectified=False)
    image = watcher.newest["camera/image_raw"]
    assert (image.width, image.height, image.encoding) == (camera.width, camera.height, "bgr8")
    assert len(image.data) == image.step * image.height
    depth = depth_pixels(watcher.newest["camera/depth"])
    (target,) = (d for d in watcher.newest["/simulation/truth"].detections if d.id == "target")
    x, y, width, height = box_from_message(target.bbox)
    scale = depth.shape[1] / camera.width
    metres = depth[int((y + height / 2) * scale), int((x + width / 2) * scale)]
    assert 1.5 < float(metres) < 30.0


def test_a_command_moves_the_robot_and_silence_stops_it(watcher: Watcher) -> None:
    watcher.wait(lambda: watcher.speed() > 0.3, "the robot to drive", forward=0.4)
    assert pose_from(watcher.newest["odom"]).velocity[0] <= 0.4 + 1e-6
    watcher.wait(lambda: watcher.speed() < 0.01, "the robot to stand without commands")


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("scenario:=picnic", "no scenario 'picnic': expected straight, turning"),
        ("vehicle:=tank", "vehicle 'tank' is none of base, drone"),
        ("rate:=0.0", "rate 0 must be above 0"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused_in_one_line(
    tmp_path: Path, parameter: str, reason: str
) -> None:
    log = tmp_path / "node.log"
    arguments = ["--ros-args", "-p", parameter]
    with ModuleProcess("siamdw_ros.simulation", arguments, log) as process:
        with contextlib.suppress(Exception):
            process.process.wait(WAIT)
        assert process.process.returncode == 1
    assert reason in process.output()
    assert "Traceback" not in process.output()


@pytest.mark.parametrize("kind", ["base", "drone"])
def test_the_configurations_are_those_of_the_runs_without_ros(kind: str) -> None:
    _, settings = vehicle_for(kind)
    given = yaml.safe_load((ROOT / "config" / f"simulation_{kind}.yaml").read_text())
    ours = FollowSettings(**given["/**/follower"]["ros__parameters"], deadman=False)
    assert ours == settings
