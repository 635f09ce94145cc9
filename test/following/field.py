"""A follower and a target_pose node as processes, and the robot and tracker they work with.

The tracker and the robot are a kinematic world that this process steps at 30 Hz: what it
publishes can be broken in every way.
"""

import contextlib
import itertools
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped, TwistStamped
from kinematics import CAMERA, PERIOD, World
from nav_msgs.msg import Odometry
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image, LaserScan
from siamdw_msgs.msg import TargetState, TrackerStatus
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger
from vision_msgs.msg import BoundingBox2D, Detection2D, Detection2DArray

from siamdw_ros.evaluation.node_process import ModuleProcess
from siamdw_ros.following.control import Motion
from siamdw_ros.following.pilot import Observation
from siamdw_ros.following.settings import FollowSettings
from siamdw_ros.siamdw.presence import State

PATIENCE = 60.0
ASK_AGAIN_SECONDS = 5.0


@contextlib.contextmanager
def node_process(
    name: str, log: Path, tracker: str = "/field", **parameters: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a node of following/ as a process, with the topics of a tracker."""
    arguments = ["--ros-args"]
    for key, value in parameters.items():
        arguments += ["-p", f"{key}:={str(value).lower() if isinstance(value, bool) else value}"]
    remappings = {
        "status": f"{tracker}/status",
        "detection": f"{tracker}/detection",
        "detections": f"{tracker}/detections",
        "target": "/target_pose/pose_in_camera",
    }
    for source, target in remappings.items():
        arguments += ["-r", f"{source}:={target}"]
    with ModuleProcess(f"siamdw_ros.following.{name}", arguments, log) as running:
        yield running.process


class Field:
    """The world that the nodes work in. What is published can be switched off or changed."""

    def __init__(self) -> None:
        self.node = Node("field")
        self.world = World(FollowSettings(camera_z=0.6), velocity=np.zeros(3), delay=0)
        self.silent: set[str] = set()
        self.enables = True  # or another node does
        self.stamp_offset = 0.0
        self.frozen: Observation | None = None
        self.depth = "float"
        self.scan: float | None = None
        self.target = "one"  # id of the target
        self.second = False  # a second target, which is always seen
        # In the place of what a tracker sends; None: no image this time.
        self.camera: Callable[[], Image | None] | None = None
        self.commands: list[tuple[float, Motion]] = []  # when it was sent
        self.poses: list[PoseWithCovarianceStamped] = []
        self.sources: list[str] = []
        self.state = DiagnosticStatus()
        self._next = time.monotonic()
        node = self.node
        sensor = qos_profile_sensor_data
        self._status = node.create_publisher(TrackerStatus, "/field/status", 5)
        self._detections = node.create_publisher(Detection2DArray, "/field/detections", 5)
        self._detection = node.create_publisher(Detection2D, "/field/detection", 5)
        self._image = node.create_publisher(Image, "image", sensor)
        self._info = node.create_publisher(CameraInfo, "camera_info", sensor)
        self._odom = node.create_publisher(Odometry, "odom", sensor)
        self._enable = node.create_publisher(Bool, "/follower/enable", 1)
        self._depth = node.create_publisher(Image, "depth", sensor)
        self._scan = node.create_publisher(LaserScan, "scan", sensor)
        # Deep: a busy machine lets this process wait, and the first zero must not be missed.
        node.create_subscription(TwistStamped, "cmd_vel", self._on_command, 100)
        node.create_subscription(DiagnosticStatus, "/follower/state", self._on_state, 5)
        node.create_subscription(
            PoseWithCovarianceStamped, "/target_pose/pose_in_camera", self.poses.append, 5
        )
        node.create_subscription(
            String, "/target_pose/source", lambda m: self.sources.append(m.data), 5
        )
        self.start = node.create_client(Trigger, "/follower/start")
        self.stop = node.create_client(Trigger, "/follower/stop")
        self.preview = node.create_client(SetBool, "/follower/preview")
        self.parameters = node.create_client(SetParameters, "/follower/set_parameters")

    def _on_command(self, message: TwistStamped) -> None:
        twist = message.twist
        motion = Motion(twist.linear.x, twist.linear.y, twist.linear.z, twist.angular.z)
        self.world.motion = motion
        sent = Time.from_msg(message.header.stamp).nanoseconds * 1e-9
        self.commands.append((sent, motion))

    def _on_state(self, message: DiagnosticStatus) -> None:
        self.state = message

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """Let the world go on until a condition holds."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, (
                f"{what}: not within {seconds:g} s ({self.state.message})"
            )
            self.step()
        return found

    def run(self, seconds: float) -> None:
        """Let the world go on for a time."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end, "time", seconds + PATIENCE)

    def call(self, client: Any, request: Any) -> Any:
        """Call a service while the world goes on.

        A service that has just been found may not have found this client yet: DDS drops its answer
        then. So it is asked again.
        """
        self.wait(client.service_is_ready, f"service {client.srv_name}")
        asked: list[tuple[float, Any]] = []

        def answer() -> Any:
            if not asked or time.monotonic() > asked[-1][0] + ASK_AGAIN_SECONDS:
                asked.append((time.monotonic(), client.call_async(request)))
            return next((future.result() for _, future in asked if future.done()), None)

        return self.wait(answer, f"answer of {client.srv_name}")

    def set(self, **values: Any) -> list[Any]:
        """Set parameters of the follower."""
        parameters = [Parameter(name, value=v).to_parameter_msg() for name, v in values.items()]
        return list(
            self.call(self.parameters, SetParameters.Request(parameters=parameters)).results
        )

    def step(self) -> None:
        """Listen until the next image is due, then publish it and what belongs to it."""
        rest = self._next - time.monotonic()
        if rest > 0:
            rclpy.spin_once(self.node, timeout_sec=rest)
            return
        self._next = max(self._next + PERIOD, time.monotonic() - PERIOD)
        world = self.world
        world.time = self.node.get_clock().now().nanoseconds * 1e-9
        world.advance()
        self._publish(world.observe())

    def _publish(self, seen: Observation) -> None:
        stamp = self._stamp()
        if self.enables and "enable" not in self.silent:
            self._enable.publish(Bool(data=True))
        if "odom" not in self.silent:
            self._odom.publish(self._odometry(stamp))
        if self.scan is not None:
            self._scan.publish(self._scan_message(stamp))
        if "camera" in self.silent:
            return
        self._info.publish(self._camera_info(stamp))
        if "depth" not in self.silent:
            self._depth.publish(self._depth_message(stamp, seen))
        if self.camera is not None:
            self._publish_image(self.camera(), stamp)
        elif "tracker" not in self.silent:
            shown = self.frozen or seen
            self._status.publish(self._status_message(stamp, shown))
            detections = self._detections_message(stamp, shown)
            for detection in detections.detections:
                if detection.id == self.target:
                    self._detection.publish(detection)
            self._detections.publish(detections)

    def _publish_image(self, image: Image | None, stamp: Any) -> None:
        if image is not None:
            image.header.stamp = stamp
            image.header.frame_id = "camera"
            self._image.publish(image)

    def _stamp(self) -> Any:
        now = self.node.get_clock().now().nanoseconds + round(self.stamp_offset * 1e9)
        return Time(nanoseconds=max(now, 0)).to_msg()

    def _odometry(self, stamp: Any) -> Odometry:
        message = Odometry()
        message.header.stamp = stamp
        world = self.world
        pose, twist = message.pose.pose, message.twist.twist
        pose.position.x, pose.position.y, pose.position.z = map(float, world.position)
        pose.orientation.z, pose.orientation.w = np.sin(world.yaw / 2), np.cos(world.yaw / 2)
        twist.linear.x, twist.angular.z = world.motion.forward, world.motion.turn
        return message

    @staticmethod
    def _camera_info(stamp: Any) -> CameraInfo:
        message = CameraInfo(width=CAMERA.width, height=CAMERA.height, k=CAMERA.matrix.ravel())
        message.distortion_model = "plumb_bob"
        message.d = [0.0] * 5
        message.header.stamp = stamp
        message.header.frame_id = "camera"
        return message

    def _depth_message(self, stamp: Any, seen: Observation) -> Image:
        x, y, w, h = (round(value / 4) for value in seen.box)
        pixels = np.full((120, 160), 8.0, np.float32)
        metres = max(float(self.world.relative()[0]), 0.1)
        pixels[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = metres
        if self.camera is not None:  # whose box is another one
            pixels[:] = 3.0
        if self.depth == "nan":
            pixels[:] = np.nan
        if self.depth == "millimetres":
            pixels = (pixels * 1000).astype(np.uint16)
        encoding = "16UC1" if self.depth == "millimetres" else "32FC1"
        message = Image(width=160, height=120, encoding=encoding, data=pixels.tobytes())
        message.step = 160 * pixels.itemsize
        message.header.stamp = stamp
        return message

    def _status_message(self, stamp: Any, seen: Observation) -> TrackerStatus:
        message = TrackerStatus(latency_ms=5.0)
        message.header.stamp = stamp
        message.header.frame_id = "camera"
        message.targets = [
            TargetState(id=self.target, state=int(seen.state), score=seen.score, bbox=_bbox(seen))
        ]
        return message

    def _detections_message(self, stamp: Any, seen: Observation) -> Detection2DArray:
        message = Detection2DArray()
        message.header.stamp = stamp
        message.header.frame_id = "camera"
        ids = [self.target] if seen.state in (State.TRACKED, State.UNCERTAIN) else []
        message.detections = [
            Detection2D(header=message.header, id=name, bbox=_bbox(seen))
            for name in [*ids, *(["two"] if self.second else [])]
        ]
        return message

    def _scan_message(self, stamp: Any) -> LaserScan:
        angles = np.linspace(-np.pi, np.pi, 361)
        ranges = np.full(361, 9.0)
        ranges[np.abs(angles) < 0.15] = self.scan
        message = LaserScan(angle_min=-np.pi, angle_max=np.pi, range_min=0.1, range_max=8.0)
        message.angle_increment = float(angles[1] - angles[0])
        message.header.stamp = stamp
        message.ranges = ranges.tolist()
        return message

    def drive(self) -> None:
        """Let the target walk ahead of a robot that follows it; ends whatever fault there was."""
        self.silent.clear()
        self.stamp_offset = 0.0
        self.frozen = None
        self.depth = "float"
        self.scan = 7.0
        self.target = "one"
        self.second = False
        world = self.world
        world.state = State.TRACKED
        world.position = np.zeros(3)
        world.yaw = 0.0
        world.target = np.array([3.0, 0.2, 0.9])
        world.velocity = np.zeros(3)
        self.poses.clear()
        self.wait(lambda: self.poses, "a pose")
        self.call(self.preview, SetBool.Request(data=False))
        self.call(self.stop, Trigger.Request())
        if self.commands:  # before, the last command may be one that the stop has not ended yet
            self.wait(self.stands, "the robot to stand")
        self.call(self.start, Trigger.Request())
        world.velocity = np.array([0.45, 0.0, 0.0])
        self.wait(self.drives, "the robot to drive")

    def release(self) -> None:
        """Say once that the operator's button is not pressed."""
        self._enable.publish(Bool(data=False))

    def drives(self) -> bool:
        """Whether the newest command drives forward at a good speed."""
        return bool(self.commands) and self.commands[-1][1].forward > 0.2

    def halted(self) -> bool:
        """Whether the newest command turns at most."""
        return bool(self.commands) and halts(self.commands[-1][1])

    def stands(self) -> bool:
        """Whether the newest command is zero."""
        return bool(self.commands) and self.commands[-1][1].stands()

    def time_to(self, holds: Callable[[Motion], bool]) -> float:
        """Seconds from now until the follower sends a command for which a condition holds."""
        begin = self.now()

        def later() -> Iterator[float]:
            return (sent for sent, motion in self.commands if sent >= begin and holds(motion))

        return float(self.wait(lambda: next(later(), None), "the command")) - begin

    def longest_pause(self, since: float) -> float:
        """Longest time between two commands since a moment of the ROS clock, seconds."""
        sent = [when for when, _ in self.commands if when >= since]
        return max(b - a for a, b in itertools.pairwise(sent))

    def now(self) -> float:
        """Of the ROS clock, seconds."""
        return float(self.node.get_clock().now().nanoseconds) * 1e-9

    def close(self) -> None:
        """Destroy the node."""
        self.node.destroy_node()


def halts(motion: Motion) -> bool:
    """Whether a command turns at most."""
    return not (motion.forward or motion.left or motion.up)


def _bbox(seen: Observation) -> BoundingBox2D:
    x, y, width, height = seen.box
    message = BoundingBox2D(size_x=float(width), size_y=float(height))
    message.center.position.x, message.center.position.y = x + width / 2, y + height / 2
    return message
